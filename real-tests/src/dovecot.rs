//! A Dovecot of the test's own, which nothing connects with the machine's.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tempfile::TempDir;

use crate::authority::{Authority, Validity};
use crate::process::{Signal, send};
use crate::program::debian;
use crate::{mail, until, wait};

/// Nobody, as every Debian knows him: mail is his.
const NOBODY: u32 = 65_534;

/// It runs until this ends.
#[derive(Debug)]
pub struct Dovecot {
    folder: TempDir,
    address: Ipv4Addr,
    master: Option<Child>,
    stored: AtomicU32,
}

impl Dovecot {
    /// One at `address` with a certificate of the authority, with `users` and their passwords, and with a master user.
    pub fn start(
        address: Ipv4Addr,
        authority: &Authority,
        users: &[(&str, &str)],
        master_password: &str,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (certificate, key) = authority.issue("dovecot", address, Validity::Valid);
        let lines: Vec<String> =
            users.iter().map(|(user, password)| format!("{user}:{{PLAIN}}{password}\n")).collect();
        fs::write(folder.path().join("users"), lines.concat()).unwrap();
        fs::write(folder.path().join("masters"), format!("master:{{PLAIN}}{master_password}\n")).unwrap();
        fs::write(folder.path().join("conf"), configuration(folder.path(), address, &certificate, &key))
            .unwrap();
        fs::create_dir(folder.path().join("mail")).unwrap();
        give(&folder.path().join("mail"));
        debian("pop3-login", "dovecot-pop3d");
        debian("lmtp", "dovecot-lmtpd");
        let mut dovecot = Self { folder, address, master: None, stored: AtomicU32::new(0) };
        dovecot.start_again();
        dovecot
    }

    /// Starts it again once it has been stopped.
    pub fn start_again(&mut self) {
        let out = File::create(self.file("out")).unwrap();
        let mut master = Command::new(debian("dovecot", "dovecot-core"));
        master.arg("-F").arg("-c").arg(self.file("conf")).stdin(Stdio::null());
        self.master = Some(master.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap());
        until("Dovecot to listen", || TcpStream::connect(self.pop3()).ok());
    }

    /// An orderly end.
    pub fn stop(&mut self) {
        let Some(mut master) = self.master.take() else { return };
        send(master.id(), Signal::TERM);
        if wait::within(wait::PATIENCE / 6, || master.try_wait().ok().flatten()).is_none() {
            let _ = master.kill();
            let _ = master.wait();
        }
    }

    /// Where it is reached in the clear, and with STLS.
    pub fn pop3(&self) -> SocketAddr {
        (self.address, 10110).into()
    }

    /// Where it is reached with TLS.
    pub fn pop3s(&self) -> SocketAddr {
        (self.address, 10995).into()
    }

    /// Where it takes mail by LMTP.
    pub fn lmtp(&self) -> SocketAddr {
        (self.address, 10224).into()
    }

    /// What it wrote down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    /// Puts a message into a user's Maildir.
    pub fn store(&self, user: &str, message: &[u8]) {
        let mut folder = self.file("mail");
        for part in [user, "Maildir", "new"] {
            folder.push(part);
            if !folder.exists() {
                fs::create_dir(&folder).unwrap();
                give(&folder);
            }
        }
        let number = self.stored.fetch_add(1, Relaxed);
        let file = folder.join(format!("{number}.test"));
        fs::write(&file, mail::as_file(message)).unwrap();
        give(&file);
    }

    /// What is in a user's Maildir.
    pub fn mail_of(&self, user: &str) -> Vec<Vec<u8>> {
        let folders = ["cur", "new"].map(|part| self.file("mail").join(user).join("Maildir").join(part));
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
        files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Dovecot {
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let out = fs::read_to_string(self.file("out")).unwrap_or_default();
            println!("== Dovecot\n{out}{}", self.log());
        }
        self.stop();
    }
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("Dovecot needs root, and so does this test");
}

fn configuration(folder: &Path, address: Ipv4Addr, certificate: &Path, key: &Path) -> String {
    let (folder, certificate, key) = (folder.display(), certificate.display(), key.display());
    format!(
        "protocols = pop3 lmtp
listen = {address}
instance_name = real-tests
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
auth_mechanisms = plain login
# Whoever connects from here may say for whom.
login_trusted_networks = 127.0.0.0/8
first_valid_uid = 1
mail_location = maildir:~/Maildir
# Octets as they are sent, not as they lie in files.
pop3_fast_size_lookups = no
passdb {{
  driver = passwd-file
  args = {folder}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
service lmtp {{
  inet_listener lmtp {{
    port = 10224
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 10110
  }}
  inet_listener pop3s {{
    port = 10995
    ssl = yes
  }}
}}
"
    )
}
