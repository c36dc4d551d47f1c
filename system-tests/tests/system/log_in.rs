//! Logging in: who is believed, and what strangers learn.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use directory::administration::Secret as NewSecret;
use directory::{Name, Password};
use net::{Connection, ServerTls};
use pop3::Secret;
use pop3::client::{DialogueError, LogIn};
use pop3::sasl::Nonce;
use system_tests::{Client, House, PASSWORD, Plan, Transport, in_time, networks};
use tokio::net::TcpListener;

const USER: &str = "user1@example.com";

fn mechanisms(user: &str, password: &str) -> Vec<LogIn> {
    let (user, password) = (user.to_owned(), Secret::new(password));
    vec![
        LogIn::Password { user: user.clone(), password: password.clone() },
        LogIn::Plain { authzid: None, user: user.clone(), password: password.clone() },
        LogIn::Login { user: user.clone(), password: password.clone() },
        LogIn::ScramSha256 { user, password, nonce: Nonce::from_random([7; 24]) },
    ]
}

/// A house in which every mechanism is offered, and in which guessing is not slowed.
async fn house_with_scram() -> House {
    let mut house = House::build(Plan {
        scram: true,
        settings: Box::new(|settings| {
            settings.log_in.scram_enabled = true;
            settings.log_in.failed_log_in_exemptions = networks("127.0.0.0/8");
        }),
        ..Plan::default()
    });
    house.start_back_end("mbx1").await;
    house.start_front_end().await;
    house
}

#[tokio::test]
async fn every_mechanism_logs_in_over_every_transport() {
    let house = house_with_scram().await;
    for transport in Transport::ALL {
        for log_in in mechanisms(USER, PASSWORD) {
            let mut client = house.client_over(transport).await;
            let shown = format!("{log_in:?} over {transport:?}");
            client.logs_in_by(log_in).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!(client.stat().await, (0, 0), "{shown}");
        }
    }
}

#[tokio::test]
async fn an_unknown_user_a_disabled_one_and_a_wrong_password_are_told_the_same() {
    let mut house = house_with_scram().await;
    let disabled: Name = "user2@example.com".parse().unwrap();
    house.administration.set_enabled(&disabled, false).unwrap();
    for mechanism in 0..4 {
        let mut told = Vec::new();
        for (user, password) in [
            (USER, "wrong"),
            (disabled.as_str(), PASSWORD),
            (disabled.as_str(), "wrong"),
            ("nobody@example.com", PASSWORD),
            ("nobody@elsewhere.example", PASSWORD),
        ] {
            let mut client = house.client().await;
            match client.logs_in_by(mechanisms(user, password).remove(mechanism)).await {
                Err(DialogueError::Rejected { text, .. }) => told.push(text),
                other => panic!("{user} with {password}: {other:?}"),
            }
            // The session goes on, and the next attempt is judged by itself.
            assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in");
        }
        assert!(told.iter().all(|text| text == "[AUTH] Wrong user name or password"), "{told:?}");
    }
}

#[tokio::test]
async fn a_changed_password_is_effective_at_once_wherever_the_old_one_is_remembered() {
    let mut house = House::open().await;
    for _ in 0..2 {
        house.logged_in(USER).await.gets("QUIT").await;
    }
    let secret = NewSecret::Password(Password::new("another one"));
    house.administration.set_password(&USER.parse().unwrap(), &secret).unwrap();
    let mut client = house.client().await;
    assert_eq!(client.logs_in(USER, PASSWORD).await, "-ERR [AUTH] Wrong user name or password");
    assert_eq!(client.logs_in(USER, "another one").await, "+OK logged in");
}

