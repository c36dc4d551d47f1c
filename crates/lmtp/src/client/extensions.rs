//! What a server offers in its reply to LHLO.

use crate::Reply;

/// The extensions of a server: keywords, some with parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Vec<String>);

impl Extensions {
    /// Reads the lines after the first (RFC 5321 §4.1.1.1).
    pub(super) fn of(reply: &Reply) -> Self {
        Self(reply.text().split('\n').skip(1).map(str::to_owned).collect())
    }

    /// Whether the extension is offered: `offers("PIPELINING")`.
    pub fn offers(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// What follows the keyword, if it is offered.
    pub fn parameters(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find_map(|line| {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            first.eq_ignore_ascii_case(keyword).then_some(rest)
        })
    }

    /// The largest message in octets; none when the server fixes no limit (RFC 1870 §4).
    pub fn largest_message(&self) -> Option<u64> {
        self.parameters("SIZE")?.trim().parse().ok().filter(|size| *size != 0)
    }
}
