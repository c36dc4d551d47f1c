//! Reading mail: what is there must be what should be there.

use health::{FailureReason, Outcome, Phase};
use probe::{Attempt, Content, Mailbox, Scenario, Whose};
use sha2::{Digest, Sha256};

use crate::server::{Step, logged_in, plain, say, serve};
use crate::{LIMIT, account, failed};

const KNOWN: &str = "Subject: known\r\n\r\n.dots\r\n";
const OURS: &str = "Subject: ours\r\n\r\nmine\r\n";

fn content(message: &str) -> Content {
    Content { sha256: Sha256::digest(message).into(), octets: message.len() as u64 }
}

fn whose(header: &[u8]) -> Whose {
    let header = String::from_utf8_lossy(header);
    match () {
        () if header.contains("Subject: known") => Whose::Known,
        () if header.contains("Subject: ours") => Whose::Ours(Some(content(OURS))),
        () if header.contains("Subject: forgotten") => Whose::Ours(None),
        () => Whose::Others,
    }
}

/// As it goes over the wire.
fn wire(message: &str) -> String {
    format!("+OK\r\n{}.\r\n", message.replace("\r\n.", "\r\n.."))
}

fn header(message: &str) -> String {
    let header = message.split_inclusive("\r\n\r\n").next().unwrap();
    format!("+OK\r\n{header}.\r\n")
}

/// A maildrop with these messages, up to the end of LIST.
fn maildrop(messages: &[&str]) -> Vec<Step> {
    let sum: usize = messages.iter().map(|message| message.len()).sum();
    let numbered = |of: &dyn Fn(usize, &str) -> String| {
        let lines: String = (1..).zip(messages).map(|(number, message)| of(number, message)).collect();
        say(&format!("+OK\r\n{lines}.\r\n"))
    };
    let listing = vec![
        Step::Hear("STAT"),
        say(&format!("+OK {} {sum}\r\n", messages.len())),
        Step::Hear("UIDL"),
        numbered(&|number, _| format!("{number} uid{number}\r\n")),
        Step::Hear("LIST"),
        numbered(&|number, message| format!("{number} {}\r\n", message.len())),
    ];
    [logged_in(), listing].concat()
}

fn bye() -> Vec<Step> {
    vec![Step::Hear("QUIT"), say("+OK\r\n")]
}

fn top(number: &'static str, message: &str) -> Vec<Step> {
    vec![Step::Hear(number), say(&header(message))]
}

fn retr(number: &'static str, message: &str) -> Vec<Step> {
    vec![Step::Hear(number), say(&wire(message))]
}

async fn read_known(script: Vec<Step>) -> Attempt {
    let account = account();
    let mailbox = Mailbox { account: &account, known: Some(content(KNOWN)), whose: &whose };
    Attempt::pop3(&plain(serve(vec![script], None).await), &Scenario::ReadKnown(&mailbox), LIMIT).await
}

async fn touch(scripts: Vec<Vec<Step>>) -> Attempt {
    let account = account();
    let mailbox = Mailbox { account: &account, known: Some(content(KNOWN)), whose: &whose };
    Attempt::pop3(&plain(serve(scripts, None).await), &Scenario::Touch(&mailbox), LIMIT).await
}

#[tokio::test]
async fn the_known_message_is_compared_with_its_dots_undone() {
    let script = [maildrop(&[KNOWN]), top("TOP 1 0", KNOWN), retr("RETR 1", KNOWN), bye()].concat();
    let attempt = read_known(script).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
}

#[tokio::test]
async fn another_message_in_its_place_is_wrong_content() {
    let other = KNOWN.replace("dots", "DOTS");
    let script = [maildrop(&[KNOWN]), top("TOP 1 0", KNOWN), retr("RETR 1", &other)].concat();
    failed(&read_known(script).await, FailureReason::WrongContent, Phase::Retrieve);
    let short = &KNOWN[..KNOWN.len() - 4];
    let script =
        [maildrop(&[KNOWN]), top("TOP 1 0", KNOWN), retr("RETR 1", &format!("{short}\r\n"))].concat();
    failed(&read_known(script).await, FailureReason::WrongContent, Phase::Retrieve);
}

