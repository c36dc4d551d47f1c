//! What can only be judged once everything has been read: names that refer to others, addresses that meet.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::read::Places;
use super::{Configuration, Listens, Role, Server, ServerSettings};
use crate::document::Document;
use crate::layer::Layer;
use crate::problem::nearest;
use crate::value::{CoordinatorKind, PowerKind, Value};

pub(super) fn references(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    names(configuration, places, document);
    copies(configuration, places, document);
    targets(configuration, places, document);
    ports(configuration, places, document);
    power(configuration, places, document);
    coordinator(configuration, places, document);
    placement(configuration, places, document);
}

/// Each name once; databases and routes share one set of names, since a user's database may be either.
fn names(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let mut seen = Vec::new();
    for (server, at) in configuration.servers.iter().zip(&places.servers) {
        if seen.contains(&&server.name) {
            document.problem(
                at.clone(),
                format!("there is another server called {}", server.name),
                "give each its own name",
            );
        }
        seen.push(&server.name);
    }
    for (server, at) in configuration.servers.iter().zip(&places.servers) {
        for alias in &server.aliases {
            if seen.contains(&alias) {
                document.problem(
                    at.clone(),
                    format!("there is another server called {alias}"),
                    "give each alias to one server",
                );
            }
            seen.push(alias);
        }
    }
    let databases = configuration.databases.iter().map(|database| &database.name);
    let routes = configuration.routes.iter().map(|route| &route.name);
    let places = places.databases.iter().map(|(at, _)| at).chain(&places.routes);
    let mut seen = Vec::new();
    for (name, at) in databases.chain(routes).zip(places) {
        if seen.contains(&name) {
            document.problem(
                at.clone(),
                format!("there is another database or route called {name}"),
                "give each its own name",
            );
        }
        seen.push(name);
    }
}

fn copies(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let mailbox_servers: Vec<_> = configuration
        .servers
        .iter()
        .filter(|server| server.has(Role::Mailbox))
        .map(|server| server.name.as_str())
        .collect();
    for (database, (_, copies)) in configuration.databases.iter().zip(&places.databases) {
        for (index, (copy, at)) in database.copies.iter().zip(copies).enumerate() {
            let message = match configuration.server(copy.as_str()) {
                None => format!("there is no server called {copy}"),
                Some(server) if !server.has(Role::Mailbox) => {
                    format!("{copy} does not have the role mailbox")
                }
                Some(_) if database.copies[..index].contains(copy) => {
                    document.problem(at.clone(), format!("{copy} is named twice"), "name each server once");
                    continue;
                }
                Some(_) => continue,
            };
            let instead = nearest(copy.as_str(), mailbox_servers.iter().copied())
                .filter(|near| *near != copy.as_str())
                .map_or_else(
                    || format!("write a mailbox server: {}", mailbox_servers.join(", ")),
                    |near| format!("write \"{near}\""),
                );
            document.problem(at.clone(), message, instead);
        }
    }
}

/// Each target has a name of its own and servers that watch it, and a server without a role has something to watch.
fn targets(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let mut seen = Vec::new();
    for (target, (at, observers)) in configuration.targets.iter().zip(&places.targets) {
        if seen.contains(&&target.name) {
            let message = format!("there is another target called {}", target.name);
            document.problem(at.clone(), message, "give each its own name");
        }
        seen.push(&target.name);
        for (observer, at) in target.watched_from.iter().zip(observers) {
            if configuration.server(observer.as_str()).is_some() {
                continue;
            }
            let servers = configuration.servers.iter().map(|server| server.name.as_str());
            let instead = nearest(observer.as_str(), servers.clone()).map_or_else(
                || format!("write one of {}", servers.collect::<Vec<_>>().join(", ")),
                |near| format!("write \"{near}\""),
            );
            document.problem(at.clone(), format!("there is no server called {observer}"), instead);
        }
    }
    for (server, at) in configuration.servers.iter().zip(&places.servers) {
        let watches = configuration.targets_of(server.name.as_str()).next().is_some();
        if server.roles.is_empty() && !watches && !places.targets_are_missing {
            document.problem(
                at.clone(),
                format!("{} has no role, and no [[target]] to watch", server.name),
                format!("write roles = {}, or a [[target]]", <Vec<Role> as Value>::example()),
            );
        }
    }
}

/// Nothing listens where something else does, and both ends of the inner leg mean the same port.
fn ports(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let mut taken: Vec<(&Server, Listens)> = Vec::new();
    let mut first: Option<(&Server, ServerSettings)> = None;
    for (server, at) in configuration.servers.iter().zip(&places.servers) {
        let settings = configuration.settings_of(server, &Layer::default());
        if server.address.is_unspecified() {
            let message =
                format!("{} is no address at which other servers reach {}", server.address, server.name);
            let instead = "write its own address here, and all addresses in the bindings";
            document.problem(at.clone(), message, instead);
        }
        for ours in settings.listens(server).into_iter().filter(|ours| ours.address.port() != 0) {
            let Listens { address, setting, .. } = ours;
            if let Some((other, theirs)) = taken.iter().find(|(other, theirs)| {
                if on_one_machine(other, server) {
                    meet(theirs.address, address)
                } else {
                    contend(theirs.address, address)
                }
            }) {
                let message = format!(
                    "{setting} of {} is {address}, where {} of {} listens already",
                    server.name, theirs.setting, other.name
                );
                document.problem(at.clone(), message, "give each its own address or port");
            }
            taken.push((server, ours));
        }
        same_inner_ports(document, at, (server, &settings), first.as_ref());
        first.get_or_insert((server, settings));
    }
}

