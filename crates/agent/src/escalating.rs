//! Escalating: people are called about what cannot be healed, once an incident, and told when it is over.
//!
//! What is open stands in the journal of recoveries; this loop takes no orders. Alertmanager is sent what is open every
//! minute, under the same labels however often, and knows by itself what is new; a webhook is posted each call and its end
//! once, which the journal remembers. A channel that does not take it is tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use health::recovery::{Event, Journal, Recovery, RecoveryId, State};
use jiff::Timestamp;
use placement::UnixMillis;
use serde_json::{Value, json};
use service::Live;
use settings::{EscalationSettings, HttpAddress, ServerName};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::clock::unix_millis;
use crate::recovering::{Ledger, write};

/// How often it is looked for what is open.
const LOOK: Duration = Duration::from_secs(5);
/// How often Alertmanager is sent what is open, and the heartbeat comes.
const AGAIN: Duration = Duration::from_mins(1);
/// How long what Alertmanager was sent holds if nothing more comes.
const HOLDS: Duration = Duration::from_mins(5);
/// How long a channel may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the loop works with.
pub(crate) struct Escalating {
    pub(crate) server: ServerName,
    pub(crate) live: Arc<Live>,
    pub(crate) ledger: Arc<Ledger>,
}

/// A person's call.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    number: u64,
    id: String,
    monitor: String,
    target: Option<String>,
    server: String,
    ladder: &'static str,
    why: String,
    fault: String,
    began: UnixMillis,
    ended: Option<UnixMillis>,
    done: Vec<String>,
    told: Vec<(String, bool)>,
}

impl Escalating {
    /// Escalates for ever.
    pub(crate) async fn run(self) {
        let mut sent = BTreeMap::<u64, (Instant, bool)>::new();
        let mut beat = None::<Instant>;
        let mut news = self.ledger.changes();
        loop {
            news.mark_unchanged();
            let settings = self.live.snapshot().server.escalation.values().clone();
            let calls = self.ledger.read(|journal| calls(&self.server, journal));
            if let Some(alertmanager) = &settings.alertmanager {
                self.alert(alertmanager, &settings, &calls, &mut sent).await;
            }
            if let Some(webhook) = &settings.webhook {
                self.post_each(webhook, &settings, &calls).await;
            }
            if let Some(heartbeat) = &settings.heartbeat
                && beat.is_none_or(|beat| beat.elapsed() >= AGAIN)
            {
                beat = Some(Instant::now());
                let body = json!({ "server": self.server.to_string(), "at": time(unix_millis()) });
                if let Err(why) = post(heartbeat.as_str().to_owned(), body).await {
                    tracing::warn!(why, "the heartbeat is not taken");
                }
            }
            let _ = timeout(LOOK, news.changed()).await;
        }
    }

    /// Sends what is open, now and again, and what has ended once more.
    async fn alert(
        &self,
        alertmanager: &HttpAddress,
        settings: &EscalationSettings,
        calls: &[Call],
        sent: &mut BTreeMap<u64, (Instant, bool)>,
    ) {
        let now = unix_millis();
        let is_due = |call: &&Call| {
            let over = call.ended.is_some();
            match sent.get(&call.number) {
                Some((at, was_over)) => (over && !was_over) || (!over && at.elapsed() >= AGAIN),
                // What ended before this agent began has ceased to hold.
                None => call.ended.is_none_or(|ended| now.millis_since(ended) < millis(HOLDS)),
            }
        };
        let due: Vec<_> = calls.iter().filter(is_due).collect();
        if due.is_empty() {
            return;
        }
        let alerts: Vec<Value> = due.iter().map(|call| call.alert(settings, now)).collect();
        let address = format!("{}/api/v2/alerts", alertmanager.as_str().trim_end_matches('/'));
        match post(address, Value::Array(alerts)).await {
            Ok(()) => {
                for call in due {
                    sent.insert(call.number, (Instant::now(), call.ended.is_some()));
                    self.note(call, "alertmanager").await;
                }
            }
            Err(why) => tracing::warn!(why, "Alertmanager does not take what is open; it is tried again"),
        }
    }

    /// Posts each call once, and its end once.
    async fn post_each(&self, webhook: &HttpAddress, settings: &EscalationSettings, calls: &[Call]) {
        for call in calls {
            let over = call.ended.is_some();
            let took_call = call.told.contains(&("webhook".to_owned(), false));
            // Whoever was not told that it began need not be told that it ended.
            if call.told.contains(&("webhook".to_owned(), over)) || (over && !took_call) {
                continue;
            }
            match post(webhook.as_str().to_owned(), call.body(settings)).await {
                Ok(()) => self.note(call, "webhook").await,
                Err(why) => {
                    tracing::warn!(why, id = call.id, "the webhook does not take a call; it is tried again");
                }
            }
        }
    }

    /// Writes down that a channel has taken it, once.
    async fn note(&self, call: &Call, channel: &str) {
        let over = call.ended.is_some();
        if call.told.contains(&(channel.to_owned(), over)) {
            return;
        }
        let event = Event::Told { channel: channel.to_owned(), over };
        if let Err(why) = write(&self.ledger, Some(call.number), event).await {
            tracing::warn!(why, "it is not written down that a channel was told");
        }
    }
}

/// Every call of a person there was, by the journal.
fn calls(server: &ServerName, journal: &Journal) -> Vec<Call> {
    journal.recoveries().iter().filter_map(|recovery| Call::of(server, journal, recovery)).collect()
}

