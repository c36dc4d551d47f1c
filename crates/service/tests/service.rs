//! A whole service: its admin socket answers what the rest of it knows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service::admin::{Answer, Ask, ask};
use service::{Exchange, Live, Service, Started, Startup, SystemClock};
use settings::{Configuration, DataDirectory, Layer, LoopbackPorts, ServerFolder};

const PATIENCE: Duration = Duration::from_secs(10);

fn started(folder: &ServerFolder) -> Started {
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    let server = configuration.settings_of(configuration.server("cas1").unwrap(), &Layer::default());
    Service::start(Startup {
        name: "frontend",
        server: "cas1".into(),
        folder: folder.clone(),
        live: Live::fixed(configuration, server),
        clock: Arc::new(SystemClock),
        service_log: None,
    })
    .unwrap()
}

#[test]
fn a_session_shows_at_the_admin_socket_while_it_is_on() {
    let data = tempfile::tempdir().unwrap();
    let folder = DataDirectory::new(data.path()).server("cas1");
    let Started { service, admin } = started(&folder);
    let address: SocketAddr = "127.0.0.1:110".parse().unwrap();
    let mut session = service.open_pop3(address, address);
    session.set_user("user1@example.com");
    session.begin("RETR");
    let socket = folder.admin_socket("frontend");
    let Answer::Sessions { total, sessions } = ask(&socket, &Ask::Sessions { limit: 10 }, PATIENCE).unwrap()
    else {
        panic!("another answer");
    };
    assert_eq!((total, sessions[0].user.as_deref()), (1, Some("user1@example.com")));
    assert_eq!(sessions[0].command.as_ref().unwrap().command, "RETR");
    session.end(&Exchange { command: "RETR", ok: true, ..Exchange::default() });
    drop(session);
    let Answer::Counters(counters) = ask(&socket, &Ask::Counters, PATIENCE).unwrap() else {
        panic!("another answer");
    };
    assert_eq!(counters.protocols[0].commands[0].count, 1);
    drop(admin);
    assert!(!socket.exists());
}
