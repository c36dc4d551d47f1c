//! Threads that read the file, so that nobody else waits for a disk.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use rusqlite::Connection;
use tokio::{sync::oneshot, time::timeout};

use super::{SqliteSettings, file::open_reader, unavailable};
use crate::{DirectoryError, Fault, Retry};

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("too many questions wait for it already")]
    Full,
    #[error("there was no answer within {0:?}")]
    Late(Duration),
    #[error("the thread that reads it failed")]
    Failed,
}

/// The way to the reader threads.
#[derive(Clone)]
pub(super) struct Readers {
    questions: SyncSender<Question>,
    patience: Duration,
}

impl Readers {
    pub(super) fn open(path: &Path, settings: &SqliteSettings) -> Result<Self, DirectoryError> {
        let (sender, receiver) = sync_channel(settings.queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..settings.readers.max(1) {
            let connection = open_reader(path)?;
            let questions = Arc::clone(&receiver);
            thread::Builder::new()
                .name("directory-read".into())
                .spawn(move || read(&connection, &questions))
                .map_err(unavailable("start a thread"))?;
        }
        Ok(Self { questions: sender, patience: settings.patience })
    }

    /// Has a reader answer a question. Never waits for a place in the queue, and only so long for the answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let none = |fault, reason: NoAnswer| DirectoryError::Unavailable {
            operation,
            fault,
            retry: Retry::Soon,
            source: reason.into(),
        };
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            // Whoever asked may be gone; then the reader is free for the next.
            if !reply.is_closed() {
                let _ = reply.send(question(connection));
            }
        });
        match self.questions.try_send(question) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(none(Fault::Overload, NoAnswer::Full)),
            Err(TrySendError::Disconnected(_)) => return Err(none(Fault::Storage, NoAnswer::Failed)),
        }
        match timeout(self.patience, answer).await {
            Ok(Ok(answer)) => answer.map_err(unavailable(operation)),
            Ok(Err(_)) => Err(none(Fault::Storage, NoAnswer::Failed)),
            Err(_) => Err(none(Fault::Storage, NoAnswer::Late(self.patience))),
        }
    }
}

/// The life of a reader: one question after the other, until nobody can ask any more.
fn read(connection: &Connection, questions: &Mutex<Receiver<Question>>) {
    loop {
        // One reader waits for the queue, the others for the lock: it is the same wait.
        let question = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(question) = question else { return };
        // A panic costs one answer, not the reader.
        let _ = catch_unwind(AssertUnwindSafe(|| question(connection)));
    }
}
