//! The reference engine keeps its own promises, so that an engine which differs from it is wrong.

use mailbox::testing::{MemoryDatabase, model, ready};
use proptest::{collection::vec, prelude::*};

mailbox::conformance_suite!(ready, MemoryDatabase::new());

/// The reference against itself finds what in the model cannot be told from a difference.
#[test]
fn the_model_agrees_with_itself() {
    proptest!(|(numbers in vec(any::<(u8, u16, u16)>(), 0..60))| {
        let steps: Vec<_> = numbers.into_iter().map(model::Step::from_numbers).collect();
        ready(model::agree(&steps, MemoryDatabase::new()));
    });
}

#[test]
fn every_promise_is_in_the_suite() {
    let suite = include_str!("../src/testing/conformance/mod.rs");
    let files = [
        include_str!("../src/testing/conformance/snapshots.rs"),
        include_str!("../src/testing/conformance/deletion.rs"),
        include_str!("../src/testing/conformance/delivery.rs"),
        include_str!("../src/testing/conformance/reading.rs"),
        include_str!("../src/testing/conformance/mailboxes.rs"),
    ];
    let mut promises = 0;
    for line in files.iter().flat_map(|file| file.lines()) {
        let Some(signature) = line.strip_prefix("pub async fn ") else { continue };
        let name = signature.split('(').next().unwrap_or_default();
        assert!(suite.lines().any(|line| line.trim() == name), "{name} is not in the suite");
        promises += 1;
    }
    assert!(promises > 40, "only {promises} promises were found");
}
