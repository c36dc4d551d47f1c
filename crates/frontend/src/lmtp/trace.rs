//! What a message is marked with as it comes in (RFC 5321 §4.4): who to return it to, and how it came here.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use lmtp::{Address, DeliveryId};

/// The longest name of a client that is shown; host names are no longer.
const NAME_LIMIT: usize = 255;

/// The trace lines that go in front of a message.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    /// Who sent it; nobody, for a bounce.
    pub(super) sender: Option<&'a Address>,
    /// What the mail server calls itself.
    pub(super) client: &'a str,
    /// Where it connected from; nowhere, on a Unix socket.
    pub(super) address: Option<IpAddr>,
    /// Our own host name.
    pub(super) server: &'a str,
    /// The delivery.
    pub(super) id: &'a DeliveryId,
    /// Whom it is for, if that is one recipient: of several, none is to learn of the others.
    pub(super) recipient: Option<&'a Address>,
    /// When it came.
    pub(super) at: Timestamp,
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sender {
            Some(sender) => write!(f, "Return-Path: <{sender}>\r\n")?,
            None => f.write_str("Return-Path: <>\r\n")?,
        }
        write!(f, "Received: from {}", Shown(self.client))?;
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, " ([{address}])")?,
            // RFC 5321 §4.1.3.
            Some(IpAddr::V6(address)) => write!(f, " ([IPv6:{address}])")?,
            None => f.write_str(" (local socket)")?,
        }
        write!(f, "\r\n\tby {} with LMTP id {}", self.server, self.id)?;
        if let Some(recipient) = self.recipient {
            write!(f, "\r\n\tfor <{recipient}>")?;
        }
        // Only a year before our era has no date of this form.
        let date = rfc2822::to_string(&self.at.to_zoned(TimeZone::UTC)).unwrap_or_default();
        write!(f, ";\r\n\t{date}\r\n")
    }
}

/// A name of which nothing is known but that it is printable, as it may stand in the line: what the grammar of the line has
/// a use for itself is not shown.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(NAME_LIMIT) {
            let plain =
                character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':' | '[' | ']');
            fmt::Write::write_char(f, if plain { character } else { '?' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn a_message_for_one_is_marked_with_sender_way_and_recipient() {
        let trace = Trace {
            sender: Some(&address("mara@example.org")),
            client: "mx.example.org",
            address: Some("192.0.2.7".parse().unwrap()),
            server: "mail.example.com",
            id: &"018bcfe5680000112233445566778899".parse().unwrap(),
            recipient: Some(&address("user1+lists@example.com")),
            at: Timestamp::from_second(1_700_000_000).unwrap(),
        };
        assert_eq!(
            trace.to_string(),
            "Return-Path: <mara@example.org>\r\n\
             Received: from mx.example.org ([192.0.2.7])\r\n\
             \tby mail.example.com with LMTP id 018bcfe5680000112233445566778899\r\n\
             \tfor <user1+lists@example.com>;\r\n\
             \tTue, 14 Nov 2023 22:13:20 +0000\r\n"
        );
    }

    #[test]
    fn a_bounce_for_several_names_neither_sender_nor_recipients() {
        let trace = Trace {
            sender: None,
            client: "x)(y;\u{1b}",
            address: Some("2001:db8::1".parse().unwrap()),
            server: "cas1",
            id: &"1".parse().unwrap(),
            recipient: None,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            trace.to_string(),
            "Return-Path: <>\r\n\
             Received: from x??y?? ([IPv6:2001:db8::1])\r\n\
             \tby cas1 with LMTP id 1;\r\n\
             \tThu, 1 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn a_mail_server_on_the_unix_socket_has_no_address() {
        let trace = Trace {
            sender: None,
            client: &"a".repeat(2000),
            address: None,
            server: "cas1",
            id: &"1".parse().unwrap(),
            recipient: None,
            at: Timestamp::UNIX_EPOCH,
        };
        let lines = trace.to_string();
        assert!(lines.contains(" (local socket)\r\n"), "{lines}");
        assert!(lines.lines().all(|line| line.len() < 998), "RFC 5322 §2.1.1");
    }
}
