//! Services: what runs, and starting and stopping it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::{Address, ByServer, Reason, ServiceRow, ServiceState, Traffic};
use admin_api::{Caller, Endpoint, Kind, Listing, Nothing, Problem, Unanswered, routes};
use api_client::Client;
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
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let mut known = of_servers(&api, &asked.caller, &servers).await;
    let mut listing = Listing::default();
    for server in servers {
        match known.remove(&server) {
            Some(Ok(rows)) => listing.rows.extend(rows),
            Some(Err(why)) => listing.unanswered.push(Unanswered { server: server.to_string(), why }),
            None => {}
        }
    }
    Ok(listing)
}

/// The services of each of these servers, or why they are not known: from whoever starts them, or from the agent there.
pub(super) async fn of_servers(
    api: &Api,
    caller: &Caller,
    servers: &[ServerName],
) -> BTreeMap<ServerName, Result<Vec<ServiceRow>, String>> {
    let (elsewhere, here): (Vec<_>, Vec<_>) =
        servers.iter().cloned().partition(|server| api.neighbours.is_elsewhere(server));
    // Each is asked for its own alone, so that nobody asks anybody on.
    let theirs = api.neighbours.ask_each(caller, elsewhere, |client, server| async move {
        client.get(&routes::Services {}, &ByServer { server: Some(server.to_string()) }).await
    });
    let mut known = BTreeMap::new();
    for server in here {
        let rows = of_server(api, &server).await.map_err(|error| error.to_string());
        known.insert(server, rows);
    }
    for (server, answer) in theirs.await.all() {
        let rows = match answer {
            Ok(Listing { unanswered, .. }) if !unanswered.is_empty() => {
                Err(unanswered.into_iter().map(|missing| missing.why).collect::<Vec<_>>().join("; "))
            }
            Ok(listing) => Ok(listing.rows),
            Err(why) => Err(why.to_string()),
        };
        known.insert(server, rows);
    }
    known
}

/// The services of a server of this data directory, with what each says about itself.
async fn of_server(api: &Api, server: &ServerName) -> Result<Vec<ServiceRow>, Undone> {
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
    let [server, service] = ["server", "service"].map(|name| asked.path(name).to_owned());
    control(&api, &asked, routes::StartService { server, service }, ("start", Act::Start)).await
}

pub(super) async fn stop(api: Arc<Api>, asked: Asked<routes::StopService>) -> Result<ServiceRow, Problem> {
    if asked.path("service").eq_ignore_ascii_case(AGENT) && api.world().records.agents.len() <= 1 {
        let why = "it is the last agent that is there, and nobody could start it again";
        return Err(Problem::new(Kind::Refused, why));
    }
    let [server, service] = ["server", "service"].map(|name| asked.path(name).to_owned());
    control(&api, &asked, routes::StopService { server, service }, ("stop", Act::Stop)).await
}

pub(super) async fn restart(
    api: Arc<Api>,
    asked: Asked<routes::RestartService>,
) -> Result<ServiceRow, Problem> {
    let [server, service] = ["server", "service"].map(|name| asked.path(name).to_owned());
    control(&api, &asked, routes::RestartService { server, service }, ("restart", Act::Restart)).await
}

/// Does it, or has the agent of the server do it, of which the same is asked.
async fn control<E>(
    api: &Api,
    asked: &Asked<E>,
    same: E,
    (action, act): (&str, Act),
) -> Result<ServiceRow, Problem>
where
    E: Endpoint<Query = Nothing, Request = Reason, Response = ServiceRow> + Send + Sync,
{
    let (server, service) = (asked.path("server"), asked.path("service"));
    let done = match api.server_called(server) {
        Err(problem) => Err(problem),
        Ok(server) if api.neighbours.is_elsewhere(&server) => {
            let ask = |client: Client| async move { client.send(&same, &asked.request).await };
            match api.neighbours.pass_on(&asked.caller, &server, ask).await {
                Ok(answer) => return answer,
                Err(unanswered) => Err(unanswered),
            }
        }
        Ok(server) => carry_out(api, &server, service, act).await,
    };
    let outcome = done.as_ref().map(|row| row.state.word().to_owned());
    let reason = asked.request.reason.as_deref();
    api.audit.note(&asked.caller, (action, &format!("{server}/{service}")), reason, outcome);
    done
}

async fn carry_out(api: &Api, server: &ServerName, service: &str, act: Act) -> Result<ServiceRow, Problem> {
    let found = find(api, server, service).await?;
    api.controls.act(server, &found, act).await.map_err(|error| told(&error))?;
    let after = api.controls.services(server).await.map_err(|error| told(&error))?;
    let after = after.iter().find(|known| known.service == found);
    let after = after.ok_or_else(|| Problem::new(Kind::Internal, "its init forgot the service"))?;
    Ok(row(server, after, None))
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
