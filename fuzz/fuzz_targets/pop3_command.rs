//! Lines and commands. Input: the line. What is understood is written and read back as the same; nothing that could
//! end a line passes; a log shows no secret.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pop3::line::{LineError, LineReader};
use pop3::{Command, Keyword, MessageNumber};

fuzz_target!(|data: &[u8]| {
    lines(data);
    let word = data.split(|byte| *byte == b' ').next().unwrap_or_default();
    match Command::parse(data) {
        Err(error) => assert_eq!(error.keyword, Keyword::find(word)),
        Ok(command) => {
            assert_eq!(Some(command.keyword()), Keyword::find(word));
            assert!(!data.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            let mut written = Vec::new();
            command.write_to(&mut written).expect("what was read can be written");
            let line = written.strip_suffix(b"\r\n").expect("a line");
            assert_eq!(Command::parse(line).as_ref(), Ok(&command));
            let masked = command.masked_arguments();
            match &command {
                Command::Pass(_) => assert_eq!(masked, "*****"),
                Command::Auth { initial: Some(_), mechanism } => {
                    assert_eq!(masked, format!("{mechanism} *****"))
                }
                _ => {}
            }
        }
    }
    if let Some(number) = MessageNumber::parse(data) {
        assert_eq!(number.to_string().as_bytes(), data, "a number has one spelling");
    }
});

/// The same lines whatever the packets; none holds what it must not.
fn lines(data: &[u8]) {
    const LIMIT: usize = 64;
    let read = |chunk: usize| {
        let mut reader = LineReader::new();
        let mut lines = Vec::new();
        for portion in data.chunks(chunk) {
            reader.receive(portion);
            while let Some(line) = reader.next_line(LIMIT) {
                let line = line.map(|line| line.content().to_vec());
                if line == Err(LineError::Endless) {
                    return lines;
                }
                lines.push(line);
            }
        }
        assert!(reader.consumed() <= data.len() as u64);
        lines
    };
    let whole = read(data.len().max(1));
    assert_eq!(whole, read(1));
    assert_eq!(whole, read(7));
    for line in whole.into_iter().flatten() {
        assert!(line.len() + 2 <= LIMIT);
        assert!(!line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}
