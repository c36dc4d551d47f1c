use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::proxy::ProxyError;
use net::{Accepted, Connection, Peer};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::scene::{hear, in_time, sockets};

/// A version 2 header: command, family and protocol, then the payload.
fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, family]);
    header.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    header.extend(payload);
    header
}

fn v2_from_ipv4() -> Vec<u8> {
    v2(1, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0, 110])
}

fn everybody(_: IpAddr) -> bool {
    true
}

fn nobody(_: IpAddr) -> bool {
    false
}

/// A connection as it comes from a listener, and the other end.
async fn accepted() -> (Accepted<()>, Connection) {
    let (server, client) = sockets().await;
    let peer = Peer::direct(server.peer_addr().unwrap(), server.local_addr().unwrap());
    (Accepted { connection: server.into(), peer, kind: () }, client.into())
}

/// What comes of a header that a listed proxy sends, followed by a command.
async fn introduced(header: &[u8]) -> Result<(Accepted<()>, Peer), ProxyError> {
    let (accepted, mut proxy) = accepted().await;
    let socket = accepted.peer;
    proxy.write_all(header).await.unwrap();
    proxy.write_all(b"CAPA\r\n").await.unwrap();
    let mut identified = accepted.identify(everybody, in_time()).await?;
    assert_eq!(hear(&mut identified.connection, 6).await, b"CAPA\r\n", "nothing behind the header was taken");
    Ok((identified, socket))
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_version_1_header_of_a_listed_proxy_tells_the_client() {
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 110\r\n";
    let (Accepted { peer, .. }, socket) = introduced(header).await.unwrap();
    let expected =
        Peer { client: at("192.0.2.7:4660"), local: at("198.51.100.1:110"), through: Some(socket.client) };
    assert_eq!(peer, expected);
    assert!(!peer.is_loopback());
    assert_eq!(peer.to_string(), format!("192.0.2.7:4660 through {}", socket.client));
}

#[tokio::test]
async fn a_version_1_header_can_be_about_ipv6() {
    let header = b"PROXY TCP6 2001:db8::7 2001:db8::1 4660 995\r\n";
    let (Accepted { peer, .. }, _) = introduced(header).await.unwrap();
    assert_eq!((peer.client, peer.local), (at("[2001:db8::7]:4660"), at("[2001:db8::1]:995")));
}

#[tokio::test]
async fn a_version_2_header_of_a_listed_proxy_tells_the_client() {
    let (Accepted { peer, .. }, socket) = introduced(&v2_from_ipv4()).await.unwrap();
    let expected =
        Peer { client: at("192.0.2.7:4660"), local: at("198.51.100.1:110"), through: Some(socket.client) };
    assert_eq!(peer, expected);
}

#[tokio::test]
async fn extensions_of_a_version_2_header_are_skipped() {
    let mut payload = v2_from_ipv4()[16..].to_vec();
    payload.extend([0x02, 0, 4]);
    payload.extend(b"name");
    let (Accepted { peer, .. }, _) = introduced(&v2(1, 0x11, &payload)).await.unwrap();
    assert_eq!(peer.client, at("192.0.2.7:4660"));
}

#[tokio::test]
async fn an_ipv4_client_in_ipv6_notation_is_an_ipv4_client() {
    let header = b"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:192.0.2.1 4660 110\r\n";
    let (Accepted { peer, .. }, _) = introduced(header).await.unwrap();
    assert_eq!(peer.client, at("127.0.0.1:4660"));
    assert!(peer.is_loopback(), "the client itself is on this machine, and the proxy says so");
}

#[tokio::test]
async fn a_client_unknown_to_the_proxy_is_never_local() {
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), b"PROXY UNKNOWN a b c d\r\n".to_vec(), v2(1, 0, &[])] {
        let (Accepted { peer, .. }, socket) = introduced(&header).await.unwrap();
        assert_eq!((peer.client, peer.through), (socket.client, Some(socket.client)));
        assert!(socket.is_loopback() && !peer.is_loopback());
    }
}

