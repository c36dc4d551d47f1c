//! The relay as a whole: order, bounds, who answers what, and what the log is told.

use pop3::relay::{Answered, FramingError, Passage, Relay, RelayLimits};
use pop3::session::Outcome;
use pop3::{Capability, Keyword, Offer};
use proptest::prelude::*;

/// A driver without sockets.
struct Driver {
    relay: Relay<u32>,
    to_client: Vec<u8>,
    answered: Vec<Answered<u32>>,
    /// Bytes of the back end that could not be passed yet.
    waiting: Vec<u8>,
    farewell: bool,
}

impl Driver {
    fn new() -> Driver {
        Driver::with(RelayLimits::default())
    }

    fn with(limits: RelayLimits) -> Driver {
        Driver {
            relay: Relay::new(limits, &Offer::standard().with(Capability::User)),
            to_client: Vec::new(),
            answered: Vec::new(),
            waiting: Vec::new(),
            farewell: false,
        }
    }

    /// The client sends; gives what goes to the back end.
    fn client(&mut self, bytes: &[u8]) -> String {
        self.relay.receive(bytes);
        self.take(1)
    }

    fn take(&mut self, mark: u32) -> String {
        self.relay.take_commands(&mark);
        let sent = std::mem::take(self.relay.to_back_end());
        self.pass().expect("the front end's own replies break nothing");
        String::from_utf8(sent).expect("commands are text")
    }

    /// The back end sends; gives what has gone to the client since.
    fn back_end(&mut self, bytes: &[u8]) -> Result<String, FramingError> {
        self.waiting.extend_from_slice(bytes);
        self.pass()?;
        Ok(self.heard())
    }

    fn pass(&mut self) -> Result<(), FramingError> {
        while let Some(passage) = self.relay.pass(&self.waiting)? {
            let length = match passage {
                Passage::Part(length) => length,
                Passage::Reply(length, answered) => {
                    self.answered.push(answered);
                    length
                }
                Passage::Own(reply, answered) => {
                    self.to_client.extend_from_slice(&reply);
                    self.answered.push(answered);
                    0
                }
                Passage::Farewell(length) => {
                    self.farewell = true;
                    length
                }
            };
            self.to_client.extend(self.waiting.drain(..length));
        }
        Ok(())
    }

    fn heard(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.to_client)).expect("replies are text here")
    }
}

#[test]
fn commands_are_written_anew_for_the_back_end() {
    let mut driver = Driver::new();
    assert_eq!(driver.client(b"list   2 \r\nTop 1 0\r\nretr 7\r\n"), "LIST 2\r\nTOP 1 0\r\nRETR 7\r\n");
}

#[test]
fn a_command_in_pieces_is_sent_when_it_is_complete() {
    let mut driver = Driver::new();
    for byte in b"STAT\r" {
        assert_eq!(driver.client(&[*byte]), "");
    }
    assert_eq!(driver.client(b"\n"), "STAT\r\n");
}

#[test]
fn list_and_uidl_have_many_lines_only_without_an_argument() {
    let mut driver = Driver::new();
    driver.client(b"LIST\r\nLIST 1\r\nUIDL\r\nUIDL 1\r\nNOOP\r\n");
    let replies = "+OK\r\n1 9\r\n.\r\n+OK 1 9\r\n+OK\r\n1 a\r\n.\r\n+OK 1 a\r\n+OK\r\n";
    assert_eq!(driver.back_end(replies.as_bytes()).as_deref(), Ok(replies));
    assert_eq!(driver.answered.len(), 5);
    assert!(driver.relay.at_command_boundary());
}

#[test]
fn own_replies_keep_their_place_among_those_of_the_back_end() {
    let mut driver = Driver::new();
    assert_eq!(driver.client(b"STAT\r\nBOGUS\r\nRETR 1\r\nRETR x\r\nSTLS\r\n"), "STAT\r\nRETR 1\r\n");
    assert_eq!(driver.heard(), "", "nothing before the reply to STAT");
    assert_eq!(driver.back_end(b"+OK 1 3\r").as_deref(), Ok("+OK 1 3\r"));
    assert_eq!(driver.back_end(b"\n").as_deref(), Ok("\n-ERR unknown command\r\n"));
    assert_eq!(driver.back_end(b"+OK\r\na\r\n").as_deref(), Ok("+OK\r\na\r\n"));
    assert_eq!(
        driver.back_end(b".\r\n").as_deref(),
        Ok(".\r\n-ERR that is not a message number\r\n-ERR already logged in\r\n")
    );
}

