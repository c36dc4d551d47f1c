//! Probes run because somebody asks, and what was found lately.

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::{PhaseRow, ProbeRequest, ProbeRow, ResultsQuery};
use admin_api::{Kind, Listing, Problem, routes};
use health::{ItemIdentity, ItemKind, Observation, Watched, definition};
use health_mailbox::HealthMailbox;
use health_results::Wanted;
use settings::{DatabaseName, Value as _};
use tokio::task::{JoinSet, spawn_blocking};

use super::super::Api;
use super::super::asked::Asked;
use super::unknown_item;
use crate::clock::moment;
use crate::watching::Aim;

/// How many results of a server are shown unless more are asked for.
const SHOWN: u64 = 100;
/// How long an attempt that was asked for may take at most.
const LONGEST: u64 = 300;

pub(crate) async fn run(api: Arc<Api>, asked: Asked<routes::RunProbe>) -> Result<Listing<ProbeRow>, Problem> {
    let server = api.server_called(asked.path("server"))?;
    if server != api.server {
        let endpoint = routes::RunProbe { server: server.to_string() };
        let more = Duration::from_secs(asked.request.time_out_seconds.unwrap_or(0).min(LONGEST) + 30);
        let ask = |client: api_client::Client| async move {
            client.with_more_time(more).send(&endpoint, &asked.request).await
        };
        return api.neighbours.pass_on(&asked.caller, &server, ask).await?;
    }
    let done = carry_out(&api, &asked.request).await;
    let outcome = done.as_ref().map(|listing| {
        let words: Vec<_> = listing.rows.iter().map(|row| row.result.as_str()).collect();
        words.join(", ")
    });
    api.audit.note(&asked.caller, ("run probe", &asked.request.identity), None, outcome);
    done
}

async fn carry_out(api: &Arc<Api>, request: &ProbeRequest) -> Result<Listing<ProbeRow>, Problem> {
    let item = ItemIdentity::parse(&request.identity).map_err(|error| unknown_item(&error))?;
    let bad = |detail: String| Problem::new(Kind::BadInput, detail);
    if item.kind != ItemKind::Probe {
        return Err(bad(format!("{item} is a monitor; write the probe that it judges")));
    }
    let probe = definition::probe(item.name).ok_or_else(|| bad(format!("{item} is no probe")))?;
    let limit = match request.time_out_seconds {
        None => probe.time_out,
        Some(seconds @ 1..=LONGEST) => Duration::from_secs(seconds),
        Some(_) => return Err(bad(format!("a time-out has from 1 to {LONGEST} seconds"))),
    };
    let aim = Aim { limit, endpoint: endpoint(request)?, account: account(request)? };
    let targets = targets(api, &item)?;
    let mut under_way = JoinSet::new();
    for (place, target) in targets.into_iter().enumerate() {
        let (attempts, aim) = (Arc::clone(&api.watch.attempts), aim.clone());
        under_way.spawn(async move {
            let watched = Watched { probe, target };
            (place, attempts.observe(&watched, &aim).await)
        });
    }
    // One that panicked has told so.
    let mut found = Vec::new();
    while let Some(ended) = under_way.join_next().await {
        found.extend(ended.ok());
    }
    found.sort_by_key(|(place, _)| *place);
    Ok(Listing::complete(found.iter().map(|(_, observation)| row(observation)).collect()))
}

/// The targets that an item means here: the one it names, or all.
fn targets(api: &Api, item: &ItemIdentity) -> Result<Vec<Option<String>>, Problem> {
    let watched = &api.watch.now().watched;
    let of_probe = watched.iter().filter(|it| it.probe.name == item.name).map(|it| it.target.clone());
    let known: Vec<_> = of_probe.collect();
    if known.is_empty() {
        let why = format!(
            "{}\\{} does not run on {}: it has no target there",
            item.health_set, item.name, api.server
        );
        return Err(Problem::new(Kind::Unknown, why));
    }
    let Some(wanted) = &item.target else { return Ok(known) };
    let found = known.iter().find(|it| it.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(wanted)));
    let unknown = || Problem::unknown("target", wanted, known.iter().flatten().map(String::as_str));
    found.map(|target| vec![target.clone()]).ok_or_else(unknown)
}

