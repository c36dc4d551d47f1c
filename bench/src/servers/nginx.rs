//! nginx's mail proxy as a peer.

use anyhow::Result;

use super::dovecot::Accounts;
use super::{Laboratory, free_port, greeted, loopback, run, write_configuration};
use crate::client::Target;
use crate::process::Process;

pub(crate) struct Nginx {
    pub(crate) pop3: Target,
    _processes: [Process; 2],
}

impl Nginx {
    pub(crate) async fn start(laboratory: &Laboratory, upstream: &Target) -> Result<Self> {
        let folder = laboratory.folder("nginx")?;
        let (auth, address) = Process::start_ceiling(
            "nginx-auth",
            &["nginx-auth", "--upstream", &upstream.address.to_string()],
        )?;
        let pop3 = free_port()?;
        let configuration = folder.join("nginx.conf");
        let root = folder.display().to_string();
        write_configuration(
            include_str!("../../peers/nginx.conf"),
            &[
                ("ROOT", &root),
                ("MAIL_USER", &Accounts::here()?.mail),
                ("AUTH", &address.to_string()),
                ("POP3", &pop3.to_string()),
            ],
            &configuration,
        )?;
        let log = folder.join("output");
        let arguments = ["-p", &root, "-c", &configuration.display().to_string()];
        let mut nginx = Process::start("nginx", "nginx", &arguments, &log)?;
        greeted(&mut nginx, loopback(pop3)).await?;
        Ok(Self { pop3: Target::plain(loopback(pop3)), _processes: [nginx, auth] })
    }

    pub(crate) fn version() -> Result<String> {
        // nginx -v writes to stderr, its package database entry does not.
        let version = run("dpkg-query", &["-W", "-f", "${Version}", "nginx-common"])?;
        Ok(version.split('-').next().unwrap_or_default().to_owned())
    }
}
