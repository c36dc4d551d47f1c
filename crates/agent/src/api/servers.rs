//! Servers: how they are, whether databases may be activated there, maintenance, restarts.

use std::sync::Arc;

use admin_api::rows::{
    AgentPresence, Allowed, Block, Maintenance, MoveRow, Power, RestartRow, ServerRole, ServerRow, ServiceRow,
};
use admin_api::{Caller, Endpoint, Kind, Listing, Problem, Unanswered, routes};
use api_client::Client;
use placement::record::{self, Presence};
use placement::{
    World, begin_maintenance as maintenance_begins, block, end_maintenance as maintenance_ends, may_restart,
    moves_off, unblock,
};
use server_control::{PowerReport, PowerState, RequestId};
use settings::{Role, Server, ServerName};

use super::asked::Asked;
use super::refusal::problem;
use super::{Api, components, moves, requester, services, shown, words};
use crate::clock::{moment, unix_millis};

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Servers>,
) -> Result<Listing<ServerRow>, Problem> {
    let (world, settled) = (api.world(), api.live.snapshot());
    let names = api.servers_meant(None)?;
    let mut services = services::of_servers(&api, &asked.caller, &names).await;
    let mut listing = Listing::default();
    for server in &settled.configuration.servers {
        let services = services.remove(&server.name);
        let why = if !world.records.agents.contains_key(&server.name) {
            Some("its agent is not there; what is shown is what others know".to_owned())
        } else if api.neighbours.is_elsewhere(&server.name) {
            services.as_ref().and_then(|services| services.as_ref().err().cloned())
        } else {
            // What others know of a server of this data directory is all there is to know.
            None
        };
        let name = server.name.to_string();
        listing.unanswered.extend(why.map(|why| Unanswered { server: name, why }));
        listing.rows.push(row(&api, &world, server, services.and_then(Result::ok)).await);
    }
    Ok(listing)
}

pub(super) async fn show(api: Arc<Api>, asked: Asked<routes::ShowServer>) -> Result<ServerRow, Problem> {
    let server = api.server_called(asked.path("server"))?;
    shown_row(&api, &asked.caller, &server).await
}

async fn shown_row(api: &Api, caller: &Caller, name: &ServerName) -> Result<ServerRow, Problem> {
    let settled = api.live.snapshot();
    let server = settled.configuration.server(name.as_str());
    let server = server.ok_or_else(|| Problem::unknown("server", name.as_str(), std::iter::empty()))?;
    let mut services = services::of_servers(api, caller, std::slice::from_ref(name)).await;
    let services = services.remove(name).and_then(Result::ok);
    Ok(row(api, &api.world(), server, services).await)
}

async fn row(api: &Api, world: &World, server: &Server, services: Option<Vec<ServiceRow>>) -> ServerRow {
    let presence = world.records.agents.get(&server.name).map(|kept| &kept.value);
    let report = api.controls.power(&server.name).await;
    // An agent on another machine that is there and does not answer has power all the same.
    let answers = services.is_some() || presence.is_some() && api.neighbours.is_elsewhere(&server.name);
    let active =
        world.topology.databases.iter().filter(|database| {
            world.mounted_on(&database.name).is_some_and(|mounted| *mounted == server.name)
        });
    let sessions = services.as_ref().map(|rows| rows.iter().filter_map(|row| row.sessions).sum());
    ServerRow {
        name: server.name.to_string(),
        roles: server.roles.iter().map(|role| role_of(*role)).collect(),
        address: server.address.to_string(),
        power: power(report.as_ref(), answers),
        agent: if presence.is_some() { AgentPresence::Present } else { AgentPresence::Absent },
        boot_id: presence.map(|Presence { boot_id, .. }| boot_id.clone()),
        since: presence.map(|presence| moment(presence.since)),
        active_databases: active.map(|database| database.name.to_string()).collect(),
        sessions,
        blocks: blocks(world, &server.name),
        maintenance: world.records.maintenance.get(&server.name).map(|kept| Maintenance {
            by: kept.value.by.to_string(),
            reason: shown(&kept.value.reason),
            since: moment(kept.value.since),
            until: moment(kept.value.until),
        }),
        components: components::of_server(world, server),
    }
}

fn role_of(role: Role) -> ServerRole {
    match role {
        Role::ClientAccess => ServerRole::ClientAccess,
        Role::Mailbox => ServerRole::Mailbox,
    }
}

/// What is said of its power; if nobody says anything, a server whose services are known is on.
fn power(report: Option<&PowerReport>, answers: bool) -> Power {
    match report.map(|report| report.state) {
        Some(PowerState::On) => Power::On,
        Some(PowerState::Off) => Power::Off,
        None if answers => Power::On,
        Some(PowerState::Out { .. }) | None => Power::Out,
    }
}

