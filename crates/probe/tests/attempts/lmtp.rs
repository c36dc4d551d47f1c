//! Handing a message over.

use health::{FailureReason, Outcome, Phase};
use probe::Attempt;

use crate::server::{Step, plain, say, serve};
use crate::{LIMIT, SHORT, failed};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\n.dot\r\n";

fn hello() -> Vec<Step> {
    vec![say("220 mail LMTP\r\n"), Step::Hear("LHLO"), say("250-mail\r\n250 PIPELINING\r\n")]
}

fn data() -> Vec<Step> {
    vec![
        Step::Hear("MAIL FROM:<>"),
        Step::Hear("RCPT TO:<health-db01@mailmedic.invalid>"),
        Step::Hear("DATA"),
        say("250 OK\r\n250 OK\r\n354 go on\r\n"),
        Step::Hear("Subject: x"),
        Step::Hear("\r\n"),
        Step::Hear("..dot"),
        Step::Hear(".\r\n"),
    ]
}

async fn deliver(script: Vec<Step>) -> Attempt {
    let endpoint = plain(serve(vec![script], None).await);
    Attempt::deliver(&endpoint, "health-db01@mailmedic.invalid", MESSAGE, LIMIT).await
}

#[tokio::test]
async fn a_message_that_is_taken_in_succeeds() {
    let end = vec![say("250 delivered\r\n"), Step::Hear("QUIT"), say("221 bye\r\n")];
    let attempt = deliver([hello(), data(), end].concat()).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
    let phases: Vec<_> = attempt.finding.phases.iter().map(|time| time.phase).collect();
    assert!(phases.ends_with(&[Phase::Deliver, Phase::Quit]), "{phases:?}");
}

#[tokio::test]
async fn what_is_refused_is_told_with_the_words_of_the_server() {
    let attempt = deliver(vec![say("421 busy\r\n")]).await;
    assert!(attempt.finding.failure.is_some());
    let recipient = vec![
        Step::Hear("MAIL"),
        Step::Hear("RCPT"),
        Step::Hear("DATA"),
        say("250 OK\r\n550 5.1.1 nobody of that name\r\n503 no recipients\r\n"),
    ];
    let attempt = deliver([hello(), recipient].concat()).await;
    failed(&attempt, FailureReason::Delivery, Phase::Deliver);
    assert!(attempt.finding.failure.unwrap().detail.contains("nobody of that name"));
    let attempt = deliver([hello(), data(), vec![say("452 4.3.1 the disk is full\r\n")]].concat()).await;
    failed(&attempt, FailureReason::Delivery, Phase::Deliver);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_by_its_phase() {
    let endpoint = plain(serve(vec![[hello(), data(), vec![Step::Hang]].concat()], None).await);
    let attempt = Attempt::deliver(&endpoint, "health-db01@mailmedic.invalid", MESSAGE, SHORT).await;
    failed(&attempt, FailureReason::ScenarioTimeout, Phase::Deliver);
    assert_eq!(attempt.finding.outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_connection_that_ends_in_the_middle_is_lost() {
    failed(&deliver([hello(), data()].concat()).await, FailureReason::ConnectionLost, Phase::Deliver);
}
