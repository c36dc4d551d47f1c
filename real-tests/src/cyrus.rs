//! A Cyrus of the test's own, which nothing connects with the machine's.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::authority::{Authority, Validity};
use crate::process::{Signal, send};
use crate::program::{debian, run};
use crate::{until, wait};

/// It runs until this ends.
#[derive(Debug)]
pub struct Cyrus {
    folder: TempDir,
    address: Ipv4Addr,
    master: Child,
}

impl Cyrus {
    /// One at `address` with a certificate of the authority, and with a user, whose mailbox is empty.
    pub fn start(address: Ipv4Addr, authority: &Authority, (user, password): (&str, &str)) -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let (certificate, key) = authority.issue("cyrus", address, Validity::Valid);
        for part in ["", "/db", "/socket", "/proc", "/lock"] {
            fs::create_dir(folder.path().join(format!("conf{part}"))).unwrap();
        }
        fs::create_dir(folder.path().join("spool")).unwrap();
        for (from, to) in [(&certificate, "certificate.pem"), (&key, "key.pem")] {
            fs::copy(from, folder.path().join(to)).unwrap();
        }
        let pop3d = debian("pop3d", "cyrus-pop3d, without installing it: see ./test");
        let (imapd, services) = configuration(folder.path(), address, &pop3d);
        fs::write(folder.path().join("imapd.conf"), imapd).unwrap();
        fs::write(folder.path().join("cyrus.conf"), services).unwrap();
        let (name, realm) = user.split_once('@').unwrap();
        let mut add = Command::new(debian("saslpasswd2", "sasl2-bin"));
        add.args(["-p", "-c", "-f"]).arg(folder.path().join("sasldb2")).args(["-u", realm, name]);
        run(&mut add, password.as_bytes()).succeeded();
        run(Command::new("chown").args(["-R", "cyrus:mail"]).arg(folder.path()), b"").succeeded();
        let out = File::create(folder.path().join("out")).unwrap();
        let mut master = Command::new(debian("cyrus/bin/master", "cyrus-common"));
        master
            .arg("-C")
            .arg(folder.path().join("imapd.conf"))
            .arg("-M")
            .arg(folder.path().join("cyrus.conf"));
        master.arg("-p").arg(folder.path().join("pid")).stdin(Stdio::null());
        let master = master.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let cyrus = Self { folder, address, master };
        until("Cyrus to listen", || TcpStream::connect(cyrus.pop3()).ok());
        cyrus
    }

    /// Where it is reached in the clear, and with STLS.
    pub fn pop3(&self) -> SocketAddr {
        (self.address, 10110).into()
    }

    /// Where it is reached with TLS.
    pub fn pop3s(&self) -> SocketAddr {
        (self.address, 10995).into()
    }

    /// An orderly end.
    pub fn stop(&mut self) {
        send(self.master.id(), Signal::TERM);
        if wait::within(wait::PATIENCE / 6, || self.master.try_wait().ok().flatten()).is_none() {
            let _ = self.master.kill();
            let _ = self.master.wait();
        }
    }
}

impl Drop for Cyrus {
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("== Cyrus\n{}", fs::read_to_string(self.folder.path().join("out")).unwrap_or_default());
        }
        if self.master.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.stop();
        }
    }
}

fn configuration(folder: &Path, address: Ipv4Addr, pop3d: &Path) -> (String, String) {
    let folder = folder.display();
    let imapd = format!(
        "configdirectory: {folder}/conf
partition-default: {folder}/spool
defaultpartition: default
admins: cyrus
virtdomains: userid
# Of nobody: Cyrus leaves the default domain out of names, and then does not find their passwords.
defaultdomain: internal
autocreate_quota: 0
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
sasl_mech_list: PLAIN
unixhierarchysep: yes
tls_server_cert: {folder}/certificate.pem
tls_server_key: {folder}/key.pem
"
    );
    let pop3d = format!("{} -C {folder}/imapd.conf", pop3d.display());
    let services = format!(
        "START {{
  recover cmd=\"ctl_cyrusdb -C {folder}/imapd.conf -r\"
}}
SERVICES {{
  pop3 cmd=\"{pop3d}\" listen=\"{address}:10110\" prefork=0
  pop3s cmd=\"{pop3d} -s\" listen=\"{address}:10995\" prefork=0
}}
"
    );
    (imapd, services)
}
