//! What the session says of its own.

use crate::{CommandError, Reply};

pub(super) fn ok() -> Reply {
    Reply::new(250, 0, 0, "OK")
}

pub(super) fn sender_ok() -> Reply {
    Reply::new(250, 1, 0, "Sender OK")
}

pub(super) fn recipient_ok() -> Reply {
    Reply::new(250, 1, 5, "Recipient OK")
}

pub(super) fn send_message() -> Reply {
    Reply::plain(354, "End the message with <CRLF>.<CRLF>")
}

pub(super) fn goodbye() -> Reply {
    Reply::new(221, 0, 0, "Goodbye")
}

/// RFC 5321 §3.5.3: the address is neither confirmed nor denied.
pub(super) fn cannot_verify() -> Reply {
    Reply::new(252, 0, 0, "Send mail and see")
}

pub(super) fn out_of_order(text: &str) -> Reply {
    Reply::new(503, 5, 1, text)
}

pub(super) fn too_many_recipients() -> Reply {
    Reply::new(452, 5, 3, "Too many recipients in one transaction")
}

/// RFC 1870 §6.1 and §6.3.
pub(super) fn too_large(limit: u64) -> Reply {
    Reply::new(552, 3, 4, format!("Message exceeds {limit} octets"))
}

pub(super) fn too_many_errors() -> Reply {
    Reply::new(421, 5, 0, "Too many errors")
}

/// The reply to what is no command (RFC 5321 §4.2.4, RFC 3463 §3.2 and §3.6).
pub(super) fn no_command(error: CommandError) -> Reply {
    let (code, subject, detail) = match error {
        CommandError::TooLong | CommandError::Character => (500, 5, 2),
        CommandError::Unknown | CommandError::NotSmtp => (500, 5, 1),
        CommandError::Syntax => (501, 5, 2),
        CommandError::Sender(_) => (501, 1, 7),
        CommandError::Recipient(_) => (501, 1, 3),
        CommandError::Parameter | CommandError::Xclient(_) => (501, 5, 4),
        CommandError::UnknownParameter => (555, 5, 4),
    };
    Reply::new(code, subject, detail, capitalised(&error.to_string()))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
