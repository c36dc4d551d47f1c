//! What the commands that need no agent print: tables for people, JSON for programs.

use std::fmt::Display;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
pub(crate) use shell::Colour;
use shell::{Failure, Outcome, Screen};

/// How results are printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// How to print: a table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl Output {
    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.output == Format::Json
    }

    /// Prints `value` as JSON, or what `table` makes of it.
    pub(crate) fn print<T: Serialize + ?Sized>(self, value: &T, table: impl FnOnce(&T) -> String) -> Outcome {
        if self.is_json() {
            let json = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
            say(json)
        } else {
            say(table(value).trim_end())
        }
    }
}

/// Prints a line.
pub(crate) fn say(line: impl Display) -> Outcome {
    Screen::standard().say(line)
}

/// Prints a line about what is printed.
pub(crate) fn note(line: impl Display) {
    Screen::standard().note(line);
}

/// A table without lines, as wide as its content; on a terminal no wider than that.
pub(crate) fn table<R>(header: &[&str], rows: R) -> String
where
    R: IntoIterator<Item: IntoIterator<Item = String>>,
{
    Screen::standard().table(header, rows)
}

/// `word` in a colour on a terminal, as it is elsewhere.
pub(crate) fn coloured(word: &str, colour: Colour) -> String {
    Screen::standard().coloured(word, colour)
}

/// A time for people: local, to the second.
pub(crate) fn time(at: Timestamp) -> String {
    Screen::standard().time(at)
}

/// A number of octets for people.
pub(crate) fn octets(octets: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut whole = octets;
    let mut tenths = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    let fraction = if unit > 0 && whole < 10 { format!(".{tenths}") } else { String::new() };
    format!("{whole}{fraction} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_told_in_the_unit_that_people_use() {
        assert_eq!(octets(0), "0 B");
        assert_eq!(octets(1023), "1023 B");
        assert_eq!(octets(1536), "1.5 KB");
        assert_eq!(octets(52_428_800), "50 MB");
    }
}
