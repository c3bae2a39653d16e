//! Why the Kubernetes API did not do what was asked.

use std::time::Duration;

use hangar_plan::hint::Hint;

use crate::tokens::{NoToken, TokenError};

/// Why the Kubernetes API did not do what was asked. What was there before is left as it was, unless a variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// What was given to connect with cannot be used.
    #[error("cannot use the access to the Kubernetes API: {detail}")]
    Access {
        /// What is wrong with it; never a secret.
        detail: String,
        /// The cause, where there is one.
        #[source]
        err: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The kubeconfig opens the API in a way that the host does not go.
    #[error("the kubeconfig is refused: {detail}")]
    Kubeconfig {
        /// What is wrong with it; never a secret.
        detail: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// The API server answers, and does not know who we are.
    #[error("the Kubernetes API at {endpoint} refused the credential")]
    CredentialRefused {
        /// URL of the API.
        endpoint: String,
    },
    /// The token has aged, and no other can be made.
    #[error("no token for the Kubernetes API at {endpoint}")]
    NoToken {
        /// URL of the API.
        endpoint: String,
        /// What the attempt said.
        #[source]
        err: TokenError,
    },
    /// Nobody answers.
    #[error("cannot reach the Kubernetes API at {endpoint}")]
    Unreachable {
        /// URL of the API.
        endpoint: String,
        /// What the connection said.
        #[source]
        err: Box<kube::Error>,
    },
    /// Somebody answers who cannot show a certificate of the authority that was given.
    #[error("the certificate of the Kubernetes API at {endpoint} is not trusted")]
    Untrusted {
        /// URL of the API.
        endpoint: String,
        /// What the handshake said.
        #[source]
        err: Box<kube::Error>,
    },
    /// We are known and may not.
    #[error("not allowed to {action}: {reason}")]
    Forbidden {
        /// What was tried.
        action: String,
        /// What the API server said.
        reason: String,
    },
    /// What it is about is not there.
    #[error("cannot {action}: {reason}")]
    NotFound {
        /// What was tried.
        action: String,
        /// What the API server said.
        reason: String,
    },
    /// Somebody else changed it, again and again, while we did.
    #[error("cannot {action}: it was changed by somebody else at the same time")]
    Conflict {
        /// What was tried.
        action: String,
        /// What the API server said.
        reason: String,
    },
    /// Fields that we would set are owned by somebody else, who set them to another value.
    #[error("cannot {action}: `{manager}` owns {fields}")]
    FieldConflict {
        /// What was tried.
        action: String,
        /// Field manager of the others.
        manager: String,
        /// The fields.
        fields: String,
    },
    /// The object is not valid, or a field of it cannot change.
    #[error("cannot {action}: {reason}")]
    Refused {
        /// What was tried.
        action: String,
        /// What the API server said.
        reason: String,
    },
    /// It is there with other content, and it can never change.
    #[error("{object} is there already with other content, and is immutable")]
    Immutable {
        /// What it is about.
        object: String,
    },
    /// The API server is there and cannot serve.
    #[error("cannot {action}: the Kubernetes API is unavailable: {reason}")]
    Unavailable {
        /// What was tried.
        action: String,
        /// What it said.
        reason: String,
    },
    /// It did not come to be in time.
    #[error("{what} not reached within {} s; last seen: {seen}", after.as_secs())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// The last thing seen.
        seen: String,
    },
    /// What was applied does not run.
    #[error("{} {} s; last seen: {seen}", if *is_hopeless { "running services will not come by waiting, given up after" } else { "running services not reached within" }, after.as_secs())]
    NotRunning {
        /// How long was waited.
        after: Duration,
        /// Whether it was given up before the deadline, since waiting cures nothing.
        is_hopeless: bool,
        /// Each object that is not well, and why.
        seen: String,
        /// What to do about the first.
        cure: &'static str,
    },
    /// A Job ended badly, or its pod could not run to an end. The Job is removed.
    #[error("job `{job}` failed: {reason}")]
    JobFailed {
        /// Name of the Job.
        job: String,
        /// Why.
        reason: String,
        /// The end of what its container wrote.
        output: String,
    },
    /// What a Job wrote is not what it says it wrote, or makes no sense.
    #[error("the answer of job `{job}` cannot be used: {reason}")]
    Answer {
        /// Name of the Job.
        job: String,
        /// Why.
        reason: String,
    },
    /// Anything else.
    #[error("cannot {action}")]
    Other {
        /// What was tried.
        action: String,
        /// What came of it.
        #[source]
        err: Box<kube::Error>,
    },
}

