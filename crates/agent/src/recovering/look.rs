//! Everything that a plan looks at, read anew at every pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use coordinator::Standing;
use health::Verdict;
use health::recovery::{Allowance, Budgets, Class, Mode, Policy, ServiceNow, Situation};
use placement::{UnixMillis, World};
use server_control::{ServiceReport, ServiceState};
use settings::{Layered, RecoveryMode, RecoverySettings};
use tokio::time::Instant;

use super::Recovering;
use crate::clock::unix_millis;
use crate::watching::Judgements;

/// By how much the clock may go wrong until heavy rungs wait.
const JUMP: Duration = Duration::from_mins(1);
/// How long they wait then.
const FROZEN: Duration = Duration::from_hours(1);

/// What was seen at one moment.
pub(super) struct Seen {
    told: Arc<Judgements>,
    elsewhere: Arc<Vec<Verdict>>,
    world: Arc<World>,
    /// The services as their init tells them; none if it does not answer.
    pub(super) reports: Option<Vec<ServiceReport>>,
    services: Option<Vec<ServiceNow>>,
    leads: bool,
    hands_off: bool,
    coordinator: bool,
    clock_jumped_until: Option<UnixMillis>,
    commands: BTreeSet<String>,
    policy: Policy,
    now: UnixMillis,
}

impl Seen {
    pub(super) async fn now(with: &Recovering, clock: &mut Clock) -> Self {
        let reports = with.controls.services(&with.means.server).await.ok();
        let services = reports.as_ref().map(|reports| reports.iter().map(service).collect());
        let settled = with.means.live.snapshot();
        Self {
            told: Arc::clone(&with.told.borrow()),
            elsewhere: Arc::clone(&with.elsewhere.borrow()),
            world: Arc::clone(&with.means.world.borrow()),
            reports,
            services,
            leads: *with.leads.borrow(),
            // What cannot be looked at counts as there.
            hands_off: with.means.data.hands_off().try_exists().unwrap_or(true),
            coordinator: matches!(with.means.placed.borrow().standing, Standing::Live),
            clock_jumped_until: clock.look(),
            commands: BTreeSet::new(),
            policy: policy(&settled.server.recovery),
            now: unix_millis(),
        }
    }

    pub(super) fn situation<'a>(&'a self, with: &'a Recovering) -> Situation<'a> {
        Situation {
            server: &with.means.server,
            verdicts: &self.told.verdicts,
            elsewhere: &self.elsewhere,
            world: &self.world,
            services: self.services.as_deref(),
            boot_id: &with.boot_id,
            leads: self.leads,
            hands_off: self.hands_off,
            coordinator: self.coordinator,
            clock_jumped_until: self.clock_jumped_until,
            commands: &self.commands,
            policy: &self.policy,
            now: self.now,
        }
    }
}

fn service(report: &ServiceReport) -> ServiceNow {
    let since =
        report.since.filter(|_| matches!(report.state, ServiceState::Running | ServiceState::Starting));
    ServiceNow {
        name: report.service.as_str().to_owned(),
        stopped_by_hand: report.stopped_by_hand,
        since: since.map(|since| UnixMillis(u64::try_from(since.as_millisecond()).unwrap_or(0))),
    }
}

/// What the settings allow.
pub(crate) fn policy(settings: &Layered<RecoverySettings>) -> Policy {
    let mode = |mode: RecoveryMode| match mode {
        _ if settings.observe => Mode::Observe,
        RecoveryMode::Automatic => Mode::Automatic,
        RecoveryMode::Approval => Mode::Approval,
        RecoveryMode::Observe => Mode::Observe,
    };
    let modes = [
        (Class::Restart, mode(settings.restart)),
        (Class::FailOver, mode(settings.fail_over)),
        (Class::Reboot, mode(settings.reboot)),
        // What is undone was done automatically, and what is only written to a log harms nobody.
        (Class::Free, if settings.observe { Mode::Observe } else { Mode::Automatic }),
    ];
    let times = |times: u32, hours| Allowance { times: times as usize, within: Duration::from_hours(hours) };
    Policy {
        modes: BTreeMap::from(modes),
        budgets: Budgets {
            restarts: vec![times(settings.restarts_an_hour, 1), times(settings.restarts_a_day, 24)],
            fail_overs: vec![times(settings.fail_overs_an_hour, 1)],
            reboots: vec![times(settings.reboots_in_twelve_hours, 12)],
        },
        return_after: settings.return_after.duration(),
        look_again: Some(settings.look_again.duration()),
        patience: settings.patience.duration(),
        ..Policy::default()
    }
}

/// Whether the wall clock goes as fast as time does.
pub(super) struct Clock {
    wall: SystemTime,
    steady: Instant,
    frozen_until: Option<UnixMillis>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now(), frozen_until: None }
    }

    fn look(&mut self) -> Option<UnixMillis> {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        let expected = self.wall + steady.duration_since(self.steady);
        let off = wall.duration_since(expected).unwrap_or_else(|error| error.duration());
        (self.wall, self.steady) = (wall, steady);
        if off > JUMP {
            tracing::warn!(by = ?off, "the clock has jumped; no server is emptied or restarted for an hour");
            let until = unix_millis().0.saturating_add(u64::try_from(FROZEN.as_millis()).unwrap_or(0));
            self.frozen_until = Some(UnixMillis(until));
        }
        self.frozen_until
    }
}

/// How often the init has restarted services, as it was last seen.
#[derive(Default)]
pub(super) struct Restarts(BTreeMap<String, u64>);

impl Restarts {
    /// The services that the init has restarted since it was last asked; one that was, twice, twice.
    pub(super) fn news(&mut self, reports: Option<&[ServiceReport]>) -> Vec<String> {
        let mut news = Vec::new();
        for report in reports.into_iter().flatten() {
            let name = report.service.as_str().to_owned();
            let before = self.0.insert(name.clone(), report.restarts).unwrap_or(report.restarts);
            let more = report.restarts.saturating_sub(before);
            news.extend((0..more).map(|_| name.clone()));
        }
        news
    }
}
