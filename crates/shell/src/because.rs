//! Why something is asked for.

use admin_api::rows::Reason;
use clap::Args;

/// Why something is asked for, as an argument.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Because {
    /// Why, for those who read the audit log later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Because {
    /// As a request.
    pub(crate) fn request(self) -> Reason {
        Reason { reason: self.reason }
    }

    /// As a text.
    pub(crate) fn text(self) -> Option<String> {
        self.reason
    }
}
