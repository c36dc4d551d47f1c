//! Mail servers that deliver, clients that retrieve and delete, clients that only look.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use pop3::ResponseCode;

use crate::account::Account;
use crate::pop3::Fault;
use crate::random::Random;
use crate::{Installation, LmtpClient, Pop3Client, Verdict, mail, wait};

/// The password of every user.
pub const PASSWORD: &str = "secret";
/// A maildrop with more messages gets none for a while.
const FULL: usize = 100;
/// How many messages a session retrieves and marks at most.
const HANDFUL: usize = 25;
/// How long to wait for something before looking whether the load is over.
const BREATH: Duration = Duration::from_secs(1);

/// How many of whom.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Users, each with a client that retrieves and deletes.
    pub users: usize,
    /// Clients of any user that only look.
    pub readers: usize,
    /// Mail servers, each with one connection.
    pub mail_servers: usize,
}

/// The work of all of them.
#[derive(Debug)]
pub struct Load {
    pop3: SocketAddr,
    lmtp: SocketAddr,
    crowd: Crowd,
    accounts: Vec<Account>,
    over: AtomicBool,
    acknowledged: AtomicU64,
    retrieved: AtomicU64,
    deleted: AtomicU64,
    put_off: AtomicU64,
    turned_away: AtomicU64,
    doubtful: AtomicU64,
    broken_off: AtomicU64,
}

/// Ends the load when the thread that holds it panics: what it found is the report.
#[derive(Debug)]
pub struct Alarm<'a>(&'a AtomicBool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Relaxed);
        }
    }
}

impl Load {
    /// The load of a crowd whose users are added here. Nothing has been sent yet.
    #[track_caller]
    pub fn new(installation: &Installation, crowd: Crowd) -> Self {
        let accounts: Vec<_> =
            (1..=crowd.users).map(|number| Account::new(&format!("user{number}"))).collect();
        installation.add_users(&accounts.iter().map(Account::user).collect::<Vec<_>>(), PASSWORD);
        Self {
            pop3: installation.pop3(),
            lmtp: installation.lmtp(),
            crowd,
            accounts,
            over: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            retrieved: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
            put_off: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            doubtful: AtomicU64::new(0),
            broken_off: AtomicU64::new(0),
        }
    }

