//! Asking everyone: the grid's state file, each init, each service. Whoever does not answer is shown as such.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use init::claim;
use init::control;
use init::status::{GridStatus, PowerStatus, ServerRequest, ServerStatus, ServiceStatus};
use serde_json::Value;
use service::admin::{self, Answer, Ask};
use settings::Server;

use super::{Address, Power, ServerView, ServiceView, StatusView};
use crate::coordinator::{self, COORDINATOR};
use crate::failure::{Failure, Outcome};
use crate::site::{Site, claim_failure, services_of};
use crate::up::grid_file;

/// How long a service may take to answer before it is shown without what only it knows.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn gather(site: &Site) -> Outcome<StatusView> {
    let holder = claim::holder(&site.data).map_err(claim_failure)?;
    let file = grid_file(&site.data);
    let grid = GridStatus::read(&file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?
        // Left by an earlier one, or not written yet.
        .filter(|grid| Some(grid.pid) == holder);
    let servers = site.configuration.servers.iter().map(|server| {
        let power = grid.iter().flat_map(|grid| &grid.servers).find(|power| server.name == power.server[..]);
        of_server(site, server, power)
    });
    Ok(StatusView {
        data: site.data.root().display().to_string(),
        pid: holder,
        since: grid.as_ref().map(|grid| grid.since),
        coordinator: coordinator::is_local(site)
            .then(|| of_coordinator(site, grid.as_ref().and_then(|grid| grid.coordinator.as_ref()))),
        servers: servers.collect::<Outcome<_>>()?,
    })
}

fn of_server(site: &Site, server: &Server, power: Option<&PowerStatus>) -> Outcome<ServerView> {
    let folder = site.data.server(server.name.as_str());
    let status = control::ask(server.name.as_str(), &folder, &ServerRequest::Status).ok();
    let services =
        services_of(server).into_iter().map(|service| of_service(site, server, service, status.as_ref()));
    let services = services.collect::<Outcome<Vec<_>>>()?;
    let elsewhere = status.is_none() && services.iter().any(|service| service.pid.is_some());
    Ok(ServerView {
        server: server.name.to_string(),
        power: match power {
            Some(power) if power.switched_off => Power::SwitchedOff,
            _ if status.is_some() => Power::On,
            Some(power) if power.returns.is_some() => Power::Out,
            _ if elsewhere => Power::Elsewhere,
            _ => Power::Off,
        },
        returns: power.and_then(|power| power.returns),
        pid: status.as_ref().map(|status| status.pid),
        boot_id: status.as_ref().map(|status| status.boot_id.clone()),
        since: status.as_ref().map(|status| status.since),
        power_losses: power.map(|power| power.losses),
        services,
    })
}

fn of_service(
    site: &Site,
    server: &Server,
    service: &str,
    init: Option<&ServerStatus>,
) -> Outcome<ServiceView> {
    let known = init.and_then(|init| init.services.iter().find(|one| one.service == service));
    let folder = site.data.server(server.name.as_str());
    let own = match admin::ask(&folder.admin_socket(service), &Ask::Status, PATIENCE) {
        Ok(Answer::Status(status)) => Some(status),
        // Init says what is the matter; a service that hangs is shown without its own words.
        Ok(_) | Err(_) => None,
    };
    let details = own.as_ref().map(|own| own.details.clone());
    let addresses = match details.as_ref().and_then(addresses) {
        Some(addresses) => addresses,
        None => configured(site, server, service)?,
    };
    Ok(ServiceView {
        service: service.to_owned(),
        state: match (known, &own) {
            (Some(known), _) => known.state.word().to_owned(),
            (None, Some(_)) => "running".to_owned(),
            (None, None) => "off".to_owned(),
        },
        pid: known.and_then(|known| known.pid).or(own.as_ref().map(|own| own.pid)),
        since: known.map(|known| known.since).or(own.as_ref().map(|own| own.started)),
        restarts: known.map_or(0, |known| known.restarts),
        stopped_by_hand: known.is_some_and(|known| known.stopped_by_hand),
        reason: known.and_then(reason),
        traffic: own.as_ref().and_then(|own| {
            serde_json::to_value(own.traffic).ok().and_then(|word| word.as_str().map(str::to_owned))
        }),
        sessions: own.as_ref().map(|own| own.sessions),
        addresses,
        details,
    })
}

/// The coordinator, as the grid knows it. Where there is none, one that can be connected to runs.
fn of_coordinator(site: &Site, known: Option<&ServiceStatus>) -> ServiceView {
    let socket = site.data.coordinator().socket();
    ServiceView {
        service: COORDINATOR.to_owned(),
        state: match known {
            Some(known) => known.state.word().to_owned(),
            None if UnixStream::connect(&socket).is_ok() => "running".to_owned(),
            None => "off".to_owned(),
        },
        pid: known.and_then(|known| known.pid),
        since: known.map(|known| known.since),
        restarts: known.map_or(0, |known| known.restarts),
        stopped_by_hand: false,
        reason: known.and_then(reason),
        traffic: None,
        sessions: None,
        addresses: vec![Address { purpose: "socket".to_owned(), address: socket.display().to_string() }],
        details: None,
    }
}

fn reason(service: &ServiceStatus) -> Option<String> {
    service.failure.as_ref().map(ToString::to_string)
}

/// What the service says about where it listens.
fn addresses(details: &Value) -> Option<Vec<Address>> {
    let listed = details.get("addresses")?.as_array()?;
    let one = |entry: &Value| {
        let text = |key| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Address { purpose: text("protocol")?, address: text("address")? })
    };
    listed.iter().map(one).collect()
}

/// Where it is to listen, as long as it does not say itself.
fn configured(site: &Site, server: &Server, service: &str) -> Outcome<Vec<Address>> {
    let listens = site.settings_of(server)?.listens(server).into_iter();
    let of = listens.filter(|listens| listens.service == service);
    Ok(of
        .map(|listens| Address { purpose: listens.purpose.to_owned(), address: listens.address.to_string() })
        .collect())
}

#[cfg(test)]
mod tests;
