//! How many bytes an idle connection costs each side, plain and with TLS, in memory of the process (the kernel's socket
//! buffers are not counted).
//!
//! ```text
//! cargo run --release -p net --example idle_connections plain|tls [CONNECTIONS]
//! ```
//!
//! The serving side is this process, the clients are a second one, so that each can be weighed by itself. Every session
//! has greeted its client, heard one command, answered it, and waits for the next with a deadline.

#![expect(clippy::print_stdout, reason = "it reports to whoever runs it")]
#![expect(clippy::unwrap_used, reason = "what surprises a measurement ends it")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use net::authority::Subject;
use net::drain::SessionToken;
use net::{
    Authority, Binding, CertificateStore, ClientTls, Connection, Endpoint, Incoming, Listeners, ServerTls,
    Sessions,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;

const GREETING: &[u8] = b"+OK ready\r\n";

#[tokio::main]
async fn main() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["call", kind, address, count, authority] => {
            call(kind, address.parse().unwrap(), count.parse().unwrap(), Path::new(authority)).await;
        }
        [kind @ ("plain" | "tls")] => weigh(kind, 2_000).await,
        [kind @ ("plain" | "tls"), count] => weigh(kind, count.parse().unwrap()).await,
        _ => println!("usage: idle_connections plain|tls [CONNECTIONS]"),
    }
}

/// Serves connections and weighs them.
async fn weigh(kind: &str, count: u64) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::load_or_create(folder.path(), "measurement", SystemTime::now()).unwrap();
    let subject = Subject::Service { names: vec!["localhost".to_owned()], addresses: Vec::new() };
    authority.ensure("mail", &subject, SystemTime::now()).unwrap();
    let store = CertificateStore::load(&[authority.files("mail")]).unwrap();
    let tls = (kind == "tls").then(|| ServerTls::for_clients(store, &[]).unwrap());

    let (mut listeners, incoming) = Listeners::new(1024);
    let anywhere = Endpoint::Tcp(([127, 0, 0, 1], 0).into());
    let opened = listeners.reconcile(&[Binding { endpoint: anywhere, kind: () }]).await.opened;
    let Endpoint::Tcp(address) = opened[0].local else { return };
    let sessions = Sessions::new();
    tokio::spawn(serve(incoming, sessions.clone(), tls));

    // What comes with the first connections and stays for all: threads, timers, tables.
    drop(clients(kind, address, 50, &authority));
    sessions.ended(soon()).await.unwrap();
    let before = resident();
    let (_calling, theirs) = clients(kind, address, count, &authority);
    let ours = resident() - before;
    let (ours, theirs) = (ours / count, theirs / count);
    println!(
        "{kind}: {ours} bytes a connection on the serving side, {theirs} on the client's ({count} connections)"
    );
}

/// The clients' process. It ends with this value.
struct Clients(Child);

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the clients, waits until all are connected, and says by how much their process has grown.
fn clients(kind: &str, address: SocketAddr, count: u64, authority: &Authority) -> (Clients, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["call", kind, &address.to_string(), &count.to_string()])
        .arg(authority.certificate_file())
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut grown = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut grown).unwrap();
    (Clients(child), grown.trim().parse().unwrap())
}

async fn serve(mut incoming: Incoming<()>, sessions: Sessions, tls: Option<ServerTls>) {
    while let Some(accepted) = incoming.next().await {
        let tls = tls.clone();
        let session = move |token| session(accepted.connection, tls, token);
        sessions.spawn(session).unwrap();
    }
}

async fn session(mut connection: Connection, tls: Option<ServerTls>, _token: SessionToken) {
    if let Some(tls) = tls {
        connection = connection.accept_tls(&tls, soon()).await.unwrap();
    }
    connection.send_before(soon(), GREETING).await.unwrap();
    while let Ok(1..) = connection.receive_before(soon(), <[u8]>::len).await {
        connection.send_before(soon(), GREETING).await.unwrap();
    }
}

/// Connects, one after the other, and stays until killed.
async fn call(kind: &str, address: SocketAddr, count: u64, authority: &Path) {
    let tls = ClientTls::verified_by(authority).unwrap();
    let before = resident();
    let mut open = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::connect(address, soon()).await.unwrap();
        if kind == "tls" {
            connection = connection.connect_tls(&tls, "localhost", soon()).await.unwrap();
        }
        for command in [b"".as_slice(), b"NOOP\r\n"] {
            connection.send_before(soon(), command).await.unwrap();
            assert_eq!(connection.receive_before(soon(), <[u8]>::len).await.unwrap(), GREETING.len());
        }
        open.push(connection);
    }
    println!("{}", resident() - before);
    std::io::stdout().flush().unwrap();
    std::future::pending::<()>().await;
}

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(10)
}

/// Bytes of memory of this process.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
