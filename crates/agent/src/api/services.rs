//! Services: what runs, and starting and stopping it.

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::{Address, ServiceRow, ServiceState, Traffic};
use admin_api::{Endpoint, Kind, Listing, Problem, Unanswered, routes};
use init::status::{ServerRequest, ServiceStatus};
use service::admin::{self, Answer, Ask, Status, ask};
use settings::{ServerFolder, ServerName};
use tokio::task::spawn_blocking;

use super::Api;
use super::asked::Asked;
use crate::clock::moment;
use init::control::AskError;

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
pub(super) async fn of_server(api: &Api, server: &ServerName) -> Result<Vec<ServiceRow>, AskError> {
    let status = api.controls.ask(server, &ServerRequest::Status).await?;
    let folder = api.data.server(server.as_str());
    let mut rows = Vec::new();
    for service in &status.services {
        let said = says(folder.clone(), service.service.clone()).await;
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

fn row(server: &ServerName, service: &ServiceStatus, said: Option<&Status>) -> ServiceRow {
    use init::status::ServiceState as State;
    let millis = placement::UnixMillis(u64::try_from(service.since.as_millisecond()).unwrap_or(0));
    ServiceRow {
        server: server.to_string(),
        service: service.service.clone(),
        state: match service.state {
            State::Stopped => ServiceState::Stopped,
            State::Starting => ServiceState::Starting,
            State::Running => ServiceState::Running,
            State::Stopping => ServiceState::Stopping,
            State::Failed => ServiceState::Failed,
        },
        pid: service.pid,
        since: Some(moment(millis)),
        restarts: service.restarts,
        stopped_by_hand: service.stopped_by_hand,
        traffic: said.map(|status| match status.traffic {
            admin::Traffic::Admitting => Traffic::Admitting,
            admin::Traffic::Draining => Traffic::Draining,
            admin::Traffic::Refusing => Traffic::Refusing,
        }),
        sessions: said.map(|status| status.sessions as u64),
        addresses: said.map(|status| addresses(&status.details)).unwrap_or_default(),
        failure: service.failure.as_ref().map(ToString::to_string),
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
    control(&api, &asked, "start", reason.as_deref(), |service| ServerRequest::Start { service }).await
}

pub(super) async fn stop(api: Arc<Api>, asked: Asked<routes::StopService>) -> Result<ServiceRow, Problem> {
    let reason = asked.request.reason.clone();
    if asked.path("service").eq_ignore_ascii_case(AGENT) && api.world().records.agents.len() <= 1 {
        let why = "it is the last agent that is there, and nobody could start it again";
        return Err(Problem::new(Kind::Refused, why));
    }
    control(&api, &asked, "stop", reason.as_deref(), |service| ServerRequest::Stop { service }).await
}

pub(super) async fn restart(
    api: Arc<Api>,
    asked: Asked<routes::RestartService>,
) -> Result<ServiceRow, Problem> {
    let reason = asked.request.reason.clone();
    control(&api, &asked, "restart", reason.as_deref(), |service| ServerRequest::Restart { service }).await
}

async fn control<E: Endpoint>(
    api: &Api,
    asked: &Asked<E>,
    action: &str,
    reason: Option<&str>,
    request: impl FnOnce(String) -> ServerRequest,
) -> Result<ServiceRow, Problem> {
    let (server, service) = (asked.path("server"), asked.path("service"));
    let done = async {
        let server = api.server_called(server)?;
        let status = api.controls.ask(&server, &ServerRequest::Status).await.map_err(|error| told(&error))?;
        let names: Vec<_> = status.services.iter().map(|known| known.service.clone()).collect();
        let found = names.iter().find(|name| name.eq_ignore_ascii_case(service));
        let found =
            found.ok_or_else(|| Problem::unknown("service", service, names.iter().map(String::as_str)))?;
        let asked = api.controls.ask(&server, &request(found.clone())).await.map_err(|error| told(&error))?;
        let after = asked.services.iter().find(|known| known.service == *found);
        let after = after.ok_or_else(|| Problem::new(Kind::Internal, "the init forgot the service"))?;
        Ok(row(&server, after, None))
    };
    let done: Result<ServiceRow, Problem> = done.await;
    let outcome = done.as_ref().map(|row| row.state.word().to_owned());
    api.audit.note(&asked.caller, (action, &format!("{server}/{service}")), reason, outcome);
    done
}

fn told(error: &AskError) -> Problem {
    let kind = if matches!(error, AskError::Refused(_)) { Kind::Refused } else { Kind::Unavailable };
    Problem::new(kind, error.to_string())
}
