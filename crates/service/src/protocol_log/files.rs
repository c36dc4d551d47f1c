//! The files of the protocol log: `frontend-20261122-1.log`, named after the service, the period and a number in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use settings::RollOver;

use super::{ProtocolLogSettings, csv};
use crate::clock::Clock;
use crate::lines::{AppendFile, Sink, first_line, whole_lines};

pub(super) struct Files {
    service: String,
    settings: Arc<Mutex<ProtocolLogSettings>>,
    clock: Arc<dyn Clock>,
    current: Option<Current>,
}

struct Current {
    settings: ProtocolLogSettings,
    name: Name,
    file: AppendFile,
}

impl Files {
    pub(super) fn new(
        service: &str,
        settings: Arc<Mutex<ProtocolLogSettings>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { service: service.to_owned(), settings, clock, current: None }
    }
}

/// What a file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// The beginning of the period, in UTC.
    period: DateTime,
    /// The place in the period, from 1.
    number: u32,
}

impl Name {
    fn file(self, service: &str) -> String {
        format!("{service}-{}-{}.log", self.period.strftime("%Y%m%dT%H"), self.number)
    }

    fn parse(file: &str, service: &str) -> Option<Self> {
        let rest = file.strip_prefix(service)?.strip_prefix('-')?.strip_suffix(".log")?;
        let (period, number) = rest.split_once('-')?;
        let period = DateTime::strptime("%Y%m%dT%H%M", format!("{period}00")).ok()?;
        Some(Self { period, number: number.parse().ok().filter(|number| *number > 0)? })
    }
}

/// The beginning of the period that `now` lies in.
fn period(now: DateTime, roll_over: RollOver) -> DateTime {
    let date: Date = match roll_over {
        RollOver::Hourly => return now.date().to_datetime(Time::constant(now.hour(), 0, 0, 0)),
        RollOver::Daily => now.date(),
        RollOver::Weekly => {
            now.date().saturating_sub(i64::from(now.weekday().to_monday_zero_offset()).days())
        }
        RollOver::Monthly => now.date().first_of_month(),
    };
    date.to_datetime(Time::midnight())
}

impl Sink for Files {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = self.clock.now();
        let period = period(now.to_zoned(TimeZone::UTC).datetime(), settings.roll_over);
        let limit = settings.file_size.octets().unwrap_or(u64::MAX);
        let first = first_line(lines) as u64;
        let fits = |current: &Current| {
            current.settings == settings
                && current.name.period == period
                && current.file.length().saturating_add(first) <= limit
                && !current.file.is_gone()
        };
        let mut current = match self.current.take() {
            Some(current) if fits(&current) => current,
            _ => {
                let current = open(&self.service, &settings, period, limit.saturating_sub(first), now)?;
                remove_old(&self.service, &settings, &current, now);
                current
            }
        };
        let some = whole_lines(lines, limit.saturating_sub(current.file.length()));
        let appended = current.file.append(some);
        self.current = Some(current);
        appended.map(|()| some.len())
    }
}

/// Goes on with the last file of the period if it is no larger than `limit`, or begins the next.
fn open(
    service: &str,
    settings: &ProtocolLogSettings,
    period: DateTime,
    limit: u64,
    now: Timestamp,
) -> io::Result<Current> {
    let files = existing(service, &settings.folder);
    let last = files.iter().filter(|(name, ..)| name.period == period).max_by_key(|(name, ..)| *name);
    let number = last.map_or(1, |(name, _, length)| name.number.saturating_add(u32::from(*length > limit)));
    let name = Name { period, number };
    let mut file = AppendFile::open(&settings.folder.join(name.file(service)))?;
    if file.length() == 0 {
        let version = env!("CARGO_PKG_VERSION");
        let head = format!(
            "#Software: mailmedic {version}\n#Log-type: protocol log of the {service}\n#Date: {now:.3}\n#Fields: {}\n",
            csv::FIELDS
        );
        file.append(head.as_bytes())?;
    }
    Ok(Current { settings: settings.clone(), name, file })
}

/// The files of the log, with their lengths.
fn existing(service: &str, folder: &Path) -> Vec<(Name, PathBuf, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let name = Name::parse(entry.file_name().to_str()?, service)?;
            Some((name, entry.path(), entry.metadata().ok()?.len()))
        })
        .collect();
    files.sort_by_key(|(name, ..)| *name);
    files
}

/// Removes files that are too old, and the oldest of those that are too large together. Never the one being written.
fn remove_old(service: &str, settings: &ProtocolLogSettings, current: &Current, now: Timestamp) {
    let files = existing(service, &settings.folder);
    let mut total: u64 = files.iter().map(|(.., length)| length).sum();
    let oldest =
        now.saturating_sub(settings.keep_age.duration()).unwrap_or(now).to_zoned(TimeZone::UTC).datetime();
    let ends = |name: &Name| files.iter().map(|(next, ..)| next.period).find(|next| *next > name.period);
    for (name, path, length) in files.iter().filter(|(_, path, _)| path != current.file.path()) {
        // A file ends where the next period begins: only then does it begin to age.
        let too_old = ends(name).is_some_and(|end| end < oldest);
        if !too_old && total <= settings.keep_size.get() {
            continue;
        }
        match std::fs::remove_file(path) {
            Ok(()) => total -= length,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "an old protocol log cannot be removed");
            }
        }
    }
}
