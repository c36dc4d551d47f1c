use std::io;
use std::net::SocketAddr;

use net::listeners::{Bound, Reconciled};
use net::{Binding, Connection, Endpoint, Incoming, Listeners};
use tokio::time::timeout_at;

use crate::scene::{echo, in_time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Tls,
}

fn tcp(address: &str, kind: Kind) -> Binding<Kind> {
    Binding { endpoint: Endpoint::Tcp(address.parse().unwrap()), kind }
}

fn address(bound: &Bound<Kind>) -> SocketAddr {
    match &bound.local {
        Endpoint::Tcp(address) => *address,
        Endpoint::Unix(path) => panic!("{} is not TCP", path.display()),
    }
}

/// Opens bindings that must all open, and says where they are.
async fn open(listeners: &mut Listeners<Kind>, wanted: &[Binding<Kind>]) -> Vec<SocketAddr> {
    let Reconciled { opened, failed, .. } = listeners.reconcile(wanted).await;
    assert!(failed.is_empty(), "{failed:?}");
    opened.iter().map(address).collect()
}

async fn connect(address: SocketAddr) -> Connection {
    Connection::connect(address, in_time()).await.unwrap()
}

async fn next(incoming: &mut Incoming<Kind>) -> net::Accepted<Kind> {
    timeout_at(in_time(), incoming.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn port_zero_is_reported_as_the_port_that_the_system_chose() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let wanted = [tcp("127.0.0.1:0", Kind::Plain), tcp("127.0.0.1:0", Kind::Tls)];
    let at = open(&mut listeners, &wanted).await;
    assert!(at[0].port() != 0 && at[1].port() != 0 && at[0] != at[1]);

    let client = connect(at[1]).await;
    let accepted = next(&mut incoming).await;
    assert_eq!((accepted.kind, accepted.peer.local, accepted.peer.through), (Kind::Tls, at[1], None));
    assert!(accepted.peer.is_loopback());
    drop(client);
}

#[tokio::test]
async fn a_binding_that_stays_wanted_is_left_alone() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let first = [tcp("127.0.0.1:0", Kind::Plain)];
    let at = open(&mut listeners, &first).await[0];

    let more = [tcp("127.0.0.1:0", Kind::Tls), tcp("127.0.0.1:0", Kind::Plain)];
    let Reconciled { opened, closed, failed } = listeners.reconcile(&more).await;
    assert_eq!((opened.len(), closed.len(), failed.len()), (1, 0, 0));
    assert_eq!(listeners.bound().filter(|bound| address(bound) == at).count(), 1);

    let _client = connect(at).await;
    assert_eq!(next(&mut incoming).await.kind, Kind::Plain);
    let Reconciled { opened, closed, failed } = listeners.reconcile(&more).await;
    assert_eq!((opened.len(), closed.len(), failed.len()), (0, 0, 0));
}

#[tokio::test]
async fn a_removed_binding_refuses_while_its_sessions_go_on() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let at = open(&mut listeners, &[tcp("127.0.0.1:0", Kind::Plain)]).await[0];
    let mut client = connect(at).await;
    let mut session = next(&mut incoming).await.connection;

    let Reconciled { closed, .. } = listeners.reconcile(&[]).await;
    assert_eq!(closed, [tcp("127.0.0.1:0", Kind::Plain)]);
    assert_eq!(listeners.bound().count(), 0);
    assert!(Connection::connect(at, in_time()).await.is_err());
    echo(&mut session, &mut client, b"+OK still here\r\n").await;
}

#[tokio::test]
async fn a_binding_that_cannot_be_opened_names_its_address_and_disturbs_no_other() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let (mut listeners, _incoming) = Listeners::new(16);
    let wanted =
        [tcp(&at.to_string(), Kind::Plain), tcp("127.0.0.1:0", Kind::Tls), tcp("192.0.2.1:110", Kind::Plain)];
    let Reconciled { opened, failed, .. } = listeners.reconcile(&wanted).await;
    assert_eq!(opened.len(), 1);
    let [taken_error, foreign_error] = &failed[..] else { panic!("{failed:?}") };
    assert_eq!(taken_error.endpoint, Endpoint::Tcp(at));
    assert_eq!(taken_error.source.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(taken_error.to_string(), format!("cannot listen on {at}"));
    assert_eq!(foreign_error.source.kind(), io::ErrorKind::AddrNotAvailable);

    // The next pass is the retry.
    drop(taken);
    let Reconciled { opened, failed, .. } = listeners.reconcile(&wanted).await;
    assert_eq!((opened.len(), address(&opened[0]), failed.len()), (1, at, 1));
}

