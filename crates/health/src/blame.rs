//! What is to blame for a failure: what failed itself, or something that it depends on.
//!
//! A dependency is blamed only if it fails itself, for the same target, and the phase that failed uses it. What a
//! dependency depends on is blamed in its place. As long as a dependency has not had the time to show that it fails, nobody
//! is blamed. What is left is compared across servers: one front end that fails where others do not is at fault itself; if
//! all fail for what one mailbox server serves, that server is; if everything fails, nobody in particular is.

use std::time::Duration;

use settings::{DatabaseName, ServerName, Value};

use crate::alert_value::AlertValue;
use crate::definition::{self, Monitor, Targets};
use crate::judge::time_to_settle;
use crate::observation::Failure;
use crate::phase::Phase;
use crate::verdict::{Blame, Reason, Verdict};

/// The monitor of the whole path of a client.
const TOUCH_POINT: &str = "PopCTPMonitor";
/// The monitors of a mailbox server that say that it is at fault itself.
const OF_MAILBOX_SERVERS: [&str; 2] = ["PopDeepTestMonitor", "PopSelfTestMonitor"];
/// An alert of its own, by which nobody is excused: one copy is enough to serve.
const EXCUSES_NOBODY: &str = "DatabaseRedundancyMonitor";

/// Finds what is to blame for each verdict that is not good. `verdicts` are those of all servers that are known.
#[must_use]
pub fn blame(verdicts: &[Verdict]) -> Vec<Verdict> {
    let blamed = |verdict: &Verdict| Verdict { blame: of(verdict, verdicts), ..verdict.clone() };
    verdicts.iter().map(blamed).collect()
}

fn of(verdict: &Verdict, all: &[Verdict]) -> Option<Blame> {
    fails(verdict).then(|| match culprit(verdict, all) {
        Culprit::Dependency(dependency) => Blame::Dependency {
            monitor: dependency.monitor.clone(),
            health_set: dependency.health_set.clone(),
            server: dependency.server.clone(),
            target: dependency.target.clone(),
        },
        Culprit::NotKnownYet => Blame::Waiting,
        Culprit::Own => triangulated(verdict, all),
    })
}

fn fails(verdict: &Verdict) -> bool {
    matches!(verdict.value, AlertValue::Degraded | AlertValue::Unhealthy)
}

enum Culprit<'a> {
    Dependency(&'a Verdict),
    NotKnownYet,
    Own,
}

fn culprit<'a>(verdict: &Verdict, all: &'a [Verdict]) -> Culprit<'a> {
    let Some(monitor) = definition::monitor(&verdict.monitor) else { return Culprit::Own };
    let suspects = monitor.suspects(failing_phase(verdict));
    let concerned: Vec<_> =
        all.iter().filter(|it| is_suspect(it, suspects) && concerns(it, verdict)).collect();
    // The first in the order of the definition: what comes first in a phase is used first.
    let rank = |it: &&&Verdict| suspects.iter().position(|set| *set == it.health_set);
    let unhealthy = concerned.iter().filter(|it| it.value == AlertValue::Unhealthy).min_by_key(rank);
    if let Some(dependency) = unhealthy {
        // The definitions have no circles, there is a test.
        return match culprit(dependency, all) {
            Culprit::Dependency(deeper) => Culprit::Dependency(deeper),
            Culprit::NotKnownYet | Culprit::Own => Culprit::Dependency(dependency),
        };
    }
    let failing_for = verdict.failing_for.unwrap_or_default();
    if concerned.iter().any(|it| it.value == AlertValue::Degraded || failing_for < settled_after(it)) {
        return Culprit::NotKnownYet;
    }
    Culprit::Own
}

fn settled_after(verdict: &Verdict) -> Duration {
    definition::monitor(&verdict.monitor).map(time_to_settle).unwrap_or_default()
}

fn is_suspect(verdict: &Verdict, suspects: &[&str]) -> bool {
    suspects.contains(&verdict.health_set.as_str()) && verdict.monitor != EXCUSES_NOBODY
}

