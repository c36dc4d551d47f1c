//! The contract: paths and queries are read as they were built, words stay as they are, and problems say what to do.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeSet;

use admin_api::routes::{self, Audit, Copies, MoveDatabase, MoveDatabases, ShowMove, StopService};
use admin_api::rows::{
    AuditQuery, CopiesQuery, CopyRow, CopyState, MoveRequest, MoveState, Moves, MovesRequest, WaitQuery,
};
use admin_api::{Caller, Endpoint, Fault, Kind, Listing, Method, Moment, Nothing, Problem, Role, Unanswered};
use serde_json::json;

fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

#[test]
fn every_path_leads_back_to_its_route() {
    for route in routes::ALL {
        let path = route.template.replace(['{', '}'], "");
        let (found, values) = routes::find(route.method.word(), &path).unwrap();
        assert_eq!(found, *route);
        let names: Vec<_> = route.parameters().map(|name| (name, name.to_owned())).collect();
        assert_eq!(values, names);
    }
}

#[test]
fn every_route_has_a_name_and_a_path_of_its_own() {
    let names: BTreeSet<_> = routes::ALL.iter().map(|route| route.name).collect();
    let paths: BTreeSet<_> = routes::ALL.iter().map(|route| (route.method.word(), route.template)).collect();
    assert_eq!((names.len(), paths.len()), (routes::ALL.len(), routes::ALL.len()));
}

#[test]
fn whoever_may_only_look_changes_nothing() {
    for route in routes::ALL {
        assert_eq!(route.role == Role::Viewer, route.method == Method::Get, "{}", route.name);
    }
}

#[test]
fn a_name_in_a_path_may_hold_anything() {
    let endpoint = StopService { server: "a/b".into(), service: "ü? %2F".into() };
    let target = endpoint.target(&Nothing {});
    assert_eq!(target, "/v1/servers/a%2Fb/services/%C3%BC%3F%20%252F/stop");
    let (route, values) = routes::find("POST", &target).unwrap();
    assert_eq!(route, StopService::ROUTE);
    assert_eq!(values, [("server", "a/b".to_owned()), ("service", "ü? %2F".to_owned())]);
}

#[test]
fn a_query_is_read_as_it_was_written() {
    let query = AuditQuery {
        since: Some(at("2026-01-31T08:00:00Z")),
        limit: Some(20),
        server: Some("mbx1 & mbx2".into()),
    };
    let target = Audit {}.target(&query);
    assert_eq!(target, "/v1/audit?since=2026-01-31T08%3A00%3A00Z&limit=20&server=mbx1+%26+mbx2");
    let (_, text) = target.split_once('?').unwrap();
    assert_eq!(routes::query::<Audit>(text).unwrap(), query);
    assert_eq!(Copies {}.target(&CopiesQuery::default()), "/v1/copies");
    let waits = ShowMove { database: "DB01".into(), id: "7".into() }.target(&WaitQuery { wait: Some(10) });
    assert_eq!(waits, "/v1/moves/DB01/7?wait=10");
    assert_eq!(routes::query::<ShowMove>("").unwrap(), WaitQuery::default());
}

#[test]
fn nobody_waits_longer_than_half_a_minute() {
    assert_eq!(WaitQuery { wait: Some(3600) }.seconds(), 30);
    assert_eq!(WaitQuery { wait: None }.seconds(), 0);
}

