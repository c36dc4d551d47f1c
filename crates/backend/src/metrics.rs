//! What a back end tells Prometheus besides what every service has to tell.

use service::OwnMetrics;
use service::metrics::{Family, Kind, Metric, Value};
use tokio::sync::watch;

use crate::following::Reports;
use crate::process::word;

static DATABASE: Metric = Metric {
    name: "mailmedic_database_state",
    kind: Kind::Gauge,
    labels: &["database", "state"],
    help: "The databases that this back end has been assigned or still holds, each in one state; always 1.",
};

/// All of it.
pub static BACK_END: &[&Metric] = &[&DATABASE];

/// How it is, as `reports` says whenever it is asked.
pub(crate) fn of(reports: watch::Receiver<Reports>) -> OwnMetrics {
    Box::new(move || {
        let mut databases = Family::of(&DATABASE);
        for (name, report) in &*reports.borrow() {
            databases.add(&[name.as_str(), word(&report.state)], Value::Count(1));
        }
        vec![databases]
    })
}
