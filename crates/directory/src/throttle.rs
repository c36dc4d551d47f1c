//! Slows the addresses that fail to log in, then refuses them for a while. Pure: time is passed in.
//!
//! An IPv4 address is counted by itself, an IPv6 address with its /64, since that is what one subscriber has.
//! The caller asks [`Throttle::admit`] before it checks a password, whatever the password, and tells the outcome;
//! a failure to check (busy, unavailable) is no outcome.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use settings::NetworkList;

use crate::bounded::Bounded;

/// How failed log-ins are slowed.
#[derive(Debug, Clone)]
pub struct ThrottleSettings {
    /// The delay after the first failure; it doubles at each further one.
    pub first_delay: Duration,
    /// The longest delay.
    pub longest_delay: Duration,
    /// After so many failures in a row, log-ins from the address are refused.
    pub failures: u32,
    /// For how long they are refused, counted from the last failure.
    pub refusal: Duration,
    /// Failures are forgotten so long after the last one.
    pub memory: Duration,
    /// How many addresses are remembered; the one that failed longest ago is forgotten first.
    pub addresses: usize,
    /// Networks whose failures are not counted.
    pub exempt: NetworkList,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(4),
            failures: 20,
            refusal: Duration::from_mins(5),
            memory: Duration::from_mins(15),
            addresses: 65_536,
            exempt: NetworkList::default(),
        }
    }
}

/// Whether an address may try to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may, at once.
    Now,
    /// It may, after this delay.
    After(Duration),
    /// It may not, and need not try before this time has passed.
    Refused(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// The failures of each address.
pub struct Throttle {
    settings: ThrottleSettings,
    failures: Bounded<IpAddr, Failures>,
}

impl Throttle {
    /// A throttle that has seen no failure.
    pub fn new(settings: ThrottleSettings) -> Self {
        Self { failures: Bounded::new(settings.addresses), settings }
    }

    /// To be asked before a password is checked.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Admission {
        self.forget(now);
        let Some(failures) = self.subscriber(address).and_then(|subscriber| self.failures.get(&subscriber))
        else {
            return Admission::Now;
        };
        let since = now.saturating_duration_since(failures.last);
        if failures.count >= self.settings.failures {
            return match self.settings.refusal.checked_sub(since) {
                Some(left) if !left.is_zero() => Admission::Refused(left),
                // One try, as slow as can be; the next failure refuses again.
                _ => Admission::After(self.settings.longest_delay),
            };
        }
        Admission::After(self.delay(failures.count))
    }

    /// The name or the password was wrong.
    pub fn failed(&mut self, address: IpAddr, now: Instant) {
        self.forget(now);
        let Some(subscriber) = self.subscriber(address) else { return };
        let count = self.failures.get(&subscriber).map_or(0, |failures| failures.count);
        self.failures.insert(subscriber, Failures { count: count.saturating_add(1), last: now });
    }

    /// Somebody logged in: the address starts afresh.
    pub fn succeeded(&mut self, address: IpAddr) {
        if let Some(subscriber) = self.subscriber(address) {
            self.failures.remove(&subscriber);
        }
    }

    /// How many addresses are remembered.
    pub fn remembered(&self) -> usize {
        self.failures.len()
    }

    /// What failures are counted by; none for an exempt address.
    fn subscriber(&self, address: IpAddr) -> Option<IpAddr> {
        if self.settings.exempt.contains(address) {
            return None;
        }
        Some(match address.to_canonical() {
            v4 @ IpAddr::V4(_) => v4,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        })
    }

    fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.settings.first_delay.saturating_mul(factor).min(self.settings.longest_delay)
    }

    /// Entries stand in the order of their last failure, so what is stale stands in front.
    fn forget(&mut self, now: Instant) {
        let memory = self.settings.memory.max(self.settings.refusal);
        while let Some((subscriber, failures)) = self.failures.oldest()
            && now.saturating_duration_since(failures.last) > memory
        {
            let stale = *subscriber;
            self.failures.remove(&stale);
        }
    }
}
