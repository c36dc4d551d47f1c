//! Entries of the journal in words, one line each.

use std::fmt;

use super::journal::{Event, Found, Outcome};

impl Event {
    /// What kind of event it is, in a word or two.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "began",
            Self::Probed { .. } => "probed",
            Self::Skipped { .. } => "passed over",
            Self::Intended { .. } => "acts",
            Self::Acted { failed: None, .. } => "done",
            Self::Acted { .. } => "not done",
            Self::Verified { well: true, .. } => "helped",
            Self::Verified { .. } => "did not help",
            Self::Withheld { .. } => "would act",
            Self::Called { .. } => "calls a person",
            Self::Told { over: false, .. } => "told",
            Self::Told { over: true, .. } => "told the end",
            Self::Escalated { .. } => "escalated",
            Self::Approved { .. } => "approved",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Stopped { .. } => "stopped",
            Self::Undone => "undone",
            Self::Ended { .. } => "ended",
            Self::Restarted { .. } => "restarted by init",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { monitor, target, why, blame, .. } => {
                let target = target.as_ref().map(|target| format!(" {target}")).unwrap_or_default();
                write!(f, "{monitor}{target} is Unhealthy: {why}")?;
                if blame.is_empty() { Ok(()) } else { write!(f, "; {blame}") }
            }
            Self::Probed { by, found, what, .. } => {
                let found = match found {
                    Found::Works => "works",
                    Found::Fails => "fails",
                    Found::CannotTest => "cannot be tested",
                };
                write!(f, "{found}, as {by} sees it: {what}")
            }
            Self::Skipped { why, .. } => why.fmt(f),
            Self::Intended { act, .. } | Self::Withheld { act, .. } => act.fmt(f),
            Self::Acted { failed: None, .. } => f.write_str("what was intended"),
            Self::Verified { what, .. } => f.write_str(what),
            Self::Acted { failed: Some(why), .. } | Self::Called { why } | Self::Escalated { why } => {
                f.write_str(why)
            }
            Self::Stopped { by, reason: Some(reason) } => write!(f, "by {by}: {reason}"),
            Self::Stopped { by, reason: None }
            | Self::Approved { by, .. }
            | Self::Held { by }
            | Self::Released { by } => write!(f, "by {by}"),
            Self::Undone => f.write_str("what it had blocked and switched on is as it was"),
            Self::Ended { outcome } => f.write_str(match outcome {
                Outcome::Recovered => "recovered",
                Outcome::HealedByItself => "it healed by itself",
                Outcome::Escalated => "it works again, after a person was called",
                Outcome::HandedOver => "the agent that leads now goes on with it",
                Outcome::Stopped => "it works again, after a person stopped the recovery",
            }),
            Self::Told { channel, .. } => f.write_str(channel),
            Self::Restarted { service } => f.write_str(service),
        }
    }
}
