//! The demonstration.

use anyhow::Result;

use crate::{checkout::Checkout, program::Program, setup};

/// Does all set-up and becomes the demo.
pub(crate) fn run(checkout: &Checkout, arguments: &[String]) -> Result<()> {
    let ready = setup::for_demo(checkout)?;
    Program::new(ready.program("hangar")).arg("demo").args(arguments).envs(ready.variables()).become_it()
}
