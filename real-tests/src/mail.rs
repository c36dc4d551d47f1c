//! Messages: made up, and recognised when they come back.

use crate::random::Random;

/// A message of about `octets` octets with `id` in its header, and everything in it that makes mail hard to handle: lines
/// that begin with a dot, lines of nothing but dots, empty lines at the end, eight-bit text, trailing spaces.
pub fn message(id: &str, octets: usize, random: &mut Random) -> Vec<u8> {
    let mut mail = format!(
        "Message-ID: <{id}@sender.example.org>\r\nFrom: Sender <sender@example.org>\r\nTo: somebody@example.com\r\n\
         Subject: message {id}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    .into_bytes();
    while mail.len() < octets {
        match random.below(12) {
            0 => mail.extend_from_slice(b".\r\n"),
            1 => mail.extend_from_slice(b"..\r\n"),
            2 => mail.extend_from_slice(b".a line that begins with a dot\r\n"),
            3 => mail.extend_from_slice("Grüße, 안녕하세요, 您好\r\n".as_bytes()),
            4 => mail.extend_from_slice(b"spaces at the end   \r\n"),
            5 => mail.extend_from_slice(b"\r\n"),
            _ => {
                let length = random.below(76) + 1;
                mail.extend((0..length).map(|_| b'a' + u8::try_from(random.below(26)).unwrap()));
                mail.extend_from_slice(b"\r\n");
            }
        }
    }
    mail.extend_from_slice(b".\r\nthe end\r\n\r\n");
    mail
}

/// The id that a message bears.
pub fn id(mail: &[u8]) -> Option<String> {
    let start = b"\r\nMessage-ID: <";
    let at = mail.windows(start.len()).position(|window| window == start)? + start.len();
    let end = mail[at..].iter().position(|octet| *octet == b'@')?;
    String::from_utf8(mail[at..at + end].to_vec()).ok()
}

/// Whether `arrived` is what was sent, to the octet, with nothing but trace lines (RFC 5321 §4.4) in front.
pub fn is_intact(arrived: &[u8], sent: &[u8]) -> bool {
    let Some(trace) = arrived.strip_suffix(sent) else { return false };
    let mut lines = trace.split_inclusive(|octet| *octet == b'\n');
    let starts = |line: Option<&[u8]>, with: &[u8]| line.is_some_and(|line| line.starts_with(with));
    starts(lines.next(), b"Return-Path: <")
        && starts(lines.next(), b"Received: from ")
        && lines.all(|line| line.starts_with(b"\t") && line.ends_with(b"\r\n"))
}

/// With lines that end as files of this system have them.
pub fn as_file(mail: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(mail.len());
    for line in mail.split_inclusive(|octet| *octet == b'\n') {
        file.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
        if line.ends_with(b"\r\n") {
            file.push(b'\n');
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &[u8] = b"Return-Path: <a@b>\r\nReceived: from x\r\n\tby y;\r\n\tnow\r\n";

    #[test]
    fn a_message_is_recognised_behind_its_trace_and_only_whole() {
        let sent = message("s1-7", 500, &mut Random::for_test());
        let mut arrived = [TRACE, &sent].concat();
        assert_eq!(id(&arrived).as_deref(), Some("s1-7"));
        assert!(is_intact(&arrived, &sent));
        arrived[100] ^= 1;
        assert!(!is_intact(&arrived, &sent));
        assert!(!is_intact(&[TRACE, b"Received: once more\r\n", &sent].concat(), &sent));
        assert!(!is_intact(&sent, &sent));
    }

    #[test]
    fn a_file_has_no_carriage_returns_at_the_ends_of_lines() {
        assert_eq!(as_file(b"a\r\nb\rc\r\n\r\n"), b"a\nb\rc\n\n");
    }
}
