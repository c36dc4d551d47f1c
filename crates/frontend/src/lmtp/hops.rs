//! Whether a message runs in circles.

/// A message with more `Received` lines than this has been everywhere (RFC 5321 §6.3 wants at least 100).
const MOST: u32 = 100;

const RECEIVED: &[u8] = b"received:";

/// Counts the `Received` lines in the header of a message that is given in pieces of any size.
#[derive(Debug)]
pub(super) struct Hops {
    count: u32,
    place: Place,
}

/// Where in the message the next octet is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a line of the header that has begun like `Received:` for so many octets.
    Name(usize),
    /// At the start of a line, after a CR.
    CarriageReturn,
    /// Further on in a line of the header.
    Line,
    /// Behind the header.
    Body,
}

impl Hops {
    /// At the start of a message.
    pub(super) fn new() -> Self {
        Self { count: 0, place: Place::Name(0) }
    }

    /// Takes the next piece.
    pub(super) fn take(&mut self, piece: &[u8]) {
        for octet in piece {
            self.place = match (self.place, octet) {
                (Place::Body, _) => return,
                // The empty line that ends the header; a bare LF ends a line too once the message is stored.
                (Place::Name(0) | Place::CarriageReturn, b'\n') => Place::Body,
                (Place::Name(0), b'\r') => Place::CarriageReturn,
                (_, b'\n') => Place::Name(0),
                (Place::Name(length), octet) if RECEIVED[length] == octet.to_ascii_lowercase() => {
                    if length + 1 == RECEIVED.len() {
                        self.count += 1;
                        Place::Line
                    } else {
                        Place::Name(length + 1)
                    }
                }
                (Place::Name(_) | Place::CarriageReturn | Place::Line, _) => Place::Line,
            };
        }
    }

    /// Whether there were too many.
    pub(super) fn too_many(&self) -> bool {
        self.count > MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(message: &[u8], step: usize) -> u32 {
        let mut hops = Hops::new();
        message.chunks(step).for_each(|piece| hops.take(piece));
        hops.count
    }

    #[test]
    fn received_lines_are_counted_in_the_header_only_and_in_pieces_of_any_size() {
        let message = b"Received: one\r\n\tfolded Received: no\r\nSubject: Received:\r\nRECEIVED: two\r\n\
            X-Received: no\r\nReceive: no\r\nreceived: three\nReceived: four\r\n\r\nReceived: body\r\n";
        for step in 1..=message.len() {
            assert_eq!(counted(message, step), 4, "in pieces of {step}");
        }
    }

    #[test]
    fn a_message_may_start_with_its_body() {
        assert_eq!(counted(b"\r\nReceived: body\r\n", 1), 0);
        assert_eq!(counted(b"\nReceived: body\n", 1), 0);
        assert_eq!(counted(b"", 1), 0);
    }

    #[test]
    fn a_hundred_hops_are_not_too_many_and_one_more_is() {
        let mut hops = Hops::new();
        hops.take(&b"Received: x\r\n".repeat(100));
        assert!(!hops.too_many());
        hops.take(b"Received: x\r\n");
        assert!(hops.too_many());
    }
}
