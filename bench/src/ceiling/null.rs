//! The null server: POP3 replies from memory. It knows no users and deletes nothing.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::mail;

/// Every reply that the null server can give, ready for the wire.
pub(crate) struct Mailbox {
    stat: Vec<u8>,
    uidl: Vec<u8>,
    list: Vec<u8>,
    retrieved: Vec<Vec<u8>>,
}

impl Mailbox {
    pub(crate) fn new(messages: u64, octets: usize) -> Self {
        let mut uidl = b"+OK\r\n".to_vec();
        let mut list = b"+OK\r\n".to_vec();
        let mut retrieved = Vec::new();
        for number in 1..=messages {
            uidl.extend_from_slice(format!("{number} {number:016x}\r\n").as_bytes());
            list.extend_from_slice(format!("{number} {octets}\r\n").as_bytes());
            let mut reply = format!("+OK {octets} octets\r\n").into_bytes();
            reply.extend_from_slice(&mail::on_the_wire(&mail::compose("anyone", number, octets)));
            retrieved.push(reply);
        }
        uidl.extend_from_slice(b".\r\n");
        list.extend_from_slice(b".\r\n");
        let stat = format!("+OK {messages} {}\r\n", messages * octets as u64).into_bytes();
        Self { stat, uidl, list, retrieved }
    }

    /// The reply to one command line; `None` for QUIT.
    fn reply(&self, line: &[u8]) -> Option<&[u8]> {
        match line.get(..4) {
            Some(b"CAPA") => Some(b"+OK\r\nUSER\r\nUIDL\r\n.\r\n"),
            Some(b"STAT") => Some(&self.stat),
            Some(b"UIDL") => Some(&self.uidl),
            Some(b"LIST") => Some(&self.list),
            Some(b"RETR") => {
                let number = std::str::from_utf8(&line[4..]).ok().and_then(|text| text.trim().parse().ok());
                let reply = number.and_then(|number: usize| self.retrieved.get(number.checked_sub(1)?));
                Some(reply.map_or(b"-ERR no such message\r\n", Vec::as_slice))
            }
            Some(b"QUIT") => None,
            _ => Some(b"+OK\r\n"),
        }
    }
}

pub(crate) async fn serve(
    listener: TcpListener,
    mailbox: Mailbox,
    tls: Option<Arc<ServerConfig>>,
) -> Result<()> {
    let mailbox = Arc::new(mailbox);
    let tls = tls.map(TlsAcceptor::from);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mailbox = Arc::clone(&mailbox);
        let tls = tls.clone();
        // A client that goes away is its own affair: the load generator reports what it misses.
        tokio::spawn(async move {
            match tls {
                Some(tls) => session(tls.accept(stream).await?, &mailbox).await,
                None => session(stream, &mailbox).await,
            }
        });
    }
}

async fn session(mut stream: impl AsyncRead + AsyncWrite + Unpin, mailbox: &Mailbox) -> io::Result<()> {
    stream.write_all(b"+OK ready\r\n").await?;
    stream.flush().await?;
    let mut input = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut begin = 0;
        while let Some(length) = memchr::memchr(b'\n', &input[begin..]) {
            let Some(reply) = mailbox.reply(&input[begin..begin + length]) else {
                stream.write_all(b"+OK bye\r\n").await?;
                return stream.shutdown().await;
            };
            stream.write_all(reply).await?;
            begin += length + 1;
        }
        stream.flush().await?;
        input.drain(..begin);
    }
}
