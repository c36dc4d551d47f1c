//! mailmedic itself: a release build of this work tree, started as its users start it.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Laboratory, Pop3Server, greeted, run};
use crate::client::{PASSWORD, Target};
use crate::process::Process;

/// The realm of the default configuration.
const DOMAIN: &str = "@example.com";
/// The database that the default configuration has the back end below serve.
pub(crate) const DATABASE: &str = "DB01";
/// The other one.
pub(crate) const SECOND_DATABASE: &str = "DB02";

// Where the default configuration listens.
const FRONT_END: [u8; 4] = [127, 0, 0, 1];
const BACK_END: [u8; 4] = [127, 0, 0, 21];
const POP3: u16 = 10110;
const POP3S: u16 = 10995;
const LMTP: u16 = 10224;

pub(crate) struct Mailmedic {
    pub(crate) front_end: Pop3Server,
    pub(crate) back_end: Pop3Server,
    pub(crate) lmtp: Target,
    process: Process,
    program: String,
    data: String,
}

impl Mailmedic {
    /// Builds and starts it, with a mailbox for each of `users`, and for each of `travellers` in the second database.
    pub(crate) async fn start(
        laboratory: &Laboratory,
        users: &[String],
        travellers: &[String],
    ) -> Result<Self> {
        let program = build()?.display().to_string();
        let folder = laboratory.folder("mailmedic")?;
        let authority = folder.join("data/ca/clients/ca.pem");
        let data = folder.join("data").display().to_string();
        for tier in [BACK_END, FRONT_END] {
            // Somebody else's would greet too, and be measured.
            TcpListener::bind((IpAddr::from(tier), POP3))
                .with_context(|| format!("port {POP3} of an installation that is not the benchmark's"))?;
        }
        let mut process =
            Process::start("mailmedic", &program, &["up", "--data", &data], &folder.join("output"))?;
        greeted_by_both(&mut process).await?;
        for (database, users) in [(DATABASE, users), (SECOND_DATABASE, travellers)] {
            import(&program, &data, users, database, &folder.join("users"))?;
        }
        for server in ["cas1", "mbx1"] {
            // All load comes from one address.
            let limit = ["MaxConnectionFromSingleIP", "100000"];
            let set = ["pop", "settings", "set", "--data", &data, "--server", server];
            run(&program, &[set.as_slice(), &limit].concat())?;
        }
        let server = |tier| Pop3Server {
            pop3: Target { domain: DOMAIN, ..Target::plain(SocketAddr::from((tier, POP3))) },
            pop3s: SocketAddr::from((tier, POP3S)),
            authority: authority.clone(),
            roots: vec![process.id()],
        };
        Ok(Self {
            front_end: server(FRONT_END),
            back_end: server(BACK_END),
            lmtp: Target { domain: DOMAIN, ..Target::plain(SocketAddr::from((FRONT_END, LMTP))) },
            process,
            program,
            data,
        })
    }

    /// Says a command to it, and returns what that prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String> {
        run(&self.program, &[arguments, &["--data", &self.data]].concat())
    }

    /// How many octets a database has on the disk, without what is yet to be brought into its file.
    pub(crate) fn size_of(&self, database: &str) -> Result<u64> {
        let file = Path::new(&self.data).join("databases").join(database).join("mail.sqlite");
        Ok(fs::metadata(&file).with_context(|| file.display().to_string())?.len())
    }

    /// Processes that remember nothing, with the same mail.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.restart()?;
        greeted_by_both(&mut self.process).await
    }
}

async fn greeted_by_both(process: &mut Process) -> Result<()> {
    for tier in [BACK_END, FRONT_END] {
        greeted(process, SocketAddr::from((tier, POP3))).await?;
    }
    Ok(())
}

/// The release build of this work tree, beside this very program.
fn build() -> Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--locked", "--package", "mailmedic"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("starting cargo")?;
    ensure!(built.success(), "mailmedic does not build");
    Ok(std::env::current_exe()?.with_file_name("mailmedic"))
}

/// All users but the travellers live in one database, whose back end is also measured by itself.
fn import(program: &str, data: &str, users: &[String], database: &str, file: &Path) -> Result<()> {
    let mut list = fs::File::create(file)?;
    for user in users {
        writeln!(list, "{user}{DOMAIN}:{PASSWORD}:{database}")?;
    }
    run(program, &["user", "import", &file.display().to_string(), "--data", data]).map(drop)
}
