//! Clients with implicit TLS: P-256 on both sides, full and resumed handshakes apart.

use anyhow::{Context, Result};

use super::{BACK_END, BOTH_TIERS, DOVECOT, DOVECOT_PROXY, NULL_TLS, compared};
use crate::certificates::Handshake;
use crate::fleet::Fleet;
use crate::load::{self, Session};
use crate::plan::Plan;
use crate::report::{Section, Table};
use crate::servers::Pop3Server;

const FULL_LOG_INS: &str = "full: log-ins/s";
const FULL_SESSIONS: &str = "full: sessions/s";
const RESUMED_LOG_INS: &str = "resumed: log-ins/s";
const RESUMED_SESSIONS: &str = "resumed: sessions/s";
const REALLY_RESUMED: &str = "really resumed, %";

pub(super) async fn measure(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    let mut servers = vec![
        (NULL_TLS, &fleet.ceilings.null_tls),
        (DOVECOT, &fleet.dovecot.server),
        (DOVECOT_PROXY, &fleet.dovecot_proxy.server),
    ];
    if let Some(ours) = &fleet.mailmedic {
        servers.extend([(BACK_END, &ours.back_end), (BOTH_TIERS, &ours.front_end)]);
    }
    let table = table(&servers, plan).await?;
    let mut judgements = Vec::new();
    for column in [FULL_LOG_INS, FULL_SESSIONS, RESUMED_LOG_INS, RESUMED_SESSIONS] {
        judgements.extend(compared(&table, column, BACK_END, (DOVECOT, 1.3), NULL_TLS));
        judgements
            .extend(compared(&table, column, BOTH_TIERS, (DOVECOT_PROXY, 1.3), NULL_TLS).into_iter().take(1));
    }
    let method = format!(
        "Implicit TLS 1.3, P-256 certificates, {} connections at a time, the sessions of the tables above. *Full*: the \
         client never offers a session; *resumed*: it offers the last one of the same connection slot, and the last \
         column says how often the server took it.",
        plan.connections
    );
    Ok(Section { title: "TLS clients", method, table, judgements })
}

async fn table(servers: &[(&'static str, &Pop3Server)], plan: &Plan) -> Result<Table> {
    let mut table =
        Table::new(&[FULL_LOG_INS, FULL_SESSIONS, RESUMED_LOG_INS, RESUMED_SESSIONS, REALLY_RESUMED]);
    for _ in 0..plan.rounds {
        for (name, server) in servers {
            for (handshake, session, column) in [
                (Handshake::Full, Session::LogIn, FULL_LOG_INS),
                (Handshake::Full, Session::Fetch, FULL_SESSIONS),
                (Handshake::Resumed, Session::LogIn, RESUMED_LOG_INS),
                (Handshake::Resumed, Session::Fetch, RESUMED_SESSIONS),
            ] {
                let target = server.tls(handshake);
                let rate = load::sessions(&target, session, plan.connections, plan.readers, plan.span())
                    .await
                    .with_context(|| format!("{name}, {handshake:?}, {session:?}"))?;
                table.record(name, column, rate.per_second);
                if column == RESUMED_LOG_INS {
                    table.record(name, REALLY_RESUMED, rate.resumed * 100.0);
                }
            }
        }
    }
    Ok(table)
}