#[tokio::test]
async fn a_mailbox_without_the_known_message_is_wrong_content() {
    let script = [maildrop(&[OURS]), top("TOP 1 0", OURS)].concat();
    failed(&read_known(script).await, FailureReason::WrongContent, Phase::Retrieve);
}

#[tokio::test]
async fn listings_that_do_not_agree_are_wrong_content() {
    let disagreeing = vec![
        Step::Hear("STAT"),
        say("+OK 2 40\r\n"),
        Step::Hear("UIDL"),
        say("+OK\r\n1 a\r\n2 b\r\n.\r\n"),
        Step::Hear("LIST"),
        say("+OK\r\n1 20\r\n.\r\n"),
    ];
    let script = [logged_in(), disagreeing].concat();
    failed(&read_known(script).await, FailureReason::WrongContent, Phase::List);
}

#[tokio::test]
async fn a_refused_message_is_told_as_refused() {
    let refused = vec![Step::Hear("RETR 1"), say("-ERR [SYS/PERM] damaged\r\n")];
    let script = [maildrop(&[KNOWN]), top("TOP 1 0", KNOWN), refused].concat();
    failed(&read_known(script).await, FailureReason::Refused, Phase::Retrieve);
}

#[tokio::test]
async fn what_was_delivered_for_us_is_read_deleted_and_seen_gone() {
    // What the mail server put in front of it is not compared.
    let traced = format!("Return-Path: <>\r\n{OURS}");
    let stale = "Subject: forgotten\r\n\r\nold\r\n";
    let others = "Subject: another prober's\r\n\r\n";
    let first = [
        maildrop(&[KNOWN, others, stale, &traced]),
        top("TOP 4 0", &traced),
        retr("RETR 4", &traced),
        top("TOP 3 0", stale),
        top("TOP 2 0", others),
        top("TOP 1 0", KNOWN),
        vec![Step::Hear("DELE 4"), say("+OK\r\n"), Step::Hear("DELE 3"), say("+OK\r\n")],
        bye(),
    ];
    let second = vec![Step::Hear("UIDL"), say("+OK\r\n1 uid1\r\n2 uid2\r\n.\r\n")];
    let attempt = touch(vec![first.concat(), [logged_in(), second, bye()].concat()]).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
}

#[tokio::test]
async fn what_comes_back_after_it_was_deleted_is_wrong_content() {
    let first = [
        maildrop(&[KNOWN, OURS]),
        top("TOP 2 0", OURS),
        retr("RETR 2", OURS),
        top("TOP 1 0", KNOWN),
        vec![Step::Hear("DELE 2"), say("+OK\r\n")],
        bye(),
    ];
    let second = vec![Step::Hear("UIDL"), say("+OK\r\n1 uid1\r\n2 uid2\r\n.\r\n")];
    let attempt = touch(vec![first.concat(), [logged_in(), second].concat()]).await;
    failed(&attempt, FailureReason::WrongContent, Phase::Delete);
}

#[tokio::test]
async fn without_a_message_for_us_the_known_one_is_read() {
    let script =
        [maildrop(&[KNOWN]), top("TOP 1 0", KNOWN), top("TOP 1 0", KNOWN), retr("RETR 1", KNOWN), bye()];
    let attempt = touch(vec![script.concat()]).await;
    assert_eq!(attempt.finding.outcome, Outcome::Succeeded, "{attempt:?}");
}

#[tokio::test]
async fn a_refused_quit_is_a_failure_since_nothing_was_deleted() {
    let first = [
        maildrop(&[KNOWN, OURS]),
        top("TOP 2 0", OURS),
        retr("RETR 2", OURS),
        top("TOP 1 0", KNOWN),
        vec![Step::Hear("DELE 2"), say("+OK\r\n"), Step::Hear("QUIT"), say("-ERR not deleted\r\n")],
    ];
    failed(&touch(vec![first.concat()]).await, FailureReason::Refused, Phase::Quit);
}
