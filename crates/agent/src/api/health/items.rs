//! The probes and monitors themselves.

use std::sync::Arc;

use admin_api::rows::{ItemHelp, ItemRow};
use admin_api::{Listing, Problem, routes};
use health::definition::MONITORS;
use health::{ItemIdentity, ItemKind, Watched, explain};

use super::super::Api;
use super::super::asked::Asked;
use super::{health_set, unknown_item};

pub(crate) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::MonitoringItems>,
) -> Result<Listing<ItemRow>, Problem> {
    let set = health_set(asked.query.health_set.as_deref())?;
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        let watched = &api.watch.now().watched;
        let of_set = watched.iter().filter(|it| set.is_none_or(|set| set.name == it.probe.health_set));
        listing.rows = of_set.flat_map(|watched| rows(&api, watched)).collect();
    }
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let mut query = asked.query.clone();
        query.server = Some(server.to_string());
        async move { client.get(&routes::MonitoringItems {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
    }
    Ok(listing)
}

/// A probe with its target, and the monitors that judge it.
fn rows(api: &Api, watched: &Watched) -> Vec<ItemRow> {
    let row = |kind: ItemKind, name: &'static str, health_set: &'static str| {
        let identity = ItemIdentity { kind, health_set, name, target: watched.target.clone() };
        ItemRow {
            identity: identity.to_string(),
            item_type: kind.word().to_owned(),
            name: name.to_owned(),
            health_set: health_set.to_owned(),
            server: api.server.to_string(),
            target_resource: watched.target.clone(),
        }
    };
    let probe = row(ItemKind::Probe, watched.probe.name, watched.probe.health_set);
    let monitors = MONITORS.iter().filter(|monitor| monitor.probe == watched.probe.name);
    let monitors = monitors.map(|monitor| row(ItemKind::Monitor, monitor.name, monitor.health_set));
    [probe].into_iter().chain(monitors).collect()
}

pub(crate) async fn help(_: Arc<Api>, asked: Asked<routes::MonitoringItemHelp>) -> Result<ItemHelp, Problem> {
    let item = ItemIdentity::parse(&asked.query.identity).map_err(|error| unknown_item(&error))?;
    let explained = explain(&item);
    Ok(ItemHelp {
        identity: ItemIdentity { target: None, ..item.clone() }.to_string(),
        item_type: item.kind.word().to_owned(),
        what: explained.what,
        how: explained.how,
        depends_on: explained.depends_on.into_iter().map(str::to_owned).collect(),
        recovery: super::super::recovery::ladder_words(item.name),
        notes: explained.notes.map(str::to_owned),
    })
}
