//! What was found, for others.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Paths by the environment variable that names each.
#[derive(Debug, Default)]
pub(crate) struct Toolbox(BTreeMap<&'static str, PathBuf>);

impl Toolbox {
    pub(crate) fn add(&mut self, variable: &'static str, path: PathBuf) {
        self.0.insert(variable, path);
    }

    pub(crate) fn has(&self, variable: &str) -> bool {
        self.0.contains_key(variable)
    }

    /// What children get into their environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().map(|(variable, path)| (*variable, path.as_path()))
    }

    /// Writes all paths as one JSON object, for whoever was not started by xtask.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(&self.0)?);
        if fs::read_to_string(path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path.with_extension("json.new"), &text)?;
            fs::rename(path.with_extension("json.new"), path)
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Toolbox;

    #[test]
    fn the_file_holds_what_children_get() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("target/tools.json");
        let mut toolbox = Toolbox::default();
        toolbox.add("HANGAR_HELM", "/opt/helm".into());
        toolbox.write(&path).expect("the folder is ours");
        let text = std::fs::read_to_string(path).expect("it was written");
        assert_eq!(text, "{\n  \"HANGAR_HELM\": \"/opt/helm\"\n}\n");
        assert_eq!(toolbox.variables().count(), 1);
    }
}
