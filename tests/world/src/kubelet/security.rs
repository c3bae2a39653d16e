use std::path::Path;

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::environment::ConfigError;
use crate::images::Image;

/// As whom a container's program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) user: u32,
    pub(super) group: u32,
    pub(super) groups: Vec<u32>,
    pub(super) no_new_privileges: bool,
    pub(super) read_only_root: bool,
}

impl Identity {
    /// The container's setting beats the pod's, which beats the image's.
    pub(super) fn of(spec: &PodSpec, container: &Container, image: &Image) -> Result<Self, ConfigError> {
        let (own, pod) = (container.security_context.as_ref(), spec.security_context.as_ref());
        let from_image = image_user(image)?;
        let number = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let user = number(own.and_then(|own| own.run_as_user)).or(number(pod.and_then(|pod| pod.run_as_user)));
        let group = number(own.and_then(|own| own.run_as_group)).or(number(pod.and_then(|pod| pod.run_as_group)));
        let non_root = own.and_then(|own| own.run_as_non_root).or(pod.and_then(|pod| pod.run_as_non_root));
        let effective = user.unwrap_or(from_image.0);
        // A name may stand for anybody: the kubelet does not look it up in the image.
        if let (Some(true), None, Some(name)) = (non_root, user, named_user(image)) {
            let what = format!("container has runAsNonRoot and image has non-numeric user ({name})");
            return Err(ConfigError(format!("{what}, cannot verify user is non-root (container: {})", container.name)));
        }
        if non_root == Some(true) && effective == 0 {
            let what = if user.is_some() {
                "container's runAsUser breaks non-root policy"
            } else {
                "container has runAsNonRoot and image will run as root"
            };
            return Err(ConfigError(format!("{what} (container: {})", container.name)));
        }
        let mut groups: Vec<u32> = pod
            .and_then(|pod| pod.supplemental_groups.clone())
            .into_iter()
            .flatten()
            .filter_map(|group| number(Some(group)))
            .collect();
        groups.extend(fs_group(spec));
        Ok(Self {
            user: effective,
            // A user that the image does not name has no group of its own: root's.
            group: group.unwrap_or(if user.is_some() { 0 } else { from_image.1 }),
            groups,
            no_new_privileges: own.and_then(|own| own.allow_privilege_escalation) == Some(false),
            read_only_root: own.and_then(|own| own.read_only_root_filesystem) == Some(true),
        })
    }
}

/// The group that owns the pod's volumes.
pub(super) fn fs_group(spec: &PodSpec) -> Option<u32> {
    u32::try_from(spec.security_context.as_ref()?.fs_group?).ok()
}

/// The user of an image that names one in place of giving its number.
fn named_user(image: &Image) -> Option<&str> {
    let user = image.config.user().as_deref()?.split(':').next()?;
    (!user.is_empty() && user.parse::<u32>().is_err()).then_some(user)
}

/// `USER` of an image: `user[:group]`, each a number or a name from the image's own files.
fn image_user(image: &Image) -> Result<(u32, u32), ConfigError> {
    let Some(text) = image.config.user().as_deref().filter(|user| !user.is_empty()) else { return Ok((0, 0)) };
    let unknown = |name: &str| ConfigError(format!("unable to find user {name}: no matching entries in passwd file"));
    let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
    let known = lookup(&image.root.join("etc/passwd"), user);
    let (user, own_group) = match user.parse::<u32>() {
        Ok(number) => (number, lookup_number(&image.root.join("etc/passwd"), number).unwrap_or(0)),
        Err(_) if user == "root" => (0, 0),
        Err(_) => known.ok_or_else(|| unknown(user))?,
    };
    let group = match group {
        None => own_group,
        Some(name) => name
            .parse()
            .ok()
            .or_else(|| lookup(&image.root.join("etc/group"), name).map(|(group, _)| group))
            .ok_or_else(|| unknown(name))?,
    };
    Ok((user, group))
}

/// Third and fourth column of a line of `passwd` or `group`.
fn lookup(file: &Path, name: &str) -> Option<(u32, u32)> {
    let text = std::fs::read_to_string(file).ok()?;
    let fields =
        text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&name))?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3).and_then(|group| group.parse().ok()).unwrap_or(0)))
}

fn lookup_number(passwd: &Path, user: u32) -> Option<u32> {
    let text = std::fs::read_to_string(passwd).ok()?;
    let wanted = user.to_string();
    let fields = text
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&wanted.as_str()))?;
    fields.get(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn image(root: &Path, user: &str) -> Image {
        std::fs::create_dir_all(root.join("etc")).expect("a folder");
        std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\ncockroach:x:1000:1001::/:/bin/sh\n")
            .expect("written");
        let mut config = oci_spec::image::Config::default();
        config.set_user(Some(user.to_owned()));
        Image { digest: crate::images::digest_of(b"x"), root: root.to_owned(), config, size: 0 }
    }

    fn identity(image: &Image, pod: serde_json::Value, own: serde_json::Value) -> Result<Identity, ConfigError> {
        let container = json!({ "name": "c", "securityContext": own });
        let spec: PodSpec =
            serde_json::from_value(json!({ "containers": [container], "securityContext": pod })).expect("a spec");
        Identity::of(&spec, &spec.containers[0], image)
    }

    #[test]
    fn the_container_beats_the_pod_which_beats_the_image() {
        let dir = tempfile::tempdir().expect("a folder");
        let image = image(dir.path(), "cockroach");
        let of_image = identity(&image, json!({}), json!({})).expect("an identity");
        assert_eq!((of_image.user, of_image.group), (1000, 1001));
        let of_pod = identity(&image, json!({ "runAsUser": 7, "fsGroup": 9 }), json!({})).expect("an identity");
        assert_eq!((of_pod.user, of_pod.group, of_pod.groups.as_slice()), (7, 0, [9].as_slice()));
        let own = identity(&image, json!({ "runAsUser": 7 }), json!({ "runAsUser": 8, "runAsGroup": 3 }))
            .expect("an identity");
        assert_eq!((own.user, own.group), (8, 3));
    }

    #[test]
    fn root_is_refused_where_the_pod_says_so() {
        let dir = tempfile::tempdir().expect("a folder");
        let image = image(dir.path(), "");
        let err = identity(&image, json!({ "runAsNonRoot": true }), json!({})).expect_err("root");
        assert!(err.to_string().starts_with("container has runAsNonRoot and image will run as root"));
        let named = self::image(dir.path(), "cockroach");
        let err = identity(&named, json!({ "runAsNonRoot": true }), json!({})).expect_err("nobody knows who that is");
        let told =
            "container has runAsNonRoot and image has non-numeric user (cockroach), cannot verify user is non-root";
        assert!(err.to_string().starts_with(told), "{err}");
        identity(&named, json!({ "runAsNonRoot": true, "runAsUser": 1000 }), json!({})).expect("a number");
    }
}
