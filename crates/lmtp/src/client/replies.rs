//! Replies out of lines (RFC 5321 §4.2.1).

use super::Limits;
use crate::Reply;
use crate::line::{Input, Line};

/// Gathers the lines of one reply.
#[derive(Debug, Default)]
pub(super) struct Replies {
    input: Input,
    /// The code and the text of the lines so far.
    partial: Option<(u16, String)>,
    lines: usize,
}

/// Why a line is no part of a reply.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) expected: &'static str,
    pub(super) got: String,
}

impl Replies {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.input.receive(bytes);
    }

    /// The next complete reply.
    pub(super) fn next(&mut self, limits: &Limits) -> Result<Option<Reply>, Malformed> {
        while let Some(line) = self.input.line(limits.line) {
            let line = match line {
                Line::Complete(line) => line,
                Line::TooLong => return Err(malformed("a shorter line", b"")),
                Line::BareLineFeed => return Err(malformed("a line that ends with CRLF", b"")),
            };
            let Some((code, last, text)) = parse(line) else {
                return Err(malformed("a code of three digits and a text", line));
            };
            let text = match self.partial.take() {
                None => {
                    self.lines = 1;
                    text
                }
                Some((first, before)) if first == code && self.lines < limits.lines => {
                    self.lines += 1;
                    before + "\n" + &text
                }
                Some((first, _)) if first == code => return Err(malformed("fewer lines", line)),
                Some(_) => return Err(malformed("the code of the line before", line)),
            };
            if last {
                return Ok(Some(Reply::received(code, &text)));
            }
            self.partial = Some((code, text));
        }
        Ok(None)
    }
}

/// The code of a line, whether it is the last of its reply, and its text.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = code else { return None };
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    Some((code, last, printable(text)))
}

fn malformed(expected: &'static str, line: &[u8]) -> Malformed {
    Malformed { expected, got: printable(&line[..line.len().min(80)]) }
}

/// Text of a peer, safe to show: other characters than printable ASCII become question marks.
fn printable(text: &[u8]) -> String {
    text.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' }).collect()
}
