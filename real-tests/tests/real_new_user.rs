//! The first hour with mailmedic: what the README says, and what everybody gets wrong once.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use real_tests::authority::{Authority, Validity};
use real_tests::process::{Signal, has_ended, send};
use real_tests::program::{Ran, debian, mailmedic, run};
use real_tests::small_disk::SmallDisk;
use real_tests::status::Status;
use real_tests::{Installation, LmtpClient, Pop3Client, Preparation, until, wire};
use tempfile::TempDir;

/// Somebody with an empty home folder, on a machine on which no port is taken: a network of its own.
struct Newcomer {
    home: TempDir,
    network: Child,
    path: String,
}

impl Newcomer {
    fn arrives() -> Self {
        debian("ip", "iproute2");
        let mut network = Command::new("unshare")
            .args(["--net", "--", "sh", "-c", "ip link set lo up && echo up && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(network.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "up\n", "this test makes a network of its own and has to be root for it");
        let path = format!(
            "{}:{}",
            mailmedic().parent().unwrap().display(),
            std::env::var("PATH").unwrap_or_default()
        );
        Self { home: TempDir::new().unwrap(), network, path }
    }

    /// Types a line.
    fn says(&self, line: &str) -> Ran {
        let network = format!("--net=/proc/{}/ns/net", self.network.id());
        let mut shell = Command::new("nsenter");
        shell.args([&network, "--", "bash", "-c", line]).current_dir(self.home.path());
        shell.env("HOME", self.home.path()).env("PATH", &self.path).env_remove("MAILMEDIC_DATA");
        run(&mut shell, b"")
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let text = self.says("mailmedic status --output json").text();
        let pids = if text.starts_with('{') { Status::parse(&text).pids() } else { Vec::new() };
        if !pids.is_empty() {
            self.says("mailmedic down --limit '20 s'");
        }
        for pid in pids.into_iter().filter(|pid| !has_ended(*pid)) {
            send(pid, Signal::KILL);
        }
        let _ = self.network.kill();
        let _ = self.network.wait();
    }
}

const ADD: &str = "printf 'secret\\n' | mailmedic user add user1@example.com --password-stdin";
const DELIVER: &str = "swaks --protocol LMTP --server 127.0.0.1:10224 --to user1@example.com --from sender@example.org --body hello";
const FETCH: &str =
    "curl --cacert mailmedic-data/ca/clients/ca.pem 'pop3s://user1%40example.com:secret@localhost:10995/1'";

#[test]
fn the_way_from_the_readme_to_a_first_message_works_as_written() {
    debian("swaks", "swaks");
    debian("curl", "curl");
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    for line in [ADD, DELIVER, FETCH, "mailmedic status", "mailmedic down"] {
        assert!(readme.contains(&format!("\n$ {line}\n")), "the README does not say: {line}");
    }
    assert!(readme.contains("cargo run --release -- up --detach"));

    let newcomer = Newcomer::arrives();
    let welcome = newcomer.says("mailmedic up --detach").succeeded();
    let data = newcomer.home.path().join("mailmedic-data");
    for line in [
        "coordinator is ready\n",
        "mbx1: agent is ready\n",
        "mbx1: backend is ready\n",
        "mbx2: backend is ready\n",
        "cas1: frontend is ready\n",
        "\nmailmedic is ready (process ",
        "\n  POP3   127.0.0.1:10110\n",
        "\n  POP3S  127.0.0.1:10995\n",
        "\n  LMTP   127.0.0.1:10224\n",
        "\n  API    127.0.0.1:10180, 127.0.0.21:10180, 127.0.0.22:10180\n",
        "\n  CA     ",
        "mailmedic-data/ca/clients/ca.pem\n",
        "mailmedic user add user1@example.com\n",
        DELIVER,
    ] {
        assert!(welcome.contains(line), "{line:?} is not in {welcome}");
    }
    assert_eq!(newcomer.says(ADD).succeeded(), "user1@example.com is added; the mailbox is in DB01\n");
    let delivered = newcomer.says(DELIVER).succeeded();
    assert!(delivered.contains("<-  250 2.0.0 Delivered as "), "{delivered}");
    is_first_message(&newcomer.says(FETCH).succeeded());
    let status = newcomer.says("mailmedic status").succeeded();
    let row = |words: &[&str]| {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(status.lines().any(has_all), "no line with {words:?} in {status}");
    };
    row(&[
        "cas1",
        "frontend",
        "running",
        "pop3 127.0.0.1:10110",
        "pop3s 127.0.0.1:10995",
        "lmtp 127.0.0.1:10224",
    ]);
    row(&["mbx1", "backend", "running", "127.0.0.21"]);
    row(&["mbx2", "backend", "running", "127.0.0.22"]);
    row(&["mbx2", "agent", "running", "127.0.0.22:10180"]);
    row(&["-", "coordinator", "running", "coordinator.sock"]);
    let down = newcomer.says("mailmedic down").succeeded();
    assert!(down.ends_with("\nstopped\n"), "{down}");
    let said = newcomer.says("mailmedic logs coordinator").succeeded();
    assert!(said.contains(" coordinator "), "{said}");

    let status = newcomer.says("mailmedic status").failed_with(1);
    assert!(status.contains("nothing is running on "), "{status}");
    assert!(newcomer.says(FETCH).code != 0);

    // A second start finds everything, wherever the command is given.
    let elsewhere = format!("cd / && export MAILMEDIC_DATA={} && ", data.display());
    newcomer.says(&format!("{elsewhere} mailmedic up --detach")).succeeded();
    is_first_message(&newcomer.says(FETCH).succeeded());
    let users = newcomer.says(&format!("{elsewhere} mailmedic user list")).succeeded();
    assert!(users.contains("user1@example.com"), "{users}");
    newcomer.says(&format!("{elsewhere} mailmedic down")).succeeded();
}

fn is_first_message(mail: &str) {
    assert!(mail.starts_with("Return-Path: <sender@example.org>\r\nReceived: from "), "{mail}");
    assert!(mail.contains("\r\nTo: user1@example.com\r\n"), "{mail}");
    assert!(mail.contains("\r\n\r\nhello\r\n"), "{mail}");
}

#[test]
fn the_commands_that_up_prints_work_as_printed() {
    let installation = Preparation::new().write();
    let welcome = installation.command(["up", "--detach"]).succeeded();
    let shell = |line: &str, input: &[u8]| {
        let mut shell = Command::new("bash");
        run(shell.args(["-c", line]).env("MAILMEDIC_DATA", installation.data()), input).succeeded()
    };
    let printed = |label: &str| {
        let line = welcome.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_else(|| panic!("{label:?} is not in {welcome}")).trim().to_owned()
    };
    // Whoever sits at a terminal is asked for the password instead.
    shell(&format!("{} --password-stdin", printed("Add a user:")), b"secret\n");
    shell(&printed("Send a message:"), b"");
    let fetch =
        printed("Fetch it:").replace("--user 'user1@example.com'", "--user 'user1@example.com:secret'");
    is_first_message(&shell(&fetch, b""));
    assert!(shell(&printed("See what runs:"), b"").contains("running"));
    assert!(shell(&printed("Stop everything:"), b"").ends_with("stopped\n"));
}

/// A folder with nothing of ours in it.
fn up_in(data: &Path) -> Ran {
    run(Command::new(mailmedic()).args(["up", "--detach", "--data"]).arg(data), b"")
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let said = up_in(folder.path()).failed_with(2);
    assert!(said.contains("is not a data directory of mailmedic: it holds thesis.txt"), "{said}");
    assert!(said.contains("--data"), "{said}");
    let left: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(left, [folder.path().join("thesis.txt")]);
}

#[test]
fn a_file_is_no_folder() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let said = up_in(&file).failed_with(2);
    assert!(said.contains("is not a folder"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let disk = SmallDisk::mount(1);
    disk.make_read_only();
    let said = up_in(&disk.path().join("data")).failed_with(1);
    assert!(said.contains("cannot create the folder"), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("give a folder that this user may write with --data"), "{said}");
}

#[test]
fn commands_without_an_installation_say_how_to_get_one() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for command in [&["status"][..], &["down"], &["user", "list"]] {
        let said = run(Command::new(mailmedic()).args(command).arg("--data").arg(&data), b"").failed_with(2);
        assert!(said.contains("there is no data directory at"), "{said}");
        assert!(said.contains("`mailmedic up` makes one"), "{said}");
    }
    assert!(!data.exists());
}

#[test]
fn a_port_that_is_taken_stops_the_start_before_anything_runs() {
    let installation = Preparation::new().write();
    let taken = TcpListener::bind(installation.pop3()).unwrap();
    let said = installation.command(["up", "--detach"]).failed_with(1);
    assert!(said.contains("nothing was started"), "{said}");
    let line = format!("{} (POP3 of cas1) is taken by another program", installation.pop3());
    assert!(said.contains(&line), "{line} is not in {said}");
    assert!(
        said.contains("UnencryptedOrTLSBindings") || said.contains("unencrypted-or-tls-bindings"),
        "{said}"
    );
    installation.command(["status"]).failed_with(1);
    drop(taken);
    installation.command(["up", "--detach"]).succeeded();
}

#[test]
fn what_runs_already_is_not_started_twice() {
    let installation = Preparation::new().start();
    let up = installation.status().up.unwrap();
    let said = installation.command(["up", "--detach"]).failed_with(1);
    assert!(said.contains(&format!("is in use: process {up} runs it")), "{said}");
    assert!(said.contains("`mailmedic down` stops it"), "{said}");
    assert_eq!(installation.status().up, Some(up));
}

#[test]
fn a_start_that_was_killed_half_way_is_finished_by_the_next() {
    let mut installation = Preparation::new().start();
    installation.add_users(&["user1"], "secret");
    installation.cut_power();
    let said = installation.command(["down"]).succeeded();
    assert!(said.contains("nothing is running on "), "{said}");
    installation.start();
    assert_eq!(installation.mail_of("user1", "secret"), Vec::<Vec<u8>>::new());
    installation.stop();
}

#[test]
fn users_who_are_not_there_are_told_apart_from_typing_errors() {
    let installation = Preparation::new().start();
    installation.add_users(&["user1"], "secret");
    for command in
        [&["user", "show", "user2"][..], &["user", "passwd", "user2"], &["user", "remove", "user2"]]
    {
        let said = installation.command(command).failed_with(2);
        assert!(said.contains("user2@example.com"), "{said}");
    }
    let said = installation.command(["user", "add", "user1", "--password-stdin"]).failed_with(2);
    assert!(said.contains("there is a user user1@example.com already"), "{said}");
    let said = installation.command(["user", "add", "user2", "--password", "secret"]).failed_with(2);
    assert!(said.contains("a password on the command line can be read by every user"), "{said}");
    let said = installation.command(["user", "add", "user2", "--database", "DB03"]).failed_with(2);
    assert!(said.contains("there is no database called DB03; did you mean DB01?"), "{said}");
    let mut lmtp = LmtpClient::connect(installation.lmtp()).unwrap();
    let verdicts =
        lmtp.deliver(&["user1@example.com", "user2@example.com"], b"Subject: hello\r\n\r\nhello\r\n");
    assert!(verdicts[0].is_accepted(), "{verdicts:?}");
    assert_eq!(verdicts[1].refusal(), Some(550), "{verdicts:?}");
}

#[test]
fn mistakes_in_the_configuration_are_all_told_with_their_places() {
    let preparation = Preparation::new();
    let installation =
        preparation.set("pop", "max-connections", "0").set("delivery", "hold", "\"soon\"").write();
    for command in [&["up", "--detach"][..], &["config", "check"]] {
        let said = installation.command(command).failed_with(2);
        for wrong in ["max-connections", "hold"] {
            let text = fs::read_to_string(installation.data().join("mailmedic.toml")).unwrap();
            let line = text.lines().position(|line| line.starts_with(wrong)).unwrap() + 1;
            assert!(said.contains(&format!("mailmedic.toml:{line}:")), "{wrong} in line {line}: {said}");
        }
    }
}

#[test]
fn a_certificate_that_expired_and_is_replaced_is_picked_up_while_sessions_go_on() {
    let installation = Preparation::new().start();
    installation.add_users(&["user1"], "secret");
    let before = installation.status().pids();
    let at = installation.pop3s();
    let mut session = Pop3Client::connect_tls(at, &wire::trust(&installation.ca())).unwrap();
    session.log_in("user1", "secret").unwrap();

    let authority = Authority::new(installation.folder());
    let (certificate, key) = authority.issue("mail", at.ip(), Validity::Expired);
    let named = format!("{}:{}", certificate.display(), key.display());
    let set = ["pop", "settings", "set", "--server", "cas1", "X509CertificateName", &named];
    installation.command(set).succeeded();
    let expired = until("the expired certificate to be shown", || {
        let fetched = fetch(&installation, &authority);
        (fetched.code == 60 && fetched.errors.contains("expired")).then_some(fetched)
    });
    assert!(expired.output.is_empty());

    authority.issue("mail", at.ip(), Validity::Valid);
    until("the new certificate to be shown", || (fetch(&installation, &authority).code == 0).then_some(()));
    assert_eq!(session.stat().unwrap(), (0, 0));
    session.quit().unwrap();
    assert_eq!(installation.status().pids(), before, "something was started anew");
}

fn fetch(installation: &Installation, authority: &Authority) -> Ran {
    let mut curl = Command::new(debian("curl", "curl"));
    curl.args(["--silent", "--show-error", "--user", "user1:secret", "--cacert"])
        .arg(authority.certificate());
    run(curl.arg(format!("pop3s://{}/", installation.pop3s())), b"")
}
