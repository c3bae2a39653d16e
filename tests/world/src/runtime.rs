//! The container runtime: one process for each container, in namespaces of its own.
//!
//! Three processes take part, all of them the `hangar-world` binary until the last step:
//! - the world holds a [`Container`] and speaks to
//! - the **shim**, which makes or joins the process-identifier namespace, passes signals on and reports the end;
//!   its only child is
//! - the **inside**, which builds the mount namespace, gives up its rights and becomes the program.
//!
//! The shim's standard input is a socket to the world. When the world dies the socket ends, the shim kills its
//! child; when the shim dies the kernel does.

mod container;
mod exec;
mod guard;
mod inside;
mod leash;
mod mounts;
mod pause;
mod rootfs;
mod shim;
mod signals;
mod socket;
mod spec;
mod user_namespace;

pub(crate) use container::{Container, Exit, Output, RuntimeError, check_machine, exec_in};
pub(crate) use spec::{ContainerSpec, ExecSpec, MountSpec, PidNamespace, ProcessSpec, Program, RootSpec};

pub use exec::run as run_exec;
pub use guard::{become_bound, run as run_guard};
pub use inside::run as run_inside;
pub use shim::run as run_shim;
