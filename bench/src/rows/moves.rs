//! A mailbox database that moves to another server while clients are on, and one whose server is lost.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::idle::open;
use crate::client::{Pop3, Target};
use crate::fleet::Fleet;
use crate::load;
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table};
use crate::servers::Mailmedic;

const MOVE: &str = "planned move, ms";
const LOG_IN: &str = "longest log-in meanwhile, ms";
const LOSS: &str = "server lost: until its users log in again, s";

/// How many clients are logged in.
const SESSIONS: [(usize, &str); 2] = [(10, "10 sessions"), (1000, "1,000 sessions")];
/// The lease of a server, as the default configuration has it.
const LEASE: f64 = 6.0;
/// How long anything may take before the run is given up.
const PATIENCE: Duration = Duration::from_mins(2);
/// Losses of a server that are measured at most: its power is out for 20 s each time.
const LOSSES: usize = 3;

pub(super) async fn measure(fleet: &mut Fleet, plan: &Plan) -> Result<Section> {
    let mut table = Table::new(&[MOVE, LOG_IN, LOSS]);
    if let Some(ours) = &fleet.mailmedic {
        for round in 0..plan.rounds {
            for (count, line) in SESSIONS {
                let sessions = open(&ours.front_end.pop3, plan, count).await?;
                let clients = Clients::start(ours.front_end.pop3.clone());
                let took = move_to(ours, "mbx2")?;
                let longest =
                    clients.stop().await.with_context(|| format!("a log-in during a move, {line}"))?;
                table.record(line, MOVE, took);
                table.record(line, LOG_IN, longest.as_secs_f64() * 1e3);
                drop(sessions);
                if round < LOSSES {
                    let sessions = open(&ours.front_end.pop3, plan, count).await?;
                    table.record(line, LOSS, lose(ours, "mbx2").await?);
                    drop(sessions);
                    power_is_back(ours, "mbx2").await?;
                }
                move_to(ours, "mbx1")?;
            }
        }
    }
    let judge = |(line, column, must, goal, unit): (&str, &'static str, f64, Option<f64>, &'static str)| {
        let measured = table.median(line, column)?;
        let judgement = Judgement::at_most(format!("{line}: {column}"), measured, unit).must(must);
        Some(goal.into_iter().fold(judgement, Judgement::goal))
    };
    let judgements = SESSIONS.iter().flat_map(|(_, line)| {
        [(*line, MOVE, 1000.0, Some(200.0), " ms"), (*line, LOSS, LEASE + 10.0, None, " s")]
    });
    let judgements = judgements.filter_map(judge).collect();
    let method = format!(
        "The database of all readers moves from one mailbox server to the other, from the request to the end of the move, \
         while so many clients are logged in and one logs in again and again; none may be refused. Then the init of its \
         server is killed: the time until a user logs in again, of which {LEASE} s are the lease that has to run out. The \
         database has the readers' mail ({} messages of {} octets) and is one file on this machine.",
        plan.readers as u64 * plan.messages,
        plan.octets
    );
    Ok(Section { title: "Databases that move", method, table, judgements })
}

/// Moves the database, and returns how many milliseconds it says that took.
fn move_to(ours: &Mailmedic, server: &str) -> Result<f64> {
    let said = ours.command(&["database", "move", "DB01", "--to", server, "--output", "json"])?;
    let moved: Value = serde_json::from_str(&said).context("what a move says")?;
    let row = moved["rows"].get(0).unwrap_or(&moved);
    ensure!(row["state"] == "succeeded", "the move did not succeed: {said}");
    row["took_millis"].as_f64().context("a move says how long it took")
}

/// Cuts a server off, and returns after how many seconds a user of its database is let in again.
async fn lose(ours: &Mailmedic, server: &str) -> Result<f64> {
    let status: Value = serde_json::from_str(&ours.command(&["status", "--output", "json"])?)?;
    let servers = status["servers"].as_array().context("status lists servers")?;
    let init = servers.iter().find(|row| row["server"] == server).and_then(|row| row["pid"].as_i64());
    let init = init.context("the server has an init")?;
    let init = i32::try_from(init).ok().and_then(rustix::process::Pid::from_raw).context("a process id")?;
    rustix::process::kill_process(init, rustix::process::Signal::KILL)?;
    let lost = Instant::now();
    while lost.elapsed() < PATIENCE {
        if let Ok(session) = Pop3::log_in(&ours.front_end.pop3, None, &load::reader(0)).await {
            let took = lost.elapsed().as_secs_f64();
            session.quit().await?;
            return Ok(took);
        }
        sleep(Duration::from_millis(20)).await;
    }
    bail!("nobody took over from {server}")
}

async fn power_is_back(ours: &Mailmedic, server: &str) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let said = ours.command(&["server", "show", server, "--output", "json"])?;
        let row: Value = serde_json::from_str(&said)?;
        if row["power"] == "on" && row["agent"] == "present" {
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
    bail!("{server} has not come back")
}

/// One client that logs in again and again.
struct Clients {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Duration>>,
}

impl Clients {
    fn start(target: Target) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !*stopped.borrow() {
                let began = Instant::now();
                let session = Pop3::log_in(&target, None, &load::reader(0)).await?;
                longest = longest.max(began.elapsed());
                // It may be told that its mailbox moves: then it ends all the same.
                let _ = session.quit().await;
            }
            Ok(longest)
        });
        Self { stop, task }
    }

    /// The longest time that a log-in took; an error if one was refused.
    async fn stop(self) -> Result<Duration> {
        self.stop.send_replace(true);
        self.task.await?
    }
}
