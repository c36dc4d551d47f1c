//! The POP3 server's session, from every state. Input: the state, the size of packets (0: one packet), what fails and
//! how large the maildrop is, then what the client says.
//!
//! The driver is that of the crate's own tests: it checks that each command has exactly one reply of the right shape,
//! all of it counted, and that output stays bounded.

#![no_main]

#[allow(dead_code)]
#[path = "../../crates/pop3/tests/session/driver.rs"]
mod driver;

use driver::{Driver, Fails, World, full_offer};
use libfuzzer_sys::fuzz_target;
use pop3::session::{Closing, Limits, Outcome};
use pop3::{Keyword, Mechanism, Offer};

/// What brings a session into each state.
const STATES: [&str; 16] = [
    "",
    "USER mrose\r\n",
    "AUTH PLAIN\r\n",
    "AUTH LOGIN\r\n",
    "AUTH LOGIN bXJvc2U=\r\n",
    "AUTH SCRAM-SHA-256\r\n",
    "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n",
    "AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=\r\n\
        Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHpiWmFwV0lrNGpVaE4rVXRl\
        OXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==\r\n",
    "AUTH EXTERNAL\r\n",
    "XCLIENT ADDR=192.0.2.1\r\n",
    "STLS\r\n",
    "spoilt\nline",
    "USER mrose\r\nPASS a secret\r\n",
    "USER mrose\r\nPASS a secret\r\nLIST\r\nDELE 2\r\n",
    "USER mrose\r\nPASS a secret\r\nRET",
    "USER mrose\r\nPASS a secret\r\nspoilt\nline",
];

fuzz_target!(|data: &[u8]| {
    let [state, chunk, circumstances, said @ ..] = data else { return };
    let before = STATES[usize::from(*state) % STATES.len()];
    let begun = || {
        let mut driver = Driver::new(offer(*circumstances), limits(*circumstances), world(*circumstances));
        driver.say(before);
        driver
    };
    let mut whole = begun();
    let handshakes = whole.handshakes;
    whole.say(said);
    check(&whole, before, said);

    let mut driver = begun();
    let chunk = if *chunk == 0 { said.len().max(1) } else { usize::from(*chunk) };
    driver.say_in_chunks(said, chunk);
    check(&driver, before, said);
    // Where a handshake throws bytes away, what they were depends on the packets.
    if whole.handshakes == handshakes && driver.handshakes == handshakes {
        assert_eq!(driver.heard(), whole.heard());
        assert_eq!(driver.exchanges, whole.exchanges);
        assert_eq!(driver.closing, whole.closing);
        assert_eq!(driver.deleted, whole.deleted);
    }
    if driver.closing.is_none() {
        driver.hang_up();
        assert!(driver.closing.is_some());
    }
});

fn offer(circumstances: u8) -> Offer {
    if circumstances & 1 == 0 { full_offer() } else { Offer::standard() }
}

fn limits(circumstances: u8) -> Limits {
    if circumstances & 2 == 0 { Limits { errors: u32::MAX, ..Limits::default() } } else { Limits::default() }
}

fn world(circumstances: u8) -> World {
    let fails = [Fails::Listing, Fails::Retrieval, Fails::Body, Fails::Commit];
    let fails = fails.into_iter().enumerate().filter(|(bit, _)| circumstances & (4 << bit) != 0);
    let messages = match circumstances >> 6 {
        0 | 1 => World::small().messages,
        2 => Vec::new(),
        _ => vec!["x\r\n".to_owned(); 4000],
    };
    World { messages, fails: fails.map(|(_, what)| what).collect() }
}

fn check(driver: &Driver, before: &str, said: &[u8]) {
    for exchange in &driver.exchanges {
        let shown = exchange.parameters.as_str();
        let masked = match exchange.keyword {
            None => shown.is_empty(),
            Some(Keyword::Pass) => matches!(shown, "" | "*****"),
            Some(Keyword::Auth) => {
                Mechanism::find(shown.trim_end_matches(" *****").as_bytes()).is_some() || shown.is_empty()
            }
            Some(_) => true,
        };
        assert!(masked, "a log shows no secret: {exchange:?}");
    }

    // Only QUIT deletes, and exactly what is marked.
    let mut marked: Vec<usize> = Vec::new();
    for exchange in &driver.exchanges {
        match (exchange.keyword, exchange.outcome) {
            (Some(Keyword::Rset), Outcome::Ok) => marked.clear(),
            (Some(Keyword::Dele), Outcome::Ok) => {
                marked.push(exchange.parameters.parse::<usize>().expect("a message number") - 1);
            }
            _ => {}
        }
    }
    marked.sort_unstable();
    if driver.closing != Some(Closing::Quit) {
        marked.clear();
    }
    assert_eq!(driver.deleted, marked);

    // Every line has exactly one answer: a reply or a challenge. A last line may be spoilt before it ends.
    if driver.handshakes == 0 {
        let spoken = [before.as_bytes(), said].concat();
        let lines = spoken.windows(2).filter(|window| window == b"\r\n").count();
        let challenges = driver.heard().lines().filter(|line| line.starts_with("+ ")).count();
        let answers = driver.exchanges.len() + challenges;
        assert!(answers <= lines + 1, "{answers} answers to {lines} lines");
        assert!(driver.closing.is_some() || answers >= lines, "{answers} answers to {lines} lines");
    }
}
