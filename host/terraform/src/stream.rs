//! The JSON stream of terraform and OpenTofu.
//!
//! One object a line, described in "Machine-Readable UI" of both projects' documentation; what it leaves out was taken from
//! terraform 1.11.4 and tofu 1.12.6. Minor versions add, so what is not known is kept and passed by. Tools also write
//! plain text between the lines (backend initialisation on standard output, warnings about the CLI configuration before
//! the first line), so nothing here fails on a line.

mod diagnostic;
mod dump;
mod event;
mod outputs;
mod parse;
mod words;

pub use diagnostic::{Diagnostic, Severity};
pub use event::{Action, Event, Resource};
pub use outputs::Outputs;
pub use parse::Parser;

pub(crate) use dump::{dumped, without_state};
pub(crate) use outputs::without_sensitive;
pub(crate) use words::since;
