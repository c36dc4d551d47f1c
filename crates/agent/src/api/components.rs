//! Components: whether they take traffic, and who asked.

use std::sync::Arc;

use admin_api::rows::{ComponentRow, ComponentState, StateRequest};
use admin_api::{Kind, Listing, Problem, routes};
use placement::record::ComponentRequest;
use placement::record::ComponentState as Wanted;
use placement::{Component, Requester, World, component_state, set_component};
use settings::{Role, Server, ServerName};

use super::asked::Asked;
use super::{Api, requester, shown, words};
use crate::clock::{moment, unix_millis};

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Components>,
) -> Result<Listing<ComponentRow>, Problem> {
    let world = api.world();
    let settled = api.live.snapshot();
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let configured = settled.configuration.servers.iter().filter(|server| servers.contains(&server.name));
    Ok(Listing::complete(configured.flat_map(|server| of_server(&world, server)).collect()))
}

pub(super) async fn set(api: Arc<Api>, asked: Asked<routes::SetComponent>) -> Result<ComponentRow, Problem> {
    let (name, component) = (asked.path("server"), asked.path("component"));
    let done = change(&api, &asked).await;
    let target = format!("{name}/{component} to {}", asked.request.state.word());
    let outcome = done.as_ref().map(|_| "asked for".to_owned());
    api.audit.note(&asked.caller, ("component", &target), asked.request.reason.as_deref(), outcome);
    let (server, component) = done?;
    Ok(row(&api.world(), &server, &component))
}

async fn change(api: &Api, asked: &Asked<routes::SetComponent>) -> Result<(ServerName, Component), Problem> {
    let server = api.server_called(asked.path("server"))?;
    let settled = api.live.snapshot();
    let known = settled.configuration.server(server.as_str()).map(components_of).unwrap_or_default();
    let wanted = asked.path("component");
    let component = known.iter().find(|component| component.as_str().eq_ignore_ascii_case(wanted));
    let component = component
        .cloned()
        .ok_or_else(|| Problem::unknown("component", wanted, known.iter().map(Component::as_str)))?;
    let by = match &asked.request.requester {
        None => requester(&asked.caller),
        Some(name) => Requester::parse(name)
            .map_err(|error| Problem::new(Kind::BadInput, format!("{name:?}: {error}")))?,
    };
    let state = match asked.request.state {
        ComponentState::Active => Wanted::Active,
        ComponentState::Draining => Wanted::Draining,
        ComponentState::Inactive => Wanted::Inactive,
    };
    let request =
        ComponentRequest { state, reason: words(asked.request.reason.as_deref()), at: unix_millis() };
    api.write(&set_component(&server, &component, &by, &request)).await?;
    Ok((server, component))
}

/// The components of a server: its services that take traffic.
fn components_of(server: &Server) -> Vec<Component> {
    let of = |role, component: fn() -> Component| server.has(role).then(component);
    let all = [of(Role::Mailbox, Component::back_end), of(Role::ClientAccess, Component::front_end)];
    all.into_iter().flatten().collect()
}

/// The components of a server, as they are.
pub(super) fn of_server(world: &World, server: &Server) -> Vec<ComponentRow> {
    components_of(server).iter().map(|component| row(world, &server.name, component)).collect()
}

fn row(world: &World, server: &ServerName, component: &Component) -> ComponentRow {
    let status = component_state(world, server, component);
    ComponentRow {
        server: server.to_string(),
        component: component.to_string(),
        state: state(status.effective),
        requests: status
            .requests
            .into_iter()
            .map(|(by, request)| StateRequest {
                requester: by.to_string(),
                state: state(request.state),
                reason: shown(&request.reason),
                at: moment(request.at),
            })
            .collect(),
    }
}

fn state(state: Wanted) -> ComponentState {
    match state {
        Wanted::Active => ComponentState::Active,
        Wanted::Draining => ComponentState::Draining,
        Wanted::Inactive => ComponentState::Inactive,
    }
}
