//! Programs: our own executable, those of Debian, and how they are run to their end.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::wait::within;

/// How long a program may take.
const LIMIT: Duration = Duration::from_mins(2);
/// How long what a program wrote may take to arrive once it has ended.
const STRAGGLERS: Duration = Duration::from_secs(10);

/// The executable under test: the one that cargo built beside this test, or what `MAILMEDIC_PROGRAM` names. One that is
/// missing or older than its sources fails the test, since cargo does not build it for the sake of another package.
pub fn mailmedic() -> PathBuf {
    if let Some(program) = std::env::var_os("MAILMEDIC_PROGRAM") {
        return program.into();
    }
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("mailmedic");
    assert!(program.exists(), "{} is missing: cargo build --package mailmedic", program.display());
    let built = modified(&program);
    let sources = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let sources = sources.split_once(": ").map_or("", |(_, sources)| sources);
    let newer = sources.split_whitespace().find(|source| modified(Path::new(source)) > built);
    assert!(
        newer.is_none(),
        "{} is older than {}: cargo build --package mailmedic",
        program.display(),
        newer.unwrap_or_default()
    );
    program
}

fn modified(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Where `./test` puts programs of packages that cannot be installed beside others.
const TAKEN_OUT: &str = "/usr/local/lib/mailmedic-tests";

/// A program of Debian's `package`. One that is missing fails the test.
pub fn debian(program: &str, package: &str) -> PathBuf {
    let folders =
        ["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib/postfix/sbin", "/usr/lib/dovecot", TAKEN_OUT];
    let found = folders.iter().map(|folder| Path::new(folder).join(program));
    let mut found = found.filter(|program| program.is_file());
    found.next().unwrap_or_else(|| panic!("{program} is missing: apt-get install {package}"))
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; 128 and the signal, as shells count, if a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its error output.
    pub errors: String,
    what: String,
}

impl Ran {
    /// The standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// Both outputs, for looking for words.
    pub fn everything(&self) -> String {
        format!("{}{}", self.text(), self.errors)
    }

    /// The standard output of a program that ended well. Panics if it did not.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.what, self.everything());
        self.text()
    }

    /// What a program said that ended with `code`. Panics if it ended otherwise.
    #[track_caller]
    pub fn failed_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.what, self.everything());
        self.everything()
    }
}

/// Runs a program to its end, with `input` as its standard input. Panics if it takes too long.
#[track_caller]
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let what = format!("{command:?}");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
    let output = collect(child.stdout.take().unwrap());
    let errors = collect(child.stderr.take().unwrap());
    // A program that does not read what it is given does not have to.
    let _ = child.stdin.take().unwrap().write_all(input);
    let Some(status) = within(LIMIT, || child.try_wait().unwrap()) else {
        let _ = child.kill();
        let _ = child.wait();
        let [output, errors] = [output, errors].map(|end| end.recv_timeout(STRAGGLERS).unwrap_or_default());
        let said = [output, errors].concat();
        panic!("{what} takes longer than {LIMIT:?}; it said\n{}", String::from_utf8_lossy(&said));
    };
    let wrote = |end: mpsc::Receiver<Vec<u8>>| {
        end.recv_timeout(STRAGGLERS).unwrap_or_else(|_| panic!("{what} left its output to somebody else"))
    };
    Ran {
        code: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap(),
        output: wrote(output),
        errors: String::from_utf8_lossy(&wrote(errors)).into_owned(),
        what,
    }
}

/// Reads to the end, in a thread of its own.
fn collect(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        // What was read before an error is what there is.
        let _ = from.read_to_end(&mut all);
        let _ = sender.send(all);
    });
    receiver
}
