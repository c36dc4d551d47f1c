//! The control: a POP3 server that does nothing, in this process. What fails there is the prober's own fault.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use health::{Finding, Part};
use probe::{Attempt, Endpoint, Scenario, Security};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The responder, and how the last attempt there ended.
pub(super) struct Control {
    address: SocketAddr,
    failed: AtomicBool,
    responding: JoinHandle<()>,
}

impl Control {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let responding = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // Whoever breaks off has no need of an answer.
                        tokio::spawn(async move { respond(stream).await.ok() });
                    }
                    // Out of descriptors: then the control fails, as it should.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Self { address, failed: AtomicBool::new(false), responding })
    }

    pub(super) async fn attempt(&self, limit: Duration) -> Finding {
        let endpoint =
            Endpoint { address: self.address.into(), security: Security::Plain, part: Part::Observer };
        Attempt::pop3(&endpoint, &Scenario::Greet, limit).await.finding
    }

    /// An attempt has ended.
    pub(super) fn took(&self, failed: bool) {
        self.failed.store(failed, Relaxed);
    }

    /// Whether the last attempt failed.
    pub(super) fn fails(&self) -> bool {
        self.failed.load(Relaxed)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.responding.abort();
    }
}

async fn respond(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"+OK\r\n").await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let answer: &[u8] = if line.starts_with("CAPA") { b"+OK\r\n.\r\n" } else { b"+OK\r\n" };
        stream.write_all(answer).await?;
        if line.starts_with("QUIT") {
            break;
        }
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use health::Outcome;

    use super::*;

    #[tokio::test]
    async fn an_attempt_at_the_control_succeeds() {
        let control = Control::start().await.unwrap();
        let finding = control.attempt(Duration::from_secs(10)).await;
        assert_eq!(finding.outcome, Outcome::Succeeded, "{finding:?}");
    }
}