fn endpoint(request: &ProbeRequest) -> Result<Option<probe::Address>, Problem> {
    let Some(text) = &request.endpoint else { return Ok(None) };
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Ok(Some(address.into()));
    }
    let host = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    match host {
        Some((host, port)) if !host.is_empty() => Ok(Some(probe::Address::Host(host.to_owned(), port))),
        _ => Err(Problem::new(Kind::BadInput, format!("{text:?} is no endpoint; write HOST:PORT"))),
    }
}

fn account(request: &ProbeRequest) -> Result<Option<DatabaseName>, Problem> {
    let Some(user) = &request.account else { return Ok(None) };
    let mailbox = HealthMailbox::of_user(&user.to_ascii_lowercase()).ok_or_else(|| {
        let example =
            DatabaseName::parse("DB01").map(|database| HealthMailbox::of(&database).user().to_owned());
        let why = format!("{user:?} is no health mailbox; write one such as {}", example.unwrap_or_default());
        Problem::new(Kind::BadInput, why)
    })?;
    Ok(Some(mailbox.database().clone()))
}

pub(crate) async fn results(
    api: Arc<Api>,
    asked: Asked<routes::ProbeResults>,
) -> Result<Listing<ProbeRow>, Problem> {
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    let wanted = wanted(&asked.query)?;
    if !ours.is_empty() {
        listing.rows = own(&api, wanted).await?;
    }
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let query = ResultsQuery { server: Some(server.to_string()), ..asked.query.clone() };
        async move { client.get(&routes::ProbeResults {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
    }
    listing.rows.sort_by(|one, other| one.execution_end_time.cmp(&other.execution_end_time));
    Ok(listing)
}

fn wanted(query: &ResultsQuery) -> Result<Wanted, Problem> {
    let item = query.identity.as_deref().map(ItemIdentity::parse).transpose();
    let item = item.map_err(|error| unknown_item(&error))?;
    Ok(Wanted {
        probe: item.as_ref().map(|item| item.name.to_owned()),
        target: item.and_then(|item| item.target),
        failures_only: query.failures_only,
        limit: u32::try_from(query.limit.unwrap_or(SHOWN)).unwrap_or(u32::MAX),
    })
}

async fn own(api: &Api, wanted: Wanted) -> Result<Vec<ProbeRow>, Problem> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Problem::new(Kind::Unavailable, format!("the results of {} cannot be read: {why}", api.server))
    };
    let results = api.watch.results.clone().ok_or_else(|| unreadable(&"they are not kept"))?;
    match spawn_blocking(move || results.find(&wanted)).await {
        Ok(Ok(found)) => Ok(found.iter().map(row).collect()),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(panicked) => Err(unreadable(&panicked)),
    }
}

fn row(observation: &Observation) -> ProbeRow {
    let finding = &observation.finding;
    let failure = finding.failure.as_ref();
    let target = observation.target.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
    let identity = format!("{}\\{}{target}", observation.health_set, observation.probe);
    ProbeRow {
        server: observation.server.to_string(),
        request_id: format!("{}-{}", observation.started.0, observation.probe.to_ascii_lowercase()),
        monitor_identity: identity,
        execution_start_time: moment(observation.started),
        execution_end_time: moment(observation.ended()),
        result: finding.outcome.word().to_owned(),
        error: failure.map(ToString::to_string),
        failure_reason: failure.map(|failure| failure.reason.word().to_owned()),
        failing_phase: failure.map(|failure| failure.phase.word().to_owned()),
        failing_component: failure.map(|failure| failure.part.word().to_owned()),
        mailbox_server: finding.mailbox_server.as_ref().map(ToString::to_string),
        database: finding.database.as_ref().map(ToString::to_string),
        session: finding.session.clone(),
        value: finding.value,
        phases: finding
            .phases
            .iter()
            .map(|time| PhaseRow {
                phase: time.phase.word().to_owned(),
                milliseconds: time.took.as_secs_f64() * 1000.0,
            })
            .collect(),
        execution_context: finding.transcript.iter().map(spoken).collect(),
    }
}

/// A line of a transcript, for people.
fn spoken(line: &health::Line) -> String {
    let by = match line.by {
        health::Speaker::Probe => "C:",
        health::Speaker::Server => "S:",
        health::Speaker::Note => "--",
    };
    format!("{:7.1} ms {by} {}", line.at.as_secs_f64() * 1000.0, line.text)
}