    /// The names of the users.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(Account::user)
    }

    /// Now that everything is quiet: compares all there is with all that is known.
    #[track_caller]
    pub fn settle(&self) {
        for account in &self.accounts {
            account.settle(self.pop3);
        }
    }

    /// Begins the work of everybody.
    pub fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, random: &mut Random) {
        let mut start = |work: Box<dyn FnOnce(Random) + Send + 'scope>| {
            let random = random.fork();
            scope.spawn(move || {
                let _alarm = self.alarm();
                work(random);
            });
        };
        for number in 0..self.crowd.mail_servers {
            start(Box::new(move |random| self.deliver(number, random)));
        }
        for account in &self.accounts {
            start(Box::new(move |random| self.sessions(random, |random| self.consume(account, random))));
        }
        for _ in 0..self.crowd.readers {
            start(Box::new(move |random| self.sessions(random, |random| self.read(random))));
        }
    }

    /// For a thread, to hold while it works.
    pub fn alarm(&self) -> Alarm<'_> {
        Alarm(&self.over)
    }

    /// Everybody ends what is begun and goes.
    pub fn stop(&self) {
        self.over.store(true, Relaxed);
    }

    /// Whether nobody begins anything any more.
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// How much has been done.
    pub fn done(&self) -> u64 {
        self.acknowledged.load(Relaxed) + self.retrieved.load(Relaxed) + self.deleted.load(Relaxed)
    }

    /// Makes sure that nobody was refused anything: no log-in, no delivery.
    #[track_caller]
    pub fn was_let_in(&self) {
        let refused = self.turned_away.load(Relaxed) + self.put_off.load(Relaxed);
        assert_eq!(refused, 0, "{self}");
    }

    /// Makes sure that the processes were killed in the midst of work.
    pub fn was_heavy(&self, kills: usize) {
        let kills = kills as u64;
        assert!(self.acknowledged.load(Relaxed) > kills && self.deleted.load(Relaxed) > kills, "{self}");
        assert!(self.broken_off.load(Relaxed) > 0, "{self}");
    }

    /// A mail server that never tries anything twice.
    fn deliver(&self, number: usize, mut random: Random) {
        let mut count = 0;
        let mut connection = None;
        while !self.is_over() {
            let Some(lmtp) = &mut connection else {
                connection = wait::within(BREATH, || LmtpClient::connect(self.lmtp).ok());
                continue;
            };
            let found =
                wait::within(BREATH, || Some(self.recipients(&mut random)).filter(|all| !all.is_empty()));
            let Some(recipients) = found else { continue };
            count += 1;
            let id = format!("s{number}-{count}");
            let octets = match random.below(100) {
                0..70 => random.below(4_000),
                70..95 => random.below(40_000),
                // Several chunks in the store, a file in the spool.
                _ => 60_000 + random.below(400_000),
            };
            let message = mail::message(&id, octets, &mut random).into();
            for recipient in &recipients {
                recipient.sending(&id, &message);
            }
            let addresses: Vec<String> = recipients.iter().map(|recipient| recipient.address()).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let verdicts = lmtp.deliver(&addresses, &message);
            for (recipient, verdict) in recipients.iter().zip(&verdicts) {
                match verdict {
                    Verdict::Accepted => {
                        recipient.acknowledged(&id);
                        self.acknowledged.fetch_add(1, Relaxed);
                    }
                    Verdict::Refused(reply) => {
                        assert_eq!(reply.code() / 100, 4, "{id}: {reply}");
                        self.put_off.fetch_add(1, Relaxed);
                    }
                    Verdict::Unknown => connection = None,
                }
            }
        }
    }

    /// Mostly one recipient, sometimes several; nobody whose maildrop is full.
    fn recipients(&self, random: &mut Random) -> Vec<&Account> {
        let wanted = if random.happens(80) { 1 } else { 2 + random.below(2) };
        let first = random.below(self.accounts.len());
        let all = self.accounts.iter().cycle().skip(first).take(self.accounts.len());
        all.filter(|account| account.size() < FULL).take(wanted).collect()
    }

    /// One session after the other. All that may go wrong is that the service is not there.
    fn sessions(&self, mut random: Random, mut session: impl FnMut(&mut Random) -> Result<(), Fault>) {
        while !self.is_over() {
            match session(&mut random) {
                Ok(()) => {}
                Err(Fault::Gone(_)) => {
                    self.broken_off.fetch_add(1, Relaxed);
                    wait::within(BREATH, || TcpStream::connect(self.pop3).ok());
                }
                Err(Fault::Refused { code: Some(ResponseCode::SysTemp), .. }) => {
                    self.broken_off.fetch_add(1, Relaxed);
                }
                Err(refused @ Fault::Refused { .. }) => panic!("{refused:?}"),
            }
        }
    }

    /// A client that retrieves what is new and deletes some of what it has.
    fn consume(&self, account: &Account, random: &mut Random) -> Result<(), Fault> {
        let began = Instant::now();
        let mut client = self.log_in(account)?;
        let list = client.list()?;
        account.listed(began, &list);
        let new = list.iter().filter(|entry| !account.has_seen(&entry.uidl) || random.happens(5));
        for entry in new.take(HANDFUL).collect::<Vec<_>>() {
            account.retrieved(&entry.uidl, &client.retrieve(entry.number)?);
            self.retrieved.fetch_add(1, Relaxed);
        }
        let mut marked = account.deletable(&list);
        marked.retain(|_| random.happens(60));
        marked.truncate(HANDFUL);
        for entry in &marked {
            client.delete(entry.number)?;
        }
        match random.below(10) {
            // Deletes nothing.
            0 => drop(client),
            1 => {
                client.reset()?;
                client.quit()?;
            }
            _ => {
                account.quitting(&marked);
                if let Err(fault) = client.quit() {
                    self.doubtful.fetch_add(1, Relaxed);
                    return Err(fault);
                }
                account.deleted(&marked);
                self.deleted.fetch_add(marked.len() as u64, Relaxed);
            }
        }
        Ok(())
    }

    /// A second client of the same users, which only looks.
    fn read(&self, random: &mut Random) -> Result<(), Fault> {
        let account = random.choose(&self.accounts);
        let began = Instant::now();
        let mut client = self.log_in(account)?;
        let list = client.list()?;
        account.listed(began, &list);
        for entry in list.iter().filter(|_| random.happens(10)) {
            account.retrieved(&entry.uidl, &client.retrieve(entry.number)?);
            self.retrieved.fetch_add(1, Relaxed);
        }
        client.quit()
    }

    fn log_in(&self, account: &Account) -> Result<Pop3Client, Fault> {
        let logged_in = Pop3Client::connect(self.pop3).and_then(|mut client| {
            client.log_in(account.user(), PASSWORD)?;
            Ok(client)
        });
        if logged_in.is_err() {
            self.turned_away.fetch_add(1, Relaxed);
        }
        logged_in
    }

    /// Waits until so much more has been done, or the load has come to an end by itself.
    pub fn until_done(&self, more: u64) {
        let goal = self.done() + more;
        wait::until("the load to go on", || (self.done() >= goal || self.is_over()).then_some(()));
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("messages acknowledged", &self.acknowledged),
            ("put off", &self.put_off),
            ("retrieved", &self.retrieved),
            ("deleted", &self.deleted),
            ("sessions turned away at log-in", &self.turned_away),
            ("broken off", &self.broken_off),
            ("ended in doubt", &self.doubtful),
        ];
        let counts = counts.map(|(what, count)| format!("{} {what}", count.load(Relaxed)));
        f.write_str(&counts.join(", "))
    }
}
