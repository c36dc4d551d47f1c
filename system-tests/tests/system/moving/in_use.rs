//! A mailbox that moves while it is in use: nobody sees anything of it but a moment's wait.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backend::mounts::Store;
use mailbox::testing::{Operation, delivery};
use mailbox::{Delivered, MailboxStore as _};
use system_tests::{House, PASSWORD, until, without_trace};

use super::{USER, database, found, gates, house, is_frozen, kept, moved, mover, moves};

/// A message whose number stands in it twice.
fn message(number: u64) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\n{}\r\nThis was message {number}\r\n", "all the same.\r\n".repeat(20))
        .into_bytes()
}

/// The number of a message, which is whole.
fn number(octets: &[u8]) -> u64 {
    let text = std::str::from_utf8(octets).unwrap();
    let number = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().parse().unwrap();
    assert!(octets.ends_with(&message(number)), "{text}");
    number
}

/// What a session was told, as far as it came.
#[derive(Default)]
struct Session {
    uidls: Vec<String>,
    /// The message at the place that it asked for.
    message: Option<u64>,
    /// Whether QUIT was answered with success, or with failure; nothing is known if it was not answered.
    quit: Option<bool>,
}

/// Logs in, lists, reads the message at a place, deletes it if it is to, and quits: all in one write, whatever becomes of it.
async fn session(house: &House, place: usize, delete: bool) -> Session {
    let mut client = house.client().await;
    let delete = if delete { format!("DELE {place}\r\n") } else { "NOOP\r\n".to_owned() };
    let said = format!("USER {USER}\r\nPASS {PASSWORD}\r\nUIDL\r\nRETR {place}\r\n{delete}QUIT\r\n");
    client.tries_to_send(said.as_bytes()).await;
    let text = String::from_utf8(client.rest().await).unwrap();
    let mut session = Session::default();
    let mut lines = text.lines();
    let ok = |line: Option<&str>| line.is_some_and(|line| line.starts_with("+OK"));
    if !ok(lines.next()) || !ok(lines.next()) || !ok(lines.next()) {
        return session;
    }
    for line in lines.by_ref().take_while(|line| *line != ".") {
        session.uidls.push(line.split_once(' ').unwrap().1.to_owned());
    }
    if !ok(lines.next()) {
        return session;
    }
    let mut body = Vec::new();
    for line in lines.by_ref().take_while(|line| *line != ".") {
        body.extend_from_slice(line.strip_prefix('.').unwrap_or(line).as_bytes());
        body.extend_from_slice(b"\r\n");
    }
    session.message = Some(number(&body));
    if ok(lines.next()) {
        session.quit = lines.next().map(|line| line.starts_with("+OK"));
    }
    session
}

/// What everybody knows of the mailbox.
#[derive(Default)]
struct Known {
    /// Which message has which name.
    names: BTreeMap<String, u64>,
    delivered: BTreeSet<u64>,
    deleted: BTreeSet<u64>,
    /// Whose deletion was not answered.
    doubtful: BTreeSet<u64>,
}

impl Known {
    fn has_name(&mut self, uidl: &str, number: u64) {
        let before = *self.names.entry(uidl.to_owned()).or_insert(number);
        assert_eq!(before, number, "{uidl} names two messages");
    }
}

