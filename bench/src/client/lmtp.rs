//! An LMTP client that pipelines the envelope, as MTAs do.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};

use super::wire::Wire;
use crate::mail;

/// One LMTP connection.
pub(crate) struct Lmtp(Wire);

impl Lmtp {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let mut wire = Wire::connect(address, None).await?;
        expect(&mut wire, "220").await.context("greeting")?;
        wire.send(b"LHLO bench.example.org\r\n").await?;
        expect(&mut wire, "250").await.context("LHLO")?;
        Ok(Self(wire))
    }

    /// Delivers one composed message to `address`; returns when the server has acknowledged it.
    pub(crate) async fn deliver(&mut self, address: &str, message: &[u8]) -> Result<()> {
        let envelope = format!("MAIL FROM:<bench@example.org>\r\nRCPT TO:<{address}>\r\nDATA\r\n");
        self.0.send(envelope.as_bytes()).await?;
        expect(&mut self.0, "250").await.context("MAIL")?;
        expect(&mut self.0, "250").await.with_context(|| format!("RCPT of {address}"))?;
        expect(&mut self.0, "354").await.context("DATA")?;
        self.0.send(&mail::on_the_wire(message)).await?;
        expect(&mut self.0, "250").await.with_context(|| format!("delivery to {address}"))
    }
}

/// Reads one reply, of any number of lines.
async fn expect(wire: &mut Wire, code: &str) -> Result<()> {
    loop {
        let line = std::str::from_utf8(wire.line().await?)?;
        ensure!(line.starts_with(code), "the server answered {line}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}
