//! Replies as bytes: `+OK`, `-ERR`, their response codes and the limits on their first line.

use std::borrow::Cow;
use std::fmt;

/// The longest first line of a reply, CRLF included (RFC 2449 section 4).
pub const MAX_FIRST_LINE: usize = 512;

/// Why a request was refused, for programs (RFC 2449 section 8, RFC 3206).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseCode {
    /// `IN-USE`: the maildrop is locked by another session (RFC 2449 section 8.1.2).
    InUse,
    /// `LOGIN-DELAY`: too soon after the log-in before (RFC 2449 section 8.1.1).
    LoginDelay,
    /// `AUTH`: the credentials are the problem (RFC 3206 section 4).
    Auth,
    /// `SYS/TEMP`: our fault, a retry may help (RFC 3206 section 5).
    SysTemp,
    /// `SYS/PERM`: our fault, a retry does not help (RFC 3206 section 5).
    SysPerm,
    /// `X-NOT-MOUNTED`: this server does not have the user's database now. Inner leg only: look the route up again.
    XNotMounted,
}

impl ResponseCode {
    /// Every code.
    pub const ALL: [ResponseCode; 6] = [
        ResponseCode::InUse,
        ResponseCode::LoginDelay,
        ResponseCode::Auth,
        ResponseCode::SysTemp,
        ResponseCode::SysPerm,
        ResponseCode::XNotMounted,
    ];

    /// The code as it stands between the brackets.
    pub fn as_str(self) -> &'static str {
        match self {
            ResponseCode::InUse => "IN-USE",
            ResponseCode::LoginDelay => "LOGIN-DELAY",
            ResponseCode::Auth => "AUTH",
            ResponseCode::SysTemp => "SYS/TEMP",
            ResponseCode::SysPerm => "SYS/PERM",
            ResponseCode::XNotMounted => "X-NOT-MOUNTED",
        }
    }

    /// Whether the client can do nothing about it.
    pub fn is_servers_fault(self) -> bool {
        match self {
            ResponseCode::InUse
            | ResponseCode::SysTemp
            | ResponseCode::SysPerm
            | ResponseCode::XNotMounted => true,
            ResponseCode::LoginDelay | ResponseCode::Auth => false,
        }
    }

    /// The code at the start of a reply's text (what follows `-ERR `), if it is one of ours.
    ///
    /// Codes are not case-sensitive, and a code stands for those below it: `[SYS/TEMP/DISK]` is `SYS/TEMP`
    /// (RFC 2449 section 8).
    pub fn at_start_of(text: &str) -> Option<ResponseCode> {
        let (code, _) = text.strip_prefix('[')?.split_once(']')?;
        ResponseCode::ALL.into_iter().find(|known| {
            let known = known.as_str();
            code.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
                && matches!(code.as_bytes().get(known.len()), None | Some(b'/'))
        })
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A driver's negative answer: what the client is told, and whether the session goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: Option<ResponseCode>,
    /// For people. Made safe when written: printable ASCII, within one line.
    pub text: Cow<'static, str>,
    /// Whether the session ends with this reply.
    pub close: bool,
}

impl Refusal {
    /// A refusal after which the session goes on.
    pub fn new(code: impl Into<Option<ResponseCode>>, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code: code.into(), text: text.into(), close: false }
    }

    /// The same refusal, ending the session.
    #[must_use]
    pub fn closing(self) -> Refusal {
        Refusal { close: true, ..self }
    }
}

/// Appends `+OK text`.
pub fn write_ok(text: &str, out: &mut Vec<u8>) {
    write_first_line("+OK", None, text, out);
}

/// Appends the greeting (RFC 1939 section 4): `+OK banner`, with `[XCLIENT]` for a peer that may use it.
pub fn write_greeting(xclient: bool, banner: &str, out: &mut Vec<u8>) {
    // A `<…>` in the greeting is an invitation to APOP (RFC 1939 section 7), which is not offered.
    let banner = banner.replace('<', "(").replace('>', ")");
    write_first_line("+OK", xclient.then_some("XCLIENT"), &banner, out);
}

/// Appends `-ERR [code] text`.
pub fn write_err(code: Option<ResponseCode>, text: &str, out: &mut Vec<u8>) {
    write_first_line("-ERR", code.map(ResponseCode::as_str), text, out);
}

/// One line, whatever the text holds: a text from elsewhere can neither end the line early, nor pass for a response
/// code, nor break the limit of RFC 2449 section 4.
fn write_first_line(status: &str, code: Option<&str>, text: &str, out: &mut Vec<u8>) {
    let end = out.len() + MAX_FIRST_LINE - 2;
    out.extend_from_slice(status.as_bytes());
    if let Some(code) = code {
        out.extend_from_slice(b" [");
        out.extend_from_slice(code.as_bytes());
        out.push(b']');
    }
    if !text.is_empty() {
        out.push(b' ');
        let text_start = out.len();
        let room = end - text_start;
        out.extend(text.chars().take(room).map(|character| match character {
            ' '..='~' => u8::try_from(character).unwrap_or(b'?'),
            _ => b'?',
        }));
        if code.is_none() && out[text_start] == b'[' {
            out[text_start] = b'(';
        }
    }
    out.extend_from_slice(b"\r\n");
}
