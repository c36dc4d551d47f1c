//! Memory of a session that is logged in and waits.

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::{BACK_END, BOTH_TIERS, DOVECOT, DOVECOT_PROXY};
use crate::certificates::Handshake;
use crate::client::{Pop3, Target};
use crate::fleet::Fleet;
use crate::load;
use crate::memory;
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table};
use crate::servers::Pop3Server;

const PLAIN: &str = "plain, KB";
const TLS: &str = "TLS, KB";

/// Sessions that are there before the first look, and those that then come. Servers keep memory that they have used
/// before, for hashing a password for example; the first sessions use that up.
const BEFORE: usize = 1000;
const SESSIONS: usize = 2000;

pub(super) async fn measure(fleet: &mut Fleet, plan: &Plan) -> Result<Section> {
    let mut table = Table::new(&[PLAIN, TLS]);
    for _ in 0..plan.rounds {
        for name in [DOVECOT, DOVECOT_PROXY, BACK_END, BOTH_TIERS] {
            for column in [PLAIN, TLS] {
                fleet.restart().await?;
                let Some(server) = server(fleet, name) else { continue };
                let target = if column == TLS { server.tls(Handshake::Full) } else { server.pop3.clone() };
                let octets = of_one_session(server, &target, plan).await.with_context(|| name.to_owned())?;
                table.record(name, column, octets / 1e3);
            }
        }
    }
    let judge = |(line, column, must, goal): (&str, &str, f64, f64)| {
        let octets = table.median(line, column)?;
        Some(
            Judgement::at_most(format!("{line}: idle session, {column}"), octets, " KB")
                .must(must)
                .goal(goal),
        )
    };
    let judgements = [(BOTH_TIERS, PLAIN, 40.0, 30.0), (BOTH_TIERS, TLS, 80.0, 50.0)];
    let judgements = judgements.into_iter().filter_map(judge).collect();
    let method = format!(
        "After a fresh start and {BEFORE} sessions, {SESSIONS} more that have logged in and asked STAT: growth of the \
         proportional set size (smaps) of all processes of the server, for each session. Memory of the kernel is not \
         in it."
    );
    Ok(Section { title: "Idle sessions", method, table, judgements })
}

fn server<'fleet>(fleet: &'fleet Fleet, line: &str) -> Option<&'fleet Pop3Server> {
    match line {
        DOVECOT => Some(&fleet.dovecot.server),
        DOVECOT_PROXY => Some(&fleet.dovecot_proxy.server),
        BACK_END => fleet.mailmedic.as_ref().map(|ours| &ours.back_end),
        _ => fleet.mailmedic.as_ref().map(|ours| &ours.front_end),
    }
}

async fn of_one_session(server: &Pop3Server, target: &Target, plan: &Plan) -> Result<f64> {
    let readers: Vec<_> = (0..plan.readers).map(load::reader).collect();
    let mut sessions = open(target, &readers, BEFORE).await?;
    let before = memory::proportional(&server.pids())?;
    sessions.extend(open(target, &readers, SESSIONS).await?);
    let after = memory::proportional(&server.pids())?;
    for session in sessions {
        session.quit().await?;
    }
    Ok((after as f64 - before as f64) / SESSIONS as f64)
}

/// Opens so many sessions of these users, a few at a time.
pub(super) async fn open(target: &Target, users: &[String], count: usize) -> Result<Vec<Pop3>> {
    const LANES: usize = 10;
    let tls = target.tls_client()?;
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (target, tls) = (target.clone(), tls.clone());
        let users: Vec<_> = users.iter().cycle().take(count).skip(lane).step_by(LANES).cloned().collect();
        lanes.spawn(async move {
            let mut opened = Vec::new();
            for user in users {
                let mut session = Pop3::log_in(&target, tls.clone(), &user).await?;
                session.stat().await?;
                opened.push(session);
            }
            anyhow::Ok(opened)
        });
    }
    let mut sessions = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        sessions.extend(lane??);
    }
    Ok(sessions)
}
