//! Processes killed at any moment: what was acknowledged is there, once, and no deletion is half done.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use mailbox::{
    MailboxStore,
    testing::{delivery, mailbox_id},
};
use mailbox_sqlite::{CreateOptions, SqliteStore, check, create};
use tempfile::TempDir;

use crate::fixture::{block_on, bodies, message, options, token, wire};

const CHILD: &str = "MAILBOX_TEST_CRASHING";
const WORKERS: u64 = 6;
const MAILBOXES: u64 = 3;

/// What the killed processes said that they would do, and had done.
#[derive(Default)]
struct Diary {
    offered: BTreeSet<u64>,
    delivered: BTreeSet<u64>,
    to_delete: Vec<Vec<u64>>,
    deleted: BTreeSet<u64>,
}

impl Diary {
    fn read(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap_or_default();
        if !["offer", "delivered", "delete", "deleted"].contains(&kind) {
            return;
        }
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        match kind {
            "offer" => self.offered.extend(numbers),
            "delivered" => self.delivered.extend(numbers),
            "delete" => self.to_delete.push(numbers),
            _ => self.deleted.extend(numbers),
        }
    }
}

/// Messages of all sizes, some of two chunks.
fn numbered(number: u64) -> Vec<u8> {
    message(number, if number.is_multiple_of(13) { 70_000 } else { usize::try_from(number % 5000).unwrap() })
}

fn number_of(body: &[u8]) -> u64 {
    let start = String::from_utf8_lossy(&body[..40]);
    start.split_whitespace().nth(2).unwrap().parse().unwrap()
}

#[test]
fn what_was_acknowledged_survives_kills_at_any_moment() {
    let home = TempDir::new().unwrap();
    create(home.path(), CreateOptions::default()).unwrap();
    let (mut diary, mut deleted) = (Diary::default(), 0);
    for round in 1..=kills() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crashes::child_that_will_be_killed", "--nocapture"])
            .env(CHILD, home.path())
            .env("ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let moment = usize::try_from(round * 7919 % 211).unwrap() + 3;
        for (line, count) in said.split(b'\n').zip(1..) {
            diary.read(&String::from_utf8(line.unwrap()).unwrap());
            if count == moment {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        block_on(verify(home.path(), round, &diary));
        // Every now and then all begins anew, lest each look at everything takes ever longer.
        if round.is_multiple_of(10) {
            deleted += diary.deleted.len();
            block_on(remove_all(home.path(), round));
            diary = Diary::default();
        }
    }
    assert!(deleted > 20, "the children did not get to work: {deleted} messages were deleted");
}

/// Twenty, or as many as `MAILMEDIC_KILLS` says.
fn kills() -> u64 {
    std::env::var("MAILMEDIC_KILLS").map_or(20, |kills| kills.parse().unwrap())
}

async fn remove_all(directory: &Path, round: u64) {
    let store = SqliteStore::mount(directory, token(2 * round + 1), options()).unwrap();
    for mailbox in 0..MAILBOXES {
        store.remove_mailbox(&mailbox_id(mailbox)).await.unwrap();
    }
    store.dismount().await;
}

async fn verify(directory: &Path, round: u64, diary: &Diary) {
    let store = SqliteStore::mount(directory, token(2 * round + 1), options()).unwrap();
    let mut found = BTreeSet::new();
    for mailbox in 0..MAILBOXES {
        for body in bodies(&store, mailbox_id(mailbox)).await {
            let number = number_of(&body);
            assert_eq!(number % MAILBOXES, mailbox, "message {number} is in another mailbox");
            assert!(body == wire(&numbered(number)), "message {number} has other bytes");
            assert!(found.insert(number), "message {number} is there twice");
            assert!(diary.offered.contains(&number), "message {number} was never offered");
        }
    }
    let to_delete: BTreeSet<u64> = diary.to_delete.iter().flatten().copied().collect();
    for number in &diary.delivered {
        let there = found.contains(number);
        assert!(there || to_delete.contains(number), "message {number} is lost");
        assert!(!there || !diary.deleted.contains(number), "message {number} is back");
    }
    for deletion in &diary.to_delete {
        let left = deletion.iter().filter(|number| found.contains(number)).count();
        assert!(left == 0 || left == deletion.len(), "half of {deletion:?} is deleted");
    }
    // What was not acknowledged is offered again, and stored once all the same.
    let doubtful: BTreeSet<u64> = diary.offered.difference(&diary.delivered).copied().collect();
    for number in &doubtful {
        store.deliver(delivery(*number, mailbox_id(number % MAILBOXES), &numbered(*number))).await.unwrap();
    }
    let mut stored: Vec<u64> = Vec::new();
    for mailbox in 0..MAILBOXES {
        stored.extend(bodies(&store, mailbox_id(mailbox)).await.iter().map(|body| number_of(body)));
    }
    stored.sort_unstable();
    found.extend(doubtful);
    assert!(found.into_iter().eq(stored), "each is there once");
    store.dismount().await;
    assert_eq!(check(directory, &mut |_| ()).unwrap().problems, []);
}

/// Not a test of its own: what the test above starts and kills.
#[test]
fn child_that_will_be_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let round: u64 = std::env::var("ROUND").unwrap().parse().unwrap();
    let store = Arc::new(SqliteStore::mount(directory.as_ref(), token(2 * round), options()).unwrap());
    block_on(async {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| tokio::spawn(work(Arc::clone(&store), round * 1_000_000 + worker * 10_000)))
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

/// Delivers five messages to one mailbox and deletes three of them, again and again.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn work(store: Arc<SqliteStore>, first: u64) {
    for batch in (first..).step_by(5 * usize::try_from(MAILBOXES).unwrap()) {
        let mailbox = mailbox_id(batch % MAILBOXES);
        let mut stored = Vec::new();
        for number in (batch..).step_by(usize::try_from(MAILBOXES).unwrap()).take(5) {
            println!("\noffer {number}");
            let uid = store.deliver(delivery(number, mailbox, &numbered(number))).await.unwrap().uid();
            println!("\ndelivered {number}");
            stored.push((number, uid));
        }
        let session = store.snapshot(&mailbox).await.unwrap();
        let (numbers, uids): (Vec<u64>, Vec<_>) = stored.into_iter().skip(1).take(3).unzip();
        let list = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        println!("\ndelete {list}");
        store.delete(&session, &uids).await.unwrap();
        println!("\ndeleted {list}");
    }
}
