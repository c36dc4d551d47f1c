//! What a client is offered before it logs in, by the settings and by how it is connected.

use pop3::{Capability, Mechanism, Offer};
use settings::LoginType;

/// What IMPLEMENTATION says (RFC 2449 section 6.9). No version: before log-in that is nobody's business.
const IMPLEMENTATION: &str = "mailmedic";

/// How a client is connected, and what the administrator allows.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, not the states of anything")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// What must happen before a log-in.
    pub login_type: LoginType,
    /// Whether SCRAM-SHA-256 is switched on.
    pub scram: bool,
    /// Whether the connection is in TLS.
    pub tls: bool,
    /// Whether the connection could be put in TLS.
    pub tls_available: bool,
    /// Whether the client itself is on this machine: what it sends cannot be overheard on the way.
    pub loopback: bool,
}

/// What is offered then.
pub fn offer(circumstances: Circumstances) -> Offer {
    let Circumstances { login_type, scram, tls, tls_available, loopback } = circumstances;
    let private = tls || loopback;
    let mut offer = Offer::standard().with_implementation(IMPLEMENTATION);
    if private || login_type == LoginType::PlainTextLogin {
        offer =
            offer.with(Capability::User).with_mechanism(Mechanism::Plain).with_mechanism(Mechanism::Login);
    }
    if scram && (private || login_type != LoginType::SecureLogin) {
        offer = offer.with_mechanism(Mechanism::ScramSha256);
    }
    if tls_available && !tls {
        offer = offer.with(Capability::Stls);
    }
    offer
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTSIDE: Circumstances = Circumstances {
        login_type: LoginType::SecureLogin,
        scram: true,
        tls: false,
        tls_available: true,
        loopback: false,
    };

    fn password(circumstances: Circumstances) -> bool {
        offer(circumstances).has(Capability::User)
    }

    fn scram(circumstances: Circumstances) -> bool {
        offer(circumstances).mechanisms().contains(Mechanism::ScramSha256)
    }

    #[test]
    fn secure_login_offers_nothing_but_stls_before_tls() {
        assert!(!password(OUTSIDE) && !scram(OUTSIDE));
        assert!(offer(OUTSIDE).has(Capability::Stls));
        let inside = Circumstances { tls: true, ..OUTSIDE };
        assert!(password(inside) && scram(inside));
        assert!(!offer(inside).has(Capability::Stls));
    }

    #[test]
    fn plain_text_authentication_offers_what_does_not_show_the_password() {
        let outside = Circumstances { login_type: LoginType::PlainTextAuthentication, ..OUTSIDE };
        assert!(!password(outside) && scram(outside));
    }

    #[test]
    fn plain_text_login_offers_everything() {
        let outside = Circumstances { login_type: LoginType::PlainTextLogin, ..OUTSIDE };
        assert!(password(outside) && scram(outside));
    }

    #[test]
    fn a_client_on_this_machine_needs_no_tls() {
        let here = Circumstances { loopback: true, ..OUTSIDE };
        assert!(password(here) && scram(here));
    }

    #[test]
    fn scram_is_offered_only_where_it_is_switched_on() {
        assert!(!scram(Circumstances { scram: false, tls: true, ..OUTSIDE }));
    }
}
