//! Following: from the assignments to stores that serve.
//!
//! The back end mounts what it is assigned and takes nothing by itself. The loop takes no orders: it is woken, reads
//! which databases are this server's and under which tokens, and begins what is missing. What takes long, waiting for a
//! lock or for sessions to end, happens beside it. What it does it reports, and others decide by the reports.
//!
//! A store whose storage failed is not mounted again under the same assignment: what the page cache holds need not be
//! what the disk holds. A lock that somebody else still has is asked for again and again: that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mailbox::FencingToken;
use mailbox_sqlite::{DatabaseError, MountOptions, SqliteStore, Standing};
use placement::record::{MountReport, MountState, Wanted};
use placement::{Token, UnixMillis};
use service::live::Live;
use settings::{DataDirectory, DatabaseName};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::mounts::Mounts;

/// How long one attempt waits for a holder that is on its way out, or is being fenced, to let go of a database.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How long a failed mount speaks against this server once the database is assigned to another. What made it fail may be
/// mended, so it is not for ever.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The databases that are assigned to this server: to be mounted, or to be let go of.
pub(crate) type Assigned = BTreeMap<DatabaseName, Order>;

/// What this server is to do with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The token of the assignment.
    pub(crate) token: Token,
    /// Whether it is to be mounted.
    pub(crate) wanted: Wanted,
}

/// What this back end does with databases.
pub(crate) type Reports = BTreeMap<DatabaseName, MountReport>;

/// What a follower works with.
pub(crate) struct Following {
    pub(crate) data: DataDirectory,
    pub(crate) live: Arc<Live>,
    pub(crate) mounts: Mounts,
    /// What is wanted.
    pub(crate) assigned: watch::Receiver<Assigned>,
    /// What is told.
    pub(crate) reports: watch::Sender<Reports>,
}

/// How this server stands to a database.
enum Held {
    /// A mount is being tried.
    Mounting,
    /// It is served.
    Mounted { token: Token, store: Arc<SqliteStore> },
    /// Its sessions are coming to an end, then its store.
    Dismounting,
    /// The mount of this token failed, or ended by itself. Until then it speaks against this server; not at all if another
    /// server has the database, which is in order.
    Failed { token: Token, until: Option<Instant> },
}

/// What happened beside the loop.
enum Happened {
    /// A mount came to this.
    Tried { token: Token, outcome: Result<SqliteStore, DatabaseError> },
    /// A dismount is complete.
    Dismounted,
    /// A mount ended by itself.
    Lost { store: Arc<SqliteStore>, is_fenced: bool, why: String },
}

/// The follower at work.
struct Follower {
    with: Following,
    held: BTreeMap<DatabaseName, Held>,
    beside: JoinSet<(DatabaseName, Happened)>,
    /// Whether everything is to be dismounted, whatever is assigned.
    ending: bool,
}

impl Following {
    /// Follows the assignments until `end` resolves, then dismounts everything, what was accepted being done first.
    pub(crate) async fn run(self, end: impl Future<Output = ()>) {
        let mut follower =
            Follower { with: self, held: BTreeMap::new(), beside: JoinSet::new(), ending: false };
        tokio::pin!(end);
        loop {
            follower.reconcile();
            let ending = follower.ending;
            if ending && follower.held.is_empty() {
                return;
            }
            let forgotten = follower.next_forgotten();
            let Follower { with, beside, .. } = &mut follower;
            tokio::select! {
                // A sender that is gone will say nothing more; what it said last holds.
                Ok(()) = with.assigned.changed() => {}
                Some(happened) = beside.join_next() => {
                    // A thread that panicked has told so, and its database stays as it is until it is assigned anew.
                    if let Ok((database, happened)) = happened {
                        follower.take(&database, happened);
                    }
                }
                () = &mut end, if !ending => follower.ending = true,
                () = sleep_until(forgotten.unwrap_or_else(Instant::now)), if forgotten.is_some() => {}
            }
        }
    }
}

impl Follower {
    /// Begins whatever leads from what is to what is wanted. What is under way is waited for.
    fn reconcile(&mut self) {
        let mut assigned = self.with.assigned.borrow_and_update().clone();
        if self.ending {
            assigned.clear();
        }
        let reported: Vec<_> = self.with.reports.borrow().keys().cloned().collect();
        let databases: BTreeSet<_> =
            assigned.keys().chain(self.held.keys()).chain(&reported).cloned().collect();
        for database in databases {
            self.obey(&database, assigned.get(&database).copied());
        }
    }

    fn obey(&mut self, database: &DatabaseName, order: Option<Order>) {
        let dismounted = order.filter(|order| order.wanted == Wanted::Dismounted);
        match (self.held.get(database), order) {
            (Some(Held::Mounted { token, .. }), Some(Order { token: wanted, wanted: Wanted::Mounted }))
                if *token == wanted => {}
            (Some(Held::Mounted { token, store }), _) => {
                let (token, store) = (dismounted.map_or(*token, |order| order.token), Arc::clone(store));
                self.dismount(database, token, store);
            }
            (Some(Held::Failed { token, .. }), Some(Order { token: wanted, wanted: Wanted::Mounted }))
                if *token == wanted => {}
            (None | Some(Held::Failed { .. }), Some(Order { token, wanted: Wanted::Mounted })) => {
                self.mount(database.clone(), token);
            }
            (None | Some(Held::Failed { .. }), Some(Order { token, wanted: Wanted::Dismounted })) => {
                self.held.remove(database);
                self.report(database, token, MountState::Dismounted);
            }
            // Tried in vain, and assigned elsewhere. If this were forgotten at once, two servers that both cannot mount it would
            // hand it to each other for ever.
            (Some(Held::Failed { until: Some(until), .. }), None)
                if !self.ending && Instant::now() < *until => {}
            // Assigned elsewhere, or nowhere: there is nothing to say.
            (None | Some(Held::Failed { .. }), None) => {
                self.held.remove(database);
                self.with.reports.send_if_modified(|reports| reports.remove(database).is_some());
            }
            (Some(Held::Dismounting), _) => {
                if let Some(order) = dismounted {
                    self.report(database, order.token, MountState::Dismounting);
                }
            }
            (Some(Held::Mounting), _) => {}
        }
    }

