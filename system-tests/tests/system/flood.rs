//! Guessers who keep the password hashes busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use system_tests::{House, PASSWORD, networks};

/// How many guess at a time: more than there are lanes and places in the queue.
const GUESSERS: usize = 24;

#[tokio::test]
async fn users_who_poll_are_let_in_while_guessers_keep_every_hash_busy() {
    let house = House::with(|settings| {
        // Many addresses, each slowed, would flood as well; one that is not slowed is enough to see it.
        settings.log_in.failed_log_in_exemptions = networks("127.0.0.0/8");
        settings.log_in.password_queue = 4;
        settings.session.error_limit = 1_000_000;
    })
    .await;
    for user in ["user1", "user2"] {
        house.logged_in(user).await.gets("QUIT").await;
    }
    let (over, busy) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut guessers = Vec::new();
    for guesser in 0..GUESSERS {
        let (over, busy, mut client) = (Arc::clone(&over), Arc::clone(&busy), house.client().await);
        guessers.push(tokio::spawn(async move {
            while !over.load(SeqCst) {
                let answer = client.logs_in(&format!("nobody{guesser}@example.com"), "guess").await;
                if answer.starts_with("-ERR [SYS/TEMP] ") {
                    busy.fetch_add(1, SeqCst);
                } else {
                    assert_eq!(answer, "-ERR [AUTH] Wrong user name or password");
                }
            }
        }));
    }
    system_tests::until("the lanes and their queue are full", || busy.load(SeqCst) > 0).await;
    for poll in 0..50 {
        let turned_away = busy.load(SeqCst);
        let mut client = house.client().await;
        let user = ["user1", "user2"][poll % 2];
        assert_eq!(client.logs_in(user, PASSWORD).await, "+OK logged in", "poll {poll}");
        client.gets("STAT").await;
        client.gets("QUIT").await;
        // The flood has not ended meanwhile.
        system_tests::until("guessers are turned away", || busy.load(SeqCst) > turned_away).await;
    }
    over.store(true, SeqCst);
    for guesser in guessers {
        guesser.await.unwrap();
    }
}
