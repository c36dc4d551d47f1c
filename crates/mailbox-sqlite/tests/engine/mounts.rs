//! How a database is made, mounted and let go of.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mailbox::{
    Delivered, MailboxError, MailboxStore, UnixSeconds,
    testing::{delivery, join_all, mailbox_id},
};
use mailbox_sqlite::{
    Archive, Clock, CreateOptions, DatabaseError, MountOptions, SqliteStore, Standing, back_up, check, create,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::fixture::{SqliteDatabase, block_on, bodies, deliver, message, options, token, until};

#[test]
fn a_database_is_mounted_by_one_at_a_time() {
    let database = SqliteDatabase::new();
    let second = SqliteStore::mount(database.directory(), token(2), options());
    assert!(matches!(second, Err(DatabaseError::InUse { .. })), "{second:?}");
    block_on(async {
        // The refused mount has changed nothing, its later token in particular.
        deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail").await;
        database.sqlite().dismount().await;
    });
    SqliteStore::mount(database.directory(), token(2), options()).unwrap();
}

#[test]
fn looking_at_a_mounted_database_takes_none_of_its_locks_away() {
    let database = SqliteDatabase::new();
    let inode = format!(":{} ", database.directory().join("mail.sqlite").metadata().unwrap().ino());
    let locks = || {
        let held = std::fs::read_to_string("/proc/locks").unwrap();
        held.lines().filter(|line| line.contains("POSIX") && line.contains(&inode)).count()
    };
    // A mount that rests holds one; what its threads do now and then takes more for a moment.
    let rests = || block_on(until("the mount holds the lock of one that rests", || locks() == 1));
    rests();
    SqliteStore::mount(database.directory(), token(2), options()).unwrap_err();
    Archive::open(database.directory()).unwrap();
    check(database.directory(), &mut |_| ()).unwrap();
    let home = TempDir::new().unwrap();
    back_up(database.directory(), &home.path().join("backup"), &mut |_| ()).unwrap();
    create(database.directory(), CreateOptions::default()).unwrap_err();
    rests();
}

#[test]
fn a_mount_waits_for_the_lock_as_long_as_told() {
    let database = SqliteDatabase::new();
    let mut patient = options();
    patient.lock_wait = Duration::from_mins(1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| SqliteStore::mount(database.directory(), token(2), patient));
        block_on(database.sqlite().dismount());
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn a_store_that_is_dropped_lets_go_of_the_database() {
    let home = TempDir::new().unwrap();
    create(home.path(), CreateOptions::default()).unwrap();
    let mut patient = options();
    patient.lock_wait = Duration::from_mins(1);
    for revision in 1..4 {
        drop(SqliteStore::mount(home.path(), token(revision), patient.clone()).unwrap());
    }
}

#[test]
fn a_mount_with_an_earlier_token_is_refused() {
    let database = SqliteDatabase::new();
    block_on(database.sqlite().dismount());
    let mount = |revision| SqliteStore::mount(database.directory(), token(revision), options());
    block_on(mount(5).unwrap().dismount());
    match mount(4) {
        Err(DatabaseError::Fenced { held, found }) => assert_eq!((held, found), (token(4), token(5))),
        other => panic!("not Fenced but {other:?}"),
    }
    // The same assignment may be served again, by a process that was started again.
    block_on(mount(5).unwrap().dismount());
    mount(6).unwrap();
}

#[test]
fn what_is_not_a_database_is_refused_and_left_alone() {
    let home = TempDir::new().unwrap();
    let mount = || SqliteStore::mount(home.path(), token(1), options()).unwrap_err();
    assert!(matches!(mount(), DatabaseError::Missing { .. }));

    let file = home.path().join("mail.sqlite");
    for (contents, reason) in [
        ("", "does not say"),
        ("short", "not an SQLite file"),
        (&*"other ".repeat(1000), "not an SQLite file"),
    ] {
        std::fs::write(&file, contents).unwrap();
        let refused = mount();
        assert!(matches!(refused, DatabaseError::NotOurs { .. }), "{refused}");
        assert!(refused.to_string().contains(reason), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), contents);
    }
    std::fs::remove_file(&file).unwrap();
    Connection::open(&file).unwrap().execute_batch("PRAGMA application_id = 7").unwrap();
    assert!(mount().to_string().contains("another program"));
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let database = SqliteDatabase::new();
    block_on(database.sqlite().dismount());
    database.connection().execute_batch("PRAGMA user_version = 1000").unwrap();
    let refused = SqliteStore::mount(database.directory(), token(2), options()).unwrap_err();
    assert!(matches!(refused, DatabaseError::TooNew { found: 1000, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("use a newer program"), "{refused}");
}

#[test]
fn a_database_is_not_overwritten_by_a_new_one() {
    let database = SqliteDatabase::new();
    block_on(async {
        deliver(&**database.sqlite(), 1, mailbox_id(1), b"precious").await;
        database.sqlite().dismount().await;
    });
    let refused = create(database.directory(), CreateOptions::default()).unwrap_err();
    assert!(matches!(refused, DatabaseError::Exists { .. }), "{refused}");
    let store = SqliteStore::mount(database.directory(), token(2), options()).unwrap();
    assert_eq!(block_on(bodies(&store, mailbox_id(1))).len(), 1);
}

#[test]
fn a_creation_that_was_cut_short_is_begun_anew() {
    let home = TempDir::new().unwrap();
    for ending in ["", "-wal", "-shm"] {
        std::fs::write(home.path().join(format!("mail.sqlite.unfinished{ending}")), "half").unwrap();
    }
    create(home.path(), CreateOptions::default()).unwrap();
    let store = SqliteStore::mount(home.path(), token(1), options()).unwrap();
    block_on(deliver(&store, 1, mailbox_id(1), b"mail"));
    let left: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("unfinished"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn mail_is_nobody_elses_to_read() {
    let database = SqliteDatabase::new();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(database.directory().to_owned()), 0o700);
    for entry in std::fs::read_dir(database.directory()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
    }
}

#[test]
fn a_dismount_answers_what_was_accepted_and_refuses_what_comes_later() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        let offers = (0..100).map(|number| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.deliver(delivery(number, mailbox_id(1), b"mail")).await })
        });
        let offers: Vec<_> = offers.collect();
        // Each asker has run until it waits for its answer.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        store.dismount().await;
        for offer in offers {
            assert!(matches!(offer.await.unwrap(), Ok(Delivered::Stored(_))));
        }
        assert!(matches!(*store.standing().borrow(), Standing::Dismounted));
        let late = store.deliver(delivery(200, mailbox_id(1), b"late")).await;
        assert!(matches!(late, Err(MailboxError::NotMounted)), "{late:?}");
        assert!(matches!(store.snapshot(&mailbox_id(1)).await, Err(MailboxError::NotMounted)));
        store.dismount().await;
    });
    assert_eq!(database.count("SELECT count(*) FROM message"), 100);
}

