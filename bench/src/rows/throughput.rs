//! Log-ins and whole sessions a second, of one tier and of two.

use anyhow::{Context, Result};

use super::{BACK_END, BOTH_TIERS, DOVECOT, DOVECOT_PROXY, NGINX, NULL, RELAY, TLS_RELAY, compared};
use crate::client::Target;
use crate::fleet::Fleet;
use crate::load::{self, Session};
use crate::plan::Plan;
use crate::report::{Section, Table};

const LOG_INS: &str = "log-ins/s";
const SESSIONS: &str = "sessions/s";
const MEGABYTES: &str = "MB/s";
const PIPELINED: &str = "pipelined sessions/s";
const COLUMNS: [&str; 4] = [LOG_INS, SESSIONS, MEGABYTES, PIPELINED];

/// One tier: the server that has the mail.
pub(super) async fn back_end(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    let mut servers = vec![(NULL, &fleet.ceilings.null), (DOVECOT, &fleet.dovecot.server.pop3)];
    servers.extend(fleet.mailmedic.iter().map(|ours| (BACK_END, &ours.back_end.pop3)));
    let table = table(&servers, plan).await?;
    let judge = |column| compared(&table, column, BACK_END, (DOVECOT, 2.5), NULL);
    let judgements = [LOG_INS, SESSIONS].into_iter().flat_map(judge).collect();
    Ok(Section { title: "One tier", method: method(plan), table, judgements })
}

/// Two tiers: a proxy before the server that has the mail.
pub(super) async fn both_tiers(fleet: &Fleet, plan: &Plan) -> Result<Section> {
    let mut servers = vec![
        (RELAY, &fleet.ceilings.relay),
        (TLS_RELAY, &fleet.ceilings.relay_mutual_tls),
        (DOVECOT_PROXY, &fleet.dovecot_proxy.server.pop3),
        (NGINX, &fleet.nginx.pop3),
    ];
    servers.extend(fleet.mailmedic.iter().map(|ours| (BOTH_TIERS, &ours.front_end.pop3)));
    let table = table(&servers, plan).await?;
    let judge = |column| compared(&table, column, BOTH_TIERS, (DOVECOT_PROXY, 1.5), TLS_RELAY);
    let judgements = [LOG_INS, SESSIONS].into_iter().flat_map(judge).collect();
    Ok(Section { title: "Two tiers", method: method(plan), table, judgements })
}

fn method(plan: &Plan) -> String {
    format!(
        "{} connections at a time, {} mailboxes of {} messages of {} octets. A session: log in, STAT, UIDL, LIST, RETR \
         of every message one after another, QUIT; *pipelined*: all RETR sent at once. No TLS towards the client.",
        plan.connections, plan.readers, plan.messages, plan.octets
    )
}

async fn table(servers: &[(&'static str, &Target)], plan: &Plan) -> Result<Table> {
    let mut table = Table::new(&COLUMNS);
    for _ in 0..plan.rounds {
        for (name, target) in servers {
            for session in [Session::LogIn, Session::Fetch, Session::FetchPipelined] {
                let rate = load::sessions(target, session, plan.connections, plan.readers, plan.span())
                    .await
                    .with_context(|| format!("{name}, {session:?}"))?;
                match session {
                    Session::LogIn => table.record(name, LOG_INS, rate.per_second),
                    Session::Fetch => {
                        table.record(name, SESSIONS, rate.per_second);
                        table.record(name, MEGABYTES, rate.megabytes);
                    }
                    Session::FetchPipelined => table.record(name, PIPELINED, rate.per_second),
                }
            }
        }
    }
    Ok(table)
}
