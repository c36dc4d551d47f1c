//! Anything at all, in portions of any size.

use proptest::collection::vec;
use proptest::prelude::*;

use pop3::session::{Closing, Limits};
use pop3::{Capability, Offer};

use crate::driver::{Driver, World, full_offer};

/// A piece of conversation: mostly nearly right.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "USER mrose",
        "PASS a secret",
        "PASS wrong",
        "STAT",
        "LIST",
        "LIST 2",
        "UIDL",
        "UIDL 3",
        "RETR 1",
        "RETR 2",
        "TOP 2 1",
        "DELE 1",
        "DELE 3",
        "RSET",
        "NOOP",
        "CAPA",
        "QUIT",
        "AUTH PLAIN",
        "AUTH PLAIN AG1yb3NlAGEgc2VjcmV0",
        "AUTH LOGIN",
        "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
        "bXJvc2U=",
        "YSBzZWNyZXQ=",
        "*",
        "XCLIENT ADDR=::1 TTL=3",
    ]);
    prop_oneof![
        8 => line.prop_map(|line| format!("{line}\r\n").into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => "[A-Z]{3,4} ?[ -~]{0,8}\r\n".prop_map(String::into_bytes),
        1 => prop::sample::select(vec!["\r\n", "\r", "\n", "\0", " "]).prop_map(|text| text.as_bytes().to_vec()),
        1 => (500usize..530).prop_map(|octets| vec![b'x'; octets]),
    ]
}

fn conversation() -> impl Strategy<Value = Vec<u8>> {
    vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn offer() -> Offer {
    full_offer().without(Capability::Stls)
}

/// Challenges and replies; messages and listings count once.
fn answers(driver: &Driver) -> usize {
    let sent = std::str::from_utf8(&driver.sent).expect("replies are ASCII");
    let challenges = sent.split("\r\n").filter(|line| line.starts_with("+ ")).count();
    driver.exchanges.len() + challenges
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// The driver checks each exchange: one reply, of the right shape, within its bounds, all of it counted.
    #[test]
    fn every_line_has_exactly_one_answer(input in conversation(), logged_in: bool, chunk in 1usize..100) {
        let limits = Limits { errors: u32::MAX, ..Limits::default() };
        let mut driver = Driver::new(offer(), limits, World::small());
        let mut spoken = if logged_in { b"USER mrose\r\nPASS a secret\r\n".to_vec() } else { Vec::new() };
        spoken.extend_from_slice(&input);
        driver.say_in_chunks(&spoken, chunk);
        let lines = spoken.windows(2).filter(|window| window == b"\r\n").count();
        let answers = answers(&driver);
        match driver.closing {
            // A last line without end may be answered already, when it is spoilt.
            None => prop_assert!((lines..=lines + 1).contains(&answers), "{lines} lines, {answers} answers"),
            Some(closing) => {
                prop_assert_eq!(closing, Closing::Quit);
                prop_assert!(answers <= lines + 1);
            }
        }
    }

    #[test]
    fn the_answers_do_not_depend_on_packet_boundaries(input in conversation(), chunk in 1usize..50) {
        let mut whole = Driver::new(offer(), Limits::default(), World::small());
        whole.say(&input);
        let mut driver = Driver::new(offer(), Limits::default(), World::small());
        driver.say_in_chunks(&input, chunk);
        prop_assert_eq!(&whole.sent, &driver.sent);
        prop_assert_eq!(&whole.exchanges, &driver.exchanges);
        prop_assert_eq!(whole.closing, driver.closing);
        prop_assert_eq!(&whole.deleted, &driver.deleted);
    }

    #[test]
    fn arbitrary_bytes_never_panic(input in vec(any::<u8>(), 0..2000), logged_in: bool, chunk in 1usize..100) {
        let mut driver = if logged_in { Driver::logged_in() } else { Driver::stranger() };
        driver.say_in_chunks(&input, chunk);
        if driver.closing.is_none() {
            driver.hang_up();
        }
        prop_assert!(driver.closing.is_some());
    }

    /// Only QUIT deletes, and exactly what is marked.
    #[test]
    fn what_is_deleted_is_what_was_marked_at_quit(input in conversation(), chunk in 1usize..50) {
        let mut driver = Driver::logged_in();
        driver.say_in_chunks(&input, chunk);
        let mut marked: Vec<usize> = Vec::new();
        for exchange in &driver.exchanges {
            match (exchange.keyword, exchange.outcome) {
                (Some(pop3::Keyword::Rset), pop3::session::Outcome::Ok) => marked.clear(),
                (Some(pop3::Keyword::Dele), pop3::session::Outcome::Ok) => {
                    marked.push(exchange.parameters.parse::<usize>().unwrap() - 1);
                }
                _ => {}
            }
        }
        marked.sort_unstable();
        if driver.closing != Some(Closing::Quit) {
            marked.clear();
        }
        prop_assert_eq!(driver.deleted, marked);
    }
}
