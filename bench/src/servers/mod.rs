//! The servers under measurement: each started by hand on loopback in a folder of its own under one temporary root,
//! with its configuration written from a template in `bench/peers`.

mod blackbox;
mod ceilings;
mod dovecot;
mod mailmedic;
mod nginx;

pub(crate) use blackbox::Blackbox;
pub(crate) use ceilings::Ceilings;
pub(crate) use dovecot::{Dovecot, DovecotProxy, Fsync};
pub(crate) use mailmedic::{DATABASE, Mailmedic, SECOND_DATABASE};
pub(crate) use nginx::Nginx;

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::certificates::{Certificates, Handshake};
use crate::client::Target;
use crate::process::{self, Process};

/// Debian's packages of the peers, by a file that each brings.
const PEERS: [&str; 5] = [
    "dovecot:dovecot-core",
    "/usr/lib/dovecot/pop3:dovecot-pop3d",
    "/usr/lib/dovecot/lmtp:dovecot-lmtpd",
    "/usr/lib/nginx/modules/ngx_mail_module.so:libnginx-mod-mail",
    "prometheus-blackbox-exporter:prometheus-blackbox-exporter",
];

/// How long a server may take until it greets.
const PATIENCE: Duration = Duration::from_secs(30);

/// The temporary root of a run, with the certificates all servers use. Dropped last.
pub(crate) struct Laboratory {
    root: TempDir,
    pub(crate) certificates: Certificates,
}

impl Laboratory {
    /// Makes sure the peers are there, and makes a root under `parent`.
    pub(crate) fn open(parent: &Path) -> Result<Self> {
        let installer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/install-debian");
        let outcome = Command::new(installer).args(PEERS).status().context("installing the peers")?;
        ensure!(outcome.success(), "the peers are not installed");
        let root = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
        // Unprivileged processes of the peers must pass through.
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755))?;
        let certificates = Certificates::create(&root.path().join("certificates"))?;
        Ok(Self { root, certificates })
    }

    /// A new folder for one server.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.path().join(name);
        fs::create_dir(&folder).with_context(|| format!("{name} is started twice"))?;
        Ok(folder)
    }

    /// A server under the certificates of this laboratory.
    fn pop3_server(&self, pop3: SocketAddr, pop3s: SocketAddr, processes: &[&Process]) -> Pop3Server {
        Pop3Server {
            pop3: Target::plain(pop3),
            pop3s,
            authority: self.certificates.file("ca.pem"),
            roots: processes.iter().map(|process| process.id()).collect(),
        }
    }
}

/// A server that speaks POP3, in the clear and with implicit TLS.
pub(crate) struct Pop3Server {
    pub(crate) pop3: Target,
    pop3s: SocketAddr,
    /// The file of the CA of its certificate.
    authority: PathBuf,
    /// The first processes of all its tiers.
    roots: Vec<Arc<AtomicU32>>,
}

impl Pop3Server {
    pub(crate) fn tls(&self, handshake: Handshake) -> Target {
        Target { address: self.pop3s, tls: Some((self.authority.clone(), handshake)), ..self.pop3.clone() }
    }

    /// Every process of all its tiers, as of now.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let roots: Vec<u32> = self.roots.iter().map(|root| root.load(Ordering::Relaxed)).collect();
        process::tree(&roots)
    }
}

/// Writes a configuration: `template` with `@NAME@` replaced by its value for each of `values`.
fn write_configuration(template: &str, values: &[(&str, &str)], file: &Path) -> Result<()> {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    ensure!(!text.contains('@'), "a placeholder without a value in {}", file.display());
    fs::write(file, text).with_context(|| file.display().to_string())
}

/// A port of 127.0.0.1 that nobody listened on a moment ago, for servers that cannot say which one they got.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Waits until the server greets, or ends.
async fn greeted(process: &mut Process, address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        process.ensure_running()?;
        if greets(address) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("no greeting at {address}: {}", process.last_words());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut first = [0; 1];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok() && stream.read_exact(&mut first).is_ok()
}

/// Runs a program to its end and returns what it printed.
fn run(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("starting {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {} {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
