//! Users whose mail is kept by somebody else. One of our own back ends plays that part, with ordinary log-in.

use std::sync::Arc;

use backend::mounts::Store;
use mailbox::testing::MemoryStore;
use settings::LoopbackPorts;
use system_tests::{House, PASSWORD, Plan, THREE_MESSAGES, Transport};

const USER: &str = "user4@example.com";

/// A house with a route to mbx1 as clients reach it, protected so, and a user whose mail is there.
async fn house(tls: &str) -> House {
    let mut house = House::build(Plan {
        configuration: Box::new({
            let tls = tls.to_owned();
            move |addresses| {
                let LoopbackPorts { pop3, pop3s, .. } = LoopbackPorts::default();
                let port = if tls == "implicit" { pop3s } else { pop3 };
                let target = format!("{}:{port}", addresses.at(21));
                let ca = if tls == "none" {
                    ""
                } else {
                    "ca = \"../../ca/clients/ca.pem\"\nserver-name = \"mbx1\"\n"
                };
                format!(
                    "[[route]]\nname = \"elsewhere\"\nkind = \"pass-through\"\naddress = \"{target}\"\ntls = \"{tls}\"\n{ca}"
                )
            }
        }),
        ..Plan::default()
    });
    house.add_user(USER, PASSWORD, "elsewhere");
    house.start_back_end("mbx1").await;
    house.start_front_end().await;
    let store: Store = Arc::new(MemoryStore::new());
    house.deliver_into(&store, USER, THREE_MESSAGES[0]).await;
    house.back_end().mounts.insert("elsewhere", store);
    house
}

#[tokio::test]
async fn a_password_passed_through_is_judged_there_however_the_way_is_protected() {
    for tls in ["none", "stls", "implicit"] {
        let house = house(tls).await;
        for transport in Transport::ALL {
            let mut client = house.client_over(transport).await;
            assert_eq!(
                client.logs_in(USER, "wrong").await,
                "-ERR [AUTH] Wrong user name or password",
                "{tls}"
            );
            assert_eq!(client.logs_in(USER, PASSWORD).await, "+OK logged in", "{tls}");
            assert_eq!(client.retrieves(1).await, THREE_MESSAGES[0], "{tls}");
            client.gets("QUIT").await;
        }
        // The others' mail is where it was.
        house.logged_in("user1@example.com").await.gets("QUIT").await;
    }
}

#[tokio::test]
async fn a_target_that_proves_to_be_somebody_else_gets_no_password() {
    for tls in ["stls", "implicit"] {
        let house = house(tls).await;
        // From now on it shows a certificate of another name.
        house.issue_certificate("mbx1", &["mallory"]);
        house.back_end().change(|settings| settings.pop.max_connections = 9);
        let deadline = system_tests::in_time();
        let told = loop {
            let told = house.client().await.logs_in(USER, PASSWORD).await;
            if told != "+OK logged in" {
                break told;
            }
            assert!(tokio::time::Instant::now() < deadline, "{tls}: it is still believed");
        };
        assert!(told.starts_with("-ERR [SYS/TEMP] "), "{tls}: {told}");
    }
}

#[tokio::test]
async fn a_target_that_is_away_is_told_as_such() {
    let mut house = house("implicit").await;
    house.stop_back_end("mbx1", std::time::Duration::ZERO).await;
    let told = house.client().await.logs_in(USER, PASSWORD).await;
    assert!(told.starts_with("-ERR [SYS/TEMP] "), "{told}");
}
