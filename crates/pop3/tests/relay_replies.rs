//! Framing of replies: where each ends, at every split, and what is no reply.

use pop3::ResponseCode;
use pop3::relay::{FramingError, ReplyEnd, ReplyFramer, ReplyShape, Walked};
use pop3::session::Outcome;
use proptest::prelude::*;

/// Walks a stream cut into pieces: the end of each reply as a place in the stream.
fn frame<'a>(
    shapes: &[ReplyShape],
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<(usize, ReplyEnd)>, FramingError> {
    let mut framer = ReplyFramer::new();
    let mut shapes = shapes.iter().copied();
    let mut ends = Vec::new();
    let mut place = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            if framer.is_idle()
                && let Some(shape) = shapes.next()
            {
                framer.expect(shape);
            }
            let Walked { taken, end } = framer.walk(piece)?;
            assert!(taken > 0, "no progress at {place}");
            assert!(taken == piece.len() || end.is_some(), "stopped inside a reply at {place}");
            place += taken;
            piece = &piece[taken..];
            ends.extend(end.map(|end| (place, end)));
        }
    }
    Ok(ends)
}

fn ends_of(shapes: &[ReplyShape], stream: &[u8]) -> Vec<usize> {
    let ends = frame(shapes, [stream]).expect("the stream is well-formed");
    ends.into_iter().map(|(place, _)| place).collect()
}

fn one(shape: ReplyShape, reply: &[u8]) -> Result<Vec<(usize, ReplyEnd)>, FramingError> {
    frame(&[shape], [reply])
}

use ReplyShape::{Multi, Single};

#[test]
fn a_single_line_reply_ends_with_its_line() {
    assert_eq!(ends_of(&[Single, Single], b"+OK\r\n+OK 2 320\r\n"), [5, 16]);
}

#[test]
fn a_refusal_of_a_listing_is_one_line() {
    assert_eq!(ends_of(&[Multi, Single], b"-ERR no\r\n+OK\r\n"), [9, 14]);
}

#[test]
fn an_empty_body_is_a_dot_after_the_status_line() {
    assert_eq!(ends_of(&[Multi, Single], b"+OK\r\n.\r\n+OK\r\n"), [8, 13]);
}

#[test]
fn a_body_ends_with_a_dot_alone_on_its_line() {
    let stream = b"+OK\r\n..\r\n.a\r\n.\r\n";
    assert_eq!(ends_of(&[Multi], stream), [stream.len()]);
}

#[test]
fn bare_line_feeds_and_carriage_returns_do_not_end_a_body() {
    for lure in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n.\r\r\n", "\r\n\r.\r\n"] {
        let stream = format!("+OK\r\na{lure}b\r\n.\r\n");
        assert_eq!(ends_of(&[Multi], stream.as_bytes()), [stream.len()], "{lure:?}");
    }
}

#[test]
fn the_final_line_may_begin_right_after_a_false_start() {
    for body in ["\r\r\n.\r\n", "\r\n\r\n.\r\n", "\r\n.\r\r\n.\r\n", "\r\n..\r\n.\r\n", "\r\n.\r\n"] {
        let stream = format!("+OK\r\nx{body}");
        for split in 0..stream.len() {
            let (left, right) = stream.as_bytes().split_at(split);
            let ends = frame(&[Multi], [left, right]).expect("the stream is well-formed");
            assert_eq!(
                ends.iter().map(|end| end.0).collect::<Vec<_>>(),
                [stream.len()],
                "{body:?} at {split}"
            );
        }
    }
}

#[test]
fn size_and_outcome_are_reported() {
    let ends = frame(&[Multi, Single], [b"+OK 3 octets\r\nabc\r\n.\r\n-ERR\r\n".as_slice()]);
    let ends = ends.expect("the stream is well-formed");
    assert_eq!(ends[0].1, ReplyEnd { outcome: Outcome::Ok, size: 22 });
    assert_eq!(ends[1].1, ReplyEnd { outcome: Outcome::Err(None), size: 6 });
}

#[test]
fn the_response_code_of_a_refusal_is_reported() {
    let ends = one(Single, b"-ERR [SYS/TEMP] try later\r\n").expect("the reply is well-formed");
    assert_eq!(ends[0].1.outcome, Outcome::Err(Some(ResponseCode::SysTemp)));
    let ends = one(Single, b"-ERR [X-NOT-MOUNTED] moved\r\n").expect("the reply is well-formed");
    assert_eq!(ends[0].1.outcome, Outcome::Err(Some(ResponseCode::XNotMounted)));
}

#[test]
fn bytes_that_answer_nothing_are_a_violation() {
    assert_eq!(frame(&[Single], [b"+OK\r\n+OK again\r\n".as_slice()]), Err(FramingError::Unexpected));
    assert_eq!(ReplyFramer::new().walk(b"\r"), Err(FramingError::Unexpected));
}

