//! What is asked of the services of this server at their admin sockets.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use health::{Failure, FailureReason, Finding, Outcome, Part, Phase, PhaseTime};
use service::admin::{Answer, Ask, AskError, StoreCheck, StoreStep, ask};
use service::command_times::Window;
use service::roster::InFlight;
use settings::{DatabaseName, Value as _};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{Aim, Attempts, cannot_test, hindrance};

/// Over how long the mean processing time is taken.
const WINDOW: Duration = Duration::from_mins(1);
/// A single command that is under way for longer is worth telling.
const TOO_LONG: Duration = Duration::from_mins(1);
/// How much longer than the check of a store the asker waits for its answer.
const GRACE: Duration = Duration::from_millis(800);

/// The windows over the counters of the services, by service.
pub(super) struct CommandTimes {
    began: Instant,
    windows: Mutex<BTreeMap<String, Window>>,
}

impl Default for CommandTimes {
    fn default() -> Self {
        Self { began: Instant::now(), windows: Mutex::default() }
    }
}

impl Attempts {
    /// The mean processing time of the POP3 commands of a service, in seconds.
    pub(super) async fn command_time(&self, service: &str, aim: &Aim) -> Finding {
        let counters = match self.ask_service(service, Ask::Counters, aim.limit).await {
            Ok(Answer::Counters(counters)) => counters,
            Ok(_) => return cannot_test(no_answer("it answered something else")),
            // A service that is not there, or hangs, has monitors of its own.
            Err(error) => return cannot_test(no_answer(&error.to_string())),
        };
        let mut windows = self.times.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(service.to_owned()).or_insert_with(|| Window::new("pop3", WINDOW));
        let times = window.take(self.times.began.elapsed(), &counters);
        let mean = times.mean.unwrap_or_default();
        let oldest = times.oldest.filter(|oldest| processing(oldest) > TOO_LONG);
        let failure = oldest.map(|oldest| Failure {
            reason: FailureReason::Threshold,
            phase: Phase::Compare,
            part: if service == "frontend" { Part::FrontEnd } else { Part::BackEnd },
            detail: format!("{} has been processed for {} s", oldest.command, processing(&oldest).as_secs()),
        });
        let outcome = if failure.is_some() { Outcome::Failed } else { Outcome::Succeeded };
        Finding {
            outcome,
            failure,
            value: Some(mean.as_secs_f64()),
            samples: Some(times.samples),
            ..Finding::default()
        }
    }

    pub(super) async fn check_store(&self, target: &str, aim: &Aim) -> Finding {
        let limit_millis = u64::try_from(aim.limit.saturating_sub(GRACE).as_millis()).unwrap_or(u64::MAX);
        let question = Ask::CheckStore { database: target.to_owned(), limit_millis };
        let check = match self.ask_service("backend", question, aim.limit).await {
            Ok(Answer::StoreCheck(check)) => check,
            Ok(_) => return cannot_test(no_answer("it answered something else")),
            Err(error) => return cannot_test(no_answer(&error.to_string())),
        };
        let (steps, failure) = match check {
            StoreCheck::NotMounted => {
                return cannot_test(hindrance(FailureReason::Moving, "the back end has not mounted it"));
            }
            StoreCheck::NoMailbox { reason } => {
                return cannot_test(hindrance(FailureReason::NotConfigured, &reason));
            }
            StoreCheck::Checked { steps, failure } => (steps, failure),
        };
        let last = steps.last().map_or(StoreStep::Read, |step| step.step);
        let failure = failure.map(|detail| Failure {
            reason: match last {
                StoreStep::Read => FailureReason::StoreRead,
                StoreStep::Space => FailureReason::FreeSpace,
                StoreStep::Write => FailureReason::StoreWrite,
            },
            phase: phase(last),
            part: Part::Store,
            detail,
        });
        Finding {
            outcome: if failure.is_some() { Outcome::Failed } else { Outcome::Succeeded },
            failure,
            phases: steps
                .iter()
                .map(|step| PhaseTime { phase: phase(step.step), took: Duration::from_micros(step.micros) })
                .collect(),
            mailbox_server: Some(self.server.clone()),
            database: DatabaseName::parse(target).ok(),
            ..Finding::default()
        }
    }

    /// Asks a service of this server, on a thread that may block.
    async fn ask_service(&self, service: &str, question: Ask, limit: Duration) -> Result<Answer, AskError> {
        let socket = self.data.server(self.server.as_str()).admin_socket(service);
        let asked = spawn_blocking(move || ask(&socket, &question, limit)).await;
        asked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }
}

fn processing(command: &InFlight) -> Duration {
    Duration::from_micros(command.processing_micros)
}

fn phase(step: StoreStep) -> Phase {
    match step {
        StoreStep::Read => Phase::Read,
        StoreStep::Space => Phase::Compare,
        StoreStep::Write => Phase::Write,
    }
}

fn no_answer(why: &str) -> Failure {
    hindrance(FailureReason::NoAnswer, why)
}
