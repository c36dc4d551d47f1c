//! The client's dialogue: what is said, what is heard, and what no server may say.

use pop3::client::{Dialogue, DialogueError, Event, Limits, LogIn, NotSaid, Phase};
use pop3::{Command, Mechanism, MessageNumber, ResponseCode, Secret, Xclient};
use proptest::prelude::*;

/// A dialogue whose greeting has been heard.
fn greeted() -> Dialogue {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(b"+OK ready\r\n");
    assert!(matches!(dialogue.event(), Ok(Some(Event::Greeting(_)))));
    dialogue
}

fn saying(commands: &[Command]) -> Dialogue {
    let mut dialogue = greeted();
    for command in commands {
        dialogue.say(command).expect("it is our turn");
    }
    dialogue
}

fn said(dialogue: &mut Dialogue) -> String {
    String::from_utf8(std::mem::take(dialogue.output())).expect("commands are text")
}

/// Everything heard until there is nothing more, or an error that ends the dialogue.
fn hear(dialogue: &mut Dialogue, bytes: &[u8]) -> Vec<String> {
    dialogue.receive(bytes);
    let mut heard = Vec::new();
    loop {
        match dialogue.event() {
            Ok(None) => return heard,
            Ok(Some(event)) => heard.push(format!("{event:?}")),
            Err(error @ DialogueError::Rejected { .. }) => heard.push(error.to_string()),
            Err(error) => {
                heard.push(error.to_string());
                return heard;
            }
        }
    }
}

fn number(value: u32) -> MessageNumber {
    MessageNumber::new(value).expect("not 0")
}

#[test]
fn the_greeting_comes_first() {
    let mut dialogue = Dialogue::new(Limits::default());
    assert_eq!(dialogue.phase(), Phase::Greeting);
    assert_eq!(hear(&mut dialogue, b"+OK hello"), [""; 0]);
    let heard = hear(&mut dialogue, b" there\r\n");
    assert_eq!(heard, ["Greeting(Greeting { xclient: false, text: \"hello there\" })"]);
    assert_eq!(dialogue.phase(), Phase::Idle);
}

#[test]
fn xclient_is_announced_in_the_greeting() {
    let mut dialogue = Dialogue::new(Limits::default());
    let heard = hear(&mut dialogue, b"+OK [XCLIENT] Dovecot ready.\r\n");
    assert_eq!(heard, ["Greeting(Greeting { xclient: true, text: \"Dovecot ready.\" })"]);
}

#[test]
fn an_apop_timestamp_in_the_greeting_is_mere_text() {
    let mut dialogue = Dialogue::new(Limits::default());
    let heard = hear(&mut dialogue, b"+OK [X] ready <1896.697170952@dbc.mtview.ca.us>\r\n");
    assert!(heard[0].contains("xclient: false"), "{heard:?}");
}

#[test]
fn a_server_may_refuse_to_begin() {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.receive(b"-ERR [SYS/TEMP] too many connections\r\n");
    assert_eq!(
        dialogue.event(),
        Err(DialogueError::Rejected {
            phase: Phase::Greeting,
            code: Some(ResponseCode::SysTemp),
            text: "[SYS/TEMP] too many connections".to_owned()
        })
    );
}

#[test]
fn what_is_no_pop3_server_is_noticed() {
    for line in ["220 mail.example.com ESMTP\r\n", "* OK IMAP4rev1\r\n", "+OKAY\r\n", "+ok\r\n", "\r\n"] {
        let mut dialogue = Dialogue::new(Limits::default());
        dialogue.receive(line.as_bytes());
        let Err(DialogueError::ProtocolViolation { phase: Phase::Greeting, expected, got }) =
            dialogue.event()
        else {
            panic!("{line:?} is no greeting");
        };
        assert_eq!((expected, got.as_str()), ("+OK or -ERR", line.trim_end()));
    }
}

#[test]
fn several_commands_are_said_in_one_write_and_answered_in_order() {
    let mut dialogue =
        saying(&[Command::Stat, Command::Dele(number(2)), Command::Noop, Command::Rset, Command::Quit]);
    assert_eq!(said(&mut dialogue), "STAT\r\nDELE 2\r\nNOOP\r\nRSET\r\nQUIT\r\n");
    assert_eq!(dialogue.in_flight(), 5);
    let heard = hear(&mut dialogue, b"+OK 2 320\r\n+OK\r\n+OK\r\n+OK\r\n+OK bye\r\n");
    assert_eq!(heard, ["Stat { messages: 2, octets: 320 }", "Deleted", "Noop", "Reset", "Quit"]);
    assert_eq!(dialogue.in_flight(), 0);
}

