//! Marks by which Helm, and we, know whose an object is.

use std::fmt;

use serde_json::{Value, json};

use crate::release::ReleaseName;

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const RELEASE: &str = "meta.helm.sh/release-name";
const NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// Who made an object that is not part of our release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Another release, by namespace and name.
    Release(String),
    /// People or tools, by their field managers.
    Managers(Vec<String>),
}

impl Owner {
    /// Tells who made an object; none if it is part of the release.
    pub(crate) fn of(object: &Value, release: &ReleaseName, namespace: &str) -> Option<Self> {
        let metadata = &object["metadata"];
        let annotation = |name: &str| metadata["annotations"][name].as_str();
        match (annotation(RELEASE), annotation(NAMESPACE)) {
            (Some(name), Some(of)) if name == release.as_str() && of == namespace => None,
            (Some(name), of) => Some(Self::Release(format!("{}/{name}", of.unwrap_or("?")))),
            _ => {
                let entries = metadata["managedFields"].as_array().cloned().unwrap_or_default();
                // Those who only tell its status, such as controllers, did not make it.
                let makers = entries.iter().filter(|entry| entry["subresource"].is_null());
                let mut managers: Vec<String> =
                    makers.filter_map(|entry| entry["manager"].as_str().map(ToOwned::to_owned)).collect();
                managers.sort();
                managers.dedup();
                Some(Self::Managers(managers))
            }
        }
    }
}

/// Writes on an object what Helm writes on it, so that what is tried is what will be applied.
pub(crate) fn mark(object: &mut Value, release: &ReleaseName, namespace: &str) {
    let metadata = &mut object["metadata"];
    for map in ["labels", "annotations"] {
        if metadata[map].is_null() {
            metadata[map] = json!({});
        }
    }
    metadata["labels"][MANAGED_BY] = json!("Helm");
    metadata["annotations"][RELEASE] = json!(release.as_str());
    metadata["annotations"][NAMESPACE] = json!(namespace);
}

/// Whether Helm runs the object at some point and keeps it out of the release.
pub(crate) fn is_hook(object: &Value) -> bool {
    object["metadata"]["annotations"]["helm.sh/hook"].is_string()
}

/// Whether a hook runs when a release is installed or upgraded.
pub(crate) fn runs_at_deploy(hook: &Value) -> bool {
    let points = hook["metadata"]["annotations"]["helm.sh/hook"].as_str().unwrap_or_default();
    let is_one = |point: &str| ["pre-install", "post-install", "pre-upgrade", "post-upgrade"].contains(&point);
    points.split(',').any(|point| is_one(point.trim()))
}

/// Whether the object stays when it is no part of the release any more.
pub(crate) fn is_kept(object: &Value) -> bool {
    object["metadata"]["annotations"]["helm.sh/resource-policy"] == json!("keep")
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(name) => write!(f, "release `{name}`"),
            Self::Managers(managers) if managers.is_empty() => f.write_str("somebody"),
            Self::Managers(managers) => {
                let quoted: Vec<_> = managers.iter().map(|manager| format!("`{manager}`")).collect();
                f.write_str(&quoted.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_ours_by_helms_own_marks() -> anyhow::Result<()> {
        let release = ReleaseName::new("dss")?;
        let mut object = json!({"metadata": {"managedFields": [{"manager": "kubectl"}, {"manager": "kubectl"}]}});
        let made_by = Owner::of(&object, &release, "uss1").map(|owner| owner.to_string());
        assert_eq!(made_by.as_deref(), Some("`kubectl`"));
        mark(&mut object, &release, "uss1");
        assert_eq!(Owner::of(&object, &release, "uss1"), None);
        let made_by = Owner::of(&object, &release, "uss2").map(|owner| owner.to_string());
        assert_eq!(made_by.as_deref(), Some("release `uss1/dss`"));
        Ok(())
    }
}
