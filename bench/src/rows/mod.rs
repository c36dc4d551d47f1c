//! The rows of the benchmark, each a part of the document. A row measures every server in turn, round after round, so
//! that a slow minute of the machine falls on all of them.

mod agent;
mod delivery;
mod huge_message;
mod idle;
mod many_messages;
mod moves;
mod probes;
mod throughput;
mod tls;

use anyhow::Result;
use clap::ValueEnum;

use crate::document;
use crate::fleet::Fleet;
use crate::plan::Plan;
use crate::report::{self, Judgement, Section, Table, ratio};

// Lines of the tables.
const NULL: &str = "ceiling: null server";
const NULL_TLS: &str = "ceiling: TLS null server";
const RELAY: &str = "ceiling: blind relay before the null server";
const TLS_RELAY: &str = "ceiling: the same, inner leg resumed mutual TLS";
const DOVECOT: &str = "Dovecot";
const DOVECOT_PROXY: &str = "Dovecot proxy before Dovecot, inner leg plain";
const NGINX: &str = "nginx before Dovecot, inner leg plain";
const BACK_END: &str = "mailmedic, back end alone";
const BOTH_TIERS: &str = "mailmedic, both tiers, inner leg mutual TLS";

/// What can be measured by itself.
#[derive(ValueEnum, Clone, Copy)]
pub(crate) enum Row {
    /// Log-ins and sessions a second of one tier.
    BackEnd,
    /// The same of two tiers.
    BothTiers,
    /// TLS clients, full and resumed handshakes apart.
    Tls,
    /// Durable deliveries a second over LMTP.
    Delivery,
    /// A mailbox of 100,000 messages beside one of 100.
    ManyMessages,
    /// Memory while a message of 50 MB is retrieved.
    HugeMessage,
    /// Memory of a session that waits.
    Idle,
    /// Databases that move, and a server that is lost; with --long, one of 10 GB.
    Moves,
    /// Probes a second, beside `blackbox_exporter`.
    Probes,
    /// What the agents use in ten minutes.
    Agent,
}

impl Row {
    /// In the order of the document.
    const ALL: [Self; 10] = [
        Self::BackEnd,
        Self::BothTiers,
        Self::Tls,
        Self::Delivery,
        Self::ManyMessages,
        Self::HugeMessage,
        Self::Idle,
        Self::Moves,
        Self::Probes,
        Self::Agent,
    ];

    async fn measure(self, fleet: &mut Fleet, plan: &Plan) -> Result<Section> {
        match self {
            Self::BackEnd => throughput::back_end(fleet, plan).await,
            Self::BothTiers => throughput::both_tiers(fleet, plan).await,
            Self::Tls => tls::measure(fleet, plan).await,
            Self::Delivery => delivery::measure(fleet, plan).await,
            Self::ManyMessages => many_messages::measure(fleet, plan).await,
            Self::HugeMessage => huge_message::measure(fleet, plan).await,
            Self::Idle => idle::measure(fleet, plan).await,
            Self::Moves => moves::measure(fleet, plan).await,
            Self::Probes => probes::measure(fleet, plan).await,
            Self::Agent => agent::measure(fleet, plan).await,
        }
    }
}

/// Measures every row and writes the document; without mailmedic there is nothing to write down.
pub(crate) async fn document_all(plan: Plan) -> Result<()> {
    let sections = print(&Row::ALL, &plan).await?;
    if !plan.peers_only {
        println!("written: {}", document::write(&sections, &plan)?.display());
    }
    Ok(())
}

/// Measures some rows and prints each when it is done, then what was reached.
pub(crate) async fn print(rows: &[Row], plan: &Plan) -> Result<Vec<Section>> {
    if rows.iter().any(|row| matches!(row, Row::Moves)) {
        moves::require_space(plan)?;
    }
    let mut fleet = Fleet::start(plan).await?;
    let mut sections = Vec::new();
    for row in rows {
        let section = row.measure(&mut fleet, plan).await?;
        println!("{}", section.markdown());
        sections.push(section);
    }
    println!("{}", report::judgements(&sections));
    Ok(sections)
}

/// That `line` has at least `must` times what `peer` has in `column`, and if possible most of what the ceiling has.
/// Empty if one was not measured.
fn compared(
    table: &Table,
    column: &str,
    line: &str,
    (peer, must): (&str, f64),
    ceiling: &str,
) -> Vec<Judgement> {
    let must = ratio(table, column, line, peer).map(|judgement| judgement.must(must));
    let goal = ratio(table, column, line, ceiling).map(|judgement| judgement.goal(0.75));
    must.into_iter().chain(goal).collect()
}
