//! Mail for health mailboxes: what this prober has delivered and not seen yet.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use health::{FailureReason, Finding, Part};
use health_mailbox::{HealthMailbox, PROBE_HEADER};
use probe::{Attempt, Content, Endpoint, Security};
use settings::{DatabaseName, ServerName, Value as _};

use super::pop3::{content, reachable};
use super::{Aim, Attempts, cannot_test, hindrance};
use crate::clock::unix_millis;

/// How many deliveries to one database are remembered. What is found of older ones is deleted unread.
const REMEMBERED: usize = 16;
/// How long the text of a message is.
const TEXT: usize = 1024;

/// What was delivered, by database and tag.
pub(super) struct Deliveries {
    /// What all tags of this prober begin with.
    prefix: String,
    delivered: Mutex<BTreeMap<DatabaseName, VecDeque<(String, Content)>>>,
}

impl Deliveries {
    pub(super) fn new(server: &ServerName) -> Self {
        Self { prefix: format!("{}/", server.as_str().to_ascii_lowercase()), delivered: Mutex::default() }
    }

    /// Whose the message with this tag is. What another life of this prober delivered is ours too, to delete.
    pub(super) fn whose(&self, database: &DatabaseName, tag: &str) -> probe::Whose {
        if !tag.starts_with(&self.prefix) {
            return probe::Whose::Others;
        }
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tag = delivered.get(database).and_then(|all| all.iter().find(|(known, _)| known == tag));
        probe::Whose::Ours(of_tag.map(|(_, content)| *content))
    }

    /// A message for the user of a database or a target that nobody else delivers. It is remembered before it is handed over:
    /// it may be found before the answer is here.
    pub(super) fn compose(&self, database: &DatabaseName, user: &str) -> Vec<u8> {
        let now = unix_millis().0;
        let tag = format!("{}{now}", self.prefix);
        let mut message = format!(
            "{PROBE_HEADER}: {tag}\r\n\
             From: mailmedic <{user}>\r\n\
             To: {user}\r\n\
             Subject: A delivery of the health probes\r\n\
             \r\n"
        );
        // No two are alike, so that one cannot be taken for another.
        let mut state = now | 1;
        for place in 0..TEXT {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            message.push(char::from(b'a' + u8::try_from(state % 26).unwrap_or(0)));
            if place % 64 == 63 {
                message.push_str("\r\n");
            }
        }
        let message = message.into_bytes();
        self.remember(database, tag, content(&message));
        message
    }

    fn remember(&self, database: &DatabaseName, tag: String, content: Content) {
        let mut delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        let of_database = delivered.entry(database.clone()).or_default();
        of_database.push_back((tag, content));
        if of_database.len() > REMEMBERED {
            of_database.pop_front();
        }
    }
}

impl Attempts {
    pub(super) async fn deliver(&self, target: &str, aim: &Aim) -> Finding {
        let database = match DatabaseName::parse(target) {
            Ok(database) => database,
            Err(error) => return cannot_test(hindrance(FailureReason::NotConfigured, &error.to_string())),
        };
        let address = self.live.snapshot().server.lmtp_addresses().first().copied();
        // Mail servers on the same machine are trusted by default.
        let address = address.map(|address| reachable(address, Ipv4Addr::LOCALHOST.into()));
        let Some(address) = aim.endpoint.clone().or(address.map(Into::into)) else {
            return cannot_test(hindrance(
                FailureReason::NoListener,
                "no LMTP listener; see LmtpBindings in [delivery]",
            ));
        };
        let endpoint = Endpoint { address, security: Security::Plain, part: Part::FrontEnd };
        let behind = self.world().mounted_on(&database).cloned();
        let user = HealthMailbox::of(&database).user().to_owned();
        let message = self.deliveries.compose(&database, &user);
        let attempt = Attempt::deliver(&endpoint, &user, &message, aim.limit).await;
        Finding { mailbox_server: behind, database: Some(database), ..attempt.finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prober_knows_its_own_mail_and_what_it_must_be() {
        let database = DatabaseName::parse("DB01").unwrap();
        let own = Deliveries::new(&ServerName::parse("CAS1").unwrap());
        let other = Deliveries::new(&ServerName::parse("cas10").unwrap());
        let message = own.compose(&database, "health-db01@mailmedic.invalid");
        let health_mailbox::Whose::Prober(tag) = health_mailbox::whose(&message) else { panic!("whose?") };
        assert_eq!(own.whose(&database, tag), probe::Whose::Ours(Some(content(&message))));
        assert_eq!(own.whose(&database, "cas1/1"), probe::Whose::Ours(None), "of another life");
        assert_eq!(other.whose(&database, tag), probe::Whose::Others);
    }

    #[test]
    fn only_the_last_deliveries_are_remembered() {
        let database = DatabaseName::parse("DB01").unwrap();
        let own = Deliveries::new(&ServerName::parse("cas1").unwrap());
        for number in 0..=REMEMBERED {
            own.remember(&database, format!("cas1/{number}"), content(b"x"));
        }
        assert_eq!(own.whose(&database, "cas1/0"), probe::Whose::Ours(None));
        assert_ne!(own.whose(&database, "cas1/1"), probe::Whose::Ours(None));
    }
}
