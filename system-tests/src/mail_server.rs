//! A mail server that delivers.

use lmtp::client::{Dialogue, Event, Limits};
use lmtp::{Address, MailParameters, Reply};
use net::Connection;
use tokio::time::timeout;

use crate::{AT_ONCE, in_time};

/// A connection of a mail server that has said hello.
#[derive(Debug)]
pub struct MailServer {
    connection: Connection,
    dialogue: Dialogue,
}

impl MailServer {
    /// Says hello on a connection just made.
    pub(crate) async fn new(connection: Connection) -> Self {
        let mut this = Self { connection, dialogue: Dialogue::new(Limits::default()) };
        this.dialogue.hello("mx.example.org");
        assert!(matches!(this.event().await, Event::Greeting(reply) if reply.is_positive()));
        assert!(matches!(this.event().await, Event::Hello(reply, _) if reply.is_positive()));
        this
    }

    /// Delivers a message; what each recipient's reply was.
    pub async fn delivers(&mut self, message: &[u8], recipients: &[&str]) -> Vec<Reply> {
        self.hands_over(message, recipients).await;
        let mut replies = Vec::new();
        for _ in recipients {
            replies.push(self.delivered().await);
        }
        replies
    }

    /// Delivers a message up to its end, for recipients who are all accepted; the replies are owed.
    pub async fn hands_over(&mut self, message: &[u8], recipients: &[&str]) {
        self.begins(None).await;
        for recipient in recipients {
            let reply = self.names(recipient).await;
            assert!(reply.is_positive(), "{recipient}: {reply}");
        }
        self.sends_message(message).await;
    }

    /// Says MAIL, which is accepted; `size` is what it announces.
    pub async fn begins(&mut self, size: Option<u64>) {
        let sender = Address::parse("mara@example.org").unwrap();
        self.dialogue.mail(Some(&sender), &MailParameters { size, ..MailParameters::default() });
        match self.event().await {
            Event::Sender(reply) => assert!(reply.is_positive(), "{reply}"),
            other => panic!("{other:?}"),
        }
    }

    /// Says RCPT.
    pub async fn names(&mut self, recipient: &str) -> Reply {
        self.dialogue.recipient(&Address::parse(recipient).unwrap());
        match self.event().await {
            Event::Recipient(_, reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Says DATA, which is accepted.
    pub async fn starts_message(&mut self) {
        self.dialogue.data();
        match self.event().await {
            Event::Data(reply) => assert_eq!(reply.code(), 354, "{reply}"),
            other => panic!("{other:?}"),
        }
    }

    /// Says DATA and sends a message with its end.
    pub async fn sends_message(&mut self, message: &[u8]) {
        self.starts_message().await;
        self.ends_message(message).await;
    }

    /// Sends some of a message that has been started.
    pub async fn sends_part(&mut self, message: &[u8]) {
        self.dialogue.message(message).unwrap();
        self.flush().await;
    }

    /// Sends the rest of a message that has been started, and its end.
    pub async fn ends_message(&mut self, message: &[u8]) {
        self.dialogue.message(message).unwrap();
        self.dialogue.end_message().unwrap();
        self.flush().await;
    }

    /// Sends octets of a message as they are, with nothing doubled, and then its end. The last ones are CRLF.
    pub async fn sends_octets(&mut self, octets: &[u8]) {
        self.starts_message().await;
        self.connection.send_before(in_time(), octets).await.unwrap();
        self.dialogue.end_message().unwrap();
        self.flush().await;
    }

    /// The next reply about the message; they come in the order of the recipients.
    pub async fn delivered(&mut self) -> Reply {
        match self.event().await {
            Event::Delivered(_, reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// What comes next, unasked too.
    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.dialogue.event().unwrap() {
                return event;
            }
            self.flush().await;
            let dialogue = &mut self.dialogue;
            let ended = self.connection.receive_before(in_time(), |octets| {
                dialogue.receive(octets);
                octets.is_empty()
            });
            assert!(!ended.await.unwrap(), "it ended: {:?}", self.dialogue.closed());
        }
    }

    /// Whether something has come that nobody has looked at, or comes at once.
    pub async fn has_heard_something(&mut self) -> bool {
        timeout(AT_ONCE, self.connection.readable()).await.is_ok()
    }

    async fn flush(&mut self) {
        let output = std::mem::take(self.dialogue.output());
        self.connection.send_before(in_time(), &output).await.unwrap();
    }
}

/// A message without the two header fields that were added on its way: `Return-Path` and `Received`.
///
/// # Panics
/// If it does not begin with them.
pub fn without_trace(message: &[u8]) -> &[u8] {
    let mut rest = message;
    for field in ["Return-Path: <", "Received: from "] {
        assert!(rest.starts_with(field.as_bytes()), "no {field}: {:?}", String::from_utf8_lossy(rest));
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n").expect("a line end");
            rest = &rest[end + 2..];
            if !rest.starts_with(b"\t") {
                break;
            }
        }
    }
    rest
}
