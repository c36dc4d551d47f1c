//! The page of the documentation is what the definitions say. To write it again:
//! `UPDATE_FIXTURES=1 cargo test -p health`, then read the diff.

#![expect(clippy::disallowed_methods, reason = "the page is a file")]

use std::path::Path;

#[test]
fn the_page_of_health_sets_is_what_the_definitions_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/health-sets.md");
    let page = health::page();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap() == page,
        "docs/health-sets.md is not what the definitions say"
    );
}
