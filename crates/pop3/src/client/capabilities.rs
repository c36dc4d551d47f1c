//! What CAPA said.

use crate::Mechanism;

/// The capabilities a server listed (RFC 2449 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    pub(super) fn new(lines: Vec<String>) -> Capabilities {
        Capabilities(lines)
    }

    /// Whether the capability is listed: `has("STLS")`.
    pub fn has(&self, name: &str) -> bool {
        self.parameters(name).is_some()
    }

    /// What follows the name of a capability, if it is listed.
    pub fn parameters(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|line| {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            first.eq_ignore_ascii_case(name).then_some(rest)
        })
    }

    /// Whether AUTH takes the mechanism (RFC 5034 section 3).
    pub fn has_mechanism(&self, mechanism: Mechanism) -> bool {
        let listed = self.parameters("SASL").unwrap_or_default();
        listed.split(' ').any(|name| name.eq_ignore_ascii_case(mechanism.as_str()))
    }

    /// The lines, as they came.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
