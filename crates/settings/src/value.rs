//! One value an operator can set: how it is read from TOML and from a command line, and how it is written back.
//!
//! Every kind of value is a type that cannot hold anything else, so that nothing behind this crate checks a setting again.

mod address;
mod choice;
mod command;
mod name;
mod path;
mod size;
mod span;
mod text;

pub use address::{Binding, EtcdEndpoint, HttpAddress, Network, NetworkList, Target, TargetHost};
pub use choice::{CoordinatorKind, LoginType, PowerKind, RecoveryMode, RollOver, ServiceLogLevel};
pub use command::CommandLine;
pub use name::{DatabaseName, HostName, ServerName};
pub use path::{CertificateName, FilePath};
pub use size::{Size, SizeLimit};
pub use span::Span;
pub use text::{Banner, KeyPrefix, Line, RecipientDelimiter};

use std::ops::Range;

use toml::de::DeValue;

/// Why a value is refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {instead}")]
pub struct Invalid {
    /// What is wrong, with the offending text.
    pub message: String,
    /// What to write instead, as an instruction.
    pub instead: String,
    /// Which octets of a TOML text it is about, if not all of the value.
    at: Option<Range<usize>>,
}

impl Invalid {
    /// A refusal: what is wrong, and what to write instead.
    pub fn new(message: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { message: message.into(), instead: instead.into(), at: None }
    }

    /// The same about the octets `at` of a TOML text, unless it is about fewer of them already.
    fn at(self, at: Range<usize>) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }

    /// Which octets of a TOML text it is about, if not all of the value.
    pub(crate) fn place(&self) -> Option<Range<usize>> {
        self.at.clone()
    }
}

/// How a kind of value looks in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A TOML boolean or integer, without quotes.
    Bare,
    /// A TOML string.
    Quoted,
    /// A TOML array of strings; on a command line the items are separated by commas.
    List,
}

/// A kind of value an operator can set.
pub trait Value: Clone + PartialEq + std::fmt::Debug {
    /// How it looks in TOML.
    const FORM: Form = Form::Quoted;

    /// What such a value looks like, for `write …`: `a duration such as "30 min"`.
    fn example() -> String;

    /// Reads the text of a `set` command.
    fn parse(text: &str) -> Result<Self, Invalid>;

    /// The text that [`Value::parse`] reads back as the same value.
    fn text(&self) -> String;

    /// The TOML source of the value.
    fn toml(&self) -> String {
        match Self::FORM {
            Form::Bare => self.text(),
            Form::Quoted | Form::List => quoted(&self.text()),
        }
    }

    /// Reads a TOML value, and tells everything that is wrong with it.
    fn read(value: &DeValue<'_>) -> Result<Self, Vec<Invalid>> {
        let read = match value {
            DeValue::String(text) if Self::FORM == Form::Bare && Self::parse(text).is_ok() => Err(
                Invalid::new(format!("{} is a string", quoted(text)), format!("write {text} without quotes")),
            ),
            DeValue::String(text) => Self::parse(text),
            DeValue::Integer(number) if number.radix() == 10 => Self::parse(number.as_str()),
            DeValue::Boolean(flag) => Self::parse(if *flag { "true" } else { "false" }),
            other => Err(Invalid::new(
                format!("{} is not possible here", kind(other)),
                format!("write {}", Self::example()),
            )),
        };
        read.map_err(|invalid| vec![invalid])
    }
}

/// What a reader calls a TOML value: `a table`, `an array`.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a decimal point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// `text` as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Value for bool {
    const FORM: Form = Form::Bare;

    fn example() -> String {
        "true or false".into()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        match text.trim().trim_start_matches('$').to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Invalid::new(
                format!("{} is neither true nor false", quoted(text)),
                "write true or false",
            )),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

macro_rules! number {
    ($type:ty, $example:literal) => {
        impl Value for $type {
            const FORM: Form = Form::Bare;

            fn example() -> String {
                $example.into()
            }

            fn parse(text: &str) -> Result<Self, Invalid> {
                let digits = text.trim();
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(Invalid::new(
                        format!("{} is not a whole number", quoted(text)),
                        concat!("write ", $example),
                    ));
                }
                digits.parse().map_err(|_| {
                    Invalid::new(
                        format!("{digits} is too large"),
                        format!("write a number up to {}", <$type>::MAX),
                    )
                })
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    };
}

number!(u16, "a port number such as 1995");
number!(u32, "a whole number such as 16");

impl<T: Value> Value for Vec<T> {
    const FORM: Form = Form::List;

    fn example() -> String {
        format!("a list of which each item is {}", T::example())
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(T::parse).collect()
    }

    fn text(&self) -> String {
        self.iter().map(T::text).collect::<Vec<_>>().join(",")
    }

    fn toml(&self) -> String {
        format!("[{}]", self.iter().map(T::toml).collect::<Vec<_>>().join(", "))
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Vec<Invalid>> {
        let DeValue::Array(items) = value else {
            // Most likely one thing was meant as a list of one.
            let one = T::read(value).map_or_else(|_| Self::example(), |one| vec![one].toml());
            let message = format!("{} is not possible here", kind(value));
            return Err(vec![Invalid::new(message, format!("write {one}"))]);
        };
        let (mut list, mut wrong) = (Vec::new(), Vec::new());
        for item in items {
            match T::read(item.get_ref()) {
                Ok(item) => list.push(item),
                Err(invalid) => wrong.extend(invalid.into_iter().map(|invalid| invalid.at(item.span()))),
            }
        }
        if wrong.is_empty() { Ok(list) } else { Err(wrong) }
    }
}

/// A value that may be absent, written `none`.
impl<T: Value> Value for Option<T> {
    const FORM: Form = Form::Quoted;

    fn example() -> String {
        format!("\"none\", or {}", T::example())
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        if text.trim().eq_ignore_ascii_case("none") { Ok(None) } else { T::parse(text).map(Some) }
    }

    fn text(&self) -> String {
        self.as_ref().map_or_else(|| "none".into(), T::text)
    }
}
