//! A person is called: by a real Alertmanager, and by a webhook.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use real_tests::process::{Signal, send};
use real_tests::program::{debian, run};
use real_tests::{Preparation, until, wait};
use serde_json::Value;

use crate::healthy;
use crate::view::{PATIENCE, until_recovery, until_state};

/// A real Alertmanager, ended with the test.
struct Alertmanager {
    process: Child,
    address: SocketAddr,
}

impl Alertmanager {
    fn start(preparation: &Preparation) -> Self {
        let folder = preparation.folder();
        let configuration = folder.join("alertmanager.yml");
        fs::write(&configuration, "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n").unwrap();
        let address = SocketAddr::from((preparation.address(40), 9093));
        let process = Command::new(debian("prometheus-alertmanager", "prometheus-alertmanager"))
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.path={}", folder.join("alertmanager").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, address }
    }

    /// The alerts that are open; nothing while it does not answer.
    fn open(&self) -> Option<Vec<Value>> {
        let mut curl = Command::new(debian("curl", "curl"));
        curl.args(["--silent", "--fail", &format!("http://{}/api/v2/alerts", self.address)]);
        let ran = run(&mut curl, b"");
        serde_json::from_slice(&ran.output).ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What was posted to a webhook that refuses the first call: whoever posts has to try again.
fn webhook(preparation: &Preparation) -> (SocketAddr, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind((preparation.address(41), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let posted = Arc::clone(&taken);
    thread::spawn(move || {
        let mut refused = false;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let header = line.to_ascii_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answer = if refused { "200 OK" } else { "503 Service Unavailable" };
            if std::mem::replace(&mut refused, true) {
                posted.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            }
            let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, taken)
}

#[test]
fn a_person_is_called_once_by_every_channel_and_told_when_it_is_over() {
    let preparation = Preparation::that_heals_itself();
    let alertmanager = Alertmanager::start(&preparation);
    let (hook, posted) = webhook(&preparation);
    let preparation = preparation
        .set("recovery", "restart", "\"approval\"")
        .set("escalation", "procedure", "\"call the mail team, extension 1234\"")
        .set("escalation", "alertmanager", &format!("\"http://{}\"", alertmanager.address))
        .set("escalation", "webhook", &format!("\"http://{hook}/call\""));
    let installation = healthy(preparation);
    until("Alertmanager to answer", || alertmanager.open());
    send(until("a back end", || installation.status().pid_of("mbx1", "backend")), Signal::STOP);
    let waiting = until_recovery(&installation, "mbx1", "waiting", |row| {
        row["waits_for"].as_str().is_some_and(|why| why.contains("approve"))
    });
    let id = waiting["id"].as_str().unwrap();
    let ours =
        || alertmanager.open().filter(|alerts| alerts.iter().any(|it| it["annotations"]["recovery"] == id));
    let alerts = until("the alert to be open", ours);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["labels"]["server"], "mbx1", "{alerts:#?}");
    assert_eq!(alerts[0]["annotations"]["procedure"], "call the mail team, extension 1234", "{alerts:#?}");
    let calls = || Some(posted.lock().unwrap().clone()).filter(|posted| !posted.is_empty());
    let first = until("the webhook to have taken the call, though it was refused once", calls);
    assert_eq!(first[0]["state"], "firing", "{first:#?}");
    assert!(first[0]["summary"].as_str().unwrap().contains("approve"), "{first:#?}");
    installation.command(["recovery", "approve", id]).succeeded();
    until_state(&installation, "mbx1", "recovered");
    let gone = wait::within(PATIENCE, || alertmanager.open().filter(Vec::is_empty));
    assert!(gone.is_some(), "{:#?}", alertmanager.open());
    until("the webhook to be told the end", || (posted.lock().unwrap().len() > 1).then_some(()));
    let posted = posted.lock().unwrap().clone();
    let states: Vec<_> = posted.iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["firing", "resolved"], "{posted:#?}");
}
