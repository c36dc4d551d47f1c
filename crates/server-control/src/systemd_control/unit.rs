//! A unit of ours, read in the words of every engine.

use jiff::Timestamp;
use zbus_systemd::systemd1::{ManagerProxy, ServiceProxy, UnitProxy};
use zbus_systemd::zbus::{self, proxy::CacheProperties};

use crate::{BootId, ServiceName, ServiceReport, ServiceState};

/// The unit of a service.
pub(super) fn name(service: &ServiceName) -> String {
    format!("mailmedic-{service}.service")
}

/// The two faces of a unit: what every unit has, and what one has that is a service. Nothing is cached: each reading is
/// of now.
pub(super) async fn faces(
    manager: &ManagerProxy<'_>,
    service: &ServiceName,
) -> zbus::Result<(UnitProxy<'static>, ServiceProxy<'static>)> {
    // Loads the unit if nobody needed it yet; that changes nothing about it.
    let path = manager.load_unit(name(service)).await?;
    let connection = manager.inner().connection();
    let unit = UnitProxy::builder(connection).path(path.clone()).cache_properties(CacheProperties::No);
    let service = ServiceProxy::builder(connection).path(path).cache_properties(CacheProperties::No);
    Ok((unit.build().await?, service.build().await?))
}

/// How the service is.
pub(super) async fn report(
    manager: &ManagerProxy<'_>,
    service: &ServiceName,
    boot_id: Option<BootId>,
) -> zbus::Result<ServiceReport> {
    let (unit, details) = faces(manager, service).await?;
    let reading = Reading {
        load: unit.load_state().await?,
        active: unit.active_state().await?,
        file: unit.unit_file_state().await?,
        changed: unit.state_change_timestamp().await?,
        pid: details.main_pid().await?,
        restarts: details.n_restarts().await?,
        result: details.result().await?,
    };
    Ok(reading.report(service, boot_id))
}

/// What systemd says of a unit, see org.freedesktop.systemd1(5).
#[derive(Clone, Debug)]
struct Reading {
    load: String,
    active: String,
    file: String,
    /// Microseconds of wall time, 0 for never.
    changed: u64,
    pid: u32,
    restarts: u32,
    result: String,
}

impl Reading {
    fn report(&self, service: &ServiceName, boot_id: Option<BootId>) -> ServiceReport {
        let (state, failure) = self.state(service);
        let ran = self.changed > 0;
        // Our units are started again whenever they end by themselves, so one that rests was stopped by somebody, or
        // is not meant to start.
        let switched_off = self.file == "disabled" || self.file.starts_with("masked");
        ServiceReport {
            service: service.clone(),
            state,
            pid: (self.pid > 0).then_some(self.pid),
            since: ran.then(|| i64::try_from(self.changed).ok()).flatten().and_then(moment),
            restarts: u64::from(self.restarts),
            stopped_by_hand: state == ServiceState::Stopped && (ran || switched_off),
            failure,
            boot_id,
        }
    }

    fn state(&self, service: &ServiceName) -> (ServiceState, Option<String>) {
        let unit = name(service);
        match (self.load.as_str(), self.active.as_str()) {
            ("not-found", "inactive") => (
                ServiceState::Failed,
                Some(format!("systemd has no unit {unit}; `mailmedic configure` makes it")),
            ),
            ("bad-setting" | "error", "inactive") => (
                ServiceState::Failed,
                Some(format!(
                    "systemd cannot read the unit {unit}; `systemd-analyze verify {unit}` says why"
                )),
            ),
            (_, "active" | "reloading" | "refreshing") => (ServiceState::Running, None),
            (_, "activating") => (ServiceState::Starting, None),
            (_, "deactivating") => (ServiceState::Stopping, None),
            (_, "inactive") => (ServiceState::Stopped, None),
            (_, "failed") => {
                (ServiceState::Failed, Some(format!("the result of its last run is {}", self.result)))
            }
            (_, other) => (ServiceState::Failed, Some(format!("systemd calls {unit} {other}"))),
        }
    }
}

fn moment(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(active: &str) -> Reading {
        Reading {
            load: "loaded".into(),
            active: active.into(),
            file: "enabled".into(),
            changed: 1_700_000_000_000_000,
            pid: 0,
            restarts: 2,
            result: "success".into(),
        }
    }

    fn report(reading: &Reading) -> ServiceReport {
        reading.report(&ServiceName::parse("backend").unwrap(), None)
    }

    #[test]
    fn every_active_state_has_a_place_in_the_life_of_a_service() {
        for (active, state) in [
            ("active", ServiceState::Running),
            ("reloading", ServiceState::Running),
            ("activating", ServiceState::Starting),
            ("deactivating", ServiceState::Stopping),
            ("inactive", ServiceState::Stopped),
            ("failed", ServiceState::Failed),
            ("maintenance", ServiceState::Failed),
        ] {
            let report = report(&reading(active));
            assert_eq!(report.state, state, "{active}");
            assert_eq!(report.failure.is_some(), state == ServiceState::Failed, "{active}");
        }
    }

    #[test]
    fn a_unit_that_rests_after_it_ran_was_stopped_by_hand() {
        assert!(report(&reading("inactive")).stopped_by_hand);
        assert!(!report(&reading("failed")).stopped_by_hand);
        assert!(!report(&reading("active")).stopped_by_hand);
    }

    #[test]
    fn a_unit_that_never_ran_was_stopped_by_hand_if_it_is_switched_off() {
        let never = Reading { changed: 0, ..reading("inactive") };
        assert!(!report(&never).stopped_by_hand);
        for file in ["disabled", "masked", "masked-runtime"] {
            assert!(report(&Reading { file: file.into(), ..never.clone() }).stopped_by_hand, "{file}");
        }
        assert_eq!(report(&never).since, None);
    }

    #[test]
    fn a_unit_that_does_not_exist_is_failed_and_says_what_makes_it() {
        let report = report(&Reading { load: "not-found".into(), changed: 0, ..reading("inactive") });
        assert_eq!(report.state, ServiceState::Failed);
        assert!(report.failure.unwrap().contains("mailmedic configure"));
    }
}
