//! A driver without sockets: one account, a maildrop in memory, and every promise of the machine watched.

use std::sync::{Arc, LazyLock};

use pop3::reply::Refusal;
use pop3::sasl::Nonce;
use pop3::session::{Closing, Exchange, Limits, Outcome, Session, Step};
use pop3::{
    Capability, Credentials, Keyword, Maildrop, Mechanism, MessageList, Offer, ResponseCode, ScramSecret,
    Secret, Xclient,
};

/// The account of every test; its SCRAM password is the one of RFC 7677 section 3.
pub(crate) const USER: &str = "mrose";
pub(crate) const PASSWORD: &str = "a secret";
pub(crate) const BANNER: &str = "POP3 ready";
/// No more output than this waits at any moment: the mark at which it is flushed, and one reply.
pub(crate) const MOST_OUTPUT: usize = 33 * 1024;

/// What the driver does when it is asked.
#[derive(Clone, Default)]
pub(crate) struct World {
    /// The messages, un-stuffed, with CRLF.
    pub(crate) messages: Vec<String>,
    pub(crate) fails: Vec<Fails>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    Listing,
    Retrieval,
    /// The message breaks off after its first octets.
    Body,
    Commit,
}

impl World {
    /// Three messages; the second has lines with dots, the third no body.
    pub(crate) fn small() -> World {
        World {
            messages: vec![
                "Subject: one\r\n\r\nfirst\r\nsecond\r\nthird\r\n".to_owned(),
                "Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\n".to_owned(),
                "Subject: empty\r\n\r\n".to_owned(),
            ],
            fails: Vec::new(),
        }
    }

    /// The same, with something broken.
    pub(crate) fn failing(fails: Fails) -> World {
        World { fails: vec![fails], ..World::small() }
    }

    fn octets(&self) -> u64 {
        self.messages.iter().map(|message| message.len() as u64).sum()
    }
}

impl MessageList for World {
    fn messages(&self) -> usize {
        self.messages.len()
    }

    fn octets(&self, index: usize) -> u64 {
        self.messages[index].len() as u64
    }

    fn write_uidl(&self, index: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("uid{}", index + 1).as_bytes());
    }
}

/// Everything that can be offered.
pub(crate) fn full_offer() -> Offer {
    let offer = [Capability::User, Capability::Stls, Capability::Xclient]
        .into_iter()
        .fold(Offer::standard().with_implementation("mailmedic"), Offer::with);
    Mechanism::ALL.into_iter().fold(offer, Offer::with_mechanism)
}

pub(crate) struct Driver {
    pub(crate) session: Session,
    pub(crate) world: World,
    /// Everything sent to the client.
    pub(crate) sent: Vec<u8>,
    pub(crate) exchanges: Vec<Exchange>,
    /// How the session ended.
    pub(crate) closing: Option<Closing>,
    /// What QUIT deleted.
    pub(crate) deleted: Vec<usize>,
    pub(crate) forwarded: Option<Xclient>,
    pub(crate) credentials: Vec<Credentials>,
    pub(crate) listings: usize,
    pub(crate) handshakes: usize,
    /// Octets of output up to the end of the last exchange.
    reported: usize,
    most_output: usize,
}

impl Driver {
    /// Greets the client.
    pub(crate) fn new(offer: Offer, limits: Limits, world: World) -> Driver {
        let mut session = Session::new(offer, limits);
        session.greet(BANNER);
        let mut driver = Driver {
            session,
            world,
            sent: Vec::new(),
            exchanges: Vec::new(),
            closing: None,
            deleted: Vec::new(),
            forwarded: None,
            credentials: Vec::new(),
            listings: 0,
            handshakes: 0,
            reported: 0,
            most_output: 0,
        };
        driver.send();
        driver.reported = driver.sent.len();
        driver
    }

    /// Everything offered, the small maildrop, nobody logged in.
    pub(crate) fn stranger() -> Driver {
        Driver::new(full_offer(), Limits::default(), World::small())
    }

    /// The same, logged in.
    pub(crate) fn logged_in() -> Driver {
        Driver::logged_in_to(World::small())
    }

    pub(crate) fn logged_in_to(world: World) -> Driver {
        let mut driver = Driver::new(full_offer(), Limits::default(), world);
        driver.say("USER mrose\r\nPASS a secret\r\n");
        assert!(driver.session.is_logged_in());
        driver.exchanges.clear();
        driver
    }

