//! How often anything may be done: counted from the journal, so that no restart of anything forgets it.

use std::time::Duration;

use placement::UnixMillis;
use settings::ServerName;

use super::act::Act;
use super::journal::{Event, Journal};
use super::ladder::Class;
use super::refusal::Refusal;

/// So often within such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How often.
    pub times: usize,
    /// Within which time.
    pub within: Duration,
}

/// How often what may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Restarts of one service, each of these allowances by itself. What the init has restarted counts.
    pub restarts: Vec<Allowance>,
    /// Fail-overs of one server.
    pub fail_overs: Vec<Allowance>,
    /// Restarts of one server.
    pub reboots: Vec<Allowance>,
}

impl Default for Budgets {
    fn default() -> Self {
        let times = |times, within| Allowance { times, within };
        Self {
            restarts: vec![times(3, Duration::from_hours(1)), times(8, Duration::from_hours(24))],
            fail_overs: vec![times(2, Duration::from_hours(1))],
            reboots: vec![times(1, Duration::from_hours(12))],
        }
    }
}

impl Budgets {
    fn of(&self, class: Class) -> &[Allowance] {
        match class {
            Class::Restart => &self.restarts,
            Class::FailOver => &self.fail_overs,
            Class::Reboot => &self.reboots,
            Class::Free => &[],
        }
    }

    /// Whether `act` is allowed once more; if not, which allowance is spent, and when there is some of it again.
    pub(super) fn allow(
        &self,
        act: &Act,
        journal: &Journal,
        own: &ServerName,
        now: UnixMillis,
    ) -> Result<(), Refusal> {
        let class = act.action().class();
        let mut spent: Vec<UnixMillis> = journal
            .entries()
            .iter()
            .filter(|entry| is_paid_from(&entry.event, act, own))
            .map(|entry| entry.at)
            .collect();
        spent.sort_unstable();
        self.left(class, &spent, now)
    }

    /// Whether a server may be restarted once more, by what all agents have done to it.
    pub(super) fn allow_reboot(&self, spent: &[UnixMillis], now: UnixMillis) -> Result<(), Refusal> {
        self.left(Class::Reboot, spent, now)
    }

    fn left(&self, class: Class, spent: &[UnixMillis], now: UnixMillis) -> Result<(), Refusal> {
        for allowance in self.of(class) {
            let window = u64::try_from(allowance.within.as_millis()).unwrap_or(u64::MAX);
            let lately: Vec<_> = spent.iter().filter(|at| now.millis_since(**at) < window).collect();
            if lately.len() >= allowance.times {
                let oldest = lately.get(lately.len() - allowance.times.max(1)).map_or(now, |at| **at);
                let again = UnixMillis(oldest.0.saturating_add(window));
                return Err(Refusal::BudgetSpent {
                    class: class.word().to_owned(),
                    times: allowance.times as u64,
                    within_seconds: allowance.within.as_secs(),
                    again,
                });
            }
        }
        Ok(())
    }
}

/// Whether what was done before is paid from the same budget as `act`: a service's own, or the server's.
fn is_paid_from(event: &Event, act: &Act, own: &ServerName) -> bool {
    match (event, act) {
        (Event::Restarted { service }, Act::RestartService { service: wanted }) => service == wanted,
        (Event::Intended { act: done, .. }, act) => match (done, act) {
            (Act::RestartService { service }, Act::RestartService { service: wanted }) => service == wanted,
            (Act::RunCommand { target }, Act::RunCommand { target: wanted }) => target == wanted,
            (done, act) => {
                let class = act.action().class();
                matches!(class, Class::FailOver | Class::Reboot)
                    && done.action().class() == class
                    && server_of(done, own) == server_of(act, own)
            }
        },
        _ => false,
    }
}

fn server_of<'a>(act: &'a Act, own: &'a ServerName) -> &'a ServerName {
    match act {
        Act::PowerCycle { server } => server,
        _ => own,
    }
}
