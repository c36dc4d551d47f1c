//! A TOML text with places: what the readers of configuration and layers share.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, Problems, nearest};
use crate::value::{Invalid, Value, kind};

/// A text being read, and what has been found wrong with it so far.
pub(crate) struct Document<'a> {
    file: &'a str,
    lines: Lines,
    problems: Vec<(usize, Problem)>,
}

impl<'a> Document<'a> {
    /// Reads the text; mistakes of grammar become problems, and what could be read is returned.
    pub(crate) fn open(text: &'a str, file: &'a str) -> (Self, DeTable<'a>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { file, lines: Lines::of(text), problems: Vec::new() };
        for error in errors {
            let at = error.span().unwrap_or_default();
            document.problem(at, format!("this is not TOML: {}", error.message().replace('\n', "; ")), "");
        }
        (document, table.into_inner())
    }

    pub(crate) fn problem(
        &mut self,
        at: Range<usize>,
        message: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let (line, column) = self.lines.place(at.start);
        let problem = Problem {
            file: self.file.to_owned(),
            line,
            column,
            message: message.into(),
            instead: instead.into(),
        };
        self.problems.push((at.start, problem));
    }

    pub(crate) fn line(&self, at: &Range<usize>) -> usize {
        self.lines.place(at.start).0
    }

    /// The result, if nothing was wrong.
    pub(crate) fn finish<T>(mut self, result: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            return Ok(result);
        }
        self.problems.sort_by_key(|(at, _)| *at);
        Err(Problems(self.problems.into_iter().map(|(_, problem)| problem).collect()))
    }

    /// Reads one value; what is wrong with it becomes a problem.
    pub(crate) fn value<T: Value>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<T> {
        T::read(value.get_ref()).map_err(|wrong| self.invalid(&value.span(), wrong)).ok()
    }

    /// Tells what is wrong with the value at `at`, or with parts of it.
    pub(crate) fn invalid(&mut self, at: &Range<usize>, wrong: Vec<Invalid>) {
        for invalid in wrong {
            self.problem(invalid.place().unwrap_or(at.clone()), invalid.message, invalid.instead);
        }
    }

    pub(crate) fn table<'v, 't>(
        &mut self,
        value: &'v Spanned<DeValue<'t>>,
        name: &str,
    ) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("\"{name}\" is a table, not {}", kind(value.get_ref()));
            self.problem(
                value.span(),
                message,
                format!("write [{name}] with the settings on lines of their own"),
            );
        }
        table
    }

    /// The tables of an array of tables.
    pub(crate) fn tables<'v, 't>(
        &mut self,
        value: &'v Spanned<DeValue<'t>>,
        name: &str,
    ) -> Vec<(Range<usize>, &'v DeTable<'t>)> {
        let items = value.get_ref().as_array().map(|items| items.iter().collect::<Vec<_>>());
        let tables: Option<Vec<_>> = items.and_then(|items| {
            items.into_iter().map(|item| Some((item.span(), item.get_ref().as_table()?))).collect()
        });
        tables.unwrap_or_else(|| {
            let message = format!("\"{name}\" is a list of tables, not {}", kind(value.get_ref()));
            self.problem(value.span(), message, format!("write [[{name}]] before each"));
            Vec::new()
        })
    }

    pub(crate) fn unknown_key<'k>(
        &mut self,
        at: Range<usize>,
        key: &str,
        known: impl Iterator<Item = &'k str> + Clone,
    ) {
        let instead = nearest(key, known.clone()).map_or_else(
            || format!("write one of {}", known.collect::<Vec<_>>().join(", ")),
            |near| format!("write {near}"),
        );
        self.problem(at, format!("unknown key \"{key}\""), instead);
    }
}

/// Where the lines of a text begin.
struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text: text.to_owned(), starts }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let before = self.text.get(self.starts[line]..offset).unwrap_or("");
        (line + 1, before.chars().count() + 1)
    }
}
