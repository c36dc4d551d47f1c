//! From a line to a command and back.

use proptest::prelude::*;

use pop3::command::Problem;
use pop3::{Command, Keyword, Mechanism, MessageNumber, Secret};

fn number(value: u32) -> MessageNumber {
    MessageNumber::new(value).unwrap()
}

fn problem(line: &str) -> Problem {
    Command::parse(line.as_bytes()).unwrap_err().problem
}

#[test]
fn a_message_number_has_one_spelling() {
    for text in
        ["0", "00", "-1", "+1", "1x", "01", "4294967297", "4294967296", "18446744073709551617", "１", "1.0"]
    {
        for command in ["RETR", "DELE", "LIST", "UIDL"] {
            assert_eq!(problem(&format!("{command} {text}")), Problem::BadMessageNumber, "{command} {text}");
        }
        assert_eq!(problem(&format!("TOP {text} 0")), Problem::BadMessageNumber, "TOP {text}");
    }
    assert_eq!(Command::parse(b"RETR 1"), Ok(Command::Retr(number(1))));
    assert_eq!(Command::parse(b"RETR 4294967295"), Ok(Command::Retr(number(u32::MAX))));
}

#[test]
fn a_message_number_is_a_place_from_one() {
    assert_eq!(number(1).index(), 0);
    assert_eq!(MessageNumber::from_index(0), MessageNumber::new(1));
    assert_eq!(MessageNumber::from_index(u32::MAX as usize), None);
    assert_eq!(MessageNumber::new(0), None);
}

#[test]
fn keywords_are_not_case_sensitive() {
    for keyword in Keyword::ALL {
        let mixed: String = keyword
            .as_str()
            .char_indices()
            .map(|(index, letter)| if index % 2 == 0 { letter.to_ascii_lowercase() } else { letter })
            .collect();
        assert_eq!(Keyword::find(mixed.as_bytes()), Some(keyword));
    }
    assert_eq!(Command::parse(b"retr 7"), Ok(Command::Retr(number(7))));
}

#[test]
fn every_keyword_has_its_place() {
    for (place, keyword) in Keyword::ALL.into_iter().enumerate() {
        assert_eq!(keyword as usize, place);
    }
}

#[test]
fn pass_takes_the_rest_of_the_line_spaces_included() {
    assert_eq!(Command::parse(b"PASS  a b "), Ok(Command::Pass(Secret::new(" a b "))));
    assert_eq!(problem("PASS"), Problem::MissingArgument);
    assert_eq!(problem("PASS "), Problem::MissingArgument);
}

#[test]
fn arguments_are_counted() {
    for line in [
        "QUIT now",
        "STAT 1",
        "NOOP x",
        "RSET 1",
        "CAPA x",
        "STLS x",
        "LIST 1 2",
        "UIDL 1 2",
        "RETR 1 2",
        "TOP 1 2 3",
    ] {
        assert_eq!(problem(line), Problem::TooManyArguments, "{line}");
    }
    for line in ["RETR", "DELE", "TOP", "TOP 1", "AUTH", "USER", "USER  "] {
        assert_eq!(problem(line), Problem::MissingArgument, "{line}");
    }
}

#[test]
fn a_line_count_is_digits() {
    assert_eq!(Command::parse(b"TOP 1 0"), Ok(Command::Top(number(1), 0)));
    assert_eq!(Command::parse(b"TOP 1 18446744073709551615"), Ok(Command::Top(number(1), u64::MAX)));
    for text in ["-1", "+1", "1x", "18446744073709551616"] {
        assert_eq!(problem(&format!("TOP 1 {text}")), Problem::BadLineCount, "{text}");
    }
}

#[test]
fn cr_lf_and_nul_are_refused_wherever_they_stand() {
    for line in ["STAT\0", "USER a\rb", "USER a\nb", "PASS a\0b", "\nSTAT", "XCLIENT LOGIN=a\nb"] {
        assert_eq!(problem(line), Problem::ForbiddenOctet, "{line:?}");
    }
}

