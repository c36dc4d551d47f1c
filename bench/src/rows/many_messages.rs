//! What a mailbox of 100,000 messages costs at log-in and in listings.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{BACK_END, BOTH_TIERS, DOVECOT};
use crate::client::{Pop3, Reply, Target};
use crate::fleet::{FEW, Fleet, MANY};
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table, ratio};

const FEW_STAT: &str = "100: log-in + STAT, ms";
const MANY_STAT: &str = "large: log-in + STAT, ms";
const MANY_UIDL: &str = "large: UIDL, ms";
const MANY_LIST: &str = "large: LIST, ms";

/// Sessions in a round: one alone would show the scheduler.
const SESSIONS: usize = 10;

pub(super) async fn measure(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    fleet.fill_large_mailboxes(plan).await?;
    let mut servers = vec![(DOVECOT, &fleet.dovecot.server.pop3)];
    if let Some(ours) = &fleet.mailmedic {
        servers.extend([(BACK_END, &ours.back_end.pop3), (BOTH_TIERS, &ours.front_end.pop3)]);
    }
    let mut table = Table::new(&[FEW_STAT, MANY_STAT, MANY_UIDL, MANY_LIST]);
    for _ in 0..plan.rounds * SESSIONS {
        for (name, target) in &servers {
            let [stat, ..] = session(target, FEW, 100).await.with_context(|| (*name).to_owned())?;
            table.record(name, FEW_STAT, stat);
            let [stat, uidl, list] =
                session(target, MANY, plan.many).await.with_context(|| (*name).to_owned())?;
            table.record(name, MANY_STAT, stat);
            table.record(name, MANY_UIDL, uidl);
            table.record(name, MANY_LIST, list);
        }
    }
    let mut judgements = Vec::new();
    for line in [BACK_END, BOTH_TIERS] {
        if let (Some(few), Some(many)) = (table.median(line, FEW_STAT), table.median(line, MANY_STAT)) {
            let what = format!("{line}: log-in + STAT, large mailbox over small");
            judgements.push(Judgement::at_most(what, many - few, " ms").must(3.0));
        }
        for column in [MANY_UIDL, MANY_LIST] {
            let faster = ratio(&table, column, DOVECOT, line).map(|times| {
                times.about(format!("{line}: {column}, times as fast as {DOVECOT}")).must(2.0).goal(5.0)
            });
            judgements.extend(faster);
        }
    }
    let method = format!(
        "One session at a time, from the first SYN: log in, STAT, UIDL, LIST; a mailbox of {} messages and one of 100.",
        plan.many
    );
    Ok(Section { title: "A large mailbox", method, table, judgements })
}

/// Milliseconds of log-in with STAT, of UIDL and of LIST.
async fn session(target: &Target, user: &str, messages: u64) -> Result<[f64; 3]> {
    let milliseconds = |began: Instant| began.elapsed().as_secs_f64() * 1e3;
    let began = Instant::now();
    let mut pop3 = Pop3::log_in(target, None, user).await?;
    let (count, _) = pop3.stat().await?;
    let stat = milliseconds(began);
    ensure!(count == messages, "{user} has {count} messages, not {messages}");
    let began = Instant::now();
    let uidl = pop3.listing(Reply::Uidl).await?;
    let uidl_took = milliseconds(began);
    let began = Instant::now();
    let list = pop3.listing(Reply::List).await?;
    let list_took = milliseconds(began);
    for listing in [uidl, list] {
        let lines = memchr::memchr_iter(b'\n', &listing).count() as u64;
        ensure!(lines == messages, "a listing of {user} has {lines} lines, not {messages}");
    }
    pop3.quit().await?;
    Ok([stat, uidl_took, list_took])
}
