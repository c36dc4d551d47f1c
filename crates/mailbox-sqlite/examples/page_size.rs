//! Measures the engine with one page size after the other: the experiment behind the default of `CreateOptions`.
//!
//! `cargo run --release -p mailbox-sqlite --example page_size -- DIRECTORY [PAGE_SIZE…]`, on the disk in question.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::{
    env,
    error::Error,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use mailbox::{
    Delivery, DeliveryId, FencingToken, MailboxId, MailboxStore, MemoryMessage, Snapshot, Uid, UnixSeconds,
};
use mailbox_sqlite::{CreateOptions, MountOptions, SqliteStore, create};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CALLERS: u64 = 50;
const MAILBOXES: u64 = 500;
const MESSAGES: u64 = 20;
const LARGE: u64 = 100_000;

/// Rounds over all sizes. Other work on the machine only ever makes a figure worse, so the best one counts.
const ROUNDS: usize = 3;
/// Lengths of messages as a mailbox may have them.
const MIXTURE: [usize; 8] = [1500, 2500, 4 << 10, 6 << 10, 9 << 10, 12 << 10, 24 << 10, 48 << 10];

/// What is measured of one page size; the best of all rounds.
struct Figures {
    page_size: u32,
    /// A second.
    alone: u64,
    small: u64,
    medium: u64,
    /// Bytes of the file for each 100 bytes of mail.
    overhead: u64,
    snapshot: Duration,
    read: Duration,
    /// A second.
    reads: u64,
    reads_while_mail_arrives: u64,
    ahead: Duration,
    list: Duration,
}

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("say in which directory to measure")?);
    let mut sizes = arguments.map(|size| size.parse()).collect::<Result<Vec<u32>, _>>()?;
    if sizes.is_empty() {
        sizes = vec![4096, 8192, 16384, 32768];
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let mut best: Vec<Option<Figures>> = sizes.iter().map(|_| None).collect();
    for _ in 0..ROUNDS {
        for (size, best) in sizes.iter().zip(&mut best) {
            let figures = runtime.block_on(measure(&directory.join(format!("page-{size}")), *size))?;
            *best = Some(match best.take() {
                Some(before) => before.or_better(&figures),
                None => figures,
            });
        }
    }
    println!(
        "| page | 4 KB deliveries/s, 1 caller | {CALLERS} callers | 12 KB deliveries/s, {CALLERS} callers \
         | file, % of mail | snapshot | read 12 KB | reads/s, {CALLERS} callers | the same while mail arrives \
         | 20 ahead | list {LARGE} |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    best.iter().flatten().for_each(Figures::print);
    Ok(())
}

impl Figures {
    fn or_better(self, other: &Self) -> Self {
        Self {
            page_size: self.page_size,
            alone: self.alone.max(other.alone),
            small: self.small.max(other.small),
            medium: self.medium.max(other.medium),
            overhead: self.overhead,
            snapshot: self.snapshot.min(other.snapshot),
            read: self.read.min(other.read),
            reads: self.reads.max(other.reads),
            reads_while_mail_arrives: self.reads_while_mail_arrives.max(other.reads_while_mail_arrives),
            ahead: self.ahead.min(other.ahead),
            list: self.list.min(other.list),
        }
    }

    fn print(&self) {
        println!(
            "| {} | {} | {} | {} | {} | {:.1?} | {:.1?} | {} | {} | {:.0?} | {:.1?} |",
            self.page_size,
            self.alone,
            self.small,
            self.medium,
            self.overhead,
            self.snapshot,
            self.read,
            self.reads,
            self.reads_while_mail_arrives,
            self.ahead,
            self.list
        );
    }
}

/// A new database.
fn fresh(place: &Path, page_size: u32) -> Outcome<Arc<SqliteStore>> {
    if place.exists() {
        std::fs::remove_dir_all(place)?;
    }
    let mut options = CreateOptions::default();
    options.page_size = page_size;
    create(place, options)?;
    let token = FencingToken { epoch: 1, revision: 1 };
    Ok(Arc::new(SqliteStore::mount(place, token, MountOptions::default())?))
}

async fn measure(place: &Path, page_size: u32) -> Outcome<Figures> {
    let store = fresh(place, page_size)?;
    let overhead = overhead(&store, place).await?;

    let store = fresh(place, page_size)?;
    let alone = together(1, 500, deliver(&store, &[4 << 10], 1 << 41)).await?;
    let small = together(CALLERS, 10_000, deliver(&store, &[4 << 10], 0)).await?;
    store.dismount().await;

    let store = fresh(place, page_size)?;
    let medium = together(CALLERS, MAILBOXES * MESSAGES, deliver(&store, &[12 << 10], 0)).await?;
    store.dismount().await;

    // Mounted anew, so that nothing is in the log any more.
    let token = FencingToken { epoch: 1, revision: 1 };
    let store = Arc::new(SqliteStore::mount(place, token, MountOptions::default())?);
    let snapshot = snapshots(&store).await?;
    let read = reads(&store, 0).await?;
    // The first pass fills the caches.
    let rate = read_rate(&store).await?.max(read_rate(&store).await?);
    let arriving = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { together(CALLERS, 10_000, deliver(&store, &[4 << 10], 1 << 40)).await })
    };
    let reads_while_mail_arrives = read_rate(&store).await?;
    arriving.await??;
    let ahead = ahead(&store).await?;
    let list = list(&store).await?;
    store.dismount().await;
    std::fs::remove_dir_all(place)?;
    Ok(Figures {
        page_size,
        alone,
        small,
        medium,
        overhead,
        snapshot,
        read,
        reads: rate,
        reads_while_mail_arrives,
        ahead,
        list,
    })
}