#[tokio::test]
async fn a_proxy_that_looks_after_our_health_is_its_own_client() {
    let (Accepted { peer, .. }, socket) = introduced(&v2(0, 0, &[])).await.unwrap();
    assert_eq!(peer, socket);
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte() {
    for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 110\r\n".to_vec(), v2_from_ipv4()] {
        let (accepted, mut proxy) = accepted().await;
        let trickle = async {
            for byte in &header {
                proxy.write_all(std::slice::from_ref(byte)).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (identified, ()) = tokio::join!(accepted.identify(everybody, in_time()), trickle);
        assert_eq!(identified.unwrap().peer.client, at("192.0.2.7:4660"));
    }
}

#[tokio::test]
async fn from_an_unlisted_peer_not_a_byte_is_read_and_its_header_is_left_to_the_protocol() {
    let header = b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n";
    let (accepted, mut client) = accepted().await;
    let socket = accepted.peer;
    client.write_all(header).await.unwrap();
    let mut identified = accepted.identify(nobody, in_time()).await.unwrap();
    assert_eq!(identified.peer, socket);
    assert_eq!(hear(&mut identified.connection, header.len()).await, header);
}

#[tokio::test]
async fn what_is_no_header_is_an_error() {
    let beginnings: [&[u8]; 5] = [
        b"USER somebody\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
        b"proxy TCP4 192.0.2.7 198.51.100.1 4660 110\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4660 110 \r\n",
        b"PROXY TCP4 192.0.2.777 198.51.100.1 4660 110\r\n",
    ];
    for beginning in beginnings {
        let refused = introduced(beginning).await.map(|(accepted, _)| accepted.peer);
        assert!(matches!(refused, Err(ProxyError::Malformed { .. })), "{beginning:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_version_2_header_about_datagrams_or_of_no_known_kind_is_an_error() {
    let payload = &v2_from_ipv4()[16..];
    for header in
        [v2(1, 0x12, payload), v2(7, 0x11, payload), v2(1, 0x71, payload), v2(1, 0x11, &payload[..8])]
    {
        let refused = introduced(&header).await.map(|(accepted, _)| accepted.peer);
        assert!(matches!(refused, Err(ProxyError::Malformed { .. })), "{header:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_header_that_is_too_long_is_an_error_before_all_of_it_is_there() {
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    let refused = introduced(&endless).await.map(|(accepted, _)| accepted.peer);
    assert!(matches!(refused, Err(ProxyError::TooLong { length: 107 })), "{refused:?}");

    let announced = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11".as_slice(), &u16::MAX.to_be_bytes()].concat();
    let refused = introduced(&announced).await.map(|(accepted, _)| accepted.peer);
    assert!(matches!(refused, Err(ProxyError::TooLong { length: 65_551 })), "{refused:?}");
}

#[tokio::test]
async fn a_proxy_that_hangs_up_within_the_header_is_an_error() {
    for header in [b"PRO".to_vec(), b"PROXY TCP4 192.0.2.7".to_vec(), v2_from_ipv4()[..20].to_vec()] {
        let (accepted, mut proxy) = accepted().await;
        proxy.write_all(&header).await.unwrap();
        drop(proxy);
        let refused = accepted.identify(everybody, in_time()).await.map(|accepted| accepted.peer);
        assert!(matches!(refused, Err(ProxyError::Closed)), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listed_proxy_that_dawdles_is_cut_off_at_the_deadline() {
    for header in [b"".to_vec(), b"PROXY TCP4 192".to_vec(), v2_from_ipv4()[..20].to_vec()] {
        let (accepted, mut proxy) = accepted().await;
        proxy.write_all(&header).await.unwrap();
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(5);
        let refused = accepted.identify(everybody, deadline).await.map(|accepted| accepted.peer);
        assert!(matches!(refused, Err(ProxyError::TimedOut)), "{refused:?}");
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
}
