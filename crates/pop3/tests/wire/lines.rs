//! Lines out of whatever arrives.

use proptest::prelude::*;

use pop3::line::{LineError, LineReader};

const LIMIT: usize = 16;

fn read(reader: &mut LineReader) -> Vec<Result<Vec<u8>, LineError>> {
    std::iter::from_fn(|| reader.next_line(LIMIT).map(|line| line.map(|line| line.content().to_vec())))
        .take_while(|line| *line != Err(LineError::Endless))
        .collect()
}

fn read_in_chunks(bytes: &[u8], chunk: usize) -> Vec<Result<Vec<u8>, LineError>> {
    let mut reader = LineReader::new();
    let portions = bytes.chunks(chunk).flat_map(|portion| {
        reader.receive(portion);
        read(&mut reader)
    });
    portions.collect()
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what was read")]
fn line(text: &str) -> Result<Vec<u8>, LineError> {
    Ok(text.as_bytes().to_vec())
}

#[test]
fn a_line_ends_with_crlf_wherever_the_packets_end() {
    for chunk in 1..12 {
        assert_eq!(read_in_chunks(b"one\r\n\r\ntwo\r\nthr", chunk), [line("one"), line(""), line("two")]);
    }
}

#[test]
fn the_limit_counts_crlf() {
    assert_eq!(read_in_chunks(b"12345678901234\r\nx\r\n", 3), [line("12345678901234"), line("x")]);
    assert_eq!(read_in_chunks(b"123456789012345\r\nx\r\n", 3), [Err(LineError::TooLong), line("x")]);
    assert_eq!(read_in_chunks(b"1234567890123456\r\nx\r\n", 3), [Err(LineError::TooLong), line("x")]);
}

#[test]
fn a_spoilt_line_is_told_once_at_the_octet_that_spoils_it() {
    for (bytes, after) in
        [(&b"a\nb"[..], 2), (b"a\rb", 3), (b"a\0b", 2), (b"a\r\r", 3), (b"12345678901234567", 16)]
    {
        let mut reader = LineReader::new();
        reader.receive(&bytes[..after - 1]);
        assert_eq!(read(&mut reader), [], "{bytes:?}");
        reader.receive(&bytes[after - 1..after]);
        assert!(matches!(read(&mut reader)[..], [Err(_)]), "{bytes:?}");
        reader.receive(b" and more \n \0 of it\r\nnext\r\n");
        assert_eq!(read(&mut reader), [line("next")], "{bytes:?}");
    }
}

#[test]
fn the_crlf_that_ends_a_spoilt_line_may_begin_with_the_octet_that_spoilt_it() {
    for chunk in 1..12 {
        assert_eq!(read_in_chunks(b"a\r\r\nnext\r\n", chunk), [Err(LineError::ForbiddenOctet), line("next")]);
        assert_eq!(
            read_in_chunks(b"123456789012345\r\nnext\r\n", chunk),
            [Err(LineError::TooLong), line("next")]
        );
    }
}

#[test]
fn a_line_without_end_is_given_up_in_bounded_memory() {
    let mut reader = LineReader::new();
    let mut errors = Vec::new();
    for round in 0..100 {
        reader.receive(&[b'x'; 1024]);
        errors.extend(reader.next_line(LIMIT).map(|line| line.map(|_| ()).unwrap_err()));
        let held = format!("{reader:?}");
        assert!(round == 0 || held.contains("held: 0,"), "{held}");
    }
    assert_eq!(errors[..2], [LineError::TooLong, LineError::Endless]);
}

#[test]
fn what_is_cleared_is_gone_with_the_bad_line_under_way() {
    for begun in ["half a li", "a\nb", "half\r"] {
        let mut reader = LineReader::new();
        reader.receive(begun.as_bytes());
        read(&mut reader);
        reader.clear();
        reader.receive(b"\nx\r\n");
        assert_eq!(read(&mut reader), [Err(LineError::ForbiddenOctet)]);
    }
}

#[test]
fn the_rest_is_what_was_not_yet_taken() {
    let mut reader = LineReader::new();
    reader.receive(b"one\r\ntwo\r\nthr");
    assert_eq!(reader.next_line(LIMIT).unwrap().unwrap().octets(), 5);
    assert_eq!(reader.consumed(), 5);
    assert_eq!(reader.take_rest(), b"two\r\nthr");
    assert_eq!(reader.take_rest(), b"");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_do_not_depend_on_packet_boundaries(bytes in "[ab\r\n\0]{0,200}", chunk in 1usize..20) {
        prop_assert_eq!(read_in_chunks(bytes.as_bytes(), chunk), read_in_chunks(bytes.as_bytes(), usize::MAX));
    }

    #[test]
    fn no_line_holds_what_it_must_not(bytes in any::<Vec<u8>>(), chunk in 1usize..20) {
        for line in read_in_chunks(&bytes, chunk).into_iter().flatten() {
            prop_assert!(line.len() + 2 <= LIMIT);
            prop_assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        }
    }
}