#[test]
fn what_a_query_or_a_request_does_not_know_is_told() {
    let problem = routes::query::<Copies>("sever=mbx1").unwrap_err();
    assert_eq!(problem.kind, Kind::BadInput);
    assert!(problem.detail.contains("`server`"), "{problem}");
    let problem = routes::request::<MoveDatabase>(br#"{"too":"mbx2"}"#).unwrap_err();
    assert_eq!(problem.kind, Kind::BadInput);
    assert!(problem.detail.contains("`to`"), "{problem}");
}

#[test]
fn no_body_at_all_is_an_empty_request() {
    assert_eq!(routes::request::<MoveDatabase>(b" \r\n").unwrap(), MoveRequest::default());
}

#[test]
fn a_path_that_is_not_there_names_the_one_that_was_meant() {
    let problem = routes::find("GET", "/v1/copis").unwrap_err();
    assert_eq!((problem.kind, problem.nearest.as_deref()), (Kind::Unknown, Some("/v1/copies")));
    let problem = routes::find("GET", "/v1/servers/").unwrap_err();
    assert_eq!(problem.kind, Kind::Unknown);
}

#[test]
fn a_method_that_is_not_there_is_told_with_those_that_are() {
    let problem = routes::find("GET", "/v1/servers/mbx1/maintenance").unwrap_err();
    assert_eq!(problem.kind, Kind::BadInput);
    assert_eq!(problem.detail, "/v1/servers/mbx1/maintenance knows POST, DELETE and not GET");
}

#[test]
fn several_moves_are_told_apart_in_one_way() {
    let from = MovesRequest { from: Some("mbx1".into()), ..MovesRequest::default() };
    assert_eq!(from.moves(), Ok(Moves::From("mbx1".into())));
    let preferred = MovesRequest { preferred: true, ..MovesRequest::default() };
    assert_eq!(preferred.moves(), Ok(Moves::Preferred));
    let both = MovesRequest { preferred: true, ..from };
    assert_eq!(both.moves().unwrap_err().kind, Kind::BadInput);
    assert_eq!(MovesRequest::default().moves().unwrap_err().kind, Kind::BadInput);
}

#[test]
fn a_listing_looks_like_this() {
    let listing = Listing {
        rows: vec![CopyRow {
            database: "DB01".into(),
            server: "mbx1".into(),
            state: CopyState::ServiceDown,
            active: true,
            preference: 1,
            copy_queue: 0,
            replay_queue: 0,
            shared: true,
            since: Some(at("2026-01-31T08:00:00Z")),
            why: "the back end does not run".into(),
        }],
        unanswered: vec![Unanswered { server: "mbx2".into(), why: "no power".into() }],
    };
    let json = json!({
        "rows": [{
            "database": "DB01", "server": "mbx1", "state": "service-down", "active": true, "preference": 1,
            "copy_queue": 0, "replay_queue": 0, "shared": true, "since": "2026-01-31T08:00:00Z",
            "why": "the back end does not run",
        }],
        "unanswered": [{ "server": "mbx2", "why": "no power" }],
    });
    assert_eq!(serde_json::to_value(&listing).unwrap(), json);
    assert_eq!(serde_json::from_value::<Listing<CopyRow>>(json).unwrap(), listing);
}

#[test]
fn words_for_people_are_the_words_on_the_wire() {
    for state in [MoveState::Waiting, MoveState::HandingOver, MoveState::Mounting, MoveState::Succeeded] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
    for state in [CopyState::Mounted, CopyState::ServiceDown, CopyState::Suspended] {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
    for role in [Role::Viewer, Role::Operator, Role::Administrator] {
        assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        assert_eq!(Role::named(role.word()), Some(role));
    }
}

#[test]
fn every_kind_of_problem_has_a_status_of_its_own() {
    let statuses: BTreeSet<u16> = Kind::ALL.into_iter().map(Kind::status).collect();
    assert_eq!(statuses.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(Kind::of_status(kind.status()), kind);
        assert_eq!(kind.exit_code() == 2, matches!(kind, Kind::BadInput | Kind::Unknown));
        assert!(!kind.retry_helps() || kind.fault() != Fault::Caller);
    }
    assert_eq!(Kind::of_status(502), Kind::Internal);
    assert_eq!(Kind::of_status(413), Kind::BadInput);
}

#[test]
fn a_problem_looks_like_this() {
    let problem = Problem::unknown("server", "mbx3", ["cas1", "mbx1", "mbx2"].into_iter());
    assert_eq!(
        problem.to_json(),
        r#"{"kind":"unknown","title":"There is no such thing","detail":"there is no server called mbx3","nearest":"mbx1"}"#
    );
    assert_eq!(problem.to_string(), "there is no server called mbx3; did you mean mbx1?");
    assert_eq!(serde_json::from_str::<Problem>(&problem.to_json()).unwrap(), problem);
    let far = Problem::unknown("server", "frankfurt", ["cas1", "mbx1"].into_iter());
    assert_eq!(far.to_string(), "there is no server called frankfurt; there is cas1, mbx1");
    let refused = Problem::new(Kind::Refused, "no copy of DB01 is fit").because(vec!["mbx2: blocked".into()]);
    assert_eq!(refused.to_string(), "no copy of DB01 is fit\n  mbx2: blocked");
}

#[test]
fn a_caller_is_passed_on_whole() {
    let caller = Caller { name: "Jörg\r\nx: y".into(), role: Role::Operator };
    let [(_, name), (_, role)] = caller.headers();
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
    assert_eq!(Caller::from_headers(&name, &role), Some(caller));
    assert_eq!(Caller::from_headers("", "operator"), None);
    assert_eq!(Caller::from_headers("root", "king"), None);
}

#[test]
fn a_caller_may_use_what_their_role_allows() {
    let viewer = Caller { name: "eve".into(), role: Role::Viewer };
    assert_eq!(viewer.may_use(&Copies::ROUTE), Ok(()));
    let problem = viewer.may_use(&MoveDatabases::ROUTE).unwrap_err();
    assert_eq!(problem.kind, Kind::Forbidden);
    assert_eq!(problem.detail, "POST /v1/moves needs the role operator, and eve is viewer");
    let administrator = Caller { role: Role::Administrator, ..viewer };
    assert_eq!(administrator.may_use(&MoveDatabases::ROUTE), Ok(()));
}

#[test]
fn a_moment_is_a_time_in_utc() {
    for text in ["2026-01-31T23:59:59Z", "2026-01-31T23:59:60Z", "2026-01-31T00:00:00.123456789Z"] {
        assert_eq!(Moment::parse(text).unwrap().as_str(), text);
    }
    for text in [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59:59+01:00",
        "2026-13-31T23:59:59Z",
        "2026-01-31T24:00:00Z",
        "26-01-31T23:59:59Z",
        "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59Z",
        "2026-01-31-01T23:59:59Z",
        "2026-01-31T+3:59:59Z",
    ] {
        assert!(Moment::parse(text).is_err(), "{text} passed");
    }
}
