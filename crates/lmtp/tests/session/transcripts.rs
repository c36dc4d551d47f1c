//! The golden transcripts of `tests/transcripts`: whole conversations, readable by people.
//!
//! `C:` is a line of the client, `S:` a line of the server, `#` a comment; `\xNN` is an octet. Before the conversation
//! may stand `offer: inner`; after it stand `delivered: sender -> recipients`, once for each message, `abandoned:` with
//! a number, and `closed`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lmtp::server::{Limits, Offer};

use crate::driver::{Driver, inner};

#[derive(Debug, Default)]
struct Transcript {
    name: String,
    inner: bool,
    lines: Vec<Line>,
    delivered: Vec<String>,
    abandoned: usize,
    closed: bool,
}

#[derive(Debug)]
enum Line {
    Client(Vec<u8>),
    Server(String),
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the transcripts are files")]
fn every_transcript_is_spoken_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 8, "the transcripts are missing");
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let transcript = parse(name, &fs::read_to_string(&path).unwrap());
        transcript.speak_line_by_line();
        for chunk in [1, 2, 7, usize::MAX] {
            transcript.speak_at_once(chunk);
        }
    }
}

impl Transcript {
    fn driver(&self) -> Driver {
        let offer = if self.inner { inner() } else { Offer::default() };
        Driver::with(offer, Limits { message: 1000, ..Limits::default() })
    }

    /// The client waits for each answer.
    fn speak_line_by_line(&self) {
        let mut driver = self.driver();
        let mut heard = driver.heard();
        for line in &self.lines {
            match line {
                Line::Client(bytes) => {
                    assert_eq!(heard, "", "{}: unexpected before {}", self.name, bytes.escape_ascii());
                    heard = driver.say(bytes);
                }
                Line::Server(expected) => {
                    let (line, rest) = heard.split_once("\r\n").unwrap_or((&heard, ""));
                    assert_eq!(line, expected, "{}", self.name);
                    heard = rest.to_owned();
                }
            }
        }
        assert_eq!(heard, "", "{}: unexpected at the end", self.name);
        self.check_end(&driver);
    }

    /// The client sends everything at once: the same answers in the same order.
    fn speak_at_once(&self, chunk: usize) {
        let mut input = Vec::new();
        let mut expected = String::new();
        for line in &self.lines {
            match line {
                Line::Client(bytes) => input.extend_from_slice(bytes),
                Line::Server(line) => write!(expected, "{line}\r\n").expect("text"),
            }
        }
        let mut driver = self.driver();
        assert_eq!(driver.say_in_chunks(&input, chunk), expected, "{} in chunks of {chunk}", self.name);
        self.check_end(&driver);
    }

    fn check_end(&self, driver: &Driver) {
        let delivered: Vec<_> = driver
            .delivered
            .iter()
            .map(|message| {
                let sender = message.sender.as_deref().unwrap_or("<>");
                format!("{sender} -> {}: {}", message.recipients.join(", "), message.content.escape_ascii())
            })
            .collect();
        assert_eq!(delivered, self.delivered, "{}: what was delivered", self.name);
        assert_eq!(driver.abandoned, self.abandoned, "{}: how often it was abandoned", self.name);
        assert_eq!(driver.closed, self.closed, "{}: whether it closed", self.name);
    }
}

fn parse(name: String, text: &str) -> Transcript {
    let mut transcript = Transcript { name, ..Transcript::default() };
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("C:") {
            let mut bytes = unescaped(said.trim_start());
            bytes.extend_from_slice(b"\r\n");
            transcript.lines.push(Line::Client(bytes));
        } else if let Some(heard) = line.strip_prefix("S:") {
            transcript.lines.push(Line::Server(heard.trim_start().to_owned()));
        } else if let Some(message) = line.strip_prefix("delivered: ") {
            transcript.delivered.push(message.to_owned());
        } else if let Some(times) = line.strip_prefix("abandoned: ") {
            transcript.abandoned = times.parse().expect("a number");
        } else if line == "offer: inner" {
            transcript.inner = true;
        } else if line == "closed" {
            transcript.closed = true;
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: {line:?}", transcript.name);
        }
    }
    transcript
}

/// The octets of a line, `\xNN` among them.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hexadecimal digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}
