//! Golden files: each `invalid-….toml` breaks one rule, and what is said about it stands beside it in a `.txt`.
//!
//! To write the `.txt` files again after changing a message: `UPDATE_FIXTURES=1 cargo test -p settings`, then read the diff.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::path::{Path, PathBuf};

use settings::Configuration;

fn fixtures(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "toml")).filter(named).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write_instead() {
    for path in fixtures("invalid-") {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let told = match Configuration::parse(&text, name) {
            Ok(_) => panic!("{name} should have been refused"),
            Err(problems) => format!("{problems}\n"),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&golden, &told).unwrap();
        }
        assert_eq!(told, std::fs::read_to_string(&golden).unwrap(), "what is said about {name}");
    }
}

#[test]
fn what_is_right_is_accepted_and_survives_being_written() {
    for path in fixtures("valid-") {
        let text = std::fs::read_to_string(&path).unwrap();
        let configuration =
            Configuration::parse(&text, "valid").unwrap_or_else(|problems| panic!("{problems}"));
        let written = configuration.to_toml();
        let again = Configuration::parse(&written, "written")
            .unwrap_or_else(|problems| panic!("{problems}\n{written}"));
        assert_eq!(again, configuration);
    }
}
