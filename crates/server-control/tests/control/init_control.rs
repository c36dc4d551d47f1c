//! Our init, as it should be and as it should not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use init::status::{Reply, ServerStatus};
use init::supervision::Failure;
use jiff::Timestamp;
use server_control::testing::FakeServices;
use server_control::{
    ControlError, InitControl, InitLimits, Killed, Operation, Retry, ServiceControl, ServiceState,
};

use crate::fake_init::{Listener, Manner, service_status};
use crate::suite::{Scene, suite};
use crate::{server, service};

suite!(begin);

struct InitScene {
    control: InitControl,
    services: Arc<FakeServices>,
    _listener: Listener,
}

impl Scene for InitScene {
    fn control(&self) -> &dyn ServiceControl {
        &self.control
    }

    fn break_service(&self, name: &str) {
        self.services.break_service(&service(name));
    }
}

async fn begin() -> InitScene {
    let services = Arc::new(FakeServices::running(["backend", "frontend"]));
    services.stop(&service("frontend")).await.unwrap();
    let listener = Listener::new(Manner::Init(services.clone()));
    InitScene { control: control(listener.socket(), PATIENT), services, _listener: listener }
}

const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(50);

fn control(socket: &Path, answer: Duration) -> InitControl {
    let limits = InitLimits { answer, settle: Duration::from_millis(200) };
    InitControl::new(server("mbx1"), socket.to_owned(), limits)
}

/// The services as an init would say it, after a change by the test.
async fn done(change: impl FnOnce(&mut ServerStatus)) -> Vec<u8> {
    let services = FakeServices::running(["backend"]);
    let mut status = ServerStatus {
        server: "mbx1".into(),
        boot_id: "boot".into(),
        pid: 1,
        since: Timestamp::UNIX_EPOCH,
        services: services.services().await.unwrap().into_iter().map(service_status).collect(),
    };
    change(&mut status);
    let mut line = serde_json::to_vec(&Reply::Done(status)).unwrap();
    line.push(b'\n');
    line
}

#[tokio::test]
async fn a_socket_with_a_long_path_is_reached() {
    let path: PathBuf = ["a-folder-with-a-rather-long-name"; 5].iter().collect();
    let services = Arc::new(FakeServices::running(["backend"]));
    let listener = Listener::at(&path.join("init.sock"), Manner::Init(services));
    assert!(listener.socket().as_os_str().len() > 107);
    assert_eq!(control(listener.socket(), PATIENT).services().await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_an_init_nothing_was_done_and_it_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let control = control(&folder.path().join("init.sock"), PATIENT);
    for error in [
        control.services().await.unwrap_err(),
        control.start(&service("backend")).await.unwrap_err(),
        control.kill(&service("backend")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.retry(), Retry::Soon);
        assert!(error.to_string().contains("the init of mbx1 does not answer"), "{error}");
    }
}

/// What an init may do that is no answer.
fn manners() -> Vec<(&'static str, Manner)> {
    vec![
        ("hangs", Manner::Hangs),
        ("closes at once", Manner::Says(Vec::new())),
        ("answers garbage", Manner::Says(b"\x00\xffhello\n".to_vec())),
        ("answers JSON of another kind", Manner::Says(b"{\"answer\":42}\n".to_vec())),
        ("breaks off in the line", Manner::Says(b"{\"done\":{\"server\":\"mb".to_vec())),
        ("does not end the line", Manner::Babbles),
    ]
}

#[tokio::test]
async fn a_question_to_an_init_that_misbehaves_may_be_asked_again() {
    for (what, manner) in manners() {
        let listener = Listener::new(manner);
        let error = control(listener.socket(), IMPATIENT).services().await.unwrap_err();
        assert!(matches!(error, ControlError::Unreachable { .. }), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn what_an_init_that_misbehaves_made_of_a_request_is_unknown() {
    for (what, manner) in manners() {
        let listener = Listener::new(manner);
        let error = control(listener.socket(), IMPATIENT).stop(&service("backend")).await.unwrap_err();
        assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{what}: {error:?}");
        assert_eq!(*error.operation(), Operation::Stop(service("backend")), "{what}");
    }
}

#[tokio::test]
async fn an_init_that_does_not_say_how_things_are_is_not_asked_to_kill() {
    for (what, manner) in manners() {
        let listener = Listener::new(manner);
        let error = control(listener.socket(), IMPATIENT).kill(&service("backend")).await.unwrap_err();
        assert!(matches!(error, ControlError::Unreachable { .. }), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn an_init_too_old_to_kill_says_that_it_is_not_supported() {
    let services = Arc::new(FakeServices::running(["backend"]));
    let listener = Listener::new(Manner::OldInit(services.clone()));
    let error = control(listener.socket(), PATIENT).kill(&service("backend")).await.unwrap_err();
    assert!(matches!(error, ControlError::Unsupported { .. }), "{error:?}");
    assert!(!services.deeds().contains(&Operation::Kill(service("backend"))));
}

#[tokio::test]
async fn a_killed_service_may_run_again_at_once() {
    let scene = begin().await;
    let killed = scene.control.kill(&service("backend")).await.unwrap();
    let after = scene.services.report(&service("backend")).unwrap();
    assert_eq!((after.state, after.restarts), (ServiceState::Running, 1));
    assert_ne!(Killed::Process { pid: after.pid.unwrap() }, killed);
}

#[tokio::test]
async fn a_service_that_does_not_get_anywhere_is_given_up_in_time() {
    let starting = done(|status| status.services[0].state = init::status::ServiceState::Starting).await;
    let listener = Listener::new(Manner::Says(starting));
    let error = control(listener.socket(), PATIENT).start(&service("backend")).await.unwrap_err();
    assert!(matches!(error, ControlError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("backend of mbx1 is starting after 200ms"), "{error}");
}

#[tokio::test]
async fn a_crash_loop_is_told_in_words() {
    let dead = done(|status| {
        let failure = Failure::CrashLoop { deaths: 3, window: 60, last: "was ended by signal 6".into() };
        status.services[0].state = init::status::ServiceState::Failed;
        status.services[0].failure = Some(failure.clone());
    })
    .await;
    let listener = Listener::new(Manner::Says(dead));
    let report = control(listener.socket(), PATIENT).services().await.unwrap().remove(0);
    assert_eq!(report.state, ServiceState::Failed);
    assert_eq!(report.failure.unwrap(), "it died 3 times within 60 s; last it was ended by signal 6");
}

#[tokio::test]
async fn a_failure_of_a_kind_that_came_later_is_still_told() {
    let text =
        String::from_utf8(done(|status| status.services[0].failure = Some(Failure::Misconfigured)).await)
            .unwrap();
    let listener = Listener::new(Manner::Says(text.replace("misconfigured", "struck-by-lightning").into()));
    let report = control(listener.socket(), PATIENT).services().await.unwrap().remove(0);
    assert!(report.failure.unwrap().contains("struck-by-lightning"));
}
