//! `mailmedic up`: the power grid of a small data centre on loopback.

mod detach;
mod ports;
mod welcome;

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use clap::Args;
use init::Program;
use init::claim::Claim;
use init::grid::{Grid, GridServer, Outcome as GridOutcome, Progress};
use init::power::Limits;
use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::{DataDirectory, HostName, Role, Span, Value};
use shell::{Failure, Outcome};
use tracing::error;

use crate::founding::Alias;
use crate::logs::Mark;
use crate::screen::say;
use crate::site::{self, Site, span};
use crate::{coordinator, founding};

/// Start mail access on this machine: every server of the configuration, on loopback if it is a new one
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  mailmedic up                                in the foreground; Ctrl-C stops everything
  mailmedic up --detach                       returns when everything is ready
  mailmedic up --data ~/mail --domain example.org
  mailmedic up --domain contoso.com --alias server1=cas1

The first start makes the data directory with everything in it; later starts find it all again.")]
pub(crate) struct Arguments {
    /// Return when everything is ready, and leave it running
    #[arg(long)]
    detach: bool,
    /// The domain of users and servers, in a new data directory (otherwise example.com)
    #[arg(long, value_name = "DOMAIN", value_parser = domain)]
    domain: Option<HostName>,
    /// A second name for a server, in a new data directory; may be given more than once
    #[arg(long = "alias", value_name = "ALIAS=SERVER", value_parser = Alias::parse)]
    aliases: Vec<Alias>,
    /// How long a server stays off after it has lost its power, instead of what [init] says
    #[arg(long, value_name = "TIME", value_parser = span)]
    power_on_delay: Option<Span>,
    /// Leave services dead that die, instead of what [init] says
    #[arg(long)]
    no_restart: bool,
    // The process that --detach leaves behind.
    #[arg(long, hide = true)]
    detached: bool,
}

fn domain(text: &str) -> Result<HostName, String> {
    HostName::parse(text).map_err(|invalid| invalid.to_string())
}

