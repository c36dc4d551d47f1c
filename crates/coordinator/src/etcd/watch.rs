//! Following changes in etcd.
//!
//! A watch that is silent may have nothing to tell, or nobody at its other end. So after a silence it is begun anew, at a
//! member that can answer what only one in touch with the others can. So it is when its member ends it: every member can
//! go on where another one has stopped.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::Inner;
use super::failure::garbled;
use super::gateway::Stream;
use super::messages::{WatchAnswer, WatchLine, WatchRequest};
use crate::{Answer, CoordinatorError, Prefix, Revision, Watch, WatchEvent};

const OPERATION: &str = "watch";
/// Octets in the longest line: all that one transaction of anyone may change.
const LINE_LIMIT: usize = 64 << 20;

pub(super) struct EtcdWatch {
    etcd: Arc<Inner>,
    prefix: Prefix,
    /// All up to here was told.
    after: Revision,
    /// The life of the store that is told of, once it is known.
    epoch: Option<u64>,
    lines: Option<Lines>,
    over: Option<CoordinatorError>,
}

/// The lines of one answer.
struct Lines {
    stream: Stream,
    waiting: BytesMut,
    /// How much of `waiting` has no end of a line.
    searched: usize,
}

impl EtcdWatch {
    pub(super) async fn open(
        etcd: Arc<Inner>,
        prefix: Prefix,
        after: Revision,
    ) -> Result<Self, CoordinatorError> {
        let mut watch = Self { etcd, prefix, after, epoch: None, lines: None, over: None };
        watch.begin().await?;
        Ok(watch)
    }

    /// Asks for all changes after the last one that was told.
    ///
    /// They are asked for one revision earlier. Of the revision up to which it was compacted, etcd still knows what was
    /// put, but not what was deleted, and would begin there without a word.
    ///
    /// Nor does a member say that it is behind the others, or cut off from them: it would begin, and be silent. So they
    /// are asked of a member that has just shown that it is neither.
    async fn begin(&mut self) -> Result<(), CoordinatorError> {
        let now = self.etcd.read(None).await?;
        if now.revision < self.after || self.epoch.is_some_and(|epoch| epoch != now.epoch) {
            // A life of the store that has not come so far, or another one.
            return Err(CoordinatorError::Compacted { after: self.after });
        }
        let deadline = Instant::now() + self.etcd.gateway.deadline();
        let request = WatchRequest::new(self.etcd.names.range(&self.prefix), self.after.0.max(1));
        let stream = self.etcd.gateway.stream(OPERATION, "/v3/watch", &request).await?;
        let mut lines = Lines { stream, waiting: BytesMut::new(), searched: 0 };
        let created = match timeout_at(deadline, lines.next()).await {
            Ok(created) => created?,
            Err(_) => return Err(CoordinatorError::unavailable(OPERATION, "it did not begin in time")),
        };
        self.require_known(&created)?;
        if !created.created {
            return Err(CoordinatorError::unavailable(OPERATION, "it told something before it began"));
        }
        self.epoch = Some(now.epoch);
        self.lines = Some(lines);
        Ok(())
    }

    fn require_known(&self, answer: &WatchAnswer) -> Result<(), CoordinatorError> {
        if answer.compact_revision > 0 {
            return Err(CoordinatorError::Compacted { after: self.after });
        }
        if answer.canceled {
            let reason = format!("the watch was ended: {}", answer.cancel_reason);
            return Err(CoordinatorError::unavailable(OPERATION, reason));
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<Vec<WatchEvent>, CoordinatorError> {
        // Each may go away once.
        let mut members_left = self.etcd.gateway.members();
        loop {
            let Some(lines) = &mut self.lines else {
                self.begin().await?;
                continue;
            };
            let turn = lines.stream.turn;
            let patience = Instant::now() + self.etcd.gateway.deadline();
            let answer = match timeout_at(patience, lines.next()).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) if members_left == 0 => return Err(error),
                Ok(Err(_)) => {
                    members_left -= 1;
                    self.etcd.gateway.avoid(turn);
                    self.lines = None;
                    continue;
                }
                Err(_) => {
                    self.lines = None;
                    continue;
                }
            };
            self.require_known(&answer)?;
            let events: Result<Vec<_>, _> =
                answer.events.into_iter().map(|event| self.etcd.names.event(event)).collect();
            let mut events = events.map_err(|error| garbled(OPERATION, error))?;
            events.retain(|event| event.revision() > self.after);
            if let Some(last) = events.last() {
                self.after = last.revision();
                return Ok(events);
            }
        }
    }
}

impl Watch for EtcdWatch {
    fn next(&mut self) -> Answer<'_, Vec<WatchEvent>> {
        Box::pin(async {
            if let Some(error) = &self.over {
                return Err(error.clone());
            }
            self.wait().await.inspect_err(|error| {
                self.lines = None;
                self.over = Some(error.clone());
            })
        })
    }
}

impl Lines {
    /// The next line. An unfinished call may be dropped.
    async fn next(&mut self) -> Result<WatchAnswer, CoordinatorError> {
        loop {
            if let Some(end) = self.waiting[self.searched..].iter().position(|octet| *octet == b'\n') {
                let line = self.waiting.split_to(self.searched + end);
                self.waiting.advance(1);
                self.searched = 0;
                let line: WatchLine =
                    serde_json::from_slice(&line).map_err(|error| garbled(OPERATION, error))?;
                return line.result.ok_or_else(|| {
                    let message = line.error.map(|error| error.message).unwrap_or_default();
                    CoordinatorError::unavailable(OPERATION, format!("the watch was ended: {message}"))
                });
            }
            self.searched = self.waiting.len();
            if self.searched > LINE_LIMIT {
                return Err(CoordinatorError::unavailable(OPERATION, "a line of the watch is too long"));
            }
            match self.stream.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.waiting.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(CoordinatorError::unavailable(OPERATION, error)),
                None => return Err(CoordinatorError::unavailable(OPERATION, "the watch was ended")),
            }
        }
    }
}
