//! What an attempt does over POP3.

use health::{Failure, FailureReason, Phase};
use pop3::client::{Capabilities, Event, LogIn};
use pop3::{Command, Mechanism, MessageNumber, Secret};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::attempt::{Known, connect, secure};
use crate::endpoint::{Endpoint, Security};
use crate::recorder::Recorder;
use crate::talk::Talk;

/// Who logs in.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The password.
    pub secret: Secret,
}

/// What an attempt does.
#[derive(Clone, Copy, Debug)]
pub enum Scenario<'a> {
    /// Greeting, CAPA, QUIT.
    Greet,
    /// Log in, STAT, QUIT.
    LogIn(&'a Account),
    /// Log in, STAT, UIDL, LIST, RETR of the newest message if there is one, QUIT.
    ReadNewest(&'a Account),
    /// Log in, STAT, UIDL, LIST, RETR of the known message and compare it, QUIT.
    ReadKnown(&'a Mailbox<'a>),
    /// The same with a message delivered for this probe, or the known one if there is none; all that were delivered for it
    /// are deleted, and a second session must see them gone.
    Touch(&'a Mailbox<'a>),
}

/// A mailbox of which it is known what should be in it.
#[derive(Clone, Copy)]
pub struct Mailbox<'a> {
    /// Who logs in.
    pub account: &'a Account,
    /// The message that is always there, if there is one.
    pub known: Option<Content>,
    /// Whose a message is, by its header.
    pub whose: &'a (dyn Fn(&[u8]) -> Whose + Sync),
}

impl std::fmt::Debug for Mailbox<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("user", &self.account.user).finish_non_exhaustive()
    }
}

/// What a message must be: it ends with so many octets that have this SHA-256. What mail servers put in front of it is
/// theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The digest.
    pub sha256: [u8; 32],
    /// How many octets, dots undone.
    pub octets: u64,
}

/// Whose a message in a mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It calls itself the known message.
    Known,
    /// It was delivered for this probe; what it must be, if that is remembered.
    Ours(Option<Content>),
    /// It is somebody else's.
    Others,
}

/// How many messages are looked at to find those that are wanted, the newest first. More of them mean that somebody does
/// not tidy up.
const LOOKED_AT: usize = 64;
/// How much of a header is read: none of ours is longer.
const HEADER: usize = 16 << 10;

pub(crate) async fn carry_out(
    endpoint: &Endpoint,
    scenario: &Scenario<'_>,
    recorder: &mut Recorder,
    known: &mut Known,
    deadline: Instant,
) -> Result<(), Failure> {
    let mut session = Session::open(endpoint, recorder, known, deadline).await?;
    match scenario {
        Scenario::Greet => session.quit().await,
        Scenario::LogIn(account) => {
            session.log_in(account).await?;
            session.stat().await?;
            session.quit().await
        }
        Scenario::ReadNewest(account) => {
            session.log_in(account).await?;
            let listing = session.listing().await?;
            if let Some((number, octets)) = listing.entries.last().copied() {
                session.retrieve(number, octets, None).await?;
            }
            session.quit().await
        }
        Scenario::ReadKnown(mailbox) => {
            session.log_in(mailbox.account).await?;
            let listing = session.listing().await?;
            session.read_known(mailbox, &listing).await?;
            session.quit().await
        }
        Scenario::Touch(mailbox) => {
            session.log_in(mailbox.account).await?;
            let deleted = session.touch(mailbox).await?;
            session.quit().await?;
            drop(session);
            if deleted.is_empty() {
                return Ok(());
            }
            let mut second = Session::open(endpoint, recorder, known, deadline).await?;
            second.log_in(mailbox.account).await?;
            second.require_gone(&deleted).await?;
            second.quit().await
        }
    }
}

/// A session under way.
struct Session<'a> {
    talk: Talk<'a>,
    capabilities: Capabilities,
}

/// What is in the maildrop.
struct Listing {
    /// Numbers and octets, in their order.
    entries: Vec<(MessageNumber, u64)>,
    uidls: Vec<(MessageNumber, String)>,
}

