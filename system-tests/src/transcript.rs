//! A conversation written down, spoken with a house.
//!
//! `C:` is a line of the client, `S:` a line of the server, `#` a comment, `\xNN` an octet. Before the conversation may
//! stand `over:` with the transports it is for (`plain`, `stls`, `tls`; else it is for all). It begins with the greeting,
//! which a client in TLS by STLS has heard before. `(end)` is where the server closes the connection.

use std::fs;
use std::path::Path;

use crate::{Client, Transport};

/// One conversation.
#[derive(Debug)]
pub struct Transcript {
    /// What proves it, in a sentence.
    pub name: String,
    /// What it is for.
    pub transports: Vec<Transport>,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Client(Vec<u8>),
    Server(String),
    End,
}

impl Transcript {
    /// Every conversation of a folder, by name.
    pub fn all_in(folder: &Path) -> Vec<Self> {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            Self::parse(name, &fs::read_to_string(path).unwrap())
        };
        paths.iter().map(read).collect()
    }

    fn parse(name: String, text: &str) -> Self {
        let mut transcript = Self { name, transports: Transport::ALL.to_vec(), lines: Vec::new() };
        for line in text.lines() {
            if let Some(said) = line.strip_prefix("C:") {
                let mut octets = unescaped(said.strip_prefix(' ').unwrap_or(said));
                octets.extend_from_slice(b"\r\n");
                transcript.lines.push(Line::Client(octets));
            } else if let Some(heard) = line.strip_prefix("S:") {
                let octets = unescaped(heard.strip_prefix(' ').unwrap_or(heard));
                transcript.lines.push(Line::Server(String::from_utf8(octets).unwrap()));
            } else if line == "(end)" {
                transcript.lines.push(Line::End);
            } else if let Some(words) = line.strip_prefix("over:") {
                transcript.transports = words.split_whitespace().map(transport).collect();
            } else {
                assert!(line.is_empty() || line.starts_with('#'), "{}: {line:?}", transcript.name);
            }
        }
        transcript
    }

    /// Speaks it, waiting for each answer; the client's lines go out in pieces of `chunk` octets.
    pub async fn speak_line_by_line(&self, client: &mut Client, chunk: usize) {
        let mut said = String::new();
        for line in self.after_the_greeting() {
            match line {
                Line::Client(octets) => {
                    said = String::from_utf8_lossy(octets).into_owned();
                    for piece in octets.chunks(chunk) {
                        client.sends(piece).await;
                    }
                }
                Line::Server(expected) => {
                    assert_eq!(client.line().await, *expected, "{}: after {said:?}", self.name);
                }
                Line::End => client.is_closed().await,
            }
        }
    }

    /// Speaks it with everything said at once, in pieces of `chunk` octets: the answers are the same, in the same order.
    pub async fn speak_at_once(&self, client: &mut Client, chunk: usize) {
        let mut said = Vec::new();
        for line in self.after_the_greeting() {
            if let Line::Client(octets) = line {
                said.extend_from_slice(octets);
            }
        }
        for piece in said.chunks(chunk) {
            // A server that is done with us listens no longer.
            client.tries_to_send(piece).await;
        }
        for line in self.after_the_greeting() {
            match line {
                Line::Client(_) => {}
                Line::Server(expected) => {
                    assert_eq!(client.line().await, *expected, "{}: all at once", self.name);
                }
                Line::End => client.is_closed().await,
            }
        }
    }

    fn after_the_greeting(&self) -> &[Line] {
        assert!(
            matches!(self.lines.first(), Some(Line::Server(line)) if line.starts_with("+OK ")),
            "{}",
            self.name
        );
        &self.lines[1..]
    }
}

fn transport(word: &str) -> Transport {
    match word {
        "plain" => Transport::Plain,
        "stls" => Transport::Stls,
        "tls" => Transport::Tls,
        other => panic!("there is no transport {other:?}"),
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        octets.push(u8::from_str_radix(&part[..2], 16).unwrap());
        octets.extend_from_slice(&part.as_bytes()[2..]);
    }
    octets
}
