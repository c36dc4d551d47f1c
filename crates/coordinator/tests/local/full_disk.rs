//! A disk without space: changes are refused whole, everything else goes on, and so do changes when there is space.

use std::io::Write;
use std::process::Command;

use coordinator::{Coordinator, CoordinatorError, Prefix};
use tempfile::TempDir;

use crate::fixture::{block_on, change, client, eventually, put, server};

/// A file system of 2 MB, there for as long as this lives.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let home = TempDir::new().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=2m", "coordinator-test"];
        let status = Command::new("mount").args(mount).arg(home.path()).status();
        assert!(
            status.as_ref().is_ok_and(std::process::ExitStatus::success),
            "this test mounts a small tmpfs, for which it must be root: {status:?}"
        );
        Self(home)
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("filler")).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(std::thread::panicking() || status.is_ok_and(|status| status.success()));
    }
}

#[test]
fn on_a_full_disk_nothing_changes_and_with_space_it_goes_on() {
    let disk = SmallDisk::mount();
    block_on(async {
        let home = disk.0.path();
        let running = server(home).serve().unwrap();
        let client = client(home);
        change(&client, vec![put("a", "0")]).await.unwrap();
        let everything = Prefix::everything();
        let mut watch =
            client.watch(&everything, client.read(&everything).await.unwrap().revision).await.unwrap();
        disk.fill();
        // The log may have some room left.
        let mut known = client.read(&everything).await.unwrap();
        let error = loop {
            match change(&client, vec![put("a", vec![1; 50_000]), put("b", vec![2; 50_000])]).await {
                Ok(outcome) => {
                    known = client.read(&everything).await.unwrap();
                    assert_eq!(known.revision, outcome.revision);
                    assert_eq!(watch.next().await.unwrap().len(), 2);
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CoordinatorError::Unavailable { .. }), "{error:?}");
        for _ in 0..3 {
            assert_eq!(
                client.read(&everything).await.unwrap(),
                known,
                "reading goes on, and nothing is half done"
            );
            assert!(change(&client, vec![put("c", vec![3; 60_000])]).await.is_err());
        }
        disk.empty();
        let outcome = eventually("changes are possible again", async || {
            change(&client, vec![put("a", "after")]).await.ok()
        })
        .await;
        let told = watch.next().await.unwrap();
        assert_eq!((told.len(), told[0].revision()), (1, outcome.revision), "the watch went on");
        running.shut_down().await;
        let _running = server(home).serve().unwrap();
        let found = client.read(&everything).await.unwrap();
        assert_eq!(found.revision, outcome.revision);
        assert!(found.entries.iter().any(|entry| entry.key.as_str() == "a" && entry.value == "after"));
    });
}
