//! The dependency graph of a workspace, read from `cargo metadata` with every feature of its members on.
//!
//! Only what is linked counts: normal and build dependencies, optional ones too. Development dependencies are no part
//! of it: a test may use what the code it tests may not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand, PackageId};

/// One package of the graph.
pub(crate) struct Package {
    pub(crate) name: String,
    /// A member of the workspace: one of ours.
    pub(crate) ours: bool,
    /// What `[package.metadata.mailmedic] layer` says.
    pub(crate) layer: Option<String>,
    /// The folder of its Cargo.toml.
    pub(crate) folder: PathBuf,
    uses: BTreeSet<usize>,
}

/// Packages, each with what it links directly.
pub(crate) struct Graph {
    packages: Vec<Package>,
}

impl Graph {
    /// Reads the workspace of `manifest`, or of the current folder.
    pub(crate) fn read(manifest: Option<&Path>) -> Result<Self, String> {
        let mut command = MetadataCommand::new();
        command.features(CargoOpt::AllFeatures).other_options(["--locked".to_owned()]);
        if let Some(manifest) = manifest {
            command.manifest_path(manifest);
        }
        let metadata = command.exec().map_err(|error| error.to_string())?;
        let resolve = metadata.resolve.ok_or("cargo metadata gave no dependency graph")?;
        let index: BTreeMap<&PackageId, usize> =
            metadata.packages.iter().enumerate().map(|(at, package)| (&package.id, at)).collect();
        let mut packages: Vec<Package> = metadata
            .packages
            .iter()
            .map(|package| Package {
                name: package.name.to_string(),
                ours: metadata.workspace_members.contains(&package.id),
                layer: package.metadata["mailmedic"]["layer"].as_str().map(str::to_owned),
                folder: package.manifest_path.parent().map(PathBuf::from).unwrap_or_default(),
                uses: BTreeSet::new(),
            })
            .collect();
        for node in &resolve.nodes {
            let linked = |kind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
            packages[index[&node.id]].uses = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|how| linked(how.kind)))
                .map(|dependency| index[&dependency.pkg])
                .collect();
        }
        Ok(Self { packages })
    }

    /// The packages of the workspace itself.
    pub(crate) fn ours(&self) -> impl Iterator<Item = (usize, &Package)> {
        self.packages.iter().enumerate().filter(|(_, package)| package.ours)
    }

    /// What a package links directly.
    pub(crate) fn uses(&self, package: usize) -> impl Iterator<Item = &Package> {
        self.packages[package].uses.iter().map(|&used| &self.packages[used])
    }

    /// Everything that `from` links, nearest first, each with the shortest chain of names that leads there.
    pub(crate) fn reached_from(&self, from: usize) -> Vec<(&Package, String)> {
        let mut chains = BTreeMap::from([(from, self.packages[from].name.clone())]);
        let mut queue = VecDeque::from([from]);
        let mut reached = Vec::new();
        while let Some(at) = queue.pop_front() {
            for &next in &self.packages[at].uses {
                if chains.contains_key(&next) {
                    continue;
                }
                let chain = format!("{} → {}", chains[&at], self.packages[next].name);
                reached.push((&self.packages[next], chain.clone()));
                chains.insert(next, chain);
                queue.push_back(next);
            }
        }
        reached
    }
}
