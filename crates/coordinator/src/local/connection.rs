//! One client, from the server's side.

use std::sync::{Arc, mpsc::Sender};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;

use super::engine::Work;
use super::outbox::Outbox;
use super::protocol::{LineError, REQUEST_LIMIT, Request, read_line};

/// Requests of one client that may wait for the engine.
const AT_ONCE: usize = 64;
/// How long a client may take to take one frame.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves one client until it is gone, says what is not the protocol, or takes nothing.
pub(super) async fn serve(stream: UnixStream, work: Sender<Work>) {
    let outbox = Arc::new(Outbox::default());
    let _closed = Closed { outbox: Arc::clone(&outbox), work: work.clone() };
    let (reading, writing) = stream.into_split();
    tokio::select! {
        error = read(reading, &outbox, &work) => {
            if !matches!(error, LineError::Ended) {
                tracing::debug!(error = &error as &dyn std::error::Error, "a client of the coordinator is let go");
            }
        }
        () = write(writing, &outbox) => {}
    }
}

/// However the serving ends, the engine hears of it.
struct Closed {
    outbox: Arc<Outbox>,
    work: Sender<Work>,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.outbox.close();
        let _ = self.work.send(Work::Gone(Arc::clone(&self.outbox)));
    }
}

async fn read(stream: OwnedReadHalf, outbox: &Arc<Outbox>, work: &Sender<Work>) -> LineError {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        outbox.room().await;
        let request: Request = match read_line(&mut reader, REQUEST_LIMIT).await {
            Ok(request) => request,
            Err(error) => return error,
        };
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return LineError::Ended };
        if work.send(Work::Request(request, Arc::clone(outbox), seat)).is_err() {
            return LineError::Ended;
        }
    }
}

async fn write(mut stream: OwnedWriteHalf, outbox: &Outbox) {
    while let Some(frame) = outbox.take().await {
        match tokio::time::timeout(PATIENCE, stream.write_all(&frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}
