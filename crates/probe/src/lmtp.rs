//! What an attempt does over LMTP: one message for one recipient.

use std::mem;

use health::{Failure, FailureReason, Phase, Speaker};
use lmtp::client::{Dialogue, Event, Limits};
use lmtp::{Address, MailParameters};
use net::Connection;
use tokio::time::Instant;

use crate::attempt::{Known, connect, far};
use crate::endpoint::Endpoint;
use crate::recorder::Recorder;

pub(crate) async fn deliver(
    endpoint: &Endpoint,
    (to, message): (&str, &[u8]),
    recorder: &mut Recorder,
    known: &mut Known,
    deadline: Instant,
) -> Result<(), Failure> {
    let recipient = Address::parse(to)
        .map_err(|error| recorder.failure(FailureReason::NotConfigured, format!("{to}: {error}")))?;
    let connection = connect(endpoint, recorder, known, deadline).await?;
    let mut delivery =
        Delivery { connection, dialogue: Dialogue::new(Limits::default()), recorder, deadline };
    delivery.recorder.enter(Phase::Greeting);
    delivery.dialogue.hello("probe.mailmedic.invalid");
    delivery.recorder.line(Speaker::Probe, "LHLO probe.mailmedic.invalid");
    loop {
        match delivery.next().await? {
            Event::Greeting(reply) => {
                delivery.require(reply.is_positive(), FailureReason::Greeting, &reply)?;
                delivery.recorder.enter(Phase::Capabilities);
            }
            Event::Hello(reply, _) => {
                delivery.require(reply.is_positive(), FailureReason::Refused, &reply)?;
                delivery.recorder.enter(Phase::Deliver);
                delivery.dialogue.mail(None, &MailParameters::default());
                delivery.dialogue.recipient(&recipient);
                delivery.dialogue.data();
                delivery.recorder.line(Speaker::Probe, &format!("MAIL FROM:<>, RCPT TO:<{to}>, DATA"));
            }
            Event::Sender(reply) | Event::Recipient(_, reply) => {
                delivery.require(reply.is_positive(), FailureReason::Delivery, &reply)?;
            }
            Event::Data(reply) => {
                delivery.require(reply.code() == 354, FailureReason::Delivery, &reply)?;
                delivery.recorder.line(Speaker::Probe, &format!("a message of {} octets", message.len()));
                let said = delivery.dialogue.message(message).and_then(|()| delivery.dialogue.end_message());
                said.map_err(|error| {
                    delivery.recorder.failure(FailureReason::NotConfigured, error.to_string())
                })?;
            }
            Event::Delivered(_, reply) => {
                delivery.require(reply.is_positive(), FailureReason::Delivery, &reply)?;
                delivery.recorder.enter(Phase::Quit);
                delivery.dialogue.quit();
                delivery.recorder.line(Speaker::Probe, "QUIT");
            }
            Event::Quit(_) => return Ok(()),
            Event::Closing(reply) => delivery.require(false, FailureReason::Refused, &reply)?,
            _ => {}
        }
    }
}

struct Delivery<'a> {
    connection: Connection,
    dialogue: Dialogue,
    recorder: &'a mut Recorder,
    deadline: Instant,
}

impl Delivery<'_> {
    fn require(&mut self, holds: bool, reason: FailureReason, reply: &lmtp::Reply) -> Result<(), Failure> {
        if holds { Ok(()) } else { Err(self.recorder.failure(reason, reply.to_string())) }
    }

    /// Sends what there is to say and waits for the next answer.
    async fn next(&mut self) -> Result<Event, Failure> {
        let output = mem::take(self.dialogue.output());
        let limit = far(self.deadline);
        let sent = self.connection.send_before(limit, &output).await;
        loop {
            match self.dialogue.event() {
                Ok(Some(event)) => {
                    self.recorder.line(Speaker::Server, &told(&event));
                    return Ok(event);
                }
                Ok(None) => {}
                Err(error) => {
                    return Err(self.recorder.failure(FailureReason::ProtocolViolation, error.to_string()));
                }
            }
            let dialogue = &mut self.dialogue;
            let received = self.connection.receive_before(limit, |octets| {
                dialogue.receive(octets);
                octets.len()
            });
            let lost = |detail: String| self.recorder.failure(FailureReason::ConnectionLost, detail);
            match received.await {
                Ok(0) => return Err(lost("the connection ended".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(lost(sent.err().unwrap_or(error).to_string())),
            }
        }
    }
}

fn told(event: &Event) -> String {
    match event {
        Event::Greeting(reply)
        | Event::Hello(reply, _)
        | Event::Forwarded(reply)
        | Event::Sender(reply)
        | Event::Recipient(_, reply)
        | Event::Data(reply)
        | Event::Delivered(_, reply)
        | Event::Reset(reply)
        | Event::Noop(reply)
        | Event::Quit(reply)
        | Event::Closing(reply) => reply.to_string(),
    }
}
