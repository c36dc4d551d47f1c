//! A mailbox database that moves to another server while clients are on, and one whose server is lost: a small one, that
//! of the readers, and if it may take long a large one.

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
use crate::machine;
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table};
use crate::servers::{DATABASE, Mailmedic, SECOND_DATABASE};

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

/// What each traveller has in the small database, in messages and their octets.
const SMALL: (u64, usize) = (1, 10_000);
/// What each of them gets so that it is the large one.
const LARGE: (u64, usize) = (4, 25_000_000);
/// Free space without which the large database is not made: three times its own, since everything is spooled and logged
/// on the way.
const SPACE: u64 = 30_000_000_000;

/// Refuses a run that would fill the disk.
pub(super) fn require_space(plan: &Plan) -> Result<()> {
    let free = if plan.long { machine::free_space(&plan.temporary)? } else { SPACE };
    ensure!(
        free >= SPACE,
        "a database of 10 GB needs {} GB of free space; {} has {} GB: name another folder with --temporary, or leave out \
         --long",
        SPACE / 1_000_000_000,
        plan.temporary.display(),
        free / 1_000_000_000
    );
    Ok(())
}

pub(super) async fn measure(fleet: &mut Fleet, plan: &Plan) -> Result<Section> {
    let mut moves = Moves { table: Table::new(&[MOVE, LOG_IN, LOSS]), lines: Vec::new() };
    if let Some(ours) = &fleet.mailmedic {
        let readers: Vec<_> = (0..plan.readers).map(load::reader).collect();
        let travellers: Vec<_> = (0..load::TRAVELLERS).map(load::traveller).collect();
        load::fill(&ours.lmtp, &travellers, SMALL.0, SMALL.1).await.context("filling the small database")?;
        moves.measure(ours, SECOND_DATABASE, &travellers, plan).await?;
        moves.measure(ours, DATABASE, &readers, plan).await?;
        if plan.long {
            load::fill(&ours.lmtp, &travellers, LARGE.0, LARGE.1)
                .await
                .context("filling the large database")?;
            moves.measure(ours, SECOND_DATABASE, &travellers, plan).await?;
        }
    }
    let Moves { table, lines } = moves;
    let judge = |(line, column, must, goal, unit): (&str, &'static str, f64, Option<f64>, &'static str)| {
        let measured = table.median(line, column)?;
        let judgement = Judgement::at_most(format!("{line}: {column}"), measured, unit).must(must);
        Some(goal.into_iter().fold(judgement, Judgement::goal))
    };
    let judgements = lines.iter().flat_map(|line| {
        [(&**line, MOVE, 1000.0, Some(200.0), " ms"), (&**line, LOSS, LEASE + 10.0, None, " s")]
    });
    let judgements = judgements.filter_map(judge).collect();
    let method = format!(
        "A database moves from one mailbox server to the other, from the request to the end of the move, while so many of \
         its users are logged in and one logs in again and again; none may be refused. Then the init of its server is \
         killed: the time until a user logs in again, of which {LEASE} s are the lease that has to run out. The size is \
         that of the database, which is one file on this machine."
    );
    Ok(Section { title: "Databases that move", method, table, judgements })
}

/// What was measured, and of which lines.
struct Moves {
    table: Table,
    lines: Vec<String>,
}

impl Moves {
    /// Measures one database as it is now. It is on mbx1 in the end.
    async fn measure(
        &mut self,
        ours: &Mailmedic,
        database: &str,
        users: &[String],
        plan: &Plan,
    ) -> Result<()> {
        let clients = &ours.front_end.pop3;
        // What moves is closed, and what is closed is all in its file.
        for server in ["mbx2", "mbx1"] {
            if mounted_on(ours, database)? != server {
                move_to(ours, database, server)?;
            }
        }
        let size = megabytes(ours.size_of(database)?);
        let lines = SESSIONS.map(|(count, sessions)| (count, format!("{size}, {sessions}")));
        for round in 0..plan.rounds {
            for (count, line) in &lines {
                let sessions = open(clients, users, *count).await?;
                let log_ins = LogIns::start(clients.clone(), users[0].clone());
                let took = move_to(ours, database, "mbx2")?;
                let longest =
                    log_ins.stop().await.with_context(|| format!("a log-in during a move, {line}"))?;
                self.table.record(line, MOVE, took);
                self.table.record(line, LOG_IN, longest.as_secs_f64() * 1e3);
                drop(sessions);
                if round < LOSSES {
                    let sessions = open(clients, users, *count).await?;
                    self.table.record(line, LOSS, lose(ours, "mbx2", &users[0]).await?);
                    drop(sessions);
                    power_is_back(ours, "mbx2").await?;
                } else {
                    move_to(ours, database, "mbx1")?;
                }
            }
        }
        self.lines.extend(lines.map(|(_, line)| line));
        Ok(())
    }
}

fn megabytes(octets: u64) -> String {
    match octets as f64 / 1e6 {
        small if small < 10.0 => format!("{small:.1} MB"),
        medium if medium < 1000.0 => format!("{medium:.0} MB"),
        large => format!("{:.1} GB", large / 1e3),
    }
}

fn mounted_on(ours: &Mailmedic, database: &str) -> Result<String> {
    let said = ours.command(&["database", "list", "--output", "json"])?;
    let listing: Value = serde_json::from_str(&said).context("what a list of databases says")?;
    let rows = listing["rows"].as_array().context("a list has rows")?;
    let row = rows.iter().find(|row| row["name"] == database).context("the database is listed")?;
    Ok(row["mounted_on"].as_str().unwrap_or_default().to_owned())
}

/// Moves the database, and returns how many milliseconds it says that took.
fn move_to(ours: &Mailmedic, database: &str, server: &str) -> Result<f64> {
    let said = ours.command(&["database", "move", database, "--to", server, "--output", "json"])?;
    let moved: Value = serde_json::from_str(&said).context("what a move says")?;
    let row = moved["rows"].get(0).unwrap_or(&moved);
    ensure!(row["state"] == "succeeded", "the move did not succeed: {said}");
    row["took_millis"].as_f64().context("a move says how long it took")
}

/// Cuts a server off, and returns after how many seconds `user` of its database is let in again.
async fn lose(ours: &Mailmedic, server: &str, user: &str) -> Result<f64> {
    let status: Value = serde_json::from_str(&ours.command(&["status", "--output", "json"])?)?;
    let servers = status["servers"].as_array().context("status lists servers")?;
    let init = servers.iter().find(|row| row["server"] == server).and_then(|row| row["pid"].as_i64());
    let init = init.context("the server has an init")?;
    let init = i32::try_from(init).ok().and_then(rustix::process::Pid::from_raw).context("a process id")?;
    rustix::process::kill_process(init, rustix::process::Signal::KILL)?;
    let lost = Instant::now();
    while lost.elapsed() < PATIENCE {
        if let Ok(session) = Pop3::log_in(&ours.front_end.pop3, None, user).await {
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
struct LogIns {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<Duration>>,
}

impl LogIns {
    fn start(target: Target, user: String) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !*stopped.borrow() {
                let began = Instant::now();
                let session = Pop3::log_in(&target, None, &user).await?;
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
