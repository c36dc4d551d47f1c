//! What a check finds, and that it finds nothing in a sound database.

use std::os::unix::fs::FileExt;

use mailbox::{CHUNK, MailboxStore, Octets, Uid, testing::mailbox_id};
use mailbox_sqlite::{CheckReport, DatabaseError, Problem, Wrong, check};

use crate::fixture::{SqliteDatabase, block_on, deliver, message};

/// Three messages in two mailboxes, the second of two chunks, and one that is deleted but kept by a session.
fn database() -> (SqliteDatabase, mailbox::Snapshot) {
    let database = SqliteDatabase::new();
    let session = block_on(async {
        let store = &**database.sqlite();
        deliver(store, 1, mailbox_id(1), b"Subject: one\r\n\r\n.\r\nbody\r\n").await;
        deliver(store, 2, mailbox_id(1), &message(2, CHUNK + 100)).await;
        deliver(store, 3, mailbox_id(2), b"").await;
        let deleted = deliver(store, 4, mailbox_id(2), b"deleted").await;
        let session = store.snapshot(&mailbox_id(2)).await.unwrap();
        store.delete(&session, &[deleted]).await.unwrap();
        session
    });
    (database, session)
}

fn checked(database: &SqliteDatabase) -> CheckReport {
    check(database.directory(), &mut |_| ()).unwrap()
}

/// What is found after `damage` was done past the engine.
#[track_caller]
fn assert_found(damage: &str, expected: &[(Option<u64>, Option<u64>, Wrong)]) {
    let (database, _session) = database();
    database.connection().execute_batch(damage).unwrap();
    let expected: Vec<Problem> = expected
        .iter()
        .map(|(mailbox, uid, wrong)| Problem {
            mailbox: mailbox.map(mailbox_id),
            uid: uid.map(Uid::new),
            wrong: wrong.clone(),
        })
        .collect();
    let report = checked(&database);
    assert_eq!(report.problems, expected, "{damage}");
    assert!(report.problems.iter().all(|problem| !problem.to_string().is_empty()));
}

#[test]
fn a_sound_database_has_no_problems() {
    let (database, _session) = database();
    let mut reports = Vec::new();
    let report =
        check(database.directory(), &mut |progress| reports.push((progress.done, progress.total))).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.mailboxes, report.messages), (2, 4));
    assert!(report.bytes > CHUNK as u64);
    assert_eq!(reports, [(1, 4), (2, 4), (3, 4), (4, 4)]);
}

#[test]
fn a_dismounted_database_can_be_checked_too() {
    let (database, session) = database();
    drop(session);
    block_on(database.sqlite().dismount());
    assert_eq!(checked(&database).problems, []);
    assert!(matches!(
        check(std::path::Path::new("/nowhere"), &mut |_| ()),
        Err(DatabaseError::Missing { .. })
    ));
}

#[test]
fn wrong_bytes_are_found() {
    assert_found(
        "UPDATE chunk SET body = CAST('Subject: two' || substr(body, 13) AS BLOB) WHERE place = 1 << 20",
        &[(Some(1), Some(1), Wrong::Checksum { chunk: 0 })],
    );
}

#[test]
fn a_wrong_checksum_is_found() {
    assert_found(
        "UPDATE chunk SET crc = crc + 1 WHERE place = (2 << 20) + 1",
        &[(Some(1), Some(2), Wrong::Checksum { chunk: 1 })],
    );
}

#[test]
fn missing_chunks_are_found() {
    assert_found(
        "DELETE FROM chunk WHERE place >= 2 << 20 AND place < 4 << 20",
        &[
            (Some(1), Some(2), Wrong::MissingChunk { chunk: 0 }),
            (Some(1), Some(2), Wrong::MissingChunk { chunk: 1 }),
            (Some(2), Some(3), Wrong::MissingChunk { chunk: 0 }),
        ],
    );
}

#[test]
fn chunks_that_belong_to_nothing_are_found() {
    assert_found(
        "INSERT INTO chunk SELECT place + 7, crc, body FROM chunk WHERE place = 1 << 20;
         INSERT INTO chunk SELECT (99 << 20) + 3, crc, body FROM chunk WHERE place = 1 << 20;
         INSERT INTO chunk SELECT 5, crc, body FROM chunk WHERE place = 1 << 20;",
        &[
            (None, Some(0), Wrong::OrphanChunk { chunk: 5 }),
            (None, Some(99), Wrong::OrphanChunk { chunk: 3 }),
            (Some(1), Some(1), Wrong::OrphanChunk { chunk: 7 }),
        ],
    );
}

#[test]
fn a_chunk_of_the_wrong_length_is_found() {
    assert_found(
        "UPDATE chunk SET body = (SELECT body FROM chunk WHERE place = 1 << 20),
                          crc = (SELECT crc FROM chunk WHERE place = 1 << 20) WHERE place = 2 << 20",
        &[(Some(1), Some(2), Wrong::ChunkLength { chunk: 0, expected: CHUNK as u64, found: 26 })],
    );
}

#[test]
fn wrong_lengths_are_found() {
    let (database, _session) = database();
    let connection = database.connection();
    connection.execute_batch("UPDATE message SET header = header - 2 WHERE uid = 2").unwrap();
    let problems = checked(&database).problems;
    let [Problem { uid: Some(uid), wrong: Wrong::Lengths { kept, found }, .. }] = &problems[..] else {
        panic!("{problems:?}")
    };
    assert_eq!(uid.get(), 2);
    assert_eq!((kept.octets, kept.wire, kept.header + 2), (found.octets, found.wire, found.header));
}

#[test]
fn wrong_counts_are_found() {
    let one = Octets::new(25);
    let (_, found) = {
        let (database, _session) = database();
        let octets = database.count("SELECT sum(octets) FROM message WHERE mailbox = 1");
        (one, Octets::new(octets))
    };
    assert_found(
        "UPDATE mailbox SET messages = messages + 1 WHERE number = 1",
        &[(Some(1), None, Wrong::Count { kept: (3, found), found: (2, found) })],
    );
}

#[test]
fn uids_out_of_range_are_found() {
    assert_found(
        "UPDATE mailbox SET highest = 1 WHERE number = 1; UPDATE database SET next_uid = 4;",
        &[
            (Some(1), Some(2), Wrong::Highest { kept: Uid::new(1) }),
            (Some(2), Some(4), Wrong::NextUid { next: Uid::new(4) }),
        ],
    );
}

#[test]
fn messages_without_a_mailbox_are_found() {
    assert_found(
        "DELETE FROM mailbox WHERE number = 2",
        &[(None, Some(3), Wrong::NoMailbox), (None, Some(4), Wrong::NoMailbox)],
    );
}

#[test]
fn a_damaged_structure_is_found() {
    let (database, session) = database();
    drop(session);
    block_on(async {
        for number in 10..200 {
            deliver(&**database.sqlite(), number, mailbox_id(1), &message(number, 3000)).await;
        }
        database.sqlite().dismount().await;
    });
    let file =
        std::fs::OpenOptions::new().write(true).open(database.directory().join("mail.sqlite")).unwrap();
    let length = file.metadata().unwrap().len();
    for page in [length / 4096 / 2, length / 4096 / 3] {
        file.write_all_at(&[0x55; 4096], page * 4096).unwrap();
    }
    let problems = checked(&database).problems;
    assert!(problems.iter().any(|problem| matches!(problem.wrong, Wrong::Structure(_))), "{problems:?}");
}
