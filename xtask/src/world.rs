//! The offline world, started by hand.

use anyhow::Result;

use crate::{checkout::Checkout, program::Program, setup, tools::Purpose};

/// Does all set-up and becomes the world.
pub(crate) fn run(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    let has_clouds = arguments.iter().any(|argument| argument.starts_with("--clouds"));
    let ready = setup::for_demo(checkout, if has_clouds { Purpose::Clouds } else { Purpose::Demo })?;
    Program::new(ready.program("hangar-world")).arg("up").args(arguments).envs(ready.variables()).become_it()
}
