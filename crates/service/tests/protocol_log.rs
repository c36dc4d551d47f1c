//! The protocol log: lines, files, and what happens when the disk is full.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod small_disk;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use service::clock::ManualClock;
use service::protocol_log::{Line, ProtocolLog, ProtocolLogSettings};
use settings::{RollOver, Size, SizeLimit, Span, Value};
use small_disk::SmallDisk;

const PATIENCE: Duration = Duration::from_secs(20);

fn settings(folder: &Path) -> ProtocolLogSettings {
    ProtocolLogSettings {
        enabled: true,
        folder: folder.to_owned(),
        roll_over: RollOver::Daily,
        file_size: SizeLimit::Unlimited,
        keep_age: Span::parse("30 d").unwrap(),
        keep_size: Size::octets(1 << 30),
    }
}

/// Sunday, the 22nd of November 2026, half past ten.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-22T10:30:00.123456Z".parse::<Timestamp>().unwrap()))
}

fn start(settings: ProtocolLogSettings, clock: &Arc<ManualClock>) -> ProtocolLog {
    ProtocolLog::start("frontend", settings, Arc::clone(clock) as _).unwrap()
}

fn line() -> Line<'static> {
    Line {
        session: 0xABC.into(),
        sequence: 3,
        server: SocketAddr::from(([127, 0, 0, 1], 110)),
        client: SocketAddr::from(([192, 0, 2, 9], 40000)),
        user: "user1@example.com",
        duration: Duration::from_micros(1_234),
        request: 8,
        reply: 4096,
        command: "RETR",
        parameters: "1",
        context: "mbx1 DB01 ok",
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The lines of all files, headings left out.
fn lines(folder: &Path) -> Vec<String> {
    let text = |name: String| std::fs::read_to_string(folder.join(name)).unwrap();
    let all =
        files(folder).into_iter().filter(|name| name.starts_with("frontend-")).map(text).collect::<String>();
    all.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn flushed(log: &ProtocolLog) {
    assert!(log.flush(PATIENCE), "the log was not written in time");
}

#[test]
fn a_line_has_the_fields_that_the_heading_names() {
    let folder = tempfile::tempdir().unwrap();
    let log = start(settings(folder.path()), &clock());
    log.write(&line());
    flushed(&log);
    let text = std::fs::read_to_string(folder.path().join("frontend-20261122T00-1.log")).unwrap();
    assert_eq!(
        text,
        format!(
            "#Software: mailmedic {}\n\
             #Log-type: protocol log of the frontend\n\
             #Date: 2026-11-22T10:30:00.123Z\n\
             #Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,context\n\
             2026-11-22T10:30:00.123Z,0000000000000abc,3,127.0.0.1:110,192.0.2.9:40000,user1@example.com,1.234,8,4096,RETR,1,mbx1 DB01 ok\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[test]
fn commas_and_quotes_are_quoted_and_control_characters_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let log = start(settings(folder.path()), &clock());
    log.write(&Line { user: "a,b", parameters: "say \"hi\"", context: "two\r\nlines\0\u{7f}, é", ..line() });
    flushed(&log);
    let lines = lines(folder.path());
    assert_eq!(lines.len(), 1, "an exchange is one line: {lines:?}");
    assert!(lines[0].contains(",\"a,b\","), "{}", lines[0]);
    assert!(lines[0].ends_with(r#","say ""hi""","two\x0d\x0alines\x00\x7f, é""#), "{}", lines[0]);
}

#[test]
fn a_log_that_is_off_writes_nothing_and_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("protocol-log");
    let log = start(ProtocolLogSettings { enabled: false, ..settings(&below) }, &clock());
    log.write(&line());
    flushed(&log);
    assert!(!below.exists());
}

#[test]
fn it_is_switched_on_and_off_and_moved_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let log = start(ProtocolLogSettings { enabled: false, ..settings(&first) }, &clock());
    log.configure(settings(&first));
    log.write(&line());
    flushed(&log);
    log.configure(settings(&second));
    log.write(&line());
    flushed(&log);
    log.configure(ProtocolLogSettings { enabled: false, ..settings(&second) });
    log.write(&line());
    flushed(&log);
    assert_eq!((lines(&first).len(), lines(&second).len()), (1, 1));
}

#[test]
fn a_new_period_begins_a_new_file() {
    for (roll_over, step, expected) in [
        (RollOver::Hourly, 1, ["frontend-20261122T10-1.log", "frontend-20261122T11-1.log"]),
        (RollOver::Daily, 14, ["frontend-20261122T00-1.log", "frontend-20261123T00-1.log"]),
        // A week begins on Monday, and this is Sunday.
        (RollOver::Weekly, 14, ["frontend-20261116T00-1.log", "frontend-20261123T00-1.log"]),
        (RollOver::Monthly, 9 * 24, ["frontend-20261101T00-1.log", "frontend-20261201T00-1.log"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let log = start(ProtocolLogSettings { roll_over, ..settings(folder.path()) }, &clock);
        log.write(&line());
        flushed(&log);
        clock.advance(Duration::from_hours(step));
        log.write(&line());
        flushed(&log);
        assert_eq!(files(folder.path()), expected, "{roll_over}");
    }
}

#[test]
fn a_full_file_is_followed_by_another_of_the_same_period() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 2000;
    let file_size = SizeLimit::AtMost(Size::octets(limit));
    let log = start(ProtocolLogSettings { file_size, ..settings(folder.path()) }, &clock());
    for sequence in 0..40 {
        log.write(&Line { sequence, ..line() });
    }
    flushed(&log);
    assert!(files(folder.path()).len() > 2, "{:?}", files(folder.path()));
    for name in files(folder.path()) {
        assert!(std::fs::metadata(folder.path().join(name)).unwrap().len() <= limit);
    }
    let sequences: Vec<_> =
        lines(folder.path()).iter().map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..40).map(|sequence| sequence.to_string()).collect();
    assert_eq!(sequences, expected, "no line is lost or out of order");
}

#[test]
fn a_restart_goes_on_with_the_last_file_and_ends_a_line_that_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let log = start(settings(folder.path()), &clock);
    log.write(&line());
    drop(log);
    let file = folder.path().join("frontend-20261122T00-1.log");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("2026-11-22T10:30:00.123Z,00000");
    std::fs::write(&file, &text).unwrap();
    let log = start(settings(folder.path()), &clock);
    log.write(&line());
    drop(log);
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(lines(folder.path()).len(), 3, "two whole lines and the rest of one between them");
}

#[test]
fn two_services_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let front = start(settings(folder.path()), &clock());
    let back = ProtocolLog::start("backend", settings(folder.path()), clock()).unwrap();
    front.write(&line());
    back.write(&line());
    drop((front, back));
    assert_eq!(files(folder.path()), ["backend-20261122T00-1.log", "frontend-20261122T00-1.log"]);
}

#[test]
fn files_that_are_too_old_are_removed_and_strangers_stay() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let clock = clock();
    let keep_age = Span::parse("2 d").unwrap();
    let log = start(ProtocolLogSettings { keep_age, ..settings(folder.path()) }, &clock);
    for _ in 0..5 {
        log.write(&line());
        flushed(&log);
        clock.advance(Duration::from_hours(24));
    }
    assert_eq!(
        files(folder.path()),
        [
            "frontend-20261124T00-1.log",
            "frontend-20261125T00-1.log",
            "frontend-20261126T00-1.log",
            "notes.txt"
        ]
    );
}

#[test]
fn the_oldest_files_make_way_when_all_are_too_large_together() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let keep_size = Size::octets(3000);
    let file_size = SizeLimit::AtMost(Size::octets(1000));
    let log = start(ProtocolLogSettings { keep_size, file_size, ..settings(folder.path()) }, &clock);
    for sequence in 0..100 {
        log.write(&Line { sequence, ..line() });
        flushed(&log);
    }
    let sizes: u64 =
        files(folder.path()).iter().map(|name| folder.path().join(name).metadata().unwrap().len()).sum();
    assert!(sizes <= 4000, "{sizes} octets are kept");
    assert!(lines(folder.path()).last().unwrap().contains(",99,"));
}

