//! The mail of a health mailbox.
//!
//! Three kinds of messages may be in one: the *known* message, which is made once and stays; those that a prober delivered,
//! which it deletes itself; and strays, which nobody asked for or whose prober has died.

use settings::DatabaseName;
use sha2::{Digest as _, Sha256};

use crate::{DOMAIN, HealthMailbox};

/// The header field that says by its value which prober delivered a message. A tag is printable ASCII without blanks.
pub const PROBE_HEADER: &str = "X-Mailmedic-Probe";

/// What the local part of the known message's Message-ID begins with.
const KNOWN: &str = "known-message.";

/// The longest line that mail may have, its end not counted.
const LONG_LINE: usize = 998;
/// How many lines there are besides, so that the message has about 4 KB.
const LINES: usize = 34;
/// How long each of them is.
const LINE: usize = 70;

/// Whose a message in a health mailbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Everybody's: it calls itself the known message. Whether it is, its content says.
    Known,
    /// Its who delivered it, whose tag this is. Nobody else deletes it before it is old.
    Prober(&'a str),
    /// Nobody's.
    Stray,
}

/// Whose the message with this header is. The header ends at the first empty line or with the octets, as TOP sends it; what
/// mail servers put in front of it does no harm.
pub fn whose(header: &[u8]) -> Whose<'_> {
    let mut known = false;
    for line in header.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if let Some(tag) = value(line, PROBE_HEADER) {
            return if is_tag(tag) { Whose::Prober(tag) } else { Whose::Stray };
        }
        known |= value(line, "Message-ID").is_some_and(is_known_id);
    }
    if known { Whose::Known } else { Whose::Stray }
}

/// The value of a header field on one line, if it is the field `name` (RFC 5322 section 2.2: names in either case).
fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a str> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.trim_ascii_start().strip_prefix(b":")?;
    if !found.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    // What is not ASCII is no tag and no Message-ID of ours.
    Some(std::str::from_utf8(value.trim_ascii()).unwrap_or_default())
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn is_known_id(id: &str) -> bool {
    let id = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    id.and_then(|id| id.strip_prefix(KNOWN)).and_then(|id| id.strip_suffix(DOMAIN)).is_some()
}

/// The known message of `database`, as RETR shows it to whoever undoes the dot-stuffing: always the same octets.
///
/// It has what is easily broken on the way: lines that begin with dots, one that is a dot, text of 8 bits, a line of the
/// greatest length (RFC 5322 section 2.1.1), empty lines, blanks at the end of a line.
pub fn known_message(database: &DatabaseName) -> Vec<u8> {
    let mailbox = HealthMailbox::of(database);
    let (user, name) = (mailbox.user(), database.as_str().to_ascii_lowercase());
    let mut message = format!(
        "From: mailmedic <{user}>\r\n\
         To: {user}\r\n\
         Subject: The known message of database {name}\r\n\
         Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\
         Message-ID: <{KNOWN}{name}@{DOMAIN}>\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\
         \r\n\
         This message is in every health mailbox, always with the same octets. Probes\r\n\
         retrieve it and compare. It is made anew when it is missing or differs.\r\n\
         \r\n\
         .A line that begins with a dot, one with two, and one that is nothing else:\r\n\
         ..\r\n\
         .\r\n\
         Blanks at the end of a line:  \t \r\n\
         Eight bits: grüße, 안녕하세요, 您好, \u{1f4ec}\r\n"
    );
    message.extend(pattern().take(LONG_LINE));
    message.push_str("\r\n");
    for _ in 0..LINES {
        message.push_str("\r\n");
        message.extend(pattern().take(LINE));
    }
    message.push_str("\r\n");
    message.into_bytes()
}

fn pattern() -> impl Iterator<Item = char> {
    ('!'..='~').cycle()
}

