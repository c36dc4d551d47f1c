//! One line of a log, for people.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Source;
use crate::screen::{Colour, coloured, time};

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    label: String,
    /// When it was said, if that is known.
    pub(super) at: Option<Timestamp>,
    /// As it stands in the file.
    pub(super) line: String,
    console: bool,
}

impl Entry {
    /// Reads a line; one of a console is of the time `printed`.
    pub(super) fn read(source: &Source, line: &str, printed: Option<Timestamp>) -> Self {
        let own = || {
            serde_json::from_str::<Map<String, Value>>(line).ok()?.get("timestamp")?.as_str()?.parse().ok()
        };
        let at = if source.console { printed } else { own() };
        Self { label: source.label.clone(), at, line: line.to_owned(), console: source.console }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.map(time).unwrap_or_default();
        let fields = serde_json::from_str::<Map<String, Value>>(&self.line).ok().filter(|_| !self.console);
        let Some(fields) = fields else {
            return write!(f, "{at} {:<5} {:<14} {}", "PRINT", self.label, self.line);
        };
        let level = fields.get("level").and_then(Value::as_str).unwrap_or_default();
        let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
        let shown = match level {
            "ERROR" => coloured("ERROR", Colour::Bad),
            "WARN" => coloured("WARN ", Colour::Attention),
            other => format!("{other:<5}"),
        };
        write!(f, "{at} {shown} {:<14} {message}", self.label)?;
        let known = ["timestamp", "level", "message", "target"];
        for (name, value) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            match value {
                Value::String(text) => write!(f, " {name}={text}")?,
                other => write!(f, " {name}={other}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(console: bool) -> Source {
        Source { label: "cas1/frontend".to_owned(), file: "frontend.log".into(), console }
    }

    #[test]
    fn a_line_of_json_shows_its_message_and_its_fields() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05.5Z","level":"INFO","message":"logged in","target":"x","user":"a@b.c","octets":7}"#;
        let entry = Entry::read(&source(false), line, None);
        assert_eq!(entry.at, Some("2026-01-02T03:04:05.5Z".parse().unwrap()));
        let shown = entry.to_string();
        assert!(shown.ends_with("INFO  cas1/frontend  logged in octets=7 user=a@b.c"), "{shown}");
    }

    #[test]
    fn what_a_process_printed_is_shown_as_it_is() {
        let entry = Entry::read(&source(true), r#"{"level":"no log"}"#, None);
        assert!(entry.to_string().ends_with(r#"PRINT cas1/frontend  {"level":"no log"}"#));
    }
}
