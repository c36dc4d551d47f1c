use ::mailbox::{Delivery, DeliveryId, MailboxStore, MemoryMessage, UnixSeconds};
use mailbox_sqlite::{CreateOptions, MountOptions, SqliteStore};

use super::*;

/// A database with one mailbox that holds these messages.
fn database(folder: &Path, messages: &[&[u8]]) -> (Archive, MailboxId) {
    let folder = folder.join("DB01");
    mailbox_sqlite::create(&folder, CreateOptions::default()).unwrap();
    let id = MailboxId::from_bytes([7; 16]);
    let token = ::mailbox::FencingToken { epoch: 0, revision: 1 };
    let store = SqliteStore::mount(&folder, token, MountOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (number, message) in (0..).zip(messages) {
            let delivery = Delivery {
                id: DeliveryId::new(number, [1; 10]),
                mailbox: id,
                name: "user1@example.com".to_owned(),
                quota: None,
                message: std::sync::Arc::new(MemoryMessage::encode(message)),
                uidl: None,
                received: UnixSeconds(1_700_000_000 + number),
            };
            store.deliver(delivery).await.unwrap();
        }
        store.dismount().await;
    });
    (Archive::open(&folder).unwrap(), id)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn messages_come_out_as_they_went_in_with_unix_line_ends_and_their_size_in_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let long = [&b"Subject: long\r\n\r\n"[..], &b"0123456789\r\n".repeat(20_000)].concat();
    let (archive, id) = database(folder.path(), &[b"Subject: a\r\n\r\n.dot\r\n..two\nbare \r cr\r\n", &long]);
    let to = folder.path().join("out");
    let exported = export(&archive, &id, &to).unwrap();
    assert_eq!(exported, Exported { written: 2, ..Exported::default() });
    let files = files(&to.join("new"));
    assert_eq!(files[0].1, b"Subject: a\n\n.dot\n..two\nbare \r cr\n");
    assert_eq!(files[1].1, String::from_utf8(long).unwrap().replace("\r\n", "\n").as_bytes());
    for (name, content) in &files {
        assert!(name.ends_with(&format!(",S={}", content.len())), "{name}");
    }
    assert!(files[0].0.starts_with("1700000000."), "{}", files[0].0);
    assert_eq!(fs::read_dir(to.join("tmp")).unwrap().count(), 0);
}

#[test]
fn an_export_that_is_repeated_writes_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, id) = database(folder.path(), &[b"a: b\r\n\r\none\r\n", b"a: b\r\n\r\ntwo\r\n"]);
    let to = folder.path().join("out");
    export(&archive, &id, &to).unwrap();
    // A reader has seen one of them.
    let (name, _) = files(&to.join("new")).remove(0);
    fs::rename(to.join("new").join(&name), to.join("cur").join(format!("{name}:2,S"))).unwrap();
    let again = export(&archive, &id, &to).unwrap();
    assert_eq!(again, Exported { passed_over: 2, ..Exported::default() });
}

#[test]
fn a_cr_and_its_lf_in_different_pieces_are_one_line_end() {
    let mut lines = UnixLines::default();
    let mut text = Vec::new();
    for piece in [&b"one\r"[..], b"\ntwo\r", b"\r\n", b"three\r"] {
        lines.convert(piece, &mut text);
    }
    lines.finish(&mut text).unwrap();
    assert_eq!(text, b"one\ntwo\r\nthree\r");
}

#[test]
fn a_unique_id_of_any_characters_makes_a_harmless_name() {
    assert_eq!(harmless("00ab_-"), "00ab_-");
    assert_eq!(harmless("a/b:c,d."), "a=2Fb=3Ac=2Cd=2E");
}