#[tokio::test]
async fn a_port_can_change_its_kind_in_one_pass() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let at = open(&mut listeners, &[tcp("127.0.0.1:0", Kind::Plain)]).await[0];
    let exact = at.to_string();
    let as_tls = [tcp(&exact, Kind::Tls)];
    let Reconciled { opened, closed, failed } = listeners.reconcile(&as_tls).await;
    assert_eq!((opened.len(), closed.len(), failed.len()), (1, 1, 0), "{failed:?}");

    let _client = connect(at).await;
    assert_eq!(next(&mut incoming).await.kind, Kind::Tls);
}

#[tokio::test]
async fn both_wildcard_addresses_can_have_the_same_port() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let v6 = open(&mut listeners, &[tcp("[::]:0", Kind::Plain)]).await[0];
    let both = [tcp("[::]:0", Kind::Plain), tcp(&format!("0.0.0.0:{}", v6.port()), Kind::Tls)];
    let Reconciled { opened, failed, .. } = listeners.reconcile(&both).await;
    assert_eq!((opened.len(), failed.len()), (1, 0), "{failed:?}");

    let _client = connect(SocketAddr::from(([127, 0, 0, 1], v6.port()))).await;
    let accepted = next(&mut incoming).await;
    assert_eq!(accepted.kind, Kind::Tls);
    assert_eq!(accepted.peer.local, SocketAddr::from(([127, 0, 0, 1], v6.port())));
}

#[tokio::test]
async fn connections_are_counted() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    let at = open(&mut listeners, &[tcp("127.0.0.1:0", Kind::Plain)]).await[0];
    for _ in 0..3 {
        let _client = connect(at).await;
        next(&mut incoming).await;
    }
    assert_eq!(listeners.counts().accepted, 3);
    assert_eq!(listeners.counts().pauses, 0);
}

#[tokio::test]
async fn the_end_of_the_listeners_is_the_end_of_what_comes_in() {
    let (mut listeners, mut incoming) = Listeners::new(16);
    open(&mut listeners, &[tcp("127.0.0.1:0", Kind::Plain)]).await;
    drop(listeners);
    assert!(timeout_at(in_time(), incoming.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_unix_socket_takes_the_place_of_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());

    let (mut listeners, mut incoming) = Listeners::new(16);
    let wanted = [Binding { endpoint: Endpoint::Unix(path.clone()), kind: Kind::Plain }];
    let Reconciled { opened, failed, .. } = listeners.reconcile(&wanted).await;
    assert_eq!((opened.len(), failed.len()), (1, 0), "{failed:?}");

    let mut client = Connection::connect_unix(&path).await.unwrap();
    let mut accepted = next(&mut incoming).await;
    assert!(accepted.peer.is_loopback());
    echo(&mut accepted.connection, &mut client, b"220 here\r\n").await;
}

#[tokio::test]
async fn a_unix_socket_with_somebody_behind_it_is_not_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp.sock");
    let _alive = std::os::unix::net::UnixListener::bind(&path).unwrap();

    let (mut listeners, _incoming) = Listeners::new(16);
    let wanted = [Binding { endpoint: Endpoint::Unix(path.clone()), kind: Kind::Plain }];
    let Reconciled { failed, .. } = listeners.reconcile(&wanted).await;
    assert_eq!(failed[0].source.kind(), io::ErrorKind::AddrInUse);
    assert!(path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp.sock");
    std::fs::write(&path, "somebody's letters").unwrap();

    let (mut listeners, _incoming) = Listeners::new(16);
    let wanted = [Binding { endpoint: Endpoint::Unix(path.clone()), kind: Kind::Plain }];
    let Reconciled { failed, .. } = listeners.reconcile(&wanted).await;
    assert_eq!(failed[0].source.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's letters");
}

#[tokio::test]
async fn a_binding_that_is_wanted_twice_is_opened_once() {
    let (mut listeners, _incoming) = Listeners::new(16);
    let twice = [tcp("127.0.0.1:0", Kind::Plain), tcp("127.0.0.1:0", Kind::Plain)];
    assert_eq!(open(&mut listeners, &twice).await.len(), 1);
    assert!(open(&mut listeners, &twice).await.is_empty());
}
