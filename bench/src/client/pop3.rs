//! A POP3 client that counts every octet it is given.

use anyhow::{Context, Result, bail, ensure};

use super::wire::Wire;
use super::{PASSWORD, Target};
use crate::mail;

/// One POP3 session.
pub(crate) struct Pop3 {
    wire: Wire,
    /// Whose mail is expected.
    owner: String,
}

/// A multi-line reply's kind, with the command that asks for it.
#[derive(Clone, Copy)]
pub(crate) enum Reply {
    Uidl,
    List,
}

impl Pop3 {
    pub(crate) async fn log_in(
        target: &Target,
        tls: Option<std::sync::Arc<rustls::ClientConfig>>,
        user: &str,
    ) -> Result<Self> {
        let mut wire = Wire::connect(target.address, tls).await?;
        expect_ok(&mut wire).await.context("greeting")?;
        wire.send(format!("USER {user}{}\r\n", target.domain).as_bytes()).await?;
        expect_ok(&mut wire).await.context("USER")?;
        wire.send(format!("PASS {PASSWORD}\r\n").as_bytes()).await?;
        expect_ok(&mut wire).await.with_context(|| format!("PASS of {user}"))?;
        Ok(Self { wire, owner: target.owner.unwrap_or(user).to_owned() })
    }

    pub(crate) fn resumed(&self) -> bool {
        self.wire.resumed()
    }

    /// Messages and octets.
    pub(crate) async fn stat(&mut self) -> Result<(u64, u64)> {
        self.wire.send(b"STAT\r\n").await?;
        let line = expect_ok(&mut self.wire).await.context("STAT")?;
        let mut numbers = line.split(' ').skip(1).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(messages)), Some(Ok(octets))) => Ok((messages, octets)),
            _ => bail!("STAT answered {line}"),
        }
    }

    /// The octets of each message.
    pub(crate) async fn sizes(&mut self) -> Result<Vec<u64>> {
        let body = self.listing(Reply::List).await?;
        let sizes: Option<Vec<u64>> = std::str::from_utf8(&body)?
            .lines()
            .enumerate()
            .map(|(at, line)| {
                let (number, octets) = line.split_once(' ')?;
                (number.parse() == Ok(at + 1)).then_some(octets.parse().ok())?
            })
            .collect();
        sizes.context("LIST is not a list of numbered sizes")
    }

    /// The lines of UIDL or LIST.
    pub(crate) async fn listing(&mut self, reply: Reply) -> Result<Vec<u8>> {
        let command: &[u8] = match reply {
            Reply::Uidl => b"UIDL\r\n",
            Reply::List => b"LIST\r\n",
        };
        self.wire.send(command).await?;
        expect_ok(&mut self.wire).await.context("listing")?;
        let mut body = Vec::new();
        self.wire.multi_line(|piece| body.extend_from_slice(piece)).await?;
        Ok(body)
    }

    /// Retrieves messages 1 to `sizes.len()`, one after another or all asked for at once, and checks each size; the
    /// message with index `sample` is compared octet by octet with what was sent.
    pub(crate) async fn retrieve(
        &mut self,
        sizes: &[u64],
        pipelined: bool,
        sample: Option<usize>,
    ) -> Result<()> {
        let command = |at: usize| format!("RETR {}\r\n", at + 1);
        if pipelined {
            let commands: String = (0..sizes.len()).map(command).collect();
            self.wire.send(commands.as_bytes()).await?;
        }
        for (at, &octets) in sizes.iter().enumerate() {
            if !pipelined {
                self.wire.send(command(at).as_bytes()).await?;
            }
            expect_ok(&mut self.wire).await.with_context(|| format!("RETR {}", at + 1))?;
            let mut received = 0;
            let mut kept = Vec::new();
            let keep = sample == Some(at);
            self.wire
                .multi_line(|piece| {
                    received += piece.len();
                    if keep {
                        kept.extend_from_slice(piece);
                    }
                })
                .await?;
            ensure!(
                received as u64 == octets + mail::DOT_LINES as u64,
                "message {} of {} has {received} octets on the wire, LIST promised {octets} without stuffing",
                at + 1,
                self.owner
            );
            if keep {
                mail::verify(&self.owner, &kept)?;
            }
        }
        Ok(())
    }

    pub(crate) async fn quit(mut self) -> Result<()> {
        self.wire.send(b"QUIT\r\n").await?;
        expect_ok(&mut self.wire).await.context("QUIT")?;
        Ok(())
    }
}

async fn expect_ok(wire: &mut Wire) -> Result<&str> {
    let line = std::str::from_utf8(wire.line().await?)?;
    ensure!(line.starts_with("+OK"), "the server answered {line}");
    Ok(line)
}