impl Call {
    fn of(server: &ServerName, journal: &Journal, recovery: &Recovery) -> Option<Self> {
        let why = recovery.called.clone()?;
        let done = journal.entries_of(recovery.number).filter_map(|entry| match &entry.event {
            Event::Intended { act, .. } => Some(act.to_string()),
            _ => None,
        });
        Some(Self {
            number: recovery.number,
            id: RecoveryId { server: server.clone(), number: recovery.number }.to_string(),
            monitor: recovery.monitor.clone(),
            target: recovery.target.clone(),
            server: recovery.server.to_string(),
            ladder: recovery.ladder.name,
            why,
            fault: recovery.why.clone(),
            began: recovery.opened,
            ended: recovery.ended.filter(|_| matches!(recovery.state, State::Ended(_))),
            done: done.collect(),
            told: recovery.told.clone(),
        })
    }

    /// One line that says all of it.
    fn summary(&self) -> String {
        let target = self.target.as_ref().map(|target| format!(" {target}")).unwrap_or_default();
        let done: Vec<_> =
            self.done.iter().map(String::as_str).filter(|act| *act != "call a person").collect();
        let done = if done.is_empty() { "nothing".to_owned() } else { done.join(", ") };
        format!(
            "[{} {}{target}] {}; done: {done}; needs you: {}; mailmedic recovery show {}",
            self.server, self.monitor, self.fault, self.why, self.id
        )
    }

    fn annotations(&self, settings: &EscalationSettings) -> Value {
        json!({
            "procedure": settings.procedure.as_str(),
            "summary": self.summary(),
            "why": self.why,
            "recovery": self.id,
        })
    }

    /// As Alertmanager takes it. The labels are its identity.
    fn alert(&self, settings: &EscalationSettings, now: UnixMillis) -> Value {
        let ends = self.ended.unwrap_or(UnixMillis(now.0.saturating_add(millis(HOLDS))));
        json!({
            "labels": {
                "alertname": self.monitor,
                "service": "mailmedic",
                "severity": "critical",
                "server": self.server,
                "target": self.target.clone().unwrap_or_default(),
            },
            "annotations": self.annotations(settings),
            "startsAt": time(self.began),
            "endsAt": time(ends),
        })
    }

    /// As a webhook takes it.
    fn body(&self, settings: &EscalationSettings) -> Value {
        json!({
            "procedure": settings.procedure.as_str(),
            "summary": self.summary(),
            "state": if self.ended.is_some() { "resolved" } else { "firing" },
            "id": self.id,
            "server": self.server,
            "monitor": self.monitor,
            "target": self.target,
            "ladder": self.ladder,
            "why": self.why,
            "done": self.done,
            "began": time(self.began),
            "ended": self.ended.map(time),
        })
    }
}

fn time(UnixMillis(millis): UnixMillis) -> String {
    let at = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Posts JSON; whatever is not an answer of success is an error. Trusts the authorities of the system.
async fn post(address: String, body: Value) -> Result<(), String> {
    let posted = spawn_blocking(move || {
        let authorities = rustls_native_certs::load_native_certs().certs;
        let authorities = authorities.iter().map(|it| Certificate::from_der(it.as_ref()).to_owned());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(Arc::new(authorities.collect())))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent: ureq::Agent =
            ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(PATIENCE)).build().into();
        let posted = agent.post(&address).content_type("application/json").send(body.to_string());
        posted.map(drop).map_err(|error| format!("{address}: {error}"))
    });
    posted.await.unwrap_or_else(|panicked| Err(panicked.to_string()))
}

#[cfg(test)]
mod tests {
    use health::recovery::{Act, Entry};
    use settings::Value as _;

    use super::*;

    fn call() -> Call {
        let server = ServerName::parse("mbx1").unwrap();
        let events = [
            Event::Opened {
                ladder: "mailbox-server".to_owned(),
                rung: 0,
                monitor: "PopDeepTestMonitor".to_owned(),
                target: Some("DB01".to_owned()),
                server: server.clone(),
                why: "RETR hangs".to_owned(),
                blame: "mbx1 is at fault itself".to_owned(),
            },
            Event::Intended {
                rung: 0,
                act: Act::RestartService { service: "backend".to_owned() },
                boot_id: "b".to_owned(),
                token: None,
            },
            Event::Called { why: "it waits for a person to approve it".to_owned() },
        ];
        let entry = |event| Entry { at: UnixMillis(1_000), recovery: Some(17), event };
        let journal = Journal::of(events.map(entry));
        calls(&server, &journal).remove(0)
    }

    #[test]
    fn a_call_says_in_one_line_what_where_what_was_done_and_what_is_needed() {
        assert_eq!(
            call().summary(),
            "[mbx1 PopDeepTestMonitor DB01] RETR hangs; done: restart backend; needs you: it waits for a person to approve \
             it; mailmedic recovery show mbx1-17"
        );
    }

    #[test]
    fn the_labels_are_the_same_however_often_and_an_open_call_holds_for_a_while() {
        let (settings, call) = (EscalationSettings::default(), call());
        let (one, other) =
            (call.alert(&settings, UnixMillis(5_000)), call.alert(&settings, UnixMillis(90_000)));
        assert_eq!(one["labels"], other["labels"]);
        assert_eq!(one["startsAt"], other["startsAt"]);
        assert_eq!(one["endsAt"], "1970-01-01T00:05:05Z");
        let over = Call { ended: Some(UnixMillis(6_000)), ..call };
        assert_eq!(over.alert(&settings, UnixMillis(90_000))["endsAt"], "1970-01-01T00:00:06Z");
    }
}
