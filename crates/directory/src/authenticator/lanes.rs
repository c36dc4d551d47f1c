//! Threads that hash passwords: as many hashes at once as there are lanes, and a bounded number of log-ins that wait.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

type Job = Box<dyn FnOnce() + Send>;

/// No lane is free and as many wait as may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// The way to the lanes. They end when it is dropped and what waits is done.
pub(super) struct Lanes {
    jobs: SyncSender<Job>,
}

impl Lanes {
    pub(super) fn start(lanes: usize, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..lanes.max(1) {
            let jobs = Arc::clone(&receiver);
            thread::Builder::new().name("password-hash".into()).spawn(move || work(&jobs))?;
        }
        Ok(Self { jobs: sender })
    }

    /// Has a job done on some lane. Never waits.
    pub(super) fn enqueue(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        self.jobs.try_send(Box::new(job)).map_err(|_| Busy)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        // One lane waits for the queue, the others for the lock: it is the same wait.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic ends one log-in, not the lane.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}
