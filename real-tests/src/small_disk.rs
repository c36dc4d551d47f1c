//! A disk that is soon full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::statvfs;
use tempfile::TempDir;

/// A file system in memory, mounted as long as this lives.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of so many megabytes.
    pub fn mount(megabytes: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let options = format!("mode=700,size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "real-tests"])
            .arg(folder.path())
            .status();
        assert!(
            mounted.as_ref().is_ok_and(std::process::ExitStatus::success),
            "this test mounts a small file system and has to be root for it: {mounted:?}"
        );
        Self(folder)
    }

    /// From now on nobody writes to it, root included.
    pub fn make_read_only(&self) {
        let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()).status();
        assert!(remounted.unwrap().success());
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// How many octets are free.
    pub fn free(&self) -> u64 {
        let disk = statvfs(self.path()).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Something else takes space until only so many octets are free.
    pub fn fill_up_to(&self, free: u64) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        let block = [0; 4096];
        while self.free() > free && file.write_all(&block).is_ok() {}
    }

    /// Gives back what [`fill_up_to`](Self::fill_up_to) took.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached at once, gone when the last process has let go of it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
