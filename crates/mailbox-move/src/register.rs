//! The directory's records of moves, written from tasks.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use directory::administration::{AdministrationError, AdministrationSettings};
use directory::{Administration, MoveId, Moving, Name, User};
use settings::DatabaseName;

use crate::Site;

/// For how long a mover is taken to be alive after its last sign of life.
pub(crate) const LEASE: Duration = Duration::from_mins(2);

/// The directory, opened for changes.
#[derive(Clone)]
pub(crate) struct Register {
    administration: Arc<Mutex<Administration>>,
}

impl Register {
    pub(crate) async fn open(site: &Site) -> Result<Self, AdministrationError> {
        let file = site.data.directory();
        let opened = blocking(move || Administration::open(&file, AdministrationSettings::default())).await?;
        Ok(Self { administration: Arc::new(Mutex::new(opened)) })
    }

    pub(crate) async fn user(&self, name: &Name) -> Result<User, AdministrationError> {
        let name = name.clone();
        self.with(move |administration| administration.show(&name)).await
    }

    pub(crate) async fn users(&self) -> Result<Vec<User>, AdministrationError> {
        self.with(|administration| administration.list()).await
    }

    pub(crate) async fn begin(
        &self,
        name: &Name,
        target: &DatabaseName,
    ) -> Result<Moving, AdministrationError> {
        let (name, target) = (name.clone(), target.clone());
        self.with(move |administration| administration.begin_move(&name, &target, LEASE)).await
    }

    /// Writes a step of a move that is held.
    pub(crate) async fn step(
        &self,
        name: &Name,
        id: &MoveId,
        step: impl FnOnce(&mut Administration, &Name, &MoveId) -> Result<(), AdministrationError> + Send + 'static,
    ) -> Result<(), AdministrationError> {
        let (name, id) = (name.clone(), id.clone());
        self.with(move |administration| step(administration, &name, &id)).await
    }

    async fn with<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Administration) -> Result<T, AdministrationError> + Send + 'static,
    ) -> Result<T, AdministrationError> {
        let administration = Arc::clone(&self.administration);
        // Every change is one transaction, so a panic elsewhere leaves nothing half done.
        blocking(move || ask(&mut administration.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

/// Does on a thread of its own what blocks; a panic there is a panic here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => resume_unwind(error.into_panic()),
    }
}
