//! Several processes have the file open, and any of them may be killed.
//!
//! The processes are this test's own program, started again for the one test that adds users.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use directory::{
    Administration, Directory as _, Hashing, Name, Password, SqliteDirectory, SqliteSettings,
    administration::{AdministrationSettings, NewUser, Secret},
};
use settings::Value as _;

const FILE: &str = "DIRECTORY_TEST_FILE";
const PREFIX: &str = "DIRECTORY_TEST_PREFIX";
const COUNT: &str = "DIRECTORY_TEST_COUNT";
const ADDED: &str = "added ";

fn administration(path: &Path) -> Administration {
    Administration::open(path, AdministrationSettings { hashing: Hashing::CHEAPEST, scram: false }).unwrap()
}

fn name(prefix: &str, number: usize) -> Name {
    format!("{prefix}{number}@example.com").parse().unwrap()
}

/// What the started processes do: they add users and say so of each. In the test run itself there is nothing to do.
#[test]
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn a_started_process_adds_users() {
    let Ok(path) = std::env::var(FILE) else { return };
    let prefix = std::env::var(PREFIX).unwrap();
    let count: usize = std::env::var(COUNT).unwrap().parse().unwrap();
    let mut administration = administration(Path::new(&path));
    for number in 0..count {
        let user = NewUser {
            name: name(&prefix, number),
            secret: Secret::Password(Password::new("secret")),
            database: settings::DatabaseName::parse("DB01").unwrap(),
            quota: None,
        };
        administration.add(&user).unwrap();
        println!("\n{ADDED}{}", user.name);
    }
}

fn start(path: &Path, prefix: &str, count: usize) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_started_process_adds_users", "--nocapture", "--test-threads=1"])
        .env(FILE, path)
        .env(PREFIX, prefix)
        .env(COUNT, count.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// The next user that a process says it has added.
fn next_added(output: &mut BufReader<ChildStdout>) -> Option<Name> {
    output.lines().map_while(Result::ok).find_map(|line| line.strip_prefix(ADDED)?.parse().ok())
}

#[tokio::test]
async fn two_processes_write_while_a_third_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.sqlite");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    let mut writers: Vec<_> = ["left", "right"].map(|prefix| start(&path, prefix, 100)).into();
    let mut seen = 0;
    for (_, output) in &mut writers {
        while let Some(name) = next_added(output) {
            assert!(directory.find(&name).await.unwrap().is_some(), "{name} was added");
            seen += 1;
        }
    }
    for (mut child, _) in writers {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(seen, 200);
    assert_eq!(administration(&path).list().unwrap().len(), 200);
}

#[tokio::test]
async fn a_kill_during_a_write_leaves_the_directory_usable_and_loses_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.sqlite");
    let directory = SqliteDirectory::open(&path, &SqliteSettings::default()).unwrap();
    for round in 0..8 {
        let prefix = format!("round{round}-");
        let (mut child, mut output) = start(&path, &prefix, usize::MAX);
        let mut added: Vec<_> = (0..=3 * round).map(|_| next_added(&mut output).unwrap()).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        added.extend(std::iter::from_fn(|| next_added(&mut output)));
        for name in &added {
            assert!(directory.find(name).await.unwrap().is_some(), "{name} was added");
        }
        // At most the one that was under way is there without having been told.
        let users = administration(&path).list().unwrap();
        let of_round = users.iter().filter(|user| user.name.as_str().starts_with(&prefix)).count();
        assert!((added.len()..=added.len() + 1).contains(&of_round), "{of_round} of {}", added.len());
        assert!(directory.find(&name(&prefix, of_round)).await.unwrap().is_none());
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let violations: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(violations, 0);
}
