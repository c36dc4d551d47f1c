//! The lints that keep std's clocks, sockets, files, threads and randomness out of pure crates: that each pure crate
//! has them configured, and that none of its library code is exempt.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::graph::{Graph, Package};
use crate::layers;
use crate::rules::Layer;

/// The entries every pure crate must have; most crates simply link to the file.
const REQUIRED: &str = include_str!("../pure/clippy.toml");
const LINTS: [(&str, &str); 2] =
    [("disallowed-types", "clippy::disallowed_types"), ("disallowed-methods", "clippy::disallowed_methods")];

/// What a pure crate's own clippy.toml lacks. Clippy reads the nearest file only, so the workspace's does not help.
pub(crate) fn missing_entries(package: &Package) -> Result<Option<String>, String> {
    let file = package.folder.join("clippy.toml");
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(Some(format!(
            "{} (pure) has no clippy.toml: link it to xtask/pure/clippy.toml",
            package.name
        )));
    };
    let present = entries(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let required = entries(REQUIRED).map_err(|error| format!("xtask/pure/clippy.toml: {error}"))?;
    let missing: Vec<&str> = required.difference(&present).map(|(_, path)| path.as_str()).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("{} (pure) lacks in its clippy.toml: {}", package.name, missing.join(", "))))
}

/// Runs clippy over the libraries of the pure crates with the lints at *forbid*, which no `allow` can undo.
pub(crate) fn check_pure_code(manifest: Option<&Path>) -> Result<String, String> {
    let graph = Graph::read(manifest)?;
    let packages: Vec<&Package> = layers::packages_of(&graph, Layer::Pure).collect();
    if packages.is_empty() {
        return Err("check-pure-code: the workspace has no pure crate".to_owned());
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["clippy", "--quiet", "--locked", "--lib", "--all-features"]);
    if let Some(manifest) = manifest {
        command.arg("--manifest-path").arg(manifest);
    }
    for package in &packages {
        command.args(["--package", &package.name]);
    }
    command.arg("--").args(LINTS.map(|(_, lint)| format!("-F{lint}")));
    match command.status() {
        Ok(status) if status.success() => {
            Ok(format!("check-pure-code: {} pure crates use nothing impure of std", packages.len()))
        }
        Ok(status) => Err(format!("check-pure-code: clippy ended with {status}")),
        Err(error) => Err(format!("check-pure-code: cannot start cargo clippy: {error}")),
    }
}

/// The (list, path) pairs of a clippy.toml; an entry is a path or a table that has one.
fn entries(text: &str) -> Result<BTreeSet<(&'static str, String)>, toml::de::Error> {
    let table: toml::Table = toml::from_str(text)?;
    let listed = LINTS.into_iter().flat_map(|(list, _)| {
        let values = table.get(list).and_then(toml::Value::as_array).into_iter().flatten();
        values.filter_map(move |value| Some((list, path_of(value)?.to_owned())))
    });
    Ok(listed.collect())
}

fn path_of(entry: &toml::Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("path")?.as_str())
}
