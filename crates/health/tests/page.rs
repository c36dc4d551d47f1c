//! The pages of the documentation are what the definitions say. To write it again:
//! `UPDATE_FIXTURES=1 cargo test -p health`, then read the diff.

#![expect(clippy::disallowed_methods, reason = "the pages are files")]

use std::path::Path;

#[test]
fn the_page_of_ladders_is_what_the_ladders_say() {
    is_written("ladders.md", &health::recovery::ladders_page());
}

#[test]
fn the_page_of_health_sets_is_what_the_definitions_say() {
    is_written("health-sets.md", &health::page());
}

fn is_written(name: &str, page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&file, page).expect("the folder is there");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/{name} is not what the definitions say");
}
