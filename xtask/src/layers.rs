//! `check-layers`: the rules of `rules.rs` held against the dependency graph, every breach at once.

use std::path::Path;

use crate::graph::{Graph, Package};
use crate::lints;
use crate::rules::{FENCES, IMPURE, Layer, Reach, stands_for};

/// Checks the workspace of `manifest`, or of the current folder; both outcomes are texts to print.
pub(crate) fn check(manifest: Option<&Path>) -> Result<String, String> {
    let graph = Graph::read(manifest)?;
    let mut breaches = Vec::new();
    for (at, package) in graph.ours() {
        match layer_of(package) {
            Ok(layer) => {
                breaches.extend(upward_uses(&graph, at, package, layer));
                if layer == Layer::Pure {
                    breaches.extend(impurities(&graph, at, package));
                    breaches.extend(lints::missing_entries(package)?);
                }
            }
            Err(breach) => breaches.push(breach),
        }
        breaches.extend(crossed_fences(&graph, at, package));
    }
    if breaches.is_empty() {
        Ok(format!("check-layers: {} crates keep to their layers", graph.ours().count()))
    } else {
        Err(format!("check-layers: broken rules: {}\n\n{}", breaches.len(), breaches.join("\n\n")))
    }
}

/// The packages of a layer.
pub(crate) fn packages_of(graph: &Graph, layer: Layer) -> impl Iterator<Item = &Package> {
    graph.ours().map(|(_, package)| package).filter(move |package| layer_of(package) == Ok(layer))
}

fn layer_of(package: &Package) -> Result<Layer, String> {
    let known = Layer::ALL.map(Layer::name).join(", ");
    match &package.layer {
        None => Err(format!(
            "{} has no layer: write [package.metadata.mailmedic] layer = \"…\" (one of {known}) in its Cargo.toml",
            package.name
        )),
        Some(name) => Layer::named(name)
            .ok_or_else(|| format!("{} has the layer \"{name}\", which is none of {known}", package.name)),
    }
}

/// Direct dependencies on a higher layer. Looking at each crate's own is enough: a chain goes up only by some step.
fn upward_uses(graph: &Graph, at: usize, package: &Package, layer: Layer) -> Vec<String> {
    graph
        .uses(at)
        .filter(|used| used.ours)
        .filter_map(|used| Some((used, layer_of(used).ok()?)))
        .filter(|(_, used_layer)| *used_layer > layer)
        .map(|(used, used_layer)| {
            format!(
                "{} ({}) must not use the higher layer of {} ({})\n    {0} → {2}",
                package.name,
                layer.name(),
                used.name,
                used_layer.name()
            )
        })
        .collect()
}

fn impurities(graph: &Graph, at: usize, package: &Package) -> Vec<String> {
    let mut breaches = Vec::new();
    for (reached, chain) in graph.reached_from(at) {
        let rule = IMPURE.iter().find(|(pattern, _)| !reached.ours && stands_for(pattern, &reached.name));
        if let Some((_, reason)) = rule {
            breaches.push(format!(
                "{} (pure) must not reach {}: {reason}\n    {chain}",
                package.name, reached.name
            ));
        }
    }
    breaches
}

fn crossed_fences(graph: &Graph, at: usize, package: &Package) -> Vec<String> {
    let mut breaches = Vec::new();
    for fence in FENCES.iter().filter(|fence| fence.from == package.name) {
        for (reached, chain) in graph.reached_from(at) {
            let name = reached.name.as_str();
            let allowed = match fence.reach {
                Reach::AllBut(forbidden) => !forbidden.contains(&name),
                Reach::Only(allowed) => allowed.contains(&name),
            };
            if reached.ours && !allowed {
                breaches
                    .push(format!("{} must not reach {name}: {}\n    {chain}", package.name, fence.reason));
            }
        }
    }
    breaches
}
