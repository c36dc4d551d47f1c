//! Health: what the monitors say, what probes find, and what operators say about both.
//!
//! Each agent answers for its own server; the others are asked.

mod items;
mod overrides;
mod probes;

use std::sync::Arc;

use admin_api::rows::{HealthQuery, HealthSetRow, MonitorRow, VerdictRow};
use admin_api::{Caller, Endpoint, Kind, Listing, Nothing, Problem, routes};
use health::definition::{self, HEALTH_SETS, HealthSet};
use health::{Verdict, component, component_state, health_sets};
use placement::{Component, component_state as requested_state};
use settings::ServerName;
use tokio::sync::watch;

use super::Api;
use super::asked::Asked;
use crate::clock::moment;
use crate::watching::{Attempts, Judgements};
pub(super) use items::{help, list as items};
pub(super) use overrides::{
    add as add_override, list as overrides, remove as remove_override, set_repairing,
};
pub(super) use probes::{results, run as run_probe};

/// What the API has of the watch.
pub(crate) struct Watch {
    pub(crate) attempts: Arc<Attempts>,
    /// What the monitors of this server say.
    pub(crate) told: watch::Receiver<Arc<Judgements>>,
    /// What was found, if it can be kept.
    pub(crate) results: Option<Arc<health_results::Results>>,
}

impl Watch {
    fn now(&self) -> Arc<Judgements> {
        Arc::clone(&self.told.borrow())
    }
}

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Health>,
) -> Result<Listing<MonitorRow>, Problem> {
    let query = &asked.query;
    let set = health_set(query.health_set.as_deref())?;
    let mut listing = of_servers(&api, &asked.caller, query, &routes::Health {}, || {
        let told = api.watch.now();
        let wanted = wanted(&told.verdicts, set, query);
        wanted.into_iter().map(|verdict| row(&api, verdict, &told.verdicts)).collect()
    })
    .await?;
    listing.rows.sort_by(|one, other| one.server.cmp(&other.server));
    Ok(listing)
}

pub(super) async fn report(
    api: Arc<Api>,
    asked: Asked<routes::HealthReport>,
) -> Result<Listing<HealthSetRow>, Problem> {
    let query = &asked.query;
    let set = health_set(query.health_set.as_deref())?;
    let mut listing = of_servers(&api, &asked.caller, query, &routes::HealthReport {}, || {
        let told = api.watch.now();
        let of_set = wanted(&told.verdicts, set, query);
        health_sets(&of_set)
            .into_iter()
            .map(|summary| HealthSetRow {
                server: api.server.to_string(),
                state: state_of_set(&api, summary.health_set),
                health_set: summary.health_set.name.to_owned(),
                health_group: summary.health_set.group.word().to_owned(),
                alert_value: summary.value.word().to_owned(),
                last_transition_time: moment(summary.worst.since),
                monitor_count: summary.monitors as u64,
                why: summary.worst.reason.to_string(),
            })
            .collect()
    })
    .await?;
    listing.rows.sort_by(|one, other| one.server.cmp(&other.server));
    Ok(listing)
}

pub(super) async fn verdicts(
    api: Arc<Api>,
    asked: Asked<routes::Verdicts>,
) -> Result<Listing<VerdictRow>, Problem> {
    let query = &asked.query;
    let set = health_set(query.health_set.as_deref())?;
    of_servers(&api, &asked.caller, query, &routes::Verdicts {}, || {
        let told = api.watch.now();
        let rows = wanted(&told.verdicts, set, query).into_iter().filter_map(|verdict| {
            let verdict = serde_json::to_value(verdict).ok()?;
            Some(VerdictRow { server: api.server.to_string(), verdict })
        });
        rows.collect()
    })
    .await
}

