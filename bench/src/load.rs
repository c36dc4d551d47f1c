//! A load: so many connections at a time do the same thing over and over, and are counted while a clock runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Lmtp, Pop3, Reply, Target};
use crate::mail;

/// How long a load runs.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What a POP3 session of a load does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Session {
    /// Log in and QUIT.
    LogIn,
    /// Log in, STAT, UIDL, LIST, RETR of each message, QUIT.
    Fetch,
    /// The same with every RETR sent at once.
    FetchPipelined,
}

/// What came out of a load.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rate {
    /// Sessions or deliveries a second.
    pub(crate) per_second: f64,
    /// Megabytes (10⁶) of mail a second.
    pub(crate) megabytes: f64,
    /// The share of resumed TLS handshakes.
    pub(crate) resumed: f64,
}

/// One message in so many is compared octet by octet; sizes are always checked.
const SAMPLE: usize = 50;

/// What lanes count until their load is over.
#[derive(Default)]
pub(crate) struct Counters {
    done: AtomicU64,
    octets: AtomicU64,
    resumed: AtomicU64,
    over: AtomicBool,
}

impl Counters {
    /// Whether the lanes are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// So many more are done.
    pub(crate) fn count(&self, done: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
    }
}

/// The readers' names: each has a mailbox with the same number of messages.
pub(crate) fn reader(number: usize) -> String {
    format!("reader{number}")
}

/// The recipients of the delivery loads.
pub(crate) fn recipient(number: usize) -> String {
    format!("recipient{number}")
}

/// How many users have their mail in the database that is measured at several sizes.
pub(crate) const TRAVELLERS: usize = 100;

/// Their names.
pub(crate) fn traveller(number: usize) -> String {
    format!("traveller{number}")
}

/// Runs POP3 sessions of `readers` users, `connections` at a time.
pub(crate) async fn sessions(
    target: &Target,
    session: Session,
    connections: usize,
    readers: usize,
    span: Span,
) -> Result<Rate> {
    greet_everyone(target, connections, readers).await?;
    let counters = Arc::new(Counters::default());
    let mut tasks = JoinSet::new();
    for first in 0..connections {
        let counters = Arc::clone(&counters);
        let target = target.clone();
        let tls = target.tls_client()?;
        tasks.spawn(async move {
            let mut turn = first;
            while !counters.over.load(Ordering::Relaxed) {
                let mut pop3 = Pop3::log_in(&target, tls.clone(), &reader(turn % readers)).await?;
                let resumed = u64::from(pop3.resumed());
                let mut octets = 0;
                if session != Session::LogIn {
                    let (messages, total) = pop3.stat().await?;
                    pop3.listing(Reply::Uidl).await?;
                    let sizes = pop3.sizes().await?;
                    octets = sizes.iter().sum();
                    ensure!(
                        sizes.len() as u64 == messages && octets == total,
                        "STAT says {messages} messages of {total} octets, LIST {} of {octets}",
                        sizes.len()
                    );
                    // Beyond the last message of a mailbox it is nobody's number, which makes the share right.
                    let sample = turn / connections * 7 % SAMPLE;
                    pop3.retrieve(&sizes, session == Session::FetchPipelined, Some(sample)).await?;
                }
                pop3.quit().await?;
                counters.done.fetch_add(1, Ordering::Relaxed);
                counters.octets.fetch_add(octets, Ordering::Relaxed);
                counters.resumed.fetch_add(resumed, Ordering::Relaxed);
                turn += connections;
            }
            anyhow::Ok(())
        });
    }
    clocked(&counters, tasks, span).await
}

/// Logs every reader in once before a clock runs: a server may take longer over a user it has not seen before.
async fn greet_everyone(target: &Target, connections: usize, readers: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for first in 0..connections {
        let target = target.clone();
        let tls = target.tls_client()?;
        tasks.spawn(async move {
            for number in (first..readers).step_by(connections) {
                Pop3::log_in(&target, tls.clone(), &reader(number)).await?.quit().await?;
            }
            anyhow::Ok(())
        });
    }
    all(tasks).await
}

/// Delivers messages of `octets` to `connections` recipients, each over a connection of its own; returns the rate and
/// how many were acknowledged in all.
pub(crate) async fn deliveries(
    target: &Target,
    connections: usize,
    octets: usize,
    span: Span,
) -> Result<(Rate, u64)> {
    let counters = Arc::new(Counters::default());
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let counters = Arc::clone(&counters);
        let target = target.clone();
        tasks.spawn(async move {
            let user = recipient(number);
            let address = format!("{user}{}", target.domain);
            let mut lmtp = Lmtp::connect(target.address).await?;
            let mut sent = 0;
            while !counters.over.load(Ordering::Relaxed) {
                lmtp.deliver(&address, &mail::compose(&user, sent, octets)).await?;
                sent += 1;
                counters.done.fetch_add(1, Ordering::Relaxed);
                counters.octets.fetch_add(octets as u64, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    let rate = clocked(&counters, tasks, span).await?;
    Ok((rate, counters.done.load(Ordering::Relaxed)))
}

/// Fills mailboxes: `messages` of `octets` to each of `users`, over fifty connections; fewer, if the messages are large.
pub(crate) async fn fill(target: &Target, users: &[String], messages: u64, octets: usize) -> Result<()> {
    // What is under way is in memory, here and on the way.
    let lanes = (100_000_000 / octets).clamp(1, 50);
    let mut tasks = JoinSet::new();
    let work: Arc<Vec<(String, u64)>> = Arc::new(
        (0..messages).flat_map(|number| users.iter().map(move |user| (user.clone(), number))).collect(),
    );
    for lane in 0..lanes {
        let work = Arc::clone(&work);
        let target = target.clone();
        tasks.spawn(async move {
            let mut lmtp = Lmtp::connect(target.address).await?;
            for (user, number) in work.iter().skip(lane).step_by(lanes) {
                let address = format!("{user}{}", target.domain);
                lmtp.deliver(&address, &mail::compose(user, *number, octets)).await?;
            }
            anyhow::Ok(())
        });
    }
    all(tasks).await
}

/// Waits until all have ended well, or one has not.
async fn all(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

pub(crate) async fn clocked(counters: &Counters, mut tasks: JoinSet<Result<()>>, span: Span) -> Result<Rate> {
    let read = || {
        [&counters.done, &counters.octets, &counters.resumed].map(|counter| counter.load(Ordering::Relaxed))
    };
    let measure = async {
        sleep(span.warm_up).await;
        let (before, began) = (read(), Instant::now());
        sleep(span.measured).await;
        let (after, seconds) = (read(), began.elapsed().as_secs_f64());
        let [done, octets, resumed] = std::array::from_fn(|at| (after[at] - before[at]) as f64);
        Rate {
            per_second: done / seconds,
            megabytes: octets / seconds / 1e6,
            resumed: resumed / done.max(1.0),
        }
    };
    tokio::pin!(measure);
    // A task ends early only by an error.
    let rate = loop {
        tokio::select! {
            rate = &mut measure => break rate,
            Some(ended) = tasks.join_next() => ended??,
        }
    };
    counters.over.store(true, Ordering::Relaxed);
    all(tasks).await?;
    Ok(rate)
}