#[tokio::test]
async fn a_mailbox_moves_while_it_is_read_deleted_from_and_delivered_to() {
    let house = house().await;
    let store = Arc::clone(&house.back_end().store) as Store;
    for number in 0..500 {
        house.deliver_into(&store, USER, &message(number)).await;
    }
    let (known, over) = (RefCell::new(Known::default()), Cell::new(false));
    known.borrow_mut().delivered.extend(0..500);

    let reading = async {
        let (mut before, mut rounds) = (Vec::<String>::new(), 0);
        let mut last = false;
        while !last {
            last = over.get();
            let place = 1 + rounds % 300;
            rounds += 1;
            let session = session(&house, place, false).await;
            if session.uidls.is_empty() {
                continue;
            }
            assert_eq!(session.uidls.iter().collect::<BTreeSet<_>>().len(), session.uidls.len());
            if let Some(number) = session.message {
                known.borrow_mut().has_name(&session.uidls[place - 1], number);
            }
            // What is still there is in its order, and what is new is behind it.
            let now: BTreeSet<_> = session.uidls.iter().collect();
            let stayed: Vec<_> = before.iter().filter(|uidl| now.contains(uidl)).collect();
            assert!(session.uidls.iter().take(stayed.len()).eq(stayed), "session {rounds}");
            before = session.uidls;
        }
        rounds
    };
    let deleting = async {
        let mut last = false;
        while !last {
            last = over.get();
            let session = session(&house, 7, true).await;
            let Some(number) = session.message else { continue };
            let mut known = known.borrow_mut();
            known.has_name(&session.uidls[6], number);
            assert!(!known.deleted.contains(&number), "message {number} has come back");
            match session.quit {
                Some(true) => known.deleted.insert(number),
                Some(false) => true,
                None => known.doubtful.insert(number),
            };
        }
    };
    let delivering = async {
        let mut mail_server = house.mail_server().await;
        let (mut next, mut last) = (500, false);
        while !last {
            last = over.get();
            let replies = mail_server.delivers(&message(next), &[USER]).await;
            assert_eq!(replies[0].code(), 250, "{}", replies[0]);
            known.borrow_mut().delivered.insert(next);
            next += 1;
        }
    };
    let moving = async {
        until("everybody is at work", || {
            let known = known.borrow();
            known.delivered.len() > 510 && known.deleted.len() > 5
        })
        .await;
        let moved = moves(&house).await;
        over.set(true);
        moved
    };
    let (sessions, (), (), moved) = tokio::join!(reading, deleting, delivering, moving);
    assert!(sessions > 3, "{sessions}");

    assert_eq!(database(&house), "DB02");
    assert!(moved.frozen.as_secs() < 15, "{moved:?}");
    assert_eq!(kept(&house, "mbx1").await, 0);
    let mut known = known.into_inner();
    let found = found(&house).await;
    assert_eq!(kept(&house, "mbx2").await, found.len() as u64);
    let numbers: Vec<u64> = found.iter().map(|(_, octets)| number(octets)).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "each once, in the order of arrival: {numbers:?}");
    for ((uidl, _), number) in found.iter().zip(&numbers) {
        known.has_name(uidl, *number);
    }
    let numbers: BTreeSet<u64> = numbers.into_iter().collect();
    let expected: BTreeSet<u64> = known.delivered.difference(&known.deleted).copied().collect();
    let differ: Vec<u64> = expected.symmetric_difference(&numbers).copied().collect();
    assert!(differ.iter().all(|number| known.doubtful.contains(number)), "{differ:?}");
}

