//! Why something was not done: the body of every answer that is not a success (RFC 9457).

use std::fmt;

use serde::{Deserialize, Serialize};
use settings::nearest;
use utoipa::ToSchema;

/// What kind of problem it is. The HTTP status, the exit code of a command and whether a retry helps all follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What was asked for makes no sense.
    BadInput,
    /// There is nothing of that name.
    Unknown,
    /// Things are in a state that does not allow it.
    Refused,
    /// Somebody else does something that stands in the way; afterwards it may be possible.
    Conflict,
    /// The caller may not.
    Forbidden,
    /// It is not known who the caller is.
    Unauthenticated,
    /// What is needed for it cannot be reached. Nothing was done.
    Unavailable,
    /// It may have been done or not: an answer did not come.
    OutcomeUnknown,
    /// A mistake of ours.
    Internal,
}

/// Whose fault a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: ask something else.
    Caller,
    /// Nobody's: things are as they are.
    State,
    /// Ours, or our network's.
    Service,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::BadInput,
        Self::Unknown,
        Self::Refused,
        Self::Conflict,
        Self::Forbidden,
        Self::Unauthenticated,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The HTTP status (RFC 9110 §15), a different one for each kind.
    pub fn status(self) -> u16 {
        match self {
            Self::BadInput => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::Unknown => 404,
            Self::Conflict => 409,
            Self::Refused => 422,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::OutcomeUnknown => 504,
        }
    }

    /// The kind that an HTTP status stands for: for answers that have no problem in them, from a proxy on the way.
    pub fn of_status(status: u16) -> Self {
        Self::ALL.into_iter().find(|kind| kind.status() == status).unwrap_or(match status {
            400..500 => Self::BadInput,
            _ => Self::Internal,
        })
    }

    /// The exit code of a command: 2 if what was typed makes no sense, otherwise 1.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::BadInput | Self::Unknown => 2,
            _ => 1,
        }
    }

    /// Whose fault it is.
    pub fn fault(self) -> Fault {
        match self {
            Self::BadInput | Self::Unknown | Self::Forbidden | Self::Unauthenticated => Fault::Caller,
            Self::Refused | Self::Conflict => Fault::State,
            Self::Unavailable | Self::OutcomeUnknown | Self::Internal => Fault::Service,
        }
    }

    /// Whether the same request may succeed a little later.
    pub fn retry_helps(self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable | Self::OutcomeUnknown)
    }

    /// The kind in a few words, the same for every problem of the kind.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadInput => "This makes no sense",
            Self::Unknown => "There is no such thing",
            Self::Refused => "Not possible as things are",
            Self::Conflict => "Something else is under way",
            Self::Forbidden => "The caller may not do this",
            Self::Unauthenticated => "It is not known who asks",
            Self::Unavailable => "What is needed cannot be reached",
            Self::OutcomeUnknown => "It may have been done or not",
            Self::Internal => "A mistake of mailmedic",
        }
    }
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: Kind,
    /// The kind in a few words.
    pub title: String,
    /// What is wrong this time, in a sentence for people.
    pub detail: String,
    /// What was most likely meant, if that can be guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// The reasons one by one, if there are several: why each server is not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl Problem {
    /// The media type of a problem.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            detail: detail.into(),
            nearest: None,
            reasons: Vec::new(),
        }
    }

    /// There is no `what` called `name`; the nearest of those that are `known` is named.
    pub fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        let nearest = nearest(name, known.clone()).map(str::to_owned);
        let known = known.take(10).collect::<Vec<_>>().join(", ");
        let instead =
            if nearest.is_some() || known.is_empty() { String::new() } else { format!("; there is {known}") };
        let detail = format!("there is no {what} called {name}{instead}");
        Self { nearest, ..Self::new(Kind::Unknown, detail) }
    }

    /// The same with the reasons one by one.
    #[must_use]
    pub fn because(self, reasons: Vec<String>) -> Self {
        Self { reasons, ..self }
    }

    /// The body of the answer, of type [`Problem::MEDIA_TYPE`].
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts can always be written as JSON")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {nearest}?")?;
        }
        for reason in &self.reasons {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
