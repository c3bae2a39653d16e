//! The offline world, started by hand.

use anyhow::Result;

use crate::{checkout::Checkout, program::Program, setup};

/// Does all set-up and becomes the world.
pub(crate) fn run(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    let ready = setup::for_demo(checkout)?;
    Program::new(ready.program("hangar-world")).arg("up").args(arguments).envs(ready.variables()).become_it()
}
