//! Durations.

use std::fmt;
use std::time::Duration;

use super::{Invalid, Value, quoted};

/// A length of time, in whole milliseconds.
///
/// Written `250 ms`, `15 s`, `30 min`, `1 h 30 min`, `7 d`, or as administrators of Exchange write it: `00:30:00` and
/// `1.00:00:00` (days, hours, minutes, seconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// `seconds` seconds.
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds as u64 * 1_000)
    }

    /// As a [`Duration`].
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    fn units(text: &str) -> Option<u64> {
        let mut rest = text.trim();
        let mut total = 0u64;
        let mut smallest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, after) = rest.split_at(digits);
            let after = after.trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, next) = after.split_at(letters);
            let unit = match unit.to_ascii_lowercase().as_str() {
                "d" | "day" | "days" => 86_400_000,
                "h" | "hour" | "hours" => 3_600_000,
                "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
                "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
                "ms" => 1,
                _ => return None,
            };
            // "30 s 1 h" is a slip of the pen rather than a duration: each unit must be smaller than the one before.
            if unit >= smallest {
                return None;
            }
            smallest = unit;
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
            rest = next.trim_start();
        }
        (smallest != u64::MAX).then_some(total)
    }

    fn clock(text: &str) -> Option<u64> {
        let (days, clock) = match text.trim().split_once('.') {
            Some((days, clock)) => (number(days)?, clock),
            None => (0, text.trim()),
        };
        let mut parts = clock.split(':');
        let (hours, minutes, seconds) =
            (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
        if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        days.checked_mul(86_400_000)?.checked_add(((hours * 60 + minutes) * 60 + seconds) * 1_000)
    }
}

fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.duration()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0 s");
        }
        let mut rest = self.0;
        let mut gap = "";
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{gap}{} {unit}", rest / length)?;
                rest %= length;
                gap = " ";
            }
        }
        Ok(())
    }
}

impl Value for Span {
    fn example() -> String {
        "a duration such as \"30 min\", \"15 s\" or \"1.00:00:00\"".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        if let Some(number) = number(text.trim()) {
            return Err(Invalid::new(
                format!("{number} is a duration without its unit"),
                format!("write \"{number} s\" or \"{number} min\""),
            ));
        }
        Self::units(text).or_else(|| Self::clock(text)).map(Self).ok_or_else(|| {
            Invalid::new(format!("{} is not a duration", quoted(text)), format!("write {}", Self::example()))
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}