fn blocks(world: &World, server: &ServerName) -> Vec<Block> {
    let blocks = world.records.blocks_of(server).map(|(by, kept)| Block {
        requester: by.to_string(),
        reason: shown(&kept.value.reason),
        at: moment(kept.value.at),
        move_now: kept.value.move_now,
    });
    blocks.collect()
}

pub(super) async fn drain(
    api: Arc<Api>,
    asked: Asked<routes::DrainServer>,
) -> Result<Listing<MoveRow>, Problem> {
    let reason = asked.request.reason.as_deref();
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        let relocations = moves_off(&api.world(), &server);
        moves::can_all_go(&relocations)?;
        let record = record::Block { reason: words(reason), at: unix_millis(), move_now: true };
        api.write(&block(&server, &requester(&asked.caller), &record)).await?;
        Ok(moves::begun(&api, &relocations).await)
    };
    note(&api, &asked, "drain", reason, done.await)
}

pub(super) async fn block_activation(
    api: Arc<Api>,
    asked: Asked<routes::BlockServer>,
) -> Result<ServerRow, Problem> {
    let reason = asked.request.reason.as_deref();
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        let record = record::Block { reason: words(reason), at: unix_millis(), move_now: false };
        api.write(&block(&server, &requester(&asked.caller), &record)).await?;
        shown_row(&api, &asked.caller, &server).await
    };
    note(&api, &asked, "block", reason, done.await)
}

pub(super) async fn allow(api: Arc<Api>, asked: Asked<routes::AllowServer>) -> Result<Allowed, Problem> {
    let reason = asked.request.reason.as_deref();
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        let (world, by) = (api.world(), requester(&asked.caller));
        let lifted = world.records.blocks_of(&server).any(|(requester, _)| *requester == by);
        api.write(&unblock(&server, &by)).await?;
        let others = blocks(&world, &server).into_iter().filter(|block| block.requester != by.as_str());
        Ok(Allowed { server: server.to_string(), lifted, blocks: others.collect() })
    };
    note(&api, &asked, "allow", reason, done.await)
}

pub(super) async fn restart(
    api: Arc<Api>,
    asked: Asked<routes::RestartServer>,
) -> Result<RestartRow, Problem> {
    let request = &asked.request;
    let there =
        api.server_called(asked.path("server")).ok().filter(|server| api.neighbours.is_elsewhere(server));
    if let Some(server) = there {
        // Whoever may restart it is there.
        let same = routes::RestartServer { server: server.to_string() };
        let ask = |client: Client| async move { client.send(&same, request).await };
        return match api.neighbours.pass_on(&asked.caller, &server, ask).await {
            Ok(answer) => answer,
            Err(unanswered) => note(&api, &asked, "restart", request.reason.as_deref(), Err(unanswered)),
        };
    }
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        let world = api.world();
        if !request.force {
            may_restart(&world, server.as_str()).map_err(|refusal| problem(&refusal))?;
        }
        let id = RequestId::parse(&request.id).map_err(|error| {
            let why =
                format!("{error}; a restart is done once for each \"id\", however often it is asked for");
            Problem::new(Kind::BadInput, why)
        })?;
        let boot_id = world.records.agents.get(&server).map(|kept| kept.value.boot_id.clone());
        api.controls.restart(&server, id).await.map_err(|error| services::told(&error))?;
        let outcome = "it is shut down in order and starts again".to_owned();
        Ok(RestartRow { id: request.id.clone(), server: server.to_string(), boot_id, outcome })
    };
    note(&api, &asked, "restart", request.reason.as_deref(), done.await)
}

pub(super) async fn begin_maintenance(
    api: Arc<Api>,
    asked: Asked<routes::BeginMaintenance>,
) -> Result<ServerRow, Problem> {
    let request = &asked.request;
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        let now = unix_millis();
        let until = placement::UnixMillis(now.0.saturating_add(request.for_seconds.saturating_mul(1000)));
        let (by, reason) = (requester(&asked.caller), request.reason.clone());
        let record = record::Maintenance { by, reason, since: now, until };
        api.write(&maintenance_begins(&server, &record)).await?;
        shown_row(&api, &asked.caller, &server).await
    };
    note(&api, &asked, "maintenance", Some(&request.reason), done.await)
}

pub(super) async fn end_maintenance(
    api: Arc<Api>,
    asked: Asked<routes::EndMaintenance>,
) -> Result<ServerRow, Problem> {
    let done = async {
        let server = api.server_called(asked.path("server"))?;
        api.write(&maintenance_ends(&server)).await?;
        shown_row(&api, &asked.caller, &server).await
    };
    note(&api, &asked, "end maintenance", None, done.await)
}

/// Writes down what was asked of the server in the path, and what came of it.
fn note<E: Endpoint, T>(
    api: &Api,
    asked: &Asked<E>,
    action: &str,
    reason: Option<&str>,
    done: Result<T, Problem>,
) -> Result<T, Problem> {
    let outcome = done.as_ref().map(|_| "done".to_owned());
    api.audit.note(&asked.caller, (action, asked.path("server")), reason, outcome);
    done
}
