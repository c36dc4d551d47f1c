//! Dovecot as a peer: the whole server, and as a proxy before another.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Laboratory, Pop3Server, free_port, greeted, loopback, run, write_configuration};
use crate::client::{PASSWORD, Target};
use crate::process::Process;

/// When Dovecot forces mail to the disk.
#[derive(Clone, Copy)]
pub(crate) enum Fsync {
    Optimized,
    Always,
}

pub(crate) struct Dovecot {
    pub(crate) server: Pop3Server,
    pub(crate) lmtp: Target,
    process: Process,
    configuration: PathBuf,
}

impl Dovecot {
    /// Starts it with a mailbox for each of `users`, who need not be there yet.
    pub(crate) async fn start(
        laboratory: &Laboratory,
        name: &str,
        fsync: Fsync,
        users: &[String],
    ) -> Result<Self> {
        let folder = laboratory.folder(name)?;
        let accounts = Accounts::here()?;
        // Dovecot hashes at every log-in, cache or no cache. Here it need not: what is compared is the handling of mail.
        let mut lines = String::new();
        for user in users {
            let _ = writeln!(lines, "{user}:{{PLAIN}}{PASSWORD}");
        }
        fs::write(folder.join("users"), lines)?;
        fs::create_dir(folder.join("mail"))?;
        accounts.own_mail(&folder.join("mail"))?;
        let lmtp = free_port()?;
        let fsync = match fsync {
            Fsync::Optimized => "optimized",
            Fsync::Always => "always",
        };
        let (process, pop3, pop3s, configuration) = start(
            laboratory,
            name,
            &folder,
            include_str!("../../peers/dovecot.conf"),
            &[("FSYNC", fsync), ("LMTP", &lmtp.to_string())],
            &accounts,
        )
        .await?;
        Ok(Self {
            server: laboratory.pop3_server(pop3, pop3s, &[&process]),
            lmtp: Target::plain(loopback(lmtp)),
            process,
            configuration,
        })
    }

    /// A process that remembers nothing, with the same mail.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.restart()?;
        greeted(&mut self.process, self.server.pop3.address).await
    }

    /// Doubles a mailbox `times` times by copying its messages within it.
    pub(crate) fn double(&self, user: &str, times: u32) -> Result<()> {
        let configuration = self.configuration.display().to_string();
        for _ in 0..times {
            run("doveadm", &["-c", &configuration, "copy", "-u", user, "INBOX", "mailbox", "INBOX", "ALL"])?;
        }
        Ok(())
    }

    pub(crate) fn version() -> Result<String> {
        let version = run("dovecot", &["--version"])?;
        Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
    }
}

/// Dovecot as a proxy, the inner leg plain.
pub(crate) struct DovecotProxy {
    /// Both tiers.
    pub(crate) server: Pop3Server,
    process: Process,
}

impl DovecotProxy {
    pub(crate) async fn start(laboratory: &Laboratory, upstream: &Dovecot) -> Result<Self> {
        let folder = laboratory.folder("dovecot-proxy")?;
        let (process, pop3, pop3s, _) = start(
            laboratory,
            "dovecot-proxy",
            &folder,
            include_str!("../../peers/dovecot-proxy.conf"),
            &[("UPSTREAM", &upstream.server.pop3.address.port().to_string())],
            &Accounts::here()?,
        )
        .await?;
        let server = laboratory.pop3_server(pop3, pop3s, &[&process, &upstream.process]);
        Ok(Self { server, process })
    }

    /// The proxy alone: a process that remembers nothing.
    pub(crate) async fn restart(&mut self) -> Result<()> {
        self.process.restart()?;
        greeted(&mut self.process, self.server.pop3.address).await
    }
}

async fn start(
    laboratory: &Laboratory,
    name: &str,
    folder: &Path,
    template: &str,
    values: &[(&str, &str)],
    accounts: &Accounts,
) -> Result<(Process, SocketAddr, SocketAddr, PathBuf)> {
    let (pop3, pop3s) = (loopback(free_port()?), loopback(free_port()?));
    let configuration = folder.join("dovecot.conf");
    let mut all = vec![("NAME", name.to_owned()), ("ROOT", folder.display().to_string())];
    all.push(("CERTIFICATES", laboratory.certificates.folder().display().to_string()));
    all.extend([("POP3", pop3.port().to_string()), ("POP3S", pop3s.port().to_string())]);
    all.push(("LOGIN_USER", accounts.login.clone()));
    all.push(("INTERNAL_USER", accounts.internal.clone()));
    all.push(("INTERNAL_GROUP", accounts.group.clone()));
    all.push(("MAIL_USER", accounts.mail.clone()));
    let all: Vec<(&str, &str)> =
        all.iter().map(|(name, value)| (*name, value.as_str())).chain(values.iter().copied()).collect();
    write_configuration(template, &all, &configuration)?;
    let log = folder.join("output");
    let arguments = ["-F", "-c", &configuration.display().to_string()];
    let mut process = Process::start(name, "dovecot", &arguments, &log)?;
    let greeting = greeted(&mut process, pop3).await;
    greeting.with_context(|| fs::read_to_string(folder.join("log")).unwrap_or_default())?;
    Ok((process, pop3, pop3s, configuration))
}

/// The accounts Dovecot's processes run under: Debian's own for root, and for anyone else only their own.
pub(super) struct Accounts {
    login: String,
    internal: String,
    group: String,
    pub(super) mail: String,
    ids: Option<(u32, u32)>,
}

impl Accounts {
    pub(super) fn here() -> Result<Self> {
        let name = run("id", &["-un"])?;
        if name == "root" {
            let id = |option| -> Result<u32> { Ok(run("id", &[option, "mail"])?.parse()?) };
            return Ok(Self {
                login: "dovenull".to_owned(),
                internal: "dovecot".to_owned(),
                group: "dovecot".to_owned(),
                mail: "mail".to_owned(),
                ids: Some((id("-u")?, id("-g")?)),
            });
        }
        let group = run("id", &["-gn"])?;
        Ok(Self { login: name.clone(), internal: name.clone(), group, mail: name, ids: None })
    }

    fn own_mail(&self, folder: &Path) -> Result<()> {
        if let Some((user, group)) = self.ids {
            chown(folder, Some(user), Some(group))?;
        }
        Ok(())
    }
}
