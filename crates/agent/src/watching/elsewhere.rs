//! What the monitors of other servers say, asked for while something fails or is being recovered here: only then it matters
//! who is to blame, and who else is well.

use std::sync::Arc;
use std::time::Duration;

use admin_api::rows::HealthQuery;
use admin_api::{Caller, Role, routes};
use health::{AlertValue, Verdict};
use placement::World;
use settings::ServerName;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Judgements;
use crate::neighbours::Neighbours;

/// How often others are asked while something fails.
const AGAIN: Duration = Duration::from_secs(1);

/// Follows the verdicts of the other servers, for ever.
pub(crate) async fn follow(
    neighbours: Arc<Neighbours>,
    world: watch::Receiver<Arc<World>>,
    mut told: watch::Receiver<Arc<Judgements>>,
    mut recovering: watch::Receiver<bool>,
    elsewhere: watch::Sender<Arc<Vec<Verdict>>>,
) {
    let fails = |told: &Arc<Judgements>| {
        told.verdicts.iter().any(|it| matches!(it.value, AlertValue::Degraded | AlertValue::Unhealthy))
    };
    loop {
        // Where nothing is recovered, there is only the other reason to ask.
        let recovers = async {
            if recovering.wait_for(|recovering| *recovering).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let gone = tokio::select! {
            news = told.wait_for(fails) => news.is_err(),
            () = recovers => false,
        };
        if gone {
            return;
        }
        let servers = others(&neighbours.server, &world.borrow());
        let caller = Caller { name: format!("agent-{}", neighbours.server), role: Role::Viewer };
        let answers = neighbours.ask_each(&caller, servers, |client, server| async move {
            let query = HealthQuery { server: Some(server.to_string()), ..HealthQuery::default() };
            client.get(&routes::Verdicts {}, &query).await
        });
        // Of those that do not answer nothing is known, which is nobody's fault yet.
        let rows = answers.await.rows(&mut Vec::new()).into_iter().flat_map(|(_, listing)| listing.rows);
        let read = |row: admin_api::rows::VerdictRow| serde_json::from_value::<Verdict>(row.verdict).ok();
        elsewhere.send_replace(Arc::new(rows.filter_map(read).collect()));
        sleep(AGAIN).await;
        if !fails(&told.borrow_and_update()) && !*recovering.borrow_and_update() {
            elsewhere.send_replace(Arc::default());
        }
    }
}

fn others(own: &ServerName, world: &World) -> Vec<ServerName> {
    let servers = world.topology.servers.iter().map(|server| server.name.clone());
    servers.filter(|server| server != own && world.records.agents.contains_key(server)).collect()
}
