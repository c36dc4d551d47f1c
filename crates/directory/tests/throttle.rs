//! Failed log-ins are slowed, then refused for a while.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use directory::{Admission, Throttle, ThrottleSettings};
use proptest::prelude::*;
use settings::{NetworkList, Value as _};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn settings() -> ThrottleSettings {
    ThrottleSettings {
        first_delay: 250 * MILLISECOND,
        longest_delay: SECOND,
        failures: 5,
        refusal: 60 * SECOND,
        memory: 600 * SECOND,
        addresses: 3,
        exempt: NetworkList::default(),
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Fails so often from an address.
fn fail(throttle: &mut Throttle, from: IpAddr, times: usize, now: Instant) {
    for _ in 0..times {
        throttle.failed(from, now);
    }
}

#[test]
fn failures_delay_longer_and_longer_up_to_a_cap_and_then_refuse() {
    let mut throttle = Throttle::new(settings());
    let (client, now) = (address("192.0.2.1"), Instant::now());
    let mut admissions = Vec::new();
    for _ in 0..6 {
        admissions.push(throttle.admit(client, now));
        throttle.failed(client, now);
    }
    assert_eq!(
        admissions,
        [
            Admission::Now,
            Admission::After(250 * MILLISECOND),
            Admission::After(500 * MILLISECOND),
            Admission::After(SECOND),
            Admission::After(SECOND),
            Admission::Refused(60 * SECOND),
        ]
    );
}

#[test]
fn a_refusal_ends_and_one_more_failure_renews_it() {
    let mut throttle = Throttle::new(settings());
    let (client, start) = (address("192.0.2.1"), Instant::now());
    fail(&mut throttle, client, 5, start);
    assert_eq!(throttle.admit(client, start + 59 * SECOND), Admission::Refused(SECOND));
    let after = start + 60 * SECOND;
    assert_eq!(throttle.admit(client, after), Admission::After(SECOND));
    throttle.failed(client, after);
    assert_eq!(throttle.admit(client, after), Admission::Refused(60 * SECOND));
    // Asking while refused does not make it longer.
    assert_eq!(throttle.admit(client, after + 60 * SECOND), Admission::After(SECOND));
}

#[test]
fn a_success_starts_afresh() {
    let mut throttle = Throttle::new(settings());
    let (client, now) = (address("192.0.2.1"), Instant::now());
    fail(&mut throttle, client, 4, now);
    throttle.succeeded(client);
    assert_eq!(throttle.admit(client, now), Admission::Now);
    throttle.failed(client, now);
    assert_eq!(throttle.admit(client, now), Admission::After(250 * MILLISECOND));
}

#[test]
fn failures_are_forgotten_after_a_while() {
    let mut throttle = Throttle::new(settings());
    let (client, now) = (address("192.0.2.1"), Instant::now());
    fail(&mut throttle, client, 4, now);
    assert_eq!(throttle.admit(client, now + 600 * SECOND), Admission::After(SECOND));
    assert_eq!(throttle.admit(client, now + 601 * SECOND), Admission::Now);
    assert_eq!(throttle.remembered(), 0);
}

#[test]
fn a_refusal_longer_than_the_memory_is_kept_to_its_end() {
    let mut throttle = Throttle::new(ThrottleSettings { memory: SECOND, ..settings() });
    let (client, now) = (address("192.0.2.1"), Instant::now());
    fail(&mut throttle, client, 5, now);
    assert_eq!(throttle.admit(client, now + 30 * SECOND), Admission::Refused(30 * SECOND));
}

#[test]
fn ipv4_addresses_are_counted_one_by_one_also_when_mapped_into_ipv6() {
    let mut throttle = Throttle::new(settings());
    let now = Instant::now();
    fail(&mut throttle, address("192.0.2.1"), 5, now);
    assert!(matches!(throttle.admit(address("::ffff:192.0.2.1"), now), Admission::Refused(_)));
    assert_eq!(throttle.admit(address("192.0.2.2"), now), Admission::Now);
    throttle.succeeded(address("::ffff:192.0.2.1"));
    assert_eq!(throttle.admit(address("192.0.2.1"), now), Admission::Now);
}

#[test]
fn ipv6_addresses_are_counted_with_their_64() {
    let mut throttle = Throttle::new(settings());
    let now = Instant::now();
    for host in 1..=5 {
        throttle.failed(address(&format!("2001:db8:0:1::{host}")), now);
    }
    assert!(matches!(throttle.admit(address("2001:db8:0:1:ffff::"), now), Admission::Refused(_)));
    assert_eq!(throttle.admit(address("2001:db8:0:2::1"), now), Admission::Now);
    assert_eq!(throttle.remembered(), 1);
}

#[test]
fn exempt_networks_are_never_slowed() {
    let exempt = NetworkList::parse("192.0.2.0/24,2001:db8::/32").unwrap();
    let mut throttle = Throttle::new(ThrottleSettings { exempt, ..settings() });
    let now = Instant::now();
    for exempt in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
        fail(&mut throttle, address(exempt), 100, now);
        assert_eq!(throttle.admit(address(exempt), now), Admission::Now, "{exempt}");
    }
    assert_eq!(throttle.remembered(), 0);
    fail(&mut throttle, address("198.51.100.1"), 100, now);
    assert!(matches!(throttle.admit(address("198.51.100.1"), now), Admission::Refused(_)));
}

#[test]
fn memory_is_bounded_and_the_address_that_failed_longest_ago_is_forgotten_first() {
    let mut throttle = Throttle::new(settings());
    let now = Instant::now();
    let client = |host: u8| IpAddr::from([192, 0, 2, host]);
    for host in 1..=3 {
        fail(&mut throttle, client(host), 5, now);
    }
    fail(&mut throttle, client(1), 1, now);
    fail(&mut throttle, client(4), 1, now);
    assert_eq!(throttle.remembered(), 3);
    assert_eq!(throttle.admit(client(2), now), Admission::Now);
    assert!(matches!(throttle.admit(client(1), now), Admission::Refused(_)));
    assert!(matches!(throttle.admit(client(3), now), Admission::Refused(_)));
    assert!(matches!(throttle.admit(client(4), now), Admission::After(_)));
}

proptest! {
    #[test]
    fn whatever_happens_memory_stays_bounded_and_delays_stay_capped(
        events in proptest::collection::vec((0_u8..6, 0_u8..3, 0_u32..100), 0..200)
    ) {
        let mut throttle = Throttle::new(settings());
        let mut now = Instant::now();
        for (host, event, seconds) in events {
            let client = IpAddr::from([192, 0, 2, host]);
            now += seconds * SECOND;
            match event {
                0 => throttle.failed(client, now),
                1 => throttle.succeeded(client),
                _ => match throttle.admit(client, now) {
                    Admission::Now => {}
                    Admission::After(delay) => prop_assert!(delay <= SECOND),
                    Admission::Refused(left) => prop_assert!(left <= 60 * SECOND && !left.is_zero()),
                },
            }
            prop_assert!(throttle.remembered() <= 3);
        }
    }
}
