//! What listeners do when descriptors run out. A test binary of its own: the limit is the whole process's.

use std::fs::File;
use std::net::TcpStream;
use std::time::Duration;

use net::{Binding, Endpoint, Listeners};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::{Instant, timeout_at};

/// Takes every descriptor the process may have.
fn take_all_descriptors() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[tokio::test]
async fn a_listener_without_descriptors_pauses_and_goes_on_when_there_are_some_again() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: limit.maximum }).unwrap();
    let (mut listeners, mut incoming) = Listeners::new(16);
    let wanted = [Binding { endpoint: Endpoint::Tcp("127.0.0.1:0".parse().unwrap()), kind: () }];
    let opened = listeners.reconcile(&wanted).await.opened;
    let [net::listeners::Bound { local: Endpoint::Tcp(address), .. }] = opened[..] else {
        panic!("{opened:?}")
    };

    // Nothing of the listener runs until this test waits for something.
    let _client = TcpStream::connect(address).unwrap();
    let taken = take_all_descriptors();
    let deadline = Instant::now() + Duration::from_secs(30);
    while listeners.counts().pauses == 0 {
        assert!(Instant::now() < deadline, "the listener never tried");
        tokio::task::yield_now().await;
    }
    assert_eq!(listeners.counts().accepted, 0);

    drop(taken);
    assert!(timeout_at(deadline, incoming.next()).await.unwrap().is_some());
    assert_eq!((listeners.counts().accepted, listeners.counts().pauses), (1, 1));
}
