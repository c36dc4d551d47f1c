//! What the protocol logs of both tiers say of a session.

use std::time::Duration;

use system_tests::{House, PASSWORD, until};

const USER: &str = "user1@example.com";
const COLUMNS: &str =
    "#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context";

/// The lines of both tiers about a session, once nobody is on any more.
async fn logs(house: &House, id: &str) -> [Vec<Vec<String>>; 2] {
    until("every session is over", || !house.anybody_is_on()).await;
    let services = [house.front_end().service(), house.back_end().service()];
    assert!(services.iter().all(|service| service.protocol_log.flush(Duration::from_secs(30))));
    // The connection between the tiers is kept, and is a session without a name until somebody else has it.
    [house.protocol_log("frontend", "cas1"), house.protocol_log("backend", "mbx1")].map(|mut lines| {
        lines.retain(|line| line[1] == id);
        lines
    })
}

#[tokio::test]
async fn one_session_id_joins_the_logs_of_both_tiers_line_by_line() {
    let house = House::with(|settings| settings.pop.protocol_log_enabled = true).await;
    house.mount_three_messages().await;
    let mut client = house.client_from(53).await;
    let session = house.front_end().service().roster.list(1).remove(0);
    let (id, address) = (session.id.to_string(), session.client);
    assert_eq!(address.ip(), house.addresses.at(53));
    client.logs_in("user1", PASSWORD).await;
    client.listing("LIST").await;
    client.retrieves(1).await;
    client.asks("RETR 9").await;
    client.asks("BOGUS 1 2").await;
    client.gets("DELE 1").await;
    client.gets("QUIT").await;

    let [front, back] = logs(&house, &id).await;
    for (name, text) in house.files() {
        if name.parent().is_some_and(|folder| folder.ends_with("protocol-log")) {
            assert!(
                String::from_utf8(text).unwrap().lines().any(|line| line == COLUMNS),
                "{}",
                name.display()
            );
        }
    }
    assert_eq!(id.len(), 16);
    for (lines, server) in [(&front, house.pop3_address()), (&back, house.inner_address())] {
        for (sequence, line) in lines.iter().enumerate() {
            assert_eq!(line.len(), 12, "{line:?}");
            assert!(line[0].ends_with('Z') && line[0].len() == "2026-11-22T12:00:00.000Z".len(), "{line:?}");
            assert_eq!(line[1], id, "{line:?}");
            assert_eq!(line[2], sequence.to_string(), "{line:?}");
            assert_eq!(line[3], server.to_string(), "{line:?}");
            assert_eq!(line[4], address.to_string(), "the client's real address on both tiers: {line:?}");
            assert!(line[6].parse::<f64>().is_ok_and(|milliseconds| milliseconds >= 0.0), "{line:?}");
        }
    }
    let column =
        |lines: &[Vec<String>], at: usize| lines.iter().map(|line| line[at].clone()).collect::<Vec<_>>();
    assert_eq!(
        column(&front, 9),
        ["OpenSession", "USER", "PASS", "LIST", "RETR", "RETR", "OTHER", "DELE", "QUIT", "CloseSession"]
    );
    assert_eq!(column(&front, 10), ["", "user1", "*****", "", "1", "9", "", "1", "", ""]);
    assert_eq!(
        column(&back, 9),
        ["OpenSession", "XCLIENT", "AUTH", "LIST", "RETR", "RETR", "DELE", "QUIT", "CloseSession"]
    );
    assert_eq!(column(&back, 10)[2], "EXTERNAL *****");
    // Sizes, with their line ends: "RETR 1", and "+OK 29 octets", 30 octets on the wire, the final dot.
    let retrieval = &front[4];
    assert_eq!((&*retrieval[7], &*retrieval[8]), ("8", "48"));
    assert_eq!((&*back[4][7], &*back[4][8]), ("8", "48"));
    // Who it is is known from the log-in on.
    assert!(front[3..].iter().chain(&back[3..]).all(|line| line[5] == USER));
    // What became of it, and on the front end whose answer it was.
    assert_eq!(
        column(&front, 11),
        [
            "",
            "+OK",
            "DB01 mbx1 +OK",
            "DB01 mbx1 +OK",
            "DB01 mbx1 +OK",
            "DB01 mbx1 -ERR",
            "-ERR",
            "DB01 mbx1 +OK",
            "DB01 mbx1 +OK",
            "quit"
        ]
    );
    assert_eq!(column(&back, 11), ["", "+OK", "+OK", "+OK", "+OK", "-ERR", "+OK", "+OK", "quit"]);
}

#[tokio::test]
async fn deliveries_are_logged_with_recipients_databases_servers_and_outcomes() {
    let house = House::with(|settings| settings.pop.protocol_log_enabled = true).await;
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    assert!(mail_server.names(USER).await.is_positive());
    assert!(!mail_server.names("nobody@example.com").await.is_positive());
    mail_server.sends_message(b"Subject: x\r\n\r\n").await;
    assert!(mail_server.delivered().await.is_positive());
    drop(mail_server);
    let front = house.front_end().service();
    until("the session is over", || front.roster.is_empty()).await;
    assert!(front.protocol_log.flush(Duration::from_secs(30)));
    let lines = house.protocol_log("frontend", "cas1");
    let commands: Vec<_> = lines.iter().map(|line| &*line[9]).collect();
    assert_eq!(commands, ["OpenSession", "LHLO", "MAIL", "RCPT", "RCPT", "DATA", "CloseSession"]);
    assert_eq!(lines[1][10], "mx.example.org");
    assert_eq!(lines[2][10], "FROM:<mara@example.org>");
    assert_eq!((&*lines[3][10], &*lines[3][11]), ("TO:<user1@example.com>", "DB01 mbx1"));
    assert!(lines[4][11].starts_with("550 5.1.1 "), "{:?}", lines[4]);
    assert!(lines[5][11].starts_with("user1@example.com DB01 mbx1 250 2.0.0 "), "{:?}", lines[5]);
}