impl<'a> Session<'a> {
    /// Connects, reads the greeting and the capabilities, and starts TLS if that is asked for after them.
    async fn open(
        endpoint: &Endpoint,
        recorder: &'a mut Recorder,
        known: &mut Known,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let connection = connect(endpoint, recorder, known, deadline).await?;
        recorder.enter(Phase::Greeting);
        let mut talk = Talk::new(connection, recorder, crate::attempt::far(deadline));
        talk.until(|event| matches!(event, Event::Greeting(_)).then_some(())).await?;
        let mut capabilities = capa(&mut talk).await?;
        if let Security::StartTls(tls, name) = &endpoint.security {
            talk.say(Phase::Tls, &Command::Stls)?;
            talk.until(|event| matches!(event, Event::StartTls).then_some(())).await?;
            let Talk { connection, mut dialogue, recorder, .. } = talk;
            let secured = secure(connection, tls, name, recorder, known, deadline).await?;
            dialogue.tls_started();
            talk = Talk::new(secured, recorder, crate::attempt::far(deadline));
            talk.dialogue = dialogue;
            capabilities = capa(&mut talk).await?;
        }
        Ok(Self { talk, capabilities })
    }

    async fn log_in(&mut self, account: &Account) -> Result<(), Failure> {
        let (user, password) = (account.user.clone(), account.secret.clone());
        // USER and PASS are what most clients use; a server that does not list them wants SASL.
        let sasl_only = !self.capabilities.has("USER") && self.capabilities.has_mechanism(Mechanism::Plain);
        let log_in = if sasl_only {
            LogIn::Plain { authzid: None, user, password }
        } else {
            LogIn::Password { user, password }
        };
        self.talk.log_in(log_in, &account.user)?;
        self.talk.until(|event| matches!(event, Event::LoggedIn(_)).then_some(())).await
    }

    async fn stat(&mut self) -> Result<(u64, u64), Failure> {
        self.talk.say(Phase::Stat, &Command::Stat)?;
        self.talk
            .until(|event| match event {
                Event::Stat { messages, octets } => Some((messages, octets)),
                _ => None,
            })
            .await
    }

    async fn uidls(&mut self) -> Result<Vec<(MessageNumber, String)>, Failure> {
        self.talk.say(Phase::Uidl, &Command::Uidl(None))?;
        self.talk
            .until(|event| match event {
                Event::Uidl(entries) => Some(entries),
                _ => None,
            })
            .await
    }

    /// STAT, UIDL and LIST, which must agree.
    async fn listing(&mut self) -> Result<Listing, Failure> {
        let (messages, octets) = self.stat().await?;
        let uidls = self.uidls().await?;
        self.talk.say(Phase::List, &Command::List(None))?;
        let listed = self.talk.until(|event| match event {
            Event::List(entries) => Some(entries),
            _ => None,
        });
        let entries = listed.await?;
        let sum: u64 = entries.iter().map(|(_, octets)| octets).sum();
        let (listed, named) = (entries.len() as u64, uidls.len() as u64);
        if (listed, named, sum) != (messages, messages, octets) {
            return Err(self.talk.recorder.failure(
                FailureReason::WrongContent,
                format!(
                    "STAT says {messages} messages of {octets} octets, UIDL has {named}, LIST {listed} of {sum} octets"
                ),
            ));
        }
        Ok(Listing { entries, uidls })
    }

    /// Retrieves a message, which must have as many octets as LIST said, and be what it should be.
    async fn retrieve(
        &mut self,
        number: MessageNumber,
        octets: u64,
        content: Option<Content>,
    ) -> Result<(), Failure> {
        self.talk.say(Phase::Retrieve, &Command::Retr(number))?;
        let mut skip = content.map_or(0, |content| octets.saturating_sub(content.octets));
        let (mut received, mut digest) = (0_u64, Sha256::new());
        let whole = self.talk.until(|event| match event {
            Event::Body(chunk) => {
                received += chunk.len() as u64;
                let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
                skip -= skipped as u64;
                digest.update(&chunk[skipped..]);
                None
            }
            Event::Retrieved => Some(()),
            _ => None,
        });
        whole.await?;
        let wrong = |detail: String| Err(self.talk.recorder.failure(FailureReason::WrongContent, detail));
        if received != octets {
            return wrong(format!("message {number} has {received} octets, and LIST said {octets}"));
        }
        match content {
            Some(content) if octets < content.octets => {
                wrong(format!("message {number} has {octets} octets, and {} were delivered", content.octets))
            }
            Some(content) if <[u8; 32]>::from(digest.finalize()) != content.sha256 => {
                wrong(format!("message {number} is not what was delivered"))
            }
            _ => Ok(()),
        }
    }

