//! What a front end tells Prometheus besides what every service has to tell.

use std::sync::Arc;

use service::OwnMetrics;
use service::metrics::{Family, Kind, Metric, Value};

use crate::running::Frontend;

static WAITING_LOG_INS: Metric = Metric {
    name: "mailmedic_waiting_log_ins",
    kind: Kind::Gauge,
    labels: &[],
    help: "Log-ins that wait for a database that is moving.",
};
static WAITING_DELIVERIES: Metric = Metric {
    name: "mailmedic_waiting_deliveries",
    kind: Kind::Gauge,
    labels: &[],
    help: "Deliveries that wait for a database that is moving.",
};
static IDLE_SESSION_CONNECTIONS: Metric = Metric {
    name: "mailmedic_idle_session_connections",
    kind: Kind::Gauge,
    labels: &[],
    help: "Connections to back ends that are free for the next session.",
};
static IDLE_DELIVERY_CONNECTIONS: Metric = Metric {
    name: "mailmedic_idle_delivery_connections",
    kind: Kind::Gauge,
    labels: &[],
    help: "Connections to back ends that are free for the next delivery.",
};

/// All of it.
pub static FRONT_END: &[&Metric] =
    &[&WAITING_LOG_INS, &WAITING_DELIVERIES, &IDLE_SESSION_CONNECTIONS, &IDLE_DELIVERY_CONNECTIONS];

/// How `frontend` is whenever it is asked. It is not kept alive by that.
pub(crate) fn of(frontend: &Arc<Frontend>) -> OwnMetrics {
    let frontend = Arc::downgrade(frontend);
    Box::new(move || {
        let Some(frontend) = frontend.upgrade() else { return Vec::new() };
        let single = |metric, number: usize| Family::single(metric, Value::Count(number as u64));
        vec![
            single(&WAITING_LOG_INS, frontend.waiting.waiting()),
            single(&WAITING_DELIVERIES, frontend.back_ends.waiting()),
            single(&IDLE_SESSION_CONNECTIONS, frontend.free.len()),
            single(&IDLE_DELIVERY_CONNECTIONS, frontend.back_ends.idle()),
        ]
    })
}
