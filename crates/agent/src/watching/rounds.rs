//! Which attempt is due when.
//!
//! Each probe with its target comes round at its own place in its interval, one attempt at a time: one that takes longer
//! than its interval skips ticks.

use std::collections::BTreeMap;
use std::time::Duration;

use health::{Moment, ProbeTuning, Watched, spread};
use settings::ServerName;
use tokio::time::Instant;

/// The rounds of all probes of a server.
pub(super) struct Rounds {
    server: ServerName,
    began: Instant,
    turns: BTreeMap<String, Turn>,
}

/// Within how long everything is looked at once when it is new, however seldom it comes round.
const SOON: Duration = Duration::from_secs(10);

/// When something comes round.
struct Turn {
    every: Duration,
    /// A moment at which it is due by its place in its interval.
    home: Moment,
    due: Moment,
    under_way: bool,
}

/// An attempt that is to begin now.
pub(super) struct Due {
    pub(super) watched: Watched,
    /// How late it is.
    pub(super) lag: Duration,
    /// How long it may take.
    pub(super) limit: Duration,
}

impl Turn {
    fn new(place: &str, every: Duration, now: Moment) -> Self {
        let home = spread::first(place, every, now);
        Self { every, home, due: spread::first(place, every.min(SOON), now), under_way: false }
    }
}

impl Rounds {
    pub(super) fn new(server: ServerName, began: Instant) -> Self {
        Self { server, began, turns: BTreeMap::new() }
    }

    /// The moment by the clock of these rounds.
    pub(super) fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    fn at(&self, instant: Instant) -> Moment {
        Moment(instant.saturating_duration_since(self.began))
    }

    /// What is due of `watched`; it counts as under way from now on. What is not watched any more is forgotten.
    pub(super) fn due(
        &mut self,
        watched: &[Watched],
        tuning: impl Fn(&Watched) -> ProbeTuning,
        now: Instant,
    ) -> Vec<Due> {
        let now = self.at(now);
        let names: Vec<_> = watched.iter().map(Watched::identity).collect();
        self.turns.retain(|name, _| names.binary_search(name).is_ok() || names.contains(name));
        let mut due = Vec::new();
        for (watched, name) in watched.iter().zip(names) {
            let tuning = tuning(watched);
            let server = &self.server;
            let place = format!("{server}\\{name}");
            let turn = self.turns.entry(name).or_insert_with(|| Turn::new(&place, tuning.every, now));
            if turn.every != tuning.every {
                // What is now asked for more often must not wait for what was its turn.
                let Turn { due, under_way, .. } = *turn;
                let new = Turn::new(&place, tuning.every, now);
                *turn = Turn { due: due.min(new.due), under_way, ..new };
            }
            if turn.under_way || turn.due > now {
                continue;
            }
            if !tuning.enabled {
                turn.due = spread::next(turn.home, tuning.every, now, false);
                continue;
            }
            turn.under_way = true;
            due.push(Due {
                watched: watched.clone(),
                lag: now.0.saturating_sub(turn.due.0),
                limit: tuning.limit,
            });
        }
        due
    }

    /// An attempt has ended; with `again` the next one comes soon.
    pub(super) fn ended(&mut self, watched: &Watched, every: Duration, again: bool) {
        let now = self.now();
        // It may not be watched any more.
        if let Some(turn) = self.turns.get_mut(&watched.identity()) {
            turn.under_way = false;
            turn.due = spread::next(turn.home, every, now, again);
        }
    }

    /// When the next attempt is due, of those that are not under way.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.turns.values().filter(|turn| !turn.under_way).map(|turn| turn.due).min();
        due.map(|Moment(due)| self.began + due)
    }
}

#[cfg(test)]
mod tests {
    use health::definition;
    use settings::Value;
    use tokio::time::advance;

    use super::*;

    fn watched(target: &str) -> Watched {
        let probe = definition::probe("PopDeepTestProbe").unwrap();
        Watched { probe, target: Some(target.to_owned()) }
    }

    fn tuning(watched: &Watched) -> ProbeTuning {
        ProbeTuning { enabled: true, every: watched.probe.every, limit: watched.probe.time_out }
    }

    fn rounds() -> Rounds {
        Rounds::new(ServerName::parse("mbx1").unwrap(), Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn each_comes_round_once_in_its_interval_and_one_at_a_time() {
        let mut rounds = rounds();
        let list = [watched("DB01"), watched("DB02")];
        let every = list[0].probe.every;
        assert!(rounds.due(&list, tuning, Instant::now()).is_empty(), "not all at the start");
        advance(every).await;
        assert_eq!(rounds.due(&list, tuning, Instant::now()).len(), 2);
        advance(3 * every).await;
        assert!(rounds.due(&list, tuning, Instant::now()).is_empty(), "both are under way");
        rounds.ended(&list[0], every, false);
        let next = rounds.next_due().unwrap();
        assert!(next > Instant::now() && next <= Instant::now() + every, "missed ticks are skipped");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_come_round_more_often_does_so_at_once() {
        let mut rounds = rounds();
        let list = [watched("DB01")];
        let seldom = |watched: &Watched| ProbeTuning { every: Duration::from_hours(1), ..tuning(watched) };
        rounds.due(&list, seldom, Instant::now());
        advance(SOON).await;
        assert_eq!(rounds.due(&list, seldom, Instant::now()).len(), 1);
        rounds.ended(&list[0], Duration::from_hours(1), false);
        let often = |watched: &Watched| ProbeTuning { every: Duration::from_secs(2), ..tuning(watched) };
        rounds.due(&list, often, Instant::now());
        assert!(rounds.next_due().unwrap() <= Instant::now() + Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_begins_late_says_how_late() {
        let mut rounds = rounds();
        let list = [watched("DB01")];
        rounds.due(&list, tuning, Instant::now());
        let due = rounds.next_due().unwrap();
        advance(due - Instant::now() + Duration::from_secs(4)).await;
        let late = rounds.due(&list, tuning, Instant::now());
        assert_eq!(late[0].lag, Duration::from_secs(4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_watched_any_more_is_forgotten_and_what_is_switched_off_waits() {
        let mut rounds = rounds();
        let list = [watched("DB01")];
        rounds.due(&list, tuning, Instant::now());
        let off = |watched: &Watched| ProbeTuning { enabled: false, ..tuning(watched) };
        advance(list[0].probe.every).await;
        assert!(rounds.due(&list, off, Instant::now()).is_empty());
        assert!(rounds.next_due().is_some());
        rounds.due(&[], tuning, Instant::now());
        assert!(rounds.next_due().is_none());
    }
}
