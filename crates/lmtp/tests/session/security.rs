//! What peers may not do.

use crate::driver::{Driver, inner, to};
use lmtp::server::{Limits, Offer};

#[test]
fn only_crlf_dot_crlf_ends_data() {
    for lure in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n\r.\n\r", "\r\n\0.\r\n"] {
        for size in [1, 2, 3, usize::MAX] {
            let mut driver = Driver::new();
            driver.say(to(&["a@x"]) + "DATA\r\n");
            let smuggled = format!("x{lure}MAIL FROM:<evil@x>\r\nRCPT TO:<b@x>\r\nDATA\r\ny\r\n.\r\n");
            let heard = driver.say_in_chunks(smuggled.as_bytes(), size);
            assert_eq!(heard, "250 2.0.0 a@x delivered\r\n", "{lure:?} in chunks of {size}");
            assert_eq!(driver.delivered.len(), 1, "{lure:?} in chunks of {size}");
        }
    }
}

#[test]
fn control_characters_in_commands_are_refused() {
    for line in ["NOOP \0", "NO\rOP", "RCPT TO:<a\0@x>", "RCPT TO:<\"a\tb\"@x>", "LHLO \u{e9}"] {
        let mut driver = Driver::new();
        driver.say(to(&[]));
        let codes = driver.codes(format!("{line}\r\nNOOP\r\n"));
        assert!(matches!(codes[..], [500 | 501, 250]), "{line:?}: {codes:?}");
    }
}

#[test]
fn a_bare_line_feed_ends_no_command_and_is_answered_at_once() {
    let mut driver = Driver::new();
    driver.say("LHLO c\r\n");
    assert_eq!(driver.codes("NOOP\nMAIL FROM:<>\r\n"), [500, 250]);
    assert_eq!(driver.codes("RCPT TO:<a@x>\n"), [500]);
}

#[test]
fn xclient_is_for_listed_peers() {
    let mut driver = Driver::new();
    let heard = driver.say("LHLO c\r\nXCLIENT ADDR=192.0.2.1\r\n");
    assert!(!heard.contains("250-XCLIENT") && !heard.contains("250 XCLIENT"), "{heard}");
    assert!(heard.ends_with("550 5.7.0 XCLIENT is not for this peer\r\n"), "{heard}");
}

#[test]
fn xclient_is_said_once_and_begins_the_session_anew() {
    let mut driver = Driver::with(inner(), Limits::default());
    let pipelined =
        "LHLO fe\r\nXCLIENT ADDR=192.0.2.1 SESSION=0f TTL=3\r\nMAIL FROM:<>\r\nLHLO fe\r\nMAIL FROM:<>\r\n";
    assert_eq!(driver.codes(pipelined), [220, 250, 220, 503, 250, 250]);
    assert_eq!(driver.codes("RSET\r\nXCLIENT ADDR=192.0.2.2\r\n"), [250, 550]);
}

#[test]
fn xclient_is_not_said_within_a_transaction() {
    let mut driver = Driver::with(inner(), Limits::default());
    driver.say(to(&["a@x"]));
    assert_eq!(driver.codes("XCLIENT ADDR=192.0.2.1\r\nDATA\r\n"), [503, 354]);
}

#[test]
fn xclient_may_be_refused() {
    let mut driver = Driver::with(inner(), Limits::default());
    assert_eq!(driver.codes("XCLIENT TTL=0\r\nLHLO c\r\n"), [220, 550, 250]);
}

#[test]
fn bad_xclient_attributes_are_refused() {
    let mut driver = Driver::with(Offer { xclient: true, delivery_id: false }, Limits::default());
    assert_eq!(
        driver.codes("XCLIENT\r\nXCLIENT PORT=0x10\r\nXCLIENT HELO=a+0D+0Ab\r\n"),
        [220, 501, 501, 501]
    );
}

#[test]
fn what_a_client_says_is_not_repeated_to_it() {
    let mut driver = Driver::new();
    driver.heard();
    let heard = driver.say("EVIL <script>\r\nRCPT TO:<script@>\r\nLHLO script\r\nMAIL FROM:<> script=1\r\n");
    assert!(!heard.contains("script"), "{heard}");
}
