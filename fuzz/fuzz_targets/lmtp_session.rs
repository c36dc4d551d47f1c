//! The LMTP server's session. Input: what is offered and the bounds, the size of packets (0: one packet), which
//! senders, recipients and deliveries are refused (one bit each, round and round), then what the client says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lmtp::Reply;
use lmtp::server::{Limits, Offer, Session, Step};

fuzz_target!(|data: &[u8]| {
    let [circumstances, chunk, refusals, said @ ..] = data else { return };
    let chunk = if *chunk == 0 { said.len().max(1) } else { usize::from(*chunk) };
    let whole = hold(*circumstances, *refusals, said, said.len().max(1));
    let in_chunks = hold(*circumstances, *refusals, said, chunk);
    assert_eq!(whole, in_chunks, "packets make no difference");
});

#[derive(Debug, Default, PartialEq, Eq)]
struct Held {
    output: String,
    steps: Vec<String>,
    /// The messages that were complete.
    messages: Vec<Vec<u8>>,
    closed: bool,
}

fn hold(circumstances: u8, refusals: u8, said: &[u8], chunk: usize) -> Held {
    let offer = Offer { xclient: circumstances & 1 != 0, delivery_id: circumstances & 2 != 0 };
    let limits = Limits {
        message: if circumstances & 4 != 0 { 40 } else { 100_000 },
        recipients: if circumstances & 8 != 0 { 2 } else { 100 },
        errors: if circumstances & 16 != 0 { 3 } else { u32::MAX },
        ..Limits::default()
    };
    let message_limit = limits.message;
    let mut session = Session::new("mx.example.com", offer.clone(), limits);
    session.greet();
    let mut held = Held::default();
    let (mut asked, mut accepted, mut message) = (0u32, 0usize, Vec::new());
    let mut refused = || {
        asked += 1;
        refusals & (1 << (asked % 8)) != 0
    };
    let no = Reply::new(550, 1, 1, "no such\r\nthing");
    for portion in said.chunks(chunk) {
        session.receive(portion);
        loop {
            match session.step() {
                Step::Input => break,
                Step::Answer => panic!("every step is answered at once"),
                Step::Forwarded(xclient) => {
                    held.steps.push(format!("{xclient:?}"));
                    if refused() {
                        session.refuse(&no)
                    } else {
                        session.forwarded(offer.clone())
                    }
                    accepted = 0;
                }
                Step::Sender(address, parameters) => {
                    held.steps.push(format!("{address:?} {parameters:?}"));
                    if refused() {
                        session.refuse(&no)
                    } else {
                        session.accept()
                    }
                    accepted = 0;
                }
                Step::Recipient(address) => {
                    held.steps.push(format!("{address:?}"));
                    if refused() {
                        session.refuse(&no);
                    } else {
                        accepted += 1;
                        session.accept();
                    }
                }
                Step::Data(octets) => {
                    assert!(!octets.is_empty());
                    message.extend_from_slice(octets);
                    assert!(message.len() as u64 <= message_limit);
                }
                Step::DataEnd => {
                    held.steps.push("end".to_owned());
                    held.messages.push(std::mem::take(&mut message));
                    let before = session.output().len();
                    // The last recipient is told first; the replies are in order all the same.
                    for recipient in (0..accepted).rev() {
                        let reply = if refused() { no.clone() } else { Reply::new(250, 0, 0, "kept") };
                        session.delivered(recipient, reply);
                    }
                    let replies = &session.output()[before..];
                    let lines = replies.split(|byte| *byte == b'\n').count() - 1;
                    assert_eq!(
                        lines, accepted,
                        "one reply for each recipient accepted (RFC 2033 section 4.2)"
                    );
                    assert!(accepted > 0);
                    accepted = 0;
                }
                Step::Abandoned => {
                    held.steps.push("abandoned".to_owned());
                    message.clear();
                    accepted = 0;
                }
                Step::Answered(answered) => held.steps.push(format!("{answered:?}")),
                Step::Close => {
                    held.closed = true;
                    break;
                }
            }
        }
        if held.closed {
            break;
        }
    }
    held.output = String::from_utf8(std::mem::take(session.output())).expect("replies are ASCII");
    for line in held.output.split_inclusive("\r\n") {
        let line = line.strip_suffix("\r\n").expect("a reply ends with CRLF");
        let (code, text) = line.split_at_checked(3).expect("a code");
        assert!(code.bytes().all(|digit| digit.is_ascii_digit()) && text.starts_with([' ', '-']), "{line:?}");
        assert!(line.len() + 2 <= 512 && line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
    }
    held
}
