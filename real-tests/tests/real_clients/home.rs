//! The home of the ordinary user as whom a client runs: some refuse to be root.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use real_tests::program::debian;
use tempfile::TempDir;

/// Nobody, as every Debian knows him.
const NOBODY: u32 = 65_534;

#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// With the authority to trust in `ca.pem`.
    pub(crate) fn new(ca: &Path) -> Self {
        let home = Self(TempDir::new().unwrap());
        give(home.0.path());
        home.file("ca.pem", &fs::read_to_string(ca).unwrap());
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path of something in it, for configuration files.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        give(&path);
    }

    /// Writes a script.
    pub(crate) fn script(&self, name: &str, text: &str) {
        self.file(name, text);
        fs::set_permissions(self.path(name), Permissions::from_mode(0o700)).unwrap();
    }

    pub(crate) fn folder(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
        give(&self.path(name));
    }

    /// An empty Maildir.
    pub(crate) fn maildir(&self, name: &str) {
        for part in ["cur", "new", "tmp"] {
            self.folder(&format!("{name}/{part}"));
        }
    }

    /// What the files below a folder hold, sorted.
    pub(crate) fn files_below(&self, name: &str) -> Vec<Vec<u8>> {
        let (mut folders, mut files) = (vec![self.path(name)], vec![]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { folders.push(entry) } else { files.push(fs::read(entry).unwrap()) }
            }
        }
        files.sort();
        files
    }

    /// A program of Debian's `package`, run by the one who lives here.
    pub(crate) fn command(&self, program: &str, package: &str) -> Command {
        let mut command = Command::new(debian(program, package));
        command.uid(NOBODY).gid(NOBODY).current_dir(self.0.path());
        command.env_clear().env("HOME", self.0.path()).env("PATH", "/usr/bin:/bin");
        command.env("LANG", "C.UTF-8").env("TERM", "xterm");
        command
    }
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("clients run as nobody, for which a test has to be root");
}
