//! What end-to-end tests stand on: the programs they need, workspaces in folders of their own, one command of `hangar` or
//! of terraform at a time, and clouds that are folders.

mod description;
mod needed;
mod run;
mod terraform;
mod wait;
mod workspace;

pub use description::{Access, Database, Description, Plugin};
pub use needed::{hangar, helm, is_set, needed, repository, scratch};
pub use run::Run;
pub use terraform::{Ended, Terraform};
pub use wait::wait_for;
pub use workspace::{Started, Workspace};
pub use world_clouds::{AWS, AZURE, Cloud, Clouds, GOOGLE, Provider};
