//! The ceilings, all of them running.

use anyhow::Result;

use super::{Laboratory, Pop3Server};
use crate::client::Target;
use crate::process::Process;

/// The name in whose mailbox every user of the null server finds mail.
const OWNER: &str = "anyone";

pub(crate) struct Ceilings {
    pub(crate) null: Target,
    pub(crate) null_tls: Pop3Server,
    pub(crate) relay: Target,
    /// Plain outside, resumed mutual TLS inside.
    pub(crate) relay_mutual_tls: Target,
    _processes: Vec<Process>,
}

impl Ceilings {
    pub(crate) fn start(laboratory: &Laboratory, messages: u64, octets: usize) -> Result<Self> {
        let folder = laboratory.certificates.folder().display().to_string();
        let (messages, octets) = (messages.to_string(), octets.to_string());
        let mut processes = Vec::new();
        let mut start = |kind: &str, more: &[&str]| -> Result<_> {
            let mut arguments =
                vec![kind, "--certificates", &folder, "--messages", &messages, "--octets", &octets];
            arguments.extend(more);
            let (process, address) = Process::start_ceiling(kind, &arguments)?;
            processes.push(process);
            Ok(address)
        };
        let null = start("null", &[])?;
        let null_tls = start("null-tls", &[])?;
        let null_mutual_tls = start("null-mutual-tls", &[])?;
        let relay = start("relay", &["--upstream", &null.to_string()])?;
        let relay_mutual_tls = start("relay-mutual-tls", &["--upstream", &null_mutual_tls.to_string()])?;
        let owned = |address| Target { owner: Some(OWNER), ..Target::plain(address) };
        let mut null_tls = laboratory.pop3_server(null, null_tls, &[]);
        null_tls.pop3.owner = Some(OWNER);
        Ok(Self {
            null: owned(null),
            null_tls,
            relay: owned(relay),
            relay_mutual_tls: owned(relay_mutual_tls),
            _processes: processes,
        })
    }
}
