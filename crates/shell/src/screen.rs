//! Where a command prints: tables for people, JSON for programs.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};

use admin_api::Moment;
use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// How results are printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct Output {
    /// How to print: a table, a list with all there is to know, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a row.
    Table,
    /// A line a value.
    List,
    /// The answer of the agent.
    Json,
}

impl Output {
    /// What results look like.
    pub fn format(self) -> Format {
        self.output
    }
}

/// Where a command prints: results in one place, and what else there is to say in another.
pub struct Screen {
    results: RefCell<Box<dyn Write>>,
    notes: RefCell<Box<dyn Write>>,
    /// Results go to a terminal: no wider than that.
    terminal: bool,
    /// Results may be coloured: a terminal, and no wish for none as <https://no-color.org> has it.
    colours: bool,
    zone: TimeZone,
}

impl Screen {
    /// The standard output and error output of the process, in its time zone.
    pub fn standard() -> Self {
        let terminal = io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|wish| wish.is_empty());
        Self {
            results: RefCell::new(Box::new(io::stdout())),
            notes: RefCell::new(Box::new(io::stderr())),
            terminal,
            colours,
            zone: TimeZone::system(),
        }
    }

    /// Two writers that are no terminals, in UTC.
    pub fn written_to(results: impl Write + 'static, notes: impl Write + 'static) -> Self {
        Self {
            results: RefCell::new(Box::new(results)),
            notes: RefCell::new(Box::new(notes)),
            terminal: false,
            colours: false,
            zone: TimeZone::UTC,
        }
    }

    /// Prints a line of the result.
    pub fn say(&self, line: impl Display) -> Outcome {
        Ok(writeln!(self.results.borrow_mut(), "{line}")?)
    }

    /// Prints a line about the result, such as what is still missing. That nobody reads it is no failure.
    pub fn note(&self, line: impl Display) {
        let _ = writeln!(self.notes.borrow_mut(), "{line}");
    }

    /// Prints a value as JSON.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Outcome {
        self.say(serde_json::to_string_pretty(value).map_err(Failure::failed)?)
    }

    /// A table as it fits here.
    pub fn table<R>(&self, header: &[&str], rows: R) -> String
    where
        R: IntoIterator<Item: IntoIterator<Item = String>>,
    {
        table(header, rows, self.terminal)
    }

    /// `word` in a colour on a terminal, as it is elsewhere.
    pub fn coloured(&self, word: &str, colour: Colour) -> String {
        if self.colours { format!("\x1b[{}m{word}\x1b[0m", colour as u8) } else { word.to_owned() }
    }

    /// A time for people: local, to the second.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The time that somebody means who has read one here.
    pub(crate) fn time_of(&self, text: &str) -> Option<Timestamp> {
        let local = || text.parse::<DateTime>().ok()?.to_zoned(self.zone.clone()).ok();
        text.parse().ok().or_else(|| Some(local()?.timestamp()))
    }

    /// The same of a time that an agent told.
    pub(crate) fn moment(&self, at: &Moment) -> String {
        at.as_str().parse().map_or_else(|_| at.to_string(), |at| self.time(at))
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

/// A table without lines, as wide as its content; no wider than the terminal if it must `fit`.
fn table<R>(header: &[&str], rows: R, fit: bool) -> String
where
    R: IntoIterator<Item: IntoIterator<Item = String>>,
{
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if fit {
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

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Red.
    Bad = 31,
    /// Green.
    Good = 32,
    /// Yellow.
    Attention = 33,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_line_a_row_and_no_trailing_blanks() {
        let text = table(
            &["NAME", "STATE"],
            [["a".to_owned(), "up".to_owned()], ["bcdef".to_owned(), String::new()]],
            false,
        );
        assert_eq!(text, "NAME   STATE\na      up\nbcdef");
    }
}