/// How long all services together may take until they serve.
const START_LIMIT: Duration = Duration::from_mins(1);
/// What init needs on top of the time that its services may take to stop.
const INIT_LIMIT: Duration = Duration::from_secs(5);

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        if self.detach && !self.detached {
            return detach::start(&self, data);
        }
        if self.detached {
            return detach::leave_behind(&self, data);
        }
        let show = |site: &Site, progress: &Progress| {
            // Printing may fail when the terminal goes away; the signal that this brings is what counts.
            let _ = match progress {
                Progress::AllReady => welcome::text(site, std::process::id())
                    .and_then(|text| say(format_args!("{text}\nCtrl-C stops everything."))),
                progress => say(progress),
            };
        };
        self.serve(data, &|_| Ok(()), &mut { show })
    }

    /// Runs the grid until it is asked to stop. `claimed` is called once the data directory is ours alone.
    fn serve(
        &self,
        data: &DataDirectory,
        claimed: &dyn Fn(&DataDirectory) -> io::Result<()>,
        show: &mut dyn FnMut(&Site, &Progress),
    ) -> Outcome {
        let claim = site::claim(data, Claim::take)?;
        claimed(data).map_err(|error| Failure::failed(format!("{}: {error}", data.root().display())))?;
        self.configure(data)?;
        let site = founding::complete(data)?;
        ports::check(&site)?;
        let grid = self.grid(&site)?;
        let log = start_log(&site)?;
        let mark = Mark::now(&site);
        let mut tell = |progress: Progress| show(&site, &progress);
        let mut upkeep = || renew_certificates(data);
        let outcome = grid.run(&mut tell, &mut upkeep).map_err(Failure::failed);
        drop(log);
        drop(claim);
        match outcome? {
            GridOutcome::Stopped => Ok(()),
            GridOutcome::Cut => Err(Failure::failed("everything was ended at once, as asked a second time")),
            GridOutcome::NotStarted { server, service, reason } => {
                Err(not_started(mark, &server, service.as_deref(), &reason))
            }
        }
    }

    /// Writes the configuration of a new data directory; an old one must be for the domain that was asked for.
    fn configure(&self, data: &DataDirectory) -> Outcome {
        if !data.configuration().exists() {
            return founding::write_loopback_configuration(data, self.domain.as_ref(), &self.aliases);
        }
        if self.domain.is_none() && self.aliases.is_empty() {
            return Ok(());
        }
        let site = Site::open(data)?;
        for Alias { alias, server } in &self.aliases {
            let known = site.configuration.server_called(alias.as_str());
            if known.is_none_or(|known| known.name != *server) {
                return Err(Failure::bad_input(format!(
                    "no server called {server} has the alias {alias} in {}; write aliases = [\"{alias}\"] there, or give \
                     another --data",
                    data.configuration().display()
                )));
            }
        }
        let Some(domain) = &self.domain else { return Ok(()) };
        if site.configuration.default_realm == *domain {
            return Ok(());
        }
        Err(Failure::bad_input(format!(
            "{} is for {}, not {domain}; leave --domain out, change default-realm there, or give another --data",
            data.configuration().display(),
            site.configuration.default_realm
        )))
    }

    fn grid(&self, site: &Site) -> Outcome<Grid> {
        let mut servers = Vec::new();
        for server in &site.configuration.servers {
            let init = site.settings_of(server)?.init;
            let name = server.name.as_str();
            let mut arguments = vec!["run".into(), "server".into(), name.into(), "--data".into()];
            arguments.push(site.data.root().into());
            if self.no_restart {
                arguments.push("--no-restart".into());
            }
            servers.push(GridServer {
                name: name.to_owned(),
                folder: site.data.server(name),
                arguments,
                faces_clients: server.has(Role::ClientAccess),
                limits: Limits {
                    power_on_delay: self.power_on_delay.unwrap_or(init.power_on_delay).duration(),
                    shut_down: init.stop_limit.duration() + INIT_LIMIT,
                },
            });
        }
        Ok(Grid {
            state_file: grid_file(&site.data),
            socket: site.data.grid_socket(),
            program: Program::this()
                .map_err(|error| Failure::failed(format!("cannot find this program: {error}")))?,
            coordinator: coordinator::on_grid(site, !self.no_restart),
            servers,
            start_limit: START_LIMIT,
        })
    }
}

/// The grid's own log, as large as that of the first server.
fn start_log(site: &Site) -> Outcome<Option<ServiceLog>> {
    let Some(server) = site.configuration.servers.first() else { return Ok(None) };
    let settings = site.settings_of(server)?;
    let log = ServiceLogSettings::new(log_file(&site.data), &settings.log, false);
    ServiceLog::start(&log).map(Some).map_err(Failure::failed)
}

/// Where the grid writes down which servers have power.
pub(crate) fn grid_file(data: &DataDirectory) -> std::path::PathBuf {
    data.root().join("grid.json")
}

/// Where the grid writes what happens.
pub(crate) fn log_file(data: &DataDirectory) -> std::path::PathBuf {
    data.root().join("up.log")
}

/// Certificates live for weeks and grids for months.
fn renew_certificates(data: &DataDirectory) {
    let renewed = Site::open(data).and_then(|site| founding::certificates(&site, SystemTime::now()));
    if let Err(failure) = renewed {
        error!("certificates cannot be renewed: {failure:?}");
    }
}

/// What failed, with what it said last.
fn not_started(mark: Mark, server: &str, service: Option<&str>, reason: &str) -> Failure {
    let what = service.map_or_else(|| format!("server {server}"), |service| format!("{service} of {server}"));
    let said = mark.last_words(server, service.unwrap_or(init::server::INIT));
    Failure::failed(format!(
        "{what} did not start: {reason}; everything is stopped again. It said last:
  {}",
        said.join(
            "
  "
        )
    ))
}

/// Writes a line at once, however the standard output is buffered.
fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
