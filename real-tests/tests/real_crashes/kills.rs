//! One process after the other is killed, and everything has to serve again each time.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use real_tests::process::{Signal, send};
use real_tests::random::Random;
use real_tests::{Installation, Load, until};

/// How much the load does between two kills, at most.
const WORK: usize = 300;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    FrontEnd,
    BackEnd,
    InitOfClientAccess,
    InitOfMailbox,
    Agent,
    Coordinator,
    Grid,
}

const VICTIMS: [Victim; 7] = [
    Victim::FrontEnd,
    Victim::BackEnd,
    Victim::InitOfClientAccess,
    Victim::InitOfMailbox,
    Victim::Agent,
    Victim::Coordinator,
    Victim::Grid,
];

/// How often what was killed, and how long it took until everything served again.
#[derive(Debug, Default)]
pub(crate) struct Deaths(BTreeMap<Victim, (usize, Duration)>);

/// Kills so many times, at random moments.
pub(crate) fn kill(
    installation: &mut Installation,
    load: &Load,
    kills: usize,
    random: &mut Random,
) -> Deaths {
    let mut deaths = Deaths::default();
    for number in 0..kills {
        load.until_done(random.below(WORK) as u64 + 1);
        if load.is_over() {
            break;
        }
        // Everything has its turn, and then chance decides.
        let victim = VICTIMS.get(number).unwrap_or_else(|| random.choose(&VICTIMS));
        let status = installation.status();
        let process = match victim {
            Victim::FrontEnd => status.service("frontend").pid,
            Victim::BackEnd => status.service("backend").pid,
            Victim::InitOfClientAccess => status.init("cas1"),
            Victim::InitOfMailbox => status.init("mbx1"),
            Victim::Agent => status.service("agent").pid,
            Victim::Coordinator => status.coordinator.as_ref().and_then(|coordinator| coordinator.pid),
            Victim::Grid => status.up,
        };
        // Work is counted when it is done; the moment shall be any.
        thread::sleep(Duration::from_micros(random.below(5_000) as u64));
        let died = Instant::now();
        if *victim == Victim::Grid {
            installation.cut_power();
            installation.start();
        } else {
            send(process.unwrap(), Signal::KILL);
            until_replaced(installation, process.unwrap());
        }
        let (count, time) = deaths.0.entry(*victim).or_default();
        *count += 1;
        *time += died.elapsed();
    }
    deaths
}

/// Waits until everything serves without the process that was killed. A service that died too often is left dead by its
/// init, and started by hand.
fn until_replaced(installation: &Installation, killed: u32) {
    until("everything to serve again", || {
        let status = installation.status();
        for (server, service) in status.services().filter(|(_, service)| service.state == "Failed") {
            installation.command(["service", "start", &format!("{server}/{}", service.name)]).succeeded();
        }
        (status.all_run() && !status.pids().contains(&killed)).then_some(())
    });
}

impl fmt::Display for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (victim, (count, time)) in &self.0 {
            let each = *time / u32::try_from(*count).unwrap();
            writeln!(f, "{victim:?} killed {count} times, served again after {each:.0?}")?;
        }
        Ok(())
    }
}
