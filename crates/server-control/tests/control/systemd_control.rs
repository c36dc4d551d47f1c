//! Systemd, as it should be and as it should not.

use std::time::Duration;

use server_control::{
    Bus, ControlError, Operation, ServiceControl, ServiceState, SystemdControl, SystemdLimits,
};

use crate::bus::PrivateBus;
use crate::fake_systemd::{FakeSystemd, Jobs};
use crate::suite::{Scene, suite};
use crate::{server, service};

suite!(begin);

struct SystemdScene {
    control: SystemdControl,
    systemd: FakeSystemd,
}

impl Scene for SystemdScene {
    fn control(&self) -> &dyn ServiceControl {
        &self.control
    }

    fn break_service(&self, name: &str) {
        self.systemd.break_service(name);
    }
}

async fn begin() -> SystemdScene {
    let systemd = FakeSystemd::start().await;
    SystemdScene { control: systemd.control(PATIENT), systemd }
}

const PATIENT: SystemdLimits = SystemdLimits {
    answer: Duration::from_secs(10),
    settle: Duration::from_secs(10),
    kill: Duration::from_secs(10),
};
const IMPATIENT: SystemdLimits = SystemdLimits {
    answer: Duration::from_secs(10),
    settle: Duration::from_millis(100),
    kill: Duration::from_millis(100),
};

#[tokio::test]
async fn a_unit_that_does_not_exist_is_listed_as_failed_and_not_started() {
    let scene = begin().await;
    let agent = scene.control.services().await.unwrap().pop().unwrap();
    assert_eq!((agent.state, agent.service), (ServiceState::Failed, service("agent")));
    let error = scene.control.start(&service("agent")).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot start agent: Unit mailmedic-agent.service not found.");
}

#[tokio::test]
async fn a_killed_unit_is_started_again_by_systemd() {
    let scene = begin().await;
    scene.control.kill(&service("backend")).await.unwrap();
    let backend = scene.control.services().await.unwrap().remove(0);
    assert_eq!((backend.state, backend.restarts), (ServiceState::Running, 1));
}

#[tokio::test]
async fn a_job_that_had_nothing_to_do_is_done() {
    let scene = begin().await;
    scene.systemd.treat_jobs(Jobs::End("skipped")).await;
    scene.control.start(&service("backend")).await.unwrap();
}

#[tokio::test]
async fn a_job_that_ends_otherwise_is_told_by_its_result() {
    let scene = begin().await;
    for result in ["failed", "timeout", "canceled", "dependency", "a-new-one"] {
        scene.systemd.treat_jobs(Jobs::End(result)).await;
        let error = scene.control.restart(&service("backend")).await.unwrap_err();
        assert!(matches!(error, ControlError::Failed { .. }), "{error:?}");
        assert!(error.to_string().contains(result), "{error}");
    }
}

#[tokio::test]
async fn what_becomes_of_a_job_that_does_not_end_is_unknown() {
    let scene = begin().await;
    scene.systemd.treat_jobs(Jobs::Stay).await;
    let error = scene.systemd.control(IMPATIENT).stop(&service("backend")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(*error.operation(), Operation::Stop(service("backend")));
}

#[tokio::test]
async fn what_a_systemd_that_hangs_made_of_a_request_is_unknown() {
    let scene = begin().await;
    scene.systemd.treat_jobs(Jobs::Hang).await;
    // Long enough to be asked at all on a busy machine.
    let control = scene.systemd.control(SystemdLimits { answer: Duration::from_secs(2), ..PATIENT });
    let (frontend, backend) = (service("frontend"), service("backend"));
    let (start, kill) = tokio::join!(control.start(&frontend), control.kill(&backend));
    for error in [start.unwrap_err(), kill.unwrap_err()] {
        assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_process_that_outlives_its_kill_is_not_reported_as_gone() {
    let scene = begin().await;
    scene.systemd.treat_jobs(Jobs::Stay).await;
    let error = scene.systemd.control(IMPATIENT).kill(&service("backend")).await.unwrap_err();
    assert!(matches!(error, ControlError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("after SIGKILL"), "{error}");
}

#[tokio::test]
async fn a_bus_that_goes_away_during_a_job_leaves_its_outcome_open() {
    let scene = begin().await;
    scene.systemd.treat_jobs(Jobs::Stay).await;
    let (control, mut jobs) = (scene.systemd.control(PATIENT), scene.systemd.jobs.clone());
    let stop = tokio::spawn(async move { control.stop(&service("backend")).await });
    jobs.wait_for(|jobs| *jobs == 1).await.unwrap();
    scene.systemd.bus.stop();
    let error = stop.await.unwrap().unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
}

#[tokio::test]
async fn without_systemd_on_the_bus_nothing_was_done() {
    let scene = begin().await;
    scene.systemd.leave().await;
    for error in [
        scene.control.services().await.unwrap_err(),
        scene.control.stop(&service("backend")).await.unwrap_err(),
        scene.control.kill(&service("backend")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn without_a_bus_nothing_was_done() {
    let bus = PrivateBus::start();
    bus.stop();
    let control = SystemdControl::new(server("mbx1"), vec![service("backend")], bus.bus(), PATIENT);
    for error in [control.services().await.unwrap_err(), control.kill(&service("backend")).await.unwrap_err()]
    {
        assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_bus_that_accepts_and_says_nothing_meets_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let limits = SystemdLimits { answer: Duration::from_millis(100), ..PATIENT };
    let bus = Bus::At(format!("unix:path={}", socket.display()));
    let control = SystemdControl::new(server("mbx1"), vec![service("backend")], bus, limits);
    let error = control.services().await.unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
}
