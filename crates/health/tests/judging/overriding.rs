//! What operators say.

use std::time::Duration;

use health::definition::{self, Rule};
use health::{BadOverride, ItemIdentity, Override, Property, RepairingMark, Tunings, UnixMillis, Watched};

use crate::history::server;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn made(identity: &str, property: Property, value: &str) -> Override {
    Override {
        identity: identity.into(),
        property,
        value: value.into(),
        server: None,
        expires: UnixMillis(NOW.0 + 1),
        by: "anna".into(),
        made: UnixMillis(0),
        reason: "a test".into(),
    }
}

fn deep_test(target: &str) -> Watched {
    Watched { probe: definition::probe("PopDeepTestProbe").unwrap(), target: Some(target.into()) }
}

fn tunings(overrides: Vec<Override>) -> Tunings {
    Tunings { overrides, repairing: Vec::new() }
}

#[test]
fn an_override_holds_for_its_item_its_target_and_its_server() {
    let one = made(r"POP.Protocol\PopDeepTestProbe\db01", Property::IntervalSeconds, "60");
    let one = Override { server: Some(server("mbx1")), ..one };
    let tunings = tunings(vec![one]);
    let every = |on: &str, target: &str| tunings.probe(&server(on), &deep_test(target), NOW).every;
    assert_eq!(every("mbx1", "DB01"), Duration::from_mins(1));
    assert_eq!(every("mbx1", "DB02"), Duration::from_secs(15));
    assert_eq!(every("mbx2", "DB01"), Duration::from_secs(15));
}

#[test]
fn what_was_observed_does_not_age_because_more_is_asked_for() {
    let monitor = definition::monitor("PopDeepTestMonitor").unwrap();
    let fresh_for = |seconds: &str| {
        let one = made(r"POP.Protocol\PopDeepTestProbe", Property::IntervalSeconds, seconds);
        tunings(vec![one]).monitor(&server("mbx1"), monitor, Some("DB01"), NOW).fresh_for
    };
    let usual = monitor.its_probe().fresh_for();
    assert_eq!(fresh_for("2"), usual);
    assert_eq!(fresh_for("60"), usual + 3 * Duration::from_secs(45));
}

#[test]
fn an_override_ends_by_itself_and_the_one_made_last_wins() {
    let first = made(r"POP.Protocol\PopDeepTestMonitor", Property::Failures, "5");
    let second = Override { value: "7".into(), made: UnixMillis(1), ..first.clone() };
    let ended = Override { value: "9".into(), made: UnixMillis(2), expires: NOW, ..first.clone() };
    let tunings = tunings(vec![first, second, ended]);
    let monitor = definition::monitor("PopDeepTestMonitor").unwrap();
    let tuning = tunings.monitor(&server("mbx1"), monitor, Some("DB01"), NOW);
    assert_eq!(tuning.rule, Rule::ConsecutiveFailures { failures: 7 });
}

#[test]
fn a_monitor_whose_probe_is_switched_off_is_disabled_too() {
    let off = made(r"POP.Protocol\PopDeepTestProbe", Property::Enabled, "$false");
    let tunings = tunings(vec![off]);
    assert!(!tunings.probe(&server("mbx1"), &deep_test("DB01"), NOW).enabled);
    let monitor = definition::monitor("PopDeepTestMonitor").unwrap();
    assert_eq!(tunings.monitor(&server("mbx1"), monitor, Some("DB01"), NOW).off_by.as_deref(), Some("anna"));
}

#[test]
fn what_is_being_repaired_is_so_for_its_target_alone() {
    let mark = RepairingMark {
        server: server("mbx1"),
        monitor: "PopDeepTestMonitor".into(),
        target: Some("DB01".into()),
        by: "bert".into(),
        at: NOW,
        reason: String::new(),
    };
    let tunings = Tunings { overrides: Vec::new(), repairing: vec![mark] };
    let monitor = definition::monitor("PopDeepTestMonitor").unwrap();
    let by = |on: &str, target| tunings.monitor(&server(on), monitor, Some(target), NOW).repairing_by;
    assert_eq!(by("mbx1", "db01").as_deref(), Some("bert"));
    assert_eq!((by("mbx1", "DB02"), by("mbx2", "DB01")), (None, None));
}

#[test]
fn a_property_that_an_item_has_not_is_refused_with_the_nearest_word() {
    let probe = ItemIdentity::parse(r"POP\PopCTPProbe").unwrap();
    let monitor = ItemIdentity::parse(r"POP\PopCTPMonitor").unwrap();
    let average = ItemIdentity::parse(r"POP\AverageCommandProcessingTimeGt60sMonitor").unwrap();
    assert_eq!(Property::parse(&probe, "intervalseconds", "30"), Ok(Property::IntervalSeconds));
    assert_eq!(Property::parse(&average, "Threshold", "90"), Ok(Property::Threshold));
    let wrong = Property::parse(&probe, "IntervalSecond", "30").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        r#"POP\PopCTPProbe has no property "IntervalSecond"; it has Enabled, IntervalSeconds, TimeoutSeconds (did you mean IntervalSeconds?)"#
    );
    assert!(Property::parse(&monitor, "Threshold", "1").is_err(), "it counts failures");
    for (property, value) in [
        ("Enabled", "perhaps"),
        ("IntervalSeconds", "0"),
        ("TimeoutSeconds", "1e9"),
        ("IntervalSeconds", "-1"),
    ] {
        let wrong = Property::parse(&probe, property, value).unwrap_err();
        assert!(matches!(wrong, BadOverride::Value { .. }), "{wrong}");
    }
    assert!(Property::parse(&average, "Threshold", "NaN").is_err());
    assert!(Property::parse(&monitor, "Failures", "201").is_err());
}
