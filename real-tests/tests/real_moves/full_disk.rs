//! The disk of the databases is full, and one of them moves.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use real_tests::load::PASSWORD;
use real_tests::random::Random;
use real_tests::small_disk::SmallDisk;
use real_tests::{LmtpClient, Preparation, mail, until};

use crate::ledger::Ledger;
use crate::view::move_database;

const USER: &str = "user1@example.com";

#[test]
fn a_full_disk_moves_its_database_too() {
    let disk = SmallDisk::mount(64);
    let mut installation = Preparation::new().set("delivery", "low-water-mark", "\"16 MB\"").start();
    installation.stop();
    // What the servers agree about, and their logs, are on another disk.
    let databases = installation.data().join("databases");
    let copied = Command::new("cp").arg("-a").arg(&databases).arg(disk.path()).status();
    assert!(copied.unwrap().success());
    fs::remove_dir_all(&databases).unwrap();
    symlink(disk.path().join("databases"), &databases).unwrap();
    installation.start();
    let add = ["user", "add", USER, "--password-stdin", "--database", "DB01"];
    installation.command_with_input(add, PASSWORD.as_bytes()).succeeded();
    let mut random = Random::for_test();
    let sent: Vec<_> =
        (0..10).map(|number| mail::message(&format!("disk-{number}"), 60_000, &mut random)).collect();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    for message in &sent {
        assert!(sender.deliver(&[USER], message)[0].is_accepted());
    }

    disk.fill_up_to(0);
    assert_eq!(disk.free(), 0);
    move_database(&installation, "DB01", "mbx2");
    assert_eq!(sender.deliver(&[USER], &sent[0])[0].refusal(), Some(452));
    let mut client = installation.log_in(USER, PASSWORD).unwrap();
    for (entry, sent) in client.list().unwrap().iter().zip(&sent) {
        assert!(mail::is_intact(&client.retrieve(entry.number).unwrap(), sent));
        client.delete(entry.number).unwrap();
    }
    client.quit().unwrap();
    move_database(&installation, "DB01", "mbx1");
    assert!(installation.mail_of(USER, PASSWORD).is_empty());

    disk.empty();
    until("mail to be taken again", || sender.deliver(&[USER], &sent[0])[0].is_accepted().then_some(()));
    Ledger::read(&installation, &[]).prove(&installation);
}
