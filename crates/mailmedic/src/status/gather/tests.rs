use init::claim::Claim;
use settings::{DataDirectory, LoopbackPorts};

use super::*;
use crate::founding;

fn installation() -> (tempfile::TempDir, DataDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    drop(Claim::take(&data).unwrap());
    founding::write_loopback_configuration(&data, None).unwrap();
    (folder, data)
}

#[test]
fn what_does_not_run_is_shown_as_off_with_the_addresses_it_would_have() {
    let (_folder, data) = installation();
    let view = gather(&Site::open(&data).unwrap()).unwrap();
    assert_eq!(view.pid, None);
    let [cas1, mbx1] = view.servers.as_slice() else { panic!("{view:?}") };
    assert_eq!((cas1.power, mbx1.power), (Power::Off, Power::Off));
    assert_eq!((cas1.services[0].service.as_str(), cas1.services[0].state.as_str()), ("frontend", "off"));
    let pop3 = LoopbackPorts::default().pop3;
    assert_eq!(cas1.services[0].addresses[0].address, format!("127.0.0.1:{pop3}"));
}

#[test]
fn what_an_earlier_grid_wrote_down_is_not_believed() {
    let (_folder, data) = installation();
    let earlier = GridStatus {
        pid: 1,
        since: jiff::Timestamp::now(),
        servers: vec![PowerStatus {
            server: "cas1".to_owned(),
            pid: None,
            returns: Some(jiff::Timestamp::now()),
            losses: 3,
        }],
    };
    std::fs::write(grid_file(&data), serde_json::to_string(&earlier).unwrap()).unwrap();
    let view = gather(&Site::open(&data).unwrap()).unwrap();
    assert_eq!((view.servers[0].power, view.servers[0].power_losses), (Power::Off, None));
}

#[test]
fn where_a_service_listens_is_taken_from_its_own_words() {
    let details = serde_json::json!({ "addresses": [{ "protocol": "pop3", "address": "127.0.0.1:7" }] });
    let addresses = addresses(&details).unwrap();
    assert_eq!((addresses[0].purpose.as_str(), addresses[0].address.as_str()), ("pop3", "127.0.0.1:7"));
    assert!(super::addresses(&serde_json::json!({ "databases": [] })).is_none());
}
