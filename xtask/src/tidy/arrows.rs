//! Which crate uses which, as cargo sees it.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};

use crate::checkout::Checkout;

/// A crate of the workspace and what it depends on.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its folder, from the root of the clone.
    pub(crate) room: String,
    /// The rooms it depends on, its build script's too.
    pub(crate) uses: Vec<String>,
    /// The rooms that only its tests depend on.
    pub(crate) tests_use: Vec<String>,
    /// The names of all crates that are part of it, directly or not.
    pub(crate) brings: BTreeSet<String>,
}

pub(crate) fn of_workspace(checkout: &Checkout) -> Result<Vec<Crate>> {
    let metadata = checkout.metadata(true)?;
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let nodes: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let graph = Graph { metadata: &metadata, nodes };
    let room = |package: &Package| {
        let folder = package.manifest_path.as_std_path().parent().unwrap_or(&checkout.root);
        checkout.relative(folder).display().to_string()
    };
    let rooms: HashMap<_, _> =
        metadata.workspace_packages().iter().map(|found| (found.name.as_str(), room(found))).collect();
    let crates = metadata.workspace_packages().into_iter().map(|package| {
        let (tests_use, uses): (Vec<_>, Vec<_>) = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.path.is_some())
            .partition(|dependency| dependency.kind == DependencyKind::Development);
        let names = |dependencies: Vec<&cargo_metadata::Dependency>| {
            dependencies.into_iter().filter_map(|dependency| rooms.get(dependency.name.as_str()).cloned()).collect()
        };
        Crate { room: room(package), uses: names(uses), tests_use: names(tests_use), brings: graph.below(&package.id) }
    });
    Ok(crates.collect())
}

struct Graph<'a> {
    metadata: &'a Metadata,
    nodes: HashMap<&'a PackageId, &'a Node>,
}

impl Graph<'_> {
    /// Names of all crates that a crate is built of; what only tests and build scripts need is no part of it.
    fn below(&self, root: &PackageId) -> BTreeSet<String> {
        let mut seen = BTreeSet::from([root]);
        let mut names = BTreeSet::new();
        let mut open = vec![root];
        while let Some(node) = open.pop().and_then(|id| self.nodes.get(id)) {
            for dependency in &node.deps {
                let is_part = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if is_part && seen.insert(&dependency.pkg) {
                    names.insert(self.metadata[&dependency.pkg].name.to_string());
                    open.push(&dependency.pkg);
                }
            }
        }
        names
    }
}
