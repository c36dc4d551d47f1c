//! What forbids an act, the strongest first.

use placement::record::{AssignmentReason, Move};
use placement::{MoveId, Requester, UnixMillis, candidates_for};
use settings::{DatabaseName, Role, ServerName};

use super::act::Act;
use super::id::RecoveryId;
use super::journal::{Journal, Recovery};
use super::ladder::Action;
use super::refusal::Refusal;
use super::shared::role_word;
use super::situation::{Situation, own_test};
use crate::alert_value::AlertValue;
use crate::verdict::{Blame, Verdict};

/// How long what a recovery has moved counts as moved by it.
const LATELY: u64 = 60 * 60 * 1000;

/// Whether the blame for what a verdict says allows the ladder of its own monitor.
pub(super) fn blamed(verdict: &Verdict, now: &Situation<'_>) -> Result<(), Refusal> {
    match &verdict.blame {
        None | Some(Blame::Waiting) => Err(Refusal::NotSettled),
        Some(Blame::Own { .. }) => behind_is_well(verdict, now),
        Some(Blame::Dependency { health_set, .. }) if is_of_store(verdict, health_set) => Ok(()),
        Some(Blame::MailboxServer { server }) => Err(Refusal::HandedOver { server: server.clone() }),
        Some(Blame::Everything) => {
            let mut servers: Vec<_> = failing(&verdict.monitor, now).map(spoken_of).collect();
            servers.dedup();
            Err(Refusal::Correlated { monitor: verdict.monitor.clone(), servers })
        }
        Some(blame @ Blame::Dependency { .. }) => Err(Refusal::BlamedElsewhere { blame: blame.to_string() }),
    }
}

/// Whether the store of one database is to blame, for which the ladder of the deep test is the remedy.
fn is_of_store(verdict: &Verdict, health_set: &str) -> bool {
    health_set == "Store" && verdict.monitor == "PopDeepTestMonitor"
}

/// Whether the store of one database is to blame for what a verdict says.
pub(super) fn is_the_store(verdict: &Verdict) -> bool {
    matches!(&verdict.blame, Some(Blame::Dependency { health_set, .. }) if is_of_store(verdict, health_set))
}

/// A front end is not restarted while the mailbox server behind the failure is bad or unknown.
fn behind_is_well(verdict: &Verdict, now: &Situation<'_>) -> Result<(), Refusal> {
    let Some(behind) = verdict.mailbox_server.as_ref().filter(|_| verdict.monitor == "PopCTPMonitor") else {
        return Ok(());
    };
    let own = own_test(Role::Mailbox);
    let mut known = now.all().filter(|it| it.server == *behind && it.monitor == own).peekable();
    let is_known = known.peek().is_some();
    let is_bad = known.any(|it| matches!(it.value, AlertValue::Degraded | AlertValue::Unhealthy));
    if is_known && !is_bad { Ok(()) } else { Err(Refusal::HandedOver { server: behind.clone() }) }
}

/// Those that fail, though one of them may not have settled yet: what begins at once settles at different moments.
fn failing<'a>(monitor: &'a str, now: &Situation<'a>) -> impl Iterator<Item = &'a Verdict> {
    let fails = |it: &Verdict| {
        it.value == AlertValue::Unhealthy || (it.value == AlertValue::Degraded && it.failing_for.is_some())
    };
    now.all().filter(move |it| it.monitor == monitor && fails(it))
}

