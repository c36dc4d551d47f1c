//! Who comes in by which door, and what of their words is believed.

use std::net::SocketAddr;
use std::time::SystemTime;

use net::authority::Subject;
use net::tls::{CertificateFiles, NodeFiles};
use net::{Authority, ClientTls, InnerTls, Role};
use settings::LoginType;
use system_tests::{Client, FrontEnd, House, PASSWORD, Transport, networks};

const USER: &str = "user1@example.com";

#[tokio::test]
async fn what_is_said_with_stls_in_one_packet_is_thrown_away_half_a_line_too() {
    let house = House::open().await;
    let mut client = house.client().await;
    client.sends(b"STLS\r\nUSER user1\r\nPASS secret\r\nCAP").await;
    assert_eq!(client.line().await, "+OK begin TLS");
    client.starts_tls(house.client_tls(), "cas1").await;
    // Neither is anything answered that was said before, nor does it become the beginning of this.
    assert_eq!(client.asks("A").await, "-ERR unknown command");
    assert_eq!(client.asks("PASS secret").await, "-ERR USER comes first");
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn stls_forgets_whom_user_named_in_the_clear() {
    let house = House::open().await;
    let mut client = house.client().await;
    client.gets("USER user1").await;
    client.gets("STLS").await;
    client.starts_tls(house.client_tls(), "cas1").await;
    assert_eq!(client.asks("PASS secret").await, "-ERR USER comes first");
}

#[tokio::test]
async fn a_client_that_is_not_on_this_machine_logs_in_only_in_tls() {
    let house = House::open().await;
    house
        .front_end()
        .change(|settings| settings.peers.proxy_protocol = networks(&settings.at(60).to_string()));
    let from = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n";
    let mut client = introduced(&house, from).await;
    client.hears("+OK ").await;
    assert_eq!(client.asks("USER user1").await, "-ERR use STLS before you log in");
    assert_eq!(client.asks("AUTH PLAIN").await, "-ERR use STLS before you log in");
    client.gets("STLS").await;
    client.starts_tls(house.client_tls(), "cas1").await;
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");

    // Unless the administrator allows it.
    house.front_end().change(|settings| settings.pop.login_type = LoginType::PlainTextLogin);
    let mut client = introduced(&house, from).await;
    client.hears("+OK ").await;
    assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn limits_and_slowing_go_by_the_real_address_behind_a_proxy() {
    let house = House::with(|settings| {
        settings.peers.proxy_protocol = networks(&settings.at(60).to_string());
        settings.pop.max_connection_from_single_ip = 2;
        settings.log_in.failed_log_in_limit = 2;
    })
    .await;
    let (guesser, other) =
        ("PROXY TCP4 127.0.0.7 127.0.0.1 1 110\r\n", "PROXY TCP4 127.0.0.8 127.0.0.1 1 110\r\n");
    let mut first = introduced(&house, guesser).await;
    first.hears("+OK ").await;
    for _ in 0..2 {
        first.logs_in(USER, "guess").await;
    }
    let mut second = introduced(&house, guesser).await;
    second.hears("+OK ").await;
    let refused = second.logs_in(USER, PASSWORD).await;
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
    let mut again = introduced(&house, guesser).await;
    again.hears("+OK ").await;
    let mut too_many = introduced(&house, guesser).await;
    too_many.hears("-ERR [SYS/TEMP] No connection: 127.0.0.7 has its 2 connections in use").await;
    // Through the same proxy.
    let mut innocent = introduced(&house, other).await;
    innocent.hears("+OK ").await;
    assert_eq!(innocent.logs_in(USER, PASSWORD).await, "+OK logged in");
}

/// A client that the listed proxy, number 60, introduces so.
async fn introduced(house: &House, header: impl AsRef<[u8]>) -> Client {
    let mut client = house.connect_from(60, house.pop3_address()).await;
    client.sends(header.as_ref()).await;
    client
}

/// Where the clients of a front end come from, as it knows.
fn clients(front_end: &FrontEnd) -> Vec<String> {
    front_end.service().roster.list(100).iter().map(|session| session.client.to_string()).collect()
}

/// A PROXY header of version 2 for a client at 192.0.2.8.
fn version_2(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12]);
    header.extend([192, 0, 2, 8, 192, 0, 2, 1]);
    header.extend([4712u16.to_be_bytes(), 110u16.to_be_bytes()].concat());
    header
}

