use std::fs;

use ::mailbox::{Delivery, DeliveryId, FencingToken, MailboxId, MailboxStore, MemoryMessage, UnixSeconds};
use mailbox_sqlite::{Archive, CreateOptions, MountOptions, SqliteStore};

use super::*;

/// A database with one message, and a backup of it.
fn database() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("DB01");
    mailbox_sqlite::create(&folder, CreateOptions::default()).unwrap();
    deliver(&folder, 1);
    let backup = above.path().join("backup.sqlite");
    mailbox_sqlite::back_up(&folder, &backup, &mut |_| {}).unwrap();
    (above, folder, backup)
}

fn mount(folder: &Path, revision: u64) -> SqliteStore {
    SqliteStore::mount(folder, FencingToken { epoch: 0, revision }, MountOptions::default()).unwrap()
}

fn deliver(folder: &Path, number: u64) {
    let store = mount(folder, number);
    let delivery = Delivery {
        id: DeliveryId::new(number, [0; 10]),
        mailbox: MailboxId::from_bytes([7; 16]),
        name: "user1@example.com".to_owned(),
        quota: None,
        message: std::sync::Arc::new(MemoryMessage::encode(b"a: b\r\n\r\nhello\r\n")),
        uidl: None,
        received: UnixSeconds(number),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        store.deliver(delivery).await.unwrap();
        store.dismount().await;
    });
}

fn messages(folder: &Path) -> u64 {
    Archive::open(folder).unwrap().mailboxes().unwrap().iter().map(|mailbox| mailbox.messages).sum()
}

#[test]
fn a_database_that_is_mounted_is_not_replaced() {
    let (_above, folder, backup) = database();
    let store = mount(&folder, 9);
    let refused = restore(&folder, "DB01", &backup, true);
    assert!(
        matches!(&refused, Err(Failure::Failed(text)) if text.contains("mounted by another process")),
        "{refused:?}"
    );
    drop(store);
}

#[test]
fn what_a_database_held_is_kept_aside_and_only_if_that_was_asked_for() {
    let (above, folder, backup) = database();
    deliver(&folder, 2);
    assert!(matches!(restore(&folder, "DB01", &backup, false), Err(Failure::BadInput(_))));
    assert_eq!(messages(&folder), 2);
    restore(&folder, "DB01", &backup, true).unwrap();
    assert_eq!(messages(&folder), 1);
    let mut names =
        fs::read_dir(above.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let aside = names.find(|name| name.starts_with("DB01.replaced-")).unwrap();
    assert_eq!(messages(&above.path().join(aside)), 2);
}

#[test]
fn a_database_that_was_lost_is_restored_where_it_was() {
    let (_above, folder, backup) = database();
    fs::remove_dir_all(&folder).unwrap();
    restore(&folder, "DB01", &backup, false).unwrap();
    assert_eq!(messages(&folder), 1);
}

#[test]
fn a_file_that_is_no_backup_changes_nothing() {
    let (above, folder, _) = database();
    let file = above.path().join("letter.txt");
    fs::write(&file, "dear".repeat(100)).unwrap();
    assert!(restore(&folder, "DB01", &file, true).is_err());
    assert!(matches!(restore(&folder, "DB01", &above.path().join("none"), true), Err(Failure::BadInput(_))));
    assert_eq!(messages(&folder), 1);
}
