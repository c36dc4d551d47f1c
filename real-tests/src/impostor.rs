//! Somebody who answers in place of a back end: with its certificate, and wrongly.

use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It says what nobody understands.
    Garbage,
    /// It lets users in, and then says nothing more.
    SilentAfterLogIn,
    /// Its only message is not what was delivered.
    WrongContent,
}

/// It answers until this ends.
#[derive(Debug)]
pub struct Impostor {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

const MESSAGE: &str = "Subject: somebody else's\r\n\r\nThis was never delivered here.\r\n";

impl Impostor {
    /// Listens at `address` with the certificate of `server` from the folder of its authority.
    pub fn start(address: SocketAddr, authority: &Path, server: &str, manner: Manner) -> Self {
        let chain = CertificateDer::pem_file_iter(authority.join(format!("{server}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(authority.join(format!("{server}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        let (config, over) = (Arc::new(config), Arc::new(AtomicBool::new(false)));
        let listener = TcpListener::bind(address).unwrap();
        let ended = Arc::clone(&over);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Relaxed) {
                    return;
                }
                let (config, stream) = (Arc::clone(&config), stream.unwrap());
                // Whoever breaks off has had enough.
                thread::spawn(move || converse(&config, stream, manner).ok());
            }
        });
        Self { address, over, accepting: Some(accepting) }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn converse(config: &Arc<ServerConfig>, stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    if manner == Manner::Garbage {
        stream.get_mut().write_all(b"\x00\xff\x13\x37 what is this?\r\n")?;
    } else {
        stream.get_mut().write_all(b"+OK ready\r\n")?;
    }
    let (mut line, mut silent) = (String::new(), false);
    while stream.read_line(&mut line)? > 0 {
        let word = line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let answer = match word.as_str() {
            _ if manner == Manner::Garbage => "\u{7f}??\r\n".to_owned(),
            _ if silent => String::new(),
            "CAPA" => "+OK\r\nUSER\r\nTOP\r\nUIDL\r\nSASL PLAIN EXTERNAL\r\n.\r\n".to_owned(),
            "STAT" => format!("+OK 1 {}\r\n", MESSAGE.len()),
            "LIST" => format!("+OK\r\n1 {}\r\n.\r\n", MESSAGE.len()),
            "UIDL" => "+OK\r\n1 a\r\n.\r\n".to_owned(),
            "RETR" | "TOP" => format!("+OK\r\n{MESSAGE}.\r\n"),
            _ => "+OK\r\n".to_owned(),
        };
        silent |= manner == Manner::SilentAfterLogIn && ["PASS", "AUTH"].contains(&word.as_str());
        stream.get_mut().write_all(answer.as_bytes())?;
        line.clear();
    }
    Ok(())
}
