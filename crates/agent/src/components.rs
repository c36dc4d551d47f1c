//! Whether this server's services take traffic: what the records say, made so.
//!
//! A service that was started anew takes traffic until it is told otherwise, so the loop looks every second. It acts only
//! where a service is not as it should be.

use std::sync::Arc;
use std::time::Duration;

use placement::record::ComponentState;
use placement::{Component, World, component_state};
use service::admin::{Answer, Ask, Traffic, ask};
use settings::{ServerFolder, ServerName};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often the services are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes the components of `server` what the records say, for ever.
pub(crate) async fn apply(
    server: ServerName,
    folder: ServerFolder,
    components: Vec<Component>,
    mut world: watch::Receiver<Arc<World>>,
) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            changed = world.changed() => if changed.is_err() { return },
        }
        let world = Arc::clone(&world.borrow_and_update());
        for component in &components {
            let wanted = component_state(&world, &server, component).effective;
            let (folder, component) = (folder.clone(), component.clone());
            // The admin socket is asked by blocking calls. One that panicked has told so.
            let _ = spawn_blocking(move || make_it_so(&folder, &component, wanted)).await;
        }
    }
}

fn make_it_so(folder: &ServerFolder, component: &Component, wanted: ComponentState) {
    let socket = folder.admin_socket(component.as_str());
    let takes_traffic = match ask(&socket, &Ask::Status, PATIENCE) {
        Ok(Answer::Status(status)) => status.traffic == Traffic::Admitting,
        // It does not run, or hangs: there is nothing to be told now.
        _ => return,
    };
    let order = match (wanted, takes_traffic) {
        (ComponentState::Active, false) => Ask::Admit,
        (ComponentState::Draining | ComponentState::Inactive, true) => Ask::Drain,
        _ => return,
    };
    match ask(&socket, &order, PATIENCE) {
        Ok(Answer::Done) => tracing::info!(%component, %wanted, "the component is told"),
        other => tracing::warn!(%component, %wanted, ?other, "the component does not obey"),
    }
}