/// What forbids `act` now; `resumed` if it was begun before: then it has been paid for.
pub(super) fn guard(
    recovery: &Recovery,
    act: &Act,
    (journal, now): (&Journal, &Situation<'_>),
    resumed: bool,
) -> Result<(), Refusal> {
    let action = act.action();
    if action == Action::Escalate {
        return Ok(());
    }
    if now.hands_off {
        return Err(Refusal::HandsOff);
    }
    if let Some(maintenance) = now.world.records.maintenance.get(&recovery.server) {
        return Err(Refusal::Maintenance { by: maintenance.value.by.to_string() });
    }
    if resumed {
        return coordinator(action, now);
    }
    if let Some(by) = &recovery.held {
        return Err(Refusal::Held { by: by.clone() });
    }
    coordinator(action, now)?;
    match act {
        Act::RestartService { service } => not_stopped(service, now)?,
        Act::MoveDatabase { .. } | Act::FailOver { .. } => somewhere_to_go(recovery, act.databases(), now)?,
        Act::RestartServer => empty(recovery, now)?,
        Act::PowerCycle { server } => hung(server, now)?,
        Act::BringOneBack { .. } | Act::Return { .. } => only_our_block(recovery, now)?,
        _ => {}
    }
    if action.is_heavy() {
        heavy(recovery, action, now)?;
    }
    now.policy.budgets.allow(act, journal, now.server, now.now)?;
    match act {
        Act::RestartServer | Act::PowerCycle { .. } => {
            now.policy.budgets.allow_reboot(&now.reboots(&recovery.server), now.now)
        }
        _ => Ok(()),
    }
}

/// Without a coordinator nothing is known of the others.
fn coordinator(action: Action, now: &Situation<'_>) -> Result<(), Refusal> {
    let is_local = matches!(action, Action::RestartService | Action::RunCommand);
    if is_local || now.coordinator { Ok(()) } else { Err(Refusal::CoordinatorLost) }
}

/// What a person stopped stays so.
pub(super) fn not_stopped(service: &str, now: &Situation<'_>) -> Result<(), Refusal> {
    let unknown = || Refusal::ServiceUnknown { service: service.to_owned() };
    let services = now.services.ok_or_else(unknown)?;
    let found = services.iter().find(|it| it.name == service).ok_or_else(unknown)?;
    if found.stopped_by_hand {
        return Err(Refusal::StoppedByHand { service: service.to_owned() });
    }
    Ok(())
}

fn somewhere_to_go(
    recovery: &Recovery,
    databases: &[DatabaseName],
    now: &Situation<'_>,
) -> Result<(), Refusal> {
    // A server that does not even greet is at fault itself, whatever its databases are.
    let of_one_database = recovery.monitor == "PopDeepTestMonitor";
    for database in databases {
        let Some(placed) = now.world.topology.database(database) else { continue };
        if of_one_database && let Some(by) = brought_here_by_a_recovery(database, now) {
            return Err(Refusal::FailsEverywhere { by: by.to_string() });
        }
        let asked = Move {
            id: MoveId::parse("to-be-asked").map_err(|_| Refusal::NotSettled)?,
            from: None,
            to: None,
            by: Requester::placement(),
            reason: String::new(),
            requested: UnixMillis::default(),
            force: false,
        };
        let candidates = candidates_for(now.world, placed, &asked);
        if candidates.best().is_none() {
            return Err(Refusal::NoFitTarget { database: database.clone(), why: candidates.to_string() });
        }
    }
    Ok(())
}

/// The recovery of another server that has moved a database here lately.
fn brought_here_by_a_recovery<'a>(database: &DatabaseName, now: &Situation<'a>) -> Option<&'a Requester> {
    let assignment = &now.world.records.assignments.get(database)?.value;
    let is_of_another = |by: &Requester| {
        let id = by.as_str().strip_prefix("recovery-").and_then(|id| RecoveryId::parse(id).ok());
        id.is_some_and(|id| id.server != *now.server)
    };
    match &assignment.reason {
        AssignmentReason::Moved { by, .. }
            if is_of_another(by) && now.now.millis_since(assignment.since) < LATELY =>
        {
            Some(by)
        }
        _ => None,
    }
}

/// A server is restarted only when nothing is active there; a role's only server, only when it serves nobody.
fn empty(recovery: &Recovery, now: &Situation<'_>) -> Result<(), Refusal> {
    let databases = now.active_here();
    let has_others = now.others_of(Role::Mailbox).next().is_some();
    if recovery.server == *now.server && has_others && !databases.is_empty() {
        return Err(Refusal::StillActive { databases });
    }
    Ok(())
}

