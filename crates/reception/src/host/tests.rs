use std::net::IpAddr;

use net::limits::{Limits, Permit};
use settings::Configuration;

use super::{Places, RESERVE};

const SERVER: &str = "192.0.2.1";
const CLIENT: &str = "192.0.2.9";

fn configuration() -> Configuration {
    let organisation = "[organisation]\ndefault-realm = \"example.com\"\n";
    let server =
        format!("[[server]]\nname = \"cas1\"\naddress = \"{SERVER}\"\nroles = [\"client-access\"]\n");
    let text = format!("{organisation}{server}");
    Configuration::parse(&text, "mailmedic.toml").unwrap()
}

fn admit(places: &Places, from: &str) -> Option<Permit> {
    let from: IpAddr = from.parse().unwrap();
    places.admit(from, &configuration()).ok()
}

#[test]
fn when_all_places_are_taken_servers_have_a_few_in_reserve() {
    let places = Places::new();
    places.granted.set(Limits { total: 2, per_address: 2 });
    let taken: Vec<_> = (0..2).filter_map(|_| admit(&places, CLIENT)).collect();
    assert_eq!(taken.len(), 2);
    assert!(admit(&places, CLIENT).is_none(), "clients have none in reserve");
    let reserved: Vec<_> = (0..RESERVE).filter_map(|_| admit(&places, SERVER)).collect();
    assert_eq!(reserved.len(), RESERVE as usize);
    assert!(admit(&places, SERVER).is_none(), "the reserve is bounded");
    drop(reserved);
    assert!(admit(&places, "::ffff:192.0.2.1").is_some(), "a place that was given back is free");
}

#[test]
fn a_server_takes_ordinary_places_first() {
    let places = Places::new();
    places.granted.set(Limits { total: 1, per_address: 1 });
    let ordinary = admit(&places, SERVER);
    assert!(ordinary.is_some());
    assert!(admit(&places, CLIENT).is_none(), "the ordinary place is taken");
    drop(ordinary);
    assert!(admit(&places, CLIENT).is_some());
}
