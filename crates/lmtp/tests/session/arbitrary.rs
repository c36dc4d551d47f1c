//! Whatever comes: no panic, one reply a command, and nothing grows.

use crate::driver::{Driver, Outcomes, inner};
use lmtp::server::Limits;
use proptest::prelude::*;

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"LHLO c\r\n".to_vec()),
        Just(b"MAIL FROM:<a@x> SIZE=10\r\n".to_vec()),
        Just(b"RCPT TO:<b@x>\r\n".to_vec()),
        Just(b"RCPT TO:<unknown@x>\r\n".to_vec()),
        Just(b"DATA\r\n".to_vec()),
        Just(b"text\r\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b".\r\n".to_vec()),
        Just(b"RSET\r\n".to_vec()),
        Just(b"XCLIENT ADDR=192.0.2.1\r\n".to_vec()),
        Just(b"\n.\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #[test]
    fn arbitrary_clients_never_cause_a_panic_and_replies_are_well_formed(
        lines in proptest::collection::vec(line(), 0..30),
        size in 1usize..50,
        outcomes in prop_oneof![Just(Outcomes::InOrder), Just(Outcomes::Backwards)],
    ) {
        let mut driver = Driver::with(inner(), Limits { message: 100, line: 50, ..Limits::default() });
        driver.outcomes = outcomes;
        let heard = driver.say_in_chunks(&lines.concat(), size) + &driver.close_input();
        prop_assert!(driver.closed);
        for line in heard.lines() {
            let digits = line.len() > 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
            prop_assert!(digits && line.len() <= 510, "{}", line);
        }
        for message in &driver.delivered {
            prop_assert!(message.content.len() <= 100 && !message.recipients.is_empty());
        }
    }

    #[test]
    fn the_pieces_do_not_matter(lines in proptest::collection::vec(line(), 0..20), size in 1usize..50) {
        let stream = lines.concat();
        let mut whole = Driver::with(inner(), Limits::default());
        let mut pieces = Driver::with(inner(), Limits::default());
        let heard = whole.say(&stream);
        prop_assert_eq!(pieces.say_in_chunks(&stream, size), heard);
        prop_assert_eq!(&pieces.delivered, &whole.delivered);
        prop_assert_eq!(pieces.abandoned, whole.abandoned);
    }
}
