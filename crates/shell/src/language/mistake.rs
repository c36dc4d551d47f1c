//! What is wrong with a text, where, and what to write instead.

use std::fmt;

use super::tree::Place;

/// The first thing in a text that is not understood. Always the writer's fault; the same text is never right later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    place: Place,
    what: String,
    instead: String,
    incomplete: bool,
}

/// How much of a line is shown around a place.
const WINDOW: usize = 100;

impl Mistake {
    /// At a place: what is wrong, and what to write instead.
    pub(crate) fn new(place: Place, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { place, what: what.into(), instead: instead.into(), incomplete: false }
    }

    /// The text ends where more is expected.
    pub(crate) fn incomplete(self) -> Self {
        Self { incomplete: true, ..self }
    }

    /// Which octets of the text it is about; never beyond its end, and maybe none at its end.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the text could be right if more followed.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// The mistake with the line of `source` it is in and a caret under its place; before `source` there were other lines.
    pub fn shown_in(&self, source: &str, lines_before: usize) -> String {
        let start = floor(source, self.place.start);
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
        let number = lines_before + source[..line_start].matches('\n').count() + 1;
        let end = floor(source, self.place.end).clamp(start, line_end);
        // What a terminal would obey is shown as a blank, which is as wide.
        let plain = |text: &str| -> Vec<char> {
            text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
        };
        let line = plain(&source[line_start..line_end]);
        let column = source[line_start..start].chars().count();
        let width = source[start..end].chars().count().max(1);
        let first = if column + width > WINDOW { column.saturating_sub(WINDOW / 2) } else { 0 };
        let shown: String = line.iter().skip(first).take(WINDOW).collect();
        let carets = "^".repeat(width.min(WINDOW.saturating_sub(column - first)));
        let margin = format!("  line {number}: ");
        let indent = margin.len() + column - first;
        format!("{}\n{margin}{}\n{:indent$}{carets}\n  {}", self.what, shown.trim_end(), "", self.instead)
    }
}

/// The nearest place at or before `at` where a letter begins.
fn floor(source: &str, at: usize) -> usize {
    source.floor_char_boundary(at)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.instead)
    }
}

impl std::error::Error for Mistake {}
