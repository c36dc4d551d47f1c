//! The power grid of `mailmedic up`, by its socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use server_control::testing::FakeServices;
use server_control::{ControlError, GridLimits, GridPower, PowerState, ServerPower as _};
use settings::DataDirectory;

use crate::fake_init::{Listener, Manner};
use crate::{id, server};

const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(200);

const LIMITS: GridLimits = GridLimits { answer: PATIENT, act: PATIENT, boot_id: PATIENT };

fn power(socket: &Path, data: &Path, limits: GridLimits) -> GridPower {
    GridPower::new(socket.to_owned(), DataDirectory::new(data), limits)
}

/// What a grid says of `mbx1` and of a request to `cycle` it, whose id is `r1`.
fn status(mbx1: &Value, requests: &Value) -> Value {
    let mut server = json!({"server": "mbx1", "pid": null, "returns": null, "losses": 3});
    for (key, value) in mbx1.as_object().unwrap() {
        server[key] = value.clone();
    }
    json!({"done": {"pid": 1, "since": "2026-01-01T00:00:00Z", "servers": [server], "requests": requests}})
}

fn cycle(fate: &Value) -> Value {
    json!([{"id": "r0", "server": "mbx1", "action": "off", "fate": "done"},
           {"id": "r1", "server": "mbx1", "action": "cycle", "fate": fate}])
}

/// A grid that answers every question with this status, and a request about power with that line or not at all.
fn grid(status: &Value, power: Option<Value>) -> Listener {
    Listener::new(Manner::Grid { status: status.to_string(), power: power.map(|power| power.to_string()) })
}

#[tokio::test]
async fn a_server_with_power_tells_its_boot() {
    let grid = grid(&status(&json!({"pid": 42}), &json!([])), None);
    let services = Arc::new(FakeServices::running(["backend"]));
    let init = Listener::at(Path::new("servers/mbx1/run/init.sock"), Manner::Init(services.clone()));
    let report = power(grid.socket(), init.folder(), LIMITS).power(&server("mbx1")).await.unwrap();
    assert_eq!((report.state, report.losses), (PowerState::On, Some(3)));
    assert_eq!(report.boot_id, Some(services.boot_id()));
}

#[tokio::test]
async fn a_server_whose_init_hangs_has_power_and_tells_no_boot() {
    let grid = grid(&status(&json!({"pid": 42}), &json!([])), None);
    let init = Listener::at(Path::new("servers/mbx1/run/init.sock"), Manner::Hangs);
    let limits = GridLimits { boot_id: IMPATIENT, ..LIMITS };
    let report = power(grid.socket(), init.folder(), limits).power(&server("mbx1")).await.unwrap();
    assert_eq!((report.state, report.boot_id), (PowerState::On, None));
}

#[tokio::test]
async fn a_server_without_power_tells_when_it_returns() {
    let grid = grid(&status(&json!({"returns": "2026-01-01T00:00:20Z"}), &json!([])), None);
    let report = power(grid.socket(), grid.folder(), LIMITS).power(&server("MBX1")).await.unwrap();
    let returns: Timestamp = "2026-01-01T00:00:20Z".parse().unwrap();
    assert_eq!((report.state, report.boot_id), (PowerState::Out { returns }, None));
}

#[tokio::test]
async fn a_server_that_was_switched_off_is_off() {
    let grid = grid(&status(&json!({"switched-off": true}), &json!([])), None);
    let report = power(grid.socket(), grid.folder(), LIMITS).power(&server("mbx1")).await.unwrap();
    assert_eq!(report.state, PowerState::Off);
}