#[test]
fn what_belongs_before_log_in_is_refused_and_never_forwarded() {
    for line in ["STLS", "AUTH PLAIN", "AUTH PLAIN AGEAYg==", "USER a", "PASS b", "XCLIENT ADDR=192.0.2.1"] {
        let mut driver = Driver::new();
        assert_eq!(driver.client(format!("{line}\r\n").as_bytes()), "", "{line}");
        assert_eq!(driver.heard(), "-ERR already logged in\r\n", "{line}");
    }
}

#[test]
fn capa_lists_what_the_front_end_offers() {
    let mut driver = Driver::new();
    assert_eq!(driver.client(b"CAPA\r\n"), "");
    let heard = driver.heard();
    assert!(heard.starts_with("+OK "), "{heard}");
    assert!(heard.contains("\r\nPIPELINING\r\n") && heard.contains("\r\nUSER\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n.\r\n"), "{heard}");
}

#[test]
fn numbers_that_are_no_message_numbers_are_refused_here() {
    for number in ["0", "00", "-1", "+1", "1x", "4294967297", ""] {
        let mut driver = Driver::new();
        assert_eq!(driver.client(format!("DELE {number}\r\n").as_bytes()), "", "{number:?}");
        assert!(driver.heard().starts_with("-ERR "), "{number:?}");
    }
}

#[test]
fn lines_that_are_no_lines_are_refused_in_their_turn() {
    let long = "x".repeat(600);
    for line in ["NO\0OP", "NO\rOP", "NO\nOP", long.as_str()] {
        let mut driver = Driver::new();
        assert_eq!(driver.client(format!("STAT\r\n{line}\r\nNOOP\r\n").as_bytes()), "STAT\r\nNOOP\r\n");
        assert_eq!(driver.heard(), "", "the reply to STAT comes first");
        let heard = driver.back_end(b"+OK 0 0\r\n+OK\r\n").expect("two replies");
        let lines: Vec<_> = heard.lines().collect();
        assert_eq!(lines.len(), 3, "one reply a command: {heard}");
        assert!(lines[1].starts_with("-ERR "), "{heard}");
    }
}

#[test]
fn a_line_holds_512_octets_and_no_more() {
    let mut driver = Driver::new();
    let longest = format!("NOOP{}\r\n", " ".repeat(512 - 6));
    assert_eq!(driver.client(longest.as_bytes()), "NOOP\r\n");
    let longer = format!("NOOP{}\r\n", " ".repeat(512 - 5));
    assert_eq!(driver.client(longer.as_bytes()), "");
    assert_eq!(driver.back_end(b"+OK\r\n").as_deref(), Ok("+OK\r\n-ERR line too long\r\n"));
}

#[test]
fn input_waits_while_too_many_commands_are_in_flight() {
    let mut driver = Driver::with(RelayLimits { in_flight: 3, ..RelayLimits::default() });
    assert_eq!(driver.client(&b"NOOP\r\n".repeat(5)), "NOOP\r\n".repeat(3));
    assert!(!driver.relay.wants_input());
    assert_eq!(driver.take(2), "", "still full");
    driver.back_end(b"+OK\r\n").expect("one reply");
    assert_eq!(driver.take(2), "NOOP\r\n");
    assert!(!driver.relay.wants_input());
    driver.back_end(b"+OK\r\n+OK\r\n").expect("two replies");
    assert_eq!(driver.take(3), "NOOP\r\n");
    assert!(driver.relay.wants_input());
}

#[test]
fn a_hundred_commands_may_be_in_flight() {
    let mut driver = Driver::new();
    assert_eq!(driver.client(&b"DELE 1\r\n".repeat(150)), "DELE 1\r\n".repeat(100));
    assert_eq!(driver.relay.in_flight(), 100);
}

#[test]
fn nothing_is_taken_after_quit() {
    let mut driver = Driver::new();
    assert_eq!(driver.client(b"QUIT\r\nRETR 1\r\n"), "QUIT\r\n");
    assert_eq!(driver.client(b"STAT\r\n"), "");
    assert!(!driver.relay.wants_input() && !driver.relay.is_over());
    assert_eq!(driver.back_end(b"+OK bye\r\n").as_deref(), Ok("+OK bye\r\n"));
    assert!(driver.relay.is_over());
}

#[test]
fn a_refused_quit_ends_the_session_too() {
    let mut driver = Driver::new();
    driver.client(b"QUIT\r\n");
    driver.back_end(b"-ERR [SYS/TEMP] nothing was deleted\r\n").expect("one reply");
    assert!(driver.relay.is_over());
}

