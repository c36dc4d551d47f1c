//! What mail servers and clients know about one user's mail, and whether what is found agrees with it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use crate::load::PASSWORD;
use crate::pop3::Entry;
use crate::{Pop3Client, mail};

/// The mail of one user.
#[derive(Debug)]
pub struct Account {
    user: String,
    facts: Mutex<Facts>,
}

#[derive(Debug, Default)]
struct Facts {
    /// What was sent, by the message's own id.
    sent: HashMap<String, Sent>,
    /// What was retrieved, by UIDL.
    seen: HashMap<String, Seen>,
    /// The UIDL of what was retrieved, by the message's own id.
    uidls: HashMap<String, String>,
    /// Deletions of which nobody knows whether they were done.
    doubts: Vec<Doubt>,
}

#[derive(Debug)]
struct Sent {
    message: Arc<[u8]>,
    acknowledged: bool,
}

#[derive(Debug)]
struct Seen {
    id: String,
    since: Instant,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Here,
    /// Marked in a session whose QUIT has no answer.
    InDoubt,
    /// Marked in a session whose QUIT was answered with +OK.
    Deleted(Instant),
}

/// The messages that were marked in one session whose QUIT has no answer: all of them are deleted, at once and whenever
/// the server gets to it, or none.
#[derive(Debug)]
struct Doubt {
    uidls: Vec<String>,
    since: Instant,
    /// When they were first found to be gone.
    gone: Option<Instant>,
}

impl Account {
    /// Nothing has been sent to `user` yet.
    pub fn new(user: &str) -> Self {
        Self { user: user.to_owned(), facts: Mutex::default() }
    }

    /// The name that the user logs in with.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Where mail for the user goes.
    pub fn address(&self) -> String {
        format!("{}@example.com", self.user)
    }

    /// How many messages may be in the maildrop.
    pub fn size(&self) -> usize {
        let facts = self.facts();
        let gone = facts.seen.values().filter(|seen| matches!(seen.fate, Fate::Deleted(_))).count();
        facts.sent.len() - gone
    }

    /// A message is about to be sent.
    pub fn sending(&self, id: &str, message: &Arc<[u8]>) {
        let sent = Sent { message: Arc::clone(message), acknowledged: false };
        self.facts().sent.insert(id.to_owned(), sent);
    }

    /// The server has taken responsibility for a message.
    pub fn acknowledged(&self, id: &str) {
        self.facts().sent.get_mut(id).unwrap().acknowledged = true;
    }

    /// Whether a message was retrieved before.
    pub fn has_seen(&self, uidl: &str) -> bool {
        self.facts().seen.contains_key(uidl)
    }

    /// A message was retrieved: it must be what was sent, under the UIDL it always had, and there only once.
    pub fn retrieved(&self, uidl: &str, message: &[u8]) {
        let user = &self.user;
        let facts = &mut *self.facts();
        let id = mail::id(message).unwrap_or_else(|| panic!("{user}: {uidl} is no message of ours"));
        let sent = facts.sent.get(&id).unwrap_or_else(|| panic!("{user}: {id} was sent to somebody else"));
        assert!(mail::is_intact(message, &sent.message), "{user}: {id} is not as it was sent");
        let known = facts.uidls.entry(id.clone()).or_insert_with(|| uidl.to_owned());
        assert_eq!(known, uidl, "{user}: {id} is there twice, or has another UIDL");
        let seen = Seen { id: id.clone(), since: Instant::now(), fate: Fate::Here };
        let seen = facts.seen.entry(uidl.to_owned()).or_insert(seen);
        assert_eq!(seen.id, id, "{user}: {uidl} was another message before");
    }

    /// A session that began at `began` was shown this list.
    pub fn listed(&self, began: Instant, list: &[Entry]) {
        let user = &self.user;
        let facts = &mut *self.facts();
        let listed: HashSet<&str> = list.iter().map(|entry| entry.uidl.as_str()).collect();
        assert_eq!(listed.len(), list.len(), "{user}: a UIDL is there twice");
        for (uidl, seen) in facts.seen.iter().filter(|(_, seen)| seen.since < began) {
            let here = listed.contains(uidl.as_str());
            match seen.fate {
                Fate::Here => assert!(here, "{user}: {} ({uidl}) is lost", seen.id),
                Fate::Deleted(at) if at < began => assert!(!here, "{user}: {} ({uidl}) is back", seen.id),
                Fate::Deleted(_) | Fate::InDoubt => {}
            }
        }
        for doubt in facts.doubts.iter_mut().filter(|doubt| doubt.since < began) {
            let here = doubt.uidls.iter().filter(|uidl| listed.contains(uidl.as_str())).count();
            assert!(here == 0 || here == doubt.uidls.len(), "{user}: deleted by halves: {doubt:?}");
            match doubt.gone {
                Some(gone) if gone < began => assert_eq!(here, 0, "{user}: back again: {doubt:?}"),
                None if here == 0 => doubt.gone = Some(Instant::now()),
                Some(_) | None => {}
            }
        }
    }

    /// Those of the list that may be deleted: they were retrieved, and no doubt hangs over them.
    pub fn deletable(&self, list: &[Entry]) -> Vec<Entry> {
        let facts = self.facts();
        let here = |entry: &&Entry| facts.seen.get(&entry.uidl).is_some_and(|seen| seen.fate == Fate::Here);
        list.iter().filter(here).cloned().collect()
    }