    /// Whose a message is: its header, by TOP if the server has it.
    async fn whose(&mut self, number: MessageNumber, mailbox: &Mailbox<'_>) -> Result<Whose, Failure> {
        let command =
            if self.capabilities.has("TOP") { Command::Top(number, 0) } else { Command::Retr(number) };
        self.talk.say(Phase::Retrieve, &command)?;
        let mut header = Vec::new();
        let read = self.talk.until(|event| match event {
            Event::Body(chunk) => {
                let room = HEADER.saturating_sub(header.len()).min(chunk.len());
                header.extend_from_slice(&chunk[..room]);
                None
            }
            Event::Retrieved => Some(()),
            _ => None,
        });
        read.await?;
        Ok((mailbox.whose)(&header))
    }

    /// Finds the known message, which was there first, and compares it.
    async fn read_known(&mut self, mailbox: &Mailbox<'_>, listing: &Listing) -> Result<(), Failure> {
        for (number, octets) in listing.entries.iter().take(LOOKED_AT) {
            if self.whose(*number, mailbox).await? == Whose::Known {
                return self.retrieve(*number, *octets, mailbox.known).await;
            }
        }
        let looked_at = listing.entries.len().min(LOOKED_AT);
        Err(self.talk.recorder.failure(
            FailureReason::WrongContent,
            if mailbox.known.is_some() {
                format!("the known message is not there, among {looked_at} messages")
            } else {
                format!("what was delivered is not there, among the last {looked_at} messages")
            },
        ))
    }

    /// Reads what was delivered for this probe, and deletes it; the UIDLs of what is deleted.
    async fn touch(&mut self, mailbox: &Mailbox<'_>) -> Result<Vec<String>, Failure> {
        let listing = self.listing().await?;
        let (mut ours, mut read) = (Vec::new(), false);
        for (number, octets) in listing.entries.iter().rev().take(LOOKED_AT) {
            match self.whose(*number, mailbox).await? {
                Whose::Ours(content) => {
                    if !read && content.is_some() {
                        self.retrieve(*number, *octets, content).await?;
                        read = true;
                    }
                    ours.push(*number);
                }
                Whose::Known => {
                    // The first of all: what came for us stands behind it.
                    break;
                }
                Whose::Others => {}
            }
        }
        if !read {
            self.read_known(mailbox, &listing).await?;
        }
        for number in &ours {
            self.talk.say(Phase::Delete, &Command::Dele(*number))?;
            self.talk.until(|event| matches!(event, Event::Deleted).then_some(())).await?;
        }
        let of_ours = listing.uidls.into_iter().filter(|(number, _)| ours.contains(number));
        Ok(of_ours.map(|(_, uidl)| uidl).collect())
    }

    /// What was deleted must not be there any more.
    async fn require_gone(&mut self, deleted: &[String]) -> Result<(), Failure> {
        let left = self.uidls().await?;
        self.talk.recorder.enter(Phase::Delete);
        match left.iter().find(|(_, uidl)| deleted.contains(uidl)) {
            None => Ok(()),
            Some((number, uidl)) => Err(self.talk.recorder.failure(
                FailureReason::WrongContent,
                format!("message {number} ({uidl}) was deleted, and is there again"),
            )),
        }
    }

    async fn quit(&mut self) -> Result<(), Failure> {
        self.talk.say(Phase::Quit, &Command::Quit)?;
        self.talk.until(|event| matches!(event, Event::Quit).then_some(())).await
    }
}

/// CAPA; a server that does not know it has none (RFC 2449 section 5).
async fn capa(talk: &mut Talk<'_>) -> Result<Capabilities, Failure> {
    talk.say(Phase::Capabilities, &Command::Capa)?;
    let answered = talk.until(|event| match event {
        Event::Capabilities(capabilities) => Some(capabilities),
        _ => None,
    });
    match answered.await {
        Err(failure) if failure.reason == FailureReason::Refused => Ok(Capabilities::default()),
        answered => answered,
    }
}
