//! A verb of the database's own program as a Job.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::run::{Run, Running};
use super::template::{Mount, Template};
use crate::cluster::Cluster;
use crate::error::KubeError;

/// Most of the output that is returned.
const OUTPUT: i64 = 64 * 1024;

/// An ended verb stays this long for a host that was killed and comes back.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// A verb to run.
#[derive(Debug, Clone)]
pub struct VerbJob<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Names this run, such as a step's key with the operation's id: a second call with the same key meets the first one's
    /// Job and reads its end, as long as nobody has removed it.
    pub key: &'a str,
    /// The database's own image.
    pub image: &'a str,
    /// Names of Secrets for private registries.
    pub pull_secrets: &'a [String],
    /// Program and all its arguments; no shell.
    pub command: &'a [String],
    /// Secret of the instance's root client.
    pub client_secret: &'a str,
    /// Where the program finds it, such as `/cockroach/cockroach-certs`.
    pub client_path: &'a str,
    /// For all of it.
    pub deadline: Duration,
}

/// How a verb ended. What its status means is for those who know the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerbEnd {
    /// Exit status.
    pub exit_code: i32,
    /// What it wrote, on both outputs; the first 64 KiB.
    pub output: String,
}

/// Runs a verb once, and removes the Job once its end was read.
///
/// # Errors
///
/// [`KubeError::Deadline`] and [`KubeError::JobFailed`] leave it open whether the verb did anything: look at the world before
/// asking again. The Job is removed then too. [`KubeError::Immutable`] if a Job of this key runs something else.
pub async fn verb(cluster: &Cluster, job: &VerbJob<'_>) -> Result<VerbEnd, KubeError> {
    let run = job.to_run();
    let running = Running::start(cluster, &run).await?;
    let ended = async {
        let end = running.end().await?;
        let output = running.output(&end, Some(OUTPUT)).await?;
        Ok(VerbEnd { exit_code: end.exit_code, output })
    };
    let ended = ended.await;
    running.remove().await;
    ended
}

impl VerbJob<'_> {
    fn to_run(&self) -> Run<'_> {
        let mounts = vec![Mount::secret("client", self.client_path, self.client_secret)];
        let template = Template { image: self.image, pull_secrets: self.pull_secrets, command: self.command, mounts };
        Run {
            namespace: self.namespace,
            name: format!("hangar-verb-{}", &hex::encode(Sha256::digest(self.key))[..16]),
            sort: "verb",
            pod: template.to_pod(),
            config: BTreeMap::new(),
            secret: None,
            deadline: self.deadline,
            keep: KEEP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_runs_without_a_shell_a_token_or_a_right() {
        let command = ["/cockroach/cockroach", "init", "--certs-dir=/cockroach/cockroach-certs"].map(str::to_owned);
        let job = VerbJob {
            namespace: "dss",
            key: "found/init",
            image: "docker.io/cockroachdb/cockroach:v24.1.3",
            pull_secrets: &[],
            command: &command,
            client_secret: "dss-cockroachdb-client-root",
            client_path: "/cockroach/cockroach-certs",
            deadline: Duration::from_secs(60),
        };
        let (run, again) = (job.to_run(), job.to_run());
        assert_eq!(run.name, again.name);
        let pod = serde_json::to_value(&run.pod).unwrap_or_default();
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["containers"][0]["command"], serde_json::json!(command));
        assert_eq!(pod["containers"][0]["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/cockroach/cockroach-certs");
        assert_eq!(pod["volumes"][0]["secret"]["secretName"], "dss-cockroachdb-client-root");
    }
}
