//! What is printed: tables for people, JSON for programs.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

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
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// A table without lines, as wide as its content; on a terminal no wider than that.
pub(crate) fn table<R>(header: &[&str], rows: R) -> String
where
    R: IntoIterator<Item: IntoIterator<Item = String>>,
{
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(header.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.into_iter().collect::<Vec<String>>());
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// `word` in a colour on a terminal, as it is elsewhere.
pub(crate) fn coloured(word: &str, colour: Colour) -> String {
    // https://no-color.org: a user's wish for none.
    if io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty()) {
        format!("\x1b[{}m{word}\x1b[0m", colour as u8)
    } else {
        word.to_owned()
    }
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Red.
    Bad = 31,
    /// Green.
    Good = 32,
    /// Yellow.
    Attention = 33,
}

/// A time for people: local, to the second.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
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

    #[test]
    fn a_table_has_one_line_a_row_and_no_trailing_blanks() {
        let text = table(
            &["NAME", "STATE"],
            [["a".to_owned(), "up".to_owned()], ["bcdef".to_owned(), String::new()]],
        );
        assert_eq!(text, "NAME   STATE\na      up\nbcdef");
    }
}
