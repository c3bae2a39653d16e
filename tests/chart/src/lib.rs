//! The chart, rendered by the real Helm.

mod example;
pub mod prometheus;
mod rendered;
mod renderer;
mod settings;

pub use example::{set, values, with};
pub use rendered::{Rendered, containers, lines};
pub use renderer::{Renderer, chart};
pub use settings::{Setting, settings};
