//! A whole service: its admin socket answers what the rest of it knows.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::drain::Phase;
use service::admin::{
    Answer, Ask, AskError, ImportReport, ImportState, MoveAnswer, MoveOrder, MoveStep, Status, Traffic, ask,
};
use service::live::{LiveFiles, write_set};
use service::service_log::{ServiceLog, ServiceLogSettings};
use service::{Exchange, Live, Particulars, Service, Started, Startup, SystemClock};
use settings::{
    Configuration, DataDirectory, Layer, LoopbackPorts, ServerFolder, ServerName, ServiceLogLevel, Value,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    _data: tempfile::TempDir,
    folder: ServerFolder,
    files: LiveFiles,
    service: Arc<Service>,
    _admin: service::admin::AdminServer,
}

fn place(service_log: Option<Arc<ServiceLog>>) -> Place {
    let data = tempfile::tempdir().unwrap();
    let directory = DataDirectory::new(data.path());
    let folder = directory.server("cas1");
    std::fs::create_dir_all(folder.root()).unwrap();
    let configuration = Configuration::for_loopback(LoopbackPorts::default()).unwrap();
    std::fs::write(directory.configuration(), configuration.to_toml()).unwrap();
    let files = LiveFiles {
        configuration: directory.configuration(),
        set: folder.pop_settings(),
        server: ServerName::parse("cas1").unwrap(),
    };
    let Started { service, admin } = Service::start(Startup {
        name: "frontend",
        server: "cas1".into(),
        folder: folder.clone(),
        live: Live::open(files.clone()).unwrap(),
        clock: Arc::new(SystemClock),
        service_log,
    })
    .unwrap();
    Place { _data: data, folder, files, service, _admin: admin }
}

impl Place {
    fn asked(&self, question: &Ask) -> Result<Answer, AskError> {
        ask(&self.folder.admin_socket("frontend"), question, PATIENCE)
    }

