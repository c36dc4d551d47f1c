//! What the monitors say, as `mailmedic health` tells it.

use std::time::Duration;

use real_tests::{Installation, wait};
use serde_json::Value;

/// How long a verdict may take that is to come within half a minute, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);

/// The monitors of an installation.
#[derive(Clone, Copy)]
pub(crate) struct Health<'a>(&'a Installation);

impl<'a> Health<'a> {
    pub(crate) fn of(installation: &'a Installation) -> Self {
        Self(installation)
    }

    /// Every row there is now; none while no agent answers.
    pub(crate) fn rows(self) -> Vec<Value> {
        let ran = self.0.command(["health", "--output", "json"]);
        let listing: Value = serde_json::from_slice(&ran.output).unwrap_or_default();
        listing["rows"].as_array().cloned().unwrap_or_default()
    }

    /// The row of a monitor, if there is one.
    pub(crate) fn row(self, server: &str, monitor: &str, target: &str) -> Option<Value> {
        self.rows().into_iter().find(|row| {
            row["server"] == server
                && row["name"] == monitor
                && row["target_resource"].as_str().unwrap_or_default() == target
        })
    }

    /// Waits until a monitor says `value`, and returns its row.
    #[track_caller]
    pub(crate) fn until(self, (server, monitor, target): (&str, &str, &str), value: &str) -> Value {
        let found = wait::within(PATIENCE, || {
            self.row(server, monitor, target).filter(|row| row["alert_value"] == value)
        });
        found.unwrap_or_else(|| {
            panic!("{monitor} {target} of {server} is not {value}: {:#?}", self.row(server, monitor, target))
        })
    }

    /// Waits until every monitor of every server is Healthy.
    #[track_caller]
    pub(crate) fn until_all_healthy(self) {
        let all = || {
            let rows = self.rows();
            let servers =
                ["cas1", "mbx1", "mbx2"].iter().all(|it| rows.iter().any(|row| row["server"] == *it));
            (servers && rows.iter().all(|row| row["alert_value"] == "Healthy")).then_some(())
        };
        if wait::within(PATIENCE, all).is_none() {
            let rows = self.rows().into_iter().filter(|row| row["alert_value"] != "Healthy");
            panic!("not everything is Healthy: {:#?}", rows.collect::<Vec<_>>());
        }
    }
}