fn same_inner_ports(
    document: &mut Document<'_>,
    at: &Range<usize>,
    (server, settings): (&Server, &ServerSettings),
    first: Option<&(&Server, ServerSettings)>,
) {
    let Some((other, theirs)) = first else { return };
    for (key, ours, theirs) in [
        ("proxy-target-port", settings.pop.proxy_target_port, theirs.pop.proxy_target_port),
        ("lmtp-port", settings.inner.lmtp_port, theirs.inner.lmtp_port),
    ] {
        if ours != theirs {
            let message =
                format!("{key} of {} is {ours}, but that of {} is {theirs}", server.name, other.name);
            document.problem(at.clone(), message, format!("write the same {key} for all servers"));
        }
    }
}

/// Whether two servers certainly share a machine, as those of the small data centre do.
fn on_one_machine(a: &Server, b: &Server) -> bool {
    a.address == b.address || a.address.is_loopback() && b.address.is_loopback()
}

/// Whether listeners on different machines claim the same address of the network. Those on loopback and those on all
/// addresses are at home on every machine.
fn contend(a: SocketAddr, b: SocketAddr) -> bool {
    a == b && !a.ip().is_loopback() && !a.ip().is_unspecified()
}

/// Whether two listeners on one machine are in each other's way. The address that means all addresses meets every one of its family.
fn meet(a: SocketAddr, b: SocketAddr) -> bool {
    let all = |ip: IpAddr| ip.is_unspecified();
    a.port() == b.port() && (a.ip() == b.ip() || a.is_ipv4() == b.is_ipv4() && (all(a.ip()) || all(b.ip())))
}

/// A command that cuts the power is there if it is to be used.
fn power(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    for (server, at) in configuration.servers.iter().zip(&places.servers) {
        let power = configuration.settings_of(server, &Layer::default()).power;
        if power.kind == PowerKind::Command && power.command.is_empty() {
            let message = format!("the power of {} is cut by a command, but there is none", server.name);
            document.problem(at.clone(), message, "write the command below [power] or [server.power]");
        }
    }
}

/// What reaches the coordinator, and how it proves who it is, fit together.
fn coordinator(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let settings = configuration.cluster().coordinator;
    let mut wrong =
        |message: &str, instead: &str| document.problem(places.coordinator.clone(), message, instead);
    let (secure, plain): (Vec<_>, Vec<_>) = settings.endpoints.iter().partition(|endpoint| endpoint.tls);
    let files = settings.ca.is_some() || settings.certificate.is_some() || settings.key.is_some();
    match settings.kind {
        CoordinatorKind::Etcd if settings.endpoints.is_empty() => {
            wrong("etcd is nowhere to be found", "write endpoints = [\"https://etcd1.example.com:2379\"]");
        }
        CoordinatorKind::Local if !settings.endpoints.is_empty() => {
            wrong(
                "the local coordinator has no endpoints",
                "write kind = \"etcd\", or take the endpoints out",
            );
        }
        CoordinatorKind::Etcd if !secure.is_empty() && !plain.is_empty() => {
            wrong("some endpoints are reached by https and others by http", "write the same for all");
        }
        CoordinatorKind::Etcd if !secure.is_empty() && settings.ca.is_none() => {
            wrong("nobody vouches for the certificates of etcd", "write ca = \"/etc/ssl/etcd-ca.pem\"");
        }
        CoordinatorKind::Etcd | CoordinatorKind::Local if secure.is_empty() && files => {
            wrong("without https there is nothing to verify", "take ca, certificate and key out");
        }
        CoordinatorKind::Etcd | CoordinatorKind::Local => {}
    }
    if settings.certificate.is_some() != settings.key.is_some() {
        wrong("a certificate needs its key, and a key its certificate", "write both or neither");
    }
    if settings.request_timeout >= settings.lease {
        wrong(
            "a lease would be over before an answer is late",
            "write a request-timeout shorter than the lease",
        );
    }
}

/// A move has time for what it has to do.
fn placement(configuration: &Configuration, places: &Places, document: &mut Document<'_>) {
    let settings = configuration.cluster().placement;
    if settings.session_drain >= settings.hand_over {
        document.problem(
            places.placement.clone(),
            "a back end would be fenced before its sessions have drained",
            "write a session-drain shorter than hand-over",
        );
    }
}
