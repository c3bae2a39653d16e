use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume, VolumeMount};
use tokio::sync::Mutex;

use super::Node;
use super::downward::Downward;
use super::environment::Environment;
use super::objects::Age;
use super::security::fs_group;
use crate::runtime::MountSpec;

mod atomic;
mod claim;
mod host_path;
mod ownership;
mod payload;
mod token;

use payload::Payload;

/// The volumes of one pod, each a folder or file of the machine.
pub(super) struct Volumes {
    sources: HashMap<String, PathBuf>,
    /// Those that show what the API holds, and so change with it.
    shown: Mutex<Vec<Shown>>,
    fs_group: Option<u32>,
}

struct Shown {
    folder: PathBuf,
    payload: Payload,
}

/// Why a volume is not mounted, in the words of the kubelet; the pod waits in `ContainerCreating`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct MountError(String);

/// The pod as its volumes see it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) node: &'a Node,
    pub(super) pod: &'a Pod,
    pub(super) address: Ipv4Addr,
    pub(super) age: Age,
}

impl Context<'_> {
    fn downward(&self) -> Downward<'_> {
        Downward { pod: self.pod, address: self.address, node_address: self.node.addresses.node() }
    }

    fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or_default()
    }
}

impl Volumes {
    /// Mounts all, or says of the first that cannot be why. May be asked again: what is there stays.
    pub(super) async fn mount(context: Context<'_>, dir: &Path) -> Result<Self, MountError> {
        let spec = context.pod.spec.clone().unwrap_or_default();
        let fs_group = fs_group(&spec);
        let mut volumes = Self { sources: HashMap::new(), shown: Mutex::default(), fs_group };
        for volume in spec.volumes.iter().flatten() {
            let folder = dir.join(&volume.name);
            let mounted = volumes.mount_one(context, volume, folder).await;
            mounted
                .map_err(|why| MountError(format!("MountVolume.SetUp failed for volume {:?} : {why}", volume.name)))?;
        }
        Ok(volumes)
    }

    async fn mount_one(&mut self, context: Context<'_>, volume: &Volume, folder: PathBuf) -> Result<(), String> {
        let source = if volume.empty_dir.is_some() {
            ownership::make_shared_folder(&folder, self.fs_group).map_err(|err| err.to_string())?;
            folder
        } else if let Some(claim) = &volume.persistent_volume_claim {
            let source = claim::find(context, &claim.claim_name).await?;
            ownership::give_to_group(&source, self.fs_group).map_err(|err| err.to_string())?;
            source
        } else if let Some(host_path) = &volume.host_path {
            host_path::find(host_path)?
        } else {
            let mut payload = Payload::of(volume).ok_or("this kind of volume is not supported in the offline world")?;
            payload.write(context, &folder, self.fs_group).await?;
            self.shown.get_mut().push(Shown { folder: folder.clone(), payload });
            folder
        };
        self.sources.insert(volume.name.clone(), source);
        Ok(())
    }

    /// Brings what is shown up to date. What cannot be stays as it was, as with the real kubelet.
    pub(super) async fn refresh(&self, context: Context<'_>) {
        for shown in self.shown.lock().await.iter_mut() {
            if let Err(why) = shown.payload.write(context, &shown.folder, self.fs_group).await {
                tracing::debug!(why, "volume not refreshed");
            }
        }
    }

    /// What a container sees of the volumes.
    pub(super) fn mounts(&self, mounts: &[VolumeMount], environment: &Environment) -> Result<Vec<MountSpec>, String> {
        mounts.iter().map(|mount| self.mount_spec(mount, environment)).collect()
    }

    fn mount_spec(&self, mount: &VolumeMount, environment: &Environment) -> Result<MountSpec, String> {
        let source = self
            .sources
            .get(&mount.name)
            .ok_or_else(|| format!("cannot find volume {:?} to mount into container", mount.name))?;
        let expanded = mount.sub_path_expr.as_ref().map(|expression| environment.expand(expression));
        let sub_path = mount.sub_path.clone().filter(|path| !path.is_empty()).or(expanded);
        let source = match sub_path {
            None => source.clone(),
            Some(sub_path) => sub_folder(source, &sub_path)?,
        };
        Ok(MountSpec { source, target: PathBuf::from(&mount.mount_path), read_only: mount.read_only == Some(true) })
    }
}

/// A path inside a volume; one that is not there is made, as the kubelet does: with the mode of the volume, whose group it gets by
/// that. A mounted file is a snapshot: no later update reaches it, because the links that an update moves are followed now.
fn sub_folder(source: &Path, sub_path: &str) -> Result<PathBuf, String> {
    let failed = |err: std::io::Error| format!("failed to create subPath directory for volumeMount: {err}");
    let mut path = source.to_owned();
    for part in Path::new(sub_path) {
        path.push(part);
        if !path.exists() {
            let mode = std::fs::metadata(source).map_err(failed)?.permissions();
            std::fs::create_dir(&path).and_then(|()| std::fs::set_permissions(&path, mode)).map_err(failed)?;
        }
    }
    path.canonicalize().map_err(|err| err.to_string())
}

/// Whether any volume shows something of the API.
pub(super) fn are_shown(spec: &PodSpec) -> bool {
    spec.volumes.iter().flatten().any(|volume| Payload::of(volume).is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The pod's group may write below a volume that is its own, in a folder that nobody made before too.
    #[test]
    fn a_sub_path_has_the_mode_of_its_volume() {
        let volume = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(volume.path(), std::fs::Permissions::from_mode(0o2775)).expect("it is ours");
        let made = sub_folder(volume.path(), "a/b").expect("it is made");
        for folder in [made.as_path(), made.parent().expect("below the volume")] {
            assert_eq!(std::fs::metadata(folder).expect("it is there").permissions().mode() & 0o7777, 0o2775);
        }
    }
}
