//! Moves of mailboxes whose movers have died: whoever leads finishes or undoes them.

use std::sync::Arc;
use std::time::Duration;

use directory::Name;
use mailbox_move::{MoveError, Recovered, Site, recover};
use service::Live;
use settings::DataDirectory;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for them. A dead mover is known by its lease, which is longer.
const LOOK: Duration = Duration::from_mins(1);

/// Takes up what was left, for ever, while this agent leads.
pub(crate) async fn take_up(data: DataDirectory, live: Arc<Live>, leading: watch::Receiver<bool>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        if !*leading.borrow() {
            continue;
        }
        let site = Site::new(data.clone(), live.snapshot().configuration.clone());
        match recover(&site).await {
            Ok(recovered) => {
                for (user, outcome) in &recovered {
                    tell(user, outcome);
                }
            }
            Err(error) => tracing::warn!(%error, "it is not known which mailboxes are on the move"),
        }
    }
}

fn tell(user: &Name, outcome: &Result<Recovered, MoveError>) {
    match outcome {
        Ok(Recovered::Finished) => tracing::info!(%user, "a mailbox had moved; what was left is removed"),
        Ok(Recovered::Undone) => tracing::info!(%user, "a move of a mailbox was broken off and is undone"),
        Err(error) => tracing::warn!(%user, %error, "a move of a mailbox is left as it is for now"),
    }
}
