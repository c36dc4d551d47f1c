//! What a server offers: the lines of CAPA (RFC 2449) and, by the same set, what its session accepts.

use std::fmt;
use std::sync::Arc;

use crate::sasl::{Mechanism, Mechanisms};

/// A capability without parameters of its own. `SASL` and `IMPLEMENTATION` stand in the [`Offer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// The TOP command (RFC 2449 section 6.1).
    Top,
    /// The UIDL command (RFC 2449 section 6.8).
    Uidl,
    /// USER and PASS are accepted now (RFC 2449 section 6.2).
    User,
    /// Replies may carry response codes (RFC 2449 section 6.4).
    RespCodes,
    /// The AUTH response code is used (RFC 3206 section 6).
    AuthRespCode,
    /// Commands may be sent without waiting for replies (RFC 2449 section 6.6).
    Pipelining,
    /// Messages are never removed by the server on its own (RFC 2449 section 6.7).
    ExpireNever,
    /// STLS is accepted now (RFC 2595 section 4).
    Stls,
    /// The peer may speak for its client with XCLIENT, once, before it logs in.
    Xclient,
}

impl Capability {
    /// Every capability, in the order of CAPA's lines.
    pub const ALL: [Capability; 9] = [
        Capability::Top,
        Capability::Uidl,
        Capability::User,
        Capability::RespCodes,
        Capability::AuthRespCode,
        Capability::Pipelining,
        Capability::ExpireNever,
        Capability::Stls,
        Capability::Xclient,
    ];

    /// The line of CAPA.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Top => "TOP",
            Capability::Uidl => "UIDL",
            Capability::User => "USER",
            Capability::RespCodes => "RESP-CODES",
            Capability::AuthRespCode => "AUTH-RESP-CODE",
            Capability::Pipelining => "PIPELINING",
            Capability::ExpireNever => "EXPIRE NEVER",
            Capability::Stls => "STLS",
            Capability::Xclient => "XCLIENT ADDR PORT SESSION LOGIN TTL PROTO",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a session offers its client at this moment. The driver decides it from the settings, the listener and the
/// peer, and again after STLS and XCLIENT; the session accepts exactly what is offered. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    capabilities: u16,
    mechanisms: Mechanisms,
    implementation: Option<Arc<str>>,
}

impl Offer {
    /// What every session of ours has, and no way to log in yet.
    pub fn standard() -> Offer {
        [
            Capability::Top,
            Capability::Uidl,
            Capability::RespCodes,
            Capability::AuthRespCode,
            Capability::Pipelining,
            Capability::ExpireNever,
        ]
        .into_iter()
        .fold(Offer::default(), Offer::with)
    }

    /// The same with `capability`.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Offer {
        self.capabilities |= capability.bit();
        self
    }

    /// The same without `capability`.
    #[must_use]
    pub fn without(mut self, capability: Capability) -> Offer {
        self.capabilities &= !capability.bit();
        self
    }

    /// The same with `mechanism` for AUTH.
    #[must_use]
    pub fn with_mechanism(mut self, mechanism: Mechanism) -> Offer {
        self.mechanisms.insert(mechanism);
        self
    }

    /// The same with the text of IMPLEMENTATION (RFC 2449 section 6.9): printable ASCII; other characters are
    /// dropped.
    #[must_use]
    pub fn with_implementation(mut self, text: &str) -> Offer {
        let text: String =
            text.chars().filter(|character| matches!(character, ' '..='~')).take(200).collect();
        self.implementation = Some(text.into());
        self
    }

    /// Whether `capability` is offered.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities & capability.bit() != 0
    }

    /// The mechanisms AUTH accepts.
    pub fn mechanisms(&self) -> Mechanisms {
        self.mechanisms
    }

    /// Appends the lines of CAPA, each with CRLF, without the first and the last line of the reply.
    pub fn write_lines(&self, out: &mut Vec<u8>) {
        for capability in Capability::ALL.into_iter().filter(|capability| self.has(*capability)) {
            out.extend_from_slice(capability.as_str().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !self.mechanisms.is_empty() {
            out.extend_from_slice(b"SASL"); // RFC 5034 section 3
            for mechanism in self.mechanisms.iter() {
                out.push(b' ');
                out.extend_from_slice(mechanism.as_str().as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        if let Some(implementation) = &self.implementation {
            out.extend_from_slice(b"IMPLEMENTATION ");
            out.extend_from_slice(implementation.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}
