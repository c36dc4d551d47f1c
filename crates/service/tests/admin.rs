//! The admin socket: it answers, whoever else hangs.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use service::admin::{AdminServer, Answer, Answers, Ask, AskError, ListenError, ask};

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers at once, but to `drain`, which panics, and to `reload`, which waits to be let go.
#[derive(Default)]
struct Desk {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Answers for Desk {
    fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Drain => panic!("this is part of the test"),
            Ask::Reload => {
                let _open = self.changed.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap();
                Answer::Reloaded { changed: true }
            }
            _ => Answer::Done,
        }
    }
}

fn listening(folder: &Path) -> (AdminServer, Arc<Desk>, PathBuf) {
    let path = folder.join("run").join("frontend.sock");
    let desk = Arc::new(Desk::default());
    (AdminServer::listen(&path, Arc::clone(&desk) as _).unwrap(), desk, path)
}

fn let_go(desk: &Desk) {
    *desk.open.lock().unwrap() = true;
    desk.changed.notify_all();
}

#[test]
fn only_the_owner_may_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _, path) = listening(folder.path());
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn those_that_hang_do_not_keep_others_from_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, desk, path) = listening(folder.path());
    // One says nothing, one stops in the middle of its line, one's answer takes long.
    let _silent = UnixStream::connect(&path).unwrap();
    let mut halting = UnixStream::connect(&path).unwrap();
    halting.write_all(b"{\"ask\":").unwrap();
    let slow = path.clone();
    let slow = std::thread::spawn(move || ask(&slow, &Ask::Reload, PATIENCE));
    for _ in 0..100 {
        assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
    }
    let_go(&desk);
    assert_eq!(slow.join().unwrap().unwrap(), Answer::Reloaded { changed: true });
}

#[test]
fn too_many_at_once_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, desk, path) = listening(folder.path());
    let mut asking: Vec<_> = (0..16).map(|_| UnixStream::connect(&path).unwrap()).collect();
    for stream in &mut asking {
        stream.write_all(b"{\"ask\":\"reload\"}\n").unwrap();
    }
    let told = ask(&path, &Ask::Status, PATIENCE).unwrap_err();
    assert_eq!(told.to_string(), "too many ask at once");
    let_go(&desk);
    for stream in asking {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"answer\":\"reloaded\",\"changed\":true}\n");
    }
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = ask(&path, &Ask::Status, PATIENCE) {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[test]
fn an_answer_that_fails_is_told_and_the_next_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _, path) = listening(folder.path());
    for _ in 0..20 {
        assert!(matches!(ask(&path, &Ask::Drain, PATIENCE), Err(AskError::Refused { .. })));
    }
    assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
}

#[test]
fn what_is_not_understood_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _, path) = listening(folder.path());
    for line in [
        "nonsense\n",
        "{\"ask\":\"fly\"}\n",
        "{\"ask\":\"sessions\"}\n",
        "{\"ask\":\"session\",\"id\":\"1\"}\n",
    ] {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("{\"answer\":\"refused\",\"reason\":\"this was not understood"),
            "{line}: {answer}"
        );
    }
}

#[test]
fn a_line_without_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, _, path) = listening(folder.path());
    let mut stream = UnixStream::connect(&path).unwrap();
    let mut answer = String::new();
    // The far end may have closed before it has taken all of it.
    let _ = stream.write_all(&vec![b' '; 1 << 20]);
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
}

#[test]
fn a_process_that_does_not_run_is_told_from_one_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontend.sock");
    assert!(
        matches!(ask(&path, &Ask::Status, PATIENCE), Err(AskError::NotRunning { .. })),
        "there is no file"
    );
    let listener = UnixListener::bind(&path).unwrap();
    let hung = ask(&path, &Ask::Status, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(hung, AskError::TimedOut { .. }), "{hung}");
    drop(listener);
    assert!(
        matches!(ask(&path, &Ask::Status, PATIENCE), Err(AskError::NotRunning { .. })),
        "the file is stale"
    );
}

#[test]
fn connecting_to_a_hung_process_with_a_full_queue_ends_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontend.sock");
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let _queued = UnixStream::connect(&path).unwrap();
    let hung = ask(&path, &Ask::Status, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(hung, AskError::TimedOut { .. }), "{hung}");
}

#[test]
fn an_answer_that_is_none_is_garbled() {
    for said in ["", "half a li", "{}\n", "{\"answer\":\"maybe\"}\n"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frontend.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let answering = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            (&stream).write_all(said.as_bytes()).unwrap();
        });
        let garbled = ask(&path, &Ask::Status, PATIENCE).unwrap_err();
        assert!(matches!(garbled, AskError::Garbled { .. }), "{said:?}: {garbled}");
        answering.join().unwrap();
    }
}

#[test]
fn an_answer_that_drips_is_given_up_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontend.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let dripping = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b" ").is_ok() {}
    });
    let hung = ask(&path, &Ask::Status, Duration::from_millis(100)).unwrap_err();
    assert!(matches!(hung, AskError::TimedOut { .. } | AskError::Garbled { .. }), "{hung}");
    dripping.join().unwrap();
}

#[test]
fn what_a_dead_process_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run").join("frontend.sock");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    drop(UnixListener::bind(&path).unwrap());
    let (_server, _, path) = listening(folder.path());
    assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
}

#[test]
fn the_socket_of_a_living_process_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, desk, path) = listening(folder.path());
    let second = AdminServer::listen(&path, desk);
    assert!(matches!(second, Err(ListenError::InUse { .. })), "{second:?}");
    assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
}

#[test]
fn the_socket_of_a_process_that_hangs_is_left_alone_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frontend.sock");
    let _hung = UnixListener::bind(&path).unwrap();
    let second = AdminServer::listen(&path, Arc::new(Desk::default()));
    assert!(matches!(second, Err(ListenError::InUse { .. })), "{second:?}");
}

#[test]
fn its_file_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _, path) = listening(folder.path());
    drop(server);
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "nothing else is left either");
}

#[test]
fn a_folder_may_lie_as_deep_as_it_likes() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let (_server, _, path) = listening(&deep);
    assert_eq!(ask(&path, &Ask::Status, PATIENCE).unwrap(), Answer::Done);
}