#[test]
fn a_rejection_leaves_the_dialogue_intact() {
    let mut dialogue = saying(&[Command::Dele(number(9)), Command::List(None), Command::Noop]);
    let heard = hear(&mut dialogue, b"-ERR no such message\r\n-ERR [SYS/PERM] broken\r\n+OK\r\n");
    assert_eq!(heard, ["delete: refused: no such message", "list: refused: [SYS/PERM] broken", "Noop"]);
}

#[test]
fn listings_are_read() {
    let mut dialogue = saying(&[Command::List(None), Command::Uidl(None), Command::Capa]);
    let heard = hear(
        &mut dialogue,
        b"+OK 2 messages\r\n1 120\r\n2 200 extra\r\n.\r\n+OK\r\n1 whqtswO00WBw418f9t5JxYwZ\r\n2 ..x\r\n.\r\n+OK\r\nTOP\r\n..DOT\r\n.\r\n",
    );
    assert_eq!(
        heard,
        [
            "List([(MessageNumber(1), 120), (MessageNumber(2), 200)])",
            "Uidl([(MessageNumber(1), \"whqtswO00WBw418f9t5JxYwZ\"), (MessageNumber(2), \"..x\")])",
            "Capabilities(Capabilities([\"TOP\", \".DOT\"]))",
        ]
    );
}

#[test]
fn one_message_is_listed_in_one_line() {
    let mut dialogue = saying(&[Command::List(Some(number(2))), Command::Uidl(Some(number(2)))]);
    let heard = hear(&mut dialogue, b"+OK 2 200\r\n+OK 2 abc\r\n");
    assert_eq!(heard, ["List([(MessageNumber(2), 200)])", "Uidl([(MessageNumber(2), \"abc\")])"]);
}

#[test]
fn empty_listings_are_listings() {
    let mut dialogue = saying(&[Command::List(None), Command::Uidl(None)]);
    assert_eq!(hear(&mut dialogue, b"+OK\r\n.\r\n+OK\r\n.\r\n"), ["List([])", "Uidl([])"]);
}

#[test]
fn malformed_listings_are_violations_in_their_phase() {
    let long_id = "x".repeat(71);
    for (command, line, phase) in [
        (Command::Stat, "+OK", Phase::Stat),
        (Command::Stat, "+OK two 320", Phase::Stat),
        (Command::Stat, "+OK -1 320", Phase::Stat),
        (Command::List(Some(number(1))), "+OK one", Phase::List),
        (Command::List(None), "+OK\r\n0 5", Phase::List),
        (Command::List(None), "+OK\r\n1", Phase::List),
        (Command::List(None), "+OK\r\n", Phase::List),
        (Command::Uidl(None), "+OK\r\n1", Phase::Uidl),
        (Command::Uidl(None), &format!("+OK\r\n1 {long_id}"), Phase::Uidl),
        (Command::Uidl(None), "+OK\r\n1 \u{e9}", Phase::Uidl),
        (Command::Dele(number(1)), "done", Phase::Delete),
        (Command::Capa, "+", Phase::Capa),
    ] {
        let mut dialogue = saying(&[command]);
        dialogue.receive(format!("{line}\r\n").as_bytes());
        let Err(DialogueError::ProtocolViolation { phase: named, .. }) = dialogue.event() else {
            panic!("{line:?} is understood");
        };
        assert_eq!(named, phase, "{line:?}");
    }
}

#[test]
fn a_listing_has_no_more_entries_than_the_limit() {
    let mut dialogue = Dialogue::new(Limits { listing: 3, ..Limits::default() });
    dialogue.say(&Command::List(None)).expect("it is our turn");
    dialogue.say(&Command::List(None)).expect("it is our turn");
    let heard =
        hear(&mut dialogue, b"+OK\r\n+OK\r\n1 1\r\n2 1\r\n3 1\r\n.\r\n+OK\r\n1 1\r\n2 1\r\n3 1\r\n4 1\r\n");
    assert!(
        heard[1].starts_with("List(") && heard[2] == "list: expected fewer lines, got \"4 1\"",
        "{heard:?}"
    );
}

#[test]
fn capabilities_are_a_few_lines() {
    let mut dialogue = saying(&[Command::Capa]);
    let heard = hear(&mut dialogue, ["+OK\r\n", &"X\r\n".repeat(201)].concat().as_bytes());
    assert_eq!(heard, ["capa: expected fewer lines, got \"X\""]);
}

#[test]
fn a_reply_line_has_no_more_octets_than_the_limit() {
    let mut dialogue = saying(&[Command::Noop, Command::Noop]);
    let longest = format!("+OK {}\r\n", "x".repeat(512 - 6));
    assert_eq!(hear(&mut dialogue, longest.as_bytes()), ["Noop"]);
    let heard = hear(&mut dialogue, &longest.as_bytes()[..510].repeat(2)[..512]);
    assert_eq!(heard, ["noop: expected a shorter line, got \"\""], "without waiting for its end");
}

