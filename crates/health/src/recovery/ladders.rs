//! The ladders, as the page tells them, filled in. `docs/ladders.md` is written from here.

use std::time::Duration;

use super::ladder::{Action, Ladder, Rung, Then, Verification, When};

const RESTART: Duration = Duration::from_secs(20);
const FAIL_OVER: Duration = Duration::from_mins(1);
const REBOOT: Duration = Duration::from_mins(5);
const LOOK_AGAIN: Duration = Duration::from_mins(10);

const ESCALATE: Rung = Rung {
    action: Action::Escalate,
    when: &[],
    verified_by: Verification::Done,
    within: Duration::from_secs(30),
    if_well: Then::Escalate,
    if_not: Then::Escalate,
    what: "A person is called, with the evidence.",
    of_page: "escalate",
    deviation: "",
};

const RESTART_BACK_END: Rung = Rung {
    action: Action::RestartService,
    when: &[When::BlamedItself],
    verified_by: Verification::Probe,
    within: RESTART,
    if_well: Then::Recovered,
    if_not: Then::Next,
    what: "The back end is ended (SIGTERM, after 2 s SIGKILL) and started again.",
    of_page: "1, 2",
    deviation: "passed over when the store of one database is to blame: no restart mends a file",
};

const FAIL_OVER_ALL: Rung = Rung {
    action: Action::FailOver,
    when: &[When::OnMailboxServer],
    verified_by: Verification::ServedElsewhere,
    within: FAIL_OVER,
    if_well: Then::Next,
    if_not: Then::Escalate,
    what: "The server is blocked in the recovery's name, and its databases move to the copies that are fit.",
    of_page: "3, 4",
    deviation: "without a fit copy, or if a database fails where it went as well, the server is not restarted: it is \
                not what is at fault, and nobody would be helped",
};

const RESTART_SERVER: Rung = Rung {
    action: Action::RestartServer,
    when: &[],
    verified_by: Verification::SelfTest,
    within: REBOOT,
    if_well: Then::Next,
    if_not: Then::Escalate,
    what: "The server is shut down in order and started again.",
    of_page: "5, 6",
    deviation: "",
};

const BRING_ONE_BACK: Rung = Rung {
    action: Action::BringOneBack,
    when: &[When::SomethingLeft],
    verified_by: Verification::DeepTest,
    within: FAIL_OVER,
    if_well: Then::Next,
    if_not: Then::Escalate,
    what: "One of the databases that left comes back and is deep-tested. If it fails there it leaves again, and the \
           server stays blocked.",
    of_page: "",
    deviation: "the page allows activation again and leaves the test to the next accident",
};

const RETURN: Rung = Rung {
    action: Action::Return,
    when: &[When::SomethingLeft],
    verified_by: Verification::Returned,
    within: FAIL_OVER,
    if_well: Then::Recovered,
    if_not: Then::Escalate,
    what: "After a time in good health the recovery lifts its own block and returns exactly what it moved.",
    of_page: "7",
    deviation: "the page only allows activation again; here what was moved comes back too",
};

const RESTART_FRONT_END: Rung = Rung {
    action: Action::RestartService,
    when: &[],
    verified_by: Verification::Probe,
    within: RESTART,
    if_well: Then::Recovered,
    if_not: Then::Next,
    what: "The front end is ended and started again.",
    of_page: "1, 2",
    deviation: "",
};

