//! Disks of a test's own: one that is soon full, one that breaks.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::statvfs;
use tempfile::TempDir;

use crate::program::debian;

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

/// A disk of its own file system, in a file, mounted as long as this lives. Its kernel takes it for a real one.
#[derive(Debug)]
pub struct BlockDisk {
    image: TempDir,
    path: PathBuf,
}

impl BlockDisk {
    /// Mounts one of 256 MB in place of the folder `path`; what is in it moves to the disk.
    pub fn mount(path: &Path) -> Self {
        let disk = Self { image: TempDir::new().unwrap(), path: path.to_owned() };
        let image = disk.image.path().join("image");
        File::create(&image).unwrap().set_len(256 << 20).unwrap();
        let old = disk.image.path().join("old");
        std::fs::rename(path, &old).unwrap();
        std::fs::create_dir(path).unwrap();
        administer(Command::new(debian("mkfs.ext4", "e2fsprogs")).arg("-q").arg(&image));
        administer(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(&image).arg(path));
        administer(Command::new("cp").arg("-a").arg(old.join(".")).arg(path));
        disk
    }

    /// Whoever writes waits, until [`go_on`](Self::go_on).
    pub fn stand_still(&self) {
        administer(Command::new("fsfreeze").arg("--freeze").arg(&self.path));
    }

    /// Writing goes on.
    pub fn go_on(&self) {
        administer(Command::new("fsfreeze").arg("--unfreeze").arg(&self.path));
    }

    /// The kernel finds the file system damaged and lets nobody write to it any more.
    pub fn break_down(&self) {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        let path = self.path.to_str().unwrap();
        let ours = mounts.lines().find(|line| line.contains(path)).expect("it is mounted");
        let device = ours.split_ascii_whitespace().next().unwrap().trim_start_matches("/dev/");
        std::fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    }
}

impl Drop for BlockDisk {
    fn drop(&mut self) {
        // One that stands still could not be taken away.
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(&self.path).stderr(Stdio::null()).status();
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn administer(command: &mut Command) {
    let done = command.status();
    assert!(
        done.as_ref().is_ok_and(std::process::ExitStatus::success),
        "this test has a disk of its own and has to be root for it: {command:?}: {done:?}"
    );
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Detached at once, gone when the last process has let go of it.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
