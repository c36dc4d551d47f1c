//! The relay between a client and a back end. Input: a choice, the size of packets (0: one packet), then bytes.
//!
//! Even choice: the bytes are the client's, and behind the relay stands a real session. The client must hear exactly
//! what it would hear from that session without a relay. Odd choice: the first half is the client's, the second half
//! is what a back end gone mad says.

#![no_main]

#[allow(dead_code)]
#[path = "../../crates/pop3/tests/session/driver.rs"]
mod driver;

use driver::{Driver, World, full_offer};
use libfuzzer_sys::fuzz_target;
use pop3::Command;
use pop3::command::Keyword;
use pop3::relay::{Passage, Relay, RelayLimits};
use pop3::session::Limits;

fuzz_target!(|data: &[u8]| {
    let [choice, chunk, bytes @ ..] = data else { return };
    let chunk = if *chunk == 0 { bytes.len().max(1) } else { usize::from(*chunk) };
    if choice & 1 == 0 {
        faithful(bytes, chunk);
    } else {
        let (client, back_end) = bytes.split_at(bytes.len() / 2);
        mad(client, back_end, chunk);
    }
});

fn back_end() -> Driver {
    let limits = Limits { errors: u32::MAX, ..Limits::default() };
    let mut driver = Driver::new(full_offer(), limits, World::small());
    driver.say("USER mrose\r\nPASS a secret\r\n");
    driver
}

fn relay() -> Relay {
    Relay::new(RelayLimits { errors: u32::MAX, ..RelayLimits::default() }, &full_offer())
}

fn faithful(client: &[u8], chunk: usize) {
    let mut direct = back_end();
    let expected = direct.say(client);

    let mut back_end = back_end();
    let mut relay = relay();
    let (mut heard, mut waiting, mut answered) = (Vec::new(), Vec::new(), 0);
    let mut portions = client.chunks(chunk);
    loop {
        relay.take_commands(&());
        let commands = std::mem::take(relay.to_back_end());
        check_commands(&commands);
        waiting.extend_from_slice(back_end.say_in_chunks(&commands, chunk).as_bytes());
        let before = answered;
        let passed = pass(&mut relay, &waiting, &mut heard, &mut answered);
        waiting.drain(..passed);
        // What the relay answers itself makes room for further commands of the same packet.
        if commands.is_empty() && answered == before {
            assert!(waiting.is_empty(), "everything was passed on");
            assert!(relay.at_command_boundary());
            match portions.next() {
                Some(portion) => relay.receive(portion),
                None => break,
            }
        }
    }
    assert_eq!(String::from_utf8_lossy(&heard), expected);
    assert_eq!(back_end.deleted, direct.deleted);
    let exchanges = direct.exchanges.len() - 2;
    assert_eq!(answered, exchanges, "each command is answered once");
    assert_eq!(relay.is_over(), direct.closing.is_some());
}

fn mad(client: &[u8], back_end: &[u8], chunk: usize) {
    let mut relay = relay();
    let (mut heard, mut answered) = (Vec::new(), 0);
    let mut waiting: Vec<u8> = Vec::new();
    let mut portions = client.chunks(chunk);
    let mut replies = back_end.chunks(chunk);
    loop {
        let (portion, reply) = (portions.next(), replies.next());
        if portion.is_none() && reply.is_none() {
            break;
        }
        relay.receive(portion.unwrap_or_default());
        relay.take_commands(&());
        check_commands(&std::mem::take(relay.to_back_end()));
        assert!(relay.in_flight() <= RelayLimits::default().in_flight);
        waiting.extend_from_slice(reply.unwrap_or_default());
        let before = waiting.len();
        let passed = pass(&mut relay, &waiting, &mut heard, &mut answered);
        waiting.drain(..passed);
        assert!(waiting.len() <= before);
    }
}

/// Passes on what can be; gives how many of the back end's bytes that took.
fn pass(relay: &mut Relay, mut back_end: &[u8], heard: &mut Vec<u8>, answered: &mut usize) -> usize {
    let all = back_end.len();
    loop {
        let taken = match relay.pass(back_end) {
            Err(_) | Ok(None) => return all - back_end.len(),
            Ok(Some(Passage::Part(taken) | Passage::Farewell(taken))) => {
                assert!(taken > 0);
                taken
            }
            Ok(Some(Passage::Reply(taken, reply))) => {
                assert!(taken > 0 && !reply.own);
                *answered += 1;
                taken
            }
            Ok(Some(Passage::Own(text, reply))) => {
                assert!(reply.own && reply.exchange.reply == text.len() as u64);
                heard.extend_from_slice(&text);
                *answered += 1;
                0
            }
        };
        heard.extend_from_slice(&back_end[..taken]);
        back_end = &back_end[taken..];
    }
}

/// Nothing reaches the back end but whole commands of the transaction state.
fn check_commands(commands: &[u8]) {
    let Some(lines) = commands.strip_suffix(b"\r\n") else { return assert!(commands.is_empty()) };
    let lines = std::str::from_utf8(lines).expect("commands of the transaction state are ASCII");
    for line in lines.split("\r\n") {
        let keyword = Command::parse(line.as_bytes()).expect("a command").keyword();
        let before_log_in =
            [Keyword::User, Keyword::Pass, Keyword::Auth, Keyword::Stls, Keyword::Xclient, Keyword::Capa];
        assert!(!before_log_in.contains(&keyword), "{keyword}");
    }
}
