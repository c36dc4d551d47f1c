//! The POP3 client's dialogue with a server that says anything. Input: the size of packets (0: one packet), how many
//! commands, one octet for each, then what the server says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pop3::client::{BodyForm, Dialogue, DialogueError, Event, Limits, LogIn};
use pop3::{Command, MessageNumber, Secret, Xclient};

fuzz_target!(|data: &[u8]| {
    let [chunk, count, rest @ ..] = data else { return };
    let (commands, server) = rest.split_at(usize::from(count % 12).min(rest.len()));
    let chunk = if *chunk == 0 { server.len().max(1) } else { usize::from(*chunk) };

    let message = hear(commands, server, server.len().max(1), BodyForm::Message);
    let in_chunks = hear(commands, server, chunk, BodyForm::Message);
    let wire = hear(commands, server, chunk, BodyForm::Wire);
    // What comes in the clear before a handshake is thrown away or an injection, as the packets have it.
    if [&message, &in_chunks, &wire].iter().any(|heard| heard.started_tls) {
        return;
    }
    assert_eq!(message, in_chunks, "packets make no difference");
    assert_eq!(message.events.len(), wire.events.len());
    assert_eq!(message.error, wire.error);
    assert_eq!(message.bodies.len(), wire.bodies.len());
    for (message, wire) in message.bodies.iter().zip(&wire.bodies) {
        if wire.complete {
            assert_eq!(message.octets, unstuffed(&wire.octets));
            assert!(message.complete);
        }
    }
});

#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    events: Vec<String>,
    bodies: Vec<Body>,
    error: Option<DialogueError>,
    started_tls: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    octets: Vec<u8>,
    complete: bool,
}

fn hear(commands: &[u8], server: &[u8], chunk: usize, form: BodyForm) -> Heard {
    let mut dialogue = Dialogue::new(Limits { listing: 50, ..Limits::default() });
    dialogue.set_body_form(form);
    for choice in commands {
        say(&mut dialogue, *choice);
    }
    let mut heard = Heard::default();
    let owed = dialogue.in_flight();
    for portion in server.chunks(chunk) {
        dialogue.receive(portion);
        loop {
            assert!(dialogue.in_flight() <= owed, "replies are not owed twice");
            match dialogue.event() {
                Ok(None) => break,
                Ok(Some(Event::StartTls)) => {
                    heard.started_tls = true;
                    dialogue.tls_started();
                }
                Ok(Some(Event::Retrieving)) => heard.bodies.push(Body::default()),
                Ok(Some(Event::Body(octets))) => {
                    assert!(!octets.is_empty());
                    heard.bodies.last_mut().expect("it began").octets.extend_from_slice(octets);
                }
                Ok(Some(Event::Retrieved)) => heard.bodies.last_mut().expect("it began").complete = true,
                Ok(Some(event)) => heard.events.push(format!("{event:?}")),
                Err(error @ DialogueError::Rejected { .. }) => heard.events.push(format!("{error:?}")),
                Err(error) => {
                    heard.error = Some(error);
                    return heard;
                }
            }
        }
    }
    heard
}

fn say(dialogue: &mut Dialogue, choice: u8) {
    let number = MessageNumber::new(u32::from(choice >> 4) + 1).expect("not zero");
    let (user, password) = ("ann".to_owned(), Secret::new("a secret"));
    // Whether it may be said now is part of what is tried.
    let _ = match choice % 19 {
        0 => dialogue.say(&Command::Capa),
        1 => dialogue.say(&Command::Stls),
        2 => dialogue.say(&Command::Stat),
        3 => dialogue.say(&Command::List(None)),
        4 => dialogue.say(&Command::List(Some(number))),
        5 => dialogue.say(&Command::Uidl(None)),
        6 => dialogue.say(&Command::Uidl(Some(number))),
        7 => dialogue.say(&Command::Retr(number)),
        8 => dialogue.say(&Command::Top(number, 3)),
        9 => dialogue.say(&Command::Dele(number)),
        10 => dialogue.say(&Command::Noop),
        11 => dialogue.say(&Command::Rset),
        12 => dialogue.say(&Command::Quit),
        13 => dialogue.say(&Command::Xclient(Xclient { ttl: Some(choice), ..Xclient::default() })),
        14 => dialogue.log_in(LogIn::Password { user, password }),
        15 => dialogue.log_in(LogIn::Plain { authzid: None, user, password }),
        16 => dialogue.log_in(LogIn::Login { user, password }),
        17 => dialogue.log_in(LogIn::External { authzid: Some(user) }),
        _ => dialogue.say(&Command::User(user)),
    };
}

/// A message as it was before it was sent: lines begin after CRLF only.
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut at_line_start = true;
    for (index, byte) in wire.iter().enumerate() {
        if !(at_line_start && *byte == b'.') {
            octets.push(*byte);
        }
        at_line_start = wire[..=index].ends_with(b"\r\n");
    }
    octets
}
