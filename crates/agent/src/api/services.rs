//! Services: what runs, and starting and stopping it.

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::{Address, ServiceRow, ServiceState, Traffic};
use admin_api::{Endpoint, Kind, Listing, Problem, Unanswered, routes};
use placement::UnixMillis;
use server_control::{ServiceName, ServiceReport};
use service::admin::{self, Answer, Ask, Status, ask};
use settings::{ServerFolder, ServerName};
use tokio::task::spawn_blocking;

use super::Api;
use super::asked::Asked;
use crate::clock::moment;
use crate::controls::{Act, Undone};

/// The service that answers here.
const AGENT: &str = "agent";
/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Services>,
) -> Result<Listing<ServiceRow>, Problem> {
    let mut listing = Listing::default();
    for server in api.servers_meant(asked.query.server.as_deref())? {
        match of_server(&api, &server).await {
            Ok(rows) => listing.rows.extend(rows),
            Err(error) => {
                let (server, why) = (server.to_string(), error.to_string());
                listing.unanswered.push(Unanswered { server, why });
            }
        }
    }
    Ok(listing)
}

/// The services of one server, with what each says about itself.
pub(super) async fn of_server(api: &Api, server: &ServerName) -> Result<Vec<ServiceRow>, Undone> {
    let folder = api.data.server(server.as_str());
    let mut rows = Vec::new();
    for service in &api.controls.services(server).await? {
        let said = says(folder.clone(), service.service.as_str().to_owned()).await;
        rows.push(row(server, service, said.as_deref()));
    }
    Ok(rows)
}

/// What a service says about itself; nothing if it does not answer.
async fn says(folder: ServerFolder, service: String) -> Option<Box<Status>> {
    let asked = spawn_blocking(move || ask(&folder.admin_socket(&service), &Ask::Status, PATIENCE)).await;
    match asked {
        Ok(Ok(Answer::Status(status))) => Some(status),
        _ => None,
    }
}

fn row(server: &ServerName, service: &ServiceReport, said: Option<&Status>) -> ServiceRow {
    use server_control::ServiceState as State;
    let since = service.since.map(|since| UnixMillis(u64::try_from(since.as_millisecond()).unwrap_or(0)));
    ServiceRow {
        server: server.to_string(),
        service: service.service.as_str().to_owned(),
        state: match service.state {
            State::Stopped => ServiceState::Stopped,
            State::Starting => ServiceState::Starting,
            State::Running => ServiceState::Running,
            State::Stopping => ServiceState::Stopping,
            State::Failed => ServiceState::Failed,
        },
        pid: service.pid,
        since: since.map(moment),
        restarts: service.restarts,
        stopped_by_hand: service.stopped_by_hand,
        traffic: said.map(|status| match status.traffic {
            admin::Traffic::Admitting => Traffic::Admitting,
            admin::Traffic::Draining => Traffic::Draining,
            admin::Traffic::Refusing => Traffic::Refusing,
        }),
        sessions: said.map(|status| status.sessions as u64),
        addresses: said.map(|status| addresses(&status.details)).unwrap_or_default(),
        failure: service.failure.clone(),
    }
}

/// Where the service says that it listens.
fn addresses(details: &serde_json::Value) -> Vec<Address> {
    let listed = details.get("addresses").and_then(serde_json::Value::as_array);
    let text = |address: &serde_json::Value, key| {
        address.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let read = |address: &serde_json::Value| {
        Some(Address { purpose: text(address, "protocol")?, address: text(address, "address")? })
    };
    listed.into_iter().flatten().filter_map(read).collect()
}

pub(super) async fn start(api: Arc<Api>, asked: Asked<routes::StartService>) -> Result<ServiceRow, Problem> {
    let reason = asked.request.reason.clone();
    control(&api, &asked, ("start", Act::Start), reason.as_deref()).await
}

pub(super) async fn stop(api: Arc<Api>, asked: Asked<routes::StopService>) -> Result<ServiceRow, Problem> {
    let reason = asked.request.reason.clone();
    if asked.path("service").eq_ignore_ascii_case(AGENT) && api.world().records.agents.len() <= 1 {
        let why = "it is the last agent that is there, and nobody could start it again";
        return Err(Problem::new(Kind::Refused, why));
    }
    control(&api, &asked, ("stop", Act::Stop), reason.as_deref()).await
}

pub(super) async fn restart(
    api: Arc<Api>,
    asked: Asked<routes::RestartService>,
) -> Result<ServiceRow, Problem> {
    let reason = asked.request.reason.clone();
    control(&api, &asked, ("restart", Act::Restart), reason.as_deref()).await
}

async fn control<E: Endpoint>(
    api: &Api,
    asked: &Asked<E>,
    (action, act): (&str, Act),
    reason: Option<&str>,
) -> Result<ServiceRow, Problem> {
    let (server, service) = (asked.path("server"), asked.path("service"));
    let done = async {
        let server = api.server_called(server)?;
        let found = find(api, &server, service).await?;
        api.controls.act(&server, &found, act).await.map_err(|error| told(&error))?;
        let after = api.controls.services(&server).await.map_err(|error| told(&error))?;
        let after = after.iter().find(|known| known.service == found);
        let after = after.ok_or_else(|| Problem::new(Kind::Internal, "its init forgot the service"))?;
        Ok(row(&server, after, None))
    };
    let done: Result<ServiceRow, Problem> = done.await;
    let outcome = done.as_ref().map(|row| row.state.word().to_owned());
    api.audit.note(&asked.caller, (action, &format!("{server}/{service}")), reason, outcome);
    done
}

/// The service called `name`, as its server calls it.
async fn find(api: &Api, server: &ServerName, name: &str) -> Result<ServiceName, Problem> {
    let services = api.controls.services(server).await.map_err(|error| told(&error))?;
    let names: Vec<_> = services.iter().map(|service| service.service.as_str()).collect();
    let found = services.iter().find(|service| service.service.as_str().eq_ignore_ascii_case(name));
    let found = found.map(|service| service.service.clone());
    found.ok_or_else(|| Problem::unknown("service", name, names.into_iter()))
}

pub(super) fn told(error: &Undone) -> Problem {
    let kind = if error.is_refusal() { Kind::Refused } else { Kind::Unavailable };
    Problem::new(kind, error.to_string())
}
