//! The directory: broken, or with another secret for a health mailbox; and mail that nobody may deliver.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use real_tests::program::debian;
use real_tests::{Installation, Preparation};
use rusqlite::Connection;

use crate::{Fault, healthy};

fn change(installation: &Installation, statement: &str) {
    let directory = installation.data().join("directory.sqlite");
    assert!(directory.exists());
    let connection = Connection::open(directory).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection.execute_batch(statement).unwrap();
}

#[test]
fn a_broken_directory_is_blamed_for_log_ins_that_fail() {
    let installation = healthy(Preparation::new());
    Fault::new(&installation, "directory broken")
        .turns(("mbx1", "DirectoryMonitor", ""), || {
            change(&installation, "ALTER TABLE users RENAME TO gone");
        })
        .says(&["LookUp at look-up"])
        .and_blames(("mbx1", "PopDeepTestMonitor", "DB01"), "DirectoryMonitor")
        .and_blames(("cas1", "PopCTPMonitor", "DB01"), "DirectoryMonitor")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| change(&installation, "ALTER TABLE gone RENAME TO users"));
}

/// Whoever reads a database in its log holds one of these places of the index, and waits while somebody has all of them
/// (SQLite's walformat.html, section 2.3).
const HOLD_READERS_UP: &str = "
import fcntl, sys
index = open(sys.argv[1], 'r+b')
fcntl.lockf(index, fcntl.LOCK_EX, 5, 123)
print('held', flush=True)
sys.stdin.read()
";

#[test]
fn a_slow_directory_is_blamed_for_log_ins_that_take_too_long() {
    let installation = healthy(Preparation::new());
    let index = installation.data().join("directory.sqlite-shm");
    let mut holding = None;
    Fault::new(&installation, "directory slow")
        .turns(("mbx1", "DirectoryMonitor", ""), || {
            let mut python = Command::new(debian("python3", "python3"));
            python.args(["-c", HOLD_READERS_UP]).arg(index).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut python = python.spawn().unwrap();
            BufReader::new(python.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
            holding = Some(python);
        })
        .says(&["at look-up"])
        .and_blames(("cas1", "PopCTPMonitor", "DB01"), "DirectoryMonitor")
        .while_healthy(("mbx1", "PopSelfTestMonitor", ""))
        .heals(|| {
            let mut python = holding.take().unwrap();
            drop(python.stdin.take());
            python.wait().unwrap();
        });
}

#[test]
fn a_changed_secret_of_a_health_mailbox_is_authentication_and_no_server() {
    let installation = healthy(Preparation::new());
    let health = "name = 'health-db01@mailmedic.invalid'";
    let directory = installation.data().join("directory.sqlite");
    let set = |credential: &str| {
        let connection = Connection::open(&directory).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        let statement = format!("UPDATE users SET credential = ?1 WHERE {health}");
        assert_eq!(connection.execute(&statement, [credential]).unwrap(), 1);
    };
    let kept: String = {
        let select = format!("SELECT credential FROM users WHERE {health}");
        Connection::open(&directory).unwrap().query_row(&select, [], |row| row.get(0)).unwrap()
    };
    Fault::new(&installation, "secret of a health mailbox changed")
        .turns(("mbx1", "AuthenticationMonitor", "DB01"), || set(&format!("{{HEALTH}}{}", "0".repeat(64))))
        .says(&["Authentication at auth"])
        .and_blames(("mbx1", "PopDeepTestMonitor", "DB01"), "AuthenticationMonitor\\DB01")
        .while_healthy(("mbx2", "PopDeepTestMonitor", "DB02"))
        .heals(|| set(&kept));
}

#[test]
fn mail_that_is_turned_away_is_delivery_while_mail_is_still_read() {
    let installation = healthy(Preparation::new().set("delivery", "trusted-peers", "[\"127.0.0.0/8\"]"));
    let file = installation.data().join("mailmedic.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = "trusted-peers = [\"127.0.0.0/8\"]";
    assert!(text.contains(line));
    Fault::new(&installation, "LMTP turns everybody away")
        .turns(("cas1", "DeliveryMonitor", "DB01"), || {
            fs::write(&file, text.replace(line, "trusted-peers = [\"192.0.2.0/24\"]")).unwrap();
        })
        .while_healthy(("cas1", "PopCTPMonitor", "DB01"))
        .heals(|| fs::write(&file, &text).unwrap());
}