#[test]
fn lines_that_do_not_end_with_crlf_are_violations() {
    for line in ["+OK\n", "+OK a\rb\r\n", "+OK a\0\r\n"] {
        let mut dialogue = saying(&[Command::Noop]);
        let heard = hear(&mut dialogue, line.as_bytes());
        assert_eq!(heard, ["noop: expected a line that ends with CRLF, got \"\""], "{line:?}");
    }
}

#[test]
fn an_answer_nobody_asked_for_is_a_violation() {
    let mut dialogue = saying(&[Command::Noop]);
    let heard = hear(&mut dialogue, b"+OK\r\n+OK again\r\n");
    assert_eq!(heard, ["Noop", "idle: expected silence, got \"+OK again\""]);
}

#[test]
fn an_unasked_refusal_is_a_rejection_of_nothing() {
    let mut dialogue = greeted();
    assert_eq!(hear(&mut dialogue, b"-ERR [SYS/TEMP] draining\r\n"), ["idle: refused: [SYS/TEMP] draining"]);
}

#[test]
fn a_servers_text_is_printable_before_it_is_shown() {
    let mut dialogue = saying(&[Command::Noop]);
    assert_eq!(hear(&mut dialogue, b"-ERR \x1b[2J\xff\r\n"), ["noop: refused: ?[2J?"]);
}

#[test]
fn a_closed_connection_is_an_error_only_where_something_is_owed() {
    let mut dialogue = saying(&[Command::Noop]);
    assert_eq!(dialogue.closed(), Some(DialogueError::Closed { phase: Phase::Noop }));
    hear(&mut dialogue, b"+OK\r\n");
    assert_eq!(dialogue.closed(), None);
    dialogue.say(&Command::Retr(number(1))).expect("it is our turn");
    hear(&mut dialogue, b"+OK\r\nhalf a mess");
    assert_eq!(dialogue.closed(), Some(DialogueError::Closed { phase: Phase::Retrieve }));
}

#[test]
fn nothing_is_said_after_quit() {
    let mut dialogue = saying(&[Command::Quit]);
    assert_eq!(dialogue.say(&Command::Noop), Err(NotSaid::OutOfTurn));
    hear(&mut dialogue, b"+OK\r\n");
    assert_eq!(dialogue.say(&Command::Noop), Err(NotSaid::OutOfTurn));
    assert_eq!(said(&mut dialogue), "QUIT\r\n");
}

#[test]
fn arguments_that_would_break_out_of_their_line_are_not_said() {
    let mut dialogue = greeted();
    for name in ["a\r\nDELE 1", "a\nb", "a\0b"] {
        assert!(matches!(dialogue.say(&Command::User(name.to_owned())), Err(NotSaid::Argument(_))));
        let log_in = LogIn::Password { user: "a".to_owned(), password: Secret::new(name) };
        assert!(matches!(dialogue.log_in(log_in), Err(NotSaid::Argument(_))));
    }
    assert_eq!(said(&mut dialogue), "");
    assert_eq!(dialogue.in_flight(), 0);
}

#[test]
fn auth_is_not_said_without_its_exchange() {
    let command = Command::Auth { mechanism: Mechanism::Plain, initial: None };
    assert_eq!(greeted().say(&command), Err(NotSaid::Auth));
}

#[test]
fn the_rest_after_log_in_goes_to_whoever_goes_on() {
    let mut dialogue = greeted();
    dialogue.log_in(LogIn::External { authzid: Some("ann".to_owned()) }).expect("it is our turn");
    dialogue.receive(b"+OK logged in\r\n-ERR [SYS/TEMP] dra");
    assert_eq!(dialogue.event(), Ok(Some(Event::LoggedIn("logged in".to_owned()))));
    assert_eq!(dialogue.into_rest(), b"-ERR [SYS/TEMP] dra");
}

mod tls {
    use super::*;

    #[test]
    fn the_handshake_follows_the_reply_and_the_dialogue_goes_on_after_it() {
        let mut dialogue = saying(&[Command::Stls]);
        assert_eq!(hear(&mut dialogue, b"+OK begin\r\n"), ["StartTls"]);
        dialogue.tls_started();
        dialogue.say(&Command::Capa).expect("it is our turn");
        assert_eq!(said(&mut dialogue), "STLS\r\nCAPA\r\n");
        assert_eq!(hear(&mut dialogue, b"+OK\r\nUSER\r\n.\r\n").len(), 1);
    }