/// A server hangs if its agent's lease is gone, and with it those of its services.
fn hung(server: &ServerName, now: &Situation<'_>) -> Result<(), Refusal> {
    if !now.leads {
        return Err(Refusal::NotLeader);
    }
    let reports = now.world.records.mounts.keys().any(|(_, on)| on == server);
    if now.world.records.agents.contains_key(server) || reports {
        return Err(Refusal::StillServes { server: server.clone() });
    }
    Ok(())
}

/// What somebody else blocks stays blocked.
fn only_our_block(recovery: &Recovery, now: &Situation<'_>) -> Result<(), Refusal> {
    let own = id_of(recovery, now).requester();
    let others = now.world.records.blocks_of(now.server).map(|(by, _)| by).filter(|by| **by != own);
    let by: Vec<_> = others.map(ToString::to_string).collect();
    if by.is_empty() { Ok(()) } else { Err(Refusal::BlockedByOthers { by }) }
}

fn heavy(recovery: &Recovery, action: Action, now: &Situation<'_>) -> Result<(), Refusal> {
    if let Some(until) = now.clock_jumped_until.filter(|until| *until > now.now) {
        return Err(Refusal::ClockJumped { until });
    }
    if let Some(brake) = now.brake() {
        return Err(Refusal::BrakePulled { by: brake.by });
    }
    correlated(recovery, now)?;
    for role in now.roles(&recovery.server).iter().copied() {
        if let Some((slot, _)) = now.slot(role).filter(|(slot, _)| slot.recovery != id_of(recovery, now)) {
            let (role, by) = (role_word(role).to_owned(), slot.recovery);
            return Err(Refusal::SlotTaken { role, by, since: slot.since });
        }
        if action != Action::FailOver {
            minimum(recovery, role, now)?;
        }
    }
    Ok(())
}

/// The server that a verdict speaks of.
pub(super) fn spoken_of(verdict: &Verdict) -> ServerName {
    match &verdict.blame {
        Some(Blame::Own { server }) => server.clone(),
        _ => verdict.server.clone(),
    }
}

/// The brake that pulls itself: at least two servers and more than half of a role fail alike.
fn correlated(recovery: &Recovery, now: &Situation<'_>) -> Result<(), Refusal> {
    let itself = |it: &&Verdict| {
        matches!(&it.blame, None | Some(Blame::Own { .. } | Blame::Waiting)) || is_the_store(it)
    };
    let mut servers: Vec<_> = failing(&recovery.monitor, now).filter(itself).map(spoken_of).collect();
    servers.sort_unstable();
    servers.dedup();
    for role in now.roles(&recovery.server) {
        let all = now.others_of(*role).count() + 1;
        let of_role = servers.iter().filter(|server| now.roles(server).contains(role)).count();
        if of_role >= 2 && of_role * 2 > all {
            return Err(Refusal::Correlated { monitor: recovery.monitor.clone(), servers });
        }
    }
    Ok(())
}

/// At least half of the others of a role have to be well. The only one may be restarted while it serves nobody.
fn minimum(recovery: &Recovery, role: Role, now: &Situation<'_>) -> Result<(), Refusal> {
    let others: Vec<_> = now.world.topology.servers.iter().filter(|it| it.roles.contains(&role)).collect();
    let others: Vec<_> = others.into_iter().filter(|it| it.name != recovery.server).collect();
    let named = || role_word(role).to_owned();
    if others.is_empty() {
        let test = own_test(role);
        let fails = now.verdicts.iter().any(|it| {
            it.monitor == test && it.server == recovery.server && it.value == AlertValue::Unhealthy
        });
        let is_hung = recovery.server != *now.server;
        return if fails || is_hung { Ok(()) } else { Err(Refusal::OnlyServer { role: named() }) };
    }
    let well = others.iter().filter(|other| now.is_well(&other.name, role)).count();
    if well * 2 < others.len() {
        let (well, others) = (well as u64, others.len() as u64);
        return Err(Refusal::TooFewWell { role: named(), well, others });
    }
    Ok(())
}

/// The id of a recovery of this agent.
pub(super) fn id_of(recovery: &Recovery, now: &Situation<'_>) -> RecoveryId {
    RecoveryId { server: now.server.clone(), number: recovery.number }
}