#[test]
fn a_dismount_leaves_no_log_behind() {
    let database = SqliteDatabase::new();
    block_on(async {
        deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail").await;
        database.sqlite().dismount().await;
    });
    assert!(!database.directory().join("mail.sqlite-wal").exists());
}

#[test]
fn an_asker_that_goes_away_loses_nothing_that_was_accepted() {
    let database = SqliteDatabase::new();
    block_on(async {
        let store = Arc::clone(database.sqlite());
        let asker = tokio::spawn(async move {
            store.deliver(delivery(1, mailbox_id(1), b"accepted")).await.unwrap();
        });
        // The asker has run until it waits for its answer.
        tokio::task::yield_now().await;
        asker.abort();
        let _ = asker.await;
        database.sqlite().dismount().await;
    });
    assert_eq!(database.count("SELECT count(*) FROM message"), 1);
}

#[test]
fn a_delivery_is_forgotten_after_an_hour_and_not_before() {
    let now = Arc::new(AtomicU64::new(1_800_000_000));
    let mut database = SqliteDatabase::new();
    let mut options = options();
    let clock = Arc::clone(&now);
    options.clock = Clock::new(move || UnixSeconds(clock.load(Ordering::SeqCst)));
    block_on(async {
        database.mount_again(options).await;
        let offer = || delivery(1, mailbox_id(1), b"once an hour");
        let first = database.sqlite().deliver(offer()).await.unwrap();
        now.fetch_add(3600, Ordering::SeqCst);
        database.tidied().await;
        let again = database.sqlite().deliver(offer()).await.unwrap();
        assert_eq!(again, Delivered::AlreadyStored(first.uid()));

        now.fetch_add(1, Ordering::SeqCst);
        until("the delivery is forgotten", || {
            database.count("SELECT count(*) FROM delivery WHERE uid = 1") == 0
        })
        .await;
        let later = database.sqlite().deliver(offer()).await.unwrap();
        assert!(matches!(later, Delivered::Stored(uid) if uid > first.uid()), "{later:?}");
    });
}

#[test]
fn the_log_stays_small_however_much_is_delivered() {
    let mut database = SqliteDatabase::new();
    let mut options = options();
    options.log_limit = 1 << 20;
    block_on(async {
        database.mount_again(options).await;
        let store = database.sqlite();
        let log = database.directory().join("mail.sqlite-wal");
        let mut largest = 0;
        for round in 0..100 {
            let offers = (0..10).map(|number| {
                store.deliver(delivery(round * 10 + number, mailbox_id(number), &message(number, 50_000)))
            });
            for answer in join_all(offers).await {
                answer.unwrap();
            }
            largest = largest.max(log.metadata().unwrap().size());
        }
        // 50 MB went through it. A transaction has 10 messages.
        assert!(largest < 9 * (1 << 20), "the log grew to {largest} bytes");
    });
}

#[test]
fn the_page_size_is_as_asked() {
    let home = TempDir::new().unwrap();
    let mut options = CreateOptions::default();
    options.page_size = 16384;
    create(home.path(), options).unwrap();
    let file = Connection::open(home.path().join("mail.sqlite")).unwrap();
    let size: u32 = file.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    assert_eq!(size, 16384);
    drop(file);
    SqliteStore::mount(home.path(), token(1), MountOptions::default()).unwrap();
}
