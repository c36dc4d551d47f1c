//! Faults that are really caused, in the processes of `mailmedic up`: which monitors turn, what they say, what is blamed, and
//! that everything is Healthy again by itself when the cause is gone.
//!
//! What each fault came to is printed as a row of `docs/fault-matrix.md`. To write that page anew, run with
//! `MAILMEDIC_WRITE_MATRIX=1`, on a machine that has nothing else to do.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod certificates;
mod directory;
mod impostors;
mod matrix;
mod processes;
mod quiet;
mod stores;
mod view;

use real_tests::{Installation, Preparation};

use matrix::Fault;
use view::Health;

/// Probes on which the faults here depend. By default they run so rarely that every fault would take a minute to be
/// noticed, and another to be gone.
const PROBES: [&str; 13] = [
    "POP/PopCTPProbe",
    "POP.Protocol/PopSelfTestProbe",
    "POP.Protocol/PopDeepTestProbe",
    "POP.Proxy/PopProxyTestProbe",
    "Delivery/DeliveryProbe",
    "Directory/DirectoryProbe",
    "Authentication/AuthenticationProbe",
    "MailboxServerAuthentication/MailboxServerAuthenticationProbe",
    "Store/StoreProbe",
    "HighAvailability/DatabaseMountedProbe",
    "HighAvailability/DatabaseRedundancyProbe",
    "Certificates/CertificateExpiryProbe",
    "RemoteMonitoring/HealthManagerObserverProbe",
];

/// An installation whose dead services stay dead, and everything in it Healthy. Probes run every two seconds, unless the
/// times of the definitions are wanted.
fn healthy(preparation: Preparation) -> Installation {
    healthy_from(preparation.set("init", "restart-services", "false").write())
}

fn healthy_from(mut installation: Installation) -> Installation {
    installation.start();
    if !matrix::is_to_be_written() {
        for probe in PROBES {
            let faster =
                ["--property", "IntervalSeconds", "--value", "2", "--for", "1 h", "--reason", "a test"];
            installation.command(["override", "add", probe].iter().chain(&faster)).succeeded();
        }
    }
    Health::of(&installation).until_all_healthy();
    installation
}
