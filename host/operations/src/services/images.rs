//! Where images come from by the chart's values, for what the host itself runs beside the release.

use serde_json::Value;

/// The values about images. What the chart's templates do with them, the host's own jobs do too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Images {
    /// Takes the place of the registry of every image.
    registry: Option<String>,
    /// Secrets that open private registries.
    pub(crate) pull_secrets: Vec<String>,
    agent: Option<String>,
}

impl Images {
    /// Reads layers of values, lowest first.
    pub(crate) fn of(layers: &[Value]) -> Self {
        let last = |pointer: &str| layers.iter().rev().find_map(|layer| layer.pointer(pointer));
        let text = |pointer: &str| {
            let text = last(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(ToOwned::to_owned)
        };
        let secrets = last("/imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
        Self {
            registry: text("/imageRegistry"),
            pull_secrets: secrets.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
            agent: text("/agent/image"),
        }
    }

    /// The image from the operator's own registry, if there is one.
    pub(crate) fn located(&self, image: &str) -> String {
        let Some(registry) = &self.registry else { return image.to_owned() };
        let path = match image.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
            _ => image,
        };
        format!("{registry}/{path}")
    }

    /// The host's own image, which the workspace names unless the values do.
    pub(crate) fn agent(&self, image: &str) -> String {
        self.located(self.agent.as_deref().unwrap_or(image))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_word_images_are_as_they_are_named() {
        let images = Images::of(&[json!({}), json!({"imageRegistry": ""})]);
        assert_eq!(images, Images::default());
        assert_eq!(
            images.located("docker.io/cockroachdb/cockroach:v24.1.3"),
            "docker.io/cockroachdb/cockroach:v24.1.3"
        );
        assert_eq!(images.agent("docker.io/interuss/hangar:0.1.0"), "docker.io/interuss/hangar:0.1.0");
    }

    /// The chart does the same with every image of the release.
    #[test]
    fn an_operators_registry_serves_the_jobs_of_the_host_too() {
        let images = Images::of(&[
            json!({"agent": {"image": "docker.io/interuss/hangar:0.1.0"}}),
            json!({"imageRegistry": "mirror.example.com:5000/all", "imagePullSecrets": ["registry"]}),
        ]);
        assert_eq!(images.pull_secrets, ["registry"]);
        assert_eq!(images.agent("ignored:1"), "mirror.example.com:5000/all/interuss/hangar:0.1.0");
        for (image, wanted) in [
            ("docker.io/a/b:1", "a/b:1"),
            ("localhost/b:1", "b:1"),
            ("host:5000/b@sha256:00", "b@sha256:00"),
            ("interuss/dss:1", "interuss/dss:1"),
            ("dss:1", "dss:1"),
        ] {
            assert_eq!(images.located(image), format!("mirror.example.com:5000/all/{wanted}"));
        }
    }
}