#[test]
fn names_are_utf_8_and_may_hold_spaces() {
    assert_eq!(Command::parse(b"USER Ann Lee"), Ok(Command::User("Ann Lee".to_owned())));
    assert_eq!(Command::parse("USER jörg".as_bytes()), Ok(Command::User("jörg".to_owned())));
    assert_eq!(Command::parse(b"USER j\xf6rg").unwrap_err().problem, Problem::BadName);
    assert_eq!(problem("USER a\u{1b}[2Jb"), Problem::BadName);
}

#[test]
fn an_error_knows_its_keyword() {
    assert_eq!(Command::parse(b"pass").unwrap_err().keyword, Some(Keyword::Pass));
    assert_eq!(Command::parse(b"APOP a b").unwrap_err().keyword, None);
}

#[test]
fn an_initial_response_is_decoded_and_a_lone_equals_sign_is_an_empty_one() {
    let auth = |mechanism, initial: Option<&str>| {
        Ok(Command::Auth { mechanism, initial: initial.map(|bytes| Secret::new(bytes.as_bytes())) })
    };
    assert_eq!(Command::parse(b"AUTH plain"), auth(Mechanism::Plain, None));
    assert_eq!(Command::parse(b"AUTH PLAIN AGEAYg=="), auth(Mechanism::Plain, Some("\0a\0b")));
    assert_eq!(Command::parse(b"auth external ="), auth(Mechanism::External, Some("")));
    assert_eq!(problem("AUTH PLAIN AGEAYg"), Problem::BadBase64);
    assert_eq!(problem("AUTH DIGEST-MD5"), Problem::UnknownMechanism);
}

#[test]
fn what_would_be_read_as_something_else_is_not_written() {
    let injections = [
        Command::User("ann\r\nDELE 1".to_owned()),
        Command::User(" ann".to_owned()),
        Command::User(String::new()),
        Command::Pass(Secret::new("a\nb")),
        Command::Pass(Secret::new("a\0b")),
        Command::Pass(Secret::default()),
        Command::Xclient(pop3::Xclient::default()),
        Command::Xclient(pop3::Xclient { session: Some("a b".to_owned()), ..Default::default() }),
    ];
    for command in injections {
        let mut out = b"before".to_vec();
        assert!(command.write_to(&mut out).is_err(), "{command:?}");
        assert_eq!(out, b"before");
    }
}

fn command() -> impl Strategy<Value = Command> {
    let message = || (1u32..).prop_map(number);
    prop_oneof![
        "[^\\pC ]([^\\pC]{0,20}[^\\pC ])?".prop_map(Command::User),
        "[^\\x00\\r\\n]{1,30}".prop_map(|text| Command::Pass(Secret::new(text))),
        proptest::option::of(message()).prop_map(Command::List),
        proptest::option::of(message()).prop_map(Command::Uidl),
        message().prop_map(Command::Retr),
        message().prop_map(Command::Dele),
        (message(), any::<u64>()).prop_map(|(number, lines)| Command::Top(number, lines)),
        prop::sample::select(vec![
            Command::Quit,
            Command::Stat,
            Command::Noop,
            Command::Rset,
            Command::Capa,
            Command::Stls
        ]),
        (prop::sample::select(Mechanism::ALL.to_vec()), proptest::option::of(any::<Vec<u8>>()))
            .prop_map(|(mechanism, initial)| Command::Auth { mechanism, initial: initial.map(Secret::new) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(command in command()) {
        let mut line = Vec::new();
        command.write_to(&mut line).unwrap();
        let content = line.strip_suffix(b"\r\n").unwrap();
        prop_assert_eq!(Command::parse(content), Ok(command));
    }

    #[test]
    fn whatever_is_read_can_be_written(line in "(?i:USER|PASS|LIST|TOP|RETR|AUTH PLAIN|XCLIENT)[ -~é]{0,20}") {
        if let Ok(command) = Command::parse(line.as_bytes()) {
            let mut written = Vec::new();
            command.write_to(&mut written).unwrap();
            prop_assert_eq!(Command::parse(written.strip_suffix(b"\r\n").unwrap()), Ok(command));
        }
    }

    #[test]
    fn arbitrary_lines_never_panic(line in any::<Vec<u8>>()) {
        if let Ok(command) = Command::parse(&line) {
            prop_assert!(!line.contains(&0), "{:?}", command);
        }
    }
}
