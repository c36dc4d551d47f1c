//! The power of one's own machine, by a logind that is none.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use server_control::{ControlError, LogindPower, PowerState, ServerPower as _};
use zbus::{Connection, fdo, interface};

use crate::bus::PrivateBus;
use crate::{id, server};

/// How a logind treats a request to reboot.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Reboots,
    Denies,
    Hangs,
}

struct Logind {
    manner: Manner,
    reboots: Arc<AtomicU32>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    async fn reboot(&self, interactive: bool) -> fdo::Result<()> {
        assert!(!interactive);
        match self.manner {
            Manner::Reboots => {
                self.reboots.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            Manner::Denies => Err(fdo::Error::InteractiveAuthorizationRequired("not you".into())),
            Manner::Hangs => std::future::pending().await,
        }
    }
}

struct Scene {
    folder: tempfile::TempDir,
    bus: PrivateBus,
    reboots: Arc<AtomicU32>,
    logind: Connection,
}

impl Scene {
    async fn new(manner: Manner) -> Self {
        let bus = PrivateBus::start();
        let reboots = Arc::new(AtomicU32::new(0));
        let logind = bus.own("org.freedesktop.login1").await;
        let object = Logind { manner, reboots: reboots.clone() };
        logind.object_server().at("/org/freedesktop/login1", object).await.unwrap();
        Self { folder: tempfile::tempdir().unwrap(), bus, reboots, logind }
    }

    fn power(&self, limit: Duration) -> LogindPower {
        power(&self.bus, self.folder.path(), limit)
    }

    fn reboots(&self) -> u32 {
        self.reboots.load(Ordering::SeqCst)
    }
}

fn power(bus: &PrivateBus, folder: &Path, limit: Duration) -> LogindPower {
    LogindPower::new(server("mbx1"), bus.bus(), limit, folder.join("power"))
}

const PATIENT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_request_is_one_reboot_even_after_it() {
    let scene = Scene::new(Manner::Reboots).await;
    scene.power(PATIENT).restart(&server("mbx1"), &id("r1")).await.unwrap();
    // As after the reboot: another process, the same folder.
    scene.power(PATIENT).restart(&server("mbx1"), &id("r1")).await.unwrap();
    assert_eq!(scene.reboots(), 1);
    scene.power(PATIENT).restart(&server("mbx1"), &id("r2")).await.unwrap();
    assert_eq!(scene.reboots(), 2);
}

#[tokio::test]
async fn the_machine_itself_has_power_and_a_boot() {
    let scene = Scene::new(Manner::Reboots).await;
    let report = scene.power(PATIENT).power(&server("mbx1")).await.unwrap();
    assert_eq!(report.state, PowerState::On);
    assert!(report.boot_id.is_some());
}

#[tokio::test]
async fn what_logind_cannot_do_is_not_supported() {
    let scene = Scene::new(Manner::Reboots).await;
    let power = scene.power(PATIENT);
    for error in [
        power.cycle(&server("mbx1"), &id("r1")).await.unwrap_err(),
        power.restart(&server("mbx2"), &id("r1")).await.unwrap_err(),
        power.power(&server("mbx2")).await.unwrap_err(),
    ] {
        assert!(matches!(error, ControlError::Unsupported { .. }), "{error:?}");
    }
    assert_eq!(scene.reboots(), 0);
}

#[tokio::test]
async fn a_refusal_names_polkit_and_the_same_request_may_be_made_again() {
    let scene = Scene::new(Manner::Denies).await;
    for _ in 0..2 {
        let error = scene.power(PATIENT).restart(&server("mbx1"), &id("r1")).await.unwrap_err();
        assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("not you; a polkit rule"), "{error}");
    }
}

#[tokio::test]
async fn a_logind_that_hangs_leaves_the_outcome_open_for_good() {
    let scene = Scene::new(Manner::Hangs).await;
    for limit in [Duration::from_secs(2), PATIENT] {
        let error = scene.power(limit).restart(&server("mbx1"), &id("r1")).await.unwrap_err();
        assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn without_logind_nothing_was_done_and_the_same_request_is_carried_out_later() {
    let scene = Scene::new(Manner::Reboots).await;
    scene.logind.release_name("org.freedesktop.login1").await.unwrap();
    let error = scene.power(PATIENT).restart(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
    scene.logind.request_name("org.freedesktop.login1").await.unwrap();
    scene.power(PATIENT).restart(&server("mbx1"), &id("r1")).await.unwrap();
    assert_eq!(scene.reboots(), 1);
}
