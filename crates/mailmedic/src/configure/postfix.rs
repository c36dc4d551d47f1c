//! What Postfix must know to deliver to us.

use std::net::SocketAddr;

use settings::HostName;

/// Lines for main.cf.
pub(super) fn lines(domain: &HostName, lmtp: SocketAddr) -> String {
    let at = match lmtp {
        SocketAddr::V4(at) => at.to_string(),
        // postconf(5): an IPv6 address stands in brackets with its kind.
        SocketAddr::V6(at) => format!("[ipv6:{}]:{}", at.ip(), at.port()),
    };
    format!(
        "# For /etc/postfix/main.cf: mail for {domain} goes to mailmedic by LMTP.
# Take {domain} out of mydestination, if it is there.
virtual_mailbox_domains = {domain}
virtual_transport = lmtp:inet:{at}
# Unknown users are refused while the sender is connected, not bounced later: Postfix asks mailmedic (RCPT) and remembers
# the answer for a while.
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, reject_unverified_recipient
unverified_recipient_reject_code = 550
"
    )
}
