//! A mail reader, line by line.

use std::net::{IpAddr, SocketAddr};

use net::connection::StreamError;
use net::{ClientTls, Connection};
use pop3::client::{Dialogue, DialogueError, Limits, LogIn};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::{AT_ONCE, in_time};

/// How a client is connected when it says its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Without TLS.
    Plain,
    /// In TLS since STLS.
    Stls,
    /// In TLS from the first octet.
    Tls,
}

impl Transport {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Stls, Self::Tls];
}

/// A connection to a POP3 server, and what has come and not been looked at.
#[derive(Debug)]
pub struct Client {
    connection: Option<Connection>,
    received: Vec<u8>,
    ended: bool,
}

/// A TCP connection that comes from `from`, if that is given.
pub(crate) async fn connect(from: Option<IpAddr>, to: SocketAddr) -> Connection {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    if let Some(from) = from {
        socket.bind((from, 0).into()).unwrap();
    }
    let stream = tokio::time::timeout_at(in_time(), socket.connect(to)).await;
    let stream = stream.expect("a connection in time").unwrap_or_else(|error| panic!("{to}: {error}"));
    stream.set_nodelay(true).unwrap();
    stream.into()
}

impl Client {
    /// A client that has just connected, and has not been greeted.
    pub fn new(connection: Connection) -> Self {
        Self { connection: Some(connection), received: Vec::new(), ended: false }
    }

    /// The connection, for what is not said here.
    pub fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("taken only while it changes to TLS")
    }

    /// The connection alone.
    pub fn into_connection(self) -> Connection {
        self.connection.expect("taken only while it changes to TLS")
    }

    /// Sends a line; CRLF is added.
    pub async fn says(&mut self, line: &str) {
        self.sends(format!("{line}\r\n").as_bytes()).await;
    }

    /// Sends octets.
    pub async fn sends(&mut self, octets: &[u8]) {
        self.connection().send_before(in_time(), octets).await.unwrap();
    }

    /// Sends octets if the server is still there.
    pub async fn tries_to_send(&mut self, octets: &[u8]) {
        let _ = self.connection().send_before(in_time(), octets).await;
    }

    /// Sends nothing more.
    pub async fn closes_its_side(&mut self) {
        self.connection().shutdown().await.unwrap();
    }

    /// The next line, without its CRLF.
    pub async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.received[..end]).into_owned();
                self.received.drain(..end + 2);
                return line;
            }
            assert!(self.receives().await, "it ended after {:?}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Hears a line that begins so; the whole line.
    pub async fn hears(&mut self, beginning: &str) -> String {
        let line = self.line().await;
        assert!(line.starts_with(beginning), "{line:?} instead of {beginning:?}");
        line
    }

    /// Says something and gets the first line of the answer.
    pub async fn asks(&mut self, line: &str) -> String {
        self.says(line).await;
        self.line().await
    }

    /// Says something that is answered with `+OK`; the whole line.
    pub async fn gets(&mut self, line: &str) -> String {
        let answer = self.asks(line).await;
        assert!(answer.starts_with("+OK"), "{line:?} was answered {answer:?}");
        answer
    }

    /// The lines of a multi-line answer after its first, un-stuffed and without the final dot.
    pub async fn lines(&mut self) -> Vec<String> {
        let text = self.message().await;
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// What follows the first line of a multi-line answer, un-stuffed, up to the final dot.
    pub async fn message(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        let mut at = 0;
        loop {
            while let Some(length) = self.received[at..].windows(2).position(|two| two == b"\r\n") {
                let line = &self.received[at..at + length + 2];
                at += line.len();
                if line == b".\r\n" {
                    self.received.drain(..at);
                    return message;
                }
                message.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
            }
            assert!(self.receives().await, "it ended within a message, after {} octets", message.len());
        }
    }

    /// The message of this number.
    pub async fn retrieves(&mut self, number: usize) -> Vec<u8> {
        self.gets(&format!("RETR {number}")).await;
        self.message().await
    }

    /// The listing that LIST or UIDL answers, without the numbers, which are right.
    pub async fn listing(&mut self, command: &str) -> Vec<String> {
        self.gets(command).await;
        let entry = |(at, line): (usize, String)| {
            let (number, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            assert_eq!(number, (at + 1).to_string());
            rest.to_owned()
        };
        self.lines().await.into_iter().enumerate().map(entry).collect()
    }

    /// What STAT says: messages and octets.
    pub async fn stat(&mut self) -> (usize, usize) {
        let answer = self.gets("STAT").await;
        let mut numbers = answer.split(' ').skip(1).map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    /// Says USER and PASS; the answer to PASS.
    pub async fn logs_in(&mut self, user: &str, password: &str) -> String {
        self.gets(&format!("USER {user}")).await;
        self.asks(&format!("PASS {password}")).await
    }

    /// Logs in as `log_in` says, after the greeting.
    pub async fn logs_in_by(&mut self, log_in: LogIn) -> Result<(), DialogueError> {
        let mut dialogue = Dialogue::new(Limits::default());
        dialogue.receive(b"+OK heard before\r\n");
        assert!(dialogue.event()?.is_some());
        dialogue.log_in(log_in).unwrap();
        while dialogue.in_flight() > 0 {
            while dialogue.event()?.is_some() {}
            let output = std::mem::take(dialogue.output());
            self.sends(&output).await;
            if dialogue.in_flight() > 0 {
                assert!(!self.received.is_empty() || self.receives().await, "it ended within a log-in");
                dialogue.receive(&std::mem::take(&mut self.received));
            }
        }
        self.received = dialogue.into_rest();
        Ok(())
    }

    /// Goes on in TLS, towards a server called `name`. What was received and not looked at is forgotten.
    pub async fn starts_tls(&mut self, tls: &ClientTls, name: &str) {
        let plain = self.connection.take().expect("taken only here");
        let secured = plain.connect_tls(tls, name, in_time()).await;
        self.connection = Some(secured.unwrap_or_else(|error| panic!("{name}: {error}")));
        self.received.clear();
    }

    /// Whether something has come that nobody has looked at, or comes at once.
    pub async fn has_heard_something(&mut self) -> bool {
        !self.received.is_empty() || timeout(AT_ONCE, self.connection().readable()).await.is_ok()
    }

    /// Hears nothing more: the server has closed the connection.
    pub async fn is_closed(&mut self) {
        while self.receives().await {}
        assert_eq!(String::from_utf8_lossy(&self.received), "", "before the end");
    }

    /// Everything up to the end.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.receives().await {}
        std::mem::take(&mut self.received)
    }

    /// Waits for more; whether there was any before the end. A connection that is torn down has ended too.
    async fn receives(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let Self { connection, received, ended } = self;
        let connection = connection.as_mut().expect("taken only while it changes to TLS");
        let taken = connection.receive_before(in_time(), |octets| {
            received.extend_from_slice(octets);
            octets.is_empty()
        });
        *ended = match taken.await {
            Ok(ended) => ended,
            Err(StreamError::Failed(_)) => true,
            Err(StreamError::Deadline) => {
                panic!("nothing came after {:?}", String::from_utf8_lossy(received))
            }
        };
        !*ended
    }
}
