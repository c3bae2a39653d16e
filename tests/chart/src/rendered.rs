//! Objects that were rendered, and what is asked of them.

use anyhow::{Context as _, Result};
use hangar_helm::Manifest;
use serde_json::Value;

/// Everything the chart renders, hooks included.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// As the driver of Helm reads it.
    pub manifest: Manifest,
}

impl Rendered {
    /// Every object.
    ///
    /// # Errors
    ///
    /// For a text that is no YAML.
    pub fn objects(&self) -> Result<Vec<Value>> {
        let texts = self.manifest.objects().filter_map(|object| self.manifest.text(object));
        texts.map(|text| Ok(serde_norway::from_str(text)?)).collect()
    }

    /// One object.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn object(&self, kind: &str, name: &str) -> Result<Value> {
        let mut objects = self.objects()?.into_iter();
        let found = objects.find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.with_context(|| format!("no {kind} `{name}`"))
    }

    /// Kind and name of every object, one a line.
    #[must_use]
    pub fn names(&self) -> String {
        self.manifest.objects().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// The pods that objects make, by kind and name of the object.
    ///
    /// # Errors
    ///
    /// For a text that is no YAML.
    pub fn pods(&self) -> Result<Vec<(String, Value)>> {
        let pod = |object: &Value| {
            let spec = &object["spec"];
            let pod = match object["kind"].as_str()? {
                "StatefulSet" | "Deployment" | "Job" => &spec["template"]["spec"],
                "CronJob" => &spec["jobTemplate"]["spec"]["template"]["spec"],
                "Pod" => spec,
                _ => return None,
            };
            Some((format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', ""), pod.clone()))
        };
        Ok(self.objects()?.iter().filter_map(pod).collect())
    }

    /// One container of one object.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn container(&self, object: &str, name: &str) -> Result<Value> {
        let pods = self.pods()?;
        let (_, pod) = pods.iter().find(|(of, _)| of.starts_with(object)).with_context(|| format!("no `{object}`"))?;
        let mut all = containers(pod);
        all.find(|container| container["name"] == name).cloned().with_context(|| format!("no container `{name}`"))
    }
}

/// All containers of a pod.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().flat_map(|key| pod[key].as_array()).flatten()
}

/// Texts of a list, one a line.
#[must_use]
pub fn lines(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}
