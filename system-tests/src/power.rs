//! What a service runs on, so that it can be taken away.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// A runtime for one service.
#[derive(Debug)]
pub(crate) struct Power(Option<Runtime>);

impl Power {
    /// Switches it on.
    pub(crate) fn on(name: &str) -> Self {
        // As in a process: several threads, since sessions may block in place.
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build();
        Self(Some(runtime.unwrap()))
    }

    /// Runs `work` on it to its end.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.0.as_ref().unwrap().spawn(work).await.unwrap()
    }

    /// Starts `work` on it.
    pub(crate) fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.as_ref().unwrap().spawn(work));
    }

    /// Switches it off: whatever runs stops where it waits, and its sockets are closed when this returns.
    pub(crate) async fn cut(mut self) {
        let runtime = self.0.take().unwrap();
        let cut = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10)));
        cut.await.unwrap();
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
