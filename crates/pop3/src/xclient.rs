//! XCLIENT: how a front end tells a back end whom it speaks for, once, before it logs in.
//!
//! `XCLIENT ADDR=192.0.2.1 PORT=4711 SESSION=… LOGIN=… TTL=5 PROTO=POP3S`: attributes in any order, each at most
//! once, values in xtext (RFC 3461 section 4). Whether the peer may say this at all is the driver's question.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// The longest SESSION value, in octets.
const MAX_SESSION: usize = 64;
/// The longest LOGIN value, in octets before xtext.
const MAX_LOGIN: usize = 255;
/// The longest PROTO value, in octets.
const MAX_PROTOCOL: usize = 16;

/// The client a peer speaks for. Every value is checked; what is absent was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xclient {
    /// `ADDR`: the client's real address.
    pub address: Option<IpAddr>,
    /// `PORT`: the client's real port.
    pub port: Option<u16>,
    /// `SESSION`: the session id that spans both tiers: letters, digits and `-_.:/+=`.
    pub session: Option<String>,
    /// `LOGIN`: the name the client logged in with.
    pub login: Option<String>,
    /// `TTL`: how many more times this session may be forwarded; guards against loops.
    pub ttl: Option<u8>,
    /// `PROTO`: what the client speaks, such as `POP3` or `POP3S`: letters, digits and `-`.
    pub protocol: Option<String>,
}

/// Why the arguments of an XCLIENT are refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XclientError {
    /// An argument is not `NAME=value`.
    #[error("XCLIENT takes NAME=value")]
    NotAnAttribute,
    /// The name is none of ours.
    #[error("XCLIENT has an unknown attribute")]
    UnknownAttribute,
    /// The name was given before.
    #[error("XCLIENT names {0} twice")]
    Repeated(&'static str),
    /// The value is not xtext or not what the attribute means.
    #[error("XCLIENT has a bad value for {0}")]
    BadValue(&'static str),
    /// No attribute at all.
    #[error("XCLIENT needs an attribute")]
    Empty,
}

impl Xclient {
    /// Reads the arguments, without the keyword.
    pub fn parse(arguments: &str) -> Result<Xclient, XclientError> {
        let mut xclient = Xclient::default();
        for argument in arguments.split(' ').filter(|argument| !argument.is_empty()) {
            let (name, value) = argument.split_once('=').ok_or(XclientError::NotAnAttribute)?;
            xclient.set(name, value)?;
        }
        if xclient == Xclient::default() { Err(XclientError::Empty) } else { Ok(xclient) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), XclientError> {
        let decoded = |name| decode_xtext(value).ok_or(XclientError::BadValue(name));
        if name.eq_ignore_ascii_case("ADDR") {
            fill(&mut self.address, "ADDR", parse_address(&decoded("ADDR")?))
        } else if name.eq_ignore_ascii_case("PORT") {
            fill(&mut self.port, "PORT", parse_small(&decoded("PORT")?))
        } else if name.eq_ignore_ascii_case("SESSION") {
            fill(&mut self.session, "SESSION", Some(decoded("SESSION")?).filter(|text| is_session(text)))
        } else if name.eq_ignore_ascii_case("LOGIN") {
            fill(&mut self.login, "LOGIN", Some(decoded("LOGIN")?).filter(|text| is_login(text)))
        } else if name.eq_ignore_ascii_case("TTL") {
            fill(&mut self.ttl, "TTL", parse_small(&decoded("TTL")?))
        } else if name.eq_ignore_ascii_case("PROTO") {
            fill(&mut self.protocol, "PROTO", Some(decoded("PROTO")?).filter(|text| is_protocol(text)))
        } else {
            Err(XclientError::UnknownAttribute)
        }
    }
}

/// The arguments as sent. Xtext keeps every value within its own argument and line whatever it holds.
impl fmt::Display for Xclient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = [
            ("ADDR", self.address.map(|address| address.to_string())),
            ("PORT", self.port.map(|port| port.to_string())),
            ("SESSION", self.session.clone()),
            ("LOGIN", self.login.clone()),
            ("TTL", self.ttl.map(|ttl| ttl.to_string())),
            ("PROTO", self.protocol.clone()),
        ];
        let mut separator = "";
        for (name, value) in attributes {
            if let Some(value) = value {
                write!(f, "{separator}{name}={}", encode_xtext(&value))?;
                separator = " ";
            }
        }
        Ok(())
    }
}

fn fill<T>(place: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), XclientError> {
    if place.is_some() {
        return Err(XclientError::Repeated(name));
    }
    *place = Some(value.ok_or(XclientError::BadValue(name))?);
    Ok(())
}

/// An address; Postfix writes IPv6 ones as `IPV6:…`.
fn parse_address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("IPV6:") => text[5..].parse().ok().map(IpAddr::V6),
        _ => text.parse().ok(),
    }
}

fn parse_small<T: TryFrom<u64>>(text: &str) -> Option<T> {
    crate::decimal::parse(text.as_bytes()).and_then(|value| T::try_from(value).ok())
}

fn is_session(text: &str) -> bool {
    (1..=MAX_SESSION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

fn is_login(text: &str) -> bool {
    (1..=MAX_LOGIN).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_protocol(text: &str) -> bool {
    (1..=MAX_PROTOCOL).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Xtext of `text`: printable ASCII but `+` and `=` as itself, every other octet as `+XX` (RFC 3461 section 4).
fn encode_xtext(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' | ..=b' ' | 0x7f.. => {
                encoded.push('+');
                encoded.push(hex_digit(byte >> 4));
                encoded.push(hex_digit(byte & 15));
            }
            plain => encoded.push(char::from(plain)),
        }
    }
    encoded
}

/// The text behind xtext, or `None` when it is not xtext, not UTF-8, or holds CR, LF or NUL.
fn decode_xtext(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => upper_hex(bytes.next()?)? << 4 | upper_hex(bytes.next()?)?,
            b'=' | ..=b' ' | 0x7f.. => return None,
            plain => plain,
        };
        if matches!(byte, b'\r' | b'\n' | 0) {
            return None;
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value & 15)])
}

fn upper_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
