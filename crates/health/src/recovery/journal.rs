//! The journal: what was decided, done and seen, in order; and what every recovery is by it.
//!
//! An entry is written before what it speaks of is done, and another when it is known what came of it. A recovery is
//! nothing but its entries folded: [`Journal::take`] is used alike for what is written now and what is read at a start.

use placement::UnixMillis;
use serde::{Deserialize, Serialize};
use settings::{DatabaseName, ServerName};

use super::act::Act;
use super::ladder::Ladder;
use super::ladders::LADDERS;
use super::refusal::Refusal;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: UnixMillis,
    /// Which recovery it is about; none if about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A climb begins.
    Opened {
        /// The ladder.
        ladder: String,
        /// On which rung.
        rung: usize,
        /// The monitor that is Unhealthy.
        monitor: String,
        /// What it was aimed at.
        target: Option<String>,
        /// Which server it speaks of.
        server: ServerName,
        /// Why it is Unhealthy, in words.
        why: String,
        /// What is to blame, in words.
        blame: String,
    },
    /// A probe was run for the recovery.
    Probed {
        /// For which rung.
        rung: usize,
        /// By whom.
        by: ServerName,
        /// How it went.
        found: Found,
        /// What it says, in words.
        what: String,
    },
    /// A rung is passed over.
    Skipped {
        /// Which.
        rung: usize,
        /// Where it goes on.
        to: usize,
        /// Why.
        why: Refusal,
    },
    /// It is about to be done.
    Intended {
        /// On which rung.
        rung: usize,
        /// What.
        act: Act,
        /// The boot id of the server.
        boot_id: String,
        /// The token of the slot, if it needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
    },
    /// It was done, or could not be.
    Acted {
        /// On which rung.
        rung: usize,
        /// Why it could not be done; none if it was.
        failed: Option<String>,
    },
    /// It was seen whether it helped.
    Verified {
        /// Which rung.
        rung: usize,
        /// Whether it helped.
        well: bool,
        /// How it was seen, in words.
        what: String,
        /// Where it goes on.
        onward: Onward,
    },
    /// It is not done, because the mode is observe.
    Withheld {
        /// On which rung.
        rung: usize,
        /// What would have been done.
        act: Act,
    },
    /// A person is called while the climb waits.
    Called {
        /// Why.
        why: String,
    },
    /// A channel has taken the call of a person, or its end.
    Told {
        /// Which.
        channel: String,
        /// Whether it was the end.
        over: bool,
    },
    /// Nothing is left to be done: a person has been called.
    Escalated {
        /// Why.
        why: String,
    },
    /// A person approves a rung.
    Approved {
        /// Which.
        rung: usize,
        /// Who.
        by: String,
        /// Until when it holds.
        until: UnixMillis,
    },
    /// A person holds the climb: no next rung.
    Held {
        /// Who.
        by: String,
    },
    /// A person lets it go on.
    Released {
        /// Who.
        by: String,
    },
    /// A person stops the climb for good.
    Stopped {
        /// Who.
        by: String,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// What a stopped recovery had blocked and switched on is as it was before.
    Undone,
    /// It is over.
    Ended {
        /// How.
        outcome: Outcome,
    },
    /// The init has restarted a service: the rung before the first.
    Restarted {
        /// Which.
        service: String,
    },
}

/// How a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It succeeded.
    Works,
    /// It failed.
    Fails,
    /// It could not be run.
    CannotTest,
}

/// Where a climb goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "to", content = "rung")]
pub enum Onward {
    /// On this rung.
    Rung(usize),
    /// Nowhere: it is healed.
    Recovered,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A rung helped.
    Recovered,
    /// It worked again before anything was done.
    HealedByItself,
    /// A person was called, and it works again.
    Escalated,
    /// A person stopped it.
    Stopped,
    /// It is the business of another agent now.
    HandedOver,
}

impl Outcome {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::HealedByItself => "healed-by-itself",
            Self::Escalated => "escalated",
            Self::Stopped => "stopped",
            Self::HandedOver => "handed-over",
        }
    }
}

/// How far a climb is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It climbs.
    Climbing,
    /// A person has been called, and nothing more is done; it lasts until the fault is gone.
    Escalated,
    /// A person has stopped it; it lasts until the fault is gone.
    Stopped,
    /// It is over.
    Ended(Outcome),
}

