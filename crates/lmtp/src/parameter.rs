//! The parameters of `MAIL FROM`: what the extensions of the service add to it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::command::CommandError;

/// The longest [`DeliveryId`].
const DELIVERY_ID_LIMIT: usize = 64;

/// Parameters after the path of `MAIL FROM`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// `SIZE=`: the sender's estimate of the message's octets (RFC 1870 §6).
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152 §3). It changes nothing here: every octet is kept.
    pub body: Option<Body>,
    /// `XDELIVERYID=`: private, on the inner leg only. A delivery sent again under the same identity is stored
    /// once.
    pub delivery_id: Option<DeliveryId>,
}

/// What octets the sender says the message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// Names one delivery across its attempts: 1 to 64 letters, digits, dots, hyphens and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(String);

/// The text is not a [`DeliveryId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a delivery id is 1 to {DELIVERY_ID_LIMIT} letters, digits, dots, hyphens and underscores")]
pub struct InvalidDeliveryId;

impl DeliveryId {
    /// The identity as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidDeliveryId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if (1..=DELIVERY_ID_LIMIT).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDeliveryId)
        }
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MailParameters {
    /// Reads what follows the path: nothing, or parameters with a space before each (RFC 5321 §4.1.2).
    pub(crate) fn parse(text: &str) -> Result<Self, CommandError> {
        let mut parameters = Self::default();
        for (keyword, value) in split(text)? {
            if keyword.eq_ignore_ascii_case("SIZE") {
                set(&mut parameters.size, value.and_then(size))?;
            } else if keyword.eq_ignore_ascii_case("BODY") {
                set(&mut parameters.body, value.and_then(body))?;
            } else if keyword.eq_ignore_ascii_case("XDELIVERYID") {
                set(&mut parameters.delivery_id, value.and_then(|value| value.parse().ok()))?;
            } else {
                return Err(CommandError::UnknownParameter);
            }
        }
        Ok(parameters)
    }
}

impl fmt::Display for MailParameters {
    /// The parameters as they follow the path, each with its space in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        match self.body {
            Some(Body::SevenBit) => f.write_str(" BODY=7BIT")?,
            Some(Body::EightBitMime) => f.write_str(" BODY=8BITMIME")?,
            None => {}
        }
        match &self.delivery_id {
            Some(id) => write!(f, " XDELIVERYID={id}"),
            None => Ok(()),
        }
    }
}

/// The keyword and value of each parameter.
pub(crate) fn split(text: &str) -> Result<impl Iterator<Item = (&str, Option<&str>)>, CommandError> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(CommandError::Syntax);
    }
    let parameters = text.split(' ').filter(|parameter| !parameter.is_empty());
    Ok(parameters.map(|parameter| match parameter.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (parameter, None),
    }))
}

/// A parameter may be given once, with a value that means something.
fn set<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), CommandError> {
    if slot.is_some() || value.is_none() {
        return Err(CommandError::Parameter);
    }
    *slot = value;
    Ok(())
}

/// RFC 1870 §4: 1 to 20 digits. What exceeds 64 bits is too large for anyone.
fn size(value: &str) -> Option<u64> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

fn body(value: &str) -> Option<Body> {
    if value.eq_ignore_ascii_case("7BIT") {
        Some(Body::SevenBit)
    } else if value.eq_ignore_ascii_case("8BITMIME") {
        Some(Body::EightBitMime)
    } else {
        None
    }
}
