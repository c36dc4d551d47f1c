//! What a ladder is made of.

use std::time::Duration;

/// The recovery of some monitors.
#[derive(Debug, PartialEq)]
pub struct Ladder {
    /// Its name.
    pub name: &'static str,
    /// The monitors that climb it when they are Unhealthy.
    pub monitors: &'static [&'static str],
    /// When it is climbed and what it is to reach, in a sentence.
    pub what: &'static str,
    /// The rungs, from the mildest to the last, which escalates.
    pub rungs: &'static [Rung],
}

impl Ladder {
    /// The index of the rung that does `action`.
    pub fn rung_that(&self, action: Action) -> Option<usize> {
        self.rungs.iter().position(|rung| rung.action == action)
    }

    /// The last rung: that which calls a person.
    pub fn last(&self) -> usize {
        self.rungs.len() - 1
    }

    /// Whether a climb of it may do anything but call a person.
    pub fn acts(&self) -> bool {
        self.rungs.len() > 1
    }
}

/// One step of a ladder: what is done, when, and how it is seen whether it helped.
#[derive(Debug, PartialEq)]
pub struct Rung {
    /// What is done.
    pub action: Action,
    /// What has to hold, or the rung is passed over.
    pub when: &'static [When],
    /// How it is seen whether it helped.
    pub verified_by: Verification,
    /// How long the action may take, and then the verification.
    pub within: Duration,
    /// Where it goes on if it helped.
    pub if_well: Then,
    /// Where it goes on if it did not.
    pub if_not: Then,
    /// What it is for, in a sentence.
    pub what: &'static str,
    /// Which step of the page it is; empty if the page has none.
    pub of_page: &'static str,
    /// How it differs from the page and why; empty if it does not.
    pub deviation: &'static str,
}

/// A kind of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The service that failed is ended and started again.
    RestartService,
    /// The one database that fails is moved to another server.
    MoveDatabase,
    /// No database may be activated on the server any more, and those that are active leave.
    FailOver,
    /// The server is shut down in order and started again.
    RestartServer,
    /// The power of a server is cut and comes back.
    PowerCycle,
    /// Protocol logging is switched on for an hour.
    ProtocolLogOn,
    /// Protocol logging goes back to what it was.
    ProtocolLogOff,
    /// One of the databases that left comes back, to be tested.
    BringOneBack,
    /// The block is lifted, and exactly what left comes back.
    Return,
    /// The restart command of a `[[target]]` is run.
    RunCommand,
    /// A person is called, with the evidence.
    Escalate,
}

impl Action {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::RestartService => "restart-service",
            Self::MoveDatabase => "move-database",
            Self::FailOver => "fail-over",
            Self::RestartServer => "restart-server",
            Self::PowerCycle => "power-cycle",
            Self::ProtocolLogOn => "protocol-log-on",
            Self::ProtocolLogOff => "protocol-log-off",
            Self::BringOneBack => "bring-one-back",
            Self::Return => "return",
            Self::RunCommand => "run-command",
            Self::Escalate => "escalate",
        }
    }

    /// The budget it is paid from.
    pub fn class(self) -> Class {
        match self {
            Self::RestartService | Self::RunCommand => Class::Restart,
            Self::MoveDatabase | Self::FailOver => Class::FailOver,
            Self::RestartServer | Self::PowerCycle => Class::Reboot,
            Self::ProtocolLogOn
            | Self::ProtocolLogOff
            | Self::BringOneBack
            | Self::Return
            | Self::Escalate => Class::Free,
        }
    }

    /// Whether it weighs on a whole server, so that one server of a role at a time may do it.
    pub fn is_heavy(self) -> bool {
        matches!(self, Self::FailOver | Self::RestartServer | Self::PowerCycle)
    }

    /// Whether it brings back what the recovery itself took away. That is seen to even when the fault is gone.
    pub fn undoes(self) -> bool {
        matches!(self, Self::BringOneBack | Self::Return | Self::ProtocolLogOff)
    }
}

/// What a budget is for, and what a mode is set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Restarts of a service.
    Restart,
    /// Databases moved off a server.
    FailOver,
    /// Restarts of a server.
    Reboot,
    /// What needs no budget.
    Free,
}

impl Class {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::FailOver => "fail-over",
            Self::Reboot => "reboot",
            Self::Free => "none",
        }
    }
}

/// What has to hold for a rung. If it does not, the rung is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// What failed is itself to blame, not the store of one database.
    BlamedItself,
    /// One database fails while others that are mounted on the server are well.
    OthersAreWell,
    /// The server is a mailbox server.
    OnMailboxServer,
    /// The recovery has moved databases off the server.
    SomethingLeft,
    /// The recovery has switched protocol logging on.
    LogIsOn,
    /// The `[[target]]` has a restart command.
    HasCommand,
}

impl When {
    /// As it stands in the documentation.
    pub fn words(self) -> &'static str {
        match self {
            Self::BlamedItself => "the service itself is to blame",
            Self::OthersAreWell => "other databases mounted on the server are well",
            Self::OnMailboxServer => "on a mailbox server",
            Self::SomethingLeft => "the recovery has moved databases off",
            Self::LogIsOn => "the recovery has switched the log on",
            Self::HasCommand => "the target has a restart command",
        }
    }
}

/// How it is seen whether a rung helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The probe that failed succeeds.
    Probe,
    /// The self test of the server succeeds: after a restart, when there may be nothing else to probe.
    SelfTest,
    /// The monitor stays well for so long.
    StaysWell(Duration),
    /// No database is active on the server any more, and those that left work where they went.
    ServedElsewhere,
    /// The database that came back passes the deep test.
    DeepTest,
    /// What left is mounted on the server again, as far as nobody else has moved it since.
    Returned,
    /// That it was done is enough.
    Done,
}

impl Verification {
    /// As it stands in the documentation.
    pub fn words(self) -> String {
        match self {
            Self::Probe => "the probe that failed succeeds".to_owned(),
            Self::SelfTest => "the server is back and its self test succeeds".to_owned(),
            Self::StaysWell(time) => format!("the monitor stays well for {} min", time.as_secs() / 60),
            Self::ServedElsewhere => {
                "no database is active on the server, and those that left work where they went".to_owned()
            }
            Self::DeepTest => "the database that came back passes the deep test".to_owned(),
            Self::Returned => {
                "what left is mounted there again, as far as nobody else has moved it".to_owned()
            }
            Self::Done => "none".to_owned(),
        }
    }
}

/// Where it goes on after a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The fault is healed: the recovery ends.
    Recovered,
    /// The next rung.
    Next,
    /// The last rung: a person is called.
    Escalate,
}
