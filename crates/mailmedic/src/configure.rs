//! `mailmedic configure`: everything that one real machine needs, written into a folder to look at and to install.
//!
//! Nothing on the machine is changed: what is to be done is printed, and done by whoever may.

mod polkit;
mod postfix;
mod units;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use net::CertificateStore;
use net::tls::CertificateFiles;
use settings::{CertificateName, Configuration, FilePath, HostName, Layer, OneMachine, Value};
use shell::{Failure, Outcome};

use crate::founding::write_new;
use crate::screen::say;
use units::Installation;

/// The file of the rule for polkit, which reads such files by their names.
const POLKIT_RULE: &str = "50-mailmedic.rules";

/// Write the configuration, systemd units, a polkit rule and Postfix lines for one real machine
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic configure --domain example.com --listen 192.0.2.1
  mailmedic configure --domain example.com --listen 192.0.2.1 --host-name pop.example.com \\
      --certificate /etc/ssl/pop.example.com.pem:/etc/ssl/pop.example.com.key

One machine with both roles: POP3 on port 110 with STLS, POP3S on port 995, LMTP for Postfix on 127.0.0.1 port 24. The \
services run as a user without privileges, under systemd. Nothing is changed on this machine: everything goes into a \
folder, and what to do with it is printed. --data says where the data will be, otherwise /var/lib/mailmedic.")]
pub(crate) struct Arguments {
    /// The domain of the users
    #[arg(long, value_name = "DOMAIN", value_parser = host_name)]
    domain: HostName,
    /// The address that clients connect to, or 0.0.0.0 or :: for all
    #[arg(long, value_name = "ADDRESS")]
    listen: IpAddr,
    /// The name that clients connect to; otherwise mail.DOMAIN
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    host_name: Option<HostName>,
    /// A certificate for that name, CERTIFICATE:KEY or one file with both; otherwise one of our own CA
    #[arg(long, value_name = "FILES")]
    certificate: Option<String>,
    /// The user that the services run as
    #[arg(long, default_value = "mailmedic", value_name = "USER")]
    user: String,
    /// Where this program will be
    #[arg(long, default_value = "/usr/local/bin/mailmedic", value_name = "FILE")]
    program: PathBuf,
    /// The folder to write into
    #[arg(long, default_value = "mailmedic-setup", value_name = "DIR")]
    into: PathBuf,
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text).map_err(|invalid| invalid.to_string())
}

impl Arguments {
    pub(crate) fn run(self, data: &Path) -> Outcome {
        let host_name = match &self.host_name {
            Some(name) => name.clone(),
            None => HostName::parse(&format!("mail.{}", self.domain)).map_err(Failure::bad_input)?,
        };
        let certificate =
            self.certificate.as_deref().map(|files| given_certificate(files, &host_name)).transpose()?;
        let machine = OneMachine {
            domain: self.domain.clone(),
            host_name: host_name.clone(),
            address: self.listen,
            certificate: certificate.clone(),
        };
        let configuration = Configuration::for_one_machine(&machine).map_err(Failure::bad_input)?;
        let text = configuration.to_toml();
        let configuration = Configuration::parse(&text, "mailmedic.toml").map_err(Failure::failed)?;
        let server = configuration
            .servers
            .first()
            .ok_or_else(|| Failure::failed("the configuration has no server"))?;
        let settings = configuration.settings_of(server, &Layer::default());
        let lmtp = settings.lmtp_addresses();
        let lmtp = lmtp.first().ok_or_else(|| Failure::failed("the configuration has no LMTP address"))?;
        let data = plain(data, "--data")?;
        if ["/tmp/", "/var/tmp/"].iter().any(|temporary| data.starts_with(temporary)) {
            return Err(Failure::bad_input(format!(
                "--data {data}: what lies there goes away, and the services do not see it; use /var/lib/mailmedic"
            )));
        }
        let installation = Installation {
            program: plain(&self.program, "--program")?,
            data,
            user: user_name(&self.user)?,
            server: server.name.to_string(),
        };
        let mut files = vec![("mailmedic.toml".to_owned(), text)];
        files.extend(installation.units());
        files.push((POLKIT_RULE.to_owned(), polkit::rule(&installation.user)));
        files.push(("postfix-main.cf".to_owned(), postfix::lines(&self.domain, *lmtp)));
        write_all(&self.into, &files)?;
        say(format_args!("written into {}, and nothing else is changed:\n", self.into.display()))?;
        for (name, _) in &files {
            say(format_args!("  {name}"))?;
        }
        say(next_steps(&installation, &self, &host_name, certificate.as_ref()))
    }
}

