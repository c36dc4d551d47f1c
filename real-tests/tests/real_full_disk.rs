//! A disk without space for mail: mail servers are told to come back, users go on, and deleting makes room.

use real_tests::random::Random;
use real_tests::small_disk::SmallDisk;
use real_tests::{LmtpClient, Preparation, mail, until};

const USER: &str = "user1@example.com";
const PASSWORD: &str = "secret";

/// Megabytes of the disk. Each of the two databases holds 16 of them back for deletions, if that leaves plenty.
const DISK: u32 = 96;
const LOW_WATER: u64 = 16 << 20;

#[test]
fn a_full_disk_turns_mail_away_and_lets_users_read_and_delete() {
    let disk = SmallDisk::mount(DISK);
    let preparation = Preparation::new().inside(disk.path()).set("delivery", "low-water-mark", "\"16 MB\"");
    let installation = preparation.start();
    installation.add_users(&[USER], PASSWORD);
    let mut random = Random::for_test();
    let sent: Vec<_> =
        (0..20).map(|number| mail::message(&format!("disk-{number}"), 60_000, &mut random)).collect();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    for message in &sent {
        assert!(sender.deliver(&[USER], message)[0].is_accepted());
    }
    let before = installation.until_serving().pids();
    let mut under_way = installation.log_in(USER, PASSWORD).unwrap();
    assert_eq!(under_way.stat().unwrap().0, 20);

    // Below the mark: no mail, small or large, from old connections or new ones.
    disk.fill_up_to(LOW_WATER / 2);
    until("mail to be turned away", || {
        (sender.deliver(&[USER], &sent[0])[0].refusal() == Some(452)).then_some(())
    });
    let accepted = installation.mail_of(USER, PASSWORD).len() - sent.len();
    assert_eq!(accepted, 0, "mail was taken below the mark");

    // Not a single octet left.
    disk.fill_up_to(0);
    assert_eq!(disk.free(), 0);
    let large = mail::message("large", 2_000_000, &mut random);
    for message in [&sent[0], &large] {
        let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
        let verdict = &sender.deliver(&[USER], message)[0];
        assert_eq!(verdict.refusal(), Some(452), "{verdict:?}");
    }
    let mut client = installation.log_in(USER, PASSWORD).unwrap();
    let list = client.list().unwrap();
    for (entry, sent) in list.iter().zip(&sent) {
        assert!(mail::is_intact(&client.retrieve(entry.number).unwrap(), sent));
    }
    for entry in &list[..15] {
        client.delete(entry.number).unwrap();
    }
    client.quit().unwrap();
    let left = installation.mail_of(USER, PASSWORD);
    assert_eq!(left.len(), 5);
    for (mail, sent) in left.iter().zip(&sent[15..]) {
        assert!(mail::is_intact(mail, sent));
    }
    // A session that began before still sees what it saw.
    let first = under_way.list().unwrap();
    assert!(mail::is_intact(&under_way.retrieve(first[0].number).unwrap(), &sent[0]));
    under_way.quit().unwrap();

    // Space comes back, and so does mail, with no help.
    disk.empty();
    let mut sender = LmtpClient::connect(installation.lmtp()).unwrap();
    until("mail to be taken again", || sender.deliver(&[USER], &large)[0].is_accepted().then_some(()));
    let mail = installation.mail_of(USER, PASSWORD);
    assert_eq!(mail.len(), 6);
    assert!(mail::is_intact(&mail[5], &large));
    assert_eq!(installation.status().pids(), before, "something was started anew");
    installation.command(["database", "check"]).succeeded();
}
