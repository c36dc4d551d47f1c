//! The promises of a store, and a random walk beside the reference.

use mailbox::testing::model;
use proptest::{collection::vec, prelude::*};

use crate::fixture::{SqliteDatabase, block_on};

mailbox::conformance_suite!(block_on, SqliteDatabase::new());

#[test]
fn any_run_of_operations_ends_as_in_the_reference() {
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(numbers in vec(any::<(u8, u16, u16)>(), 0..80))| {
        let steps: Vec<_> = numbers.into_iter().map(model::Step::from_numbers).collect();
        block_on(model::agree(&steps, SqliteDatabase::new()));
    });
}