/// A certificate that exists and can be used.
fn given_certificate(text: &str, host_name: &HostName) -> Outcome<CertificateName> {
    let absolute = |path: &Path| {
        let path = std::path::absolute(path).map_err(Failure::bad_input)?;
        FilePath::parse(&path.to_string_lossy()).map_err(Failure::bad_input)
    };
    match CertificateName::parse(text).map_err(Failure::bad_input)? {
        CertificateName::Own(name) => Err(Failure::bad_input(format!(
            "--certificate {name}: give files, such as /etc/ssl/mail.pem:/etc/ssl/mail.key; without --certificate our own \
             CA makes one"
        ))),
        CertificateName::Files { certificate, key } => {
            let (certificate, key) = (absolute(certificate.as_path())?, absolute(key.as_path())?);
            let files = CertificateFiles {
                certificate: certificate.as_path().to_owned(),
                key: key.as_path().to_owned(),
            };
            let store = CertificateStore::load(std::slice::from_ref(&files))
                .map_err(|error| Failure::BadInput(shell::chain(&error)))?;
            let names: Vec<String> = store.summary().into_iter().flat_map(|summary| summary.names).collect();
            if !names.iter().any(|name| covers(name, host_name.as_str())) {
                return Err(Failure::bad_input(format!(
                    "{certificate} is not for {host_name} but for {}; name one of these with --host-name",
                    names.join(", ")
                )));
            }
            Ok(CertificateName::Files { certificate, key })
        }
    }
}

/// Whether a certificate for `name`, which may begin with a wildcard label (RFC 6125 §6.4.3), is good for the host.
fn covers(name: &str, host: &str) -> bool {
    let wildcard = name
        .strip_prefix("*.")
        .zip(host.split_once('.'))
        .is_some_and(|(parent, (_, rest))| parent.eq_ignore_ascii_case(rest));
    wildcard || name.eq_ignore_ascii_case(host)
}

/// A path that may stand in a unit without quoting.
fn plain(path: &Path, option: &str) -> Outcome<String> {
    let path = std::path::absolute(path).map_err(|error| Failure::bad_input(format!("{option}: {error}")))?;
    let text = path.to_string_lossy();
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
    if text.chars().all(harmless) {
        return Ok(text.into_owned());
    }
    Err(Failure::bad_input(format!(
        "{option} {text}: systemd would misread this path; use letters, digits and any of / . _ - + @"
    )))
}

/// A user's name as useradd(8) allows it.
fn user_name(text: &str) -> Outcome<String> {
    let first = text.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_');
    let rest = text
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter));
    if first && rest && text.len() <= 31 {
        return Ok(text.to_owned());
    }
    Err(Failure::bad_input(format!(
        "--user {text}: not the name of a user; write lower-case letters, such as mailmedic"
    )))
}

/// Writes the files into a new folder, or into one that has none of them.
fn write_all(folder: &Path, files: &[(String, String)]) -> Outcome {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::failed(format!("cannot create {}: {error}", folder.display())))?;
    if let Some((taken, _)) = files.iter().find(|(name, _)| folder.join(name).exists()) {
        return Err(Failure::bad_input(format!(
            "{} is there already and is not replaced; give another folder with --into",
            folder.join(taken).display()
        )));
    }
    files.iter().try_for_each(|(name, text)| write_new(&folder.join(name), text.as_bytes(), 0o640))
}

fn next_steps(
    installation: &Installation,
    arguments: &Arguments,
    host_name: &HostName,
    certificate: Option<&CertificateName>,
) -> String {
    let Installation { program, data, user, .. } = installation;
    let folder = arguments.into.display();
    let domain = &arguments.domain;
    let trust = match certificate {
        None => format!(
            "Clients must trust {data}/ca/clients/ca.pem, which is made at the first start. To use a certificate of a \
             public CA instead, configure again with --certificate."
        ),
        Some(CertificateName::Files { certificate, key }) => format!(
            "User {user} must be able to read {certificate} and {key}. A renewed certificate is picked up without a restart."
        ),
        Some(CertificateName::Own(_)) => String::new(),
    };
    format!(
        "
What to do next, as root:

  1. install --mode=0755 {this} {program}
  2. useradd --system --home-dir {data} --shell /usr/sbin/nologin {user}
  3. install --directory --owner={user} --group={user} --mode=0750 {data}
     install --owner={user} --group={user} --mode=0640 {folder}/mailmedic.toml {data}/mailmedic.toml
  4. install --mode=0644 {folder}/mailmedic*.service {folder}/mailmedic*.timer {folder}/mailmedic.target /etc/systemd/system/
     systemctl daemon-reload
     install --mode=0644 {folder}/{POLKIT_RULE} /etc/polkit-1/rules.d/
     systemctl enable --now mailmedic.target mailmedic-prepare.timer
  5. Put the lines of {folder}/postfix-main.cf into /etc/postfix/main.cf, and: postfix reload
  6. sudo --user={user} {program} --data {data} user add user1@{domain}

Then `sudo --user={user} {program} --data {data} status` shows what runs, and clients fetch mail from {host_name}.
The rule for polkit lets the agent restart its services, and the machine if [power] kind is \"logind\"; nothing else.
{trust}",
        this = std::env::current_exe().map_or_else(|_| "mailmedic".to_owned(), |path| path.display().to_string()),
    )
}

#[cfg(test)]
mod tests;
