//! When a probe is due: spread over its interval, so that not everything happens at once.
//!
//! Ticks that were missed are skipped, never made up for. After a failure the next attempt comes sooner, until its monitor
//! has settled: what is known for certain need not be asked again every second.

use std::time::Duration;

use placement::Moment;

/// How soon the next attempt comes after a failure that has not settled.
pub const AGAIN: Duration = Duration::from_secs(1);
/// How late an attempt may begin and still be trusted.
pub const TRUSTED_LAG: Duration = Duration::from_secs(1);

/// The first tick of `name`, not before `now`.
pub fn first(name: &str, every: Duration, now: Moment) -> Moment {
    let every = every.max(Duration::from_millis(1));
    let offset = Duration::from_millis(hash(name) % millis(every).max(1));
    tick(offset, every, now)
}

/// When the attempt after one that was due at `due` and has ended at `now` is due: at its next tick, or sooner.
pub fn next(due: Moment, every: Duration, now: Moment, again: bool) -> Moment {
    let every = every.max(Duration::from_millis(1));
    let on_time = tick(Duration::from_millis(millis(due.0) % millis(every).max(1)), every, now);
    if again { on_time.min(now.after(AGAIN)) } else { on_time }
}

/// The first moment after `now` that is a multiple of `every` and `offset`.
fn tick(offset: Duration, every: Duration, now: Moment) -> Moment {
    let (offset, every, now) = (millis(offset), millis(every).max(1), millis(now.0));
    let gone = now.saturating_sub(offset) / every;
    let candidate = offset + gone * every;
    Moment(Duration::from_millis(if candidate > now { candidate } else { candidate + every }))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A number from a text, the same everywhere and always: FNV-1a, its bits stirred so that alike texts give numbers that
/// are not alike in order either.
pub(crate) fn hash(text: &str) -> u64 {
    let read = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let stirred = (read ^ (read >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let stirred = (stirred ^ (stirred >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    stirred ^ (stirred >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(5);

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    #[test]
    fn probes_are_spread_over_their_interval() {
        let firsts: Vec<_> = (0..200).map(|number| first(&format!("DB{number}"), EVERY, at(0)).0).collect();
        for fifth in 0..5 {
            let here = firsts.iter().filter(|first| first.as_millis() / 1000 == fifth).count();
            assert!((20..=60).contains(&here), "{here} in second {fifth}");
        }
    }

    #[test]
    fn the_rhythm_is_kept_however_long_an_attempt_takes() {
        let due = first("x", EVERY, at(100_000));
        let soon = next(due, EVERY, due.after(Duration::from_millis(30)), false);
        assert_eq!(soon, due.after(EVERY));
        let missed = next(due, EVERY, due.after(Duration::from_millis(12_300)), false);
        assert_eq!(missed, due.after(3 * EVERY), "two ticks are skipped");
    }

    #[test]
    fn a_failure_is_looked_into_sooner_and_back_in_rhythm_afterwards() {
        let due = first("x", EVERY, at(0));
        let ended = due.after(Duration::from_millis(10));
        let again = next(due, EVERY, ended, true);
        assert_eq!(again, ended.after(AGAIN));
        let tick = due.after(EVERY);
        assert_eq!(
            next(due, EVERY, due.after(Duration::from_millis(4_800)), true),
            tick,
            "the tick is sooner"
        );
    }
}
