//! The fakes that others test with: they keep the promises of the seams, and record.

use std::sync::Arc;

use server_control::testing::{FakePower, FakeServices};
use server_control::{ControlError, Operation, PowerState, ServerPower as _, ServiceControl};

use crate::suite::{Scene, suite};
use crate::{id, server, service};

suite!(begin);

async fn begin() -> FakeServices {
    let services = FakeServices::running(["backend", "frontend"]);
    services.stop(&service("frontend")).await.unwrap();
    services
}

impl Scene for FakeServices {
    fn control(&self) -> &dyn ServiceControl {
        self
    }

    fn break_service(&self, name: &str) {
        FakeServices::break_service(self, &service(name));
    }
}

#[tokio::test]
async fn calls_are_recorded_in_order_and_a_failure_that_was_ordered_does_nothing() {
    let services = FakeServices::running(["backend"]);
    services.fail_next(
        |operation| matches!(operation, Operation::Kill(_)),
        |operation| ControlError::OutcomeUnknown { operation, source: "a test wants it".into() },
    );
    let backend = service("backend");
    services.services().await.unwrap();
    let before = services.report(&backend).unwrap();
    assert!(services.kill(&backend).await.unwrap_err().outcome_is_open());
    assert_eq!(services.report(&backend).unwrap(), before);
    services.kill(&backend).await.unwrap();
    let kill = Operation::Kill(backend);
    assert_eq!(services.deeds(), [kill.clone(), kill.clone()]);
    assert_eq!(services.calls(), [Operation::ListServices, kill.clone(), kill]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_ordered_to_hang_does_not_end() {
    let services = FakeServices::running(["backend"]);
    services.hang_next(|operation| !operation.is_question());
    let stop = services.stop(&service("backend"));
    assert!(tokio::time::timeout(std::time::Duration::from_hours(1), stop).await.is_err());
}

#[tokio::test]
async fn power_is_cycled_once_for_each_id_and_the_services_boot_with_it() {
    let (power, services) = (FakePower::new(), Arc::new(FakeServices::running(["backend"])));
    let (mbx1, backend) = (server("mbx1"), service("backend"));
    power.add(mbx1.clone(), services.clone());
    let (boot, before) = (power.power(&mbx1).await.unwrap().boot_id, services.report(&backend).unwrap());
    power.cycle(&mbx1, &id("r1")).await.unwrap();
    power.cycle(&mbx1, &id("r1")).await.unwrap();
    let error = power.restart(&mbx1, &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
    let after = power.power(&mbx1).await.unwrap();
    assert_eq!((after.state, after.losses), (PowerState::On, Some(1)));
    assert_ne!(after.boot_id, boot);
    assert_ne!(services.report(&backend).unwrap().pid, before.pid);
    assert_eq!(power.deeds(), [Operation::CyclePower { server: mbx1, id: id("r1") }]);
}
