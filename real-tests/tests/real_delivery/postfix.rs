//! A Postfix of the test's own: its configuration, queue, processes and address have nothing to do with those of the
//! machine.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use real_tests::process::{Signal, send};
use real_tests::program::{debian, run};
use real_tests::{until, wait};
use tempfile::TempDir;

/// Not started yet.
pub(crate) struct Prepared(TempDir);

pub(crate) struct Postfix {
    folder: TempDir,
    smtp: SocketAddr,
    control: Child,
}

/// The services of a mail server that takes mail and passes it on.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
";

impl Postfix {
    /// A folder for it, which its unprivileged processes can reach.
    pub(crate) fn prepare() -> Prepared {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Prepared(folder)
    }

    /// One that takes mail at `address` and delivers by LMTP to `next`.
    pub(crate) fn start(address: Ipv4Addr, next: &str) -> Self {
        Self::prepare().start_at(address, next)
    }

    /// Where it takes mail.
    pub(crate) fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    pub(crate) fn until_logged(&self, words: &str) {
        until(words, || {
            fs::read_to_string(self.file("log")).is_ok_and(|log| log.contains(words)).then_some(())
        });
    }

    /// Has it try again what it could not deliver.
    pub(crate) fn flush(&self) {
        self.postqueue("-f");
    }

    /// Waits until it has nothing left to do.
    pub(crate) fn until_empty(&self) {
        until("the queue of Postfix to be empty", || {
            self.postqueue("-p").contains("Mail queue is empty").then_some(())
        });
    }

    fn postqueue(&self, option: &str) -> String {
        let mut postqueue = Command::new(debian("postqueue", "postfix"));
        run(postqueue.arg("-c").arg(self.folder.path()).arg(option), b"").succeeded()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Prepared {
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn start_at(self, address: Ipv4Addr, next: &str) -> Postfix {
        let folder = self.0;
        let at = folder.path().display();
        let configuration = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/queue\ndata_directory = {at}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
             setgid_group = postdrop\nmyhostname = mx.example.com\nmydestination =\ninet_interfaces = loopback-only\n\
             inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nvirtual_mailbox_domains = example.com\n\
             virtual_transport = lmtp:{next}\ndefault_transport = error:outside\nalias_maps =\nalias_database =\n\
             maillog_file = {at}/log\nmaillog_file_prefixes = {at}\n"
        );
        fs::write(folder.path().join("main.cf"), configuration).unwrap();
        let services = format!("{address}:2525 inet n - n - - smtpd\n{SERVICES}");
        fs::write(folder.path().join("master.cf"), services).unwrap();
        fs::create_dir(folder.path().join("queue")).unwrap();
        let out = File::create(folder.path().join("out")).unwrap();
        let mut control = Command::new(debian("postfix", "postfix"));
        control.arg("-c").arg(folder.path()).arg("start-fg").stdin(Stdio::null());
        let control = control.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let postfix = Postfix { folder, smtp: (address, 2525).into(), control };
        until("Postfix to listen", || TcpStream::connect(postfix.smtp).ok());
        postfix
    }
}

impl Drop for Postfix {
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", fs::read_to_string(self.file("log")).unwrap_or_default());
        }
        // The process started here only waits for the one that counts.
        let master = fs::read_to_string(self.file("queue/pid/master.pid")).unwrap_or_default();
        if let Ok(master) = master.trim().parse() {
            send(master, Signal::TERM);
        }
        if wait::within(wait::PATIENCE / 6, || self.control.try_wait().ok().flatten()).is_none() {
            let _ = self.control.kill();
            let _ = self.control.wait();
        }
    }
}
