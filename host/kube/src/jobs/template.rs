//! The pod of a Job.

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Value, json};

/// Name of the one container.
pub(super) const CONTAINER: &str = "main";

/// User and group of every container here, and the group of what it mounts. The database takes a key of root that this
/// group may read.
const USER: u32 = 1000;

/// What the container runs and sees.
pub(super) struct Template<'a> {
    pub(super) image: &'a str,
    pub(super) pull_secrets: &'a [String],
    pub(super) command: &'a [String],
    pub(super) mounts: Vec<Mount>,
}

/// Something mounted read-only.
pub(super) struct Mount {
    name: &'static str,
    path: String,
    /// One file of the volume instead of all.
    file: Option<&'static str>,
    volume: Value,
}

impl Mount {
    pub(super) fn secret(name: &'static str, path: &str, secret: &str) -> Self {
        // 288 is 0440.
        Self {
            name,
            path: path.to_owned(),
            file: None,
            volume: json!({"secret": {"secretName": secret, "defaultMode": 288}}),
        }
    }

    pub(super) fn config_file(name: &'static str, path: &str, file: &'static str, config_map: &str) -> Self {
        Self { name, path: path.to_owned(), file: Some(file), volume: json!({"configMap": {"name": config_map}}) }
    }

    fn to_volume(&self) -> Value {
        let mut volume = self.volume.clone();
        volume["name"] = json!(self.name);
        volume
    }

    fn to_mount(&self) -> Value {
        let mut mount = json!({"name": self.name, "mountPath": self.path, "readOnly": true});
        if let Some(file) = self.file {
            mount["subPath"] = json!(file);
        }
        mount
    }
}

impl Template<'_> {
    pub(super) fn to_pod(&self) -> PodSpec {
        let pull_secrets: Vec<Value> = self.pull_secrets.iter().map(|name| json!({"name": name})).collect();
        let spec = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "imagePullSecrets": pull_secrets,
            "terminationGracePeriodSeconds": 5,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": CONTAINER,
                "image": self.image,
                "command": self.command,
                "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": self.mounts.iter().map(Mount::to_mount).collect::<Vec<_>>(),
            }],
            "volumes": self.mounts.iter().map(Mount::to_volume).collect::<Vec<_>>(),
        });
        serde_json::from_value(spec).expect("every field above is one of a pod")
    }
}
