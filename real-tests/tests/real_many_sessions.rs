//! Many clients at once.

use std::sync::Barrier;
use std::thread;

use real_tests::random::Random;
use real_tests::{LmtpClient, Pop3Client, Preparation, mail, wire};

const PASSWORD: &str = "secret";
const USERS: usize = 20;
const SESSIONS_OF_EACH: usize = 10;
const MESSAGES: usize = 5;

#[test]
fn two_hundred_sessions_over_tls_are_served_at_once() {
    let installation = Preparation::new().start();
    let users: Vec<String> = (1..=USERS).map(|number| format!("user{number}@example.com")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    installation.add_users(&users, PASSWORD);
    let mut random = Random::for_test();
    let sent: Vec<_> =
        (0..MESSAGES).map(|number| mail::message(&format!("many-{number}"), 20_000, &mut random)).collect();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    for message in &sent {
        assert!(sender.deliver(&users, message).iter().all(real_tests::Verdict::is_accepted));
    }

    let trust = wire::trust(&installation.ca());
    let (at, all) = (installation.pop3s(), USERS * SESSIONS_OF_EACH);
    let (all_in, counted) = (Barrier::new(all + 1), Barrier::new(all + 1));
    thread::scope(|scope| {
        for session in 0..all {
            let (user, trust, sent) = (users[session % USERS], &trust, &sent);
            let (all_in, counted) = (&all_in, &counted);
            scope.spawn(move || {
                let client = Pop3Client::connect_tls(at, trust)
                    .and_then(|mut client| client.log_in(user, PASSWORD).map(|()| client));
                all_in.wait();
                counted.wait();
                let mut client = client.unwrap();
                let list = client.list().unwrap();
                assert_eq!(list.len(), MESSAGES);
                for (entry, sent) in list.iter().zip(sent) {
                    assert!(mail::is_intact(&client.retrieve(entry.number).unwrap(), sent));
                    client.delete(entry.number).unwrap();
                }
                client.quit().unwrap();
            });
        }
        all_in.wait();
        let sessions = installation.status().service("frontend").sessions;
        counted.wait();
        assert!(sessions.is_some_and(|sessions| sessions >= all as u64), "{sessions:?}");
    });
    for user in users {
        assert_eq!(installation.mail_of(user, PASSWORD).len(), 0);
    }
}
