//! What operators and accidents do to an installation, at random.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use real_tests::process::{Signal, has_ended, send};
use real_tests::random::Random;
use real_tests::{Installation, until};

use crate::ledger::Death;
use crate::view::{DATABASES, MAILBOX_SERVERS, mounted_on, other, until_mounted_on, until_settled_without};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Disturbance {
    /// A database moves to the other server.
    Move,
    /// A server is drained, and allowed again.
    Drain,
    /// Two operators move the same database at the same moment.
    TwoOperators,
    BackEndKilled,
    AgentKilled,
    CoordinatorKilled,
    /// A mailbox server loses its power.
    InitKilled,
    /// A back end stands still for a while.
    BackEndStopped,
}

const ALL: [Disturbance; 8] = [
    Disturbance::Move,
    Disturbance::BackEndKilled,
    Disturbance::Drain,
    Disturbance::InitKilled,
    Disturbance::TwoOperators,
    Disturbance::AgentKilled,
    Disturbance::BackEndStopped,
    Disturbance::CoordinatorKilled,
];

/// Disturbances of one installation: how often which, and how long it took until all was well again.
pub(crate) struct Disturbances<'a> {
    installation: &'a Installation,
    random: Random,
    done: BTreeMap<Disturbance, (u32, Duration)>,
    deaths: Vec<Death>,
    /// Every process that was killed here.
    killed: Vec<u32>,
}

impl<'a> Disturbances<'a> {
    pub(crate) fn new(installation: &'a Installation, random: Random) -> Self {
        Self { installation, random, done: BTreeMap::new(), deaths: Vec::new(), killed: Vec::new() }
    }

    /// The deaths of back ends that were caused here.
    pub(crate) fn deaths(&self) -> &[Death] {
        &self.deaths
    }

    /// Disturbs, and waits until all is well again. Everything has its turn, and then chance decides.
    pub(crate) fn disturb(&mut self, round: usize) {
        let disturbance = *ALL.get(round).unwrap_or_else(|| self.random.choose(&ALL));
        let began = Instant::now();
        self.cause(disturbance);
        until_settled_without(self.installation, &self.killed);
        let (count, time) = self.done.entry(disturbance).or_default();
        *count += 1;
        *time += began.elapsed();
    }

    fn cause(&mut self, disturbance: Disturbance) {
        let server = *self.random.choose(&MAILBOX_SERVERS);
        let database = *self.random.choose(&DATABASES);
        match disturbance {
            // Where leases are short and the machine is busy, a database may be on its way by itself.
            Disturbance::Move => until("a move to be carried out", || {
                let moved = ["database", "move", database, "--to", self.elsewhere(database)];
                (self.installation.command(moved).code == 0).then_some(())
            }),
            Disturbance::Drain => {
                self.installation.command(["server", "drain", server]).succeeded();
                for database in DATABASES {
                    until_mounted_on(self.installation, database, other(server));
                }
                self.installation.command(["server", "allow", server]).succeeded();
            }
            Disturbance::TwoOperators => self.two_operators(database),
            Disturbance::BackEndKilled => self.kill(Some(server), server, "backend"),
            Disturbance::AgentKilled => {
                let server = *self.random.choose(&["cas1", "mbx1", "mbx2"]);
                self.kill(None, server, "agent");
            }
            Disturbance::CoordinatorKilled => self.kill(None, "", "coordinator"),
            Disturbance::InitKilled => self.kill(Some(server), server, "init"),
            Disturbance::BackEndStopped => self.stop_for_a_while(database),
        }
    }

    /// Where a database is not.
    fn elsewhere(&self, database: &str) -> &'static str {
        other(&self.holder(database))
    }

    fn holder(&self, database: &str) -> String {
        until("the database to be mounted", || mounted_on(self.installation, database))
    }

    /// Kills a process, often in the middle of a move, and waits for its end. With it, the back end of `holder` ends.
    fn kill(&mut self, holder: Option<&'static str>, server: &str, what: &str) {
        if self.random.happens(50) {
            let database = *self.random.choose(&DATABASES);
            let to = self.elsewhere(database);
            self.installation.command(["database", "move", database, "--to", to, "--no-wait"]);
        }
        let (pid, back_end) = until("who is to be killed to run", || {
            let status = self.installation.status();
            let pid = match what {
                "init" => status.init(server),
                "coordinator" => status.coordinator.as_ref().and_then(|coordinator| coordinator.pid),
                service => status.pid_of(server, service),
            };
            Some((pid?, holder.and_then(|holder| status.pid_of(holder, "backend"))))
        });
        // The moment shall be any.
        thread::sleep(Duration::from_micros(self.random.below(5_000) as u64));
        send(pid, Signal::KILL);
        if let Some(server) = holder {
            self.deaths.push(Death { server, at: Timestamp::now() });
        }
        self.killed.extend([Some(pid), back_end].into_iter().flatten());
        until("the killed to be dead", || {
            [Some(pid), back_end].into_iter().flatten().all(has_ended).then_some(())
        });
    }

    /// Each of the two succeeds, or is told that another was first, who may be one from before.
    fn two_operators(&mut self, database: &str) {
        let to = self.elsewhere(database);
        let second = if self.random.happens(50) { to } else { other(to) };
        let (installation, moved) =
            (self.installation, |to: &str| ["database", "move", database, "--to", to].map(str::to_owned));
        until("one of two operators to be first", || {
            let ran = thread::scope(|scope| {
                let both = [to, second].map(|to| scope.spawn(move || installation.command(moved(to))));
                both.map(|operator| operator.join().unwrap())
            });
            let first = ran.iter().any(|ran| ran.code == 0);
            for refused in ran.into_iter().filter(|ran| ran.code != 0) {
                let said = refused.failed_with(1);
                let why = ["is being moved already", "somebody else has changed it at the same moment"];
                assert!(why.iter().any(|why| said.contains(why)), "{said}");
            }
            first.then_some(())
        });
    }

    /// A holder stands still while it is asked to hand over: whether it goes on before it is fenced, chance decides.
    fn stop_for_a_while(&mut self, database: &str) {
        let holder = self.holder(database);
        let to = other(&holder);
        let back_end = until("the holder to run", || self.installation.status().pid_of(&holder, "backend"));
        let long = self.random.happens(50);
        send(back_end, Signal::STOP);
        self.installation.command(["database", "move", database, "--to", to, "--no-wait"]);
        if long {
            until("the database to be elsewhere", || {
                let elsewhere = mounted_on(self.installation, database).as_deref() == Some(to);
                // It may be there by itself, or have been on its way when it was asked for.
                self.installation.command(["database", "move", database, "--to", to, "--no-wait"]);
                elsewhere.then_some(())
            });
        }
        send(back_end, Signal::CONT);
    }
}

impl fmt::Display for Disturbances<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (disturbance, (count, time)) in &self.done {
            writeln!(f, "{disturbance:?} {count} times, all well after {:.0?}", *time / *count)?;
        }
        Ok(())
    }
}
