//! The health mailboxes are in the directory: each agent sees to it, since no command needs to.

use std::sync::Arc;
use std::time::Duration;

use directory::Administration;
use directory::administration::{AdministrationError, AdministrationSettings, Provision};
use health_mailbox::HealthMailbox;
use service::Live;
use settings::DataDirectory;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::watching::health_key;

/// How often it is looked after.
const LOOK: Duration = Duration::from_mins(1);

/// Provides the health mailbox of each configured database, for ever.
pub(crate) async fn provide(data: DataDirectory, live: Arc<Live>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        look.tick().await;
        let (data, live) = (data.clone(), Arc::clone(&live));
        // One that panicked has told so.
        let Ok(provided) = spawn_blocking(move || provide_now(&data, &live)).await else { continue };
        match provided {
            Ok(()) => told.clear(),
            Err(why) if why != told => {
                tracing::warn!(
                    why,
                    "health mailboxes are not provided; probes cannot log in to new databases"
                );
                told = why;
            }
            Err(_) => {}
        }
    }
}

fn provide_now(data: &DataDirectory, live: &Live) -> Result<(), String> {
    let settled = live.snapshot();
    if settled.configuration.databases.is_empty() {
        return Ok(());
    }
    let key = health_key(data).map_err(|failure| failure.detail)?;
    let told = |error: AdministrationError| error.to_string();
    let directory = data.directory();
    if !directory.exists() {
        return Err(format!("there is no directory at {}", directory.display()));
    }
    let mut administration =
        Administration::open(&directory, AdministrationSettings::default()).map_err(told)?;
    for database in &settled.configuration.databases {
        let secret = key.secret(&HealthMailbox::of(&database.name));
        if administration.provision_health_mailbox(&database.name, &secret).map_err(told)?
            == Provision::Created
        {
            tracing::info!(database = %database.name, "a health mailbox is in the directory");
        }
    }
    Ok(())
}
