use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, EnvVarSource};

use super::Node;
use super::downward::Downward;
use super::expansion::expand;
use super::objects::{Age, Entries, ObjectKind};

/// Variables of a container in the order they were set; a later one of the same name replaces the earlier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment(Vec<(String, String)>);

/// Why a container cannot be configured, in the words of the kubelet; shown as `CreateContainerConfigError`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ConfigError(pub(super) String);

impl Environment {
    /// Resolves what the pod sets for a container: the API's address, `envFrom`, `env`.
    pub(super) async fn of(node: &Node, downward: Downward<'_>, container: &Container) -> Result<Self, ConfigError> {
        let mut environment = Self::default();
        // There is no kube-proxy, so the API is where it really listens.
        let port = node.api_port.to_string();
        environment.set("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        environment.set("KUBERNETES_SERVICE_PORT", &port);
        environment.set("KUBERNETES_SERVICE_PORT_HTTPS", &port);
        let namespace = downward.field("metadata.namespace").unwrap_or_default();
        for source in container.env_from.iter().flatten() {
            environment.add_all(node, &namespace, source).await?;
        }
        for variable in container.env.iter().flatten() {
            environment.add(node, downward, container, &namespace, variable).await?;
        }
        Ok(environment)
    }

    /// Those of an image, below those of the pod.
    pub(super) fn over(self, image: &[String]) -> Self {
        let mut all = Self(
            image
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        );
        for (name, value) in self.0 {
            all.set(&name, &value);
        }
        all
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(known) => value.clone_into(&mut known.1),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn set_default(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn expand(&self, text: &str) -> String {
        expand(text, |name| self.get(name))
    }

    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    async fn add_all(&mut self, node: &Node, namespace: &str, source: &EnvFromSource) -> Result<(), ConfigError> {
        let (kind, name, optional) = match (&source.secret_ref, &source.config_map_ref) {
            (Some(secret), _) => (ObjectKind::Secret, &secret.name, secret.optional),
            (None, Some(map)) => (ObjectKind::ConfigMap, &map.name, map.optional),
            (None, None) => return Ok(()),
        };
        let prefix = source.prefix.as_deref().unwrap_or_default();
        for (key, value) in entries(node, kind, namespace, name, optional).await?.into_iter().flatten() {
            self.set(&format!("{prefix}{key}"), &String::from_utf8_lossy(&value));
        }
        Ok(())
    }

    async fn add(
        &mut self,
        node: &Node,
        downward: Downward<'_>,
        container: &Container,
        namespace: &str,
        variable: &EnvVar,
    ) -> Result<(), ConfigError> {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(self.expand(value)),
            (None, None) => Some(String::new()),
            (None, Some(source)) => from_source(node, downward, container, namespace, source).await?,
        };
        if let Some(value) = value {
            self.set(&variable.name, &value);
        }
        Ok(())
    }
}

/// The value, or nothing where an optional one is missing.
async fn from_source(
    node: &Node,
    downward: Downward<'_>,
    container: &Container,
    namespace: &str,
    source: &EnvVarSource,
) -> Result<Option<String>, ConfigError> {
    if let Some(field) = &source.field_ref {
        let value = downward.field(&field.field_path);
        return value.map(Some).ok_or_else(|| ConfigError(format!("unsupported fieldPath: {}", field.field_path)));
    }
    if let Some(selector) = &source.resource_field_ref {
        let value = downward.resource(selector, Some(container));
        return value
            .map(Some)
            .ok_or_else(|| ConfigError(format!("unsupported container resource : {}", selector.resource)));
    }
    let (kind, name, key, optional) = match (&source.secret_key_ref, &source.config_map_key_ref) {
        (Some(selector), _) => (ObjectKind::Secret, &selector.name, &selector.key, selector.optional),
        (None, Some(selector)) => (ObjectKind::ConfigMap, &selector.name, &selector.key, selector.optional),
        (None, None) => return Ok(None),
    };
    let Some(entries) = entries(node, kind, namespace, name, optional).await? else { return Ok(None) };
    match entries.get(key) {
        Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
        None if optional == Some(true) => Ok(None),
        None => Err(ConfigError(format!("couldn't find key {key} in {} {namespace}/{name}", kind.upper()))),
    }
}

async fn entries(
    node: &Node,
    kind: ObjectKind,
    namespace: &str,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<Entries>, ConfigError> {
    let found = node.objects.find(kind, namespace, name, Age::Now).await.map_err(|err| ConfigError(err.to_string()))?;
    if found.is_none() && optional != Some(true) {
        return Err(ConfigError(format!("{} {name:?} not found", kind.lower())));
    }
    Ok(found.map(|found| found.entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pods_variables_beat_the_images() {
        let mut environment = Environment::default();
        environment.set("PATH", "/opt");
        environment.set("NAME", "pod");
        let all = environment.over(&["PATH=/usr/bin".to_owned(), "HOME=/root".to_owned()]);
        assert_eq!(all.get("PATH"), Some("/opt"));
        assert_eq!(all.get("HOME"), Some("/root"));
        assert_eq!(all.expand("$(NAME) at $(HOME)"), "pod at /root");
    }
}
