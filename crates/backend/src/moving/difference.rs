//! What has to be done to a copy so that it is like the original.

use std::collections::{BTreeMap, BTreeSet};

use mailbox::{MessageEntry, Uid, Uidl};

/// What a copy has too little and too much.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The places in the original of what the copy does not have, in their order.
    pub(super) missing: Vec<usize>,
    /// What the copy has that the original has no more.
    pub(super) surplus: Vec<Uid>,
    /// Whether what both have is the same, and in the same order.
    pub(super) agrees: bool,
}

impl Difference {
    /// Compares the listings of original and copy by the names of their messages. Uids are each database's own.
    pub(super) fn of<'a>(
        original: impl Iterator<Item = &'a MessageEntry> + Clone,
        copy: &[MessageEntry],
    ) -> Self {
        let wanted: BTreeSet<&Uidl> = original.clone().map(|entry| &entry.uidl).collect();
        let held: BTreeMap<&Uidl, &MessageEntry> = copy.iter().map(|entry| (&entry.uidl, entry)).collect();
        let lengths = |entry: &MessageEntry| (entry.octets, entry.header, entry.wire);
        let common = original.clone().filter_map(|entry| Some((entry, *held.get(&entry.uidl)?)));
        let places = original.enumerate().filter(|(_, entry)| !held.contains_key(&entry.uidl));
        Self {
            missing: places.map(|(place, _)| place).collect(),
            surplus: copy
                .iter()
                .filter(|entry| !wanted.contains(&entry.uidl))
                .map(|entry| entry.uid)
                .collect(),
            agrees: common.clone().is_sorted_by(|(_, a), (_, b)| a.uid < b.uid)
                && common.clone().all(|(original, copy)| lengths(original) == lengths(copy)),
        }
    }

    /// How many messages have to be touched.
    pub(super) fn len(&self) -> usize {
        self.missing.len() + self.surplus.len()
    }
}

#[cfg(test)]
mod tests {
    use mailbox::Octets;

    use super::*;

    /// Messages of these names; their places in the alphabet are their lengths.
    fn listing(names: &str, first: u64) -> Vec<MessageEntry> {
        let entry = |(name, uid): (char, u64)| MessageEntry {
            uid: Uid::new(uid),
            octets: Octets::new(u64::from(u32::from(name))),
            uidl: Uidl::parse(&name.to_string()).unwrap(),
            header: 1,
            wire: 1,
        };
        names.chars().zip(first..).map(entry).collect()
    }

    fn difference(original: &str, copy: &str) -> Difference {
        Difference::of(listing(original, 1).iter(), &listing(copy, 100))
    }

    #[test]
    fn a_copy_that_is_alike_lacks_nothing() {
        for names in ["", "a", "hello".get(..3).unwrap(), "zyx"] {
            let difference = difference(names, names);
            assert_eq!((difference.len(), difference.agrees), (0, true), "{names}");
        }
    }

    #[test]
    fn what_is_new_is_missing_and_what_is_gone_is_surplus() {
        let difference = difference("bdef", "abcd");
        assert_eq!(difference.missing, [2, 3]);
        assert_eq!(difference.surplus, [Uid::new(100), Uid::new(102)]);
        assert!(difference.agrees);
    }

    #[test]
    fn another_order_or_another_length_is_no_copy() {
        assert!(!difference("ab", "ba").agrees);
        let mut copy = listing("ab", 100);
        copy[1].wire += 1;
        assert!(!Difference::of(listing("ab", 1).iter(), &copy).agrees);
    }
}
