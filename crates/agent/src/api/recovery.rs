//! Recoveries: what was done, what comes next and what forbids it, and what people say about it.
//!
//! Each agent answers for its own journal; the others are asked. What a person says about a recovery is an entry of the
//! journal, which the next pass of the loop finds.

use std::sync::Arc;

use admin_api::rows::{
    BrakeRow, ExplanationQuery, Reason, RecoveriesQuery, RecoveryExplanation, RecoveryRow, RecoveryState,
    RecoveryStory, RungRow, TimelineRow,
};
use admin_api::{Endpoint, Kind, Listing, Nothing, Problem, routes};
use api_client::Client;
use health::recovery::{
    Action, Brake, Entry, Event, Journal, Mode, Outcome, Policy, Recovery, RecoveryId, Refused, State,
    brake_path, ladder_of,
};
use health::{AlertValue, Verdict, definition};
use placement::{UnixMillis, say_of_health};
use tokio::sync::watch;

use super::Api;
use super::asked::Asked;
use crate::clock::{moment, unix_millis};
use crate::recovering::{Ledger, policy, write};

/// What the API and the metrics have of recovering.
#[derive(Clone)]
pub(crate) struct Recovered {
    /// None if the journal cannot be kept: then nothing is recovered.
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// What is not done, and why.
    pub(crate) refused: watch::Receiver<Arc<Vec<Refused>>>,
}

impl Recovered {
    fn ledger(&self) -> Result<&Arc<Ledger>, Problem> {
        let why = "the journal of recoveries cannot be opened on this server, so nothing is recovered; its agent's log says why";
        self.ledger.as_ref().ok_or_else(|| Problem::new(Kind::Unavailable, why))
    }

    fn refused(&self) -> Arc<Vec<Refused>> {
        Arc::clone(&self.refused.borrow())
    }
}

