//! The local coordinator, as this executable starts it: beside the servers, in a folder of its own.

use std::process::ExitCode;
use std::time::Duration;

use ::coordinator::local::Server;
use init::grid;
use init::server::ServiceCommand;
use init::supervision::{Policy, Retry};
use service::lifecycle::{Asked, Exit, Signals, notify};
use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::{CoordinatorKind, DataDirectory, ServerName};
use shell::{Failure, Outcome};

use crate::site::Site;

/// Its name, where it stands beside those of services.
pub(crate) const COORDINATOR: &str = "coordinator";

/// How long it stays dead once it keeps dying: nobody else would start it again, and no database moves meanwhile.
const RETRY: Retry = Retry { first: Duration::from_secs(1), most: Duration::from_secs(10) };

/// Whether there is one to run here. Where it is etcd, others run it; an agent that has no company runs its own.
pub(crate) fn is_local(site: &Site) -> bool {
    site.configuration.cluster().coordinator.kind == CoordinatorKind::Local && !is_of_the_agent(site)
}

/// Whether the agent is the coordinator's only client: it watches servers that are not ours, and there is no other of ours.
pub(crate) fn is_of_the_agent(site: &Site) -> bool {
    let configuration = &site.configuration;
    let local = configuration.cluster().coordinator.kind == CoordinatorKind::Local;
    local && configuration.only_watches() && configuration.servers.len() == 1
}

/// The agent of a server that has no company, and the coordinator in the same process.
pub(crate) async fn agent_alone(data: DataDirectory, server: ServerName) -> Result<(), reception::Failure> {
    let folder = data.coordinator();
    let running = Server::new(folder.store(), folder.socket())
        .serve()
        .map_err(|error| reception::Failure::of(Exit::Failed, error))?;
    let ended = agent::run(data, server).await;
    running.shut_down().await;
    ended
}

/// What the power grid needs to know to run it, if there is one to run.
pub(crate) fn on_grid(site: &Site, restart: bool) -> Option<grid::Coordinator> {
    is_local(site).then(|| grid::Coordinator {
        command: ServiceCommand {
            name: COORDINATOR.to_owned(),
            arguments: vec!["run".into(), COORDINATOR.into(), "--data".into(), site.data.root().into()],
        },
        console: site.data.coordinator().console(),
        policy: Policy { restart, retry: Some(RETRY), ..Policy::default() },
    })
}

/// Runs the coordinator until it is asked to stop. Its parent reads the exit code, people the line on the standard error
/// output.
pub(crate) fn serve_coordinator(data: &DataDirectory) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.map_err(Failure::failed).and_then(|runtime| {
        let log = start_log(data)?;
        runtime.block_on(serve(data))?;
        drop(log);
        Ok(())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure @ Failure::BadInput(_)) => {
            // The parent tells this code from that of any other failure.
            let _ = failure.report();
            Exit::Misconfigured.code().into()
        }
        Err(failure) => failure.report(),
    }
}

/// Its own log, as large as that of the first server.
fn start_log(data: &DataDirectory) -> Outcome<Option<ServiceLog>> {
    let site = Site::open(data)?;
    let Some(server) = site.configuration.servers.first() else { return Ok(None) };
    let settings = site.settings_of(server)?;
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = ServiceLogSettings::new(data.coordinator().service_log(), &settings.log, terminal);
    ServiceLog::start(&log).map(Some).map_err(Failure::failed)
}

async fn serve(data: &DataDirectory) -> Outcome {
    let mut signals = Signals::catch().map_err(Failure::failed)?;
    let folder = data.coordinator();
    let mut running =
        Server::new(folder.store(), folder.socket()).serve().map_err(|error| Failure::because(&error))?;
    notify::ready();
    tokio::spawn(notify::watchdog());
    tracing::info!("the coordinator serves");
    loop {
        tokio::select! {
            asked = signals.next() => if asked == Asked::Stop { break },
            () = running.failed() => return Err(Failure::failed("the coordinator has failed; its log says why")),
        }
    }
    notify::stopping();
    running.shut_down().await;
    tracing::info!("the coordinator has stopped");
    Ok(())
}
