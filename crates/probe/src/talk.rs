//! A POP3 dialogue of an attempt: what is said and answered is written down.

use std::mem;

use health::{Failure, FailureReason, Phase, Speaker};
use net::Connection;
use net::connection::StreamError;
use pop3::client::{Dialogue, DialogueError, Event, Limits, LogIn, NotSaid};
use pop3::{Command, ResponseCode};
use tokio::time::Instant;

use crate::recorder::Recorder;

pub(crate) struct Talk<'a> {
    pub(crate) connection: Connection,
    pub(crate) dialogue: Dialogue,
    pub(crate) recorder: &'a mut Recorder,
    deadline: Instant,
}

impl<'a> Talk<'a> {
    pub(crate) fn new(connection: Connection, recorder: &'a mut Recorder, deadline: Instant) -> Self {
        Self { connection, dialogue: Dialogue::new(Limits::default()), recorder, deadline }
    }

    /// Says a command in a phase.
    pub(crate) fn say(&mut self, phase: Phase, command: &Command) -> Result<(), Failure> {
        self.recorder.enter(phase);
        self.dialogue.say(command).map_err(|error| self.not_said(&error))?;
        let line = String::from_utf8_lossy(self.dialogue.output()).trim_end().to_owned();
        self.recorder.line(Speaker::Probe, &line);
        Ok(())
    }

    /// Logs in.
    pub(crate) fn log_in(&mut self, log_in: LogIn, user: &str) -> Result<(), Failure> {
        self.recorder.enter(Phase::Auth);
        self.dialogue.log_in(log_in).map_err(|error| self.not_said(&error))?;
        self.recorder.line(Speaker::Probe, &format!("log in as {user} with a password"));
        Ok(())
    }

    fn not_said(&self, error: &NotSaid) -> Failure {
        self.recorder.failure(FailureReason::NotConfigured, error.to_string())
    }

    /// Sends what there is to say and waits until `pick` has what it wants; other events are passed over.
    pub(crate) async fn until<T>(
        &mut self,
        mut pick: impl FnMut(Event<'_>) -> Option<T>,
    ) -> Result<T, Failure> {
        let output = mem::take(self.dialogue.output());
        // A server that says why it hangs up may do so before it reads: its words count for more than our write.
        let sent = self.connection.send_before(self.deadline, &output).await;
        loop {
            match self.dialogue.event() {
                Ok(Some(event)) => {
                    if let Some(line) = told(&event) {
                        self.recorder.line(Speaker::Server, &line);
                    }
                    if let Some(picked) = pick(event) {
                        return Ok(picked);
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => return Err(self.refused(&error)),
            }
            let Self { connection, dialogue, .. } = self;
            let received = connection.receive_before(self.deadline, |octets| {
                dialogue.receive(octets);
                octets.len()
            });
            match received.await {
                Ok(0) => {
                    let error = self.dialogue.closed();
                    return Err(match error {
                        Some(error) => self.refused(&error),
                        None => self.recorder.failure(FailureReason::ConnectionLost, "the connection ended"),
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    let error = sent.err().unwrap_or(error);
                    return Err(self.lost(&error));
                }
            }
        }
    }

    fn lost(&self, error: &StreamError) -> Failure {
        self.recorder.failure(FailureReason::ConnectionLost, error.to_string())
    }

    fn refused(&mut self, error: &DialogueError) -> Failure {
        self.recorder.line(Speaker::Server, &error.to_string());
        let reason = match error {
            DialogueError::Rejected { phase, code, .. } => rejection(*phase, code.as_ref()),
            DialogueError::ProtocolViolation { .. } | DialogueError::Unproven { .. } => {
                FailureReason::ProtocolViolation
            }
            DialogueError::Closed { .. } => FailureReason::ConnectionLost,
        };
        self.recorder.failure(reason, error.to_string())
    }
}

/// What a refusal means. A log-in that is refused with the server's excuses (RFC 3206, RFC 2449 section 8.1.1) says nothing
/// about the account.
fn rejection(phase: pop3::client::Phase, code: Option<&ResponseCode>) -> FailureReason {
    use pop3::client::Phase as Said;
    match (phase, code) {
        (Said::Greeting | Said::Idle, _) => FailureReason::Greeting,
        (Said::Auth, None | Some(ResponseCode::Auth)) => FailureReason::Authentication,
        (Said::Auth, Some(_)) => FailureReason::MailboxUnavailable,
        _ => FailureReason::Refused,
    }
}

/// What the server answered, as a line; bodies are left out.
fn told(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Greeting(greeting) => format!("+OK {}", greeting.text),
        Event::Capabilities(capabilities) => {
            format!("+OK {}", capabilities.lines().collect::<Vec<_>>().join(", "))
        }
        Event::LoggedIn(text) => format!("+OK {text}"),
        Event::Stat { messages, octets } => format!("+OK {messages} {octets}"),
        Event::List(entries) => format!("+OK {} entries", entries.len()),
        Event::Uidl(entries) => format!("+OK {} entries", entries.len()),
        Event::Retrieving => "+OK, the message follows".to_owned(),
        Event::Body(_) | Event::User => return None,
        Event::Retrieved => "the message is complete".to_owned(),
        _ => "+OK".to_owned(),
    })
}