#[tokio::test]
async fn a_server_that_is_not_on_the_grid_is_refused() {
    let grid = grid(&status(&json!({}), &json!([])), None);
    let error = power(grid.socket(), grid.folder(), LIMITS).power(&server("mbx9")).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cycle_is_done_when_the_init_is_gone_long_before_the_power_is_back() {
    let out =
        status(&json!({"returns": "2026-01-01T00:00:20Z"}), &cycle(&json!({"under-way": {"boots": 1}})));
    let grid = grid(&out, None);
    power(grid.socket(), grid.folder(), LIMITS).cycle(&server("mbx1"), &id("r1")).await.unwrap();
}

#[tokio::test]
async fn a_cycle_that_is_over_is_done_although_the_server_has_power() {
    let back = status(&json!({"pid": 43}), &cycle(&json!("done")));
    let grid = grid(&back, Some(back.clone()));
    power(grid.socket(), grid.folder(), LIMITS).cycle(&server("mbx1"), &id("r1")).await.unwrap();
}

#[tokio::test]
async fn a_cycle_whose_init_lives_on_is_not_done() {
    let on = status(&json!({"pid": 42}), &cycle(&json!({"under-way": {"boots": 1}})));
    let grid = grid(&on, None);
    let power = power(grid.socket(), grid.folder(), GridLimits { act: IMPATIENT, ..LIMITS });
    let error = power.cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
    // Nor is another request that was made before.
    let error = power.cycle(&server("mbx1"), &id("r2")).await.unwrap_err();
    assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
}

#[tokio::test]
async fn a_restart_is_answered_when_it_is_under_way() {
    let requests =
        json!([{"id": "r1", "server": "mbx1", "action": "restart", "fate": {"under-way": {"boots": 1}}}]);
    let grid = grid(&status(&json!({"pid": 42}), &requests), None);
    power(grid.socket(), grid.folder(), LIMITS).restart(&server("mbx1"), &id("r1")).await.unwrap();
}

#[tokio::test]
async fn a_grid_that_says_why_not_is_quoted() {
    let no = json!({"refused": "cycle mbx1: it was switched off by hand"});
    let grid = grid(&status(&json!({}), &json!([])), Some(no));
    let error =
        power(grid.socket(), grid.folder(), LIMITS).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Refused { .. }), "{error:?}");
    assert_eq!(error.to_string(), "cannot power-cycle server mbx1: cycle mbx1: it was switched off by hand");
}

#[tokio::test]
async fn a_request_that_was_begun_and_failed_is_not_a_refusal() {
    let failed = cycle(&json!({"failed": "the power grid goes down"}));
    let no = json!({"refused": "the power grid goes down"});
    for answer in [None, Some(no)] {
        let grid = grid(&status(&json!({"pid": 42}), &failed), answer);
        let error =
            power(grid.socket(), grid.folder(), LIMITS).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
        assert!(matches!(error, ControlError::Failed { .. }), "{error:?}");
        assert!(error.outcome_is_open());
    }
}

#[tokio::test]
async fn a_grid_too_old_for_requests_says_that_it_is_not_supported() {
    let no = json!({"refused": "the request is not understood: unknown variant `power`"});
    let grid = grid(&status(&json!({"pid": 42}), &json!([])), Some(no));
    let error =
        power(grid.socket(), grid.folder(), LIMITS).cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Unsupported { .. }), "{error:?}");
}

#[tokio::test]
async fn whether_a_grid_that_misbehaves_has_cut_the_power_is_unknown() {
    for manner in [Manner::Hangs, Manner::Babbles, Manner::Says(b"{\"do".to_vec()), Manner::Says(Vec::new())]
    {
        let grid = Listener::new(manner);
        let limits = GridLimits { answer: IMPATIENT, act: IMPATIENT, ..LIMITS };
        let power = power(grid.socket(), grid.folder(), limits);
        let error = power.cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
        assert!(matches!(error, ControlError::OutcomeUnknown { .. }), "{error:?}");
        let error = power.power(&server("mbx1")).await.unwrap_err();
        assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn without_a_grid_nothing_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let power = power(&folder.path().join("grid.sock"), folder.path(), LIMITS);
    let error = power.cycle(&server("mbx1"), &id("r1")).await.unwrap_err();
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error:?}");
}