    /// When the next failure has been remembered for long enough.
    fn next_forgotten(&self) -> Option<Instant> {
        let assigned = self.with.assigned.borrow();
        let failures = self.held.iter().filter_map(|(database, held)| match held {
            Held::Failed { until, .. } if !assigned.contains_key(database) => *until,
            _ => None,
        });
        failures.min()
    }

    fn mount(&mut self, database: DatabaseName, token: Token) {
        let settled = self.with.live.snapshot();
        let mut options = MountOptions::default();
        options.low_water = settled.server.delivery.low_water_mark.get();
        options.lock_wait = LOCK_WAIT;
        let folder = self.with.data.database(database.as_str());
        self.report(&database, token, MountState::Mounting);
        self.held.insert(database.clone(), Held::Mounting);
        self.beside.spawn_blocking(move || {
            let fencing = FencingToken { epoch: token.epoch, revision: token.revision };
            let outcome = SqliteStore::mount(&folder, fencing, options);
            (database, Happened::Tried { token, outcome })
        });
    }

    /// Lets the sessions come to a boundary and closes the store.
    fn dismount(&mut self, database: &DatabaseName, token: Token, store: Arc<SqliteStore>) {
        let settled = self.with.live.snapshot();
        let limit = settled.configuration.cluster().placement.session_drain.duration();
        let left = self.with.mounts.remove(database.as_str());
        self.report(database, token, MountState::Dismounting);
        self.held.insert(database.clone(), Held::Dismounting);
        let database = database.clone();
        self.beside.spawn(async move {
            if let Some(mount) = left {
                reception::empty(&mount.sessions, limit).await;
            }
            store.dismount().await;
            (database, Happened::Dismounted)
        });
    }

    fn take(&mut self, database: &DatabaseName, happened: Happened) {
        match happened {
            Happened::Tried { token, outcome: Ok(store) } => self.serve(database, token, Arc::new(store)),
            Happened::Tried { token, outcome: Err(DatabaseError::InUse { .. }) } => {
                tracing::warn!(%database, %token, "another process has the lock; it is asked for again");
                self.held.remove(database);
            }
            Happened::Tried { token, outcome: Err(error) } => {
                let is_fenced = matches!(error, DatabaseError::Fenced { .. });
                self.fail(database, token, is_fenced, error.to_string());
            }
            // What there is to say of it depends on what is assigned now.
            Happened::Dismounted => drop(self.held.remove(database)),
            Happened::Lost { store, is_fenced, why } => match self.held.get(database) {
                Some(Held::Mounted { token, store: held }) if Arc::ptr_eq(held, &store) => {
                    let token = *token;
                    self.with.mounts.remove(database.as_str());
                    self.fail(database, token, is_fenced, why);
                }
                // It was on its way out.
                _ => {}
            },
        }
    }

    fn serve(&mut self, database: &DatabaseName, token: Token, store: Arc<SqliteStore>) {
        self.with.mounts.insert(database.as_str(), Arc::clone(&store) as crate::mounts::Store);
        self.held.insert(database.clone(), Held::Mounted { token, store: Arc::clone(&store) });
        self.report(database, token, MountState::Mounted);
        let database = database.clone();
        self.beside.spawn(async move {
            let mut standing = store.standing();
            let (is_fenced, why) =
                match standing.wait_for(|standing| !matches!(standing, Standing::Mounted)).await {
                    Ok(ended) => (matches!(*ended, Standing::Fenced { .. }), told(&ended)),
                    Err(_) => (false, "its threads have ended".to_owned()),
                };
            (database, Happened::Lost { store, is_fenced, why })
        });
    }

    fn fail(&mut self, database: &DatabaseName, token: Token, is_fenced: bool, reason: String) {
        tracing::error!(%database, %token, reason, "a database is not served here");
        let until = (!is_fenced).then(|| Instant::now() + REMEMBERED);
        self.held.insert(database.clone(), Held::Failed { token, until });
        self.report(database, token, MountState::Failed { reason });
    }

    fn report(&self, database: &DatabaseName, token: Token, state: MountState) {
        let since = UnixMillis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0));
        self.with.reports.send_modify(|reports| {
            // Another attempt at the same is no news.
            if reports.get(database).is_none_or(|report| (&report.state, report.token) != (&state, token)) {
                reports.insert(database.clone(), MountReport { state, token, since, sessions: None });
            }
        });
    }
}

/// Why a mount ended, for people.
fn told(standing: &Standing) -> String {
    match standing {
        Standing::Mounted => "it is mounted".to_owned(),
        Standing::Dismounted => "it was dismounted".to_owned(),
        Standing::Fenced { held, found } => {
            format!("another server has it: the store carries token {found}, this mount had {held}")
        }
        Standing::Failed { operation, source } => format!("could not {operation}: {source}"),
    }
}

#[cfg(test)]
mod tests;