fn failure(verdict: &Verdict) -> Option<&Failure> {
    match &verdict.reason {
        Reason::Failing { last, .. } => Some(last),
        _ => None,
    }
}

/// Where it failed. A measurement that is beyond its threshold failed in the comparison.
fn failing_phase(verdict: &Verdict) -> Phase {
    failure(verdict).map_or(Phase::Compare, |failure| failure.phase)
}

/// Whether what a dependency says is about what the dependant was aimed at.
fn concerns(dependency: &Verdict, dependant: &Verdict) -> bool {
    let behind = dependant.mailbox_server.as_ref();
    let on_its_way = dependency.server == dependant.server || behind == Some(&dependency.server);
    let Some(target) = &dependency.target else { return on_its_way };
    match targets_of(dependency) {
        Some(Targets::Databases | Targets::MountedDatabases) => match database_of(dependant) {
            Some(database) => database == **target,
            // Commands are slow for all databases of the server.
            None => on_its_way,
        },
        Some(Targets::MailboxServers | Targets::NetworkPeers) => {
            dependency.server == dependant.server && behind.is_some_and(|server| *server == **target)
        }
        _ => on_its_way,
    }
}

fn targets_of(verdict: &Verdict) -> Option<Targets> {
    definition::monitor(&verdict.monitor).map(Monitor::its_probe).map(|probe| probe.targets)
}

fn database_of(verdict: &Verdict) -> Option<DatabaseName> {
    match targets_of(verdict) {
        Some(Targets::Databases | Targets::MountedDatabases) => {
            verdict.target.as_deref().and_then(|target| DatabaseName::parse(target).ok())
        }
        _ => verdict.database.clone(),
    }
}

/// The server that a verdict speaks of: that on which it was found, or another one that was looked at from there.
fn spoken_of(verdict: &Verdict) -> ServerName {
    let other = verdict.target.as_deref().filter(|_| targets_of(verdict) == Some(Targets::OtherServers));
    other.and_then(|name| ServerName::parse(name).ok()).unwrap_or_else(|| verdict.server.clone())
}

/// No dependency is to blame: which server is.
fn triangulated(verdict: &Verdict, all: &[Verdict]) -> Blame {
    let own = Blame::Own { server: spoken_of(verdict) };
    if verdict.monitor != TOUCH_POINT {
        return own;
    }
    // Nothing is known from those that could not look.
    let seen: Vec<_> = all
        .iter()
        .filter(|it| it.monitor == TOUCH_POINT)
        .filter(|it| fails(it) || it.value == AlertValue::Healthy)
        .collect();
    let several_servers = seen.iter().any(|it| it.server != verdict.server);
    let several_targets = seen.iter().any(|it| it.target != verdict.target);
    if several_servers && several_targets && seen.iter().all(|it| fails(it)) {
        return Blame::Everything;
    }
    let here_all_fail = seen.iter().filter(|it| it.server == verdict.server).all(|it| fails(it));
    let elsewhere: Vec<_> =
        seen.iter().filter(|it| it.server != verdict.server && it.target == verdict.target).collect();
    if here_all_fail && elsewhere.iter().any(|it| !fails(it)) {
        return own;
    }
    let Some(behind) = &verdict.mailbox_server else { return own };
    let all_front_ends = !elsewhere.is_empty() && elsewhere.iter().all(|it| fails(it));
    if all_front_ends || mailbox_server_fails(behind, verdict, all) {
        return Blame::MailboxServer { server: behind.clone() };
    }
    own
}

/// Whether a mailbox server itself says that it does not serve what the verdict is about.
fn mailbox_server_fails(server: &ServerName, verdict: &Verdict, all: &[Verdict]) -> bool {
    all.iter().any(|it| {
        OF_MAILBOX_SERVERS.contains(&it.monitor.as_str())
            && it.server == *server
            && fails(it)
            && (it.target.is_none() || database_of(it) == database_of(verdict))
    })
}
