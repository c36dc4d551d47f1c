//! What the service log says of a protocol log on a full disk. Alone in its process, since the service log is the process's.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod small_disk;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use service::SystemClock;
use service::protocol_log::{Line, ProtocolLog, ProtocolLogSettings};
use service::service_log::{ServiceLog, ServiceLogSettings};
use settings::{RollOver, ServiceLogLevel, Size, SizeLimit, Span, Value};
use small_disk::SmallDisk;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_full_disk_is_told_once_and_so_is_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let service_log = ServiceLog::start(&ServiceLogSettings {
        file: folder.path().join("frontend.log"),
        file_size: 1 << 20,
        older_files: 1,
        level: ServiceLogLevel::Info,
        terminal: false,
    })
    .unwrap();
    let disk = SmallDisk::mount("128k");
    let settings = ProtocolLogSettings {
        enabled: true,
        folder: disk.path().to_owned(),
        roll_over: RollOver::Daily,
        file_size: SizeLimit::Unlimited,
        keep_age: Span::parse("30 d").unwrap(),
        keep_size: Size::octets(1 << 30),
    };
    let log = ProtocolLog::start("frontend", settings, Arc::new(SystemClock)).unwrap();
    let ballast = disk.path().join("ballast");
    assert!(std::fs::write(&ballast, vec![0; 1 << 20]).is_err(), "the disk is full now");
    let address = SocketAddr::from(([127, 0, 0, 1], 110));
    for sequence in 0..5 {
        log.write(&Line {
            session: 1.into(),
            sequence,
            server: address,
            client: address,
            user: "",
            duration: Duration::ZERO,
            request: 0,
            reply: 0,
            command: "NOOP",
            parameters: "",
            context: "",
        });
        assert!(log.flush(PATIENCE));
    }
    std::fs::remove_file(&ballast).unwrap();
    assert!(log.flush(PATIENCE));
    assert!(service_log.flush(PATIENCE));
    let told = std::fs::read_to_string(folder.path().join("frontend.log")).unwrap();
    let told: Vec<_> =
        told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    let said: Vec<_> = told.iter().map(|event| event["level"].as_str().unwrap()).collect();
    assert_eq!(said, ["WARN", "INFO"], "{told:?}");
    assert_eq!((told[0]["log"].as_str(), told[1]["dropped"].as_u64()), (Some("protocol-log"), Some(0)));
}
