//! What every engine of service control promises. A scene begins with `backend` running and `frontend` stopped by hand.

use server_control::{ControlError, Killed, ServiceControl, ServiceReport, ServiceState};

use crate::service;

/// A server in the hands of a test.
pub(crate) trait Scene {
    /// The engine, aimed at the server.
    fn control(&self) -> &dyn ServiceControl;

    /// From now on the service dies when it is started.
    fn break_service(&self, service: &str);
}

/// Every test of the suite for the scenes that `$begin` makes.
macro_rules! suite {
    ($begin:path) => {
        $crate::suite::suite!($begin:
            every_service_is_listed_with_its_state_process_and_boot
            a_service_that_is_started_runs
            a_service_that_runs_is_not_started_again
            a_service_that_is_stopped_stays_stopped_by_hand
            a_restart_replaces_the_process
            a_restart_starts_what_is_stopped
            a_kill_names_the_process_that_is_gone
            a_kill_of_a_stopped_service_says_so_and_starts_nothing
            an_unknown_service_is_refused_by_name
            a_service_that_dies_at_start_is_an_error_with_a_reason
        );
    };
    ($begin:path: $($test:ident)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                $crate::suite::$test(&$begin().await).await;
            }
        )+
    };
}
pub(crate) use suite;

async fn report(scene: &impl Scene, name: &str) -> ServiceReport {
    let reports = scene.control().services().await.unwrap();
    reports.into_iter().find(|report| report.service == service(name)).unwrap()
}

pub(crate) async fn every_service_is_listed_with_its_state_process_and_boot(scene: &impl Scene) {
    let (backend, frontend) = (report(scene, "backend").await, report(scene, "frontend").await);
    assert_eq!(backend.state, ServiceState::Running);
    assert!(backend.pid.is_some() && !backend.stopped_by_hand && backend.failure.is_none());
    assert_eq!(frontend.state, ServiceState::Stopped);
    assert!(frontend.pid.is_none() && frontend.stopped_by_hand && frontend.failure.is_none());
    assert!(backend.boot_id.is_some());
    assert_eq!(backend.boot_id, frontend.boot_id);
}

pub(crate) async fn a_service_that_is_started_runs(scene: &impl Scene) {
    scene.control().start(&service("frontend")).await.unwrap();
    let frontend = report(scene, "frontend").await;
    assert_eq!(frontend.state, ServiceState::Running);
    assert!(frontend.pid.is_some() && !frontend.stopped_by_hand);
}

pub(crate) async fn a_service_that_runs_is_not_started_again(scene: &impl Scene) {
    let before = report(scene, "backend").await;
    scene.control().start(&service("backend")).await.unwrap();
    assert_eq!(report(scene, "backend").await.pid, before.pid);
}

pub(crate) async fn a_service_that_is_stopped_stays_stopped_by_hand(scene: &impl Scene) {
    scene.control().stop(&service("backend")).await.unwrap();
    let backend = report(scene, "backend").await;
    assert_eq!(backend.state, ServiceState::Stopped);
    assert!(backend.pid.is_none() && backend.stopped_by_hand);
    scene.control().stop(&service("backend")).await.unwrap();
}

pub(crate) async fn a_restart_replaces_the_process(scene: &impl Scene) {
    let before = report(scene, "backend").await;
    scene.control().restart(&service("backend")).await.unwrap();
    let after = report(scene, "backend").await;
    assert_eq!(after.state, ServiceState::Running);
    assert!(after.pid.is_some());
    assert_ne!(after.pid, before.pid);
}

pub(crate) async fn a_restart_starts_what_is_stopped(scene: &impl Scene) {
    scene.control().restart(&service("frontend")).await.unwrap();
    assert_eq!(report(scene, "frontend").await.state, ServiceState::Running);
}

pub(crate) async fn a_kill_names_the_process_that_is_gone(scene: &impl Scene) {
    let before = report(scene, "backend").await.pid.unwrap();
    let killed = scene.control().kill(&service("backend")).await.unwrap();
    assert_eq!(killed, Killed::Process { pid: before });
    assert_ne!(report(scene, "backend").await.pid, Some(before));
}

pub(crate) async fn a_kill_of_a_stopped_service_says_so_and_starts_nothing(scene: &impl Scene) {
    assert_eq!(scene.control().kill(&service("frontend")).await.unwrap(), Killed::WasNotRunning);
    assert_eq!(report(scene, "frontend").await.state, ServiceState::Stopped);
}

pub(crate) async fn an_unknown_service_is_refused_by_name(scene: &impl Scene) {
    let (control, agent) = (scene.control(), service("elsewhere"));
    for error in [
        control.start(&agent).await.unwrap_err(),
        control.stop(&agent).await.unwrap_err(),
        control.restart(&agent).await.unwrap_err(),
        control.kill(&agent).await.unwrap_err(),
    ] {
        assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("no service elsewhere"), "{error}");
    }
}

pub(crate) async fn a_service_that_dies_at_start_is_an_error_with_a_reason(scene: &impl Scene) {
    scene.break_service("frontend");
    let error = scene.control().start(&service("frontend")).await.unwrap_err();
    assert!(matches!(error, ControlError::Failed { .. }), "{error:?}");
    let frontend = report(scene, "frontend").await;
    assert_eq!(frontend.state, ServiceState::Failed);
    let failure = frontend.failure.unwrap();
    assert!(error.to_string().contains(&failure), "{error} does not say {failure}");
}
