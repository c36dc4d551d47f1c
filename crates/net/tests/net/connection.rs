use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use net::Connection;
use net::connection::{ConnectError, RECEIVE_LIMIT, StreamError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::scene::{echo, hear, hear_out, in_time, pair};

#[tokio::test]
async fn plain_connections_carry_bytes_both_ways() {
    let (mut accepted, mut connected) = pair().await;
    echo(&mut accepted, &mut connected, b"+OK\r\n").await;
    echo(&mut connected, &mut accepted, b"QUIT\r\n").await;
    assert!(!accepted.is_tls());
    assert_eq!(accepted.peer_identity(), Ok(None));
}

#[tokio::test]
async fn unix_sockets_are_connections_too() {
    let (one, other) = UnixStream::pair().unwrap();
    let (mut one, mut other) = (Connection::from(one), Connection::from(other));
    echo(&mut one, &mut other, b"LHLO localhost\r\n").await;
    one.close(Duration::from_secs(30)).await;
    assert_eq!(hear_out(&mut other).await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_in_vain_ends_at_its_deadline_and_the_connection_can_still_speak() {
    let (mut accepted, mut connected) = pair().await;
    let begun = Instant::now();
    let read = accepted.receive_before(begun + Duration::from_mins(1), <[u8]>::len).await;
    assert!(matches!(read, Err(StreamError::Deadline)), "{read:?}");
    assert_eq!(begun.elapsed().as_secs(), 60);
    tokio::time::resume();
    echo(&mut accepted, &mut connected, b"-ERR too slow\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_write_to_a_peer_that_does_not_read_ends_at_its_deadline() {
    let (mut accepted, _connected) = pair().await;
    let message = vec![0; 64 << 20];
    let written = accepted.send_before(Instant::now() + Duration::from_mins(1), &message).await;
    assert!(matches!(written, Err(StreamError::Deadline)), "{written:?}");
}

#[tokio::test]
async fn one_receive_lends_no_more_than_its_limit_and_loses_nothing() {
    let (mut accepted, mut connected) = pair().await;
    let sent: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let text = sent.clone();
    let write = async move {
        accepted.send_before(in_time(), &text).await.unwrap();
        accepted
    };
    let read = async {
        let mut heard = Vec::new();
        while heard.len() < sent.len() {
            let more = connected.receive(<[u8]>::to_vec).await.unwrap();
            assert!((1..=RECEIVE_LIMIT).contains(&more.len()));
            heard.extend(more);
        }
        heard
    };
    let (_accepted, heard) = tokio::join!(write, read);
    assert!(heard == sent);
}

#[tokio::test]
async fn a_receive_that_is_given_up_loses_nothing() {
    let (mut accepted, mut connected) = pair().await;
    let given_up = tokio::select! {
        biased;
        _ = accepted.receive(|_| ()) => false,
        () = std::future::ready(()) => true,
    };
    assert!(given_up);
    echo(&mut connected, &mut accepted, b"NOOP\r\n").await;
}

#[tokio::test]
async fn readable_waits_without_taking_anything() {
    let (mut accepted, mut connected) = pair().await;
    connected.write_all(b"STAT\r\n").await.unwrap();
    accepted.readable().await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(accepted.read(&mut buffer).await.unwrap(), 6);
    assert_eq!(&buffer[..6], b"STAT\r\n");
}

#[tokio::test]
async fn gathered_slices_arrive_in_order_with_empty_ones_among_them() {
    let (mut accepted, mut connected) = pair().await;
    let mut slices = [b"".as_slice(), b"+OK 3 octets\r\n", b"", b"abc", b"\r\n.\r\n", b""].map(IoSlice::new);
    accepted.send_slices_before(in_time(), &mut slices).await.unwrap();
    accepted.send_slices_before(in_time(), &mut []).await.unwrap();
    assert_eq!(hear(&mut connected, 22).await, b"+OK 3 octets\r\nabc\r\n.\r\n");
}

#[tokio::test]
async fn the_last_reply_survives_a_close_with_commands_unread() {
    let (mut accepted, mut connected) = pair().await;
    connected.write_all(b"USER somebody\r\nPASS secret\r\n").await.unwrap();
    let refuse = async {
        accepted.send_before(in_time(), b"-ERR too many connections\r\n").await.unwrap();
        accepted.close(Duration::from_secs(30)).await;
    };
    let client = async {
        let heard = hear_out(&mut connected).await;
        drop(connected);
        heard
    };
    let ((), heard) = tokio::join!(refuse, client);
    assert_eq!(heard, b"-ERR too many connections\r\n");
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_peer_that_has_nothing_to_say() {
    let (accepted, _connected) = pair().await;
    let begun = Instant::now();
    accepted.close(Duration::from_secs(5)).await;
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn closing_waits_no_longer_than_its_limit_for_a_peer_that_goes_on_talking() {
    let (mut accepted, mut connected) = pair().await;
    connected.write_all(b"NOOP\r\n").await.unwrap();
    accepted.readable().await.unwrap();
    let begun = Instant::now();
    accepted.close(Duration::from_secs(5)).await;
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_client_that_stops_sending_still_gets_its_answers() {
    let (mut accepted, mut connected) = pair().await;
    connected.write_all(b"QUIT\r\n").await.unwrap();
    connected.shutdown().await.unwrap();
    assert_eq!(hear_out(&mut accepted).await, b"QUIT\r\n");
    echo(&mut accepted, &mut connected, b"+OK bye\r\n").await;
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_names_where_to() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let error = Connection::connect(address, in_time()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to {address}"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_in_time_is_given_up() {
    // A listener whose backlog is full: the next connection hangs.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let error = loop {
        match Connection::connect(address, Instant::now() + Duration::from_secs(1)).await {
            Ok(connection) => waiting.push(connection),
            Err(error) => break error,
        }
        assert!(waiting.len() < 16, "a backlog of one takes a few, not many");
    };
    assert!(matches!(error, ConnectError::Deadline { address: at } if at == address), "{error:?}");
}
