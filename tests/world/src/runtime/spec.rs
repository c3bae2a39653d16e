use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything a container is started from. Travels over a socket, never in arguments: the environment may hold secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ContainerSpec {
    pub(crate) hostname: String,
    pub(crate) pid_namespace: PidNamespace,
    pub(crate) program: Program,
}

/// Which processes a container sees.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum PidNamespace {
    /// Its own; the program is process 1 of it.
    Own,
    /// That of this process of the machine: the pod's pause process.
    Of(i32),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Program {
    /// Process 1 of a pod whose containers share it: reaps orphans and waits.
    Pause,
    /// A program of an image.
    Run { root: RootSpec, process: ProcessSpec },
}

/// The file system of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RootSpec {
    /// The unpacked image, shared and never written to.
    pub(crate) image: PathBuf,
    /// An empty folder over which the writable part is mounted.
    pub(crate) scratch: PathBuf,
    pub(crate) read_only: bool,
    /// In this order.
    pub(crate) mounts: Vec<MountSpec>,
}

/// A file or folder of the machine shown in the container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MountSpec {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) read_only: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    /// Never empty; the first is looked up in the container's `PATH`.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) no_new_privileges: bool,
}

/// A further program in a running container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ExecSpec {
    /// The container's program, as the machine numbers it.
    pub(crate) target: i32,
    /// Its shim, whose user namespace owns the others.
    pub(crate) shim: i32,
    pub(crate) process: ProcessSpec,
}

/// What the world may tell a shim, after the specification.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Send the program this signal.
    Signal(i32),
}

/// What a shim tells the world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The program runs; its number as the machine counts.
    Started(i32),
    /// It never ran.
    Failed(Failure),
    /// It ended: its exit code, or 128 and the number of the signal.
    Exited { code: i32, signal: Option<i32> },
}

/// Why a container did not start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// The machine did not allow what containers need.
    Machine(String),
    /// The image or the specification is at fault; worded as `runc` words it.
    Container(String),
}

pub(super) fn machine<E: std::fmt::Display>(doing: &str) -> impl FnOnce(E) -> Failure {
    move |err| Failure::Machine(format!("cannot {doing}: {err}"))
}
