//! When something happened, for people to read.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A moment of wall-clock time in UTC, as RFC 3339 writes it: `2026-01-31T23:59:59.5Z`.
///
/// For display and for order in lists only: no decision hangs on it, so it is kept as the text it is sent as. Texts of one
/// precision sort as the moments do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime, examples("2026-01-31T23:59:59.5Z"))]
pub struct Moment(String);

/// A text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time; write it as 2026-01-31T23:59:59Z")]
pub struct NotAMoment(String);

impl Moment {
    /// Reads RFC 3339 in UTC.
    pub fn parse(text: &str) -> Result<Self, NotAMoment> {
        if is_moment(text).is_some() { Ok(Self(text.to_owned())) } else { Err(NotAMoment(text.to_owned())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 3339 §5.6, `date-time` with `Z`. A leap second is one; whether the month has that day is nobody's concern here.
fn is_moment(text: &str) -> Option<()> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let within = |text: &str, digits: usize, from: u32, to: u32| {
        let number: u32 = (text.len() == digits && is_number(text)).then(|| text.parse().ok())??;
        (from..=to).contains(&number).then_some(())
    };
    let mut date = date.split('-');
    within(date.next()?, 4, 0, 9999)?;
    within(date.next()?, 2, 1, 12)?;
    within(date.next()?, 2, 1, 31)?;
    let mut time = time.split(':');
    within(time.next()?, 2, 0, 23)?;
    within(time.next()?, 2, 0, 59)?;
    within(time.next()?, 2, 0, 60)?;
    (date.next().is_none() && time.next().is_none() && is_number(fraction)).then_some(())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Moment {
    type Error = NotAMoment;

    fn try_from(text: String) -> Result<Self, NotAMoment> {
        Self::parse(&text)
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}
