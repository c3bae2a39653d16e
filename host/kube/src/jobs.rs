//! Short-lived Jobs in our own cluster: the probes of one round, and verbs of the database's own program.
//!
//! A Job is made suspended; what it mounts is made next, owned by it, so that the cluster removes both together; then it is
//! let go. It ends itself after its deadline and removes itself some time later, whatever becomes of the host. Its pod has
//! no token for the Kubernetes API, no capability and no writable file but the termination message.

mod answer;
mod probe;
mod run;
mod template;
mod verb;

pub use probe::{ProbeIdentity, ProbeJob, ProbeResult, SqlClient, probe};
pub use verb::{VerbEnd, VerbJob, verb};