impl State {
    /// Its name.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Climbing => "climbing",
            Self::Escalated => "escalated",
            Self::Stopped => "stopped",
            Self::Ended(Outcome::Escalated) => "resolved",
            Self::Ended(Outcome::Stopped) => "resolved-after-stop",
            Self::Ended(outcome) => outcome.word(),
        }
    }
}

/// How far the present rung is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has been done.
    Fresh,
    /// It is about to be done, or has been, and nobody knows.
    Intended {
        /// What.
        act: Act,
        /// Since when.
        at: UnixMillis,
        /// The boot id before.
        boot_id: String,
        /// The token of the slot.
        token: Option<u64>,
    },
    /// It was done.
    Acted {
        /// What.
        act: Act,
        /// When.
        at: UnixMillis,
        /// Why it could not be done, if so.
        failed: Option<String>,
    },
    /// It helped, and nothing is left to be done.
    Healed,
}

/// What a person approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Which rung.
    pub rung: usize,
    /// Who.
    pub by: String,
    /// Until when.
    pub until: UnixMillis,
}

/// The last probe of a recovery by one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastProbe {
    /// For which rung.
    pub rung: usize,
    /// By whom.
    pub by: ServerName,
    /// How it went.
    pub found: Found,
    /// In words.
    pub what: String,
    /// When.
    pub at: UnixMillis,
}

/// One climb, by its entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// Which.
    pub number: u64,
    /// The ladder.
    pub ladder: &'static Ladder,
    /// The monitor.
    pub monitor: String,
    /// Its target.
    pub target: Option<String>,
    /// The server it is about.
    pub server: ServerName,
    /// Why it was begun.
    pub why: String,
    /// What was to blame.
    pub blame: String,
    /// When it was begun.
    pub opened: UnixMillis,
    /// The present rung.
    pub rung: usize,
    /// Since when it is on it.
    pub since: UnixMillis,
    /// How far it is.
    pub phase: Phase,
    /// How far the climb is.
    pub state: State,
    /// Who holds it.
    pub held: Option<String>,
    /// What was approved last.
    pub approved: Option<Approval>,
    /// The last probes, one a server.
    pub probes: Vec<LastProbe>,
    /// What it has moved off the server with its block; none if it has not blocked it.
    pub moved: Option<Vec<DatabaseName>>,
    /// The database that has come back to be tested.
    pub canary: Option<DatabaseName>,
    /// Whether it has switched protocol logging on.
    pub log_is_on: bool,
    /// Whether it has done anything at all.
    pub has_acted: bool,
    /// On which rung it was last written that it would have been done.
    pub withheld: Option<usize>,
    /// Whether a person has been called, and why.
    pub called: Option<String>,
    /// The channels that have taken the call, and those that have taken its end.
    pub told: Vec<(String, bool)>,
    /// When it ended.
    pub ended: Option<UnixMillis>,
    /// When anything was last written about it.
    pub last: UnixMillis,
}

/// All entries, and the recoveries by them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    entries: Vec<Entry>,
    recoveries: Vec<Recovery>,
}

impl Journal {
    /// The journal of these entries, in the order in which they were written.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut journal = Self::default();
        entries.into_iter().for_each(|entry| journal.take(entry));
        journal
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries about one recovery.
    pub fn entries_of(&self, number: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.recovery == Some(number))
    }

    /// The recoveries, the oldest first.
    pub fn recoveries(&self) -> &[Recovery] {
        &self.recoveries
    }

    /// One of them.
    pub fn recovery(&self, number: u64) -> Option<&Recovery> {
        self.recoveries.iter().find(|recovery| recovery.number == number)
    }

    /// Those that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Recovery> {
        self.recoveries.iter().filter(|recovery| !matches!(recovery.state, State::Ended(_)))
    }

    /// The number of the next one.
    pub fn next_number(&self) -> u64 {
        self.recoveries.iter().map(|recovery| recovery.number).max().unwrap_or(0) + 1
    }

    /// Takes one more entry.
    pub fn take(&mut self, entry: Entry) {
        if let Some(number) = entry.recovery {
            match self.recoveries.iter_mut().find(|recovery| recovery.number == number) {
                Some(recovery) => recovery.take(&entry),
                None => self.recoveries.extend(Recovery::begun(number, &entry)),
            }
        }
        self.entries.push(entry);
    }

    /// Forgets the recoveries that ended before `then`, and their entries; and what is counted in no budget any more. The
    /// last recovery stays, so that no number comes twice.
    pub fn forget_before(&mut self, then: UnixMillis) {
        let last = self.recoveries.iter().map(|recovery| recovery.number).max();
        self.recoveries.retain(|recovery| {
            Some(recovery.number) == last || recovery.ended.is_none_or(|ended| ended >= then)
        });
        let Self { entries, recoveries } = self;
        entries.retain(|entry| match entry.recovery {
            Some(number) => recoveries.iter().any(|recovery| recovery.number == number),
            None => entry.at >= then,
        });
    }
}

