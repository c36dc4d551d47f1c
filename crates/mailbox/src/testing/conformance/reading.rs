//! What RETR, TOP and LIST show of a message.

#![allow(missing_docs, reason = "each function's name is the promise that it checks")]

use std::sync::Arc;

use super::{assert_no_such_message, deliver, list, read, snapshot};
use crate::{
    CHUNK, Delivery, MailboxStore, MemoryMessage, Uid, WireMessage,
    testing::{Pattern, TestDatabase, delivery, mailbox_id},
};

/// Messages with everything that is easy to get wrong in them.
const AWKWARD: [&[u8]; 9] = [
    b"",
    b".",
    b"\n",
    b"Subject: plain\r\n\r\nbody\r\n",
    b"Subject: dots\r\n\r\n.\r\n..\r\n...x\r\nx.\r\n.",
    b"Subject: bare LF\n\n.dot\nend",
    b"Subject: bare CR\r\n\r\na\rb\r\r\n\r",
    b".Subject: a dot first\r\n.\r\n",
    b"Subject: bytes\r\n\r\n\0\xff\x80\r\n",
];

/// What a client makes of a wire body (RFC 1939 §3).
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    for line in wire.split_inclusive(|byte| *byte == b'\n') {
        raw.extend(line.strip_prefix(b".").unwrap_or(line));
    }
    raw
}

pub async fn octets_are_the_unstuffed_bytes_read(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    for (raw, number) in AWKWARD.iter().zip(0..) {
        deliver(&*store, number, mailbox, raw).await;
    }
    let session = snapshot(&*store, mailbox).await;
    for (entry, raw) in list(&*store, &session).await.iter().zip(AWKWARD) {
        let wire = read(&*store, &session, entry).await;
        assert_eq!(wire, **MemoryMessage::encode(raw).wire(), "{entry:?}");
        assert_eq!(wire.len() as u64, entry.wire, "{entry:?}");
        assert_eq!(unstuffed(&wire).len() as u64, entry.octets.get(), "{entry:?}");
    }
}

pub async fn the_header_ends_behind_the_blank_line(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let messages: [(&[u8], &[u8]); 4] = [
        (b"A: b\r\n\r\nbody\r\n\r\nmore", b"A: b\r\n\r\n"),
        (b".A: b\n\nbody", b"..A: b\r\n\r\n"),
        (b"\r\nbody", b"\r\n"),
        (b"A: b\r\nC: d", b"A: b\r\nC: d\r\n"),
    ];
    for ((raw, _), number) in messages.iter().zip(0..) {
        deliver(&*store, number, mailbox, raw).await;
    }
    let session = snapshot(&*store, mailbox).await;
    for (entry, (_, header)) in list(&*store, &session).await.iter().zip(messages) {
        let wire = read(&*store, &session, entry).await;
        assert_eq!(wire[..usize::try_from(entry.header).unwrap()], *header, "{entry:?}");
    }
}

/// A message of exactly `wire` bytes.
fn of_length(wire: usize) -> Vec<u8> {
    let mut raw = b"Subject: long\r\n\r\n".to_vec();
    raw.extend((0..).map(|at| b'a' + u8::try_from(at % 26).unwrap()).take(wire - raw.len() - 2));
    raw.extend(b"\r\n");
    raw
}

pub async fn every_chunk_but_the_last_is_full(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let lengths = [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7];
    for (length, number) in lengths.iter().zip(0..) {
        deliver(&*store, number, mailbox, &of_length(*length)).await;
    }
    let session = snapshot(&*store, mailbox).await;
    for (entry, length) in list(&*store, &session).await.iter().zip(lengths) {
        let mut wire = Vec::new();
        for index in 0..entry.chunks() {
            let chunk = store.read_chunk(&session, entry.uid, index).await.unwrap();
            assert_eq!(chunk.len(), CHUNK.min(length - wire.len()), "chunk {index} of {length}");
            wire.extend(chunk);
        }
        assert_eq!(wire, of_length(length));
    }
}

pub async fn an_empty_message_has_one_empty_chunk(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uid = deliver(&*store, 1, mailbox, b"").await;
    let session = snapshot(&*store, mailbox).await;
    assert_eq!((session.messages(), session.octets().get()), (1, 0));
    let entry = list(&*store, &session).await.remove(0);
    assert_eq!((entry.chunks(), entry.header, entry.wire), (1, 0, 0));
    assert!(store.read_chunk(&session, uid, 0).await.unwrap().is_empty());
    assert_eq!(store.read_ahead(&session, &[uid], 0).await.unwrap(), [""]);
    assert_no_such_message(store.read_chunk(&session, uid, 1).await, uid);
}

