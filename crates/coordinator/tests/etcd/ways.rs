//! The ways from member to member of etcd. One of the members can be cut off from the others, both ways: then nothing
//! comes through, and nobody is told.
//!
//! All members find one of them at the same address. So who comes over a way is known only from whose the other end of
//! the connection is.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::Pid;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::pass;

/// The processes of the members.
type Processes = Arc<Mutex<Vec<Pid>>>;

pub(crate) struct Ways {
    /// Where each member is found by the others.
    pub(crate) found: Vec<SocketAddr>,
    processes: Processes,
    cut_off: watch::Sender<Option<usize>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Ways {
    /// To members that listen there.
    pub(crate) async fn to(peers: &[SocketAddr]) -> Self {
        let (processes, cut_off) = (Processes::default(), watch::Sender::new(None));
        let (mut found, mut tasks) = (Vec::new(), Vec::new());
        for (member, peers) in peers.iter().enumerate() {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            found.push(listener.local_addr().unwrap());
            tasks.push(tokio::spawn(lead(
                listener,
                *peers,
                member,
                Arc::clone(&processes),
                cut_off.subscribe(),
            )));
        }
        Self { found, processes, cut_off, tasks }
    }

    /// These processes are the members from now on.
    pub(crate) fn know(&self, processes: Vec<Pid>) {
        *self.processes.lock().unwrap() = processes;
    }

    pub(crate) fn cut_off(&self, member: usize) {
        self.cut_off.send_replace(Some(member));
    }

    pub(crate) fn mend(&self) {
        self.cut_off.send_replace(None);
    }
}

impl Drop for Ways {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Leads whoever comes to one member.
async fn lead(
    listener: TcpListener,
    peers: SocketAddr,
    to: usize,
    processes: Processes,
    cut_off: watch::Receiver<Option<usize>>,
) {
    let found = listener.local_addr().unwrap();
    while let Ok((client, theirs)) = listener.accept().await {
        let from = owner(theirs, found, &processes.lock().unwrap());
        let may =
            move |cut_off: &Option<usize>| cut_off.is_none_or(|member| member != to && Some(member) != from);
        let cut_off = cut_off.clone();
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(peers).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::join!(
                pass(from_client, to_server, cut_off.clone(), may),
                pass(from_server, to_client, cut_off, may)
            );
        });
    }
}

/// Which of the processes has the end `theirs` of a connection to `ours`.
fn owner(theirs: SocketAddr, ours: SocketAddr, processes: &[Pid]) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let ends = [theirs, ours].map(as_listed);
    let inode = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns.get(1..3)? == ends).then(|| columns[9].to_owned())
    })?;
    let socket = format!("socket:[{inode}]");
    processes.iter().position(|process| {
        let files =
            fs::read_dir(format!("/proc/{}/fd", process.as_raw_nonzero())).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == Path::new(&socket))
    })
}

/// An address as the kernel lists it.
fn as_listed(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { panic!("{address} is no address of IPv4") };
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}