async fn overhead(store: &Arc<SqliteStore>, place: &Path) -> Outcome<u64> {
    let count = 500 * MIXTURE.len() as u64;
    together(CALLERS, count, deliver(store, &MIXTURE, 0)).await?;
    store.dismount().await;
    let mail = 500 * MIXTURE.iter().sum::<usize>() as u64;
    Ok(place.join("mail.sqlite").metadata()?.len() * 100 / mail)
}

fn mailbox(number: u64) -> MailboxId {
    MailboxId::from_bytes(u128::from(number).to_be_bytes())
}

fn delivery(number: u64, mailbox: MailboxId, message: &Arc<MemoryMessage>) -> Delivery {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Delivery {
        id: DeliveryId::new(1_700_000_000_000 + number / 8, random),
        mailbox,
        name: "somebody@example.com".to_owned(),
        quota: None,
        message: Arc::clone(message) as Arc<_>,
        uidl: None,
        received: UnixSeconds(1_700_000_000),
    }
}

fn message(length: usize) -> Arc<MemoryMessage> {
    let mut raw = b"Subject: a message\r\n\r\n".to_vec();
    raw.extend(b"a line of a message, like the others\r\n".iter().cycle().take(length - raw.len()));
    Arc::new(MemoryMessage::encode(&raw))
}

type Work = Pin<Box<dyn Future<Output = Outcome<()>> + Send>>;

/// Has as many callers at once share `count` pieces of work; how many were done a second.
async fn together(callers: u64, count: u64, work: impl Fn(Vec<u64>) -> Work) -> Outcome<u64> {
    let begun = Instant::now();
    let share = |caller| (caller..count).step_by(usize::try_from(callers).unwrap_or(1)).collect();
    let running: Vec<_> = (0..callers).map(|caller| tokio::spawn(work(share(caller)))).collect();
    for caller in running {
        caller.await??;
    }
    Ok(count * 1_000_000 / u64::try_from(begun.elapsed().as_micros())?)
}

/// Delivers messages of these lengths in turn.
fn deliver(store: &Arc<SqliteStore>, lengths: &[usize], first: u64) -> impl Fn(Vec<u64>) -> Work {
    let messages: Arc<[_]> = lengths.iter().map(|length| message(*length)).collect();
    let store = Arc::clone(store);
    move |numbers| {
        let (store, messages) = (Arc::clone(&store), Arc::clone(&messages));
        Box::pin(async move {
            for number in numbers {
                let message = &messages[usize::try_from(number)? % messages.len()];
                store.deliver(delivery(first + number, mailbox(number % MAILBOXES), message)).await?;
            }
            Ok(())
        })
    }
}

async fn snapshots(store: &SqliteStore) -> Outcome<Duration> {
    let begun = Instant::now();
    for number in 0..20_000 {
        store.snapshot(&mailbox(number % MAILBOXES)).await?;
    }
    Ok(begun.elapsed() / 20_000)
}

async fn open(store: &SqliteStore, number: u64) -> Outcome<(Snapshot, Vec<Uid>)> {
    let snapshot = store.snapshot(&mailbox(number)).await?;
    let uids = store.list(&snapshot).await?.into_iter().map(|entry| entry.uid).collect();
    Ok((snapshot, uids))
}

/// The time of one read, by a caller that is alone.
async fn reads(store: &SqliteStore, first: u64) -> Outcome<Duration> {
    let mut took = Duration::ZERO;
    let mut count = 0;
    for number in (first..MAILBOXES).step_by(50) {
        let (snapshot, uids) = open(store, number).await?;
        let begun = Instant::now();
        for uid in uids.iter().take(20) {
            count += 1;
            assert!(!store.read_chunk(&snapshot, *uid, 0).await?.is_empty());
        }
        took += begun.elapsed();
    }
    Ok(took / count)
}

/// Reads of all mail, twice.
async fn read_rate(store: &Arc<SqliteStore>) -> Outcome<u64> {
    let rate = together(CALLERS, 2 * MAILBOXES, |numbers| {
        let store = Arc::clone(store);
        Box::pin(async move {
            for number in numbers {
                let (snapshot, uids) = open(&store, number % MAILBOXES).await?;
                for uid in &uids[..20] {
                    assert!(!store.read_chunk(&snapshot, *uid, 0).await?.is_empty());
                }
            }
            Ok(())
        })
    });
    Ok(rate.await? * MESSAGES)
}

async fn ahead(store: &SqliteStore) -> Outcome<Duration> {
    let mut took = Duration::ZERO;
    for number in 0..MAILBOXES {
        let (snapshot, uids) = open(store, number).await?;
        let begun = Instant::now();
        assert_eq!(store.read_ahead(&snapshot, &uids[..20], 1 << 20).await?.len(), 20);
        took += begun.elapsed();
    }
    Ok(took / u32::try_from(MAILBOXES)?)
}

async fn list(store: &Arc<SqliteStore>) -> Outcome<Duration> {
    let message = message(100);
    let large = mailbox(1 << 50);
    let fill = |numbers| -> Work {
        let (store, message) = (Arc::clone(store), Arc::clone(&message));
        Box::pin(async move {
            for number in numbers {
                store.deliver(delivery((1 << 50) + number, large, &message)).await?;
            }
            Ok(())
        })
    };
    together(512, LARGE, fill).await?;
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let snapshot = store.snapshot(&large).await?;
        let begun = Instant::now();
        assert_eq!(store.list(&snapshot).await?.len() as u64, LARGE);
        best = best.min(begun.elapsed());
    }
    Ok(best)
}
