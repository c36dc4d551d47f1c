//! Who users are, and whether they are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use directory::{DirectoryError, Password, SqliteDirectory, SqliteSettings, User};
use health::{Failure, FailureReason, Finding, Part, Phase};
use health_mailbox::HealthMailbox;
use settings::{DatabaseName, Value as _};
use tokio::task::spawn_blocking;

use super::{Aim, Attempts, Recording, SharedDirectory, cannot_test, hindrance, in_phases};

/// The directory, opened when it is first asked: an agent also runs without one.
pub(super) struct Source {
    file: PathBuf,
    opened: Arc<Mutex<Option<SharedDirectory>>>,
}

impl Source {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, opened: Arc::default() }
    }

    async fn open(&self) -> Result<SharedDirectory, DirectoryError> {
        let kept = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(directory) = kept {
            return Ok(directory);
        }
        let (file, opened) = (self.file.clone(), Arc::clone(&self.opened));
        let open = move || -> Result<SharedDirectory, DirectoryError> {
            let directory: SharedDirectory =
                Arc::new(SqliteDirectory::open(&file, &SqliteSettings::default())?);
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&directory));
            Ok(directory)
        };
        spawn_blocking(open).await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }
}

impl Attempts {
    /// Looks up the health mailbox of a database, any will do.
    pub(super) async fn look_up(&self, aim: &Aim) -> Finding {
        let Some(database) = self.world().topology.databases.first().map(|it| it.name.clone()) else {
            return cannot_test(hindrance(FailureReason::NotConfigured, "there is no database"));
        };
        in_phases((Part::Directory, Phase::LookUp), aim.limit, |recording| async move {
            self.find(&database, &recording).await.map(drop)
        })
        .await
    }

    /// Verifies the secret of a health mailbox as a log-in does.
    pub(super) async fn authenticate(&self, target: &str, aim: &Aim) -> Finding {
        let found = DatabaseName::parse(target)
            .map_err(|error| hindrance(FailureReason::NotConfigured, &error.to_string()))
            .and_then(|database| Ok((self.account(&database)?, database)));
        let (account, database) = match found {
            Ok(found) => found,
            Err(why) => return cannot_test(why),
        };
        let finding = in_phases((Part::Authentication, Phase::LookUp), aim.limit, |recording| {
            let database = database.clone();
            async move {
                let user = self.find(&database, &recording).await?;
                recording.enter(Phase::Auth);
                if user.credential.verify(&Password::new(account.secret.as_bytes())) {
                    return Ok(());
                }
                let why = format!("the secret of {} is not the one that the directory has", user.name);
                Err(recording.failure(FailureReason::Authentication, why))
            }
        });
        Finding { database: Some(database.clone()), ..finding.await }
    }

    async fn find(&self, database: &DatabaseName, recording: &Recording) -> Result<User, Failure> {
        let failed = |why: String| recording.failure(FailureReason::LookUp, why);
        let directory = self.directory.open().await.map_err(|error| failed(told(&error)))?;
        let name = HealthMailbox::of(database).user().parse();
        let name = name.map_err(|error: directory::NameError| failed(error.to_string()))?;
        let found = directory.find(&name).await.map_err(|error| failed(told(&error)))?;
        found.ok_or_else(|| failed(format!("{name} is not there")))
    }
}

fn told(error: &DirectoryError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
