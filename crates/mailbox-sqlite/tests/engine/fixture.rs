//! Databases in temporary directories.

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mailbox::{
    Delivery, FencingToken, MailboxId, MailboxStore, MemoryMessage,
    testing::{TestDatabase, delivery, delivery_id, mailbox_id},
};
use mailbox_sqlite::{CreateOptions, MountOptions, SqliteStore, back_up, check, create, restore};
use rusqlite::Connection;
use tempfile::TempDir;

/// Drives a test's future.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime needs nothing that could be missing").block_on(future)
}

/// Options for tests: little memory, little patience, no low-water mark.
pub(crate) fn options() -> MountOptions {
    let mut options = MountOptions::default();
    options.readers = 2;
    options.low_water = 0;
    options.reserve = 1 << 16;
    options.tidy_interval = Duration::from_millis(1);
    options
}

/// The `revision`th assignment.
pub(crate) const fn token(revision: u64) -> FencingToken {
    FencingToken { epoch: 1, revision }
}

/// Waits until `done` says so, for as long as a slow machine may take.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(30), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(patience.await.is_ok(), "it never came about that {what}");
}

/// A database in the hands of the suite.
pub(crate) struct SqliteDatabase {
    home: TempDir,
    directory: PathBuf,
    store: Arc<SqliteStore>,
    revision: u64,
    restores: u32,
    markers: u64,
}

impl SqliteDatabase {
    pub(crate) fn new() -> Self {
        let home = TempDir::new().expect("tests may write into the temporary directory");
        let directory = home.path().join("DB01");
        create(&directory, CreateOptions::default()).expect("the directory is new");
        let store =
            Arc::new(SqliteStore::mount(&directory, token(1), options()).expect("it was just created"));
        Self { home, directory, store, revision: 1, restores: 0, markers: 0 }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) const fn sqlite(&self) -> &Arc<SqliteStore> {
        &self.store
    }

    /// A second connection to the file, past the engine.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Connection::open(self.directory.join("mail.sqlite")).expect("the file is there");
        connection.busy_timeout(Duration::from_secs(10)).expect("any time-out is allowed");
        connection
    }

    pub(crate) fn count(&self, sql: &str) -> u64 {
        self.connection().query_row(sql, [], |row| row.get(0)).expect("the test counts what there is")
    }

    pub(crate) async fn mount_again(&mut self, options: MountOptions) {
        self.store.dismount().await;
        self.revision += 1;
        let store = SqliteStore::mount(&self.directory, token(self.revision), options);
        self.store = Arc::new(store.expect("it was mounted before"));
    }

    /// Waits until the engine has removed all that it may remove now: it removes in the order of deletion, so that a
    /// mailbox removed last is gone last.
    pub(crate) async fn tidied(&mut self) {
        self.markers += 1;
        let marker = mailbox_id(u64::MAX);
        let delivery = Delivery {
            id: delivery_id(u64::from(u32::MAX) + self.markers),
            ..delivery(0, marker, b"marker")
        };
        self.store.deliver(delivery).await.unwrap();
        self.store.remove_mailbox(&marker).await.unwrap();
        let connection = self.connection();
        let waiting = format!("SELECT count(*) FROM deletion WHERE id = x'{marker}'");
        until("a removed mailbox's messages are gone", || {
            connection.query_row(&waiting, [], |row| row.get::<_, u64>(0)).unwrap() == 0
        })
        .await;
    }
}

impl TestDatabase for SqliteDatabase {
    fn store(&self) -> Arc<dyn MailboxStore> {
        self.store.clone()
    }

    async fn remount(&mut self) {
        self.mount_again(options()).await;
    }

    async fn back_up(&mut self) {
        back_up(&self.directory, &self.home.path().join("backup"), &mut |_| ()).unwrap();
    }

    async fn restore(&mut self) {
        self.store.dismount().await;
        self.restores += 1;
        self.directory = self.home.path().join(format!("restored-{}", self.restores));
        restore(&self.home.path().join("backup"), &self.directory, &mut |_| ()).unwrap();
        self.mount_again(options()).await;
    }

    async fn kept(&mut self, mailbox: MailboxId) -> u64 {
        self.tidied().await;
        let report = check(&self.directory, &mut |_| ()).unwrap();
        assert_eq!(report.problems, [], "removal leaves a sound database");
        self.count(&format!(
            "SELECT count(*) FROM message WHERE mailbox = (SELECT number FROM mailbox WHERE id = x'{mailbox}')"
        ))
    }
}

/// Delivers `raw` as the `number`th delivery.
pub(crate) async fn deliver(
    store: &dyn MailboxStore,
    number: u64,
    mailbox: MailboxId,
    raw: &[u8],
) -> mailbox::Uid {
    store.deliver(delivery(number, mailbox, raw)).await.unwrap().uid()
}

/// All bodies that a session which begins now sees, in wire form.
pub(crate) async fn bodies(store: &dyn MailboxStore, mailbox: MailboxId) -> Vec<Vec<u8>> {
    let snapshot = store.snapshot(&mailbox).await.unwrap();
    let mut bodies = Vec::new();
    for entry in store.list(&snapshot).await.unwrap() {
        let mut body = Vec::new();
        for chunk in 0..entry.chunks() {
            body.extend(store.read_chunk(&snapshot, entry.uid, chunk).await.unwrap());
        }
        bodies.push(body);
    }
    bodies
}

/// A message of about `length` bytes that differs from every other of the test.
pub(crate) fn message(number: u64, length: usize) -> Vec<u8> {
    let head = format!("Subject: number {number} of many that differ\r\n\r\n");
    let line = format!("{number} and a line to make it longer\r\n");
    let lines = length.saturating_sub(head.len()).div_ceil(line.len());
    (head + &line.repeat(lines)).into_bytes()
}

pub(crate) fn wire(raw: &[u8]) -> Vec<u8> {
    MemoryMessage::encode(raw).wire().to_vec()
}
