//! PLAIN: `[authzid] NUL authcid NUL password` in one message (RFC 4616).

use super::{Credentials, SaslError, name, optional_name, refuse_forbidden};
use crate::Secret;

/// Reads the client's message.
pub(super) fn parse(message: &Secret) -> Result<Credentials, SaslError> {
    let mut fields = message.as_bytes().split(|byte| *byte == 0);
    let (Some(authzid), Some(user), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(SaslError::Malformed);
    };
    refuse_forbidden(password)?;
    // RFC 4616 section 2: authcid and passwd are at least one character.
    if password.is_empty() {
        return Err(SaslError::Malformed);
    }
    Ok(Credentials::Plain {
        authzid: optional_name(authzid)?,
        user: name(user)?,
        password: Secret::new(password),
    })
}

/// A client's message. Its parts must hold no CR, LF or NUL, and user and password must not be empty.
pub fn message(authzid: Option<&str>, user: &str, password: &Secret) -> Result<Secret, SaslError> {
    let parts = [authzid.unwrap_or_default().as_bytes(), user.as_bytes(), password.as_bytes()];
    parts.into_iter().try_for_each(refuse_forbidden)?;
    if user.is_empty() || password.as_bytes().is_empty() {
        return Err(SaslError::Malformed);
    }
    Ok(Secret::new(parts.join(&0)))
}
