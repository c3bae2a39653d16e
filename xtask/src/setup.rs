//! Everything that has to be there before the host, the world or the tests can run.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    checkout::Checkout,
    images, plugins,
    programs::{self, Profile},
    tools::{self, Purpose, Toolbox, Versions, search_wasm},
};

/// What children are started with.
pub(crate) struct Ready {
    toolbox: Toolbox,
    bin: PathBuf,
    plugins: PathBuf,
    images: PathBuf,
}

impl Ready {
    /// The variables by which children find the tools, programs, components and images.
    pub(crate) fn variables(&self) -> Vec<(&str, PathBuf)> {
        let tools = self.toolbox.variables().map(|(name, path)| (name, path.to_owned()));
        let ours = [
            ("HANGAR_BIN_DIR", self.bin.clone()),
            ("HANGAR_PLUGINS_DIR", self.plugins.clone()),
            ("HANGAR_IMAGES_DIR", self.images.clone()),
            ("HANGAR_WORLD", self.program("hangar-world")),
        ];
        tools.chain(ours).collect()
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// What the demo and the world need, with clouds or without.
pub(crate) fn for_demo(checkout: &Checkout, purpose: Purpose) -> Result<Ready> {
    let toolbox = tools::run(checkout, purpose, Versions::default())?;
    let bin = programs::build(checkout, Profile::Dev)?;
    finish(checkout, toolbox, bin)
}

/// What the tests need. Builds them too, with the arguments for cargo that `arguments` makes of the tools.
pub(crate) fn for_tests(
    checkout: &Checkout,
    versions: Versions,
    arguments: impl FnOnce(&Toolbox) -> Result<Vec<String>>,
) -> Result<(Ready, Vec<String>)> {
    let toolbox = tools::run(checkout, Purpose::Test, versions)?;
    let arguments = arguments(&toolbox)?;
    let bin = programs::build_for_tests(checkout, &arguments, &toolbox)?;
    Ok((finish(checkout, toolbox, bin)?, arguments))
}

/// The components alone, and the host that makes them.
pub(crate) fn plugins(checkout: &Checkout) -> Result<()> {
    let bin = programs::build_host(checkout)?;
    plugins::build(checkout, &search_wasm(checkout)?, &bin.join("hangar")).map(drop)
}

fn finish(checkout: &Checkout, toolbox: Toolbox, bin: PathBuf) -> Result<Ready> {
    let plugins = plugins::build(checkout, &search_wasm(checkout)?, &bin.join("hangar"))?;
    let images = images::write(checkout, &bin)?;
    Ok(Ready { toolbox, bin, plugins, images })
}
