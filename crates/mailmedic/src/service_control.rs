//! `mailmedic service`: start, stop and restart one service of one server.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use init::control;
use init::status::{ServerRequest, ServerStatus, ServiceState, ServiceStatus};
use service::admin::{self, Ask};
use settings::{DataDirectory, ServerFolder};

use crate::failure::{Failure, Outcome};
use crate::screen::say;
use crate::site::{Site, services_of, unknown};

/// Start, stop or restart one service of one server
#[derive(Args, Debug)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic service restart cas1 frontend
  mailmedic service stop mbx1 backend
  mailmedic service start mbx1 backend"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Start a service that is stopped or Failed
    #[command(after_help = "\
Example:
  mailmedic service start mbx1 backend")]
    Start(Which),
    /// Stop a service; it stays stopped until it is started, over restarts of its server too
    #[command(after_help = "\
Example:
  mailmedic service stop mbx1 backend")]
    Stop(Which),
    /// Drain a service and start it anew
    #[command(after_help = "\
Example:
  mailmedic service restart cas1 frontend")]
    Restart(Which),
}

#[derive(Args, Debug)]
struct Which {
    /// The server, such as cas1
    server: String,
    /// The service: frontend, backend or agent
    service: String,
}

/// How long a service may take: draining, ending, starting.
const LIMIT: Duration = Duration::from_mins(1);
/// How often it is asked whether it is done.
const POLL: Duration = Duration::from_millis(50);

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome {
        let site = Site::open(data)?;
        let (which, wanted) = match &self.command {
            Command::Start(which) | Command::Restart(which) => (which, ServiceState::Running),
            Command::Stop(which) => (which, ServiceState::Stopped),
        };
        let server = site.server(&which.server)?;
        let service = services_of(server)
            .into_iter()
            .find(|service| service.eq_ignore_ascii_case(&which.service))
            .ok_or_else(|| {
                unknown(
                    &format!("service on {}", server.name),
                    &which.service,
                    services_of(server).into_iter(),
                )
            })?
            .to_owned();
        let server = server.name.as_str();
        let folder = data.server(server);
        let ask = |request: &ServerRequest| control::ask(server, &folder, request).map_err(Failure::failed);
        let before = match ask(&ServerRequest::Status) {
            Err(_) if runs_elsewhere(&folder, &service) => {
                return Err(Failure::failed(format!(
                    "{service} of {server} was not started by `mailmedic up`: use what started it, such as \
                     `systemctl restart mailmedic-{service}`"
                )));
            }
            answer => of(&answer?, &service)?,
        };
        let request = match self.command {
            Command::Start(_) => ServerRequest::Start { service: service.clone() },
            Command::Stop(_) => ServerRequest::Stop { service: service.clone() },
            Command::Restart(_) => ServerRequest::Restart { service: service.clone() },
        };
        let fresh = matches!(self.command, Command::Restart(_));
        let mut now = of(&ask(&request)?, &service)?;
        let deadline = Instant::now() + LIMIT;
        while now.state != wanted || fresh && now.pid == before.pid {
            if let Some(failure) = now.failure {
                return Err(Failure::failed(format!(
                    "{service} of {server} does not start: {failure}; `mailmedic logs --server {server} {service}` says more"
                )));
            }
            if Instant::now() > deadline {
                return Err(Failure::failed(format!(
                    "{service} of {server} is {} after {} s",
                    now.state.word(),
                    LIMIT.as_secs()
                )));
            }
            std::thread::sleep(POLL);
            now = of(&ask(&ServerRequest::Status)?, &service)?;
        }
        match now.pid {
            Some(pid) => say(format_args!("{service} of {server} is running (process {pid})")),
            None => say(format_args!(
                "{service} of {server} is stopped, until `mailmedic service start {server} {service}`"
            )),
        }
    }
}

/// Whether the service runs though there is no init of ours.
fn runs_elsewhere(folder: &ServerFolder, service: &str) -> bool {
    admin::ask(&folder.admin_socket(service), &Ask::Status, Duration::from_secs(2)).is_ok()
}

fn of(status: &ServerStatus, service: &str) -> Outcome<ServiceStatus> {
    let found = status.services.iter().find(|one| one.service == service);
    found.cloned().ok_or_else(|| Failure::failed(format!("server {} runs no {service}", status.server)))
}
