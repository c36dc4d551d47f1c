//! Prometheus' `blackbox_exporter` as a peer: a prober that is asked for each probe over HTTP.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use super::{Laboratory, PATIENCE, free_port, loopback, run, write_configuration};
use crate::process::Process;

pub(crate) struct Blackbox {
    address: SocketAddr,
    _process: Process,
}

impl Blackbox {
    /// One that retrieves the message `newest`.
    pub(crate) async fn start(laboratory: &Laboratory, newest: u64) -> Result<Self> {
        let folder = laboratory.folder("blackbox")?;
        let (configuration, address) = (folder.join("blackbox.yml"), loopback(free_port()?));
        let values = [("NEWEST", newest.to_string())];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        write_configuration(include_str!("../../peers/blackbox.yml"), &values, &configuration)?;
        let arguments = [
            format!("--config.file={}", configuration.display()),
            format!("--web.listen-address={address}"),
            "--log.level=error".to_owned(),
        ];
        let arguments = arguments.each_ref().map(String::as_str);
        let log = folder.join("output");
        let mut process = Process::start("blackbox", "prometheus-blackbox-exporter", &arguments, &log)?;
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            process.ensure_running()?;
            ensure!(Instant::now() < deadline, "it does not listen: {}", process.last_words());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { address, _process: process })
    }

    /// A connection over which probes are asked for, one after another.
    pub(crate) async fn connect(&self) -> Result<Asking> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Asking { stream, answer: Vec::new() })
    }

    pub(crate) fn version() -> Result<String> {
        let version = run("dpkg-query", &["-W", "-f", "${Version}", "prometheus-blackbox-exporter"])?;
        Ok(version.split('-').next().unwrap_or_default().to_owned())
    }
}

/// A connection to it.
pub(crate) struct Asking {
    stream: tokio::net::TcpStream,
    answer: Vec<u8>,
}

impl Asking {
    /// Has it probe `target`; a probe that fails is an error.
    pub(crate) async fn probe(&mut self, target: SocketAddr) -> Result<()> {
        let question = format!("GET /probe?module=pop3&target={target} HTTP/1.1\r\nHost: blackbox\r\n\r\n");
        self.stream.write_all(question.as_bytes()).await?;
        self.answer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.answer).await? > 0, "it hung up");
            let Some(head) = memchr::memmem::find(&self.answer, b"\r\n\r\n") else { continue };
            let (head, body) = self.answer.split_at(head + 4);
            let head = std::str::from_utf8(head).context("a head of HTTP is ASCII")?.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let is_whole = match length {
                Some(length) => body.len() >= length,
                // In chunks, of which the last is empty (RFC 9112 section 7.1).
                None => body.ends_with(b"\r\n0\r\n\r\n"),
            };
            if is_whole {
                break;
            }
        }
        if memchr::memmem::find(&self.answer, b"\nprobe_success 1\n").is_none() {
            bail!("a probe failed: {}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }
}