    /// QUIT is about to be said with these messages marked.
    pub fn quitting(&self, marked: &[Entry]) {
        self.set_fate(marked, Fate::InDoubt);
        let uidls = marked.iter().map(|entry| entry.uidl.clone()).collect();
        self.facts().doubts.push(Doubt { uidls, since: Instant::now(), gone: None });
    }

    /// QUIT was answered with +OK.
    pub fn deleted(&self, marked: &[Entry]) {
        self.set_fate(marked, Fate::Deleted(Instant::now()));
        let first = marked.first().map(|entry| &entry.uidl);
        self.facts().doubts.retain(|doubt| doubt.uidls.first() != first);
    }

    fn set_fate(&self, entries: &[Entry], fate: Fate) {
        let mut facts = self.facts();
        for entry in entries {
            facts.seen.get_mut(&entry.uidl).unwrap().fate = fate;
        }
    }

    /// Now that everything is quiet: retrieves all there is and compares it with all that is known.
    pub fn settle(&self, at: SocketAddr) {
        let began = Instant::now();
        let mut client = Pop3Client::connect(at).unwrap();
        client.log_in(&self.user, PASSWORD).unwrap();
        let list = client.list().unwrap();
        self.listed(began, &list);
        for entry in &list {
            self.retrieved(&entry.uidl, &client.retrieve(entry.number).unwrap());
        }
        client.quit().unwrap();
        let facts = self.facts();
        for (id, sent) in &facts.sent {
            let arrived = facts.uidls.contains_key(id);
            assert!(arrived || !sent.acknowledged, "{}: {id} was acknowledged and never arrived", self.user);
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }
}

/// That every kind of damage is noticed.
#[cfg(test)]
mod tests {
    use crate::random::Random;

    use super::*;

    const TRACE: &[u8] = b"Return-Path: <a@b>\r\nReceived: from x;\r\n\tnow\r\n";

    fn entries(uidls: &[&str]) -> Vec<Entry> {
        let entry = |(index, uidl): (usize, &&str)| Entry {
            number: pop3::MessageNumber::from_index(index).unwrap(),
            uidl: (*uidl).to_owned(),
        };
        uidls.iter().enumerate().map(entry).collect()
    }

    /// An account whose messages `m1` and `m2` were acknowledged, and retrieved as `u1` and `u2`.
    fn account() -> (Account, [Vec<u8>; 2]) {
        let account = Account::new("user1");
        let arrived = ["m1", "m2"].map(|id| {
            let message: Arc<[u8]> = mail::message(id, 300, &mut Random::for_test()).into();
            account.sending(id, &message);
            account.acknowledged(id);
            [TRACE, &message].concat()
        });
        account.retrieved("u1", &arrived[0]);
        account.retrieved("u2", &arrived[1]);
        (account, arrived)
    }

    fn with_a_session_in_doubt() -> Account {
        let (account, _) = account();
        account.quitting(&entries(&["u1", "u2"]));
        account
    }

    #[test]
    fn what_was_promised_is_found_in_order() {
        let (account, arrived) = account();
        account.listed(Instant::now(), &entries(&["u1", "u2", "u3"]));
        account.retrieved("u2", &arrived[1]);
        account.quitting(&entries(&["u1"]));
        account.deleted(&entries(&["u1"]));
        account.listed(Instant::now(), &entries(&["u2", "u3"]));
        assert_eq!(account.size(), 1);
    }

    #[test]
    #[should_panic(expected = "m2 (u2) is lost")]
    fn a_lost_message_is_noticed() {
        account().0.listed(Instant::now(), &entries(&["u1"]));
    }

    #[test]
    #[should_panic(expected = "m1 is there twice")]
    fn a_message_that_is_there_twice_is_noticed() {
        let (account, arrived) = account();
        account.retrieved("u3", &arrived[0]);
    }

    #[test]
    #[should_panic(expected = "u2 was another message before")]
    fn a_unique_id_that_changes_its_message_is_noticed() {
        let (account, arrived) = account();
        account.facts().uidls.clear();
        account.retrieved("u2", &arrived[0]);
    }

    #[test]
    #[should_panic(expected = "m1 is not as it was sent")]
    fn a_changed_octet_is_noticed() {
        let (account, [mut arrived, _]) = account();
        *arrived.last_mut().unwrap() ^= 1;
        account.retrieved("u1", &arrived);
    }

    #[test]
    #[should_panic(expected = "m1 (u1) is back")]
    fn a_deleted_message_that_returns_is_noticed() {
        let (account, _) = account();
        account.quitting(&entries(&["u1"]));
        account.deleted(&entries(&["u1"]));
        account.listed(Instant::now(), &entries(&["u1", "u2"]));
    }

    #[test]
    fn a_session_in_doubt_may_have_deleted_all_or_nothing() {
        let account = with_a_session_in_doubt();
        account.listed(Instant::now(), &entries(&["u1", "u2"]));
        account.listed(Instant::now(), &entries(&[]));
    }

    #[test]
    #[should_panic(expected = "deleted by halves")]
    fn half_a_deletion_is_noticed() {
        with_a_session_in_doubt().listed(Instant::now(), &entries(&["u2"]));
    }

    #[test]
    #[should_panic(expected = "back again")]
    fn a_deletion_that_is_undone_is_noticed() {
        let account = with_a_session_in_doubt();
        account.listed(Instant::now(), &entries(&[]));
        account.listed(Instant::now(), &entries(&["u1", "u2"]));
    }
}
