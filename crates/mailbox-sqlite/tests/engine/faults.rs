//! Storage that lies, breaks or is taken away, and code that panics.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::FileExt,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use mailbox::{
    CHUNK, Delivered, Delivery, MailboxError, MailboxStore, Octets, UnixSeconds, WireLengths, WireMessage,
    testing::{TestDatabase, delivery, join_all, mailbox_id},
};
use mailbox_sqlite::{Clock, CreateOptions, SqliteStore, Standing, check, create};
use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;

use crate::fixture::{SqliteDatabase, block_on, bodies, deliver, message, options, token, wire};

#[test]
fn a_corrupt_chunk_is_reported_and_never_shown() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let long = deliver(&**store, 1, mailbox_id(1), &message(1, CHUNK + 500)).await;
        let sound = deliver(&**store, 2, mailbox_id(1), b"sound").await;
        let session = store.snapshot(&mailbox_id(1)).await.unwrap();
        store.read_chunk(&session, long, 1).await.unwrap();

        let one_byte =
            "UPDATE chunk SET body = CAST(substr(body, 1, 99) || x'00' || substr(body, 101) AS BLOB)
                        WHERE place = (?1 << 20) + 1";
        assert_eq!(database.connection().execute(one_byte, [long.get()]).unwrap(), 1);

        match store.read_chunk(&session, long, 1).await {
            Err(MailboxError::Corrupt { mailbox, uid, chunk }) => {
                assert_eq!((mailbox, uid, chunk), (mailbox_id(1), long, 1));
            }
            other => panic!("not Corrupt but {other:?}"),
        }
        store.read_chunk(&session, long, 0).await.unwrap();
        assert_eq!(store.read_chunk(&session, sound, 0).await.unwrap(), "sound\r\n");
        assert!(matches!(*store.standing().borrow(), Standing::Mounted));
    });
}

#[test]
fn a_chunk_that_is_missing_or_too_short_is_corrupt() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let missing = deliver(&**store, 1, mailbox_id(1), b"missing").await;
        let short = deliver(&**store, 2, mailbox_id(1), b"too short").await;
        let sound = deliver(&**store, 3, mailbox_id(1), b"sound").await;
        let connection = database.connection();
        connection.execute("DELETE FROM chunk WHERE place = ?1 << 20", [missing.get()]).unwrap();
        connection
            .execute("UPDATE chunk SET body = x'', crc = 0 WHERE place = ?1 << 20", [short.get()])
            .unwrap();
        let session = store.snapshot(&mailbox_id(1)).await.unwrap();
        for uid in [missing, short] {
            let read = store.read_chunk(&session, uid, 0).await;
            assert!(matches!(read, Err(MailboxError::Corrupt { chunk: 0, .. })), "{read:?}");
        }
        let ahead = store.read_ahead(&session, &[sound, short, sound], 1000).await.unwrap();
        assert_eq!(ahead, ["sound\r\n"]);
    });
}

#[test]
fn a_mount_that_was_taken_over_writes_nothing_and_lets_go() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let uid = deliver(&**store, 1, mailbox_id(1), b"before").await;
        let session = store.snapshot(&mailbox_id(1)).await.unwrap();
        let mut standing = store.standing();
        database.connection().execute_batch("UPDATE database SET token_revision = 9").unwrap();

        match store.deliver(delivery(2, mailbox_id(1), b"after")).await {
            Err(MailboxError::Fenced { held, found }) => assert_eq!((held, found), (token(1), token(9))),
            other => panic!("not Fenced but {other:?}"),
        }
        standing.wait_for(|standing| matches!(standing, Standing::Fenced { .. })).await.unwrap();
        // Nothing is served from then on, be it writing or reading.
        assert!(matches!(store.delete(&session, &[uid]).await, Err(MailboxError::Fenced { .. })));
        assert!(matches!(store.list(&session).await, Err(MailboxError::Fenced { .. })));
        store.dismount().await;
        let next = SqliteStore::mount(database.directory(), token(9), options()).unwrap();
        assert_eq!(bodies(&next, mailbox_id(1)).await, [b"before\r\n"]);
    });
}

