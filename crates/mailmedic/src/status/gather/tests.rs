use init::claim::Claim;
use init::status::ServiceState;
use init::supervision::Failure;
use settings::{DataDirectory, LoopbackPorts};

use super::*;
use crate::founding;

fn installation() -> (tempfile::TempDir, DataDirectory) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDirectory::new(folder.path());
    drop(Claim::take(&data).unwrap());
    founding::write_loopback_configuration(&data, None, &[]).unwrap();
    (folder, data)
}

#[test]
fn what_does_not_run_is_shown_as_off_with_the_addresses_it_would_have() {
    let (_folder, data) = installation();
    let view = gather(&Site::open(&data).unwrap()).unwrap();
    assert_eq!(view.pid, None);
    let [cas1, mbx1, mbx2] = view.servers.as_slice() else { panic!("{view:?}") };
    assert_eq!([cas1.power, mbx1.power, mbx2.power], [Power::Off; 3]);
    let services: Vec<_> =
        cas1.services.iter().map(|service| (service.service.as_str(), service.state.as_str())).collect();
    assert_eq!(services, [("agent", "off"), ("frontend", "off")]);
    let LoopbackPorts { pop3, api, .. } = LoopbackPorts::default();
    assert_eq!(cas1.services[0].addresses[0].address, format!("127.0.0.1:{api}"));
    assert_eq!(cas1.services[1].addresses[0].address, format!("127.0.0.1:{pop3}"));
    let coordinator = view.coordinator.unwrap();
    assert_eq!((coordinator.state.as_str(), coordinator.pid), ("off", None));
}

#[test]
fn what_an_earlier_grid_wrote_down_is_not_believed() {
    let (_folder, data) = installation();
    let earlier = GridStatus {
        pid: 1,
        since: jiff::Timestamp::now(),
        coordinator: None,
        requests: Vec::new(),
        servers: vec![PowerStatus {
            server: "cas1".to_owned(),
            pid: None,
            returns: Some(jiff::Timestamp::now()),
            losses: 3,
            switched_off: false,
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

/// What the grid that this very process is has written down.
fn written_down(data: &DataDirectory, server: PowerStatus, coordinator: Option<ServiceStatus>) -> Claim {
    let claim = Claim::take(data).unwrap();
    let since = jiff::Timestamp::now();
    let grid = GridStatus {
        pid: std::process::id(),
        since,
        coordinator,
        servers: vec![server],
        requests: Vec::new(),
    };
    std::fs::write(grid_file(data), serde_json::to_string(&grid).unwrap()).unwrap();
    claim
}

fn power(server: &str, switched_off: bool) -> PowerStatus {
    PowerStatus { server: server.to_owned(), pid: None, returns: None, losses: 0, switched_off }
}

#[test]
fn a_server_that_was_switched_off_by_hand_is_shown_so_and_not_missed() {
    let (_folder, data) = installation();
    let _claim = written_down(&data, power("mbx1", true), None);
    let view = gather(&Site::open(&data).unwrap()).unwrap();
    assert_eq!((view.servers[0].power, view.servers[1].power), (Power::Off, Power::SwitchedOff));
    let shown = super::super::as_table(&view);
    assert!(shown.contains("switched off") && shown.contains("mbx1 was switched off by hand"), "{shown}");
}

#[test]
fn a_coordinator_that_keeps_dying_is_shown_with_the_reason() {
    let (_folder, data) = installation();
    let coordinator = ServiceStatus {
        service: COORDINATOR.to_owned(),
        state: ServiceState::Failed,
        pid: None,
        since: jiff::Timestamp::now(),
        restarts: 7,
        stopped_by_hand: false,
        failure: Some(Failure::Misconfigured),
    };
    let _claim = written_down(&data, power("mbx1", false), Some(coordinator));
    let shown = super::super::as_table(&gather(&Site::open(&data).unwrap()).unwrap());
    let row = shown.lines().find(|line| line.starts_with('-')).unwrap();
    assert!(
        row.contains("coordinator") && row.contains("Failed") && row.contains("coordinator.sock"),
        "{row}"
    );
    assert!(shown.contains("coordinator: its settings are wrong"), "{shown}");
}

#[test]
fn where_the_coordinator_is_etcd_there_is_none_of_ours_to_show() {
    let (_folder, data) = installation();
    let text = std::fs::read_to_string(data.configuration()).unwrap();
    let text = text.replace("#: kind = \"local\"", "kind = \"etcd\"");
    let text = text.replace("#: endpoints = []", "endpoints = [\"http://192.0.2.9:2379\"]");
    std::fs::write(data.configuration(), text).unwrap();
    assert!(gather(&Site::open(&data).unwrap()).unwrap().coordinator.is_none());
}
