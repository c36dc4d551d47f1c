//! What the protocol log is told.

use pop3::session::{Exchange, Outcome};
use pop3::{Keyword, ResponseCode};

use crate::driver::Driver;

fn exchanges(driver: &Driver) -> Vec<(Option<Keyword>, &str, u64, u64, Outcome)> {
    let fields =
        |exchange: &'_ Exchange| (exchange.keyword, exchange.request, exchange.reply, exchange.outcome);
    let fields = driver.exchanges.iter().map(|exchange| (fields(exchange), exchange.parameters.as_str()));
    fields
        .map(|((keyword, request, reply, outcome), text)| (keyword, text, request, reply, outcome))
        .collect()
}

#[test]
fn each_exchange_is_told_with_its_sizes_and_without_its_secrets() {
    let mut driver = Driver::stranger();
    driver.say("USER mrose\r\nPASS wrong\r\nAUTH LOGIN\r\nbXJvc2U=\r\nYSBzZWNyZXQ=\r\nSTAT\r\nTOP 1 2\r\nRETR 9\r\nfoo bar\r\nQUIT\r\n");
    let failed = Outcome::Err(Some(ResponseCode::Auth));
    assert_eq!(
        exchanges(&driver),
        [
            (Some(Keyword::User), "mrose", 12, 5, Outcome::Ok),
            (Some(Keyword::Pass), "*****", 12, 27, failed),
            (Some(Keyword::Auth), "LOGIN", 12 + 10 + 14, 16 + 16 + 15, Outcome::Ok),
            (Some(Keyword::Stat), "", 6, 10, Outcome::Ok),
            (Some(Keyword::Top), "1 2", 9, 28 + 31 + 3, Outcome::Ok),
            (Some(Keyword::Retr), "9", 8, 22, Outcome::Err(None)),
            (None, "", 9, 22, Outcome::Err(None)),
            (Some(Keyword::Quit), "", 6, 9, Outcome::Ok),
        ]
    );
}

#[test]
fn the_octets_of_a_bad_line_are_counted_too() {
    let mut driver = Driver::stranger();
    driver.say(format!("{}\r\nCAPA\r\n", "x".repeat(1000)));
    let octets: u64 = driver.exchanges.iter().map(|exchange| exchange.request).sum();
    assert_eq!(octets, 1002 + 6);
}

#[test]
fn a_handshake_is_told_as_stls() {
    let mut driver = Driver::stranger();
    driver.say("STLS\r\nCAPA\r\n");
    assert_eq!(exchanges(&driver), [(Some(Keyword::Stls), "", 6, 15, Outcome::Ok)]);
}