#[test]
fn a_commit_under_way_is_refused_by_a_token_that_comes_first() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let usurper = database.connection();
        usurper.execute_batch("BEGIN IMMEDIATE; UPDATE database SET token_revision = 9").unwrap();
        // These wait for the other's commit.
        let offers: Vec<_> = (0..10)
            .map(|number| {
                let store = Arc::clone(store);
                tokio::spawn(async move { store.deliver(delivery(number, mailbox_id(1), b"late")).await })
            })
            .collect();
        tokio::task::yield_now().await;
        usurper.execute_batch("COMMIT").unwrap();
        for offer in offers {
            let answer = offer.await.unwrap();
            assert!(matches!(answer, Err(MailboxError::Fenced { .. })), "{answer:?}");
        }
        store.dismount().await;
    });
    assert_eq!(database.count("SELECT count(*) FROM message"), 0);
}

/// A message whose giver has a mistake in it.
struct Panicking;

impl WireMessage for Panicking {
    fn lengths(&self) -> WireLengths {
        WireLengths { octets: Octets::new(100_000), header: 2, wire: 100_000 }
    }

    fn chunk(&self, index: u32) -> io::Result<Bytes> {
        assert_eq!(index, 0, "a mistake");
        Ok(vec![b'x'; CHUNK].into())
    }
}

#[test]
fn a_panic_fails_one_delivery_and_no_other() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let offers = (0..9).map(|number| {
            let sound = delivery(number, mailbox_id(1), b"sound");
            store.deliver(if number == 4 {
                Delivery { message: Arc::new(Panicking), ..sound }
            } else {
                sound
            })
        });
        for (answer, number) in join_all(offers).await.into_iter().zip(0..) {
            match answer {
                Err(MailboxError::Unavailable { operation, .. }) if number == 4 => {
                    assert_eq!(operation, "deliver a message");
                }
                Ok(Delivered::Stored(_)) if number != 4 => {}
                answer => panic!("delivery {number}: {answer:?}"),
            }
        }
        assert_eq!(bodies(&**store, mailbox_id(1)).await.len(), 8);
    });
    assert_eq!(check(database.directory(), &mut |_| ()).unwrap().problems, []);
}

#[test]
fn a_panic_of_the_writer_itself_ends_the_mount_and_hangs_nobody() {
    let mut database = SqliteDatabase::new();
    let mut options = options();
    let broken = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&broken);
    options.clock = Clock::new(move || {
        assert!(!seen.load(Ordering::SeqCst), "a mistake");
        UnixSeconds(1_800_000_000)
    });
    block_on(async {
        database.mount_again(options).await;
        let store = Arc::clone(database.sqlite());
        deliver(&*store, 1, mailbox_id(1), b"before").await;
        broken.store(true, Ordering::SeqCst);
        // The writer asks the clock when it removes what is old.
        let mut standing = store.standing();
        standing.wait_for(|standing| matches!(standing, Standing::Failed { .. })).await.unwrap();
        let late = store.deliver(delivery(2, mailbox_id(1), b"after")).await;
        assert!(matches!(late, Err(MailboxError::Failed { .. })), "{late:?}");
        assert!(matches!(store.snapshot(&mailbox_id(1)).await, Err(MailboxError::Failed { .. })));
        database.mount_again(crate::fixture::options()).await;
        assert_eq!(bodies(&**database.sqlite(), mailbox_id(1)).await, [b"before\r\n"]);
    });
}