#[tokio::test]
async fn an_address_that_fails_too_often_is_refused_for_a_while_and_exempt_ones_are_not() {
    let house = House::with(|settings| {
        settings.log_in.failed_log_in_limit = 2;
        settings.log_in.failed_log_in_exemptions = networks(&settings.at(71).to_string());
    })
    .await;
    let mut guesser = house.client_from(70).await;
    for _ in 0..2 {
        assert_eq!(guesser.logs_in(USER, "guess").await, "-ERR [AUTH] Wrong user name or password");
    }
    let refused = guesser.logs_in(USER, PASSWORD).await;
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
    guesser.is_closed().await;
    // A new connection is no new address.
    let refused = house.client_from(70).await.logs_in("user2", PASSWORD).await;
    assert!(refused.starts_with("-ERR [LOGIN-DELAY] "), "{refused}");
    let refused = house.client_from(70).await.logs_in_by(mechanisms(USER, PASSWORD).remove(1)).await;
    assert!(matches!(
        refused,
        Err(DialogueError::Rejected { code: Some(pop3::ResponseCode::LoginDelay), .. })
    ));

    let mut exempt = house.client_from(71).await;
    for _ in 0..5 {
        assert_eq!(exempt.logs_in(USER, "guess").await, "-ERR [AUTH] Wrong user name or password");
    }
    assert_eq!(exempt.logs_in(USER, PASSWORD).await, "+OK logged in");
    assert_eq!(house.client_from(72).await.logs_in(USER, PASSWORD).await, "+OK logged in");
}

/// Stands where a back end would, and says what it is told to say to whoever logs in.
async fn impostor(address: SocketAddr, tls: ServerTls, answer: &'static str) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = Connection::from(stream).accept_tls(&tls, in_time()).await.unwrap();
            let mut peer = Client::new(connection);
            peer.sends(b"+OK I am mbx1\r\n").await;
            peer.hears("XCLIENT ").await;
            peer.hears("AUTH EXTERNAL ").await;
            peer.sends(b"+OK\r\n").await;
            peer.sends(answer.as_bytes()).await;
            peer.tries_to_send(b"").await;
            peer.rest().await;
        }
    });
}

#[tokio::test]
async fn what_a_back_end_says_before_log_in_never_reaches_a_client() {
    for answer in [
        "-ERR [SYS/TEMP] /var/lib/secret/DB01 is read-only\r\n",
        "-ERR [SYS/PERM] /var/lib/secret/DB01 is damaged\r\n",
        "-ERR [IN-USE] locked by secret pid 4711\r\n",
        "-ERR [AUTH] no such row in secret table\r\n",
        "-ERR secret\r\n",
        "secret nonsense\r\n",
    ] {
        let mut house = House::build(Plan {
            settings: Box::new(|settings| settings.log_in.waiting_window = system_tests::span("0 s")),
            ..Plan::default()
        });
        impostor(house.inner_address(), house.node_tls("mbx1").server(), answer).await;
        house.start_front_end().await;
        let mut client = house.client().await;
        let told = client.logs_in(USER, PASSWORD).await;
        assert!(told.starts_with("-ERR ["), "{answer:?} was passed on as {told:?}");
        assert!(!told.contains("secret") && !told.contains("DB01"), "{answer:?} was passed on as {told:?}");
        // The password was right, whatever the back end thinks.
        assert!(!told.contains("AUTH"), "{answer:?} was passed on as {told:?}");
        assert_eq!(client.asks("QUIT").await, "+OK bye");
    }
}

#[tokio::test]
async fn a_target_that_answers_in_the_clear_what_is_to_be_said_in_tls_gets_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut peer = Client::new(stream.into());
            peer.sends(b"+OK I am somebody else's server\r\n").await;
            peer.hears("STLS").await;
            // The answers to USER and PASS, which have not been said: they would pass for answers in TLS.
            peer.sends(b"+OK go ahead\r\n+OK\r\n+OK logged in\r\n").await;
            let rest = peer.rest().await;
            hearing.lock().unwrap().push(rest);
        }
    });
    let route = format!(
        "[[route]]\nname = \"elsewhere\"\nkind = \"pass-through\"\naddress = \"{target}\"\ntls = \"stls\"\n\
         ca = \"../../ca/clients/ca.pem\"\ndomains = [\"elsewhere.example\"]\n"
    );
    let mut house = House::build(Plan { configuration: Box::new(move |_| route.clone()), ..Plan::default() });
    house.start_front_end().await;
    let mut client = house.client().await;
    let told = client.logs_in("user@elsewhere.example", "passed-through").await;
    assert!(told.starts_with("-ERR [SYS/TEMP] "), "{told}");
    system_tests::until("the target has heard all", || !heard.lock().unwrap().is_empty()).await;
    let heard = heard.lock().unwrap();
    assert!(heard.iter().all(|said| !said.windows(14).any(|part| part == b"passed-through")));
}
