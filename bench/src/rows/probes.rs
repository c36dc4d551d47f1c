//! How many probes a prober carries out in a second.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use health::{Outcome, Part};
use pop3::Secret;
use probe::{Account, Attempt, Endpoint, Scenario, Security};
use tokio::task::JoinSet;

use crate::client::PASSWORD;
use crate::fleet::Fleet;
use crate::load::{self, Counters};
use crate::plan::Plan;
use crate::report::{Section, Table, ratio};
use crate::servers::Blackbox;

const RATE: &str = "probes/s";
const OURS: &str = "mailmedic's prober";
const BLACKBOX: &str = "blackbox_exporter";

pub(super) async fn measure(fleet: &mut Fleet, plan: &Plan) -> Result<Section> {
    let mut table = Table::new(&[RATE]);
    let blackbox = Arc::new(Blackbox::start(&fleet.laboratory, plan.messages).await?);
    for _ in 0..plan.rounds {
        let rate = ours(fleet, plan).await.context(OURS)?;
        table.record(OURS, RATE, rate);
        let rate = theirs(&blackbox, fleet, plan).await.context(BLACKBOX)?;
        table.record(BLACKBOX, RATE, rate);
    }
    let judgement = ratio(&table, RATE, OURS, BLACKBOX).map(|judgement| judgement.must(4.0).goal(7.0));
    let judgements = judgement.into_iter().collect();
    let method = format!(
        "A probe logs in, asks STAT, UIDL and LIST, retrieves the newest of {} messages of {} octets and ends the session; \
         its target is the null server. {} of them are under way at a time. Ours also compares what the three say, counts \
         the octets and takes the time of each phase; blackbox_exporter {} is asked for each over HTTP, on connections that \
         are kept, and looks for the last line of each reply. Both have all of the machine, and share it with the target \
         and with whoever asks.",
        plan.messages,
        plan.octets,
        plan.connections,
        Blackbox::version()?,
    );
    Ok(Section { title: "Probes", method, table, judgements })
}

async fn ours(fleet: &Fleet, plan: &Plan) -> Result<f64> {
    let target = fleet.ceilings.null.address;
    let counters = Arc::new(Counters::default());
    let mut lanes = JoinSet::new();
    for _ in 0..plan.connections {
        let counters = Arc::clone(&counters);
        lanes.spawn(async move {
            let endpoint =
                Endpoint { address: target.into(), security: Security::Plain, part: Part::ThirdParty };
            let account = Account { user: "anyone".to_owned(), secret: Secret::new(PASSWORD) };
            while !counters.is_over() {
                let scenario = Scenario::ReadNewest(&account);
                let attempt = Attempt::pop3(&endpoint, &scenario, Duration::from_secs(10)).await;
                ensure!(attempt.finding.outcome == Outcome::Succeeded, "{:?}", attempt.finding);
                counters.count(1);
            }
            Ok(())
        });
    }
    Ok(load::clocked(&counters, lanes, plan.span()).await?.per_second)
}

async fn theirs(blackbox: &Arc<Blackbox>, fleet: &Fleet, plan: &Plan) -> Result<f64> {
    let target = fleet.ceilings.null.address;
    let counters = Arc::new(Counters::default());
    let mut lanes = JoinSet::new();
    for _ in 0..plan.connections {
        let (counters, blackbox) = (Arc::clone(&counters), Arc::clone(blackbox));
        lanes.spawn(async move {
            let mut asking = blackbox.connect().await?;
            while !counters.is_over() {
                asking.probe(target).await?;
                counters.count(1);
            }
            Ok(())
        });
    }
    Ok(load::clocked(&counters, lanes, plan.span()).await?.per_second)
}
