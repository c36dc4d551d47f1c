//! Randomness that can be had again: everything random in a test comes from one number, which the test prints.

use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The seed that the variable `MAILMEDIC_SEED` gives, or a new one. It is printed: a test shows it when it fails.
    #[expect(clippy::print_stdout, reason = "a test's output is shown when it fails")]
    pub fn for_test() -> Self {
        let seed = match std::env::var("MAILMEDIC_SEED") {
            Ok(text) => text.parse().expect("MAILMEDIC_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into(),
        };
        println!("random numbers as with MAILMEDIC_SEED={seed}");
        Self(seed)
    }

    /// Another sequence, for a thread of its own.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
