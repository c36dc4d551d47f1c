//! What is shown of a row: one table of columns for tables and lists alike.

use admin_api::Listing;
use serde::Serialize;

use crate::failure::Outcome;
use crate::screen::{Format, Output, Screen};

/// A column: its title, and what stands in it.
pub(crate) struct Column<R> {
    title: &'static str,
    /// Not in tables, which would be too wide.
    list_only: bool,
    text: fn(&R, &Screen) -> String,
}

impl<R> Column<R> {
    /// A column of tables and lists.
    pub(crate) const fn new(title: &'static str, text: fn(&R, &Screen) -> String) -> Self {
        Self { title, list_only: false, text }
    }

    /// A column of lists.
    pub(crate) const fn in_lists(title: &'static str, text: fn(&R, &Screen) -> String) -> Self {
        Self { title, list_only: true, text }
    }
}

/// Prints rows, and names the servers that did not answer; `nothing` is said if there are no rows.
pub(crate) fn show<R: Serialize>(
    screen: &Screen,
    output: Output,
    listing: &Listing<R>,
    columns: &[Column<R>],
    nothing: &str,
) -> Outcome {
    match output.format() {
        Format::Json => screen.json(listing)?,
        _ if listing.rows.is_empty() => screen.note(nothing),
        Format::Table => screen.say(as_table(screen, &listing.rows, columns))?,
        Format::List => screen.say(as_list(screen, &listing.rows, columns))?,
    }
    for missing in &listing.unanswered {
        screen.note(format_args!("{} did not answer: {}", missing.server, missing.why));
    }
    Ok(())
}

/// Prints one row with all there is to know.
pub(crate) fn show_one<R: Serialize>(
    screen: &Screen,
    output: Output,
    row: &R,
    columns: &[Column<R>],
) -> Outcome {
    match output.format() {
        Format::Json => screen.json(row),
        Format::Table | Format::List => screen.say(as_list(screen, std::slice::from_ref(row), columns)),
    }
}

fn as_table<R>(screen: &Screen, rows: &[R], columns: &[Column<R>]) -> String {
    let shown: Vec<&Column<R>> = columns.iter().filter(|column| !column.list_only).collect();
    let header: Vec<&str> = shown.iter().map(|column| column.title).collect();
    screen.table(
        &header,
        rows.iter().map(|row| shown.iter().map(|column| (column.text)(row, screen)).collect::<Vec<_>>()),
    )
}

fn as_list<R>(screen: &Screen, rows: &[R], columns: &[Column<R>]) -> String {
    list(rows.iter().map(|row| columns.iter().map(|column| (column.title, (column.text)(row, screen)))))
}

/// A line a value, and an empty line between rows.
pub(crate) fn list<'a, R>(rows: R) -> String
where
    R: Iterator<Item: Iterator<Item = (&'a str, String)>>,
{
    let rows: Vec<Vec<_>> = rows.map(Iterator::collect).collect();
    let width = rows.iter().flatten().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
    let row = |row: &Vec<(&str, String)>| {
        let line = |(title, text): &(&str, String)| {
            // What has several lines stays in its column.
            let text = text.replace('\n', &format!("\n{:width$}   ", ""));
            format!("{title:width$} : {text}").trim_end().to_owned()
        };
        row.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(row).collect::<Vec<_>>().join("\n\n")
}

/// The text of what may be absent.
pub(crate) fn or_blank<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// A number of milliseconds for people.
pub(crate) fn took(millis: Option<u64>) -> String {
    match millis {
        Some(millis @ 0..1000) => format!("{millis} ms"),
        Some(millis) => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        None => String::new(),
    }
}
