//! Following the records.

use std::path::PathBuf;
use std::sync::Arc;

use coordinator::{Coordinator, Mirror, Prefix, Revision, Standing, View};
use placement::{Records, Token};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The records as they were last seen.
#[derive(Clone, Debug)]
pub struct Placed {
    /// What the coordinator held.
    pub records: Records,
    /// Which life of the coordinator that was.
    pub epoch: u64,
    /// The coordinator's revision.
    pub revision: Revision,
    /// Whether that is how it is now.
    pub standing: Standing,
}

impl Placed {
    /// The token of the assignment that was written at `revision`.
    pub fn token(&self, revision: u64) -> Token {
        Token { epoch: self.epoch, revision }
    }

    fn of(view: &View) -> Self {
        let mut records = Records::default();
        for (key, entry) in &view.entries {
            // Others may keep things of their own beside ours; what is ours and cannot be read is told.
            if let Err(error @ placement::RecordError::Value { .. }) =
                records.put(key.as_str(), entry.modified.0, &entry.value)
            {
                tracing::error!(%error, "a record is ignored");
            }
        }
        Self { records, epoch: view.epoch, revision: view.revision, standing: view.standing }
    }
}

/// The part of the coordinator that has the assignments alone: what services follow.
pub fn assignments() -> Prefix {
    Prefix::new("assignments/").expect("it is short and of letters")
}

/// All of it: what agents follow.
pub fn everything() -> Prefix {
    Prefix::everything()
}

/// Keeps the records of a part of the coordinator in step until it is dropped.
#[derive(Debug)]
pub struct Following {
    placed: watch::Receiver<Arc<Placed>>,
    task: JoinHandle<()>,
    _mirror: Mirror,
}

impl Following {
    /// Follows the records whose keys begin with `prefix`, beginning with what `cache` remembers of an earlier process.
    /// Within a runtime only.
    pub fn start(coordinator: Arc<dyn Coordinator>, prefix: Prefix, cache: Option<PathBuf>) -> Self {
        let mirror = Mirror::start(coordinator, prefix, cache);
        let mut views = mirror.changes();
        let now = Arc::new(Placed::of(&views.borrow_and_update()));
        let (tell, placed) = watch::channel(now);
        let task = tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let view = Arc::clone(&views.borrow_and_update());
                tell.send_replace(Arc::new(Placed::of(&view)));
            }
        });
        Self { placed, task, _mirror: mirror }
    }

    /// The records now.
    pub fn now(&self) -> Arc<Placed> {
        Arc::clone(&self.placed.borrow())
    }

    /// The records now and whenever they change.
    pub fn changes(&self) -> watch::Receiver<Arc<Placed>> {
        self.placed.clone()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}
