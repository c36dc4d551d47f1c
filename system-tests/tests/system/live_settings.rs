//! Settings that change while sessions go on.

use settings::{Banner, Binding, CertificateName, Value as _};
use system_tests::{Client, House, PASSWORD, Transport, in_time, until};

const USER: &str = "user1@example.com";

#[tokio::test]
async fn a_new_banner_greets_new_clients_and_disturbs_no_old_ones() {
    let house = House::open().await;
    let mut old = house.logged_in(USER).await;
    house.front_end().change(|settings| settings.pop.banner = Banner::parse("Come in").unwrap());
    let mut new = house.connect(house.pop3_address()).await;
    assert_eq!(new.line().await, "+OK Come in");
    assert_eq!(old.stat().await, (0, 0));
}

#[tokio::test]
async fn limits_change_for_those_who_come_later() {
    let house = House::open().await;
    let mut old = [house.logged_in(USER).await, house.logged_in(USER).await];
    house.front_end().change(|settings| settings.pop.max_connections = 2);
    let mut told = String::new();
    // The reception takes the new limits up in its own time.
    while !told.starts_with("-ERR [SYS/TEMP] No connection: ") {
        let mut client = house.connect(house.pop3_address()).await;
        told = client.line().await;
    }
    house.front_end().change(|settings| settings.pop.max_connections = 10);
    while !told.starts_with("+OK") {
        let mut client = house.connect(house.pop3_address()).await;
        told = client.line().await;
    }
    house.back_end().change(|settings| settings.pop.max_connections_per_user = 2);
    let refused = house.client().await.logs_in(USER, PASSWORD).await;
    assert!(refused.starts_with("-ERR [IN-USE] "), "{refused}");
    for client in &mut old {
        client.gets("NOOP").await;
    }
}

#[tokio::test]
async fn bindings_open_and_close_while_sessions_go_on() {
    let house = House::open().await;
    let mut old = house.logged_in(USER).await;
    let (first, second) = (house.pop3_address(), house.pop3s_address());
    // POP3 moves to where POP3S was, and POP3S goes.
    house.front_end().change(|settings| {
        settings.pop.unencrypted_or_tls_bindings = vec![Binding { address: None, port: second.port() }];
        settings.pop.ssl_bindings = Vec::new();
    });
    let deadline = in_time();
    loop {
        house.is_open_at(second).await;
        let mut client = house.connect(second).await;
        // Until the change has come through, somebody waits there for a handshake.
        client.tries_to_send(b"QUIT\r\n").await;
        if client.rest().await.starts_with(b"+OK ") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline);
    }
    house.is_closed_at(first).await;
    assert_eq!(old.stat().await, (0, 0));
    old.gets("QUIT").await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_clients_and_old_sessions_go_on() {
    let house = House::open().await;
    let mut old = house.client_over(Transport::Tls).await;
    assert!(!is_called(&house, "pop.example.com").await);

    // A second certificate, chosen by the name that the client asks for.
    house.issue_certificate("pop.example.com", &["pop.example.com"]);
    house.front_end().change(|settings| {
        settings.pop.x509_certificate_name = Vec::<CertificateName>::parse("cas1,pop.example.com").unwrap();
    });
    while !is_called(&house, "pop.example.com").await {}
    assert!(is_called(&house, "cas1").await);

    // The file of the first is replaced.
    house.issue_certificate("cas1", &["cas1", "mail.example.com"]);
    house.front_end().change(|settings| settings.pop.banner = Banner::parse("Look again").unwrap());
    while !is_called(&house, "mail.example.com").await {}

    // One that cannot be read changes nothing.
    let file = house.data.client_authority().join("cas1.pem");
    std::fs::write(file, "no certificate").unwrap();
    house.front_end().change(|settings| settings.pop.max_connections = 7);
    until("it has been looked at", || {
        house.front_end().service().live.load().server.pop.max_connections == 7
    })
    .await;
    assert!(is_called(&house, "mail.example.com").await);
    assert_eq!(old.logs_in(USER, PASSWORD).await, "+OK logged in");
}

/// Whether the front end proves to a new client that it is called so.
async fn is_called(house: &House, name: &str) -> bool {
    let client: Client = house.connect(house.pop3s_address()).await;
    // Without the sessions of others, which could be resumed.
    let ca = house.data.client_authority().join("ca.pem");
    let tls = net::ClientTls::verified_by(&ca).unwrap();
    client.into_connection().connect_tls(&tls, name, in_time()).await.is_ok()
}

#[tokio::test]
async fn the_protocol_log_is_switched_on_and_off_under_way() {
    let house = House::open().await;
    let log = &house.front_end().service().protocol_log;
    let mut client = house.logged_in(USER).await;
    house.front_end().change(|settings| settings.pop.protocol_log_enabled = true);
    until("the log is on", || log.enabled()).await;
    client.gets("STAT").await;
    house.front_end().change(|settings| settings.pop.protocol_log_enabled = false);
    until("the log is off", || !log.enabled()).await;
    client.gets("NOOP").await;
    client.gets("QUIT").await;
    assert!(log.flush(std::time::Duration::from_secs(30)));
    let commands: Vec<_> =
        house.protocol_log("frontend", "cas1").into_iter().map(|line| line[9].clone()).collect();
    assert_eq!(commands, ["STAT"]);
}