#[tokio::test]
async fn a_mailbox_goes_there_and_back_under_the_same_names() {
    let house = house().await;
    for number in 0..3 {
        house.deliver(USER, &message(number)).await;
    }
    let before = found(&house).await;
    for (target, more) in [("DB02", 3), ("DB01", 4), ("DB02", 5)] {
        moved(mover(&house, target)).await;
        let mut now = found(&house).await;
        now.truncate(before.len());
        assert_eq!(now, before);
        house.deliver(USER, &message(more)).await;
    }
    let numbers: Vec<u64> = found(&house).await.iter().map(|(_, octets)| number(octets)).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_empty_mailbox_moves_too() {
    let house = house().await;
    assert_eq!(moves(&house).await.messages, 0);
    house.mail_server().await.delivers(&message(1), &[USER]).await;
    assert_eq!(found(&house).await.len(), 1);
    assert_eq!(kept(&house, "mbx2").await, 1);
}

#[tokio::test]
async fn a_session_is_told_to_log_in_again_and_what_it_has_only_marked_is_there() {
    let house = house().await;
    house.deliver(USER, &message(1)).await;
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    moves(&house).await;
    assert_eq!(client.line().await, "-ERR [SYS/TEMP] Your mailbox is moving; log in again");
    client.is_closed().await;
    assert_eq!(found(&house).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_the_mailbox_moves() {
    let house = house().await;
    let large = format!("Subject: 1\r\n\r\n{}", "a line of the largest message of all\r\n".repeat(1_000_000));
    house.deliver(USER, large.as_bytes()).await;
    let mut client = house.logged_in(USER).await;
    client.gets("RETR 1").await;
    let moved = moves(&house).await;
    assert!(moved.frozen.as_secs() >= 5, "{moved:?}");
    let rest = client.rest().await;
    assert!(rest.len() < large.len() && !rest.ends_with(b"\r\n.\r\n"), "{} octets", rest.len());
    assert_eq!(house.logged_in(USER).await.retrieves(1).await.len(), large.len());
}

#[tokio::test]
async fn log_ins_and_deliveries_wait_while_the_mailbox_is_frozen_and_others_do_not() {
    let house = house().await;
    let gates = gates(&house, "mbx1", "DB01");
    gates.close(Operation::Deliver);
    let mut slow = house.mail_server().await;
    slow.hands_over(&message(1), &[USER]).await;
    gates.reached(Operation::Deliver, 1).await;
    let moving = mover(&house, "DB02");
    is_frozen(&house).await;

    let mut client = house.client().await;
    let log_in = tokio::spawn(async move {
        let answer = client.logs_in(USER, PASSWORD).await;
        (answer, client.stat().await.0)
    });
    let mut mail_server = house.mail_server().await;
    let deliver = tokio::spawn(async move { mail_server.delivers(&message(2), &[USER]).await });
    until("both wait", || house.front_end().waiting() == 1 && house.front_end().waiting_deliveries() == 1)
        .await;
    house.logged_in("user2@example.com").await.gets("QUIT").await;
    assert!(!moving.is_finished(), "a delivery is under way");

    gates.open(Operation::Deliver);
    assert_eq!(slow.delivered().await.code(), 250);
    moved(moving).await;
    let (answer, count) = log_in.await.unwrap();
    assert_eq!(answer, "+OK logged in");
    assert!(count >= 1);
    assert_eq!(deliver.await.unwrap()[0].code(), 250);
    let numbers: Vec<u64> = found(&house).await.iter().map(|(_, octets)| number(octets)).collect();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test]
async fn mail_that_was_accepted_before_the_move_arrives_where_the_mailbox_is() {
    let house = house().await;
    let mut mail_server = house.mail_server().await;
    mail_server.begins(None).await;
    for user in [USER, "user2@example.com", "user3@example.com"] {
        assert!(mail_server.names(user).await.is_positive());
    }
    mail_server.starts_message().await;
    mail_server.sends_part(b"Subject: 1\r\n").await;
    moves(&house).await;
    let whole = message(1);
    mail_server.ends_message(whole.strip_prefix(b"Subject: 1\r\n").unwrap()).await;
    for _ in 0..3 {
        let reply = mail_server.delivered().await;
        assert_eq!(reply.code(), 250, "{reply}");
    }
    let found = found(&house).await;
    assert_eq!(found.len(), 1);
    assert_eq!(without_trace(&found[0].1), whole);
    assert_eq!((kept(&house, "mbx1").await, kept(&house, "mbx2").await), (0, 1));
}

#[tokio::test]
async fn a_delivery_offered_again_after_the_move_is_not_stored_again() {
    let house = house().await;
    let (first, second) = (&house.back_end().store, &house.back_end_called("mbx2").store);
    let offer = |number| delivery(number, house.mailbox(USER), &message(number));
    for number in 100..103 {
        first.deliver(offer(number)).await.unwrap();
    }
    // One has been read and deleted.
    let mut client = house.logged_in(USER).await;
    client.gets("DELE 1").await;
    client.gets("QUIT").await;
    moves(&house).await;
    for number in 100..103 {
        let again = second.deliver(offer(number)).await.unwrap();
        assert!(matches!(again, Delivered::AlreadyStored(_)), "{number}: {again:?}");
    }
    assert_eq!(found(&house).await.len(), 2);
}
