//! Backups, and databases made from them.

use std::{path::PathBuf, sync::Arc};

use mailbox::testing::{TestDatabase, delivery, delivery_id, mailbox_id};
use mailbox::{MailboxStore, UnixSeconds};
use mailbox_sqlite::{Archive, BackupProgress, DatabaseError, SqliteStore, back_up, check, restore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::fixture::{SqliteDatabase, block_on, bodies, deliver, message, options, token, wire};

fn backup_of(database: &SqliteDatabase) -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let backup = home.path().join("DB01.backup");
    back_up(database.directory(), &backup, &mut |_| ()).unwrap();
    (home, backup)
}

#[test]
fn a_backup_made_while_mail_arrives_shows_one_moment() {
    let database = SqliteDatabase::new();
    let store = Arc::clone(database.sqlite());
    block_on(async {
        for number in 0..200 {
            deliver(&*store, number, mailbox_id(number % 3), &message(number, 5000)).await;
        }
    });
    let home = TempDir::new().unwrap();
    let backup = home.path().join("backup");
    std::thread::scope(|scope| {
        let delivering = scope.spawn(|| {
            block_on(async {
                let mut number = 200;
                while !backup.exists() {
                    deliver(&*store, number, mailbox_id(number % 3), &message(number, 5000)).await;
                    number += 1;
                }
                number
            })
        });
        back_up(database.directory(), &backup, &mut |_| ()).unwrap();
        assert!(delivering.join().unwrap() >= 200);
    });

    let restored = home.path().join("restored");
    restore(&backup, &restored, &mut |_| ()).unwrap();
    assert_eq!(check(&restored, &mut |_| ()).unwrap().problems, []);
    let store = SqliteStore::mount(&restored, token(1), options()).unwrap();
    let mut numbers = Vec::new();
    for mailbox in 0..3 {
        for body in block_on(bodies(&store, mailbox_id(mailbox))) {
            let text = String::from_utf8(body).unwrap();
            let number = text.split_whitespace().nth(2).unwrap().parse().unwrap();
            assert_eq!(text.as_bytes(), wire(&message(number, 5000)));
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    // One delivery followed the other, so a moment is a beginning of them without gaps.
    assert!(numbers.len() >= 200);
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
}

#[test]
fn a_backup_is_a_single_file_and_stays_one() {
    let database = SqliteDatabase::new();
    block_on(deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail"));
    let (home, backup) = backup_of(&database);
    restore(&backup, &home.path().join("restored"), &mut |_| ()).unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["DB01.backup", "restored"]);
}

#[test]
fn a_backup_put_into_place_by_hand_can_be_mounted() {
    let database = SqliteDatabase::new();
    block_on(deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail"));
    let (home, backup) = backup_of(&database);
    std::fs::rename(backup, home.path().join("mail.sqlite")).unwrap();
    let store = SqliteStore::mount(home.path(), token(1), options()).unwrap();
    assert_eq!(block_on(bodies(&store, mailbox_id(1))), [b"mail\r\n"]);
    assert!(home.path().join("mail.sqlite-wal").exists(), "it is written to as any other");
}

#[test]
fn a_database_left_by_a_crash_can_be_read_before_it_is_mounted() {
    let database = SqliteDatabase::new();
    block_on(deliver(&**database.sqlite(), 1, mailbox_id(1), b"mail"));
    // What is on the disk of a process that is killed now.
    let crashed = TempDir::new().unwrap();
    for name in ["mail.sqlite", "mail.sqlite-wal"] {
        std::fs::copy(database.directory().join(name), crashed.path().join(name)).unwrap();
    }
    assert_eq!(Archive::open(crashed.path()).unwrap().mailboxes().unwrap().len(), 1);
    assert_eq!(check(crashed.path(), &mut |_| ()).unwrap().messages, 1);
    let store = SqliteStore::mount(crashed.path(), token(1), options()).unwrap();
    assert_eq!(block_on(bodies(&store, mailbox_id(1))), [b"mail\r\n"]);
}

#[test]
fn progress_ends_at_the_total() {
    let database = SqliteDatabase::new();
    block_on(async {
        for number in 0..40 {
            deliver(&**database.sqlite(), number, mailbox_id(1), &message(number, 200_000)).await;
        }
    });
    let home = TempDir::new().unwrap();
    let backup = home.path().join("backup");
    let mut reports: Vec<BackupProgress> = Vec::new();
    back_up(database.directory(), &backup, &mut |progress| reports.push(progress)).unwrap();
    assert!(reports.len() > 1, "{reports:?}");
    assert!(reports.is_sorted_by(|a, b| a.done < b.done), "{reports:?}");
    assert!(reports.last().is_some_and(|last| last.done == last.total), "{reports:?}");
    assert_eq!(reports.last().unwrap().total, backup.metadata().unwrap().len());

    reports.clear();
    restore(&backup, &home.path().join("restored"), &mut |progress| reports.push(progress)).unwrap();
    assert!(reports.last().is_some_and(|last| last.done == last.total), "{reports:?}");
}

#[test]
fn neither_a_backup_nor_a_database_is_overwritten() {
    let database = SqliteDatabase::new();
    let (_home, backup) = backup_of(&database);
    let again = back_up(database.directory(), &backup, &mut |_| ());
    assert!(matches!(again, Err(DatabaseError::Exists { .. })), "{again:?}");
    block_on(database.sqlite().dismount());
    let over = restore(&backup, database.directory(), &mut |_| ());
    assert!(matches!(over, Err(DatabaseError::Exists { .. })), "{over:?}");
}

#[test]
fn a_directory_whose_database_is_mounted_is_not_restored_into() {
    let database = SqliteDatabase::new();
    let (_home, backup) = backup_of(&database);
    std::fs::remove_file(database.directory().join("mail.sqlite")).unwrap();
    let over = restore(&backup, database.directory(), &mut |_| ());
    assert!(matches!(over, Err(DatabaseError::InUse { .. })), "{over:?}");
}

#[test]
fn what_is_not_a_backup_is_not_restored() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("file");
    let restored = home.path().join("restored");
    let refuse = || restore(&file, &restored, &mut |_| ()).unwrap_err();
    assert!(matches!(refuse(), DatabaseError::Io { .. }));
    std::fs::write(&file, "not a backup").unwrap();
    assert!(matches!(refuse(), DatabaseError::NotOurs { .. }));

    let database = SqliteDatabase::new();
    let (_home, backup) = backup_of(&database);
    Connection::open(&backup).unwrap().execute_batch("PRAGMA user_version = 1000").unwrap();
    let newer = restore(&backup, &restored, &mut |_| ());
    assert!(matches!(newer, Err(DatabaseError::TooNew { .. })), "{newer:?}");
    assert!(!restored.join("mail.sqlite").exists());
}

#[test]
fn a_restored_database_may_be_mounted_by_any_assignment() {
    let mut database = SqliteDatabase::new();
    block_on(database.mount_again(options()));
    let (home, backup) = backup_of(&database);
    let restored = home.path().join("restored");
    restore(&backup, &restored, &mut |_| ()).unwrap();
    SqliteStore::mount(&restored, token(0), options()).unwrap();
}

#[test]
fn a_dismounted_database_can_be_backed_up_too() {
    let mut database = SqliteDatabase::new();
    block_on(async {
        deliver(&**database.sqlite(), 1, mailbox_id(1), b"asleep").await;
        database.sqlite().dismount().await;
        database.back_up().await;
        database.restore().await;
        assert_eq!(bodies(&**database.sqlite(), mailbox_id(1)).await, [b"asleep\r\n"]);
    });
}

#[test]
fn an_archive_shows_all_mail_as_it_was_when_it_was_opened() {
    let database = SqliteDatabase::new();
    let store = database.sqlite();
    block_on(async {
        for number in 0..3 {
            deliver(&**store, number, mailbox_id(1), &message(number, 100_000)).await;
        }
        let session = store.snapshot(&mailbox_id(1)).await.unwrap();
        let first = store.list(&session).await.unwrap()[0].uid;
        store.delete(&session, &[first]).await.unwrap();
    });
    let archive = Archive::open(database.directory()).unwrap();
    block_on(async {
        deliver(&**store, 3, mailbox_id(1), b"later").await;
    });

    let mailboxes = archive.mailboxes().unwrap();
    assert_eq!(mailboxes.len(), 1);
    assert_eq!(mailboxes[0].messages, 2);
    let messages = archive.messages(&mailboxes[0].mailbox).unwrap();
    assert_eq!(messages.len(), 2);
    let gone = archive.deliveries(&mailboxes[0].mailbox).unwrap();
    assert_eq!(gone.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [delivery_id(0)]);
    for (archived, number) in messages.iter().zip(1..) {
        assert_eq!(archived.delivery.unwrap().id, delivery_id(number));
        assert_eq!(archived.received, UnixSeconds(delivery(number, mailbox_id(1), b"").received.0));
        let chunks = 0..archived.entry.chunks();
        let body: Vec<u8> =
            chunks.flat_map(|index| archive.chunk(&mailbox_id(1), &archived.entry, index).unwrap()).collect();
        assert_eq!(body, wire(&message(number, 100_000)));
        let beyond = archive.chunk(&mailbox_id(1), &archived.entry, archived.entry.chunks());
        assert!(beyond.is_err());
    }
    assert_eq!(archive.messages(&mailbox_id(2)).unwrap(), []);
}
