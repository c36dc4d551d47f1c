//! Deliveries a second over LMTP, each durable before it is acknowledged; afterwards every acknowledged message must
//! be there.

use anyhow::{Context, Result, ensure};

use crate::client::{Pop3, Target};
use crate::fleet::Fleet;
use crate::load;
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table, ratio};

const ONE: &str = "1 connection";
const MANY: &str = "50 connections";
const OCTETS: usize = 4096;

const OPTIMIZED: &str = "Dovecot, mail_fsync=optimized";
const ALWAYS: &str = "Dovecot, mail_fsync=always";
const FRONT_END: &str = "mailmedic, through the front end";

pub(super) async fn measure(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    let (optimized, always) = (&fleet.dovecot, &fleet.dovecot_always);
    let mut servers = vec![
        (OPTIMIZED, &optimized.lmtp, &optimized.server.pop3),
        (ALWAYS, &always.lmtp, &always.server.pop3),
    ];
    servers.extend(fleet.mailmedic.iter().map(|ours| (FRONT_END, &ours.lmtp, &ours.front_end.pop3)));

    let mut table = Table::new(&[ONE, MANY]);
    for _ in 0..plan.rounds {
        for (name, lmtp, pop3) in &servers {
            for (column, connections) in [(ONE, 1), (MANY, 50)] {
                let what = || format!("{name}, {column}");
                let before = stored(pop3, connections).await.with_context(what)?;
                let (rate, acknowledged) =
                    load::deliveries(lmtp, connections, OCTETS, plan.span()).await.with_context(what)?;
                let after = stored(pop3, connections).await.with_context(what)?;
                ensure!(
                    after - before == acknowledged,
                    "{name}: {acknowledged} deliveries acknowledged, {} stored",
                    after - before
                );
                table.record(name, column, rate.per_second);
            }
        }
    }
    let judgement = ratio(&table, MANY, FRONT_END, ALWAYS).map(|judgement| judgement.must(2.0).goal(5.0));
    let judgements: Vec<Judgement> = judgement.into_iter().collect();
    let method = format!(
        "Messages of {OCTETS} octets, each connection to a recipient of its own, the envelope pipelined; figures are \
         deliveries a second. After each measurement the mailboxes are counted: nothing acknowledged may be missing."
    );
    Ok(Section { title: "Delivery", method, table, judgements })
}

/// Messages in the mailboxes of the first `recipients`.
async fn stored(pop3: &Target, recipients: usize) -> Result<u64> {
    let mut stored = 0;
    for number in 0..recipients {
        let mut session = Pop3::log_in(pop3, None, &load::recipient(number)).await?;
        stored += session.stat().await?.0;
        session.quit().await?;
    }
    Ok(stored)
}
