//! Users, as they are shown.

use directory::{Name, User};
use jiff::Timestamp;
use serde::Serialize;
use settings::Value;

use crate::screen::{table, time};

/// What is shown of a user: nothing secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct UserView {
    name: String,
    aliases: Vec<String>,
    enabled: bool,
    database: String,
    mailbox: String,
    /// Nothing: the default.
    quota: Option<String>,
    created: Option<Timestamp>,
    changed: Option<Timestamp>,
}

impl UserView {
    pub(super) fn of(user: &User) -> Self {
        Self {
            name: user.name.to_string(),
            aliases: user.aliases.iter().map(Name::to_string).collect(),
            enabled: user.enabled,
            database: user.database.to_string(),
            mailbox: user.mailbox.clone(),
            quota: user.quota.map(|quota| quota.text()),
            created: seconds(user.created),
            changed: seconds(user.changed),
        }
    }

    fn quota(&self) -> String {
        self.quota.clone().unwrap_or_else(|| "default".to_owned())
    }

    fn enabled(&self) -> &'static str {
        if self.enabled { "yes" } else { "no" }
    }
}

fn seconds(since_1970: u64) -> Option<Timestamp> {
    i64::try_from(since_1970).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// Many users.
pub(super) fn list(users: &[UserView]) -> String {
    if users.is_empty() {
        return "there are no users; add one: mailmedic user add user1@example.com".to_owned();
    }
    let rows = users.iter().map(|user| {
        [
            user.name.clone(),
            user.enabled().to_owned(),
            user.database.clone(),
            user.quota(),
            user.aliases.join(" "),
        ]
    });
    table(&["USER", "ENABLED", "DATABASE", "QUOTA", "ALIASES"], rows)
}

/// One user.
pub(super) fn one(user: &UserView) -> String {
    let at = |time_stamp: Option<Timestamp>| time_stamp.map(time).unwrap_or_default();
    let rows = [
        ["user".to_owned(), user.name.clone()],
        ["aliases".to_owned(), user.aliases.join(" ")],
        ["enabled".to_owned(), user.enabled().to_owned()],
        ["database".to_owned(), user.database.clone()],
        ["mailbox".to_owned(), user.mailbox.clone()],
        ["quota".to_owned(), user.quota()],
        ["created".to_owned(), at(user.created)],
        ["changed".to_owned(), at(user.changed)],
    ];
    table(&["", ""], rows).trim_start().to_owned()
}
