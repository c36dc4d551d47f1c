//! A disk without space: mail is refused, nothing is lost, and deletion works.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use mailbox::{
    MailboxError, MailboxStore, Octets, Uid,
    testing::{delivery, mailbox_id},
};
use mailbox_sqlite::{CreateOptions, MountOptions, SqliteStore, Standing, check, create};
use tempfile::TempDir;

use crate::fixture::{SqliteDatabase, block_on, bodies, message, options, token, until, wire};

/// A file system of 8 MB, there for as long as this lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=8m", "mailbox-test"];
        let status = Command::new("mount").args(mount).arg(home.path()).status();
        assert!(
            status.as_ref().is_ok_and(std::process::ExitStatus::success),
            "this test mounts a small tmpfs, for which it must be root: {status:?}"
        );
        Self(home)
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("DB01")
    }

    /// Something else takes all the space that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// The same, and the log has no space of its own either.
    async fn fill_without_a_log(&self) {
        let connection = rusqlite::Connection::open(self.database().join("mail.sqlite")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        until("the log is empty", || {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, u32>(0)).unwrap()
                == 0
        })
        .await;
        assert_eq!(self.database().join("mail.sqlite-wal").metadata().unwrap().len(), 0);
        self.fill();
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(std::thread::panicking() || status.is_ok_and(|status| status.success()));
    }
}

fn mount(directory: &Path, revision: u64, options: MountOptions) -> SqliteStore {
    SqliteStore::mount(directory, token(revision), options).unwrap()
}

/// Delivers until there is no space; how many messages were stored.
async fn deliver_until_full(store: &SqliteStore) -> u64 {
    for number in 0.. {
        match store.deliver(delivery(number, mailbox_id(1), &message(number, 60_000))).await {
            Ok(_) => {}
            Err(MailboxError::NoSpace) => return number,
            Err(error) => panic!("not NoSpace but {error:?}"),
        }
    }
    unreachable!("8 MB do not hold so many messages")
}

async fn delete_all(store: &SqliteStore) {
    let session = store.snapshot(&mailbox_id(1)).await.unwrap();
    let uids: Vec<Uid> = store.list(&session).await.unwrap().iter().map(|entry| entry.uid).collect();
    store.delete(&session, &uids).await.unwrap();
}

#[test]
fn a_full_disk_refuses_mail_and_loses_none() {
    let disk = SmallDisk::new();
    create(&disk.database(), CreateOptions::default()).unwrap();
    let store = mount(&disk.database(), 1, options());
    let stored = block_on(async {
        let stored = deliver_until_full(&store).await;
        assert!(stored > 10, "{stored}");
        disk.fill();
        let refused = store.deliver(delivery(1000, mailbox_id(1), b"small")).await;
        assert!(matches!(refused, Ok(_) | Err(MailboxError::NoSpace)), "{refused:?}");
        assert!(matches!(*store.standing().borrow(), Standing::Mounted));
        store.dismount().await;
        stored
    });

    let store = mount(&disk.database(), 2, options());
    let found = block_on(bodies(&store, mailbox_id(1)));
    for (body, number) in found.iter().zip(0..stored) {
        assert_eq!(*body, wire(&message(number, 60_000)));
    }
    assert!(found.len() as u64 >= stored);
    assert_eq!(check(&disk.database(), &mut |_| ()).unwrap().problems, []);
}

#[test]
fn mail_can_be_deleted_on_a_full_disk() {
    let disk = SmallDisk::new();
    create(&disk.database(), CreateOptions::default()).unwrap();
    let mut options = options();
    options.reserve = 1 << 20;
    let store = mount(&disk.database(), 1, options.clone());
    let reserve = disk.database().join("reserve");
    block_on(async {
        for number in 0..30 {
            store.deliver(delivery(number, mailbox_id(1), &message(number, 60_000))).await.unwrap();
        }
        disk.fill_without_a_log().await;
        assert!(reserve.exists());
        delete_all(&store).await;
        assert_eq!(store.snapshot(&mailbox_id(1)).await.unwrap().messages(), 0);
        assert!(!reserve.exists(), "the deletion needed the space held back");

        std::fs::remove_file(disk.filler()).unwrap();
        until("space is held back again", || reserve.exists()).await;
        // What was deleted has made room.
        store.deliver(delivery(2000, mailbox_id(1), &message(1, 60_000))).await.unwrap();
        store.dismount().await;
    });
    let store = mount(&disk.database(), 2, options);
    assert_eq!(block_on(bodies(&store, mailbox_id(1))).len(), 1);
    assert_eq!(check(&disk.database(), &mut |_| ()).unwrap().problems, []);
}

#[test]
fn deletion_is_not_refused_together_with_mail_that_does_not_fit() {
    let disk = SmallDisk::new();
    create(&disk.database(), CreateOptions::default()).unwrap();
    let mut options = options();
    options.reserve = 1 << 20;
    let store = mount(&disk.database(), 1, options);
    block_on(async {
        for number in 0..30 {
            store.deliver(delivery(number, mailbox_id(1), &message(number, 60_000))).await.unwrap();
        }
        disk.fill_without_a_log().await;
        let deliver = store.deliver(delivery(2000, mailbox_id(1), &message(1, 3_000_000)));
        let (delivered, ()) = tokio::join!(deliver, delete_all(&store));
        assert!(matches!(delivered, Err(MailboxError::NoSpace)), "{delivered:?}");
        assert_eq!(store.snapshot(&mailbox_id(1)).await.unwrap().messages(), 0);
    });
}

#[test]
fn below_the_low_water_mark_mail_is_refused_and_deletion_is_not() {
    let mut database = SqliteDatabase::new();
    let mut options = options();
    block_on(async {
        let first = database.sqlite().deliver(delivery(1, mailbox_id(1), b"mail")).await.unwrap().uid();
        options.low_water = u64::MAX / 2;
        database.mount_again(options).await;
        let store = database.sqlite();
        let asked = store.admit(&mailbox_id(1), None, Octets::new(1)).await;
        assert!(matches!(asked, Err(MailboxError::NoSpace)), "{asked:?}");
        let refused = store.deliver(delivery(2, mailbox_id(1), b"more")).await;
        assert!(matches!(refused, Err(MailboxError::NoSpace)), "{refused:?}");
        // What is stored already needs no space.
        store.deliver(delivery(1, mailbox_id(1), b"mail")).await.unwrap();
        let session = store.snapshot(&mailbox_id(1)).await.unwrap();
        store.delete(&session, &[first]).await.unwrap();
        drop(session);
        assert_eq!(bodies(&**store, mailbox_id(1)).await.len(), 0);
    });
}

#[test]
fn deleted_mail_makes_room_above_the_low_water_mark() {
    let disk = SmallDisk::new();
    create(&disk.database(), CreateOptions::default()).unwrap();
    let mut options = options();
    options.low_water = 3 << 20;
    options.log_limit = 1 << 18;
    let store = mount(&disk.database(), 1, options);
    block_on(async {
        let stored = deliver_until_full(&store).await;
        assert!(stored > 10, "{stored}");
        assert!(store.admit(&mailbox_id(1), None, Octets::new(60_000)).await.is_err());
        delete_all(&store).await;
        // The file keeps its size, but has room inside.
        for number in 0.. {
            assert!(number < 30_000, "deleted mail never made room");
            if store.admit(&mailbox_id(1), None, Octets::new(60_000)).await.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        store.deliver(delivery(2000, mailbox_id(1), &message(1, 60_000))).await.unwrap();
    });
}
