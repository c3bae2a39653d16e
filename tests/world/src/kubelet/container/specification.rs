use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::ContainerWorker;
use crate::images::Image;
use crate::kubelet::downward::Downward;
use crate::kubelet::environment::{ConfigError, Environment};
use crate::kubelet::security::Identity;
use crate::runtime::{ContainerSpec, MountSpec, ProcessSpec, Program, RootSpec};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const MESSAGE_FILE: &str = "/dev/termination-log";

impl ContainerWorker {
    /// What the container is started from, as image and pod say together.
    pub(super) async fn specification(&self, image: &Image, attempt: i32) -> Result<ContainerSpec, ConfigError> {
        let context = &self.context;
        let spec = context.pod.spec.clone().unwrap_or_default();
        let downward =
            Downward { pod: &context.pod, address: context.address, node_address: context.node.addresses.node() };
        let environment = Environment::of(&context.node, downward, &self.setting).await?;
        let identity = Identity::of(&spec, &self.setting, image)?;
        let arguments = self.arguments(image, &environment)?;
        let mounts = self.mounts(&environment, attempt)?;
        let mut environment = environment.over(image.config.env().as_deref().unwrap_or_default());
        environment.set_default("PATH", PATH);
        environment.set_default("HOSTNAME", &context.files.hostname);
        environment.set_default("HOME", if identity.user == 0 { "/root" } else { "/" });
        let scratch = context.state.container_dir(&self.setting.name).join("root");
        std::fs::create_dir_all(&scratch).map_err(|err| ConfigError(err.to_string()))?;
        let folder = self.setting.working_dir.clone().or_else(|| image.config.working_dir().clone());
        let process = ProcessSpec {
            arguments,
            environment: environment.into_pairs(),
            folder: folder.filter(|folder| !folder.is_empty()).map_or_else(|| PathBuf::from("/"), PathBuf::from),
            user: identity.user,
            group: identity.group,
            groups: identity.groups,
            no_new_privileges: identity.no_new_privileges,
        };
        let root = RootSpec { image: image.root.clone(), scratch, read_only: identity.read_only_root, mounts };
        Ok(ContainerSpec {
            hostname: context.files.hostname.clone(),
            pid_namespace: context.process_namespace,
            program: Program::Run { root, process },
        })
    }

    /// A command replaces both entry point and default arguments of the image; arguments alone replace the latter.
    fn arguments(&self, image: &Image, environment: &Environment) -> Result<Vec<String>, ConfigError> {
        let given = |words: &Option<Vec<String>>| words.clone().filter(|words| !words.is_empty());
        let expanded = |words: Vec<String>| words.iter().map(|word| environment.expand(word)).collect::<Vec<_>>();
        let (command, arguments) = (given(&self.setting.command), given(&self.setting.args));
        let default = || if command.is_some() { Vec::new() } else { image.config.cmd().clone().unwrap_or_default() };
        let tail = arguments.map_or_else(default, expanded);
        let head = command.clone().map_or_else(|| image.config.entrypoint().clone().unwrap_or_default(), expanded);
        let all: Vec<String> = head.into_iter().chain(tail).collect();
        if all.is_empty() { Err(ConfigError("no command specified".to_owned())) } else { Ok(all) }
    }

    fn mounts(&self, environment: &Environment, attempt: i32) -> Result<Vec<MountSpec>, ConfigError> {
        let message = self.message_file(attempt);
        let made = std::fs::write(&message, "")
            .and_then(|()| std::fs::set_permissions(&message, std::fs::Permissions::from_mode(0o666)));
        made.map_err(|err| ConfigError(err.to_string()))?;
        let target = self.setting.termination_message_path.clone().unwrap_or_else(|| MESSAGE_FILE.to_owned());
        let files = self.context.files.mounts().map(|(source, target)| MountSpec { source, target, read_only: false });
        let volumes =
            self.context.volumes.mounts(self.setting.volume_mounts.as_deref().unwrap_or_default(), environment);
        let mut mounts: Vec<MountSpec> = files.collect();
        mounts.extend(volumes.map_err(ConfigError)?);
        // A mount inside another one comes after it.
        mounts.sort_by_key(|mount| mount.target.components().count());
        mounts.push(MountSpec { source: message, target: target.into(), read_only: false });
        Ok(mounts)
    }
}
