//! Overrides and repairing marks: what operators say about definitions, for a time. They stand in the records, so that all
//! agents go by them.

use std::sync::Arc;

use admin_api::rows::{MonitorRow, OverrideRequest, OverrideRow};
use admin_api::{Caller, Kind, Listing, Problem, routes};
use health::{ItemIdentity, Override, Property, RepairingMark};
use placement::{HealthPath, UnixMillis, Writes, say_of_health};

use super::super::asked::Asked;
use super::super::{Api, words};
use super::{monitor, row, unknown_item};
use crate::clock::{moment, unix_millis};
use crate::watching::{path, tunings};

/// The longest that an override may last, in seconds: a year.
const LONGEST: u64 = 366 * 86_400;

pub(crate) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Overrides>,
) -> Result<Listing<OverrideRow>, Problem> {
    let server = asked.query.server.as_deref().map(|name| api.server_called(name)).transpose()?;
    let now = unix_millis();
    let mut rows = Vec::new();
    for (id, it) in all(&api) {
        let is_wanted = match (&server, &it.server) {
            (Some(server), of) => of.as_ref() == Some(server),
            (None, of) => !asked.query.global_only || of.is_none(),
        };
        if it.expires > now && is_wanted {
            rows.push(shown(&id, &it)?);
        }
    }
    Ok(Listing::complete(rows))
}

/// All overrides, by id.
fn all(api: &Api) -> Vec<(String, Override)> {
    let world = api.world();
    let of_overrides = world.records.health.iter().filter_map(|(path, kept)| {
        let id = path.as_str().strip_prefix(path::OVERRIDES)?.strip_prefix('/')?;
        Some((id.to_owned(), serde_json::from_value(kept.value.clone()).ok()?))
    });
    of_overrides.collect()
}

pub(crate) async fn add(api: Arc<Api>, asked: Asked<routes::AddOverride>) -> Result<OverrideRow, Problem> {
    let request = &asked.request;
    let made = make(&api, request, &asked.caller).await;
    let target = format!("{} {}={}", request.identity, request.property_name, request.property_value);
    let outcome = made.as_ref().map(|row| format!("until {}", row.expiration_time));
    api.audit.note(&asked.caller, ("add override", &target), Some(&request.reason), outcome);
    made
}

async fn make(api: &Api, request: &OverrideRequest, caller: &Caller) -> Result<OverrideRow, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadInput, detail);
    let item = ItemIdentity::parse(&request.identity).map_err(|error| unknown_item(&error))?;
    let property = Property::parse(&item, &request.property_name, &request.property_value)
        .map_err(|error| bad(error.to_string()))?;
    if !(1..=LONGEST).contains(&request.for_seconds) {
        return Err(
            bad("an override ends by itself: say after how long, from 1 second to a year".to_owned()),
        );
    }
    if request.reason.trim().is_empty() {
        return Err(bad("an override needs a reason, for those who will find it".to_owned()));
    }
    let server = request.server.as_deref().map(|name| api.server_called(name)).transpose()?;
    let now = unix_millis();
    let it = Override {
        identity: item.to_string(),
        property,
        value: request.property_value.clone(),
        server,
        expires: UnixMillis(now.0.saturating_add(request.for_seconds.saturating_mul(1000))),
        by: caller.name.clone(),
        made: now,
        reason: request.reason.clone(),
    };
    // What is said again about the same replaces what was said before.
    let scope = it.server.as_ref().map_or("all", |server| server.as_str());
    let id = HealthPath::of(&[&format!("{scope}-{}-{}", item, property.word())]).as_str().to_owned();
    let mut writes = say_of_health(HealthPath::of(&[path::OVERRIDES, &id]), Some(&it));
    for (ended, _) in all(api).iter().filter(|(other, it)| it.expires <= now && *other != id) {
        let gone: Writes = say_of_health(HealthPath::of(&[path::OVERRIDES, ended]), None::<&Override>);
        writes.deletes.extend(gone.deletes);
    }
    api.write(&writes).await?;
    shown(&id, &it)
}

