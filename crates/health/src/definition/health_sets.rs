//! The health sets. The first three and their dependencies are those of the page that the project follows.

use super::HealthGroup::{CustomerTouchPoints, KeyDependencies, ServerComponents, ServiceComponents};
use super::HealthSet;

/// Every health set.
pub static HEALTH_SETS: &[HealthSet] = &[
    HealthSet {
        name: "POP",
        aliases: &[],
        group: CustomerTouchPoints,
        depends_on: &[
            "Directory",
            "Authentication",
            "MailboxServerAuthentication",
            "Store",
            "HighAvailability",
            "Network",
        ],
        what: "Whether users can reach their mailboxes over POP3: the whole path, through a front end to a back end.",
    },
    HealthSet {
        name: "POP.Protocol",
        aliases: &[],
        group: ServiceComponents,
        depends_on: &["Directory", "Authentication", "Store", "HighAvailability"],
        what: "The POP3 protocol on mailbox servers: the back end and the databases that it serves.",
    },
    HealthSet {
        name: "POP.Proxy",
        aliases: &[],
        group: ServiceComponents,
        depends_on: &[],
        what: "The POP3 proxy on client-access servers: the front end and its listeners.",
    },
    HealthSet {
        name: "Delivery",
        aliases: &["LMTP"],
        group: CustomerTouchPoints,
        depends_on: &["Directory", "MailboxServerAuthentication", "Store", "HighAvailability", "Network"],
        what: "Whether mail is taken in over LMTP.",
    },
    HealthSet {
        name: "Directory",
        aliases: &["AD", "ActiveDirectory"],
        group: KeyDependencies,
        depends_on: &[],
        what: "Whether users are found in the directory.",
    },
    HealthSet {
        name: "Authentication",
        aliases: &[],
        group: KeyDependencies,
        depends_on: &["Directory"],
        what: "Whether secrets are verified.",
    },
    HealthSet {
        name: "MailboxServerAuthentication",
        aliases: &[],
        group: KeyDependencies,
        depends_on: &["Network"],
        what: "Whether front ends and back ends trust each other: mutual TLS under the cluster's authority.",
    },
    HealthSet {
        name: "Store",
        aliases: &["InformationStore"],
        group: KeyDependencies,
        depends_on: &[],
        what: "Whether the stores of the mounted databases can be read and written, and have space.",
    },
    HealthSet {
        name: "HighAvailability",
        aliases: &["HA", "DataProtection"],
        group: KeyDependencies,
        depends_on: &[],
        what: "Whether each database is mounted, and whether it could be elsewhere.",
    },
    HealthSet {
        name: "Network",
        aliases: &[],
        group: KeyDependencies,
        depends_on: &[],
        what: "Whether servers reach each other, and the coordinator.",
    },
    HealthSet {
        name: "Certificates",
        aliases: &[],
        group: ServerComponents,
        depends_on: &[],
        what: "When the certificates of a server expire.",
    },
    HealthSet {
        name: "RemoteMonitoring",
        aliases: &[],
        group: ServerComponents,
        depends_on: &["Network"],
        what: "Whether the other servers are there: agents watch each other.",
    },
    HealthSet {
        name: "Monitoring",
        aliases: &["HealthManager"],
        group: ServerComponents,
        depends_on: &[],
        what: "Whether this agent's own observations can be trusted.",
    },
];
