//! Mail addresses as they stand in the paths of `MAIL FROM` and `RCPT TO` (RFC 5321 §4.1.2).

use std::fmt;

use thiserror::Error;

/// RFC 5321 §4.5.3.1.2.
const DOMAIN_LIMIT: usize = 255;

/// A mailbox: a local part and, usually, a domain.
///
/// The local part is kept without its quotes, so `"user"@example.com` and `user@example.com` are equal, as
/// RFC 5321 §4.1.2 wants them. [`Display`](fmt::Display) puts quotes back where they are needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: Option<String>,
}

/// Why a path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// No `<…>` where a path belongs, or something other than parameters after it.
    #[error("a path is written in angle brackets")]
    NotAPath,
    /// The local part is empty, badly quoted or holds characters that need quotes.
    #[error("the local part of the address is malformed")]
    LocalPart,
    /// The domain is empty, too long or malformed.
    #[error("the domain of the address is malformed")]
    Domain,
    /// The address needs SMTPUTF8, which is not offered.
    #[error("the address has characters outside ASCII")]
    NotAscii,
}

impl Address {
    /// Checks an address without angle brackets: `user@example.com`, `"quoted part"@example.com`, or a local
    /// part alone, as in `<postmaster>` (RFC 5321 §2.3.5) and in local delivery.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Err(AddressError::NotAscii);
        }
        let (local, rest) = local_part(text)?;
        let domain = match rest.strip_prefix('@') {
            None if rest.is_empty() => None,
            None => return Err(AddressError::LocalPart),
            Some(domain) if is_domain(domain) => Some(domain.to_owned()),
            Some(_) => return Err(AddressError::Domain),
        };
        Ok(Self { local, domain })
    }

    /// The local part, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain or address literal, as it was written; none in a bare `<postmaster>`.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            f.write_str(&self.local)?;
        } else {
            f.write_str("\"")?;
            for character in self.local.chars() {
                if matches!(character, '"' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
            f.write_str("\"")?;
        }
        match &self.domain {
            Some(domain) => write!(f, "@{domain}"),
            None => Ok(()),
        }
    }
}

/// Reads a path from the start of `text`: the address (none for the null path `<>`) and what follows it.
pub(crate) fn path(text: &str) -> Result<(Option<Address>, &str), AddressError> {
    let inside = text.strip_prefix('<').ok_or(AddressError::NotAPath)?;
    let end = closing_bracket(inside).ok_or(AddressError::NotAPath)?;
    let (inside, rest) = (&inside[..end], &inside[end + 1..]);
    if inside.is_empty() {
        return Ok((None, rest));
    }
    Address::parse(without_source_route(inside)?).map(|address| (Some(address), rest))
}

/// RFC 5321 §4.1.1.3 and appendix C: a source route `@one,@two:` must be accepted and should be ignored.
fn without_source_route(text: &str) -> Result<&str, AddressError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let (route, mailbox) = text.split_once(':').ok_or(AddressError::Domain)?;
    let hops = route.split(',').all(|hop| hop.strip_prefix('@').is_some_and(is_domain));
    if hops { Ok(mailbox) } else { Err(AddressError::Domain) }
}

/// Where the path ends: a `>` inside quotes is part of the address.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

/// The local part, unquoted, and what follows it.
fn local_part(text: &str) -> Result<(String, &str), AddressError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (local, rest) = text.split_at(text.find('@').unwrap_or(text.len()));
        return if is_dot_string(local) {
            Ok((local.to_owned(), rest))
        } else {
            Err(AddressError::LocalPart)
        };
    };
    let mut local = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        let character = match character {
            '"' if local.is_empty() => return Err(AddressError::LocalPart),
            '"' => return Ok((local, &quoted[index + 1..])),
            '\\' => characters.next().ok_or(AddressError::LocalPart)?.1,
            character => character,
        };
        // RFC 5321 §4.1.2, qtextSMTP and quoted-pairSMTP: printable ASCII and the space, nothing else.
        if !matches!(character, ' '..='~') {
            return Err(AddressError::LocalPart);
        }
        local.push(character);
    }
    Err(AddressError::LocalPart)
}

/// RFC 5321 §4.1.2, Dot-string. Stray dots are let through, since real mailboxes have them.
fn is_dot_string(text: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    !text.is_empty() && text.bytes().all(is_atext)
}

/// A domain name, or an address literal in square brackets (RFC 5321 §4.1.3). Underscores occur in practice.
fn is_domain(text: &str) -> bool {
    if text.is_empty() || text.len() > DOMAIN_LIMIT {
        return false;
    }
    if let Some(literal) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return !literal.is_empty()
            && literal.bytes().all(|byte| matches!(byte, b'!'..=b'Z' | b'^'..=b'~') && byte != b'>');
    }
    text.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}
