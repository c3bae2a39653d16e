//! What end-to-end tests stand on: the programs they need, workspaces in folders of their own, and one command of `hangar`
//! at a time.

mod description;
mod needed;
mod run;
mod wait;
mod workspace;

pub use description::{Access, Description, Plugin};
pub use needed::{hangar, is_set, needed, scratch};
pub use run::Run;
pub use wait::wait_for;
pub use workspace::Workspace;
