//! The mail of the benchmark: every message can be composed again from what its own header says, so that whatever a
//! server hands out can be compared with what it was given.

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;

/// Lines of every message that begin with a dot, so that stuffing is part of every measurement.
pub(crate) const DOT_LINES: usize = 2;

const LINE: usize = 76;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

/// A message to `recipient`, un-stuffed, with CRLF line ends, exactly `octets` long if that is enough for its header.
pub(crate) fn compose(recipient: &str, number: u64, octets: usize) -> Vec<u8> {
    let mut mail = format!(
        "From: Bench <bench@example.org>\r\nTo: <{recipient}>\r\nSubject: Message {number} of the benchmark\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{number}.{recipient}>\r\n\
         X-Bench: {recipient} {number} {octets}\r\n\r\n.begins with a dot\r\n..\r\n"
    )
    .into_bytes();
    let mut state = recipient
        .bytes()
        .fold(number.wrapping_add(1), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    while mail.len() < octets {
        // A last line of one octet would have no room for its CRLF.
        let room = octets - mail.len();
        let length = if room > LINE + 2 { LINE.min(room - 5) } else { room.saturating_sub(2).max(1) };
        for _ in 0..length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            mail.push(LETTERS[(state >> 58) as usize]);
        }
        mail.extend_from_slice(b"\r\n");
    }
    mail
}

/// As it travels: dot-stuffed, with the final dot (RFC 1939 §3, RFC 5321 §4.5.2).
pub(crate) fn on_the_wire(mail: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// Compares a retrieved message, stuffed but without the final dot, with what `user` was sent. Headers that servers
/// add on delivery are allowed.
pub(crate) fn verify(user: &str, wire: &[u8]) -> Result<()> {
    let end = memmem::find(wire, b"\r\n\r\n").context("a message without a body")? + 4;
    let header = String::from_utf8_lossy(&wire[..end]);
    let facts = header
        .lines()
        .find_map(|line| line.strip_prefix("X-Bench: "))
        .context("a message that the benchmark did not send")?;
    let [recipient, number, octets] = facts.split(' ').collect::<Vec<_>>()[..] else {
        bail!("a header that was changed: {facts}");
    };
    ensure!(recipient == user, "{user} was handed a message of {recipient}");
    let sent = on_the_wire(&compose(recipient, number.parse()?, octets.parse()?));
    let begin = memmem::find(&sent, b"\r\n\r\n").context("a message without a body")? + 4;
    ensure!(wire[end..] == sent[begin..sent.len() - 3], "the body of message {number} of {user} was changed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_exactly_as_long_as_asked_and_ends_its_lines() {
        for octets in (400..700).chain([12_000, 65_536]) {
            let mail = compose("user7", 3, octets);
            assert_eq!(mail.len(), octets);
            assert!(mail.ends_with(b"\r\n"));
        }
    }

    #[test]
    fn every_message_has_the_promised_dot_lines() {
        let mail = compose("user7", 3, 12_000);
        assert_eq!(on_the_wire(&mail).len(), mail.len() + DOT_LINES + 3);
    }

    #[test]
    fn message_verifies_with_the_headers_of_a_delivery_in_front() {
        let mut delivered = b"Return-Path: <bench@example.org>\r\n".to_vec();
        let wire = on_the_wire(&compose("user7", 3, 2000));
        delivered.extend_from_slice(&wire[..wire.len() - 3]);
        verify("user7", &delivered).unwrap();
    }

    #[test]
    fn changed_or_misdirected_message_does_not_verify() {
        let wire = on_the_wire(&compose("user7", 3, 2000));
        let mut mail = wire[..wire.len() - 3].to_vec();
        assert!(verify("user8", &mail).is_err());
        let last = mail.len() - 10;
        mail[last] ^= 1;
        assert!(verify("user7", &mail).is_err());
        mail.truncate(last);
        assert!(verify("user7", &mail).is_err());
    }
}
