//! What the cluster wants of this back end, and what it tells the cluster: between the records and the follower.

use std::sync::Arc;

use cluster::{Announcements, Announcing, Placed};
use placement::RecordKey;
use settings::{Configuration, ServerName};
use tokio::sync::watch;

use crate::following::{Assigned, Order, Reports};

/// What is assigned to `server`. Databases are called what the configuration calls them, whose folders bear the names.
pub(crate) fn assigned_to(server: &ServerName, configuration: &Configuration, placed: &Placed) -> Assigned {
    let of_database = |database: &settings::Database| {
        let assignment = placed.records.assignments.get(&database.name)?;
        let order = Order { token: placed.token(assignment.revision), wanted: assignment.value.wanted };
        (assignment.value.server == *server).then(|| (database.name.clone(), order))
    };
    configuration.databases.iter().filter_map(of_database).collect()
}

/// Keeps `assigned` what the records say, for ever.
pub(crate) async fn follow(
    server: ServerName,
    live: Arc<service::Live>,
    mut placed: watch::Receiver<Arc<Placed>>,
    assigned: watch::Sender<Assigned>,
) {
    let mut settings = live.subscribe();
    loop {
        let now = assigned_to(&server, &live.snapshot().configuration, &placed.borrow_and_update());
        assigned.send_if_modified(|known| {
            let news = *known != now;
            *known = now;
            news
        });
        tokio::select! {
            changed = placed.changed() => if changed.is_err() { return },
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

/// Announces every report, for ever.
pub(crate) async fn report(
    server: ServerName,
    mut reports: watch::Receiver<Reports>,
    announcing: Arc<Announcing>,
) {
    loop {
        let mut announcements = Announcements::default();
        for (database, report) in reports.borrow_and_update().iter() {
            announcements.say(&RecordKey::Mount(database.clone(), server.clone()), report);
        }
        announcing.update(|said| *said = announcements);
        if reports.changed().await.is_err() {
            return;
        }
    }
}
