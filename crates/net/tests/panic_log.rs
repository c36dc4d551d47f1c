//! What a panicking session leaves in the log. A test binary of its own: which log lines are wanted is remembered for
//! the whole process, and other tests want none.

#![expect(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::Sessions;
use net::drain::SessionToken;
use tokio::time::Instant;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_logged() {
    let journal = Journal::default();
    let writer = journal.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let sessions = Sessions::new();
    sessions.spawn(async |_: SessionToken| panic!("panic number {}", 42)).unwrap();
    sessions.ended(Instant::now() + Duration::from_secs(5)).await.unwrap();
    let logged = String::from_utf8(journal.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("a session panicked") && logged.contains("panic number 42"), "{logged}");
}
