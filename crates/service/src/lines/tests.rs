use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A disk that does nothing until it is let.
struct Hung {
    writing: Sender<()>,
    let_go: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Sink for Hung {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let _ = self.writing.send(());
        let _ = self.let_go.recv();
        self.written.lock().unwrap().extend_from_slice(lines);
        Ok(lines.len())
    }
}

/// A disk that fails so many times.
struct Failing {
    failures: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Sink for Failing {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        // One line at a time: the rest is offered again.
        let line = whole_lines(lines, 0);
        self.written.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn a_disk_that_hangs_makes_nobody_wait_and_what_is_too_much_is_dropped() {
    let (writing, is_writing) = channel();
    let (go, let_go) = channel();
    let written = Arc::default();
    let lines = LineWriter::start("test", Hung { writing, let_go, written: Arc::clone(&written) }).unwrap();
    lines.push(b"first\n");
    is_writing.recv_timeout(PATIENCE).unwrap();
    let long = [vec![b'x'; 1023], vec![b'\n']].concat();
    for _ in 0..2 * LIMIT / long.len() {
        lines.push(&long);
    }
    assert_eq!(lines.tally().dropped.load(Relaxed), (LIMIT / long.len()) as u64);
    assert!(!lines.flush(Duration::from_millis(1)), "the disk hangs");
    drop(go);
    assert!(lines.flush(PATIENCE));
    assert_eq!(written.lock().unwrap().len(), 6 + LIMIT);
}

#[test]
fn lines_that_could_not_be_written_are_tried_again_in_their_order() {
    let written = Arc::default();
    let lines = LineWriter::start("test", Failing { failures: 2, written: Arc::clone(&written) }).unwrap();
    for line in ["one\n", "two\n", "three\n"] {
        lines.push(line.as_bytes());
        assert!(lines.flush(PATIENCE));
    }
    assert_eq!(*written.lock().unwrap(), b"one\ntwo\nthree\n");
    assert_eq!(lines.tally().written.load(Relaxed), 3);
}

#[test]
fn what_waits_is_written_at_the_end() {
    let written = Arc::default();
    let lines = LineWriter::start("test", Failing { failures: 0, written: Arc::clone(&written) }).unwrap();
    lines.push(b"last words\n");
    drop(lines);
    assert_eq!(*written.lock().unwrap(), b"last words\n");
}

#[test]
fn as_many_lines_are_taken_as_fit_but_at_least_one() {
    let lines = b"one\ntwo\nthree\n";
    assert_eq!(whole_lines(lines, 100), lines);
    assert_eq!(whole_lines(lines, 13), b"one\ntwo\n");
    assert_eq!(whole_lines(lines, 8), b"one\ntwo\n");
    assert_eq!(whole_lines(lines, 7), b"one\n");
    assert_eq!(whole_lines(lines, 0), b"one\n");
}
