//! How it went.

use std::fmt::Write as _;
use std::time::SystemTime;

use health::{Line, Speaker};
use jiff::Timestamp;
use net::tls::CertificateFacts;
use probe::Attempt;
use serde::Serialize;

use super::place::Place;
use crate::screen::{Colour, coloured, table, time};

/// What an attempt came to, as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    server: String,
    user: Option<String>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    milliseconds: f64,
    phases: Vec<Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transcript: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Phase {
    phase: &'static str,
    milliseconds: f64,
}

#[derive(Debug, Serialize)]
struct Tls {
    version: String,
    cipher: String,
    names: Vec<String>,
    issuer: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Report {
    pub(super) fn of(place: &Place, attempt: &Attempt, with_transcript: bool) -> Self {
        let finding = &attempt.finding;
        let failure = finding.failure.as_ref();
        let shown = attempt.certificate.as_deref().and_then(CertificateFacts::read);
        let tls = attempt.handshake.as_ref().zip(shown).map(|(handshake, facts)| Tls {
            version: handshake.version.clone(),
            cipher: handshake.cipher.clone(),
            names: facts.names,
            issuer: facts.issuer,
            not_before: moment(facts.not_before),
            not_after: moment(facts.not_after),
        });
        let milliseconds = |time: std::time::Duration| (time.as_secs_f64() * 1e5).round() / 100.0;
        Self {
            server: format!("{}://{}:{}", place.scheme.word(), place.host, place.port),
            user: place.user.clone(),
            result: finding.outcome.word(),
            reason: failure.map(|failure| failure.reason.word()),
            failing_phase: failure.map(|failure| failure.phase.word()),
            error: failure.map(|failure| failure.detail.clone()),
            milliseconds: milliseconds(attempt.took),
            phases: finding
                .phases
                .iter()
                .map(|time| Phase { phase: time.phase.word(), milliseconds: milliseconds(time.took) })
                .collect(),
            tls,
            transcript: if with_transcript {
                finding.transcript.iter().map(said).collect()
            } else {
                Vec::new()
            },
        }
    }

    /// Why it did not go well.
    pub(super) fn failed(&self) -> Option<String> {
        let (reason, phase) = self.reason.zip(self.failing_phase)?;
        let error = self.error.as_deref().unwrap_or_default();
        Some(format!("{}: {reason} at {phase}: {error}", self.server))
    }

    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        for line in &self.transcript {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{line}");
        }
        if !self.transcript.is_empty() {
            text.push('\n');
        }
        let rows = self.phases.iter().map(|phase| {
            let failed = self.failing_phase == Some(phase.phase);
            let (word, colour) = if failed { (self.result, Colour::Bad) } else { ("ok", Colour::Good) };
            [phase.phase.to_owned(), format!("{:.1} ms", phase.milliseconds), coloured(word, colour)]
        });
        text.push_str(&table(&["PHASE", "TIME", "RESULT"], rows));
        text.push('\n');
        if let Some(tls) = &self.tls {
            let _ = writeln!(text, "\n{} with {}", tls.version, tls.cipher);
            let _ = writeln!(text, "certificate for {}, by {}", tls.names.join(", "), tls.issuer);
            let _ = writeln!(text, "valid from {} to {}", time(tls.not_before), time(tls.not_after));
        }
        let colour = if self.reason.is_none() { Colour::Good } else { Colour::Bad };
        let result = coloured(self.result, colour);
        let who = self.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
        let _ = write!(text, "\n{}{who}: {result} in {:.1} ms", self.server, self.milliseconds);
        text
    }
}

fn moment(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn said(line: &Line) -> String {
    let by = match line.by {
        Speaker::Probe => "C:",
        Speaker::Server => "S:",
        Speaker::Note => "--",
    };
    format!("{:8.1} ms  {by} {}", line.at.as_secs_f64() * 1000.0, line.text)
}
