//! What a fake was asked, and what a test wants to go wrong.

use std::fmt;

use crate::{ControlError, Operation};

type Which = Box<dyn Fn(&Operation) -> bool + Send>;
type Error = Box<dyn FnOnce(Operation) -> ControlError + Send>;

/// The record of a fake, and the orders that are open.
#[derive(Default)]
pub(super) struct Orders {
    calls: Vec<Operation>,
    open: Vec<(Which, Mishap)>,
}

/// What becomes of a call instead of its work.
pub(super) enum Mishap {
    /// It fails with this error.
    Fails(Error),
    /// It never ends.
    Hangs,
}

impl Orders {
    /// The next call that `which` is true of meets the mishap.
    pub(super) fn add(&mut self, which: impl Fn(&Operation) -> bool + Send + 'static, mishap: Mishap) {
        self.open.push((Box::new(which), mishap));
    }

    /// Records a call, and says what goes wrong with it.
    pub(super) fn take(&mut self, operation: &Operation) -> Option<Mishap> {
        self.calls.push(operation.clone());
        let at = self.open.iter().position(|(which, _)| which(operation))?;
        Some(self.open.remove(at).1)
    }

    pub(super) fn calls(&self) -> Vec<Operation> {
        self.calls.clone()
    }
}

impl Mishap {
    /// What the caller sees of it.
    pub(super) async fn happen<T>(self, operation: Operation) -> Result<T, ControlError> {
        match self {
            Self::Fails(error) => Err(error(operation)),
            Self::Hangs => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").field("calls", &self.calls).field("open", &self.open.len()).finish()
    }
}
