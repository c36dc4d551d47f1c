//! LOGIN: the server prompts for the name, then for the password. No RFC; this is what clients expect.

use super::{SaslError, refuse_forbidden};
use crate::Secret;

/// The first challenge.
pub(super) const USER_PROMPT: &[u8] = b"Username:";
/// The second challenge.
pub(super) const PASSWORD_PROMPT: &[u8] = b"Password:";

/// Checks the answer to the second challenge.
pub(super) fn password(response: Secret) -> Result<Secret, SaslError> {
    refuse_forbidden(response.as_bytes())?;
    if response.as_bytes().is_empty() { Err(SaslError::Malformed) } else { Ok(response) }
}
