//! Memory of a server while it hands out a message of 50 MB.

use std::time::Instant;

use anyhow::{Context, Result};

use super::{BACK_END, BOTH_TIERS, DOVECOT, DOVECOT_PROXY};
use crate::client::Pop3;
use crate::fleet::{Fleet, HUGE};
use crate::memory;
use crate::plan::Plan;
use crate::report::{Judgement, Section, Table};

const GROWTH: &str = "growth of resident memory, MB";
const SPEED: &str = "MB/s";
const OCTETS: usize = 50_000_000;

pub(super) async fn measure(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    fleet.deliver_huge_message(OCTETS).await?;
    let mut servers = vec![(DOVECOT, &fleet.dovecot.server), (DOVECOT_PROXY, &fleet.dovecot_proxy.server)];
    if let Some(ours) = &fleet.mailmedic {
        servers.extend([(BACK_END, &ours.back_end), (BOTH_TIERS, &ours.front_end)]);
    }
    let mut table = Table::new(&[GROWTH, SPEED]);
    for round in 0..plan.rounds {
        for (name, server) in &servers {
            let mut pop3 =
                Pop3::log_in(&server.pop3, None, HUGE).await.with_context(|| (*name).to_owned())?;
            let sizes = pop3.sizes().await?;
            let pids = server.pids();
            memory::reset_peak(&pids)?;
            let before = memory::resident(&pids)?;
            let began = Instant::now();
            pop3.retrieve(&sizes, false, (round == 0).then_some(0)).await?;
            let seconds = began.elapsed().as_secs_f64();
            let growth = memory::peak(&pids)?.saturating_sub(before);
            pop3.quit().await?;
            table.record(name, GROWTH, growth as f64 / 1e6);
            table.record(name, SPEED, OCTETS as f64 / seconds / 1e6);
        }
    }
    let judge = |line| {
        let growth = table.median(line, GROWTH)?;
        Some(
            Judgement::at_most(format!("{line}: RETR of 50 MB, {GROWTH}"), growth, " MB").must(8.0).goal(1.0),
        )
    };
    let judgements = [BACK_END, BOTH_TIERS].into_iter().filter_map(judge).collect();
    let method = format!(
        "RETR of one message of {OCTETS} octets: peak of resident memory of all processes of the server while it is \
         sent, less what they had just before; less than 1 MB is no growth. One retrieval is compared with what was delivered octet by octet."
    );
    Ok(Section { title: "A large message", method, table, judgements })
}
