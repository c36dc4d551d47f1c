//! What the definitions mean, in words: for whoever asks about one item, and all of them as a page of the documentation.

use std::fmt::Write as _;
use std::time::Duration;

use crate::definition::{self, HEALTH_SETS, MONITORS, Monitor, PROBES, Probe, Rule, Targets};
use crate::identity::{ItemIdentity, ItemKind};
use crate::judge::time_to_settle;

/// What there is to know about a probe or a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it does.
    pub what: String,
    /// How it judges, or how often it runs and how long it may take.
    pub how: String,
    /// The health sets on which it depends.
    pub depends_on: Vec<&'static str>,
    /// What else there is to know.
    pub notes: Option<&'static str>,
}

/// Explains an item.
pub fn explain(item: &ItemIdentity) -> Explanation {
    let depends_on = definition::health_set(item.health_set).map_or(&[][..], |set| set.depends_on);
    match item.kind {
        ItemKind::Probe => {
            let probe = definition::probe(item.name);
            Explanation {
                what: probe.map(|probe| probe.what.to_owned()).unwrap_or_default(),
                how: probe.map(rhythm).unwrap_or_default(),
                depends_on: depends_on.to_vec(),
                notes: None,
            }
        }
        ItemKind::Monitor => {
            let monitor = definition::monitor(item.name);
            let mut suspects: Vec<_> =
                monitor.iter().flat_map(|it| it.uses).flat_map(|(_, sets)| sets.iter().copied()).collect();
            suspects.sort_unstable();
            suspects.dedup();
            Explanation {
                what: monitor.map(|monitor| monitor.what.to_owned()).unwrap_or_default(),
                how: monitor.map(judgement).unwrap_or_default(),
                depends_on: suspects,
                notes: monitor.map(|monitor| monitor.notes).filter(|notes| !notes.is_empty()),
            }
        }
    }
}

fn rhythm(probe: &Probe) -> String {
    let each = match probe.targets {
        Targets::Server => "",
        Targets::Listeners => ", each POP3 listener",
        Targets::MountedDatabases => ", each database mounted there",
        Targets::Databases => ", each database",
        Targets::MailboxServers => ", each mailbox server",
        Targets::OtherServers => ", each other server",
        Targets::NetworkPeers => ", each mailbox server and the coordinator",
        Targets::Certificates => ", each certificate",
        Targets::Services => ", each service",
        Targets::ThirdParties => ", each [[target]]",
    };
    let (every, limit) = (probe.every.as_secs(), probe.time_out.as_secs());
    format!(
        "runs every {every} s{each}; an attempt may take {limit} s, and after a failure the next comes after 1 s"
    )
}

fn judgement(monitor: &Monitor) -> String {
    let rule = match monitor.rule {
        Rule::ConsecutiveFailures { failures: 1 } => "Unhealthy at once when an attempt fails".to_owned(),
        Rule::ConsecutiveFailures { failures } => format!("Unhealthy after {failures} failures in a row"),
        Rule::FailuresWithin { failures, window } => {
            format!("Unhealthy with {failures} failures within {} s", window.as_secs())
        }
        Rule::PercentSuccess { below, window, at_least } => format!(
            "Unhealthy when fewer than {below} % of at least {at_least} attempts within {} s succeed",
            window.as_secs()
        ),
        Rule::ConsecutiveAbove { threshold, times, at_least } => {
            format!(
                "Unhealthy when {times} in a row, of at least {at_least} samples each, are above {threshold}"
            )
        }
        Rule::ConsecutiveBelow { threshold, times, .. } => {
            format!("Unhealthy when {times} in a row are below {threshold}")
        }
    };
    format!(
        "judges {}: {rule}, Degraded before; a fault is settled within {}",
        monitor.probe,
        seconds(time_to_settle(monitor))
    )
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// The page that describes every health set, probe and monitor, as Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# Health sets\n\n\
         What is watched, where, how often, and how it is judged. This page is written from the definitions themselves \
         (`crates/health/src/definition`). An attempt that fails is repeated after a second until its monitor has settled; \
         *settled within* is the longest time from a fault to Unhealthy.\n",
    );
    for set in HEALTH_SETS {
        // Writing into a string does not fail.
        let _ = write!(page, "\n## {}\n\n{}\n\n", set.name, set.what);
        let _ = writeln!(page, "Group: {}.", set.group.word());
        if !set.depends_on.is_empty() {
            let _ = writeln!(page, "Depends on: {}.", set.depends_on.join(", "));
        }
        if !set.aliases.is_empty() {
            let _ = writeln!(page, "Also called: {}.", set.aliases.join(", "));
        }
        page.push_str("\n| probe | where | every | limit | what it does |\n|---|---|---|---|---|\n");
        for probe in PROBES.iter().filter(|probe| probe.health_set == set.name) {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                probe.name,
                place(probe),
                seconds(probe.every),
                seconds(probe.time_out),
                probe.what
            );
        }
        page.push_str("\n| monitor | rule | settled within | what it says |\n|---|---|---|---|\n");
        for monitor in MONITORS.iter().filter(|monitor| monitor.health_set == set.name) {
            let judgement = judgement(monitor);
            let rule = judgement.split_once(": ").and_then(|(_, rest)| rest.split_once(", Degraded"));
            let notes = if monitor.notes.is_empty() { String::new() } else { format!(" {}", monitor.notes) };
            let _ = writeln!(
                page,
                "| {} | {} | {} | {}{notes} |",
                monitor.name,
                rule.map_or("", |(rule, _)| rule),
                seconds(time_to_settle(monitor)),
                monitor.what,
            );
        }
    }
    page
}

fn place(probe: &Probe) -> &'static str {
    match (probe.runs_on, probe.targets) {
        (_, Targets::ThirdParties) => "where the target is configured",
        (None, _) => "every server",
        (Some(settings::Role::ClientAccess), _) => "client-access servers",
        (Some(settings::Role::Mailbox), _) => "mailbox servers",
    }
}
