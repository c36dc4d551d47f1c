//! `mailmedic status`: what runs, where and since when.

mod gather;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use settings::DataDirectory;

use crate::failure::Outcome;
use crate::screen::{Colour, Output, coloured, say, table, time};
use crate::site::Site;

/// Show every server and service: state, process, addresses, since when, restarts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mailmedic status
  mailmedic status --output json
  mailmedic status || mailmedic up --detach

The exit code is 0 if everything that is wanted serves, otherwise 1.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,
}

/// An installation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct StatusView {
    data: String,
    /// The process of `mailmedic up`.
    pid: Option<u32>,
    since: Option<Timestamp>,
    /// The local coordinator, if it is one that this machine runs.
    coordinator: Option<ServiceView>,
    servers: Vec<ServerView>,
}

/// A server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ServerView {
    server: String,
    power: Power,
    /// When the power returns, if it is out.
    returns: Option<Timestamp>,
    /// The process of its init.
    pid: Option<u32>,
    boot_id: Option<String>,
    since: Option<Timestamp>,
    power_losses: Option<u64>,
    services: Vec<ServiceView>,
}

/// What keeps a server running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Power {
    /// Its init runs.
    On,
    /// It has lost its power, which returns.
    Out,
    /// It is off.
    Off,
    /// It is off because somebody wants that, until it is switched on.
    SwitchedOff,
    /// There is no init of ours; something else starts its services.
    Elsewhere,
}

/// A service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ServiceView {
    service: String,
    /// starting, running, stopping, stopped, Failed; off if its server is.
    state: String,
    pid: Option<u32>,
    since: Option<Timestamp>,
    restarts: u64,
    stopped_by_hand: bool,
    /// Why it is Failed.
    reason: Option<String>,
    /// admitting, draining, refusing.
    traffic: Option<String>,
    sessions: Option<usize>,
    /// Where it listens.
    addresses: Vec<Address>,
    details: Option<serde_json::Value>,
}

/// Where a service listens.
#[derive(Debug, Serialize)]
struct Address {
    purpose: String,
    address: String,
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome<ExitCode> {
        let site = Site::open(data)?;
        let view = gather::gather(&site)?;
        self.output.print(&view, as_table)?;
        if self.output.is_json() {
            return Ok(view.exit_code());
        }
        match view.pid {
            Some(pid) => {
                let since = view.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
                say(format_args!("\nup is process {pid}{since}, with its data in {}", view.data))?;
            }
            None if view.servers.iter().all(|server| server.power == Power::Off) => {
                say(format_args!(
                    "\nnothing is running on {}; `mailmedic up --detach` starts it",
                    view.data
                ))?;
            }
            None => {}
        }
        Ok(view.exit_code())
    }
}

impl StatusView {
    fn exit_code(&self) -> ExitCode {
        let serves = |service: &ServiceView| service.state == "running" || service.stopped_by_hand;
        let wanted = self.servers.iter().filter(|server| server.power != Power::SwitchedOff);
        // Where there is no grid, whoever runs the coordinator knows how it is.
        let coordinator = self.coordinator.iter().filter(|_| self.pid.is_some());
        let all = wanted.flat_map(|server| &server.services).chain(coordinator).all(serves);
        ExitCode::from(u8::from(!all))
    }
}

fn as_table(view: &StatusView) -> String {
    let mut rows = Vec::new();
    for server in &view.servers {
        rows.extend(
            server.services.iter().map(|service| row(&server.server, service, state(server.power, service))),
        );
    }
    // It is no server's, and of use to all.
    rows.extend(view.coordinator.iter().map(|one| row("-", one, state(Power::On, one))));
    let header = ["SERVER", "SERVICE", "STATE", "PID", "SINCE", "RESTARTS", "SESSIONS", "ADDRESSES"];
    let mut text = table(&header, rows);
    if let Some(reason) = view.coordinator.as_ref().and_then(|coordinator| coordinator.reason.as_deref()) {
        let _ = write!(
            text,
            "\ncoordinator: {reason}; it is tried again by itself, and mail goes on meanwhile; \
             `mailmedic logs coordinator` says more"
        );
    }
    for server in &view.servers {
        if server.power == Power::SwitchedOff {
            let _ = write!(
                text,
                "\n{} was switched off by hand, and stays off until it is switched on or `mailmedic up` starts anew",
                server.server
            );
        }
        for service in server.services.iter().filter(|service| service.reason.is_some()) {
            let reason = service.reason.as_deref().unwrap_or_default();
            // Writing into a string does not fail.
            let _ = write!(
                text,
                "\n{} of {}: {reason}; `mailmedic logs --server {1} {0}` says more, \
                 `mailmedic service start {1} {0}` tries again",
                service.service, server.server
            );
        }
        if let Some(returns) = server.returns {
            let _ = write!(text, "\n{} has no power, which returns at {}", server.server, time(returns));
        }
    }
    text
}

fn row(server: &str, service: &ServiceView, state: String) -> [String; 8] {
    let addresses = service.addresses.iter().map(|at| format!("{} {}", at.purpose, at.address));
    [
        server.to_owned(),
        service.service.clone(),
        state,
        service.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        service.since.map(time).unwrap_or_default(),
        service.restarts.to_string(),
        service.sessions.map(|sessions| sessions.to_string()).unwrap_or_default(),
        addresses.collect::<Vec<_>>().join(", "),
    ]
}

fn state(power: Power, service: &ServiceView) -> String {
    let word = service.state.as_str();
    match (word, &service.traffic) {
        ("running", Some(traffic)) if traffic != "admitting" => coloured(traffic, Colour::Attention),
        ("running", _) => coloured(word, Colour::Good),
        ("stopped", _) if service.stopped_by_hand => coloured("stopped by hand", Colour::Attention),
        ("Failed", _) => coloured(word, Colour::Bad),
        _ if power == Power::Out => coloured("no power", Colour::Bad),
        _ if power == Power::SwitchedOff => coloured("switched off", Colour::Attention),
        _ => word.to_owned(),
    }
}