impl Hint for KubeError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Access { .. } => "check `cluster` in the workspace file: endpoint, authority and proxy",
            Self::Kubeconfig { cure, .. } => cure,
            Self::NoToken { .. } => "sign in to the cloud again, then run the same command again: it goes on",
            Self::CredentialRefused { .. } => {
                "sign in to the cloud again; a token lives minutes, and the identity needs an access entry in the cluster"
            }
            Self::Unreachable { .. } => {
                "check the network path to the endpoint; a private endpoint needs `cluster { proxy }` or a bastion"
            }
            Self::Untrusted { .. } => {
                "compare the endpoint's authority with `cluster { ca_file }`; something else may answer at that address"
            }
            Self::Forbidden { .. } => {
                "give the identity this permission in the namespace, then run the same command again"
            }
            Self::NotFound { .. } => "run `hangar up`, which makes what is missing",
            Self::Conflict { .. } => "run the same command again",
            Self::FieldConflict { manager, .. } => {
                return Some(format!(
                    "find out who edits it as `{manager}`; once those fields are dropped there, run the same command again"
                ));
            }
            Self::Refused { .. } => "look at the named field; some fields can only be set when an object is made",
            Self::Immutable { .. } => "delete it if nothing uses it, then run the same command again",
            Self::Unavailable { .. } => "wait until the API server is well, then run the same command again",
            Self::NotRunning { cure, .. } => cure,
            Self::Deadline { .. } => "cure what was last seen, then run the same command again: it goes on from here",
            Self::JobFailed { .. } | Self::Answer { .. } => {
                "look at the job's output above, then run the same command again"
            }
            Self::Other { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl KubeError {
    /// Tells what an error of the client means for what was tried.
    pub(crate) fn of(endpoint: &str, action: String, err: kube::Error) -> Self {
        match err {
            kube::Error::Api(status) => Self::of_status(endpoint, action, &status),
            kube::Error::Service(err) if err.is::<NoToken>() => {
                let NoToken(err) = *err.downcast().expect("it was looked at");
                Self::NoToken { endpoint: endpoint.to_owned(), err }
            }
            kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
                let endpoint = endpoint.to_owned();
                let err = Box::new(err);
                if is_untrusted(&err) { Self::Untrusted { endpoint, err } } else { Self::Unreachable { endpoint, err } }
            }
            kube::Error::Auth(_) => Self::CredentialRefused { endpoint: endpoint.to_owned() },
            err => Self::Other { action, err: Box::new(err) },
        }
    }

    pub(crate) fn of_status(endpoint: &str, action: String, status: &kube::core::Status) -> Self {
        let reason = status.message.clone();
        match (status.code, status.reason.as_str()) {
            (401, _) => Self::CredentialRefused { endpoint: endpoint.to_owned() },
            (403, _) => Self::Forbidden { action, reason },
            (404 | 410, _) => Self::NotFound { action, reason },
            (409, _) => Self::conflict(action, status),
            (400 | 413 | 415 | 422, _) => Self::Refused { action, reason },
            (429 | 500..=599, _) => Self::Unavailable { action, reason },
            _ => Self::Other { action, err: Box::new(kube::Error::Api(Box::new(status.clone()))) },
        }
    }

    fn conflict(action: String, status: &kube::core::Status) -> Self {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let owned: Vec<_> = causes.filter(|cause| cause.reason == "FieldManagerConflict").collect();
        let Some(first) = owned.first() else {
            return Self::Conflict { action, reason: status.message.clone() };
        };
        let fields = owned.iter().map(|cause| format!("`{}`", cause.field)).collect::<Vec<_>>().join(", ");
        Self::FieldConflict { action, manager: manager_of(&first.message), fields }
    }

    /// Whether trying again, unchanged, may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. } | Self::Conflict { .. })
    }
}

/// The API server says `conflict with "NAME" using v1`, or `conflict with "NAME" with subresource ..`.
fn manager_of(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).to_owned()
}

/// The client wraps what rustls says in several layers, I/O errors among them, whose `source` skips what they carry.
fn is_untrusted(err: &kube::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(err);
    while let Some(this) = cause {
        if let Some(tls) = this.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        cause = match this.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inside| inside as &(dyn std::error::Error + 'static)),
            None => this.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::{Status, StatusCause, StatusDetails};

    fn told(status: Status) -> KubeError {
        KubeError::of_status("https://api.example", "apply secret `dss/x`".to_owned(), &status)
    }

    #[test]
    fn every_status_has_one_clear_meaning() {
        let texts: Vec<String> = [401, 403, 404, 409, 422, 429, 503, 418]
            .map(|code| told(Status::failure("words of the server", "").with_code(code)).to_string())
            .to_vec();
        insta::assert_snapshot!(texts.join("\n"), @r"
        the Kubernetes API at https://api.example refused the credential
        not allowed to apply secret `dss/x`: words of the server
        cannot apply secret `dss/x`: words of the server
        cannot apply secret `dss/x`: it was changed by somebody else at the same time
        cannot apply secret `dss/x`: words of the server
        cannot apply secret `dss/x`: the Kubernetes API is unavailable: words of the server
        cannot apply secret `dss/x`: the Kubernetes API is unavailable: words of the server
        cannot apply secret `dss/x`
        ");
    }

    #[test]
    fn a_field_of_somebody_else_is_told_with_its_owner() {
        let cause = |field: &str| StatusCause {
            reason: "FieldManagerConflict".to_owned(),
            message: "conflict with \"kubectl-edit\" using v1".to_owned(),
            field: field.to_owned(),
        };
        let mut status = Status::failure("Apply failed with 2 conflicts", "Conflict").with_code(409);
        status.details = Some(StatusDetails {
            causes: vec![cause(".data.ca.crt"), cause(".data.node.crt")],
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            retry_after_seconds: 0,
        });
        let err = told(status);
        assert_eq!(
            err.to_string(),
            "cannot apply secret `dss/x`: `kubectl-edit` owns `.data.ca.crt`, `.data.node.crt`"
        );
        assert!(err.hint().is_some_and(|hint| hint.contains("kubectl-edit")));
    }
}
