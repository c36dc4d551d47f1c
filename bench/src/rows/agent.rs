//! What the agent costs that watches everything.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::memory;
use crate::plan::Plan;
use crate::process;
use crate::report::{Judgement, Section, Table};
use crate::servers::Mailmedic;

const PROCESSOR: &str = "% of a core";
const MEMORY: &str = "memory, MB";

/// How long it is watched, in one piece: what comes round seldom is in it.
const SPAN: Duration = Duration::from_mins(10);

pub(super) async fn measure(fleet: &mut Fleet, _: &Plan) -> Result<Section> {
    let mut table = Table::new(&[PROCESSOR, MEMORY]);
    let mut judgements = Vec::new();
    // Freshly started, so that nothing is left of what was measured before.
    fleet.restart().await?;
    if let Some(ours) = &fleet.mailmedic {
        let agents = agents(ours)?;
        let used = |pid| process::processor_time(pid);
        let before = agents.iter().map(|(_, pid)| used(*pid)).collect::<Result<Vec<_>>>()?;
        sleep(SPAN).await;
        for ((server, pid), before) in agents.iter().zip(before) {
            let line = format!("agent of {server}");
            let spent = used(*pid)?.saturating_sub(before);
            let (share, octets) = (spent.as_secs_f64() / SPAN.as_secs_f64(), memory::resident(&[*pid])?);
            table.record(&line, PROCESSOR, share * 100.0);
            table.record(&line, MEMORY, octets as f64 / 1e6);
            judgements.extend([
                Judgement::at_most(format!("{line}: {PROCESSOR}"), share * 100.0, " %").must(1.0).goal(0.5),
                Judgement::at_most(format!("{line}: {MEMORY}"), octets as f64 / 1e6, " MB")
                    .must(32.0)
                    .goal(16.0),
            ]);
        }
    }
    let method = format!(
        "What the agents of the small data centre use in {} minutes in which nobody else does anything: processor time, and \
         the resident set size at the end. They probe at the intervals of the definitions.",
        SPAN.as_secs() / 60
    );
    Ok(Section { title: "The agent", method, table, judgements })
}

/// The agents by their servers, with their processes.
fn agents(ours: &Mailmedic) -> Result<Vec<(String, u32)>> {
    let status: Value = serde_json::from_str(&ours.command(&["status", "--output", "json"])?)?;
    let servers = status["servers"].as_array().context("status lists servers")?;
    let agent = |server: &Value| {
        let services = server["services"].as_array()?;
        let agent = services.iter().find(|service| service["service"] == "agent")?;
        Some((server["server"].as_str()?.to_owned(), u32::try_from(agent["pid"].as_u64()?).ok()?))
    };
    servers.iter().map(|server| agent(server).context("each server has an agent")).collect()
}
