//! The signals by which a human or a parent asks for an end in order.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::InitError;

/// SIGTERM, SIGINT (Ctrl-C) and SIGHUP (the terminal is gone), caught from its making on.
#[derive(Debug)]
pub(crate) struct EndSignals([Signal; 3]);

impl EndSignals {
    pub(crate) fn catch() -> Result<Self, InitError> {
        let catch = |kind| signal(kind).map_err(InitError::system("catch signals"));
        Ok(Self([
            catch(SignalKind::terminate())?,
            catch(SignalKind::interrupt())?,
            catch(SignalKind::hangup())?,
        ]))
    }

    /// Waits for the next one. Safe to give up on.
    pub(crate) async fn next(&mut self) {
        let Self([terminate, interrupt, hangup]) = self;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
