//! The audit logs of all agents.

use std::sync::Arc;

use admin_api::rows::{AuditQuery, AuditRow};
use admin_api::{Kind, Listing, Problem, routes};
use tokio::task::spawn_blocking;

use super::Api;
use super::asked::Asked;

pub(super) async fn list(api: Arc<Api>, asked: Asked<routes::Audit>) -> Result<Listing<AuditRow>, Problem> {
    let servers = api.servers_meant(asked.query.server.as_deref())?;
    let (ours, others): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| *server == api.server);
    let mut listing = Listing::default();
    if !ours.is_empty() {
        listing.rows = own(Arc::clone(&api), asked.query.clone()).await?;
    }
    // Each is asked for its own alone, so that nobody asks anybody on.
    let theirs = api.neighbours.ask_each(&asked.caller, others, |client, server| {
        let query = AuditQuery { server: Some(server.to_string()), ..asked.query.clone() };
        async move { client.get(&routes::Audit {}, &query).await }
    });
    for (_, answer) in theirs.await.rows(&mut listing.unanswered) {
        listing.rows.extend(answer.rows);
        listing.unanswered.extend(answer.unanswered);
    }
    listing.rows.sort_by(|one, other| one.at.cmp(&other.at));
    if let Some(limit) = asked.query.limit {
        listing.rows.drain(..listing.rows.len().saturating_sub(limit));
    }
    Ok(listing)
}

async fn own(api: Arc<Api>, query: AuditQuery) -> Result<Vec<AuditRow>, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Problem::new(Kind::Unavailable, format!("the audit log of {} cannot be read: {error}", api.server))
    };
    let reader = Arc::clone(&api);
    match spawn_blocking(move || reader.audit.read(&query)).await {
        Ok(read) => read.map_err(|error| unreadable(&error)),
        Err(panic) => Err(unreadable(&panic)),
    }
}