pub async fn a_chunk_beyond_the_last_is_no_such_message(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let short = deliver(&*store, 1, mailbox, b"short").await;
    let long = deliver(&*store, 2, mailbox, &of_length(2 * CHUNK)).await;
    let session = snapshot(&*store, mailbox).await;
    for (uid, index) in [(short, 1), (short, u32::MAX), (long, 2), (long, 1 << 20), (Uid::new(1 << 50), 0)] {
        assert_no_such_message(store.read_chunk(&session, uid, index).await, uid);
    }
}

pub async fn a_message_of_50_mb_is_read_chunk_by_chunk(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let message = Pattern::new(50_000_000);
    let huge = Delivery { message: Arc::new(message), ..delivery(1, mailbox, b"") };
    let uid = store.deliver(huge).await.unwrap().uid();
    let session = snapshot(&*store, mailbox).await;
    let entry = list(&*store, &session).await.remove(0);
    assert_eq!((entry.wire, entry.octets), (message.lengths().wire, message.lengths().octets));
    assert_eq!(entry.chunks(), 763);
    for index in 0..entry.chunks() {
        let chunk = store.read_chunk(&session, uid, index).await.unwrap();
        assert_eq!(chunk, message.chunk(index).unwrap(), "chunk {index}");
    }
    store.delete(&session, &[uid]).await.unwrap();
}

async fn letters(store: &dyn MailboxStore) -> Vec<Uid> {
    let mut uids = Vec::new();
    for (letter, number) in ["a", "b", "c", "d"].iter().zip(1..) {
        uids.push(deliver(store, number, mailbox_id(1), letter.repeat(98).as_bytes()).await);
    }
    uids
}

pub async fn read_ahead_answers_whole_messages_in_the_order_asked(database: impl TestDatabase) {
    let store = database.store();
    let uids = letters(&*store).await;
    let session = snapshot(&*store, mailbox_id(1)).await;
    let bodies = store.read_ahead(&session, &[uids[2], uids[0], uids[3]], 1000).await.unwrap();
    let first: Vec<u8> = bodies.iter().map(|body| body[0]).collect();
    assert_eq!(first, b"cad");
    assert!(bodies.iter().all(|body| body.len() == 100));
    assert!(store.read_ahead(&session, &[], 1000).await.unwrap().is_empty());
}

pub async fn read_ahead_stops_at_its_limit(database: impl TestDatabase) {
    let store = database.store();
    let uids = letters(&*store).await;
    let session = snapshot(&*store, mailbox_id(1)).await;
    for (limit, count) in [(0, 0), (99, 0), (100, 1), (199, 1), (200, 2), (399, 3), (400, 4), (usize::MAX, 4)]
    {
        assert_eq!(store.read_ahead(&session, &uids, limit).await.unwrap().len(), count, "limit {limit}");
    }
}

pub async fn read_ahead_stops_before_a_message_of_two_chunks(database: impl TestDatabase) {
    let (store, mailbox) = (database.store(), mailbox_id(1));
    let uids = [
        deliver(&*store, 1, mailbox, b"short").await,
        deliver(&*store, 2, mailbox, &of_length(CHUNK)).await,
        deliver(&*store, 3, mailbox, &of_length(CHUNK + 1)).await,
        deliver(&*store, 4, mailbox, b"short").await,
    ];
    let session = snapshot(&*store, mailbox).await;
    let bodies = store.read_ahead(&session, &uids, 1 << 20).await.unwrap();
    assert_eq!(bodies.iter().map(bytes::Bytes::len).collect::<Vec<_>>(), [7, CHUNK]);
    assert!(store.read_ahead(&session, &uids[2..], 1 << 20).await.unwrap().is_empty());
}

pub async fn read_ahead_stops_before_a_message_that_is_not_there(database: impl TestDatabase) {
    let store = database.store();
    let uids = letters(&*store).await;
    store.delete(&snapshot(&*store, mailbox_id(1)).await, &uids[1..2]).await.unwrap();
    let session = snapshot(&*store, mailbox_id(1)).await;
    assert_eq!(store.read_ahead(&session, &uids, 1000).await.unwrap().len(), 1);
    assert!(store.read_ahead(&session, &uids[1..], 1000).await.unwrap().is_empty());
}
