//! A back end that does as it is told: real inner TLS, the real session machine, and no store but a map.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

use lmtp::Reply;
use lmtp::server::{Limits, Offer, Session, Step};
use net::{Connection, ServerTls};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::scene::in_time;

/// What becomes of the next complete message.
pub(crate) enum Fate {
    /// It is stored, once, and answered.
    Stored,
    /// The back end dies instead of storing it.
    Killed,
    /// The back end stores it and dies instead of answering.
    StoredAndKilled,
    /// It is stored for everybody but this user.
    StoredExceptFor(&'static str, Reply),
    /// The database has gone.
    NotMounted,
    /// It is stored once there is a permit.
    StoredAfter(Arc<Semaphore>),
}

/// What all back ends together have stored: the messages by delivery id and user.
pub(crate) type Stored = Arc<Mutex<BTreeMap<(String, String), String>>>;

/// How a back end behaves, and what it has seen.
#[derive(Default)]
pub(crate) struct Conduct {
    /// What becomes of the next messages; later ones are stored.
    fates: Mutex<VecDeque<Fate>>,
    /// Users whose database is not mounted here.
    absent: Mutex<HashSet<&'static str>>,
    /// Users who are over quota.
    full: Mutex<HashSet<&'static str>>,
    connections: AtomicUsize,
    asked: AtomicUsize,
    offered: AtomicUsize,
}

impl Conduct {
    pub(crate) fn is_to(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fates.lock().unwrap().extend(fates);
    }

    pub(crate) fn dismount(&self, user: &'static str) {
        self.absent.lock().unwrap().insert(user);
    }

    pub(crate) fn mount(&self, user: &'static str) {
        self.absent.lock().unwrap().remove(user);
    }

    pub(crate) fn fill(&self, user: &'static str) {
        self.full.lock().unwrap().insert(user);
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// How many recipients were asked about.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// How many messages came.
    pub(crate) fn offered(&self) -> usize {
        self.offered.load(SeqCst)
    }

    fn answer_to_recipient(&self, user: &str) -> Result<(), Reply> {
        self.asked.fetch_add(1, SeqCst);
        if self.absent.lock().unwrap().contains(user) {
            Err(Reply::new(451, 3, 2, "The mailbox database is not mounted here"))
        } else if self.full.lock().unwrap().contains(user) {
            Err(Reply::new(552, 2, 2, "The mailbox is full"))
        } else {
            Ok(())
        }
    }
}

/// A back end that listens until it is dropped.
pub(crate) struct BackEnd {
    pub(crate) conduct: Arc<Conduct>,
    serving: JoinSet<()>,
}

impl BackEnd {
    /// Listens at `address`; what it stores goes to `stored`.
    pub(crate) async fn start(
        address: SocketAddr,
        tls: ServerTls,
        conduct: Arc<Conduct>,
        stored: Stored,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&conduct);
        serving.spawn(async move {
            // Aborted with all its connections when the back end is dropped.
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, conduct, stored) = (tls.clone(), Arc::clone(&shared), Arc::clone(&stored));
                conduct.connections.fetch_add(1, SeqCst);
                connections.spawn(async move {
                    let connection = Connection::from(stream).accept_tls(&tls, in_time()).await.unwrap();
                    assert!(
                        connection.peer_identity().unwrap().is_some(),
                        "a front end shows its certificate"
                    );
                    Talk::new(connection, conduct, stored).run().await;
                });
            }
        });
        Self { conduct, serving }
    }

    /// Goes away: nobody listens, and every connection breaks.
    pub(crate) async fn kill(mut self) {
        self.serving.shutdown().await;
    }
}

struct Talk {
    connection: Connection,
    machine: Session,
    conduct: Arc<Conduct>,
    stored: Stored,
    id: String,
    users: Vec<String>,
    message: Vec<u8>,
}

impl Talk {
    fn new(connection: Connection, conduct: Arc<Conduct>, stored: Stored) -> Self {
        let mut machine =
            Session::new("fake", Offer { xclient: false, delivery_id: true }, Limits::default());
        machine.greet();
        Self {
            connection,
            machine,
            conduct,
            stored,
            id: String::new(),
            users: Vec::new(),
            message: Vec::new(),
        }
    }

    async fn run(mut self) {
        loop {
            match self.machine.step() {
                Step::Input => {
                    let output = std::mem::take(self.machine.output());
                    let sent = self.connection.send_before(in_time(), &output).await;
                    let machine = &mut self.machine;
                    let received = self.connection.receive_before(in_time(), |octets| match octets {
                        [] => machine.input_closed(),
                        octets => machine.receive(octets),
                    });
                    if sent.is_err() || received.await.is_err() {
                        return;
                    }
                }
                Step::Sender(_, parameters) => {
                    self.id = parameters.delivery_id.expect("the inner leg names deliveries").to_string();
                    assert_eq!(self.id.len(), 32);
                    self.users.clear();
                    self.message.clear();
                    self.machine.accept();
                }
                Step::Recipient(address) => match self.conduct.answer_to_recipient(&address.to_string()) {
                    Ok(()) => {
                        self.users.push(address.to_string());
                        self.machine.accept();
                    }
                    Err(reply) => self.machine.refuse(&reply),
                },
                Step::Data(octets) => self.message.extend_from_slice(octets),
                Step::DataEnd => {
                    if self.meet_fate().await.is_none() {
                        return;
                    }
                }
                Step::Abandoned | Step::Answered(_) => {}
                Step::Forwarded(_) | Step::Answer => panic!("not in this dialogue"),
                Step::Close => {
                    let _ = self.connection.send_before(in_time(), self.machine.output()).await;
                    return self.connection.close(std::time::Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Nothing, if this back end dies of it.
    async fn meet_fate(&mut self) -> Option<()> {
        self.conduct.offered.fetch_add(1, SeqCst);
        let fate = self.conduct.fates.lock().unwrap().pop_front().unwrap_or(Fate::Stored);
        let mut refused = None;
        match fate {
            Fate::Stored => {}
            Fate::Killed => return None,
            Fate::StoredAndKilled => {
                self.store(None);
                return None;
            }
            Fate::StoredExceptFor(user, reply) => refused = Some((user, reply)),
            Fate::NotMounted => {
                for recipient in 0..self.users.len() {
                    let reply = Reply::new(451, 3, 2, "The mailbox database is not mounted here");
                    self.machine.delivered(recipient, reply);
                }
                return Some(());
            }
            Fate::StoredAfter(permits) => permits.acquire().await.unwrap().forget(),
        }
        self.store(refused.as_ref().map(|(user, _)| *user));
        for (recipient, user) in self.users.iter().enumerate() {
            let reply = match &refused {
                Some((except, reply)) if except == user => reply.clone(),
                _ => Reply::new(250, 0, 0, "Delivered"),
            };
            self.machine.delivered(recipient, reply);
        }
        Some(())
    }

    /// Stores the message, unless it is there already.
    fn store(&self, except: Option<&str>) {
        let mut stored = self.stored.lock().unwrap();
        for user in self.users.iter().filter(|user| Some(user.as_str()) != except) {
            let message = String::from_utf8(self.message.clone()).unwrap();
            let first = stored.entry((self.id.clone(), user.clone())).or_insert_with(|| message.clone());
            assert_eq!(*first, message, "the same message, however often it is offered");
        }
    }
}

/// The messages of one user.
pub(crate) fn mail_of(stored: &Stored, user: &str) -> Vec<String> {
    let stored: MutexGuard<'_, _> = stored.lock().unwrap();
    stored.iter().filter(|((_, whose), _)| whose == user).map(|(_, message)| message.clone()).collect()
}
