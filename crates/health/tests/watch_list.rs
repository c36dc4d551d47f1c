//! What is watched where.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeSet;

use health::{Surroundings, watch_list};
use placement::record::{Assignment, Wanted};
use placement::{Limits, PlacedDatabase, PlacedServer, Records, Topology, World};
use settings::{DatabaseName, Role, ServerName, Value};

fn server(name: &str) -> ServerName {
    ServerName::parse(name).unwrap()
}

fn database(name: &str) -> DatabaseName {
    DatabaseName::parse(name).unwrap()
}

/// `cas` client-access servers and two mailbox servers; databases that are mounted on mbx1.
fn world(cas: usize, databases: &[&str]) -> World {
    let placed = |name: &str, role| PlacedServer { name: server(name), roles: vec![role] };
    let mut servers: Vec<_> =
        (1..=cas).map(|number| placed(&format!("cas{number}"), Role::ClientAccess)).collect();
    servers.extend([placed("mbx1", Role::Mailbox), placed("mbx2", Role::Mailbox)]);
    let databases: Vec<_> = databases
        .iter()
        .map(|name| PlacedDatabase { name: database(name), copies: vec![server("mbx1"), server("mbx2")] })
        .collect();
    let mut world = World::new(Topology { servers, databases: databases.clone() }, 1, Limits::default());
    let mut records = Records::default();
    for (number, placed) in databases.iter().enumerate() {
        let assignment = Assignment {
            server: server("mbx1"),
            wanted: Wanted::Mounted,
            reason: placement::record::AssignmentReason::FirstAssignment,
            since: placement::UnixMillis(0),
        };
        let json = serde_json::to_vec(&assignment).unwrap();
        let key = placement::RecordKey::Assignment(placed.name.clone()).to_string();
        records.put(&key, number as u64 + 1, &json).unwrap();
    }
    world.records = records;
    world
}

fn own() -> Surroundings {
    Surroundings { listeners: vec!["POP3".into(), "POP3S".into()], ..Surroundings::default() }
}

fn watched(name: &str, world: &World) -> BTreeSet<String> {
    watch_list(&server(name), world, &own()).iter().map(health::Watched::identity).collect()
}

#[test]
fn a_mailbox_server_watches_what_is_mounted_there() {
    let world = world(1, &["DB01", "DB02"]);
    let on_mbx1 = watched("mbx1", &world);
    assert!(on_mbx1.contains(r"POP.Protocol\PopDeepTestProbe\DB01"), "{on_mbx1:#?}");
    assert!(on_mbx1.contains(r"POP.Protocol\PopSelfTestProbe"));
    assert!(on_mbx1.contains(r"POP\CommandTimeProbe\backend"));
    assert!(!on_mbx1.iter().any(|identity| identity.contains("PopCTPProbe")));
    let on_mbx2 = watched("mbx2", &world);
    assert!(
        !on_mbx2.iter().any(|identity| identity.contains("PopDeepTestProbe")),
        "a passive server has no such rows"
    );
    assert!(on_mbx2.contains(r"RemoteMonitoring\HealthManagerObserverProbe\mbx1"));
}

#[test]
fn a_client_access_server_watches_every_database_through_its_own_front_end() {
    let on_cas1 = watched("cas1", &world(1, &["DB01", "DB02"]));
    for identity in [
        r"POP\PopCTPProbe\DB01",
        r"POP\PopCTPProbe\DB02",
        r"Delivery\DeliveryProbe\DB02",
        r"POP.Proxy\PopProxyTestProbe\POP3S",
        r"MailboxServerAuthentication\MailboxServerAuthenticationProbe\mbx2",
        r"Network\NetworkProbe\coordinator",
        r"POP\CommandTimeProbe\frontend",
    ] {
        assert!(on_cas1.contains(identity), "{identity}: {on_cas1:#?}");
    }
}

#[test]
fn of_many_client_access_servers_three_look_at_each_database() {
    let names: Vec<_> = (0..40).map(|number| format!("DB{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let world = world(10, &names);
    let lists: Vec<_> = (1..=10).map(|number| watched(&format!("cas{number}"), &world)).collect();
    for name in names {
        let identity = format!(r"POP\PopCTPProbe\{name}");
        assert_eq!(lists.iter().filter(|list| list.contains(&identity)).count(), 3, "{identity}");
    }
    let busy = |list: &BTreeSet<String>| list.iter().filter(|it| it.contains("PopCTPProbe")).count();
    assert!(lists.iter().all(|list| (1..=30).contains(&busy(list))), "nobody has all the work");
}

#[test]
fn a_server_without_a_role_watches_third_parties_and_itself() {
    let own = Surroundings { third_parties: vec!["dovecot1".into()], ..Surroundings::default() };
    let mut world = world(1, &["DB01"]);
    world.topology.servers[0].roles.clear();
    let name = world.topology.servers[0].name.clone();
    for world in [world, World::default()] {
        let list = watch_list(&name, &world, &own);
        let list: Vec<_> = list.iter().map(health::Watched::identity).collect();
        assert_eq!(list, [r"POP\PopTargetProbe\dovecot1", r"Monitoring\HealthManagerControlProbe"]);
    }
}