    #[test]
    fn nothing_is_said_in_the_clear_after_stls() {
        let mut dialogue = saying(&[Command::Stls]);
        assert_eq!(dialogue.say(&Command::User("ann".to_owned())), Err(NotSaid::OutOfTurn));
        hear(&mut dialogue, b"+OK\r\n");
        let log_in = LogIn::External { authzid: None };
        assert_eq!(dialogue.log_in(log_in), Err(NotSaid::OutOfTurn));
        assert_eq!(said(&mut dialogue), "STLS\r\n");
    }

    #[test]
    fn a_refused_stls_leaves_the_dialogue_in_the_clear() {
        let mut dialogue = saying(&[Command::Stls]);
        assert_eq!(hear(&mut dialogue, b"-ERR not offered\r\n"), ["stls: refused: not offered"]);
        assert_eq!(dialogue.say(&Command::Capa), Ok(()));
    }

    #[test]
    fn replies_in_the_clear_before_the_handshake_are_a_violation_and_never_heard() {
        for (first, second) in [
            (b"+OK begin\r\n+OK injected\r\n".as_slice(), b"".as_slice()),
            (b"+OK begin\r\n+", b"OK injected\r\n"),
            (b"+OK begin\r\n", b"+OK injected\r\n"),
        ] {
            let mut dialogue = saying(&[Command::Stls]);
            dialogue.receive(first);
            let mut heard = dialogue.event().map(|event| format!("{event:?}"));
            if heard.is_ok() {
                dialogue.receive(second);
                heard = dialogue.event().map(|event| format!("{event:?}"));
            }
            assert!(
                matches!(heard, Err(DialogueError::ProtocolViolation { phase: Phase::Stls, .. })),
                "{heard:?}"
            );
            dialogue.tls_started();
            assert!(dialogue.event().is_err(), "it stays one");
            assert_eq!(dialogue.say(&Command::Noop), Err(NotSaid::OutOfTurn));
        }
    }
}

#[test]
fn every_chunk_size_is_heard_alike() {
    let commands = [
        Command::Capa,
        Command::Xclient(Xclient { ttl: Some(3), ..Xclient::default() }),
        Command::User("ann".to_owned()),
        Command::Pass(Secret::new("secret")),
        Command::Stat,
        Command::List(None),
        Command::Uidl(Some(number(1))),
        Command::Retr(number(9)),
        Command::Dele(number(1)),
        Command::Quit,
    ];
    let replies = b"+OK\r\nTOP\r\nSASL PLAIN\r\n.\r\n+OK\r\n+OK\r\n+OK in\r\n+OK 1 3\r\n+OK\r\n1 3\r\n.\r\n+OK 1 x\r\n-ERR\r\n+OK\r\n+OK\r\n";
    let whole = hear(&mut saying(&commands), replies);
    assert_eq!(whole.len(), commands.len());
    for size in 1..replies.len() {
        let mut dialogue = saying(&commands);
        let heard: Vec<_> = replies.chunks(size).flat_map(|piece| hear(&mut dialogue, piece)).collect();
        assert_eq!(heard, whole, "chunks of {size}");
    }
}

#[test]
fn phases_have_names_for_probes() {
    let names = [
        Phase::Greeting,
        Phase::Capa,
        Phase::Stls,
        Phase::Auth,
        Phase::Stat,
        Phase::List,
        Phase::Uidl,
        Phase::Retrieve,
        Phase::Delete,
        Phase::Quit,
    ];
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names.join(" "), "greeting capa stls auth stat list uidl retrieve delete quit");
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Capa),
        Just(Command::Stls),
        Just(Command::User("ann".to_owned())),
        Just(Command::Pass(Secret::new("secret"))),
        Just(Command::Stat),
        Just(Command::List(None)),
        Just(Command::Uidl(None)),
        Just(Command::Retr(number(1))),
        Just(Command::Top(number(1), 0)),
        Just(Command::Noop),
        Just(Command::Quit),
    ]
}

proptest! {
    #[test]
    fn arbitrary_servers_never_cause_a_panic(
        commands in proptest::collection::vec(any_command(), 0..6),
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..30),
                "(\\+OK|-ERR|\\+|\\.|[0-9]+ [a-z0-9]+)?( [ -~]{0,9})?\r\n".prop_map(String::into_bytes),
            ],
            0..20,
        ),
    ) {
        let mut dialogue = greeted();
        for command in &commands {
            let _ = dialogue.say(command);
        }
        for piece in pieces {
            dialogue.receive(&piece);
            loop {
                match dialogue.event() {
                    Ok(Some(_)) | Err(DialogueError::Rejected { .. }) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
        }
    }
}
