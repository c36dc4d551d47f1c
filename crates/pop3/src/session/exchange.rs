//! What the protocol log says of one command and its reply.

use crate::{Command, CommandError, Keyword, ResponseCode};

/// One command and its reply, without secrets. Times are the driver's to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The command, or `None` when the line was none of ours.
    pub keyword: Option<Keyword>,
    /// The arguments, masked. Empty when the line could not be parsed: what it held may be a secret.
    pub parameters: String,
    /// Octets of the request, CRLFs and the lines of a SASL exchange included.
    pub request: u64,
    /// Octets of the reply, a message's body included.
    pub reply: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// `+OK`.
    Ok,
    /// `-ERR`, with its response code.
    Err(Option<ResponseCode>),
}

impl Outcome {
    /// The outcome as replies begin with it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "+OK",
            Outcome::Err(None) => "-ERR",
            Outcome::Err(Some(ResponseCode::InUse)) => "-ERR [IN-USE]",
            Outcome::Err(Some(ResponseCode::LoginDelay)) => "-ERR [LOGIN-DELAY]",
            Outcome::Err(Some(ResponseCode::Auth)) => "-ERR [AUTH]",
            Outcome::Err(Some(ResponseCode::SysTemp)) => "-ERR [SYS/TEMP]",
            Outcome::Err(Some(ResponseCode::SysPerm)) => "-ERR [SYS/PERM]",
            Outcome::Err(Some(ResponseCode::XNotMounted)) => "-ERR [X-NOT-MOUNTED]",
        }
    }
}

/// The exchange under way.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) keyword: Option<Keyword>,
    pub(super) parameters: String,
    pub(super) reply: u64,
}

impl Draft {
    pub(super) fn of(parsed: &Result<Command, CommandError>) -> Draft {
        let (keyword, parameters) = match parsed {
            Ok(command) => (Some(command.keyword()), command.masked_arguments()),
            Err(error) => (error.keyword, String::new()),
        };
        Draft { keyword, parameters, reply: 0 }
    }
}
