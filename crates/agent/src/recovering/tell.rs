//! What people are told: a line of the service log for each entry of the journal.

use health::recovery::{Entry, Event};
use settings::ServerName;

/// Tells of an entry.
pub(super) fn entry(server: &ServerName, entry: &Entry) {
    let id = entry.recovery.map(|number| format!("{}-{number}", server.as_str().to_ascii_lowercase()));
    let id = id.unwrap_or_default();
    match &entry.event {
        Event::Opened { monitor, target, why, ladder, .. } => {
            tracing::warn!(id, monitor, ?target, why, ladder, "a recovery begins");
        }
        Event::Probed { by, what, .. } => tracing::info!(id, %by, what, "probed for a recovery"),
        Event::Skipped { why, .. } => tracing::info!(id, %why, "a rung is passed over"),
        Event::Intended { act, .. } => tracing::warn!(id, %act, "about to act"),
        Event::Acted { failed: None, .. } => tracing::info!(id, "it is done"),
        Event::Acted { failed: Some(why), .. } => tracing::error!(id, why, "it could not be done"),
        Event::Verified { well: true, what, .. } => tracing::info!(id, what, "it helped"),
        Event::Verified { well: false, what, .. } => tracing::warn!(id, what, "it did not help"),
        Event::Withheld { act, .. } => {
            tracing::info!(id, %act, "would be done, if the mode were not observe");
        }
        Event::Told { channel, over } => tracing::info!(id, channel, over, "a channel has taken it"),
        Event::Called { why } => tracing::error!(id, why, "a person is needed"),
        Event::Escalated { why } => tracing::error!(id, why, "given up: a person is needed"),
        Event::Ended { outcome } => tracing::info!(id, outcome = outcome.word(), "a recovery is over"),
        Event::Restarted { service } => tracing::info!(service, "the init has restarted a service"),
        Event::Approved { by, .. }
        | Event::Held { by }
        | Event::Released { by }
        | Event::Stopped { by, .. } => {
            tracing::info!(id, by, "a person has spoken about a recovery");
        }
        Event::Undone => tracing::info!(id, "what a stopped recovery had changed is undone"),
    }
}
