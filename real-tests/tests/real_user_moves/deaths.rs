//! Who dies in the middle of a move, and how the mailbox comes to where it is wanted all the same.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use real_tests::process::{Signal, has_ended, send};
use real_tests::random::Random;
use real_tests::{Installation, until, wait};
use serde_json::Value;

use crate::mailboxes::Mailboxes;

const SERVERS: [&str; 3] = ["cas1", "mbx1", "mbx2"];
/// How long a command waits for a move.
const LIMIT: &str = "50 s";
/// How long a move may have to be asked for again and again.
const PATIENCE: Duration = Duration::from_mins(3);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    /// The back end from which the mailbox moves.
    Source,
    /// The back end to which it moves.
    Target,
    /// The agent that moves it.
    Agent,
    /// The command that asked for it.
    Command,
    FrontEnd,
    /// The server to which it moves loses its power.
    InitOfTarget,
}

const ALL: [Victim; 6] =
    [Victim::Agent, Victim::Target, Victim::Source, Victim::Command, Victim::InitOfTarget, Victim::FrontEnd];

/// Deaths in moves of the mailboxes of some users: how often whose, and how long it took until the mailbox was where it was
/// wanted.
pub(crate) struct Deaths<'a> {
    installation: &'a Installation,
    users: Vec<String>,
    random: Random,
    done: BTreeMap<Victim, (u32, Duration)>,
}

/// Has the agent of `mover` move the mailbox of `user`.
pub(crate) fn begin_move(installation: &Installation, user: &str, to: &str, mover: &str) -> Child {
    let agent = installation.data().join("servers").join(mover).join("run/api.sock");
    let agent = format!("unix:{}", agent.display());
    installation.begin(["user", "move", user, "--to", to, "--limit", LIMIT, "--api", &agent])
}

/// Waits until everything serves, without those that were killed. A service that died too often is started by hand.
#[track_caller]
pub(crate) fn until_all_run_without(installation: &Installation, killed: &[u32]) {
    until("everything to serve again", || {
        let status = installation.status();
        for (server, service) in status.services().filter(|(_, service)| service.state == "Failed") {
            // It may have been started again this very moment.
            installation.command(["service", "start", &format!("{server}/{}", service.name)]);
        }
        let replaced = killed.iter().all(|killed| !status.pids().contains(killed));
        (replaced && status.all_run()).then_some(())
    });
}

impl<'a> Deaths<'a> {
    pub(crate) fn new(installation: &'a Installation, users: Vec<String>, random: Random) -> Self {
        Self { installation, users, random, done: BTreeMap::new() }
    }

    /// Kills somebody while a mailbox moves, and has it moved to where chance wants it then. Everybody has a turn, and then
    /// chance decides that, too.
    pub(crate) fn kill_during_a_move(&mut self, round: usize) {
        let victim = *ALL.get(round).unwrap_or_else(|| self.random.choose(&ALL));
        let (installation, mailboxes) = (self.installation, Mailboxes::of(self.installation));
        let user = self.random.choose(&self.users).clone();
        let from = mailboxes.database_of(&user);
        let to = other(&from);
        let mover = *self.random.choose(&SERVERS);
        let agent = installation.status().pid_of(mover, "agent").unwrap();
        let mut command = begin_move(installation, &user, to, mover);
        until("the move to begin", || {
            (mailboxes.moving(&user).is_some() || command.try_wait().unwrap().is_some()).then_some(())
        });
        // The moment shall be any.
        thread::sleep(Duration::from_micros(self.random.below(300_000) as u64));
        let died = Instant::now();
        let pid = match victim {
            Victim::Source => self.back_end_of(&from),
            Victim::Target => self.back_end_of(to),
            Victim::Agent => Some(agent),
            Victim::Command => {
                command.kill().unwrap();
                None
            }
            Victim::FrontEnd => installation.status().pid_of("cas1", "frontend"),
            Victim::InitOfTarget => {
                mounted_on(installation, to).and_then(|on| installation.status().init(&on))
            }
        };
        if let Some(pid) = pid {
            send(pid, Signal::KILL);
        }
        until_all_run_without(installation, &Vec::from_iter(pid));
        if has_ended(agent)
            && let Some(id) = mailboxes.moving(&user)
        {
            mailboxes.let_lapse(&id);
        }
        until("the command to end", || command.try_wait().unwrap());
        let wanted = if self.random.happens(50) { to } else { &*from };
        self.have_it_moved(&user, wanted);
        assert_eq!(mailboxes.database_of(&user), wanted);
        let (count, time) = self.done.entry(victim).or_default();
        *count += 1;
        *time += died.elapsed();
    }

    fn back_end_of(&self, database: &str) -> Option<u32> {
        self.installation.status().pid_of(&mounted_on(self.installation, database)?, "backend")
    }

    /// Asks until it is done, and nothing is left where the mailbox was. What was begun by a mover that lives has to come to
    /// its end first.
    fn have_it_moved(&self, user: &str, to: &str) {
        let mailboxes = Mailboxes::of(self.installation);
        let moved = wait::within(PATIENCE, || {
            let asked = self.installation.command(["user", "move", user, "--to", to, "--limit", LIMIT]);
            assert!(matches!(asked.code, 0 | 1), "it cannot be asked for again: {}", asked.everything());
            (asked.code == 0 && mailboxes.moving(user).is_none()).then_some(())
        });
        assert!(moved.is_some(), "the mailbox of {user} does not get to {to}");
    }
}

/// The server that has a database mounted at the moment.
fn mounted_on(installation: &Installation, database: &str) -> Option<String> {
    let said = installation.command(["database", "list", "--output", "json"]).text();
    let listing: Value = serde_json::from_str(&said).ok()?;
    let row = listing["rows"].as_array()?.iter().find(|row| row["name"] == database)?;
    row["mounted_on"].as_str().map(str::to_owned)
}

fn other(database: &str) -> &'static str {
    if database == "DB01" { "DB02" } else { "DB01" }
}

impl fmt::Display for Deaths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (victim, (count, time)) in &self.done {
            writeln!(
                f,
                "{victim:?} killed {count} times, the mailbox in its place after {:.0?}",
                *time / *count
            )?;
        }
        Ok(())
    }
}
