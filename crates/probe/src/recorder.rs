//! What is written down during an attempt.

use std::time::Duration;

use health::{Failure, FailureReason, Finding, Line, Outcome, Part, Phase, PhaseTime, Speaker};
use tokio::time::Instant;

/// The most lines of a transcript. Of more, the first half and the last are worth most; what is too much is left out.
const LINES: usize = 200;
/// The longest line of a transcript.
const LINE: usize = 200;

/// The record of an attempt under way. It outlives the attempt that is cut off by its limit.
pub struct Recorder {
    began: Instant,
    part: Part,
    phases: Vec<PhaseTime>,
    current: (Phase, Instant),
    transcript: Vec<Line>,
}

impl Recorder {
    /// An attempt begins, at whoever `part` is, with its first phase.
    pub fn new(part: Part, first: Phase) -> Self {
        let began = Instant::now();
        Self { began, part, phases: Vec::new(), current: (first, began), transcript: Vec::new() }
    }

    /// A phase begins, and the one before it is over. One that begins again goes on.
    pub fn enter(&mut self, phase: Phase) {
        if self.current.0 != phase {
            self.close();
            self.current.0 = phase;
        }
    }

    fn close(&mut self) {
        let now = Instant::now();
        let (phase, began) = self.current;
        let took = now - began;
        match self.phases.iter_mut().find(|time| time.phase == phase) {
            Some(time) => time.took += took,
            None => self.phases.push(PhaseTime { phase, took }),
        }
        self.current.1 = now;
    }

    /// Keeps a line, printable and cut short.
    pub fn line(&mut self, by: Speaker, text: &str) {
        if self.transcript.len() == LINES {
            self.transcript.remove(LINES / 2);
        }
        let printable = |character: char| if character.is_control() { '.' } else { character };
        let text = text.chars().take(LINE).map(printable).collect();
        self.transcript.push(Line { at: self.began.elapsed(), by, text });
    }

    /// A failure in the phase that is under way.
    pub fn failure(&self, reason: FailureReason, detail: impl Into<String>) -> Failure {
        Failure { reason, phase: self.current.0, part: self.part, detail: detail.into() }
    }

    /// What was found, and how long it took; `None` is an attempt that was cut off by its limit.
    pub fn finish(mut self, ended: Option<Result<(), Failure>>, limit: Duration) -> (Finding, Duration) {
        let (outcome, failure) = match ended {
            Some(Ok(())) => (Outcome::Succeeded, None),
            Some(Err(failure)) => (Outcome::Failed, Some(failure)),
            None => {
                let failure = self.failure(
                    FailureReason::ScenarioTimeout,
                    format!("no answer within {:.1} s", limit.as_secs_f64()),
                );
                (Outcome::TimedOut, Some(failure))
            }
        };
        self.close();
        let Self { began, mut phases, transcript, current, .. } = self;
        // A phase of a second session stands where it came first, unless it is where everything ended.
        if failure.is_some() {
            phases.sort_by_key(|time| time.phase == current.0);
        }
        (Finding { outcome, failure, phases, transcript, ..Finding::default() }, began.elapsed())
    }
}
