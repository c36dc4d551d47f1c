//! The HTTP API, by the contract of `admin-api`.
//!
//! - `door`: where it listens, and who comes in by which door;
//! - `asked`: from a request to a handler's arguments, and from its answer to a response;
//! - one module a subject: `databases`, `servers`, `services`, `components`, `pop_settings`, `health`, `recovery`,
//!   `audit`, `users`.
//!
//! Any agent answers for all servers: most of it from the records, which all agents see alike.

mod asked;
mod audit;
mod components;
mod databases;
pub(crate) mod door;
mod health;
mod moves;
mod pop_settings;
mod recovery;
mod refusal;
mod servers;
mod services;
mod users;

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::Version;
use admin_api::{Caller, Kind, Problem, routes};
use axum::Router;
use cluster::{Committed, commit};
use coordinator::{Coordinator, CoordinatorError, Revision};
use placement::{Requester, World, Writes};
use service::Live;
use service::metrics::CONTENT_TYPE;
use settings::{DataDirectory, ServerName};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::audit::Audit;
use crate::controls::Controls;
use crate::neighbours::Neighbours;
use asked::{Asked, Routes};
pub(crate) use health::Watch;
pub(crate) use recovery::Recovered;
pub(crate) use users::UserMoves;

/// How long to wait for the news of what was written, here or by somebody who was faster.
const NEWS: Duration = Duration::from_secs(1);

/// What every handler works with.
pub(crate) struct Api {
    pub(crate) server: ServerName,
    pub(crate) data: DataDirectory,
    pub(crate) live: Arc<Live>,
    pub(crate) coordinator: Arc<dyn Coordinator>,
    pub(crate) world: watch::Receiver<Arc<World>>,
    pub(crate) controls: Arc<Controls>,
    pub(crate) audit: Audit,
    pub(crate) user_moves: UserMoves,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) watch: Watch,
    pub(crate) recovered: Recovered,
    /// The text of the metrics; looks at a lot.
    pub(crate) metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

impl Api {
    /// The world as this agent sees it now.
    fn world(&self) -> Arc<World> {
        Arc::clone(&self.world.borrow())
    }

    /// Writes a decision, or says why not.
    async fn write(&self, writes: &Writes) -> Result<(), Problem> {
        match self.try_to_write(writes).await? {
            Committed::Written(_) => Ok(()),
            Committed::Void => Err(overtaken()),
        }
    }

    /// Writes a decision, if the world is still as it supposes, and waits for the news of it, so that whoever is told that
    /// it is written finds it when asking again.
    async fn try_to_write(&self, writes: &Writes) -> Result<Committed, Problem> {
        let committed = commit(&*self.coordinator, writes, Vec::new()).await;
        let committed = committed.map_err(|error| coordinator_problem(&error))?;
        if let Committed::Written(Revision(written)) = committed {
            let mut worlds = self.world.clone();
            // It is written, whether the news comes or not.
            let _ = timeout(NEWS, worlds.wait_for(|world| world.revision >= written)).await;
        }
        Ok(committed)
    }

    /// The server called `name`, as the configuration spells it.
    fn server_called(&self, name: &str) -> Result<ServerName, Problem> {
        let settled = self.live.snapshot();
        let servers = &settled.configuration.servers;
        let found = settled.configuration.server_called(name).map(|server| server.name.clone());
        found.ok_or_else(|| {
            Problem::unknown("server", name, servers.iter().map(|server| server.name.as_str()))
        })
    }

    /// The servers that a query means: the one it names, or all.
    fn servers_meant(&self, name: Option<&str>) -> Result<Vec<ServerName>, Problem> {
        if let Some(name) = name {
            return self.server_called(name).map(|server| vec![server]);
        }
        let settled = self.live.snapshot();
        Ok(settled.configuration.servers.iter().map(|server| server.name.clone()).collect())
    }
}

/// Whoever asks, as records name them.
fn requester(caller: &Caller) -> Requester {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let name: String = caller.name.chars().map(plain).take(60).collect();
    Requester::parse(&name).unwrap_or_else(|_| Requester::parse("somebody").expect("it is a name"))
}

/// The reason as records keep it.
fn words(reason: Option<&str>) -> String {
    reason.unwrap_or_default().to_owned()
}

/// The reason as it is shown.
fn shown(reason: &str) -> Option<String> {
    (!reason.is_empty()).then(|| reason.to_owned())
}

fn overtaken() -> Problem {
    Problem::new(Kind::Conflict, "somebody else has changed it at the same moment; look and ask again")
}

/// What an absent coordinator means to a caller.
fn coordinator_problem(error: &CoordinatorError) -> Problem {
    let kind = match error {
        CoordinatorError::OutcomeUnknown { .. } => Kind::OutcomeUnknown,
        CoordinatorError::Refused { .. } => Kind::Internal,
        _ => Kind::Unavailable,
    };
    Problem::new(kind, format!("{error}; mail goes on without it, moves and blocks wait"))
}

/// The whole API.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let routes = Routes::new()
        .answer(databases::copies)
        .answer(databases::list)
        .answer(databases::mount)
        .answer(databases::dismount)
        .answer(moves::one)
        .answer(moves::several)
        .answer(moves::show)
        .answer(servers::list)
        .answer(servers::show)
        .answer(servers::drain)
        .answer(servers::block_activation)
        .answer(servers::allow)
        .answer(servers::restart)
        .answer(servers::begin_maintenance)
        .answer(servers::end_maintenance)
        .answer(services::list)
        .answer(services::start)
        .answer(services::stop)
        .answer(services::restart)
        .answer(components::list)
        .answer(components::set)
        .answer(health::list)
        .answer(health::report)
        .answer(health::verdicts)
        .answer(health::run_probe)
        .answer(health::results)
        .answer(health::items)
        .answer(health::help)
        .answer(health::set_repairing)
        .answer(health::overrides)
        .answer(health::add_override)
        .answer(health::remove_override)
        .answer(pop_settings::list)
        .answer(pop_settings::set)
        .answer(recovery::list)
        .answer(recovery::show)
        .answer(recovery::explain)
        .answer(recovery::approve)
        .answer(recovery::hold)
        .answer(recovery::release)
        .answer(recovery::stop)
        .answer(recovery::brake)
        .answer(recovery::pull_brake)
        .answer(recovery::release_brake)
        .answer(audit::list)
        .answer(users::begin)
        .answer(users::show)
        .answer(open_api)
        .answer(version);
    routes.page("/metrics", CONTENT_TYPE, metrics).into_router(api)
}

async fn metrics(api: Arc<Api>) -> Result<String, Problem> {
    let tell = Arc::clone(&api.metrics);
    let told = spawn_blocking(move || tell()).await;
    told.map_err(|error| Problem::new(Kind::Internal, format!("the metrics cannot be told: {error}")))
}

async fn open_api(_: Arc<Api>, _: Asked<routes::OpenApi>) -> Result<serde_json::Value, Problem> {
    serde_json::to_value(admin_api::openapi())
        .map_err(|error| Problem::new(Kind::Internal, format!("the description cannot be written: {error}")))
}

async fn version(api: Arc<Api>, _: Asked<routes::ShowVersion>) -> Result<Version, Problem> {
    Ok(Version { server: api.server.to_string(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

#[cfg(test)]
mod tests;
