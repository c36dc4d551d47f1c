//! POP3 servers that are not ours, watched by an agent that has nothing else of ours on its machine.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use real_tests::authority::Authority;
use real_tests::cyrus::Cyrus;
use real_tests::dovecot::Dovecot;
use real_tests::place::Place;
use real_tests::process::{Signal, send};
use real_tests::program::{Ran, mailmedic, run};
use real_tests::{mail, until};
use serde_json::Value;
use tempfile::TempDir;

const USER: &str = "user1@example.com";
const PASSWORD: &str = "secret";

/// An agent that only watches.
struct Watch {
    data: PathBuf,
    agent: Child,
}

impl Watch {
    /// One in `folder` with these targets. Its probes run every second.
    fn start(folder: &Path, place: &Place, targets: &str) -> Self {
        let data = folder.join("data");
        fs::create_dir(&data).unwrap();
        let mut text =
            String::from("[organisation]\ndefault-realm = \"example.com\"\n[api]\nbindings = []\n");
        write!(text, "[[server]]\nname = \"watch1\"\nroles = []\naddress = \"{}\"\n", place.address(1))
            .unwrap();
        fs::write(data.join("mailmedic.toml"), text + targets).unwrap();
        run(Command::new(mailmedic()).args(["run", "prepare"]).env("MAILMEDIC_DATA", &data), b"").succeeded();
        fs::write(data.join("credentials"), format!("{USER}\n{PASSWORD}\n")).unwrap();
        let mut agent = Command::new(mailmedic());
        agent.args(["run", "agent", "--server", "watch1"]).env("MAILMEDIC_DATA", &data);
        let agent = agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let watch = Self { data, agent };
        until("the agent to answer", || (watch.command(&["health"]).code == 0).then_some(()));
        let faster =
            ["override", "add", "POP/PopTargetProbe", "--property", "IntervalSeconds", "--value", "1"];
        watch.command(&[&faster[..], &["--for", "1 h", "--reason", "a test"]].concat()).succeeded();
        watch
    }

    fn command(&self, arguments: &[&str]) -> Ran {
        run(Command::new(mailmedic()).args(arguments).env("MAILMEDIC_DATA", &self.data), b"")
    }

    fn rows(&self) -> Vec<Value> {
        let said = self.command(&["health", "--output", "json"]);
        let listing: Value = serde_json::from_slice(&said.output).unwrap_or_default();
        listing["rows"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the monitor of a target says `value`; what it says then.
    #[track_caller]
    fn until(&self, target: &str, value: &str) -> String {
        let row = until(&format!("{target} to be {value}"), || {
            let is = |row: &Value| row["name"] == "PopTargetMonitor" && row["target_resource"] == target;
            self.rows().into_iter().find(|row| is(row) && row["alert_value"] == value)
        });
        row["why"].as_str().unwrap().to_owned()
    }
}

impl Drop for Watch {
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", serde_json::to_string_pretty(&self.rows()).unwrap());
        }
        send(self.agent.id(), Signal::KILL);
        let _ = self.agent.wait();
    }
}

#[test]
fn a_dovecot_is_watched_by_mail_that_is_delivered_fetched_and_deleted() {
    let (folder, place) = (TempDir::new().unwrap(), Place::take());
    let authority = Authority::new(folder.path());
    let mut dovecot = Dovecot::start(place.address(41), &authority, &[(USER, PASSWORD)], "nobody");
    let own = mail::message("own", 500, &mut real_tests::random::Random::for_test());
    dovecot.store(USER, &own);
    let target = format!(
        "[[target]]\nname = \"dovecot1\"\naddress = \"{}\"\ntls = \"implicit\"\nca = \"{}\"\n\
         credentials = \"credentials\"\ndelivery = \"{}\"\n",
        dovecot.pop3s(),
        authority.certificate().display(),
        dovecot.lmtp(),
    );
    let watch = Watch::start(folder.path(), &place, &target);
    watch.until("dovecot1", "Healthy");
    let rows = watch.rows();
    assert!(rows.iter().all(|row| row["alert_value"] == "Healthy"), "nothing else is said: {rows:#?}");
    let probe = ["probe", "run", "POP/PopTargetProbe/dovecot1", "--server", "watch1", "--output", "list"];
    let ran = watch.command(&probe).succeeded();
    for phase in ["deliver", "retrieve", "delete"] {
        assert!(ran.to_lowercase().contains(phase), "{phase}: {ran}");
    }

    fs::write(watch.data.join("credentials"), format!("{USER}\na guess\n")).unwrap();
    let why = watch.until("dovecot1", "Unhealthy");
    assert!(why.contains("Authentication at auth"), "{why}");
    fs::write(watch.data.join("credentials"), format!("{USER}\n{PASSWORD}\n")).unwrap();
    watch.until("dovecot1", "Healthy");

    dovecot.stop();
    let why = watch.until("dovecot1", "Unhealthy");
    assert!(why.contains("Connect"), "{why}");
    dovecot.start_again();
    watch.until("dovecot1", "Healthy");
    until("the probe's mail to be gone", || (dovecot.mail_of(USER) == [mail::as_file(&own)]).then_some(()));
}

#[test]
fn a_cyrus_is_watched_by_logging_in_and_by_its_greeting() {
    let (folder, place) = (TempDir::new().unwrap(), Place::take());
    let authority = Authority::new(folder.path());
    let mut cyrus = Cyrus::start(place.address(42), &authority, (USER, PASSWORD));
    let ca = authority.certificate();
    let ca = ca.display();
    let targets = format!(
        "[[target]]\nname = \"cyrus\"\naddress = \"{}\"\ntls = \"stls\"\nca = \"{ca}\"\ncredentials = \"credentials\"\n\
         [[target]]\nname = \"greeting\"\naddress = \"{}\"\ntls = \"implicit\"\nca = \"{ca}\"\n\
         [[target]]\nname = \"stranger\"\naddress = \"{}\"\ntls = \"implicit\"\n",
        cyrus.pop3(),
        cyrus.pop3s(),
        cyrus.pop3s(),
    );
    let watch = Watch::start(folder.path(), &place, &targets);
    watch.until("cyrus", "Healthy");
    watch.until("greeting", "Healthy");
    let why = watch.until("stranger", "Unhealthy");
    assert!(why.contains("Certificate at tls"), "nobody vouches for it: {why}");
    cyrus.stop();
    for target in ["cyrus", "greeting"] {
        let why = watch.until(target, "Unhealthy");
        assert!(why.contains("Connect"), "{why}");
    }
}