/// What the servers that are meant say: this one by itself, the others asked.
async fn of_servers<E, T>(
    api: &Api,
    caller: &Caller,
    query: &HealthQuery,
    endpoint: &E,
    own: impl FnOnce() -> Vec<T>,
) -> Result<Listing<T>, Problem>
where
    E: Endpoint<Query = HealthQuery, Request = Nothing, Response = Listing<T>>
        + Clone
        + Send
        + Sync
        + 'static,
    T: Send + 'static,
{
    let servers = api.servers_meant(query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        listing.rows = own();
    }
    let theirs = api.neighbours.ask_each(caller, others, |client, server| {
        let (endpoint, query) =
            (endpoint.clone(), HealthQuery { server: Some(server.to_string()), ..query.clone() });
        async move { client.get(&endpoint, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
        listing.unanswered.extend(answer.unanswered);
    }
    Ok(listing)
}

/// The health set that is meant; none for all.
fn health_set(name: Option<&str>) -> Result<Option<&'static HealthSet>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = definition::health_set(name);
    let unknown = || Problem::unknown("health set", name, HEALTH_SETS.iter().map(|set| set.name));
    found.map(Some).ok_or_else(unknown)
}

/// The monitor called `name`.
pub(super) fn monitor(name: &str) -> Result<&'static definition::Monitor, Problem> {
    let names = definition::MONITORS.iter().map(|monitor| monitor.name);
    definition::monitor(name).ok_or_else(|| Problem::unknown("monitor", name, names))
}

fn wanted<'a>(
    verdicts: &'a [Verdict],
    set: Option<&'static HealthSet>,
    query: &HealthQuery,
) -> Vec<&'a Verdict> {
    let of_set = |verdict: &&Verdict| set.is_none_or(|set| set.name == verdict.health_set);
    let impacts = |verdict: &&Verdict| {
        !query.ha_impacting_only || definition::monitor(&verdict.monitor).is_some_and(|it| it.ha_impacting)
    };
    verdicts.iter().filter(of_set).filter(impacts).collect()
}

fn row(api: &Api, verdict: &Verdict, all: &[Verdict]) -> MonitorRow {
    let monitor = definition::monitor(&verdict.monitor);
    let of_set: Vec<_> = all.iter().filter(|it| it.health_set == verdict.health_set).collect();
    let set = health_sets(&of_set).into_iter().next();
    MonitorRow {
        server: verdict.server.to_string(),
        state: state(api, &verdict.server, monitor.and_then(component)),
        name: verdict.monitor.clone(),
        target_resource: verdict.target.clone(),
        health_set: verdict.health_set.clone(),
        health_group: set.as_ref().map_or(String::new(), |set| set.health_set.group.word().to_owned()),
        alert_value: verdict.value.word().to_owned(),
        server_component: match monitor {
            Some(monitor) => component(monitor).unwrap_or(monitor.part.word()).to_owned(),
            None => String::new(),
        },
        current_health_set_state: set.map_or(String::new(), |set| set.value.word().to_owned()),
        last_transition_time: moment(verdict.since),
        why: verdict.reason.to_string(),
        blame: verdict.blame.as_ref().map(ToString::to_string),
        mailbox_server: verdict.mailbox_server.as_ref().map(ToString::to_string),
        database: verdict.database.as_ref().map(ToString::to_string),
    }
}

/// Whether a component of a server takes traffic.
fn state(api: &Api, server: &ServerName, component: Option<&str>) -> String {
    let component = component.and_then(|name| Component::parse(name).ok());
    let effective = component.map(|component| requested_state(&api.world(), server, &component).effective);
    component_state(effective).word().to_owned()
}

/// Whether the component behind the monitors of a health set takes traffic.
fn state_of_set(api: &Api, set: &HealthSet) -> String {
    let mut of_set = definition::MONITORS.iter().filter(|monitor| monitor.health_set == set.name);
    state(api, &api.server, of_set.find_map(component))
}

/// What was written by hand and is no item, with what was likely meant.
fn unknown_item(error: &health::UnknownItem) -> Problem {
    let problem = Problem::new(Kind::Unknown, error.to_string());
    Problem { nearest: error.nearest.clone(), ..problem }
}
