//! `mailmedic logs`: what the services, the inits, the coordinator and the grid say, in the order of time.

mod entry;
mod follow;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clap::Args;
use init::server::{INIT, console_file};
use settings::{DataDirectory, Server};

use crate::coordinator::COORDINATOR;
use crate::failure::{Failure, Outcome};
use crate::screen::{Output, say};
use crate::site::{Site, services_of, unknown};
use crate::{coordinator, up};
use entry::Entry;

pub(crate) use follow::Mark;

/// Show what the services say
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic logs                              the last lines of everything
  mailmedic logs -f --server cas1             and what comes, of one server
  mailmedic logs --lines 200 frontend         of front ends only
  mailmedic logs --output json                the lines as they stand in the files, for programs

What clients and servers said to each other is in the protocol log: mailmedic pop settings get ProtocolLogEnabled")]
pub(crate) struct Arguments {
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// How many lines to begin with
    #[arg(short = 'n', long, default_value_t = 40, value_name = "NUMBER")]
    lines: usize,
    /// Only this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    #[command(flatten)]
    output: Output,
    /// Only this service: frontend, backend, agent, coordinator, init, or up for the power grid
    service: Option<String>,
}

/// A log file, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// As shown: `cas1/frontend`.
    pub(crate) label: String,
    pub(crate) file: PathBuf,
    /// What a process prints, not lines of JSON.
    pub(crate) console: bool,
}

/// Everything that the processes of a server say.
fn sources_of(site: &Site, server: &Server) -> Vec<Source> {
    let folder = site.data.server(server.name.as_str());
    let mut sources = Vec::new();
    for service in services_of(server).into_iter().chain([INIT]) {
        let label = format!("{}/{service}", server.name);
        sources.push(Source { label: label.clone(), file: folder.service_log(service), console: false });
        sources.push(Source { label, file: console_file(&folder, service), console: true });
    }
    sources
}

/// Everything that the coordinator says. One that is etcd says it elsewhere.
fn sources_of_coordinator(site: &Site) -> Vec<Source> {
    if !coordinator::is_local(site) {
        return Vec::new();
    }
    let (label, folder) = (COORDINATOR.to_owned(), site.data.coordinator());
    vec![
        Source { label: label.clone(), file: folder.service_log(), console: false },
        Source { label, file: folder.console(), console: true },
    ]
}

/// The power grid, which is no service of a server.
const GRID: &str = "up";

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        let sources = self.sources(&site)?;
        let mut entries: Vec<Entry> = sources.iter().flat_map(|source| last(source, self.lines)).collect();
        // What has no time of its own stays behind the line before it.
        entries.sort_by_key(|entry| entry.at);
        let skipped = entries.len().saturating_sub(self.lines);
        // Followed from where the files stood before the first line was printed.
        let ends = if self.follow { follow::ends(&sources) } else { Vec::new() };
        for entry in &entries[skipped..] {
            self.print(entry)?;
        }
        if self.follow {
            return follow::follow(&sources, ends, |entry| self.print(entry));
        }
        if entries.is_empty() {
            return say("nothing has been said yet");
        }
        Ok(())
    }

    fn print(&self, entry: &Entry) -> Outcome {
        if self.output.is_json() { say(&entry.line) } else { say(entry) }
    }

    fn sources(&self, site: &Site) -> Outcome<Vec<Source>> {
        let servers = site.servers(self.server.as_deref())?;
        let mut sources: Vec<Source> =
            servers.into_iter().flat_map(|server| sources_of(site, server)).collect();
        if self.server.is_none() {
            sources.extend(sources_of_coordinator(site));
            sources.push(Source { label: GRID.to_owned(), file: up::log_file(&site.data), console: false });
        }
        let Some(wanted) = &self.service else { return Ok(sources) };
        let is_wanted = |source: &Source| {
            source.label.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        };
        if !sources.iter().any(is_wanted) {
            return Err(unknown(
                "service",
                wanted,
                ["frontend", "backend", "agent", COORDINATOR, INIT, GRID].into_iter(),
            ));
        }
        Ok(sources.into_iter().filter(is_wanted).collect())
    }
}

/// The last lines of a file; none if there is no such file.
fn last(source: &Source, lines: usize) -> Vec<Entry> {
    let text = tail(&source.file).unwrap_or_default();
    let printed = std::fs::metadata(&source.file).ok().and_then(|file| file.modified().ok());
    let printed = printed.filter(|_| source.console).and_then(|time| time.try_into().ok());
    let all: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| Entry::read(source, line, printed)).collect()
}

/// The end of a file, from the beginning of a line on.
fn tail(file: &Path) -> io::Result<String> {
    const LONGEST: u64 = 1 << 20;
    let mut open = File::open(file)?;
    let length = open.metadata()?.len();
    let start = length.saturating_sub(LONGEST);
    open.seek(SeekFrom::Start(start))?;
    let mut octets = Vec::new();
    open.take(LONGEST).read_to_end(&mut octets)?;
    let text = String::from_utf8_lossy(&octets).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, whole)) if start > 0 => whole.to_owned(),
        _ => text,
    })
}

/// A file that cannot be read although it is there.
fn unreadable(source: &Source, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", source.file.display()))
}