impl Recovery {
    fn begun(number: u64, entry: &Entry) -> Option<Self> {
        let Event::Opened { ladder, rung, monitor, target, server, why, blame } = &entry.event else {
            return None;
        };
        // One of another version's ladders can only be handed to a person.
        let found = LADDERS.iter().find(|it| it.name == *ladder);
        let ladder = found.or(LADDERS.last())?;
        Some(Self {
            number,
            ladder,
            monitor: monitor.clone(),
            target: target.clone(),
            server: server.clone(),
            why: why.clone(),
            blame: blame.clone(),
            opened: entry.at,
            rung: (*rung).min(ladder.last()),
            since: entry.at,
            phase: Phase::Fresh,
            state: State::Climbing,
            held: None,
            approved: None,
            probes: Vec::new(),
            moved: None,
            canary: None,
            log_is_on: false,
            has_acted: false,
            withheld: None,
            called: None,
            told: Vec::new(),
            ended: None,
            last: entry.at,
        })
    }

    fn take(&mut self, entry: &Entry) {
        self.last = entry.at;
        match &entry.event {
            Event::Opened { .. } | Event::Restarted { .. } => {}
            Event::Probed { rung, by, found, what } => {
                self.probes.retain(|probe| probe.by != *by);
                let (by, what) = (by.clone(), what.clone());
                self.probes.push(LastProbe { rung: *rung, by, found: *found, what, at: entry.at });
            }
            Event::Intended { rung, act, boot_id, token } => {
                self.rung = (*rung).min(self.ladder.last());
                let (act, boot_id) = (act.clone(), boot_id.clone());
                self.note_intent(&act);
                self.phase = Phase::Intended { act, at: entry.at, boot_id, token: *token };
            }
            Event::Acted { failed, .. } => {
                if let Phase::Intended { act, .. } = &self.phase {
                    self.phase = Phase::Acted { act: act.clone(), at: entry.at, failed: failed.clone() };
                }
            }
            Event::Skipped { to, .. } | Event::Verified { onward: Onward::Rung(to), .. } => {
                self.go_to(*to, entry.at);
            }
            Event::Verified { onward: Onward::Recovered, .. } => self.phase = Phase::Healed,
            Event::Withheld { rung, .. } => self.withheld = Some(*rung),
            Event::Told { channel, over } => self.told.push((channel.clone(), *over)),
            Event::Called { why } => self.called = Some(why.clone()),
            Event::Escalated { why } => {
                self.called = Some(why.clone());
                self.state = State::Escalated;
            }
            Event::Approved { rung, by, until } => {
                self.approved = Some(Approval { rung: *rung, by: by.clone(), until: *until });
            }
            Event::Held { by } => self.held = Some(by.clone()),
            Event::Released { .. } => self.held = None,
            Event::Stopped { .. } => self.state = State::Stopped,
            Event::Undone => {
                self.moved = None;
                self.log_is_on = false;
            }
            Event::Ended { outcome } => {
                self.state = State::Ended(*outcome);
                self.ended = Some(entry.at);
            }
        }
    }

    fn go_to(&mut self, rung: usize, at: UnixMillis) {
        self.rung = rung.min(self.ladder.last());
        self.since = at;
        self.phase = Phase::Fresh;
    }

    fn note_intent(&mut self, act: &Act) {
        match act {
            Act::FailOver { databases } => self.moved = Some(databases.clone()),
            Act::BringOneBack { database } => self.canary = Some(database.clone()),
            Act::Return { .. } | Act::Escalate { lift_block: true, .. } => self.moved = None,
            Act::ProtocolLogOn { .. } => self.log_is_on = true,
            Act::ProtocolLogOff => self.log_is_on = false,
            _ => {}
        }
        self.has_acted |= !matches!(act, Act::Escalate { .. });
    }

    /// The monitor with its target.
    pub fn subject(&self) -> String {
        let target = self.target.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
        format!("{}{target}", self.monitor)
    }
}
