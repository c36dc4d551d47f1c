//! EXTERNAL: one message, the authzid or nothing (RFC 4422 appendix A). The certificate says who the peer is.

use super::{Credentials, SaslError, optional_name};
use crate::Secret;

/// Reads the client's message.
pub(super) fn parse(message: &Secret) -> Result<Credentials, SaslError> {
    Ok(Credentials::External { authzid: optional_name(message.as_bytes())? })
}