#[test]
fn a_few_errors_in_a_row_end_the_session_after_their_replies() {
    let mut driver = Driver::with(RelayLimits { errors: 3, ..RelayLimits::default() });
    driver.client(b"A\r\nB\r\nNOOP\r\nA\r\nB\r\nC\r\nNOOP\r\n");
    let heard = driver.back_end(b"+OK\r\n").expect("one reply");
    assert_eq!(heard.matches("-ERR ").count(), 5, "{heard}");
    assert!(driver.relay.is_over());
    assert_eq!(driver.answered.len(), 6, "the last NOOP was not taken");
}

#[test]
fn a_line_without_end_ends_the_session() {
    let mut driver = Driver::new();
    for _ in 0..300 {
        driver.client(&[b'x'; 512]);
    }
    assert!(driver.relay.is_over());
    assert_eq!(driver.heard(), "-ERR line too long\r\n");
}

#[test]
fn a_client_that_closes_its_sending_side_still_gets_its_answers() {
    let mut driver = Driver::with(RelayLimits { in_flight: 1, ..RelayLimits::default() });
    assert_eq!(driver.client(b"STAT\r\nNOOP\r\nhalf a li"), "STAT\r\n");
    driver.relay.input_closed();
    assert!(!driver.relay.wants_input());
    assert_eq!(driver.back_end(b"+OK 0 0\r\n").as_deref(), Ok("+OK 0 0\r\n"));
    assert_eq!(driver.take(1), "NOOP\r\n");
    assert!(!driver.relay.is_over());
    assert_eq!(driver.back_end(b"+OK\r\n").as_deref(), Ok("+OK\r\n"));
    assert_eq!(driver.take(1), "");
    assert!(driver.relay.is_over(), "half a line is no question");
}

#[test]
fn a_reply_nobody_asked_for_is_a_violation() {
    let mut driver = Driver::new();
    assert_eq!(driver.back_end(b"+OK what\r\n"), Err(FramingError::Unexpected));
    let mut driver = Driver::new();
    driver.client(b"STAT\r\n");
    assert_eq!(driver.back_end(b"+OK 0 0\r\n+OK 0 0\r\n"), Err(FramingError::Unexpected));
}

#[test]
fn an_unasked_refusal_is_the_back_ends_farewell() {
    let mut driver = Driver::new();
    driver.client(b"NOOP\r\n");
    driver.back_end(b"+OK\r\n").expect("one reply");
    assert_eq!(driver.back_end(b"-ERR [SYS/TEMP] drai").as_deref(), Ok("-ERR [SYS/TEMP] drai"));
    assert!(!driver.farewell && !driver.relay.at_command_boundary());
    assert_eq!(driver.client(b"CAPA\r\n"), "");
    assert_eq!(driver.back_end(b"ning\r\n").as_deref(), Ok("ning\r\n"), "nothing goes between");
    assert!(driver.farewell && driver.relay.is_over() && !driver.relay.wants_input());
    assert_eq!(driver.back_end(b"+"), Err(FramingError::Unexpected), "nothing follows");
}

#[test]
fn the_boundary_is_known() {
    let mut driver = Driver::new();
    assert!(driver.relay.at_command_boundary());
    driver.client(b"RETR 1\r\n");
    assert!(!driver.relay.at_command_boundary());
    driver.back_end(b"+OK\r\nbody\r\n.\r").expect("a part");
    assert!(!driver.relay.at_command_boundary() && driver.relay.is_inside_reply());
    driver.back_end(b"\n").expect("the end");
    assert!(driver.relay.at_command_boundary() && !driver.relay.is_inside_reply());
}

#[test]
fn each_exchange_is_told_for_the_log() {
    let mut driver = Driver::new();
    driver.client(b"RETR 12\r\nPASS a secret\r\nnonsense secret\r\n");
    driver.back_end(b"-ERR [SYS/PERM] corrupt\r\n").expect("one reply");
    let told: Vec<_> = driver
        .answered
        .iter()
        .map(|answered| {
            let exchange = &answered.exchange;
            (exchange.keyword, exchange.parameters.as_str(), exchange.request, exchange.reply, answered.own)
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some(Keyword::Retr), "12", 9, 25, false),
            (Some(Keyword::Pass), "*****", 15, 24, true),
            (None, "", 17, 22, true),
        ]
    );
    assert!(matches!(driver.answered[0].exchange.outcome, Outcome::Err(Some(_))));
    let told = format!("{:?}", driver.answered);
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn marks_come_back_with_their_commands() {
    let mut driver = Driver::new();
    driver.relay.receive(b"NOOP\r\n");
    driver.take(7);
    driver.relay.receive(b"CAPA\r\nSTAT\r\n");
    driver.take(8);
    assert_eq!(driver.relay.oldest(), Some((Some(Keyword::Noop), &7)));
    driver.back_end(b"+OK\r\n+OK 0 0\r\n").expect("two replies");
    assert_eq!(driver.answered.iter().map(|answered| answered.mark).collect::<Vec<_>>(), [7, 8, 8]);
}

