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