pub(crate) async fn remove(
    api: Arc<Api>,
    asked: Asked<routes::RemoveOverride>,
) -> Result<OverrideRow, Problem> {
    let id = asked.path("id").to_owned();
    let removed = take_back(&api, &id).await;
    let outcome = removed.as_ref().map(|_| "removed".to_owned());
    api.audit.note(&asked.caller, ("remove override", &id), None, outcome);
    removed
}

async fn take_back(api: &Api, id: &str) -> Result<OverrideRow, Problem> {
    let all = all(api);
    let found = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(id));
    let (id, it) =
        found.ok_or_else(|| Problem::unknown("override", id, all.iter().map(|(known, _)| known.as_str())))?;
    api.write(&say_of_health(HealthPath::of(&[path::OVERRIDES, id]), None::<&Override>)).await?;
    shown(id, it)
}

fn shown(id: &str, it: &Override) -> Result<OverrideRow, Problem> {
    let item = ItemIdentity::parse(&it.identity).map_err(|error| unknown_item(&error))?;
    Ok(OverrideRow {
        id: id.to_owned(),
        item_type: item.kind.word().to_owned(),
        property_name: it.property.word().to_owned(),
        property_value: it.value.clone(),
        health_set: item.health_set.to_owned(),
        monitoring_item_name: item.name.to_owned(),
        target_resource: item.target,
        server: it.server.as_ref().map(ToString::to_string),
        expiration_time: moment(it.expires),
        created_by: it.by.clone(),
        created_time: moment(it.made),
        reason: it.reason.clone(),
    })
}

pub(crate) async fn set_repairing(
    api: Arc<Api>,
    asked: Asked<routes::SetRepairing>,
) -> Result<Listing<MonitorRow>, Problem> {
    let (server, name) = (asked.path("server").to_owned(), asked.path("monitor").to_owned());
    let done = mark(&api, &asked).await;
    let target = match &asked.request.target_resource {
        Some(target) => format!("{server}/{name}/{target}"),
        None => format!("{server}/{name}"),
    };
    let action = if asked.request.repairing { "repairing" } else { "repaired" };
    let outcome = done.as_ref().map(|_| "said".to_owned());
    api.audit.note(&asked.caller, (action, &target), asked.request.reason.as_deref(), outcome);
    done
}

async fn mark(api: &Api, asked: &Asked<routes::SetRepairing>) -> Result<Listing<MonitorRow>, Problem> {
    let server = api.server_called(asked.path("server"))?;
    let monitor = monitor(asked.path("monitor"))?;
    let target = asked.request.target_resource.as_deref();
    let mark = RepairingMark {
        server: server.clone(),
        monitor: monitor.name.to_owned(),
        target: target.map(str::to_owned),
        by: asked.caller.name.clone(),
        at: unix_millis(),
        reason: words(asked.request.reason.as_deref()),
    };
    let mut parts = vec![path::REPAIRING, server.as_str(), monitor.name];
    parts.extend(target);
    if !asked.request.repairing {
        let known = tunings(&api.world().records).repairing;
        let is_this = |it: &RepairingMark| {
            it.server == server && it.monitor == monitor.name && it.target.as_deref() == target
        };
        if !known.iter().any(is_this) {
            return Err(Problem::new(
                Kind::Unknown,
                format!("nobody has said that {} on {server} is being repaired", monitor.name),
            ));
        }
    }
    api.write(&say_of_health(HealthPath::of(&parts), asked.request.repairing.then_some(&mark))).await?;
    let told = api.watch.now();
    let of_monitor = told.verdicts.iter().filter(|it| {
        it.server == server
            && it.monitor == monitor.name
            && target
                .is_none_or(|target| it.target.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(target)))
    });
    Ok(Listing::complete(of_monitor.map(|verdict| row(api, verdict, &told.verdicts)).collect()))
}