#[tokio::test]
async fn a_listed_proxy_says_who_its_client_is_in_either_version() {
    let house = House::open().await;
    house
        .front_end()
        .change(|settings| settings.peers.proxy_protocol = networks(&settings.at(60).to_string()));
    let mut first = introduced(&house, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n").await;
    first.hears("+OK ").await;
    assert_eq!(clients(house.front_end()), ["192.0.2.7:4711"]);
    let mut second = introduced(&house, version_2(1)).await;
    second.hears("+OK ").await;
    assert!(clients(house.front_end()).contains(&"192.0.2.8:4712".to_owned()));
    let mut third = introduced(&house, "PROXY TCP6 2001:db8::7 2001:db8::1 4713 110\r\n").await;
    third.hears("+OK ").await;
    assert!(clients(house.front_end()).contains(&"[2001:db8::7]:4713".to_owned()));

    // The header comes before TLS.
    let mut in_tls = house.connect_from(60, house.pop3s_address()).await;
    in_tls.sends(b"PROXY TCP4 192.0.2.9 192.0.2.1 4714 995\r\n").await;
    in_tls.starts_tls(house.client_tls(), "cas1").await;
    in_tls.hears("+OK ").await;
    assert!(clients(house.front_end()).contains(&"192.0.2.9:4714".to_owned()));

    // The proxy asks for itself whether we are well.
    let mut itself = introduced(&house, version_2(0)).await;
    itself.hears("+OK ").await;
    assert_eq!(itself.logs_in(USER, PASSWORD).await, "+OK logged in");
}

#[tokio::test]
async fn the_exemption_for_loopback_looks_at_the_real_address() {
    let house = House::open().await;
    house
        .front_end()
        .change(|settings| settings.peers.proxy_protocol = networks(&settings.at(60).to_string()));
    // A client on this machine, behind a proxy.
    let mut here = introduced(&house, "PROXY TCP4 127.0.0.1 127.0.0.1 4711 110\r\n").await;
    here.hears("+OK ").await;
    here.gets("USER user1").await;
    // Nobody knows where this one is; the proxy's being here says nothing.
    let mut unknown = introduced(&house, "PROXY UNKNOWN\r\n").await;
    unknown.hears("+OK ").await;
    assert_eq!(unknown.asks("USER user1").await, "-ERR use STLS before you log in");
}

#[tokio::test]
async fn a_listed_proxy_that_introduces_nobody_is_not_served() {
    let house = House::open().await;
    house
        .front_end()
        .change(|settings| settings.peers.proxy_protocol = networks(&settings.at(60).to_string()));
    for words in ["CAPA\r\nUSER user1\r\n", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 here there 1 2\r\n"] {
        let mut client = introduced(&house, words).await;
        client.is_closed().await;
    }
}

#[tokio::test]
async fn an_unlisted_peer_that_sends_a_proxy_header_gets_an_error_and_is_not_believed() {
    let house = House::open().await;
    for header in [b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 110\r\n".to_vec(), version_2(1)] {
        let mut client = house.connect_from(61, house.pop3_address()).await;
        client.sends(&header).await;
        client.hears("+OK ").await;
        client.hears("-ERR ").await;
        let known = clients(house.front_end());
        assert!(known.iter().all(|client| client.starts_with("127.")), "{known:?}");
    }
}

#[tokio::test]
async fn a_listed_peer_says_by_xclient_for_whom_it_speaks_once() {
    let house = House::open().await;
    house.front_end().change(|settings| settings.peers.xclient = networks(&settings.at(62).to_string()));
    let mut client = house.connect_from(62, house.pop3_address()).await;
    client.hears("+OK [XCLIENT] ").await;
    client.gets("XCLIENT ADDR=192.0.2.9 PORT=4715 SESSION=00000000deadbeef TTL=3 PROTO=POP3").await;
    let sessions = house.front_end().service().roster.list(10);
    assert_eq!(sessions[0].client, SocketAddr::from(([192, 0, 2, 9], 4715)));
    assert_eq!(sessions[0].id.to_string(), "00000000deadbeef");
    assert_eq!(client.asks("XCLIENT ADDR=127.0.0.1").await, "-ERR not offered");
    // The real address is not on this machine.
    assert_eq!(client.asks("USER user1").await, "-ERR use STLS before you log in");

    // Sessions do not run in circles.
    let mut client = house.connect_from(62, house.pop3_address()).await;
    client.hears("+OK [XCLIENT] ").await;
    let refused = client.asks("XCLIENT ADDR=192.0.2.9 TTL=0").await;
    assert!(refused.starts_with("-ERR [SYS/PERM] "), "{refused}");
    client.is_closed().await;

    // Values that break out of their place are refused.
    for arguments in
        ["ADDR=not-an-address", "LOGIN=user+0D+0A", "SESSION=", "ADDR=192.0.2.9 ADDR=192.0.2.9", ""]
    {
        let mut client = house.connect_from(62, house.pop3_address()).await;
        client.hears("+OK [XCLIENT] ").await;
        let refused = client.asks(&format!("XCLIENT {arguments}")).await;
        assert!(refused.starts_with("-ERR "), "{arguments}: {refused}");
    }
}

#[tokio::test]
async fn xclient_of_an_unlisted_peer_is_refused_and_not_believed() {
    let house = House::open().await;
    house.front_end().change(|settings| settings.peers.xclient = networks(&settings.at(62).to_string()));
    for transport in Transport::ALL {
        let mut client = house.client_over(transport).await;
        client.gets("CAPA").await;
        assert!(client.lines().await.iter().all(|capability| !capability.contains("XCLIENT")));
        assert_eq!(client.asks("XCLIENT ADDR=192.0.2.9").await, "-ERR not offered");
        let known = clients(house.front_end());
        assert!(known.iter().all(|client| client.starts_with("127.")), "{known:?}");
    }
}

#[tokio::test]
async fn the_inner_door_believes_nobody_without_a_client_access_certificate() {
    let house = House::open().await;
    let cluster_ca = house.data.cluster_authority().join("ca.pem");
    let without = ClientTls::verified_by(&cluster_ca).unwrap();
    let of_a_mailbox_server = house.node_tls("mbx2").client();
    for peer in [without, of_a_mailbox_server] {
        let mut client = house.at_inner_door(&peer).await;
        client.gets("CAPA").await;
        let offered = client.lines().await;
        assert!(
            offered.iter().all(|line| !line.contains("XCLIENT") && !line.contains("EXTERNAL")),
            "{offered:?}"
        );
        assert_eq!(client.asks("XCLIENT ADDR=192.0.2.9 LOGIN=user1+40example.com").await, "-ERR not offered");
        // dXNl… is user1@example.com.
        let refused = client.asks("AUTH EXTERNAL dXNlcjFAZXhhbXBsZS5jb20=").await;
        assert_eq!(refused, "-ERR that authentication mechanism is not offered");
        assert_eq!(client.asks("STAT").await, "-ERR log in first");
        // Ordinary log-in is for everybody.
        assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
    }

    // A front end, for comparison.
    let mut client = house.at_inner_door(&house.node_tls("cas1").client()).await;
    client.gets("XCLIENT ADDR=192.0.2.9 LOGIN=user1+40example.com").await;
    assert_eq!(client.asks("XCLIENT ADDR=192.0.2.10").await, "-ERR not offered");
    client.gets("AUTH EXTERNAL dXNlcjFAZXhhbXBsZS5jb20=").await;
}

#[tokio::test]
async fn the_inner_doors_shut_out_certificates_of_another_authority() {
    let house = House::open().await;
    let folder = house.data.root().join("foreign");
    let now = SystemTime::now();
    let foreign = Authority::load_or_create(&folder, "foreign", now).unwrap();
    let node =
        Subject::Node { server: "cas1".to_owned(), roles: [Role::ClientAccess].into(), names: Vec::new() };
    foreign.ensure("cas1", &node, now).unwrap();
    let node = CertificateFiles { certificate: folder.join("cas1.pem"), key: folder.join("cas1.key") };
    let ca = house.data.cluster_authority().join("ca.pem");
    let impostor = InnerTls::load(NodeFiles { node, authority: ca }).unwrap().client();
    for door in [house.inner_address(), house.inner_lmtp_address()] {
        let mut client = house.connect(door).await;
        // In TLS 1.3 the client believes itself through before it hears that it is not.
        client.starts_tls(&impostor, "mbx1").await;
        client.tries_to_send(b"AUTH EXTERNAL dXNlcjFAZXhhbXBsZS5jb20=\r\nSTAT\r\n").await;
        client.is_closed().await;
    }
    assert!(house.back_end().service().roster.is_empty());
}

#[tokio::test]
async fn only_front_ends_deliver_at_the_inner_door() {
    let house = House::open().await;
    for (node, greeting) in [("mbx2", "550 5.7.1 "), ("cas1", "220 ")] {
        let mut client = house.connect(house.inner_lmtp_address()).await;
        client.starts_tls(&house.node_tls(node).client(), "mbx1").await;
        client.hears(greeting).await;
    }
}

#[tokio::test]
async fn clients_are_served_under_another_authority_than_nodes() {
    let house = House::open().await;
    let at_front = house.connect(house.pop3s_address()).await;
    assert!(is_refused(at_front, &house.node_tls("mbx1").client(), "cas1").await);
    let at_inner_door = house.connect(house.inner_address()).await;
    assert!(is_refused(at_inner_door, house.client_tls(), "mbx1").await);
}

/// Whether somebody with this idea of TLS refuses what the server shows.
async fn is_refused(client: Client, tls: &ClientTls, name: &str) -> bool {
    client.into_connection().connect_tls(tls, name, system_tests::in_time()).await.is_err()
}
