//! Values that are one of a few words.

use std::fmt;

use super::{Invalid, Value, quoted};

macro_rules! choice {
    ($(#[$doc:meta])* $type:ident, $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_doc])* $variant),+
        }

        impl $type {
            const WORDS: &[(&str, Self)] = &[$(($word, Self::$variant)),+];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }

        impl Value for $type {
            fn example() -> String {
                let words: Vec<_> = Self::WORDS.iter().map(|(word, _)| quoted(word)).collect();
                format!("one of {}", words.join(", "))
            }

            fn parse(text: &str) -> Result<Self, Invalid> {
                let found = Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
                found.map(|(_, value)| *value).ok_or_else(|| {
                    let near = crate::problem::nearest(text, Self::WORDS.iter().map(|(word, _)| *word));
                    let instead = near.map_or_else(|| Self::example(), quoted);
                    Invalid::new(format!("{} is not possible here", quoted(text)), format!("write {instead}"))
                })
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    };
}

choice! {
    /// What a client must do before it may log in. A client on this very machine is exempt.
    LoginType,
    /// Any log-in is accepted without TLS, passwords in clear text included.
    PlainTextLogin = "PlainTextLogin",
    /// Without TLS only mechanisms that do not show the password (SCRAM) are accepted.
    PlainTextAuthentication = "PlainTextAuthentication",
    /// TLS comes before every log-in.
    SecureLogin = "SecureLogin",
}

choice! {
    /// How often a protocol log begins a new file, in UTC.
    RollOver,
    /// At every full hour.
    Hourly = "Hourly",
    /// At midnight.
    Daily = "Daily",
    /// At midnight before Monday.
    Weekly = "Weekly",
    /// At midnight before the first of the month.
    Monthly = "Monthly",
}

choice! {
    /// How much the service log says.
    ServiceLogLevel,
    /// What needs someone's hand.
    Error = "error",
    /// What may need someone's hand soon.
    Warn = "warn",
    /// Log-ins, log-outs, deliveries, changes.
    Info = "info",
    /// Decisions on the way.
    Debug = "debug",
    /// Everything.
    Trace = "trace",
}

choice! {
    /// What the coordinator is.
    CoordinatorKind,
    /// A process of ours, for the servers of one machine.
    Local = "local",
    /// An etcd cluster.
    Etcd = "etcd",
}

choice! {
    /// Who cuts and returns the power of a server.
    PowerKind,
    /// Nobody of ours.
    None = "none",
    /// `mailmedic up`.
    Grid = "grid",
    /// A configured command.
    Command = "command",
    /// systemd-logind, of the machine itself.
    Logind = "logind",
}

choice! {
    /// Whether rungs of recovery of one kind are climbed.
    RecoveryMode,
    /// They are.
    Automatic = "automatic",
    /// Each waits for a person's word.
    Approval = "approval",
    /// They are not; it is written down that they would be.
    Observe = "observe",
}