/// Every ladder.
pub static LADDERS: &[Ladder] = &[
    Ladder {
        name: "mailbox-server",
        monitors: &["PopSelfTestMonitor", "PopDeepTestMonitor"],
        what: "A mailbox server does not greet, or mail cannot be read there.",
        rungs: &[
            RESTART_BACK_END,
            Rung {
                action: Action::MoveDatabase,
                when: &[When::OthersAreWell],
                verified_by: Verification::ServedElsewhere,
                within: FAIL_OVER,
                if_well: Then::Recovered,
                if_not: Then::Escalate,
                what: "The one database that fails moves to a copy that is fit; the others stay.",
                of_page: "3, 4",
                deviation: "one sick database does not empty a server of forty",
            },
            FAIL_OVER_ALL,
            RESTART_SERVER,
            BRING_ONE_BACK,
            RETURN,
            ESCALATE,
        ],
    },
    Ladder {
        name: "front-end",
        monitors: &["PopProxyTestMonitor"],
        what: "A listener of a client-access server does not greet.",
        rungs: &[
            RESTART_FRONT_END,
            Rung {
                if_well: Then::Recovered,
                verified_by: Verification::Probe,
                of_page: "3, 4",
                ..RESTART_SERVER
            },
            ESCALATE,
        ],
    },
    Ladder {
        name: "touch-point",
        monitors: &["PopCTPMonitor"],
        what: "Clients of a client-access server cannot fetch mail, and no mailbox server is to blame: with one that is bad \
               or unknown, its own ladder comes first.",
        rungs: &[
            RESTART_FRONT_END,
            Rung {
                action: Action::ProtocolLogOn,
                when: &[],
                verified_by: Verification::Probe,
                within: RESTART,
                if_well: Then::Recovered,
                if_not: Then::Next,
                what: "Protocol logging is switched on for an hour, as an override of the recovery's, and the probe run \
                       once more: its session is in the evidence.",
                of_page: "3",
                deviation: "without the restarts before and after it: the setting is live; and the mailbox server behind a \
                            session is known without a log",
            },
            Rung {
                if_well: Then::Next,
                if_not: Then::Next,
                verified_by: Verification::Probe,
                of_page: "4, 5",
                ..RESTART_SERVER
            },
            Rung {
                action: Action::ProtocolLogOff,
                when: &[When::LogIsOn],
                verified_by: Verification::Probe,
                within: RESTART,
                if_well: Then::Recovered,
                if_not: Then::Escalate,
                what: "Protocol logging goes back to what it was.",
                of_page: "6, 7",
                deviation: "without a restart: the setting is live",
            },
            ESCALATE,
        ],
    },
    Ladder {
        name: "slow-commands",
        monitors: &["AverageCommandProcessingTimeGt60sMonitor"],
        what: "The commands of a service take longer than a minute on the average.",
        rungs: &[
            Rung {
                action: Action::RestartService,
                when: &[],
                verified_by: Verification::StaysWell(LOOK_AGAIN),
                within: RESTART,
                if_well: Then::Recovered,
                if_not: Then::Next,
                what: "The service is ended and started again.",
                of_page: "1, 2",
                deviation: "",
            },
            Rung { of_page: "3", ..FAIL_OVER_ALL },
            Rung { verified_by: Verification::StaysWell(LOOK_AGAIN), of_page: "3, 4", ..RESTART_SERVER },
            Rung { of_page: "", ..BRING_ONE_BACK },
            Rung { of_page: "5", ..RETURN },
            ESCALATE,
        ],
    },
    Ladder {
        name: "hung-server",
        monitors: &["HealthManagerObserverMonitor"],
        what: "A server hangs: neither its agent nor its services answer. It is climbed by the agent that leads. A server \
               whose agent alone is dead is left to its init.",
        rungs: &[
            Rung {
                action: Action::PowerCycle,
                when: &[],
                verified_by: Verification::Probe,
                within: REBOOT,
                if_well: Then::Recovered,
                if_not: Then::Escalate,
                what: "Placement has moved its databases away, with fencing; then its power is cut and comes back.",
                of_page: "",
                deviation: "a ladder of our own: the page has no word about a server that hangs",
            },
            ESCALATE,
        ],
    },
    Ladder {
        name: "third-party",
        monitors: &["PopTargetMonitor"],
        what: "A POP3 server that is not ours does not do what its [[target]] says.",
        rungs: &[
            Rung {
                action: Action::RunCommand,
                when: &[When::HasCommand],
                verified_by: Verification::Probe,
                within: Duration::from_mins(1),
                if_well: Then::Recovered,
                if_not: Then::Next,
                what: "The restart command of the target is run.",
                of_page: "",
                deviation: "a ladder of our own, for servers of others",
            },
            ESCALATE,
        ],
    },
    Ladder {
        name: "escalate",
        monitors: &[
            "DeliveryMonitor",
            "DirectoryMonitor",
            "AuthenticationMonitor",
            "MailboxServerAuthenticationMonitor",
            "StoreMonitor",
            "DatabaseMountedMonitor",
            "DatabaseRedundancyMonitor",
            "NetworkMonitor",
            "CertificateExpiryMonitor",
            "HealthManagerControlMonitor",
        ],
        what: "Something that mail access depends on fails. No service is restarted for it: a person is called.",
        rungs: &[ESCALATE],
    },
];

/// The ladder of a monitor.
pub fn ladder_of(monitor: &str) -> Option<&'static Ladder> {
    LADDERS.iter().find(|ladder| ladder.monitors.contains(&monitor))
}