    /// Hears the client and does what there is to do; gives what the client hears.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let start = self.sent.len();
        if self.closing.is_none() {
            self.session.receive(bytes.as_ref());
            self.run();
        }
        String::from_utf8(self.sent[start..].to_vec()).expect("replies are ASCII")
    }

    /// The same, in portions of `chunk` octets.
    pub(crate) fn say_in_chunks(&mut self, bytes: &[u8], chunk: usize) -> String {
        bytes.chunks(chunk).map(|portion| self.say(portion)).collect()
    }

    /// The client closes its sending side.
    pub(crate) fn hang_up(&mut self) -> String {
        let start = self.sent.len();
        self.session.input_closed();
        self.run();
        String::from_utf8(self.sent[start..].to_vec()).expect("replies are ASCII")
    }

    /// Everything the client has heard.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8(self.sent.clone()).expect("replies are ASCII")
    }

    fn send(&mut self) {
        self.most_output = self.most_output.max(self.session.output().len());
        self.sent.append(self.session.output());
        assert!(self.most_output <= MOST_OUTPUT, "{} octets of output waited", self.most_output);
    }

    /// Steps until the client's turn.
    pub(crate) fn run(&mut self) {
        loop {
            let step = self.session.step();
            match step {
                Step::Input => return self.send(),
                Step::Close(closing) => {
                    self.closing = Some(closing);
                    return self.send();
                }
                Step::Flush => self.send(),
                Step::Answered(exchange) => self.note(exchange),
                Step::StartTls => {
                    self.send();
                    self.handshakes += 1;
                    self.session.tls_started(full_offer());
                }
                Step::Forwarded(xclient) => {
                    self.forwarded = Some(xclient);
                    self.session.forwarded(full_offer());
                }
                Step::ScramSecret { user } => self.session.scram_secret(scram_secret(&user), &server_nonce()),
                Step::ScramRejected { .. } => self.session.refused(&log_in_failed()),
                Step::LogIn(credentials) => self.log_in(credentials),
                Step::Listing if self.fails(Fails::Listing) => self.fail("cannot list"),
                Step::Listing => {
                    self.listings += 1;
                    self.session.listing(Arc::new(self.world.clone()));
                }
                Step::Retrieve { index, lines, .. } => self.retrieve(index, lines),
                Step::Commit(_) if self.fails(Fails::Commit) => self.fail("nothing was deleted"),
                Step::Commit(indices) => {
                    self.deleted = indices;
                    self.session.committed();
                }
                Step::Unanswered => panic!("every step is answered at once"),
            }
        }
    }

    fn fails(&self, what: Fails) -> bool {
        self.world.fails.contains(&what)
    }

    fn fail(&mut self, text: &'static str) {
        self.session.refused(&Refusal::new(ResponseCode::SysTemp, text));
    }

    fn log_in(&mut self, credentials: Credentials) {
        let right = match &credentials {
            Credentials::Password { user, password } | Credentials::Plain { user, password, .. } => {
                user == USER && password.as_bytes() == PASSWORD.as_bytes()
            }
            Credentials::Scram { user, .. } => user == "user",
            Credentials::External { authzid } => authzid.as_deref() == Some(USER),
        };
        self.credentials.push(credentials);
        if right {
            let messages = self.world.messages.len() as u64;
            self.session.logged_in(Maildrop { messages, octets: self.world.octets() });
        } else {
            self.session.refused(&log_in_failed());
        }
    }

    fn retrieve(&mut self, index: usize, lines: Option<u64>) {
        if self.fails(Fails::Retrieval) {
            return self.fail("cannot read that message");
        }
        let body = stuffed(&self.world.messages[index], lines);
        self.session.retrieving();
        if self.fails(Fails::Body) {
            self.session.output().extend(body.bytes().take(4));
            return self.fail("the client cannot hear this");
        }
        self.session.output().extend_from_slice(body.as_bytes());
        self.session.retrieved(body.len() as u64);
    }

    /// Checks an exchange against what was sent: one reply, and all of it counted.
    fn note(&mut self, exchange: Exchange) {
        let waiting = self.session.output();
        let mut reply = self.sent.get(self.reported..).unwrap_or_default().to_vec();
        reply.extend_from_slice(&waiting[self.reported.saturating_sub(self.sent.len())..]);
        self.reported += reply.len();
        if self.fails(Fails::Body) && matches!(exchange.outcome, Outcome::Err(_)) && reply.starts_with(b"+OK")
        {
            return self.exchanges.push(exchange);
        }
        assert_eq!(exchange.reply, reply.len() as u64, "{exchange:?}");
        let mut reply = std::str::from_utf8(&reply).expect("replies are ASCII");
        while let Some(rest) = reply.strip_prefix("+ ") {
            assert_eq!(exchange.keyword, Some(Keyword::Auth));
            reply = rest.split_once("\r\n").expect("a challenge ends with CRLF").1;
        }
        let multi_line = match (exchange.keyword, exchange.outcome) {
            (Some(Keyword::Capa | Keyword::Retr | Keyword::Top), Outcome::Ok) => true,
            (Some(Keyword::List | Keyword::Uidl), Outcome::Ok) => exchange.parameters.is_empty(),
            _ => false,
        };
        let status = if exchange.outcome == Outcome::Ok { "+OK" } else { "-ERR" };
        assert!(reply.starts_with(status), "{exchange:?} {reply:?}");
        assert!(reply.find("\r\n").is_some_and(|end| end + 2 <= 512), "{reply:?}");
        let terminator = if multi_line { "\r\n.\r\n" } else { "\r\n" };
        assert_eq!(reply.find(terminator), Some(reply.len() - terminator.len()), "{exchange:?} {reply:?}");
        self.exchanges.push(exchange);
    }
}

/// The wire form of a message, or of its top.
pub(crate) fn stuffed(message: &str, lines: Option<u64>) -> String {
    let body = message.find("\r\n\r\n").map_or(message.len(), |end| end + 4);
    let top = lines.unwrap_or(u64::MAX);
    let header = message[..body].split_inclusive("\r\n");
    let body = message[body..].split_inclusive("\r\n").take(usize::try_from(top).unwrap_or(usize::MAX));
    header
        .chain(body)
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect()
}

fn scram_secret(user: &str) -> &'static ScramSecret {
    static KNOWN: LazyLock<ScramSecret> = LazyLock::new(|| {
        let salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
        ScramSecret::derive(&Secret::new("pencil"), salt, 4096)
    });
    static FAKE: LazyLock<ScramSecret> =
        LazyLock::new(|| ScramSecret::derive(&Secret::new("nobody knows"), b"fake but lasting", 4096));
    if user == "user" { &KNOWN } else { &FAKE }
}

/// One answer for every log-in that fails.
pub(crate) fn log_in_failed() -> Refusal {
    Refusal::new(ResponseCode::Auth, "log-in failed")
}

/// The server's part of the nonce in RFC 7677 section 3.
pub(crate) fn server_nonce() -> Nonce {
    Nonce::new("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").expect("a well-formed nonce")
}
