//! Which messages of a maildrop are marked deleted: one bit each, no memory until the first mark.

#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    count: u64,
    octets: u64,
}

impl Marks {
    pub(super) fn contains(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Marks a message of `octets` that is not marked yet.
    pub(super) fn insert(&mut self, index: usize, octets: u64) {
        if self.words.len() <= index / 64 {
            self.words.resize(index / 64 + 1, 0);
        }
        self.words[index / 64] |= 1 << (index % 64);
        self.count += 1;
        self.octets = self.octets.saturating_add(octets);
    }

    /// How many messages are marked.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many octets the marked messages have together.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// The places of the marked messages, ascending.
    pub(super) fn indices(&self) -> Vec<usize> {
        (0..self.words.len() * 64).filter(|index| self.contains(*index)).collect()
    }
}