#[test]
fn nothing_received_is_no_violation() {
    assert_eq!(ReplyFramer::new().walk(b""), Ok(Walked { taken: 0, end: None }));
}

#[test]
fn what_is_no_status_line_is_refused_at_its_first_wrong_byte() {
    for line in
        ["*", "+O\r\n", "+OKAY\r\n", "+ok\r\n", "-ERROR\r\n", "-err\r\n", " +OK", "HTTP/1.1", "+ challenge"]
    {
        assert_eq!(one(Single, line.as_bytes()), Err(FramingError::Status), "{line:?}");
    }
}

#[test]
fn a_status_line_holds_512_octets_and_no_more() {
    let longest = format!("+OK {}\r\n", "x".repeat(512 - 6));
    assert_eq!(ends_of(&[Single], longest.as_bytes()), [512]);
    let longer = format!("+OK {}\r\n", "x".repeat(512 - 5));
    assert_eq!(one(Single, longer.as_bytes()), Err(FramingError::StatusTooLong));
    assert_eq!(
        one(Single, &longer.as_bytes()[..512]),
        Err(FramingError::StatusTooLong),
        "without waiting for its end"
    );
}

#[test]
fn control_characters_that_split_lines_are_refused_in_a_status_line() {
    for line in ["+OK a\nb\r\n", "+OK a\rb\r\n", "+OK a\0b\r\n", "+OK\n", "+OK\r\r\n"] {
        assert_eq!(one(Single, line.as_bytes()), Err(FramingError::StatusCharacter), "{line:?}");
    }
}

#[test]
fn every_chunk_size_finds_the_same_ends() {
    let shapes = [Single, Multi, Multi, Multi, Single, Multi];
    let stream = b"+OK\r\n+OK\r\n.\r\n-ERR [IN-USE]\r\n+OK 9\r\n..a\r\n\r\n.\r.\r\n\n.\n\r\n.\r\n+OK\r\n+OK\r\nx\r\r\n.\r\n";
    let whole = frame(&shapes, [stream.as_slice()]).expect("the stream is well-formed");
    assert_eq!(whole.len(), shapes.len());
    for size in 1..=stream.len() {
        assert_eq!(frame(&shapes, stream.chunks(size)).as_ref(), Ok(&whole), "chunks of {size}");
    }
}

/// The same by the book: whole stream at hand, byte by byte.
fn frame_naively(shapes: &[ReplyShape], stream: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut start = 0;
    let find = |from: usize, what: &[u8]| {
        stream[from..]
            .windows(what.len())
            .position(|window| window == what)
            .map(|index| from + index + what.len())
    };
    for shape in shapes {
        let Some(line_end) = find(start, b"\r\n") else { break };
        let end = if *shape == Multi && stream[start] == b'+' {
            find(line_end - 2, b"\r\n.\r\n")
        } else {
            Some(line_end)
        };
        let Some(end) = end else { break };
        ends.push(end);
        start = end;
    }
    ends
}

/// Bodies made of what could be taken for their end.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let bit = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"x".to_vec()),
        Just(b"\r\n.".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(bit, 0..20).prop_map(|bits| {
        // Where the bits happen to make an end, the reply just ends there and the rest is cut.
        let mut body = b"\r\n".to_vec();
        body.extend(bits.concat());
        body.extend_from_slice(b"\r\n.\r\n");
        let end =
            body.windows(5).position(|window| window == b"\r\n.\r\n").map_or(body.len(), |index| index + 5);
        body[2..end].to_vec()
    })
}

fn reply() -> impl Strategy<Value = (ReplyShape, Vec<u8>)> {
    prop_oneof![
        "[ -~]{0,30}".prop_map(|text| (Single, format!("+OK {text}\r\n").into_bytes())),
        "[ -~]{0,30}".prop_map(|text| (Multi, format!("-ERR {text}\r\n").into_bytes())),
        body().prop_map(|body| (Multi, [b"+OK\r\n".as_slice(), &body].concat())),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_naive_framer(
        replies in proptest::collection::vec(reply(), 0..8),
        sizes in proptest::collection::vec(1usize..20, 1..50),
    ) {
        let shapes: Vec<_> = replies.iter().map(|reply| reply.0).collect();
        let stream = replies.iter().flat_map(|reply| reply.1.iter().copied()).collect::<Vec<u8>>();
        let mut pieces = Vec::new();
        let mut rest = stream.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = tail;
        }
        let ends = frame(&shapes, pieces).expect("made of replies");
        prop_assert_eq!(ends.iter().map(|end| end.0).collect::<Vec<_>>(), frame_naively(&shapes, &stream));
        let sizes: u64 = ends.iter().map(|end| end.1.size).sum();
        prop_assert_eq!(sizes, stream.len() as u64);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        size in 1usize..10,
    ) {
        let _ = frame(&[Multi, Single, Multi], bytes.chunks(size));
        let _ = frame(&[Multi, Single], [[b"+OK\r\n".as_slice(), &bytes].concat().as_slice()]);
    }
}
