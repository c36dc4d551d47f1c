//! The TRANSACTION state (RFC 1939 section 5): the maildrop as of log-in, and what is marked deleted.

use std::fmt;
use std::sync::Arc;

use super::listing::{Column, MessageList, Walk, write_entry};
use super::marks::Marks;
use super::state::{Awaiting, Body, Desk, Next, State};
use super::step::{Closing, Step};
use crate::{Command, MessageNumber};

/// What the maildrop holds when the session begins; STAT answers from it before the number list is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maildrop {
    /// How many messages.
    pub messages: u64,
    /// How many octets together, as RETR sends them, un-stuffed.
    pub octets: u64,
}

pub(super) struct Transaction {
    maildrop: Maildrop,
    list: Option<Arc<dyn MessageList>>,
    deleted: Marks,
}

/// Why a message number is refused.
const NO_SUCH_MESSAGE: &str = "no such message";
const MARKED_DELETED: &str = "message is marked deleted";

impl Transaction {
    pub(super) fn new(maildrop: Maildrop) -> Transaction {
        Transaction { maildrop, list: None, deleted: Marks::default() }
    }

    pub(super) fn list(&self) -> Option<&Arc<dyn MessageList>> {
        self.list.as_ref()
    }

    pub(super) fn is_deleted(&self, index: usize) -> bool {
        self.deleted.contains(index)
    }

    /// Takes the number list. From now on it is the one truth about the maildrop.
    pub(super) fn learn(&mut self, list: Arc<dyn MessageList>) {
        let messages = list.messages();
        let octets = (0..messages).fold(0u64, |sum, index| sum.saturating_add(list.octets(index)));
        self.maildrop = Maildrop { messages: messages as u64, octets };
        self.list = Some(list);
    }

    /// What STAT says: messages marked deleted do not count (RFC 1939 section 5).
    fn remaining(&self) -> Maildrop {
        Maildrop {
            messages: self.maildrop.messages.saturating_sub(self.deleted.count()),
            octets: self.maildrop.octets.saturating_sub(self.deleted.octets()),
        }
    }

    /// Answers a command, or asks for the number list first.
    pub(super) fn command(self, command: Command, desk: &mut Desk<'_>) -> Next {
        match command {
            Command::List(_) | Command::Uidl(_) | Command::Retr(_) | Command::Top(..) | Command::Dele(_)
                if self.list.is_none() && self.maildrop.messages > 0 =>
            {
                Next::ask(Awaiting::Listing(self, command), Step::Listing)
            }
            Command::Stat => {
                let Maildrop { messages, octets } = self.remaining();
                desk.ok(&format!("{messages} {octets}"), State::Transaction(self))
            }
            Command::List(Some(number)) => self.one_entry(Column::Octets, number, desk),
            Command::Uidl(Some(number)) => self.one_entry(Column::Uidl, number, desk),
            Command::List(None) => {
                let Maildrop { messages, octets } = self.remaining();
                self.all_entries(Column::Octets, &format!("{messages} messages ({octets} octets)"), desk)
            }
            Command::Uidl(None) => self.all_entries(Column::Uidl, "", desk),
            Command::Retr(number) => self.retrieve(number, None, desk),
            Command::Top(number, lines) => self.retrieve(number, Some(lines), desk),
            Command::Dele(number) => self.delete(number, desk),
            Command::Noop => desk.ok("", State::Transaction(self)),
            Command::Rset => {
                let undeleted = Transaction { deleted: Marks::default(), ..self };
                let Maildrop { messages, octets } = undeleted.maildrop;
                let text = format!("maildrop has {messages} messages ({octets} octets)");
                desk.ok(&text, State::Transaction(undeleted))
            }
            Command::Capa => {
                desk.write_capabilities();
                Next::ok(State::Transaction(self))
            }
            // RFC 1939 section 6: only QUIT in this state enters UPDATE. Nothing marked, nothing to commit.
            Command::Quit if self.deleted.count() == 0 => desk.ok("bye", State::Closed(Closing::Quit)),
            Command::Quit => Next::ask(Awaiting::Commit, Step::Commit(self.deleted.indices())),
            Command::User(_)
            | Command::Pass(_)
            | Command::Auth { .. }
            | Command::Stls
            | Command::Xclient(_) => desk.err("already logged in", State::Transaction(self)),
        }
    }

    fn one_entry(self, column: Column, number: MessageNumber, desk: &mut Desk<'_>) -> Next {
        match self.find(number) {
            Ok((list, index)) => {
                desk.output.extend_from_slice(b"+OK ");
                write_entry(column, &**list, index, desk.output);
                desk.output.extend_from_slice(b"\r\n");
                Next::ok(State::Transaction(self))
            }
            Err(text) => desk.negative(text, State::Transaction(self)),
        }
    }

    fn all_entries(self, column: Column, text: &str, desk: &mut Desk<'_>) -> Next {
        crate::reply::write_ok(text, desk.output);
        Next::walk(Walk::new(self, column), desk)
    }

    fn retrieve(self, number: MessageNumber, lines: Option<u64>, desk: &mut Desk<'_>) -> Next {
        match self.find(number) {
            Ok((list, index)) => {
                let octets = list.octets(index);
                let body = Body { octets: lines.is_none().then_some(octets), started: false };
                Next::ask(Awaiting::Body(self, body), Step::Retrieve { number, index, lines })
            }
            Err(text) => desk.negative(text, State::Transaction(self)),
        }
    }

    fn delete(mut self, number: MessageNumber, desk: &mut Desk<'_>) -> Next {
        match self.find(number).map(|(list, index)| (index, list.octets(index))) {
            Ok((index, octets)) => {
                self.deleted.insert(index, octets);
                desk.ok("marked deleted", State::Transaction(self))
            }
            Err(text) => desk.negative(text, State::Transaction(self)),
        }
    }

    /// The list and the place of a message that exists and is not marked deleted.
    fn find(&self, number: MessageNumber) -> Result<(&Arc<dyn MessageList>, usize), &'static str> {
        let index = number.index();
        let list = self.list.as_ref().filter(|list| index < list.messages()).ok_or(NO_SUCH_MESSAGE)?;
        if self.deleted.contains(index) { Err(MARKED_DELETED) } else { Ok((list, index)) }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("maildrop", &self.maildrop).finish_non_exhaustive()
    }
}
