//! The number list of a session and the replies that walk it.

use std::sync::Arc;

use super::FLUSH_AT;
use super::transaction::Transaction;
use crate::decimal;

/// The messages of a snapshot in the order of their numbers; place 0 is message 1. It does not change.
///
/// The session asks for places below [`messages`](MessageList::messages) only.
pub trait MessageList: Send + Sync {
    /// How many messages there are.
    fn messages(&self) -> usize;
    /// The octets RETR sends for the message, un-stuffed and without the final dot line.
    fn octets(&self, index: usize) -> u64;
    /// Appends the unique id of the message: 1 to 70 octets of 0x21 to 0x7E (RFC 1939 section 7).
    fn write_uidl(&self, index: usize, out: &mut Vec<u8>);
}

/// Which value follows the number on each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Octets,
    Uidl,
}

/// Appends `number value` for one message, without CRLF.
pub(super) fn write_entry(column: Column, list: &dyn MessageList, index: usize, out: &mut Vec<u8>) {
    decimal::write(index as u64 + 1, out);
    out.push(b' ');
    match column {
        Column::Octets => decimal::write(list.octets(index), out),
        Column::Uidl => list.write_uidl(index, out),
    }
}

/// A multi-line LIST or UIDL under way. It is written slice by slice, as the driver sends it, so that a large
/// maildrop does not fill the memory.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) transaction: Transaction,
    column: Column,
    next: usize,
}

impl Walk {
    pub(super) fn new(transaction: Transaction, column: Column) -> Walk {
        Walk { transaction, column, next: 0 }
    }

    /// Appends the next slice. Gives the transaction back when the reply is complete, and itself when it is not.
    pub(super) fn write_slice(mut self, out: &mut Vec<u8>) -> Result<Transaction, Walk> {
        if let Some(list) = self.transaction.list().map(Arc::clone) {
            let messages = list.messages();
            while self.next < messages {
                if out.len() >= FLUSH_AT {
                    return Err(self);
                }
                if !self.transaction.is_deleted(self.next) {
                    write_entry(self.column, &*list, self.next, out);
                    out.extend_from_slice(b"\r\n");
                }
                self.next += 1;
            }
        }
        out.extend_from_slice(b".\r\n");
        Ok(self.transaction)
    }
}