/// A client script with the reply each line must get, in whatever pieces it and the replies come.
const SCRIPT: &[(&str, &str, &str)] = &[
    ("stat\r\n", "+OK 2 9\r\n", "+OK 2 9\r\n"),
    ("junk\r\n", "", "-ERR unknown command\r\n"),
    ("LIST\r\n", "+OK\r\n1 4\r\n2 5\r\n.\r\n", "+OK\r\n1 4\r\n2 5\r\n.\r\n"),
    ("LIST 3\r\n", "-ERR no such message\r\n", "-ERR no such message\r\n"),
    ("NO\rOP\r\n", "", "-ERR CR, LF and NUL are not allowed in a line, which ends with CRLF\r\n"),
    ("RETR 1\r\n", "+OK\r\n..\r\n\n.\n\r.\r\r\n.\r\n", "+OK\r\n..\r\n\n.\n\r.\r\r\n.\r\n"),
    ("TOP 1 0\r\n", "+OK\r\n.\r\n", "+OK\r\n.\r\n"),
    ("USER a\r\n", "", "-ERR already logged in\r\n"),
    ("RETR 9\r\n", "-ERR no\r\n", "-ERR no\r\n"),
    ("QUIT\r\n", "+OK bye\r\n", "+OK bye\r\n"),
];

fn play(client_size: usize, back_end_size: usize) -> String {
    let mut driver = Driver::new();
    let client: String = SCRIPT.iter().map(|line| line.0).collect();
    let mut forwarded = String::new();
    for piece in client.as_bytes().chunks(client_size) {
        forwarded += &driver.client(piece);
    }
    assert_eq!(forwarded, "STAT\r\nLIST\r\nLIST 3\r\nRETR 1\r\nTOP 1 0\r\nRETR 9\r\nQUIT\r\n");
    let back_end: String = SCRIPT.iter().map(|line| line.1).collect();
    let mut heard = String::new();
    for piece in back_end.as_bytes().chunks(back_end_size) {
        heard += &driver.back_end(piece).expect("as asked");
    }
    assert!(driver.relay.is_over());
    assert_eq!(driver.answered.len(), SCRIPT.len());
    heard
}

#[test]
fn every_chunk_size_gives_the_same_session() {
    let expected: String = SCRIPT.iter().map(|line| line.2).collect();
    let longest = SCRIPT.iter().map(|line| line.0.len() + line.1.len()).sum();
    for size in 1..=longest {
        assert_eq!(play(size, longest), expected, "client in pieces of {size}");
        assert_eq!(play(longest, size), expected, "back end in pieces of {size}");
        assert_eq!(play(size, size), expected, "both in pieces of {size}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_of_either_side_never_panic_and_stay_bounded(
        moves in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..600)), 0..20),
    ) {
        let mut driver = Driver::new();
        for (from_client, bytes) in moves {
            if from_client {
                if driver.relay.wants_input() {
                    driver.client(&bytes);
                }
            } else if driver.back_end(&bytes).is_err() {
                break;
            }
            prop_assert!(driver.relay.in_flight() <= 100);
        }
    }

    #[test]
    fn every_line_gets_exactly_one_reply(
        lines in proptest::collection::vec("[ -~]{0,20}", 0..30),
    ) {
        let mut driver = Driver::with(RelayLimits { errors: u32::MAX, ..RelayLimits::default() });
        let lines: Vec<_> = lines.iter().filter(|line| !line.to_ascii_uppercase().starts_with("QUIT")).collect();
        let mut asked = String::new();
        for line in &lines {
            asked += &driver.client(format!("{line}\r\n").as_bytes());
        }
        for _ in asked.lines() {
            driver.back_end(b"-ERR\r\n").expect("as asked");
        }
        prop_assert_eq!(driver.answered.len(), lines.len());
        prop_assert!(driver.relay.at_command_boundary());
    }
}
