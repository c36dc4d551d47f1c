//! XCLIENT: a listed peer tells for whom it speaks.
//!
//! The command is the one MTAs know; the attributes are those this service makes use of.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::xtext;

/// The attributes understood, as the reply to `LHLO` announces them.
pub(crate) const ATTRIBUTES: &str = "ADDR PORT HELO SESSION TTL";

/// What a text attribute may hold; host names are the longest.
const TEXT_LIMIT: usize = 255;

/// For whom a peer speaks. An attribute not given, or given as unavailable, is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xclient {
    /// `ADDR`: the real client's address.
    pub address: Option<IpAddr>,
    /// `PORT`: the real client's port.
    pub port: Option<u16>,
    /// `HELO`: the name the real client gave itself.
    pub helo: Option<String>,
    /// `SESSION`: the identity both tiers log.
    pub session: Option<String>,
    /// `TTL`: how many more times the message may be handed on; a guard against loops.
    pub ttl: Option<u8>,
}

/// Why the parameters of XCLIENT were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum XclientError {
    /// No attribute at all, one twice, or one without a value.
    #[error("XCLIENT takes NAME=value attributes, each once")]
    Syntax,
    /// An attribute that was not announced.
    #[error("XCLIENT attribute not understood")]
    UnknownAttribute,
    /// A value that the attribute cannot have.
    #[error("XCLIENT attribute has a bad value")]
    Value,
}

impl Xclient {
    /// Reads the parameters of the command.
    pub fn parse(text: &str) -> Result<Self, XclientError> {
        let mut xclient = Self::default();
        let mut seen = Vec::new();
        for attribute in text.split(' ').filter(|attribute| !attribute.is_empty()) {
            let (name, value) = attribute.split_once('=').ok_or(XclientError::Syntax)?;
            let name = name.to_ascii_uppercase();
            if seen.contains(&name) {
                return Err(XclientError::Syntax);
            }
            xclient.set(&name, value)?;
            seen.push(name);
        }
        if seen.is_empty() { Err(XclientError::Syntax) } else { Ok(xclient) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), XclientError> {
        let value = xtext::decode(value).ok_or(XclientError::Value)?;
        let value = (!value.eq_ignore_ascii_case("[UNAVAILABLE]")
            && !value.eq_ignore_ascii_case("[TEMPUNAVAIL]"))
        .then_some(value.as_str());
        match name {
            "ADDR" => self.address = checked(value, address)?,
            "PORT" => self.port = checked(value, |value| number(value)?.try_into().ok())?,
            "HELO" => self.helo = checked(value, printable)?,
            "SESSION" => self.session = checked(value, printable)?,
            "TTL" => self.ttl = checked(value, |value| number(value)?.try_into().ok())?,
            _ => return Err(XclientError::UnknownAttribute),
        }
        Ok(())
    }
}

impl fmt::Display for Xclient {
    /// The parameters as they follow the command, each with its space in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, " ADDR={address}")?,
            Some(IpAddr::V6(address)) => write!(f, " ADDR=IPV6:{address}")?,
            None => {}
        }
        if let Some(port) = self.port {
            write!(f, " PORT={port}")?;
        }
        for (name, value) in [("HELO", &self.helo), ("SESSION", &self.session)] {
            if let Some(value) = value {
                let mut text = String::new();
                xtext::encode(value, &mut text);
                write!(f, " {name}={text}")?;
            }
        }
        match self.ttl {
            Some(ttl) => write!(f, " TTL={ttl}"),
            None => Ok(()),
        }
    }
}

/// Nothing stays nothing; something must be a good value.
fn checked<T>(value: Option<&str>, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, XclientError> {
    value.map(|value| read(value).ok_or(XclientError::Value)).transpose()
}

fn address(value: &str) -> Option<IpAddr> {
    let prefixed = value.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("IPV6:"));
    if prefixed {
        return value[5..].parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    value.parse::<Ipv4Addr>().ok().map(IpAddr::V4).or_else(|| value.parse().ok().map(IpAddr::V6))
}

/// Digits only: no sign, no spaces.
fn number(value: &str) -> Option<u32> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

fn printable(value: &str) -> Option<String> {
    let fits = (1..=TEXT_LIMIT).contains(&value.len());
    (fits && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))).then(|| value.to_owned())
}