pub(super) async fn list(
    api: Arc<Api>,
    asked: Asked<routes::Recoveries>,
) -> Result<Listing<RecoveryRow>, Problem> {
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        let refused = api.recovered.refused();
        listing.rows = api.recovered.ledger()?.read(|journal| {
            let wanted = journal
                .recoveries()
                .iter()
                .filter(|it| !asked.query.open || !matches!(it.state, State::Ended(_)));
            wanted.map(|it| row(&api, journal, it, &refused)).collect()
        });
    }
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let query = RecoveriesQuery { server: Some(server.to_string()), ..asked.query.clone() };
        async move { client.get(&routes::Recoveries {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
        listing.unanswered.extend(answer.unanswered);
    }
    listing.rows.sort_by(|one, other| one.began.cmp(&other.began));
    Ok(listing)
}

pub(super) async fn show(
    api: Arc<Api>,
    asked: Asked<routes::ShowRecovery>,
) -> Result<RecoveryStory, Problem> {
    let id = id(&api, asked.path("id"))?;
    if id.server != api.server {
        let same = routes::ShowRecovery { id: id.to_string() };
        let ask = |client: Client| async move { client.get(&same, &Nothing {}).await };
        return api.neighbours.pass_on(&asked.caller, &id.server, ask).await?;
    }
    let refused = api.recovered.refused();
    let found = api.recovered.ledger()?.read(|journal| {
        let recovery = journal.recovery(id.number)?;
        let timeline = journal.entries_of(id.number).map(happened).collect();
        Some(RecoveryStory { recovery: row(&api, journal, recovery, &refused), timeline })
    });
    found.ok_or_else(|| unknown(&id))
}

fn happened(entry: &Entry) -> TimelineRow {
    let who = match &entry.event {
        Event::Approved { by, .. }
        | Event::Held { by }
        | Event::Released { by }
        | Event::Stopped { by, .. } => by.clone(),
        Event::Opened { .. } => "monitor".to_owned(),
        _ => "recovery".to_owned(),
    };
    TimelineRow {
        at: moment(entry.at),
        who,
        what: entry.event.kind().to_owned(),
        detail: entry.event.to_string(),
    }
}

/// The id that is meant, with the server as the configuration spells it.
fn id(api: &Api, text: &str) -> Result<RecoveryId, Problem> {
    let id = RecoveryId::parse(text).map_err(|error| Problem::new(Kind::BadInput, error.to_string()))?;
    Ok(RecoveryId { server: api.server_called(id.server.as_str())?, ..id })
}

fn unknown(id: &RecoveryId) -> Problem {
    Problem::new(
        Kind::Unknown,
        format!("there is no recovery {id}; \"recovery list\" shows those that there are"),
    )
}

fn row(api: &Api, journal: &Journal, recovery: &Recovery, refused: &[Refused]) -> RecoveryRow {
    let rung = &recovery.ladder.rungs[recovery.rung];
    let waits = refused.iter().find(|it| it.recovery == Some(recovery.number));
    let withheld = journal.entries_of(recovery.number).filter_map(|entry| match &entry.event {
        Event::Withheld { act, .. } => Some(act.to_string()),
        _ => None,
    });
    RecoveryRow {
        id: RecoveryId { server: api.server.clone(), number: recovery.number }.to_string(),
        server: recovery.server.to_string(),
        monitor: recovery.monitor.clone(),
        target: recovery.target.clone(),
        ladder: recovery.ladder.name.to_owned(),
        state: match recovery.state {
            State::Climbing => RecoveryState::Climbing,
            State::Escalated => RecoveryState::Escalated,
            State::Stopped => RecoveryState::Stopped,
            State::Ended(Outcome::Recovered) => RecoveryState::Recovered,
            State::Ended(Outcome::HealedByItself) => RecoveryState::HealedByItself,
            State::Ended(Outcome::Escalated) => RecoveryState::Resolved,
            State::Ended(Outcome::Stopped) => RecoveryState::ResolvedAfterStop,
            State::Ended(Outcome::HandedOver) => RecoveryState::HandedOver,
        },
        rung: recovery.rung + 1,
        rungs: recovery.ladder.rungs.len(),
        action: rung.action.word().to_owned(),
        began: moment(recovery.opened),
        ended: recovery.ended.map(moment),
        why: recovery.why.clone(),
        blame: recovery.blame.clone(),
        waits_for: waits.filter(|_| recovery.ended.is_none()).map(|it| it.why.to_string()),
        held_by: recovery.held.clone(),
        called: recovery.called.clone(),
        withheld: withheld.collect(),
    }
}

pub(super) async fn explain(
    api: Arc<Api>,
    asked: Asked<routes::ExplainRecovery>,
) -> Result<Listing<RecoveryExplanation>, Problem> {
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let monitor = asked.query.monitor.as_deref().map(super::health::monitor).transpose()?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        let target = asked.query.target.as_deref();
        let is_meant = |it: &&Verdict| {
            monitor.is_none_or(|monitor| monitor.name == it.monitor)
                && target.is_none_or(|wanted| {
                    it.target.as_ref().is_some_and(|target| target.eq_ignore_ascii_case(wanted))
                })
        };
        let told = Arc::clone(&api.watch.told.borrow());
        let refused = api.recovered.refused();
        let allowed = policy(&api.live.snapshot().server.recovery);
        listing.rows = api.recovered.ledger()?.read(|journal| {
            let meant = told.verdicts.iter().filter(is_meant);
            meant.map(|verdict| explanation(&api, verdict, (journal, &refused, &allowed))).collect()
        });
    }
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let query = ExplanationQuery { server: Some(server.to_string()), ..asked.query.clone() };
        async move { client.get(&routes::ExplainRecovery {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
        listing.unanswered.extend(answer.unanswered);
    }
    listing.rows.sort_by(|one, other| one.server.cmp(&other.server));
    Ok(listing)
}

fn explanation(
    api: &Api,
    verdict: &Verdict,
    (journal, refused, policy): (&Journal, &[Refused], &Policy),
) -> RecoveryExplanation {
    let ladder = ladder_of(&verdict.monitor);
    let recovery = journal.open().find(|it| it.monitor == verdict.monitor && it.target == verdict.target);
    let subject = match &verdict.target {
        Some(target) => format!("{}\\{target}", verdict.monitor),
        None => verdict.monitor.clone(),
    };
    let forbidden = refused.iter().find(|it| it.subject == subject).map(|it| it.why.to_string());
    let next = match (recovery, ladder) {
        (Some(it), _) if it.state == State::Climbing => {
            let rung = &it.ladder.rungs[it.rung];
            format!("{}: {}", rung.action.word(), rung.what)
        }
        (Some(it), _) if it.state == State::Escalated => "nothing: a person has been called".to_owned(),
        (Some(_), _) => "nothing: a person has stopped its recovery".to_owned(),
        (None, Some(ladder)) if verdict.value == AlertValue::Unhealthy => {
            format!("a climb of the ladder {} begins", ladder.name)
        }
        (None, Some(_)) => format!("nothing while it is {}", verdict.value.word()),
        (None, None) => "nothing: it has no ladder".to_owned(),
    };
    let rungs = ladder.map_or(&[][..], |ladder| ladder.rungs);
    RecoveryExplanation {
        server: api.server.to_string(),
        monitor: verdict.monitor.clone(),
        target: verdict.target.clone(),
        alert_value: verdict.value.word().to_owned(),
        why: verdict.reason.to_string(),
        blame: verdict.blame.as_ref().map(ToString::to_string),
        recovery: recovery.map(|it| RecoveryId { server: api.server.clone(), number: it.number }.to_string()),
        next,
        forbidden,
        ladder: rungs
            .iter()
            .enumerate()
            .map(|(index, rung)| RungRow {
                action: rung.action.word().to_owned(),
                what: rung.what.to_owned(),
                when: rung.when.iter().map(|when| when.words()).collect::<Vec<_>>().join(", "),
                mode: mode(policy, rung.action).to_owned(),
                current: recovery.is_some_and(|it| it.rung == index && it.state == State::Climbing),
            })
            .collect(),
    }
}

fn mode(policy: &Policy, action: Action) -> &'static str {
    match policy.mode(action.class()) {
        _ if action == Action::Escalate => "automatic",
        Mode::Automatic => "automatic",
        Mode::Approval => "approval",
        Mode::Observe => "observe",
    }
}

pub(super) async fn approve(
    api: Arc<Api>,
    asked: Asked<routes::ApproveRecovery>,
) -> Result<RecoveryRow, Problem> {
    let same = routes::ApproveRecovery { id: asked.path("id").to_owned() };
    say(&api, &asked, same, "approve recovery", |recovery, by| {
        if recovery.state != State::Climbing {
            return Err(format!("it does not climb any more: it is {}", recovery.state.word()));
        }
        let until = UnixMillis(unix_millis().0.saturating_add(millis(Policy::APPROVAL)));
        Ok(Event::Approved { rung: recovery.rung, by, until })
    })
    .await
}

pub(super) async fn hold(api: Arc<Api>, asked: Asked<routes::HoldRecovery>) -> Result<RecoveryRow, Problem> {
    let same = routes::HoldRecovery { id: asked.path("id").to_owned() };
    say(&api, &asked, same, "hold recovery", |recovery, by| {
        if recovery.state == State::Climbing {
            Ok(Event::Held { by })
        } else {
            Err(format!("it does not climb any more: it is {}", recovery.state.word()))
        }
    })
    .await
}

pub(super) async fn release(
    api: Arc<Api>,
    asked: Asked<routes::ReleaseRecovery>,
) -> Result<RecoveryRow, Problem> {
    let same = routes::ReleaseRecovery { id: asked.path("id").to_owned() };
    say(&api, &asked, same, "release recovery", |recovery, by| match recovery.held {
        Some(_) => Ok(Event::Released { by }),
        None => Err("nobody holds it".to_owned()),
    })
    .await
}

pub(super) async fn stop(api: Arc<Api>, asked: Asked<routes::StopRecovery>) -> Result<RecoveryRow, Problem> {
    let same = routes::StopRecovery { id: asked.path("id").to_owned() };
    let reason = asked.request.reason.clone();
    say(&api, &asked, same, "stop recovery", |recovery, by| match recovery.state {
        State::Ended(_) => Err(format!("it is over: it {}", recovery.state.word())),
        _ => Ok(Event::Stopped { by, reason }),
    })
    .await
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Writes what a person says into the journal of the server whose recovery it is.
async fn say<E>(
    api: &Arc<Api>,
    asked: &Asked<E>,
    same: E,
    action: &str,
    event: impl FnOnce(&Recovery, String) -> Result<Event, String>,
) -> Result<RecoveryRow, Problem>
where
    E: Endpoint<Query = Nothing, Request = Reason, Response = RecoveryRow> + Send + Sync,
{
    let id = id(api, asked.path("id"))?;
    if id.server != api.server {
        let ask = |client: Client| async move { client.send(&same, &asked.request).await };
        return api.neighbours.pass_on(&asked.caller, &id.server, ask).await?;
    }
    let done = async {
        let ledger = api.recovered.ledger()?;
        let event = ledger.read(|journal| {
            let recovery = journal.recovery(id.number).ok_or_else(|| unknown(&id))?;
            event(recovery, asked.caller.name.clone())
                .map_err(|why| Problem::new(Kind::Refused, format!("recovery {id}: {why}")))
        })?;
        write(ledger, Some(id.number), event).await.map_err(|why| Problem::new(Kind::Unavailable, why))?;
        let refused = api.recovered.refused();
        let row = ledger.read(|journal| {
            journal.recovery(id.number).map(|recovery| row(api, journal, recovery, &refused))
        });
        row.ok_or_else(|| unknown(&id))
    };
    let done = done.await;
    let outcome = done.as_ref().map(|row| row.state.word().to_owned());
    api.audit.note(&asked.caller, (action, &id.to_string()), asked.request.reason.as_deref(), outcome);
    done
}

pub(super) async fn brake(api: Arc<Api>, _: Asked<routes::ShowBrake>) -> Result<BrakeRow, Problem> {
    let world = api.world();
    let kept = world.records.health.get(&brake_path());
    let brake = kept.and_then(|kept| serde_json::from_value::<Brake>(kept.value.clone()).ok());
    Ok(brake_row(kept.is_some(), brake))
}

fn brake_row(pulled: bool, brake: Option<Brake>) -> BrakeRow {
    BrakeRow {
        pulled,
        by: brake.as_ref().map(|brake| brake.by.clone()),
        since: brake.as_ref().map(|brake| moment(brake.since)),
        reason: brake.map(|brake| brake.reason).filter(|reason| !reason.is_empty()),
    }
}

pub(super) async fn pull_brake(api: Arc<Api>, asked: Asked<routes::PullBrake>) -> Result<BrakeRow, Problem> {
    let reason = asked.request.reason.clone();
    let brake = Brake {
        by: asked.caller.name.clone(),
        reason: reason.clone().unwrap_or_default(),
        since: unix_millis(),
    };
    let done = api.write(&say_of_health(brake_path(), Some(&brake))).await;
    let done = done.map(|()| brake_row(true, Some(brake)));
    let outcome = done.as_ref().map(|_| "done".to_owned());
    api.audit.note(&asked.caller, ("pull brake", ""), reason.as_deref(), outcome);
    done
}

pub(super) async fn release_brake(
    api: Arc<Api>,
    asked: Asked<routes::ReleaseBrake>,
) -> Result<BrakeRow, Problem> {
    let done = api.write(&say_of_health(brake_path(), None::<&Brake>)).await;
    let done = done.map(|()| brake_row(false, None));
    let outcome = done.as_ref().map(|_| "done".to_owned());
    api.audit.note(&asked.caller, ("release brake", ""), None, outcome);
    done
}

/// What the ladder of an item does, for whoever asks what a monitor is.
pub(super) fn ladder_words(monitor: &str) -> Vec<String> {
    let ladder = definition::monitor(monitor).and_then(|monitor| ladder_of(monitor.name));
    let rungs = ladder.map_or(&[][..], |ladder| ladder.rungs);
    rungs.iter().map(|rung| format!("{}: {}", rung.action.word(), rung.what)).collect()
}
