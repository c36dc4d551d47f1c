//! The definitions hold together, and those of the page are as the page has them.

use std::collections::BTreeSet;

use health::definition::{self, HEALTH_SETS, MONITORS, PROBES};
use health::{ItemIdentity, ItemKind};

#[test]
fn every_name_leads_to_one_thing() {
    let mut names = BTreeSet::new();
    let sets = HEALTH_SETS.iter().map(|set| (set.name, set.aliases));
    let probes = PROBES.iter().map(|probe| (probe.name, probe.aliases));
    let monitors = MONITORS.iter().map(|monitor| (monitor.name, monitor.aliases));
    for (name, aliases) in sets.chain(probes).chain(monitors) {
        for name in aliases.iter().chain([&name]) {
            assert!(names.insert(name.to_ascii_lowercase()), "{name} twice");
        }
    }
}

#[test]
fn whatever_is_referred_to_is_there() {
    for probe in PROBES {
        assert!(definition::health_set(probe.health_set).is_some(), "{}", probe.name);
        assert!(probe.time_out <= probe.every, "{} would overlap itself", probe.name);
    }
    for monitor in MONITORS {
        assert_eq!(monitor.its_probe().name, monitor.probe);
        let set = definition::health_set(monitor.health_set).unwrap();
        for (_, suspects) in monitor.uses {
            for suspect in *suspects {
                assert!(definition::health_set(suspect).is_some(), "{}: {suspect}", monitor.name);
                assert_ne!(*suspect, set.name, "{} would blame itself", monitor.name);
            }
        }
    }
    for set in HEALTH_SETS {
        for dependency in set.depends_on {
            assert!(definition::health_set(dependency).is_some(), "{}: {dependency}", set.name);
        }
    }
}

#[test]
fn every_probe_is_judged_and_every_set_has_a_monitor() {
    for probe in PROBES {
        assert!(MONITORS.iter().any(|monitor| monitor.probe == probe.name), "{}", probe.name);
    }
    for set in HEALTH_SETS {
        assert!(MONITORS.iter().any(|monitor| monitor.health_set == set.name), "{}", set.name);
    }
}

#[test]
fn a_monitor_blames_only_what_its_health_set_depends_on() {
    for monitor in MONITORS {
        // The page gives the command times no dependencies, and the observer blames the network: both sets have them.
        let set = definition::health_set(monitor.health_set).unwrap();
        for (phase, suspects) in monitor.uses {
            for suspect in *suspects {
                assert!(set.depends_on.contains(suspect), "{} in {}: {suspect}", monitor.name, phase.word());
            }
        }
    }
}

#[test]
fn the_table_of_the_page_is_here() {
    let page = [
        ("PopCTPProbe", "POP", "PopCTPMonitor"),
        ("PopProxyTestProbe", "POP.Proxy", "PopProxyTestMonitor"),
        ("PopDeepTestProbe", "POP.Protocol", "PopDeepTestMonitor"),
        ("PopSelfTestProbe", "POP.Protocol", "PopSelfTestMonitor"),
    ];
    for (probe, set, monitor) in page {
        let monitor = definition::monitor(monitor).unwrap();
        assert_eq!((monitor.probe, monitor.health_set), (probe, set));
        assert_eq!(definition::probe(probe).unwrap().health_set, set);
    }
    let average = definition::monitor("averagecommandprocessingtimegt60smonitor").unwrap();
    assert_eq!(average.health_set, "POP");
    for (slip, meant) in [("PopTestDeepMonitor", "PopDeepTestMonitor"), ("POPCTPMonitor", "PopCTPMonitor")] {
        assert_eq!(definition::monitor(slip).unwrap().name, meant);
    }
}

#[test]
fn an_item_is_named_by_its_set_its_name_and_perhaps_a_target() {
    let identity = ItemIdentity::parse(r"pop\popctpprobe\DB01").unwrap();
    assert_eq!(identity.to_string(), r"POP\PopCTPProbe\DB01");
    assert_eq!((identity.kind, identity.target.as_deref()), (ItemKind::Probe, Some("DB01")));
    let monitor = ItemIdentity::parse("POP.Protocol/PopTestDeepMonitor").unwrap();
    assert_eq!(
        (monitor.kind, monitor.to_string()),
        (ItemKind::Monitor, r"POP.Protocol\PopDeepTestMonitor".into())
    );
}

#[test]
fn what_names_nothing_is_told_with_the_nearest_word() {
    let wrong = ItemIdentity::parse(r"POP.Protocl\PopSelfTestProbe").unwrap_err();
    assert_eq!(wrong.nearest.as_deref(), Some("POP.Protocol"));
    let wrong = ItemIdentity::parse(r"POP\PopCTProbe").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        r#""POP\\PopCTProbe": there is no probe or monitor of POP "PopCTProbe"; did you mean "PopCTPProbe"?"#
    );
    assert!(ItemIdentity::parse(r"POP\PopSelfTestProbe").is_err(), "of another set");
}
