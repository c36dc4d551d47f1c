//! A driver that keeps what it is given, and says of each recipient what its name says.
//!
//! `unknown…` and `full…` are refused at RCPT; `fails…` is accepted and cannot be delivered. A sender `refused…` is
//! refused.

use lmtp::server::{Answered, Limits, Offer, Session, Step};
use lmtp::{Address, MailParameters, Reply};

/// A message as the driver got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) sender: Option<String>,
    pub(crate) parameters: MailParameters,
    pub(crate) recipients: Vec<String>,
    pub(crate) content: Vec<u8>,
}

/// In which order the driver learns what became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcomes {
    InOrder,
    Backwards,
    /// Only when [`Driver::deliver`] is called.
    Later,
}

pub(crate) struct Driver {
    pub(crate) session: Session,
    pub(crate) outcomes: Outcomes,
    /// The transaction under way.
    message: Message,
    pub(crate) delivered: Vec<Message>,
    /// How often a transaction was given up.
    pub(crate) abandoned: usize,
    /// What the session answered by itself.
    pub(crate) answered: Vec<Answered>,
    pub(crate) closed: bool,
}

pub(crate) fn inner() -> Offer {
    Offer { xclient: true, delivery_id: true }
}

impl Driver {
    pub(crate) fn new() -> Driver {
        Driver::with(Offer::default(), Limits::default())
    }

    pub(crate) fn with(offer: Offer, limits: Limits) -> Driver {
        let mut session = Session::new("mx.example.com", offer, limits);
        session.greet();
        Driver {
            session,
            outcomes: Outcomes::InOrder,
            message: Message::default(),
            delivered: Vec::new(),
            abandoned: 0,
            answered: Vec::new(),
            closed: false,
        }
    }

    /// Says bytes; gives what is heard since the last time.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> String {
        self.say_in_chunks(bytes.as_ref(), usize::MAX)
    }

    pub(crate) fn say_in_chunks(&mut self, bytes: &[u8], size: usize) -> String {
        for piece in bytes.chunks(size.min(bytes.len()).max(1)) {
            self.session.receive(piece);
            self.run();
        }
        self.heard()
    }

    pub(crate) fn close_input(&mut self) -> String {
        self.session.input_closed();
        self.run();
        self.heard()
    }

    pub(crate) fn heard(&mut self) -> String {
        String::from_utf8(std::mem::take(self.session.output())).expect("replies are ASCII")
    }

    /// The codes of what is heard, one for each reply.
    pub(crate) fn codes(&mut self, bytes: impl AsRef<[u8]>) -> Vec<u16> {
        let heard = self.say(bytes);
        let last_lines = heard.lines().filter(|line| line.as_bytes().get(3) != Some(&b'-'));
        last_lines.map(|line| line[..3].parse().expect("a code")).collect()
    }

    pub(crate) fn run(&mut self) {
        loop {
            match self.session.step() {
                Step::Input | Step::Answer => return,
                Step::Close => {
                    self.closed = true;
                    return;
                }
                Step::Forwarded(xclient) if xclient.ttl == Some(0) => {
                    self.session.refuse(&Reply::new(550, 4, 6, "Loop"));
                }
                Step::Forwarded(_) => self.session.forwarded(Offer { xclient: false, delivery_id: true }),
                Step::Sender(sender, parameters) => {
                    assert_eq!(self.message, Message::default(), "one transaction at a time");
                    let sender = sender.map(|address| address.to_string());
                    if sender.as_ref().is_some_and(|sender| sender.starts_with("refused")) {
                        self.session.refuse(&Reply::new(550, 7, 1, "Not from you"));
                    } else {
                        self.message = Message { sender, parameters, ..Message::default() };
                        self.session.accept();
                    }
                }
                Step::Recipient(address) => self.recipient(&address),
                Step::Data(bytes) => {
                    assert!(!bytes.is_empty());
                    self.message.content.extend_from_slice(bytes);
                }
                Step::DataEnd => {
                    self.delivered.push(std::mem::take(&mut self.message));
                    let recipients = self.delivered.last().map_or(0, |message| message.recipients.len());
                    let mut order: Vec<_> = (0..recipients).collect();
                    match self.outcomes {
                        Outcomes::InOrder => {}
                        Outcomes::Backwards => order.reverse(),
                        Outcomes::Later => order.clear(),
                    }
                    for recipient in order {
                        self.deliver(recipient);
                    }
                }
                Step::Abandoned => {
                    self.abandoned += 1;
                    self.message = Message::default();
                }
                Step::Answered(answered) => self.answered.push(answered),
            }
        }
    }

    fn recipient(&mut self, address: &Address) {
        match address.local() {
            local if local.starts_with("unknown") => {
                self.session.refuse(&Reply::new(550, 1, 1, "No such user"));
            }
            local if local.starts_with("full") => {
                self.session.refuse(&Reply::new(452, 2, 2, "Mailbox full"));
            }
            _ => {
                self.message.recipients.push(address.to_string());
                self.session.accept();
            }
        }
    }

    /// Says what became of the last message for a recipient.
    pub(crate) fn deliver(&mut self, recipient: usize) {
        let name = self.delivered.last().and_then(|message| message.recipients.get(recipient));
        let name = name.expect("there is such a recipient");
        let reply = if name.starts_with("fails") {
            Reply::new(451, 3, 0, format!("{name} not now"))
        } else {
            Reply::new(250, 0, 0, format!("{name} delivered"))
        };
        self.session.delivered(recipient, reply);
    }
}

/// A transaction up to the message: LHLO, MAIL and recipients.
pub(crate) fn to(recipients: &[&str]) -> String {
    let mut text = "LHLO client\r\nMAIL FROM:<ann@example.com>\r\n".to_owned();
    for recipient in recipients {
        text.extend(["RCPT TO:<", recipient, ">\r\n"]);
    }
    text
}