/// What a message is compared by: SHA-256 of its octets, the dot-stuffing undone.
pub fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use settings::Value as _;

    use super::*;
    use crate::secret::hexadecimal;

    fn known(database: &str) -> Vec<u8> {
        known_message(&DatabaseName::parse(database).unwrap())
    }

    #[test]
    fn the_known_message_is_the_same_for_ever() {
        // Other servers compare it with what they make themselves: a new version must not change it.
        assert_eq!(
            hexadecimal(&digest(&known("DB01"))),
            "c0ea538c778efb66f217ee236ed196262568c712a478bf104b97ced9cb14b8d3"
        );
        assert_eq!(known("DB01"), known("db01"));
        assert_ne!(known("DB01"), known("DB02"));
    }

    #[test]
    fn the_known_message_has_what_is_easily_broken_on_the_way() {
        let message = known("DB01");
        let lines: Vec<_> = message.split(|octet| *octet == b'\n').collect();
        let (last, lines) = lines.split_last().unwrap();
        assert!(last.is_empty(), "its last line is complete");
        assert!(
            lines.iter().all(|line| line.ends_with(b"\r") && line.len() <= 999),
            "every line ends with CRLF"
        );
        for line in [&b".\r"[..], b"..\r", b"\r"] {
            assert!(lines.contains(&line), "{line:?}");
        }
        assert!(lines.iter().any(|line| line.len() == 999));
        assert!(message.iter().any(|octet| *octet > 127));
        assert!((3800..4400).contains(&message.len()), "{}", message.len());
    }

    #[test]
    fn the_known_message_is_known_by_its_header() {
        assert_eq!(whose(&known("DB01")), Whose::Known);
        let mut traced = b"Return-Path: <>\r\nReceived: from a by b\r\n".to_vec();
        traced.extend(known("DB01"));
        assert_eq!(whose(&traced), Whose::Known);
    }

    #[test]
    fn a_message_of_a_prober_bears_its_tag() {
        for header in [
            "X-Mailmedic-Probe: cas1/17\r\n\r\n",
            "Received: x\r\n y\r\nx-mailmedic-PROBE:cas1/17 \r\nSubject: x\r\n\r\nbody",
            "X-Mailmedic-Probe : cas1/17",
        ] {
            assert_eq!(whose(header.as_bytes()), Whose::Prober("cas1/17"), "{header:?}");
        }
    }

    #[test]
    fn a_message_of_a_prober_is_never_taken_for_the_known_one() {
        let header = b"Message-ID: <known-message.db01@mailmedic.invalid>\r\nX-Mailmedic-Probe: cas1\r\n\r\n";
        assert_eq!(whose(header), Whose::Prober("cas1"));
    }

    #[test]
    fn everything_else_is_a_stray() {
        for header in [
            "",
            "Subject: x\r\n\r\nX-Mailmedic-Probe: cas1\r\n",
            "X-Mailmedic-Probe:\r\n\r\n",
            "X-Mailmedic-Probe: two words\r\n\r\n",
            "X-Mailmedic-Probe: caf\u{e9}\r\n\r\n",
            "X-Mailmedic-Probes: cas1\r\n\r\n",
            "Message-ID: <known-message.db01@example.com>\r\n\r\n",
            "Message-ID: <other.db01@mailmedic.invalid>\r\n\r\n",
        ] {
            assert_eq!(whose(header.as_bytes()), Whose::Stray, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_at_all_make_the_reader_stumble(octets in any::<Vec<u8>>()) {
            if let Whose::Prober(tag) = whose(&octets) {
                prop_assert!(is_tag(tag));
            }
        }

        #[test]
        fn a_tag_is_found_behind_any_other_fields(
            tag in "[!-~]{1,60}",
            fields in prop::collection::vec("[A-W][a-z]{1,9}: [ -~]{0,40}", 0..5),
        ) {
            let fields: String = fields.iter().flat_map(|field| [field.as_str(), "\r\n"]).collect();
            let header = format!("{fields}{PROBE_HEADER}: {tag}\r\n\r\n");
            prop_assert_eq!(whose(header.as_bytes()), Whose::Prober(&tag));
        }
    }
}
