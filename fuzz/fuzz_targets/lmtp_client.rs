//! The LMTP client's dialogue with a server that says anything. Input: the size of packets (0: one packet), how many
//! things are said, one octet for each, then what the server says. A message is sent as soon as the server asks for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lmtp::client::{Dialogue, DialogueError, Event, Limits};
use lmtp::{Address, MailParameters, Xclient};

fuzz_target!(|data: &[u8]| {
    let [chunk, count, rest @ ..] = data else { return };
    let (said, server) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let chunk = if *chunk == 0 { server.len().max(1) } else { usize::from(*chunk) };
    let whole = hear(said, server, server.len().max(1));
    let in_chunks = hear(said, server, chunk);
    assert_eq!(whole, in_chunks, "packets make no difference");
});

#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    events: Vec<String>,
    /// What was sent after the commands, which all go ahead of their replies.
    messages: Vec<u8>,
    error: Option<DialogueError>,
}

fn hear(said: &[u8], server: &[u8], chunk: usize) -> Heard {
    let mut dialogue = Dialogue::new(Limits { lines: 8, ..Limits::default() });
    let named = say_all(&mut dialogue, said);
    dialogue.output().clear();
    let mut heard = Heard::default();
    for portion in server.chunks(chunk) {
        dialogue.receive(portion);
        loop {
            match dialogue.event() {
                Ok(None) => break,
                Ok(Some(event)) => {
                    heard.events.push(format!("{event:?}"));
                    match event {
                        Event::Recipient(recipient, _) | Event::Delivered(recipient, _) => {
                            assert!(recipient < named, "only who was named is answered for");
                        }
                        Event::Data(reply) if reply.code() / 100 == 3 => {
                            dialogue.message(b".dot\r\nno end").expect("it is awaited");
                            dialogue.end_message().expect("it is awaited");
                            assert!(dialogue.end_message().is_err(), "a message ends once");
                        }
                        _ => assert!(dialogue.message(b"x").is_err(), "nobody asked for a message"),
                    }
                }
                Err(error) => {
                    assert_eq!(dialogue.event(), Err(error.clone()), "an error stays");
                    heard.error = Some(error);
                    break;
                }
            }
        }
        if heard.error.is_some() {
            break;
        }
    }
    heard.messages = std::mem::take(dialogue.output());
    let message = b"..dot\r\nno end\r\n.\r\n";
    assert_eq!(heard.messages.len() % message.len(), 0);
    assert!(heard.messages.chunks(message.len()).all(|sent| sent == message));
    heard
}

/// Says what the octets choose, and returns how many recipients were named in all.
fn say_all(dialogue: &mut Dialogue, said: &[u8]) -> usize {
    let address = Address::parse("ann@example.com").expect("an address");
    let mut named = 0;
    for choice in said {
        match choice % 9 {
            0 => dialogue.hello("cas1"),
            1 => dialogue.forward(&Xclient { ttl: Some(*choice), ..Xclient::default() }),
            2 => dialogue.mail(None, &MailParameters::default()),
            3 => {
                dialogue.mail(Some(&address), &MailParameters { size: Some(5), ..MailParameters::default() })
            }
            4 | 5 => {
                dialogue.recipient(&address);
                named += 1;
            }
            6 => dialogue.data(),
            7 => dialogue.reset(),
            _ => dialogue.quit(),
        }
    }
    named
}
