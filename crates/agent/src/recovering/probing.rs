//! The probes before and after a rung: those of this server, and that of another one.

use std::time::Duration;

use admin_api::rows::ProbeRequest;
use admin_api::{Caller, Role, routes};
use health::recovery::{Event, Found, ProbeAim};
use health::{Observation, Watched, definition};
use placement::UnixMillis;
use settings::ServerName;
use tokio::time::sleep;

use super::Recovering;
use crate::clock::unix_millis;
use crate::watching::Aim;

/// How soon a probe that failed is run again.
const AGAIN: Duration = Duration::from_secs(1);

impl Recovering {
    /// Runs a probe, until it succeeds or time is up, and writes down what it found.
    pub(super) async fn probe(
        &self,
        recovery: u64,
        rung: usize,
        aim: &ProbeAim,
        until: Option<UnixMillis>,
    ) -> Result<(), String> {
        let probe = definition::probe(aim.probe).ok_or_else(|| format!("there is no probe {}", aim.probe))?;
        let watched = Watched { probe, target: aim.target.clone() };
        let (found, what) = loop {
            let observation = self.attempts.observe(&watched, &Aim::within(probe.time_out)).await;
            let (found, what) = (found(&observation), words(&observation));
            // Monitors that are full of others go by those.
            let _ = self.observed.try_send((watched.clone(), observation));
            if found == Found::Works || until.is_none_or(|until| unix_millis() >= until) {
                break (found, what);
            }
            sleep(AGAIN).await;
        };
        self.write(Some(recovery), Event::Probed { rung, by: self.means.server.clone(), found, what }).await
    }

    /// Asks another server to run a probe, and writes down what it says.
    pub(super) async fn ask(
        &self,
        recovery: u64,
        rung: usize,
        server: ServerName,
        aim: &ProbeAim,
    ) -> Result<(), String> {
        let probe = definition::probe(aim.probe).ok_or_else(|| format!("there is no probe {}", aim.probe))?;
        let target = aim.target.as_ref().map(|target| format!("\\{target}")).unwrap_or_default();
        let request = ProbeRequest {
            identity: format!("{}\\{}{target}", probe.health_set, probe.name),
            ..ProbeRequest::default()
        };
        let caller = Caller { name: format!("agent-{}", self.means.server), role: Role::Operator };
        let more = probe.time_out + Duration::from_secs(5);
        let endpoint = routes::RunProbe { server: server.to_string() };
        let asked = |client: api_client::Client| async move {
            client.with_more_time(more).send(&endpoint, &request).await
        };
        let answer = self.means.neighbours.pass_on(&caller, &server, asked).await;
        let (found, what) = match answer {
            Ok(Ok(listing)) => match listing.rows.first() {
                Some(row) => {
                    let found = match row.result.as_str() {
                        "Succeeded" => Found::Works,
                        "Failed" | "TimedOut" => Found::Fails,
                        _ => Found::CannotTest,
                    };
                    let error = row.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
                    (found, format!("{} {}{error}", row.monitor_identity, row.result))
                }
                None => (Found::CannotTest, "it has no such probe".to_owned()),
            },
            Ok(Err(problem)) | Err(problem) => (Found::CannotTest, problem.to_string()),
        };
        self.write(Some(recovery), Event::Probed { rung, by: server, found, what }).await
    }
}

fn found(observation: &Observation) -> Found {
    match observation.finding.outcome {
        outcome if outcome.is_failure() => Found::Fails,
        health::Outcome::CannotTest => Found::CannotTest,
        _ => Found::Works,
    }
}

/// What a probe found, in a line.
fn words(observation: &Observation) -> String {
    let target = observation.target.as_ref().map(|target| format!(" {target}")).unwrap_or_default();
    let failure = observation.finding.failure.as_ref().map(|failure| format!(": {failure}"));
    let session = observation.finding.session.as_ref().map(|session| format!(" (session {session})"));
    format!(
        "{}{target} {}{}{}",
        observation.probe,
        observation.finding.outcome.word(),
        failure.unwrap_or_default(),
        session.unwrap_or_default()
    )
}
