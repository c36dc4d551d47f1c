//! `mailmedic run`: the processes themselves. Init and systemd call this; people seldom do.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use init::Program;
use init::claim::Claim;
use init::server::{INIT, ServerInit, ServiceCommand};
use init::supervision::Policy;
use service::lifecycle::{Exit, die_with_parent};
use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::{DataDirectory, ServerName};
use shell::{Failure, Outcome};

use crate::coordinator::{agent_alone, is_of_the_agent, serve_coordinator};
use crate::site::{Site, services_of};
use crate::{founding, site};

/// Run one process of an installation in the foreground
#[derive(Args, Debug)]
#[command(
    hide = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  mailmedic run backend --server mbx1 --data /var/lib/mailmedic
  mailmedic run frontend --server cas1 --data /var/lib/mailmedic
  mailmedic run coordinator --data /var/lib/mailmedic
  mailmedic run prepare && mailmedic run agent --server watch1      watches the [[target]]s of the configuration

`mailmedic up` and the units that `mailmedic configure` writes call these."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make what the data directory lacks, and renew certificates whose time is running out
    Prepare,
    /// The init of a server: the parent of its services
    Server {
        /// The server
        name: String,
        #[command(flatten)]
        parent: Parent,
        /// Leave services dead that die
        #[arg(long)]
        no_restart: bool,
    },
    /// The front end of a server
    Frontend(Service),
    /// The back end of a server
    Backend(Service),
    /// The agent of a server
    Agent(Service),
    /// The local coordinator of the cluster
    Coordinator(Parent),
}

#[derive(Args, Debug)]
struct Service {
    /// The server it serves on
    #[arg(long, value_name = "NAME")]
    server: String,
    #[command(flatten)]
    parent: Parent,
}

#[derive(Args, Debug)]
struct Parent {
    /// Die with this process, which must be the parent
    #[arg(long, value_name = "PID")]
    parent: Option<u32>,
}

impl Parent {
    /// To be called first: whoever is left behind must not serve.
    fn tie(&self) -> Outcome {
        self.parent.map_or(Ok(()), |parent| die_with_parent(parent).map_err(Failure::failed))
    }
}

impl Arguments {
    pub(crate) fn run(self, data: &DataDirectory) -> Outcome<ExitCode> {
        match self.command {
            Command::Prepare => prepare(data).map(|()| ExitCode::SUCCESS),
            Command::Server { name, parent, no_restart } => {
                parent.tie()?;
                server(data, &name, no_restart).map(|()| ExitCode::SUCCESS)
            }
            Command::Frontend(service) => Ok(match service.begin(data) {
                Ok(server) => serve(frontend::run(data.clone(), server)),
                Err(failure) => not_begun(&failure),
            }),
            Command::Backend(service) => Ok(match service.begin(data) {
                Ok(server) => serve(backend::run(data.clone(), server)),
                Err(failure) => not_begun(&failure),
            }),
            Command::Agent(service) => Ok(match service.begin_agent(data) {
                Ok((server, true)) => serve(agent_alone(data.clone(), server)),
                Ok((server, false)) => serve(agent::run(data.clone(), server)),
                Err(failure) => not_begun(&failure),
            }),
            Command::Coordinator(parent) => {
                parent.tie()?;
                Ok(serve_coordinator(data))
            }
        }
    }
}

impl Service {
    /// The same for an agent; whether it runs the coordinator as well.
    fn begin_agent(&self, data: &DataDirectory) -> Outcome<(ServerName, bool)> {
        let server = self.begin(data)?;
        Ok((server, is_of_the_agent(&Site::open(data)?)))
    }

    /// Ties the process to its parent and finds the server it is to serve on.
    fn begin(&self, data: &DataDirectory) -> Outcome<ServerName> {
        self.parent.tie()?;
        Ok(Site::open(data)?.server(&self.server)?.name.clone())
    }
}

/// The parent must know whether it helps to start the service again.
fn not_begun(failure: &Failure) -> ExitCode {
    let code = failure.report();
    if matches!(failure, Failure::BadInput(_)) { Exit::Misconfigured.code().into() } else { code }
}

/// Runs a service on all cores. Its parent reads the exit code, people the line on the standard error output.
fn serve(service: impl Future<Output = Result<(), reception::Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(service),
        Err(error) => Err(reception::Failure::of(Exit::Failed, error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The parent tells this code from that of any other failure.
            let _ = Failure::failed(&failure).report();
            ExitCode::from(failure.exit.code())
        }
    }
}

/// What `mailmedic up` does before it starts anything, for an installation that systemd starts.
fn prepare(data: &DataDirectory) -> Outcome {
    let claim = site::claim(data, Claim::wait_for)?;
    founding::complete(claim.data()).map(|_| ())
}

fn server(data: &DataDirectory, name: &str, no_restart: bool) -> Outcome {
    let site = Site::open(data)?;
    let server = site.server(name)?;
    let settings = site.settings_of(server)?;
    let folder = data.server(server.name.as_str());
    let log = ServiceLogSettings::new(folder.service_log(INIT), &settings.log, false);
    let log = ServiceLog::start(&log).map_err(Failure::failed)?;
    let command = |service: &str| ServiceCommand {
        name: service.to_owned(),
        arguments: ["run", service, "--server", server.name.as_str(), "--data"]
            .into_iter()
            .map(Into::into)
            .chain([data.root().into()])
            .collect(),
    };
    let init = ServerInit {
        server: server.name.to_string(),
        program: Program::this()
            .map_err(|error| Failure::failed(format!("cannot find this program: {error}")))?,
        services: services_of(server).into_iter().map(command).collect(),
        policy: Policy {
            restart: settings.init.restart_services && !no_restart,
            stop_limit: settings.init.stop_limit.duration(),
            ..Policy::default()
        },
        folder,
    };
    let ended = init.run().map_err(Failure::failed);
    drop(log);
    ended
}