#[test]
fn a_message_of_another_length_than_it_says_is_unreadable() {
    struct Shrunk;

    impl WireMessage for Shrunk {
        fn lengths(&self) -> WireLengths {
            WireLengths { octets: Octets::new(10), header: 2, wire: 10 }
        }

        fn chunk(&self, _index: u32) -> io::Result<Bytes> {
            Ok(Bytes::from_static(b"short\r\n"))
        }
    }

    let database = SqliteDatabase::new();
    let shrunk = Delivery { message: Arc::new(Shrunk), ..delivery(1, mailbox_id(1), b"") };
    let answer = block_on(database.store().deliver(shrunk));
    assert!(matches!(answer, Err(MailboxError::Unreadable { .. })), "{answer:?}");
    assert_eq!(database.count("SELECT count(*) FROM chunk"), 0);
}

#[test]
fn a_structure_that_is_damaged_ends_the_mount_when_it_is_written_to() {
    let mut database = SqliteDatabase::new();
    block_on(async {
        deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail").await;
        database.sqlite().dismount().await;
        let page = database.count("SELECT rootpage FROM sqlite_schema WHERE name = 'delivery'");
        let file = OpenOptions::new().write(true).open(database.directory().join("mail.sqlite")).unwrap();
        file.write_all_at(&[0x55; 4096], (page - 1) * 4096).unwrap();
        database.mount_again(options()).await;
        let answer = database.sqlite().deliver(delivery(2, mailbox_id(1), b"mail")).await;
        assert!(matches!(answer, Err(MailboxError::Failed { .. })), "{answer:?}");
        let standing = database.sqlite().standing().borrow().clone();
        assert!(matches!(standing, Standing::Failed { .. }), "{standing:?}");
        database.sqlite().dismount().await;
        assert!(
            database.directory().join("mail.sqlite-wal").exists(),
            "a log in doubt is left to the next mount"
        );
    });
}

const CHILD: &str = "MAILBOX_TEST_FAILING_WRITES";

#[test]
fn a_write_that_fails_ends_the_mount_and_is_never_tried_again() {
    let home = TempDir::new().unwrap();
    create(home.path(), CreateOptions::default()).unwrap();
    // The limit of a process on file sizes makes its writes fail. Its signal would end the process, so a shell that
    // ignores it starts it.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::child_whose_writes_fail", "--nocapture"])
        .env(CHILD, home.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    let stored: u64 = said.lines().find_map(|line| line.strip_prefix("stored ")).unwrap().parse().unwrap();

    let store = SqliteStore::mount(home.path(), token(2), options()).unwrap();
    let found = block_on(bodies(&store, mailbox_id(1)));
    for (body, number) in found.iter().zip(0..stored) {
        assert_eq!(*body, wire(&message(number, 20_000)), "what was acknowledged is there");
    }
    assert!(found.len() as u64 >= stored);
    assert_eq!(check(home.path(), &mut |_| ()).unwrap().problems, []);
}

/// Not a test of its own: what the test above starts.
#[test]
#[expect(clippy::print_stdout, reason = "its parent reads it")]
fn child_whose_writes_fail() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let store = SqliteStore::mount(directory.as_ref(), token(1), options()).unwrap();
    setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), maximum: None }).unwrap();
    block_on(async {
        let mut stored = 0;
        let error = loop {
            match store.deliver(delivery(stored, mailbox_id(1), &message(stored, 20_000))).await {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, MailboxError::Failed { .. }), "{error:?}");
        println!("\nstored {stored}");
        assert!(matches!(*store.standing().borrow(), Standing::Failed { .. }));
        // Not even when it would go well.
        setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
        let again = store.deliver(delivery(stored, mailbox_id(1), b"small")).await;
        assert!(matches!(again, Err(MailboxError::Failed { .. })), "{again:?}");
        assert!(matches!(store.snapshot(&mailbox_id(1)).await, Err(MailboxError::Failed { .. })));
        store.dismount().await;
        // The lock is free for whoever mounts the database next.
        SqliteStore::mount(directory.as_ref(), token(1), options()).unwrap().dismount().await;
    });
}
