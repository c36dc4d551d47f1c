//! What is offered to a client before it has logged in, by the log-in type that the operator chose.

use pop3::sasl::Mechanism;
use pop3::{Capability, Offer};
use settings::LoginType;

/// What carries a session at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// Whether TLS is under way.
    pub tls: bool,
    /// Whether the client may ask for TLS (STLS), if it is not.
    pub stls: bool,
    /// Whether the client's real address, after PROXY and XCLIENT, is one of this very machine: nobody can listen in.
    pub loopback: bool,
}

/// The offer. SCRAM, which shows no password, is offered only where its keys are kept.
pub fn offer(login_type: LoginType, scram: bool, channel: Channel) -> Offer {
    let private = channel.tls || channel.loopback;
    let (password, challenge) = match login_type {
        LoginType::PlainTextLogin => (true, true),
        LoginType::PlainTextAuthentication => (private, true),
        LoginType::SecureLogin => (private, private),
    };
    let mut offer = Offer::standard().with_implementation("mailmedic");
    if channel.stls && !channel.tls {
        offer = offer.with(Capability::Stls);
    }
    if password {
        offer =
            offer.with(Capability::User).with_mechanism(Mechanism::Plain).with_mechanism(Mechanism::Login);
    }
    if challenge && scram {
        offer = offer.with_mechanism(Mechanism::ScramSha256);
    }
    offer
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Channel = Channel { tls: false, stls: true, loopback: false };
    const TLS: Channel = Channel { tls: true, ..PLAIN };
    const LOOPBACK: Channel = Channel { loopback: true, ..PLAIN };

    fn lines(login_type: LoginType, channel: Channel) -> String {
        let mut lines = Vec::new();
        offer(login_type, true, channel).write_lines(&mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn secure_login_offers_no_log_in_before_tls() {
        let lines = lines(LoginType::SecureLogin, PLAIN);
        assert!(!lines.contains("USER") && !lines.contains("SASL") && lines.contains("STLS"), "{lines}");
    }

    #[test]
    fn plain_text_authentication_shows_no_password_before_tls() {
        let lines = lines(LoginType::PlainTextAuthentication, PLAIN);
        assert!(!lines.contains("USER") && lines.contains("SASL SCRAM-SHA-256\r\n"), "{lines}");
    }

    #[test]
    fn plain_text_login_offers_everything_at_once() {
        let lines = lines(LoginType::PlainTextLogin, PLAIN);
        assert!(lines.contains("USER\r\n") && lines.contains("PLAIN") && lines.contains("LOGIN"), "{lines}");
    }

    #[test]
    fn under_tls_everything_but_tls_is_offered() {
        for login_type in
            [LoginType::SecureLogin, LoginType::PlainTextAuthentication, LoginType::PlainTextLogin]
        {
            let lines = lines(login_type, TLS);
            assert!(
                lines.contains("USER\r\n") && lines.contains("PLAIN") && !lines.contains("STLS"),
                "{lines}"
            );
        }
    }

    #[test]
    fn a_client_on_this_machine_needs_no_tls() {
        assert!(lines(LoginType::SecureLogin, LOOPBACK).contains("USER\r\n"));
    }

    #[test]
    fn scram_is_offered_only_where_it_is_enabled() {
        assert!(
            !offer(LoginType::PlainTextLogin, false, TLS)
                .mechanisms()
                .iter()
                .any(|m| m == Mechanism::ScramSha256)
        );
    }
}