    fn status(&self) -> Status {
        match self.asked(&Ask::Status).unwrap() {
            Answer::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    fn set(&self, name: &str, value: &str) {
        let mut layer = Layer::default();
        layer.set(name, value).unwrap();
        write_set(&self.files.set, &layer).unwrap();
    }

    fn has_session(&self) {
        let address = SocketAddr::from(([127, 0, 0, 1], 110));
        let mut session = self.service.open_pop3(address, address);
        session.begin("CAPA");
        session.end(&Exchange { command: "CAPA", ok: true, ..Exchange::default() });
    }
}

#[test]
fn a_session_shows_at_the_admin_socket_while_it_is_on() {
    let place = place(None);
    let address = SocketAddr::from(([127, 0, 0, 1], 110));
    let mut session = place.service.open_pop3(address, address);
    session.set_user("user1@example.com");
    session.begin("RETR");
    let Answer::Sessions { total, sessions } = place.asked(&Ask::Sessions { limit: 10 }).unwrap() else {
        panic!()
    };
    assert_eq!((total, sessions[0].user.as_deref()), (1, Some("user1@example.com")));
    assert_eq!(sessions[0].command.as_ref().unwrap().command, "RETR");
    let Answer::Counters(counters) = place.asked(&Ask::Counters).unwrap() else { panic!() };
    assert_eq!(
        (counters.protocols[0].in_flight.count, counters.protocols[0].counters.sessions_opened),
        (1, 1)
    );
    assert_eq!(counters.gauges["protocol_log_lines_dropped"], 0);
    session.end(&Exchange { command: "RETR", ok: true, ..Exchange::default() });
    let Answer::Session { open, kept } = place.asked(&Ask::Session { id: session.id() }).unwrap() else {
        panic!()
    };
    assert_eq!((open.len(), open[0].exchanges, kept.len()), (1, 1, 0));
    drop(session);
    let Answer::Counters(counters) = place.asked(&Ask::Counters).unwrap() else { panic!() };
    assert_eq!(
        (counters.protocols[0].counters.commands[0].count, counters.protocols[0].in_flight.count),
        (1, 0)
    );
}

#[test]
fn an_operator_drains_and_admits() {
    let place = place(None);
    assert_eq!(place.status().traffic, Traffic::Admitting);
    place.asked(&Ask::Drain).unwrap();
    assert_eq!(
        (place.status().traffic, place.service.sessions.phase()),
        (Traffic::Draining, Phase::Draining)
    );
    place.asked(&Ask::Admit).unwrap();
    assert_eq!(place.status().traffic, Traffic::Admitting);
}

#[test]
fn the_log_is_switched_on_by_set_and_reload_without_any_runtime() {
    let place = place(None);
    place.has_session();
    place.set("ProtocolLogEnabled", "$true");
    assert_eq!(place.asked(&Ask::Reload).unwrap(), Answer::Reloaded { changed: true });
    assert!(place.status().protocol_log.enabled);
    place.has_session();
    assert!(place.service.protocol_log.flush(PATIENCE));
    assert_eq!(
        place.status().protocol_log.written,
        3,
        "OpenSession, CAPA, CloseSession of the second session only"
    );
    let Answer::Settings { settings } = place.asked(&Ask::Settings).unwrap() else { panic!() };
    let setting = settings.iter().find(|setting| setting.name == "ProtocolLogEnabled").unwrap();
    assert_eq!(
        (setting.section.as_str(), setting.value.as_str(), setting.origin.as_str()),
        ("pop", "true", "set")
    );
}

#[tokio::test]
async fn a_changed_file_switches_the_log_by_itself() {
    let place = place(None);
    let following = tokio::spawn(Arc::clone(&place.service).follow_settings());
    let mut changes = place.service.live.subscribe();
    place.set("ProtocolLogEnabled", "$true");
    tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    tokio::time::timeout(PATIENCE, async {
        while !place.service.protocol_log.enabled() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    following.abort();
}

#[test]
fn a_reload_of_a_file_with_mistakes_is_refused_with_all_of_them() {
    let place = place(None);
    std::fs::write(&place.files.set, "max-connections = 0\nbaner = \"x\"\n").unwrap();
    let told = place.asked(&Ask::Reload).unwrap_err().to_string();
    assert!(told.contains(":1:19: 0 is out of range") && told.contains(":2:1: unknown key"), "{told}");
    assert!(!place.status().protocol_log.enabled);
}

#[test]
fn a_service_says_what_only_it_can_say() {
    let place = place(None);
    assert!(place.status().details.is_null());
    place.service.set_particulars(Particulars {
        details: Box::new(|| serde_json::json!({ "databases": ["DB01"] })),
        gauges: Box::new(|| [("log_ins_waiting".to_owned(), 3)].into()),
    });
    assert_eq!(place.status().details["databases"][0], "DB01");
    let Answer::Counters(counters) = place.asked(&Ask::Counters).unwrap() else { panic!() };
    assert_eq!(counters.gauges["log_ins_waiting"], 3);
    let status = place.status();
    assert_eq!(
        (status.service.as_str(), status.server.as_str(), status.pid),
        ("frontend", "cas1", std::process::id())
    );
}

#[test]
fn an_operator_changes_how_much_the_service_log_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frontend.log");
    let (log, subscriber) = ServiceLog::build(&ServiceLogSettings {
        file: file.clone(),
        file_size: 1 << 20,
        older_files: 1,
        level: ServiceLogLevel::Info,
        terminal: false,
    })
    .unwrap();
    let log = Arc::new(log);
    let place = place(Some(Arc::clone(&log)));
    place.asked(&Ask::LogLevel { level: "debug".into() }).unwrap();
    tracing::subscriber::with_default(subscriber, || tracing::debug!("said"));
    assert!(log.flush(PATIENCE));
    assert!(std::fs::read_to_string(file).unwrap().contains("\"said\""));
    let told = place.asked(&Ask::LogLevel { level: "debugg".into() }).unwrap_err().to_string();
    assert_eq!(told, "\"debugg\" is not possible here; write \"debug\"");
}

#[test]
fn a_process_without_a_service_log_says_so() {
    let told = place(None).asked(&Ask::LogLevel { level: "debug".into() }).unwrap_err().to_string();
    assert_eq!(told, "this process has no service log");
}

#[test]
fn a_second_process_of_the_same_service_does_not_start() {
    let place = place(None);
    let second = Service::start(Startup {
        name: "frontend",
        server: "cas1".into(),
        folder: place.folder.clone(),
        live: Live::open(place.files.clone()).unwrap(),
        clock: Arc::new(SystemClock),
        service_log: None,
    });
    let told = second.err().unwrap().to_string();
    assert!(told.ends_with("belongs to a process that is running; stop that one first"), "{told}");
}

#[test]
fn a_mailbox_is_removed_where_it_lies_and_nowhere_else() {
    let place = place(None);
    let remove = |mailbox: &str| {
        place
            .asked(&Ask::RemoveMailbox { database: "DB01".into(), mailbox: mailbox.into() })
            .map_err(|e| e.to_string())
    };
    assert_eq!(remove("1"), Err("a frontend has no mailboxes".into()));
    place.service.set_removal(Box::new(|database, mailbox| {
        if (database, mailbox) == ("DB01", "1") { Ok(()) } else { Err("there is no such mailbox".into()) }
    }));
    assert_eq!(remove("1"), Ok(Answer::Done));
    assert_eq!(remove("2"), Err("there is no such mailbox".into()));
}

#[test]
fn the_steps_of_a_move_are_taken_where_there_are_mailboxes() {
    let place = place(None);
    let order = MoveOrder {
        id: "00112233445566778899aabbccddeeff".into(),
        user: "user1@example.com".into(),
        mailbox: "ffeeddccbbaa99887766554433221100".into(),
        database: "DB02".into(),
    };
    let steps = [
        MoveStep::Measure,
        MoveStep::Admit { quota: Some(10), octets: 7 },
        MoveStep::Import { source: "DB01".into(), round: 1 },
        MoveStep::Close,
        MoveStep::Discard,
        MoveStep::Leave,
    ];
    let take = |step: &MoveStep| place.asked(&Ask::Move { order: order.clone(), step: step.clone() });
    assert_eq!(take(&steps[0]).unwrap_err().to_string(), "a frontend has no mailboxes");
    let state = ImportState::Failed { reason: "it is full".into(), retry: true };
    let report = ImportReport { round: 1, messages: 2, state, ..ImportReport::default() };
    let answers = [
        MoveAnswer::Holds { messages: 1, octets: 2 },
        MoveAnswer::NoRoom { reason: "it is full".into() },
        MoveAnswer::Import(report),
        MoveAnswer::Done,
        MoveAnswer::Superseded,
        MoveAnswer::NotMounted,
    ];
    let script: Vec<_> = steps.iter().cloned().zip(answers.clone()).collect();
    let expected = order.clone();
    place.service.set_moves(Box::new(move |order, step| {
        assert_eq!(order, expected);
        script.iter().find(|(asked, _)| *asked == step).unwrap().1.clone()
    }));
    for (step, answer) in steps.iter().zip(answers) {
        assert_eq!(take(step).unwrap(), Answer::Move(answer));
    }
}
