use std::net::IpAddr;

use net::Limiter;
use net::limits::{Limits, Refusal};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_connection_beyond_the_limit_per_address_is_refused_at_once() {
    let limiter = Limiter::new(Limits { total: 100, per_address: 2 });
    let here = ip("192.0.2.1");
    let _first = limiter.admit(here).unwrap();
    let second = limiter.admit(here).unwrap();
    let refusal = limiter.admit(here).unwrap_err();
    assert_eq!(refusal.to_string(), "192.0.2.1 has its 2 connections in use");
    assert!(matches!(refusal, Refusal::PerAddress { limit: 2, .. }));

    let _elsewhere = limiter.admit(ip("192.0.2.2")).unwrap();
    drop(second);
    let _again = limiter.admit(here).unwrap();
}

#[test]
fn the_connection_beyond_the_limit_in_all_is_refused_whoever_asks() {
    let limiter = Limiter::new(Limits { total: 2, per_address: 2 });
    let _first = limiter.admit(ip("192.0.2.1")).unwrap();
    let second = limiter.admit(ip("192.0.2.2")).unwrap();
    assert_eq!(limiter.admit(ip("192.0.2.3")).unwrap_err(), Refusal::Total { limit: 2 });
    drop(second);
    let _third = limiter.admit(ip("192.0.2.3")).unwrap();
}

#[test]
fn an_ipv6_client_is_its_whole_64_bit_network() {
    let limiter = Limiter::new(Limits { total: 100, per_address: 1 });
    let _one = limiter.admit(ip("2001:db8:0:7::1")).unwrap();
    let refusal = limiter.admit(ip("2001:db8:0:7:ffff::2")).unwrap_err();
    assert_eq!(refusal.to_string(), "2001:db8:0:7::/64 has its 1 connections in use");
    let _neighbour = limiter.admit(ip("2001:db8:0:8::1")).unwrap();
}

#[test]
fn an_ipv4_client_counts_as_one_in_either_notation() {
    let limiter = Limiter::new(Limits { total: 100, per_address: 1 });
    let _one = limiter.admit(ip("192.0.2.1")).unwrap();
    assert!(limiter.admit(ip("::ffff:192.0.2.1")).is_err());
    let _other = limiter.admit(ip("::ffff:192.0.2.2")).unwrap();
}

#[test]
fn lower_limits_end_nothing_and_admit_nobody_until_enough_have_gone() {
    let limiter = Limiter::new(Limits::NONE);
    let here = ip("192.0.2.1");
    let mut open: Vec<_> = (0..3).map(|_| limiter.admit(here).unwrap()).collect();
    limiter.set(Limits { total: 2, per_address: 2 });
    assert_eq!(limiter.limits().total, 2);
    assert_eq!(limiter.counts().open, 3);
    open.pop();
    assert!(limiter.admit(here).is_err());
    open.pop();
    open.push(limiter.admit(here).unwrap());
}

#[test]
fn counters_tell_what_happened() {
    let limiter = Limiter::new(Limits { total: 2, per_address: 1 });
    let one = limiter.admit(ip("192.0.2.1")).unwrap();
    let _two = limiter.admit(ip("192.0.2.2")).unwrap();
    limiter.admit(ip("192.0.2.3")).unwrap_err();
    drop(one);
    limiter.admit(ip("192.0.2.2")).unwrap_err();
    let counts = limiter.counts();
    assert_eq!((counts.open, counts.sources, counts.admitted), (1, 1, 2));
    assert_eq!((counts.refused_total, counts.refused_per_address), (1, 1));
}

#[test]
fn a_clone_counts_with_the_original() {
    let limiter = Limiter::new(Limits { total: 1, per_address: 1 });
    let permit = limiter.clone().admit(ip("192.0.2.1")).unwrap();
    assert_eq!(limiter.counts().open, 1);
    drop(permit);
    assert_eq!(limiter.counts().open, 0);
}
