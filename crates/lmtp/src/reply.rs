//! Replies: a code, usually an enhanced code (RFC 2034, RFC 3463), and a text.

use std::fmt;

/// The longest text a reply of ours carries: RFC 5321 §4.5.3.1.5 allows 512 octets a line in all.
const TEXT_LIMIT: usize = 480;

/// What the first digit of a reply says (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// `2yz`: done.
    Positive,
    /// `3yz`: go on.
    Intermediate,
    /// `4yz`: not now; the same may succeed later.
    Transient,
    /// `5yz`: never.
    Permanent,
}

/// `class.subject.detail` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedCode {
    /// 2, 4 or 5.
    pub class: u8,
    /// What it is about.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    text: String,
}

impl EnhancedCode {
    /// The code `class.subject.detail`.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// Reads an enhanced code from the start of a reply's text, with what follows it.
    fn split(text: &str) -> Option<(Self, &str)> {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = code.split('.').map(number);
        let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
        let class = u8::try_from(class).ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        parts.next().is_none().then_some((Self { class, subject, detail }, rest))
    }
}

/// RFC 3463 §2: one to three digits.
fn number(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl Reply {
    /// A reply with an enhanced code, whose class is that of the reply code: the code's hundreds, 2 to 5.
    /// Whatever in `text` does not belong in a line becomes a space, and an over-long text is cut.
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<String>) -> Self {
        // RFC 2034 §4: the class agrees with the reply code. 3yz replies have none.
        let enhanced = match code / 100 {
            2 => Some(2),
            4 => Some(4),
            5 => Some(5),
            _ => None,
        };
        let enhanced = enhanced.map(|class| EnhancedCode { class, subject, detail });
        Self { code: code.clamp(200, 599), enhanced, text: printable(text.into()) }
    }

    /// A reply without an enhanced code, as greetings and the replies to LHLO are (RFC 2034 §3).
    pub fn plain(code: u16, text: impl Into<String>) -> Self {
        Self { code: code.clamp(200, 599), enhanced: None, text: printable(text.into()) }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, if there is one.
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text; the lines of a longer reply are joined by LF.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the first digit says.
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            2 => Severity::Positive,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    /// Whether the command did what it was for.
    pub fn is_positive(&self) -> bool {
        self.severity() == Severity::Positive
    }

    /// A reply made of a peer's lines.
    pub(crate) fn received(code: u16, text: &str) -> Self {
        match EnhancedCode::split(text).filter(|(enhanced, _)| u16::from(enhanced.class) == code / 100) {
            Some((enhanced, rest)) => Self { code, enhanced: Some(enhanced), text: rest.to_owned() },
            None => Self { code, enhanced: None, text: text.to_owned() },
        }
    }

    /// Appends the reply's line.
    pub(crate) fn write_to(&self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.to_string().as_bytes());
        output.extend_from_slice(b"\r\n");
    }
}

impl fmt::Display for Reply {
    /// Code, enhanced code and text, as on the wire but without the CRLF.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text)
    }
}

fn printable(text: String) -> String {
    if text.len() <= TEXT_LIMIT && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    let shown = |character: char| if matches!(character, ' '..='~') { character } else { ' ' };
    text.chars().map(shown).take(TEXT_LIMIT).collect()
}
