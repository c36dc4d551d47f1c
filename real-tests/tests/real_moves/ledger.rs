//! Who held which database, from when until when, and under which token.
//!
//! A back end says in its service log when it has mounted a database, and when it is about to let go of the lock. One that
//! is killed says nothing: then the mount ended with the process, and when that was is known to who killed it: the test,
//! its init, or the power grid. The lines of its last moments may be lost, too, since lines gather before they are written;
//! so it is known to have held until the last line that is there.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use real_tests::{Installation, until};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::view::{DATABASES, MAILBOX_SERVERS, database};

/// That the back end of a server was killed, and when: before another one can have written anything.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    pub(crate) server: &'static str,
    pub(crate) at: Timestamp,
}

/// The epoch of the coordinator, and its revision.
type Token = (u64, u64);

/// A mount.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    server: &'static str,
    token: Token,
    from: Timestamp,
    until: Option<Timestamp>,
}

/// The mounts of every database, oldest first.
#[derive(Debug)]
pub(crate) struct Ledger(Vec<(&'static str, Vec<Mount>)>);

impl Ledger {
    /// Reads the logs, once the last mounts are written down. `deaths` are those that the test caused.
    #[track_caller]
    pub(crate) fn read(installation: &Installation, deaths: &[Death]) -> Self {
        until("the last mounts to be written down", || {
            let ledger = Self::of_now(installation, deaths);
            let is_complete = |(name, mounts): &(&str, Vec<Mount>)| {
                mounts.last().is_some_and(|last| last.token == assigned(installation, name))
            };
            ledger.0.iter().all(is_complete).then_some(ledger)
        })
    }

    fn of_now(installation: &Installation, deaths: &[Death]) -> Self {
        let servers = installation.data().join("servers");
        let mut deaths = deaths.to_vec();
        deaths.extend(power_cuts(&lines(&installation.data().join("up.log"))));
        for server in MAILBOX_SERVERS {
            deaths.extend(kills(server, &lines(&servers.join(server).join("init.log"))));
        }
        let of = |name: &'static str| {
            let logs =
                MAILBOX_SERVERS.map(|server| (server, lines(&servers.join(server).join("backend.log"))));
            (name, mounts(name, &logs, &deaths))
        };
        Self(DATABASES.map(of).into())
    }

    /// The mounts of one database.
    pub(crate) fn mounts_of(&self, database: &str) -> &[Mount] {
        self.0.iter().find(|(name, _)| *name == database).map(|(_, mounts)| &**mounts).unwrap()
    }

    /// Proves that no database was ever held twice, that its tokens grew with every assignment, and that the store carries
    /// the last of them, which is the one that is assigned.
    #[track_caller]
    pub(crate) fn prove(&self, installation: &Installation) {
        for (name, mounts) in &self.0 {
            never_twice(mounts).unwrap_or_else(|wrong| panic!("{name}: {wrong}\n{mounts:#?}"));
            let last = mounts.last().unwrap().token;
            let file = installation.data().join("databases").join(name).join("mail.sqlite");
            assert_eq!(last, token_in(&file), "{name}: the store carries another token");
        }
    }
}

/// What is wrong with these mounts of one database, in the order of their beginnings.
fn never_twice(mounts: &[Mount]) -> Result<(), String> {
    for pair in mounts.windows(2) {
        let [earlier, later] = pair else { unreachable!("windows of two") };
        match earlier.until {
            None => return Err(format!("{earlier:?} has no end before {later:?}")),
            Some(until) if until > later.from => return Err(format!("{earlier:?} overlaps {later:?}")),
            Some(_) => {}
        }
        // A back end that died and came back goes on under the assignment that it had.
        let goes_on = earlier.token == later.token && earlier.server == later.server;
        if later.token <= earlier.token && !goes_on {
            return Err(format!("the token of {later:?} is not later than that of {earlier:?}"));
        }
    }
    Ok(())
}

fn assigned(installation: &Installation, name: &str) -> Token {
    let token = &database(installation, name)["token"];
    (token["epoch"].as_u64().unwrap(), token["revision"].as_u64().unwrap())
}

fn token_in(file: &Path) -> Token {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let (epoch, revision) = store
        .query_row("SELECT token_epoch, token_revision FROM database", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap();
    (epoch.try_into().unwrap(), revision.try_into().unwrap())
}

/// The lines of a service log. The last one of a process that was killed may be a piece.
fn lines(log: &Path) -> Vec<Value> {
    // A process that has written nothing yet has no log.
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn at(line: &Value) -> Timestamp {
    line["timestamp"].as_str().unwrap().parse().unwrap()
}

fn mounts(name: &str, logs: &[(&'static str, Vec<Value>)], deaths: &[Death]) -> Vec<Mount> {
    let mut all = Vec::new();
    for (server, lines) in logs {
        let mut mounts: Vec<Mount> = Vec::new();
        let of_database = |line: &&Value| {
            line["database"].as_str().is_some_and(|folder| folder.ends_with(&format!("databases/{name}")))
        };
        for line in lines.iter().filter(of_database) {
            match said(line) {
                "mounted" => {
                    mounts.push(Mount { server, token: token(line), from: at(line), until: None });
                }
                "dismounted" => {
                    let ended = mounts.last_mut().filter(|mount| mount.until.is_none());
                    let ended = ended.unwrap_or_else(|| panic!("{server}: not mounted: {line}"));
                    assert_eq!(ended.token, token(line), "{server}: {line}");
                    ended.until = Some(at(line));
                }
                _ => {}
            }
        }
        for mount in mounts.iter_mut().filter(|mount| mount.until.is_none()) {
            let died = deaths.iter().filter(|death| death.server == *server && death.at >= mount.from);
            if let Some(died) = died.map(|death| death.at).min() {
                mount.until = lines.iter().map(at).filter(|at| *at <= died).max();
            }
        }
        all.append(&mut mounts);
    }
    all.sort_by_key(|mount| mount.from);
    all
}

fn token(line: &Value) -> Token {
    let (epoch, revision) = line["token"].as_str().unwrap().split_once('.').unwrap();
    (epoch.parse().unwrap(), revision.parse().unwrap())
}

/// How often the back end of `server` was killed because somebody asked for it.
pub(crate) fn fences(installation: &Installation, server: &'static str) -> usize {
    kills(server, &lines(&installation.data().join("servers").join(server).join("init.log"))).len()
}

/// The back ends that an init killed because it was asked to.
fn kills(server: &'static str, lines: &[Value]) -> Vec<Death> {
    let of_back_end = lines.iter().filter(|line| line["service"] == "backend");
    let killed = of_back_end.filter(|line| said(line).contains("was killed as asked"));
    killed.map(|line| Death { server, at: at(line) }).collect()
}

/// The servers whose power the grid cut because it was asked to.
fn power_cuts(lines: &[Value]) -> Vec<Death> {
    let of = |line: &Value| MAILBOX_SERVERS.into_iter().find(|server| line["server"] == *server);
    let cut = lines.iter().filter(|line| said(line).starts_with("power cut as asked"));
    cut.filter_map(|line| Some(Death { server: of(line)?, at: at(line) })).collect()
}

fn said(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

/// That every kind of damage is noticed.
mod proofs {
    use super::*;

    fn mount(server: &'static str, revision: u64, from: i64, until: Option<i64>) -> Mount {
        let second = |second| Timestamp::from_second(second).unwrap();
        Mount { server, token: (1, revision), from: second(from), until: until.map(second) }
    }

    #[test]
    fn mounts_one_after_the_other_are_in_order() {
        let mounts =
            [mount("mbx1", 4, 0, Some(9)), mount("mbx1", 4, 10, Some(19)), mount("mbx2", 7, 20, None)];
        assert_eq!(never_twice(&mounts), Ok(()));
    }

    #[test]
    fn a_second_holder_is_noticed() {
        let overlap = never_twice(&[mount("mbx1", 4, 0, Some(11)), mount("mbx2", 7, 10, None)]);
        assert!(overlap.unwrap_err().contains("overlaps"));
        let endless = never_twice(&[mount("mbx1", 4, 0, None), mount("mbx2", 7, 10, None)]);
        assert!(endless.unwrap_err().contains("has no end"));
    }

    #[test]
    fn a_token_that_does_not_grow_is_noticed() {
        for (server, revision) in [("mbx2", 4), ("mbx2", 3), ("mbx1", 3)] {
            let stale = never_twice(&[mount("mbx1", 4, 0, Some(9)), mount(server, revision, 10, None)]);
            assert!(stale.unwrap_err().contains("not later"));
        }
    }

    #[test]
    fn a_process_that_was_killed_held_its_databases_until_its_last_line() {
        let line = |second: u32, message: &str| {
            let text = format!(
                r#"{{"timestamp":"2026-11-25T18:00:0{second}Z","message":"{message}","database":"/databases/DB01","token":"1.4"}}"#
            );
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let lines = vec![line(2, "mounted"), line(4, "delivered"), line(7, "mounted")];
        let death = |line: &Value| Death { server: "mbx1", at: at(line) };
        let deaths = [death(&line(1, "")), death(&line(6, ""))];
        let found = mounts("DB01", &[("mbx1", lines.clone())], &deaths);
        assert_eq!(found.iter().map(|mount| mount.until).collect::<Vec<_>>(), [Some(at(&lines[1])), None]);
    }
}
