//! The Kubernetes control plane in one program.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::tools::{go::OwnModule, search::Search, version};

/// Folder of the module, and below it those of the module files of other Kubernetes.
const FOLDER: &str = "tests/world/kubeone";
const OLDEST: &str = "oldest";
const NEWEST: &str = "newest";

/// The one built from these sources, else one of that Kubernetes version on PATH, else a build.
///
/// Our releases carry it prebuilt for machines without Go.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    find_as(search, None)
}

/// The same, of the oldest Kubernetes that is supported.
pub(crate) fn find_oldest(search: &Search<'_>) -> Result<PathBuf> {
    find_as(search, Some(OLDEST))
}

/// The same, of the newest Kubernetes that is supported.
pub(crate) fn find_newest(search: &Search<'_>) -> Result<PathBuf> {
    find_as(search, Some(NEWEST))
}

fn find_as(search: &Search<'_>, variant: Option<&'static str>) -> Result<PathBuf> {
    let folder = search.root.join(FOLDER);
    let go_mod = folder.join(variant.unwrap_or_default()).join("go.mod");
    let go_mod = fs::read_to_string(&go_mod).with_context(|| format!("no module at `{}`", go_mod.display()))?;
    let version = kubernetes_version(&go_mod).context("`go.mod` of kubeone does not say which Kubernetes")?;
    let module = OwnModule {
        name: "kubeone",
        version,
        folder,
        modules: variant,
        package: ".",
        ldflags: version_flags(version),
        duration: "up to 15 minutes",
    };
    // Another program of that name exists, so only the right version is taken.
    let wanted = format!("={version}").parse().context("a version range")?;
    let on_path = || search.on_path("kubeone", |program: &Path| version::check(program, &["version"], &wanted));
    let recipe = match module.recipe(search) {
        Ok(recipe) => recipe,
        Err(no_go) => return on_path().map_err(|none| no_go.context(format!("{none}, and it cannot be built"))),
    };
    if let Some(path) = search.cache.find(&recipe).or_else(|| on_path().ok()) {
        return Ok(path);
    }
    search.cache.program(&recipe, |folder| module.build(search, folder))
}

/// `1.34.3` from `require k8s.io/kubernetes v1.34.3`.
fn kubernetes_version(go_mod: &str) -> Option<&str> {
    let line = go_mod.lines().find(|line| line.contains("k8s.io/kubernetes v"))?;
    line.split_whitespace().find_map(|word| word.strip_prefix('v'))
}

/// Stamps the version in. Without it the server calls itself by a placeholder that no client can parse.
fn version_flags(version: &str) -> String {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let component = "-X k8s.io/component-base/version.git";
    format!(
        "{component}Version=v{version} {component}Major={major} {component}Minor={minor} \
         -X k8s.io/client-go/pkg/version.gitVersion=v{version}"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{find, find_newest, kubernetes_version, version_flags};
    use crate::tools::search::fake::Machine;

    const GO_MOD: &str = "module kubeone\n\nrequire (\n\tk8s.io/api v0.34.3\n\tk8s.io/kubernetes v1.34.3\n)\n";

    fn machine() -> Machine {
        let machine = Machine::new();
        let folder = machine.root().join("tests/world/kubeone");
        fs::create_dir_all(&folder).expect("the folder is new");
        fs::write(folder.join("go.mod"), GO_MOD).expect("the folder is ours");
        machine
    }

    #[test]
    fn the_version_is_the_one_of_the_module() {
        assert_eq!(kubernetes_version(GO_MOD), Some("1.34.3"));
        let flags = version_flags("1.34.3");
        assert!(flags.contains("version.gitMajor=1 "), "{flags}");
        assert!(flags.contains("version.gitMinor=34 "), "{flags}");
    }

    #[test]
    fn the_newest_is_built_from_the_same_sources_by_a_module_file_of_its_own() {
        let machine = machine();
        machine.add_program("go", "go1.26.8");
        let newest = machine.root().join("tests/world/kubeone/newest");
        fs::create_dir(&newest).expect("the folder is new");
        fs::write(newest.join("go.mod"), GO_MOD.replace("34.3", "37.2")).expect("the folder is ours");
        let path = machine.add_program("kubeone", "v1.37.2");
        assert_eq!(find_newest(&machine.search()).expect("it is there"), path);
        let error = find(&machine.search()).expect_err("the usual one is another");
        assert_eq!(error.to_string(), "installing `kubeone` 1.34.3 left no program `kubeone`");
    }

    #[test]
    fn one_on_path_is_taken_before_anything_is_built_but_only_of_the_right_version() {
        let machine = machine();
        machine.add_program("go", "go1.26.8");
        let path = machine.add_program("kubeone", "v1.34.3");
        assert_eq!(find(&machine.search()).expect("it is there"), path);
        machine.add_program("kubeone", "{ kubeone 1.11.0 }");
        // This `go` builds nothing.
        let error = find(&machine.search()).expect_err("it is another program");
        assert_eq!(error.to_string(), "installing `kubeone` 1.34.3 left no program `kubeone`");
    }

    #[test]
    fn without_go_one_on_path_will_do_and_else_the_cure_is_named() {
        let machine = machine();
        let error = format!("{:#}", find(&machine.search()).expect_err("nothing is there"));
        assert!(
            error.starts_with("no `kubeone` on PATH, and it cannot be built: no `go` on PATH; install Go"),
            "{error}"
        );
        let path = machine.add_program("kubeone", "v1.34.3");
        assert_eq!(find(&machine.search()).expect("it is there"), path);
    }
}
