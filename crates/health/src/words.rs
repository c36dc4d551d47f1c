//! The words for people, in one place.

use std::fmt;
use std::time::Duration;

use crate::observation::Failure;
use crate::verdict::{Blame, Reason};

/// A length of time as people say it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..120 => write!(f, "{seconds} s"),
            120..7200 => write!(f, "{} min", seconds / 60),
            _ => write!(f, "{} h", seconds / 3600),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.reason.word(), self.phase.word())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeding { attempts: 1 } => f.write_str("the last attempt succeeded"),
            Self::Succeeding { attempts } => write!(f, "the last {attempts} attempts succeeded"),
            Self::Failing { failures: 1, of, last } if *of > 1 => {
                write!(f, "the last attempt failed: {last}")
            }
            Self::Failing { failures, last, .. } => write!(f, "{failures} attempts failed, the last: {last}"),
            Self::Within { value, threshold } => {
                write!(f, "measured {value:.1}, the threshold is {threshold}")
            }
            Self::Beyond { value, threshold, detail, .. } => {
                write!(f, "measured {value:.1}, beyond the threshold of {threshold}")?;
                if detail.is_empty() { Ok(()) } else { write!(f, ": {detail}") }
            }
            Self::TooFewSamples { samples, of } => {
                write!(f, "too few samples to judge: {samples}, and it takes {of}")
            }
            Self::Flapping { changes, quiet } => write!(
                f,
                "it works again, but failed {changes} times lately: healthy after {} without a failure",
                Time(*quiet)
            ),
            Self::NoObservations { for_how_long: None } => f.write_str("it has not been observed yet"),
            Self::NoObservations { for_how_long: Some(time) } => {
                write!(f, "not observed for {}", Time(*time))
            }
            Self::CannotTest { last } => write!(f, "it cannot be tested: {last}"),
            Self::Repairing { by } => write!(f, "{by} says that it is being repaired"),
            Self::SwitchedOff { by } => write!(f, "switched off by an override of {by}"),
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own { server } => write!(f, "{server} is at fault itself"),
            Self::Dependency { monitor, health_set, server, target } => {
                write!(f, "because of {health_set}\\{monitor}")?;
                target.iter().try_for_each(|target| write!(f, "\\{target}"))?;
                write!(f, " on {server}")
            }
            Self::MailboxServer { server } => write!(f, "because of the mailbox server {server}"),
            Self::Everything => f.write_str("everything fails everywhere"),
            Self::Waiting => f.write_str("who is to blame is not known yet"),
        }
    }
}