#[test]
fn a_file_that_was_removed_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = start(settings(folder.path()), &clock());
    log.write(&line());
    flushed(&log);
    std::fs::remove_file(folder.path().join("frontend-20261122T00-1.log")).unwrap();
    log.write(&line());
    flushed(&log);
    assert_eq!(lines(folder.path()).len(), 1);
}

#[test]
fn a_full_disk_makes_nobody_wait_and_the_log_recovers_by_itself() {
    let disk = SmallDisk::mount("256k");
    let log = start(settings(disk.path()), &clock());
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 200 << 10]).unwrap();
    // Far more than the disk takes and than may wait: the rest is dropped, and nobody has waited for the disk.
    for sequence in 0..200_000 {
        log.write(&Line { sequence, ..line() });
    }
    flushed(&log);
    let full = log.report();
    assert!(full.dropped > 0 && full.dropped < 200_000, "{full:?}");
    for line in lines(disk.path()) {
        assert!(line.ends_with("mbx1 DB01 ok"), "half a line on a full disk: {line}");
    }
    // Someone makes room, by moving the log elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    log.configure(settings(elsewhere.path()));
    flushed(&log);
    log.write(&Line { sequence: 777_777, ..line() });
    flushed(&log);
    let later = lines(elsewhere.path());
    assert!(later.last().unwrap().contains(",777777,"), "the line after the full disk is there");
    assert_eq!(log.report().written, (lines(disk.path()).len() + later.len()) as u64);
    assert_eq!(log.report().written + log.report().dropped, 200_001);
}

#[test]
fn a_disk_that_was_full_is_used_again_once_there_is_room() {
    let disk = SmallDisk::mount("256k");
    let log = start(settings(disk.path()), &clock());
    let ballast = disk.path().join("ballast");
    let filled = std::fs::write(&ballast, vec![0; 1 << 20]);
    assert!(filled.is_err(), "the disk is full now");
    log.write(&line());
    flushed(&log);
    assert_eq!(log.report().written, 0);
    std::fs::remove_file(&ballast).unwrap();
    flushed(&log);
    assert_eq!((log.report().written, log.report().dropped), (1, 0), "what waited was written");
}
