//! Servers that hang or die while they are asked, and clients that do not listen.

use std::time::{Duration, Instant};

use coordinator::local::LocalClient;
use coordinator::{Coordinator, CoordinatorError, Prefix, Revision};
use tempfile::TempDir;

use crate::fixture::{ServerProcess, block_on, change, client, eventually, put, server, socket};

#[test]
fn a_hung_server_is_told_within_the_deadline_and_goes_on() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let server = ServerProcess::start(home.path()).await;
        let client = LocalClient::new(socket(home.path()), Duration::from_millis(300));
        let now = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        server.stop();
        let began = Instant::now();
        let (put, read, told) = tokio::join!(
            change(&client, vec![put("a", "two")]),
            client.read(&Prefix::everything()),
            watch.next(),
        );
        assert!(matches!(put, Err(CoordinatorError::OutcomeUnknown { .. })), "{put:?}");
        assert!(matches!(read, Err(CoordinatorError::Unavailable { .. })), "{read:?}");
        assert!(matches!(told, Err(CoordinatorError::Unavailable { .. })), "{told:?}");
        // One who comes new hears as much, connected or not.
        let new = LocalClient::new(socket(home.path()), Duration::from_millis(300));
        assert!(matches!(new.epoch().await, Err(CoordinatorError::Unavailable { .. })));
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        server.go_on();
        eventually("the server answers again", async || client.epoch().await.ok()).await;
    });
}

#[test]
fn a_killed_server_ends_watches_and_is_found_again() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let mut server = ServerProcess::start(home.path()).await;
        let client = client(home.path());
        let now = change(&client, vec![put("a", "one")]).await.unwrap().revision;
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        server.kill();
        let told = watch.next().await;
        assert!(matches!(told, Err(CoordinatorError::Unavailable { .. })), "{told:?}");
        let away = change(&client, vec![put("a", "two")]).await;
        assert!(matches!(away, Err(CoordinatorError::Unavailable { .. })), "nothing was sent, but {away:?}");
        let _server = ServerProcess::start(home.path()).await;
        change(&client, vec![put("a", "three")]).await.unwrap();
        let mut watch = client.watch(&Prefix::everything(), now).await.unwrap();
        assert_eq!(watch.next().await.unwrap().len(), 1);
    });
}

#[test]
fn a_watcher_that_does_not_listen_is_ended_and_costs_others_nothing() {
    block_on(async {
        let home = TempDir::new().unwrap();
        let mut roomy = server(home.path());
        roomy.history = 10_000;
        let _running = roomy.serve().unwrap();
        let (client, deaf) = (client(home.path()), client(home.path()));
        let now = client.read(&Prefix::everything()).await.unwrap().revision;
        let mut watch = deaf.watch(&Prefix::everything(), now).await.unwrap();
        let mut last = Revision(0);
        for number in 0..5_000_u32 {
            last = change(&client, vec![put("a", number.to_string())]).await.unwrap().revision;
        }
        let mut told = now;
        let error = loop {
            match watch.next().await {
                Ok(events) => {
                    let revision = events[0].revision();
                    assert_eq!(revision, Revision(told.0 + 1), "what is told has no gap");
                    told = revision;
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CoordinatorError::Compacted { after } if after == told), "{error:?}");
        assert!(told < last);
        // It goes on where it was ended, as long as that is known.
        let mut watch = deaf.watch(&Prefix::everything(), told).await.unwrap();
        assert_eq!(watch.next().await.unwrap()[0].revision(), Revision(told.0 + 1));
    });
}
