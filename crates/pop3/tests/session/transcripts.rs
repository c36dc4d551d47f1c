//! The golden transcripts of `tests/transcripts`: whole conversations, readable by people.
//!
//! `C:` is a line of the client, `S:` a line of the server, `#` a comment. `\xNN` is an octet. Before the conversation
//! stand `offer:` (what is offered besides the standard), `fails:` (what is broken) and `maildrop: empty`; after it
//! `closed:` and, when QUIT deleted something, `deleted:`. `(TLS)` is a handshake.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pop3::session::Limits;
use pop3::{Capability, Mechanism, Offer};

use crate::driver::{Driver, Fails, World, full_offer};

struct Transcript {
    name: String,
    offer: Offer,
    world: World,
    lines: Vec<Line>,
    closed: Option<String>,
    deleted: String,
}

enum Line {
    Client(Vec<u8>),
    Server(String),
    Tls,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the transcripts are files")]
fn every_transcript_is_spoken_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 20, "the transcripts are missing");
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let transcript = parse(name, &fs::read_to_string(&path).unwrap());
        for chunk in [1, 3, usize::MAX] {
            transcript.speak_line_by_line(chunk);
        }
        if !transcript.lines.iter().any(|line| matches!(line, Line::Tls)) {
            for chunk in [1, 7, usize::MAX] {
                transcript.speak_at_once(chunk);
            }
        }
    }
}

impl Transcript {
    fn driver(&self) -> Driver {
        Driver::new(self.offer.clone(), Limits::default(), self.world.clone())
    }

    /// The client waits for each answer.
    fn speak_line_by_line(&self, chunk: usize) {
        let mut driver = self.driver();
        let mut heard = driver.heard();
        let mut handshakes = 0;
        let mut said = String::new();
        for line in &self.lines {
            match line {
                Line::Client(bytes) => {
                    assert_eq!(heard, "", "{}: unexpected after {said:?}", self.name);
                    said = String::from_utf8_lossy(bytes).into_owned();
                    heard = driver.say_in_chunks(bytes, chunk.min(bytes.len()));
                }
                Line::Server(expected) => {
                    let (line, rest) = heard.split_once("\r\n").unwrap_or((&heard, ""));
                    assert_eq!(line, expected, "{}: after {said:?}", self.name);
                    heard = rest.to_owned();
                }
                Line::Tls => {
                    handshakes += 1;
                    assert_eq!(driver.handshakes, handshakes, "{}: after {said:?}", self.name);
                }
            }
        }
        assert_eq!(heard, "", "{}: unexpected after {said:?}", self.name);
        self.check_end(&driver);
    }

    /// The client sends everything at once: the same answers in the same order.
    fn speak_at_once(&self, chunk: usize) {
        let mut input = Vec::new();
        let mut expected = String::new();
        for line in &self.lines {
            match line {
                Line::Client(bytes) => input.extend_from_slice(bytes),
                Line::Server(line) => write!(expected, "{line}\r\n").unwrap(),
                Line::Tls => {}
            }
        }
        let mut driver = self.driver();
        driver.say_in_chunks(&input, chunk.min(input.len()));
        // A message that broke off has no line end.
        let heard = driver.heard();
        assert_eq!(heard.trim_end(), expected.trim_end(), "{}", self.name);
        self.check_end(&driver);
    }

    fn check_end(&self, driver: &Driver) {
        let closing = driver.closing.map(|closing| closing.as_str().to_owned());
        assert_eq!(closing, self.closed, "{}: how it closed", self.name);
        let deleted: Vec<_> = driver.deleted.iter().map(|index| (index + 1).to_string()).collect();
        assert_eq!(deleted.join(" "), self.deleted, "{}: what was deleted", self.name);
    }
}

fn parse(name: String, text: &str) -> Transcript {
    let mut transcript = Transcript {
        name,
        offer: full_offer(),
        world: World::small(),
        lines: Vec::new(),
        closed: None,
        deleted: String::new(),
    };
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("C:") {
            let mut bytes = unescaped(said.trim_start());
            bytes.extend_from_slice(b"\r\n");
            transcript.lines.push(Line::Client(bytes));
        } else if let Some(heard) = line.strip_prefix("S:") {
            transcript.lines.push(Line::Server(String::from_utf8(unescaped(heard.trim_start())).unwrap()));
        } else if line == "(TLS)" {
            transcript.lines.push(Line::Tls);
        } else if let Some(words) = line.strip_prefix("offer:") {
            transcript.offer = offer(words);
        } else if let Some(what) = line.strip_prefix("fails: ") {
            transcript.world = World::failing(match what {
                "listing" => Fails::Listing,
                "retrieval" => Fails::Retrieval,
                "body" => Fails::Body,
                "commit" => Fails::Commit,
                other => panic!("{}: nothing called {other} can fail", transcript.name),
            });
        } else if line == "maildrop: empty" {
            transcript.world = World::default();
        } else if let Some(closing) = line.strip_prefix("closed: ") {
            transcript.closed = Some(closing.to_owned());
        } else if let Some(numbers) = line.strip_prefix("deleted: ") {
            numbers.clone_into(&mut transcript.deleted);
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: {line:?}", transcript.name);
        }
    }
    transcript
}

fn offer(words: &str) -> Offer {
    words.split_whitespace().fold(Offer::standard(), |offer, word| match Mechanism::find(word.as_bytes()) {
        Some(mechanism) => offer.with_mechanism(mechanism),
        None => offer.with(match word {
            "USER" => Capability::User,
            "STLS" => Capability::Stls,
            "XCLIENT" => Capability::Xclient,
            other => panic!("nothing called {other} can be offered"),
        }),
    })
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}
