use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Namespace as NamespaceObject, Pod, ServiceAccount};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config, discovery};
use serde_json::{Value, json};
use test_world::images::ImageBuilder;
use test_world::{Options, OrganisationFile, World};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

/// An image whose entry point is the tests' own server.
pub(crate) const SERVER: &str = "registry.example.com/lab/server:1";
/// An image without a program of its own: it has the machine's shell below.
pub(crate) const SHELL: &str = "docker.io/lab/shell:1";

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);

static WORLD: OnceCell<World> = OnceCell::const_new();

/// The world that all tests of this process share. It goes with the process: its guards see to that.
pub(crate) async fn world() -> Result<&'static World> {
    WORLD.get_or_try_init(start).await
}

async fn start() -> Result<World> {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    sweep(scratch);
    let dir = scratch.join(format!("lab-{}", std::process::id()));
    let images = dir.join("layouts");
    write_images(&images)?;
    let mut options = options(dir.join("world"));
    options.images_dir = Some(images);
    Ok(World::start(options).await?)
}

/// Options that fit tests.
pub(crate) fn options(dir: PathBuf) -> Options {
    let mut options = Options::new(dir);
    options.runner = Some(env!("CARGO_BIN_EXE_hangar-world").into());
    options.backoff_factor = 0.1;
    options.ttl = Duration::from_secs(15 * 60);
    options
}

/// Removes what former processes left: a shared world is never dropped.
fn sweep(scratch: &Path) {
    for entry in std::fs::read_dir(scratch).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_dead = |pid: &str| !Path::new("/proc").join(pid).exists();
        if name.strip_prefix("lab-").is_some_and(is_dead) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

fn write_images(folder: &Path) -> Result<()> {
    let server = ImageBuilder::new()
        .program("/usr/local/bin/server", env!("CARGO_BIN_EXE_world-test-pod"))
        .env("FROM_IMAGE", "yes")
        .entrypoint(["server"])
        .command(["serve", "8080"]);
    server.write(&folder.join("server"), SERVER)?;
    let shell = ImageBuilder::new().text("/opt/motd", "hello from the image\n", 0o644).folder("/opt");
    shell.write(&folder.join("shell"), SHELL)?;
    let stopped_by_usr1 = ImageBuilder::new().text("/opt/motd", "x", 0o644).stop_signal("SIGUSR1");
    stopped_by_usr1.write(&folder.join("usr1"), "docker.io/lab/usr1:1")?;
    let unprivileged = ImageBuilder::new()
        .text("/etc/passwd", "root:x:0:0::/root:/bin/sh\nlab:x:1000:1001::/:/bin/sh\n", 0o644)
        .user("lab");
    unprivileged.write(&folder.join("unprivileged"), "docker.io/lab/unprivileged:1")?;
    Ok(())
}

/// A namespace of one test.
#[derive(Clone)]
pub(crate) struct Namespace {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) organisation: OrganisationFile,
}

impl Namespace {
    /// In the shared world.
    pub(crate) async fn new(name: &str) -> Result<Self> {
        let organisation = &world().await?.file().organisations[0];
        Self::of(organisation, name).await
    }

    /// Made, and ready for pods.
    pub(crate) async fn of(organisation: &OrganisationFile, name: &str) -> Result<Self> {
        let client = client(organisation).await?;
        let object = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
        Api::<NamespaceObject>::all(client.clone()).create(&PostParams::default(), &object).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
        wait_for("the default service account", async || Ok(accounts.get_opt("default").await?)).await?;
        Ok(Self { client, name: name.to_owned(), organisation: organisation.clone() })
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies any object, as `kubectl apply --server-side` does.
    pub(crate) async fn apply(&self, object: Value) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object)?;
        let types = object.types.clone().context("no kind")?;
        let kind = GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = discovery::pinned_kind(&self.client, &kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            discovery::Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            discovery::Scope::Namespaced => Api::namespaced_with(self.client.clone(), &self.name, &resource),
        };
        let name = object.metadata.name.clone().context("no name")?;
        api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await?;
        Ok(())
    }

    /// A pod of one container named `main`; `container` is merged into it and `spec` into the pod's.
    pub(crate) async fn pod(&self, name: &str, container: Value, spec: Value) -> Result<()> {
        let mut own = json!({ "name": "main", "image": SHELL, "imagePullPolicy": "IfNotPresent" });
        merge(&mut own, container);
        let mut pod =
            json!({ "terminationGracePeriodSeconds": 2, "automountServiceAccountToken": false, "containers": [own] });
        merge(&mut pod, spec);
        let labels = json!({ "app": name });
        self.apply(
            json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "labels": labels }, "spec": pod }),
        )
        .await
    }

    /// A pod that runs a shell script.
    pub(crate) async fn script(&self, name: &str, script: &str, spec: Value) -> Result<()> {
        self.pod(name, json!({ "command": ["/bin/sh", "-c", script] }), spec).await
    }

    /// A pod of the tests' server, listening on its own address.
    pub(crate) async fn server(&self, name: &str, container: Value, spec: Value) -> Result<()> {
        let address = json!({ "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } });
        let mut own =
            json!({ "image": SERVER, "env": [address], "ports": [{ "name": "http", "containerPort": 8080 }] });
        merge(&mut own, container);
        self.pod(name, own, spec).await
    }

    /// Waits until the pod is as wanted, and returns it.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&Pod) -> bool) -> Result<Pod> {
        let pods = self.pods();
        let mut last = None;
        let found = wait_for("a pod", async || {
            last = pods.get_opt(name).await?;
            Ok(last.clone().filter(|pod| wanted(pod)))
        });
        let found = found.await;
        found.with_context(|| {
            format!("pod {name} is {:?}", last.and_then(|pod| serde_json::to_string(&pod.status).ok()))
        })
    }

    pub(crate) async fn until_ready(&self, name: &str) -> Result<Pod> {
        self.until(name, is_ready).await
    }

    pub(crate) async fn until_ended(&self, name: &str) -> Result<Pod> {
        self.until(name, |pod| ["Succeeded", "Failed"].contains(&phase(pod))).await
    }

    /// Waits until the container `main` waits for this reason, and returns the message.
    pub(crate) async fn until_waiting(&self, name: &str, reason: &str) -> Result<String> {
        let waits = |pod: &Pod| waiting(pod).is_some_and(|(why, _)| why == reason);
        let pod = self.until(name, waits).await?;
        Ok(waiting(&pod).map(|(_, message)| message).unwrap_or_default())
    }

    pub(crate) async fn until_gone(&self, name: &str) -> Result<()> {
        let pods = self.pods();
        wait_for("a pod to go", async || Ok(pods.get_opt(name).await?.is_none().then_some(()))).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.pods().delete(name, &Default::default()).await?;
        Ok(())
    }

    pub(crate) async fn log(&self, name: &str) -> Result<String> {
        Ok(self.pods().logs(name, &Default::default()).await?)
    }

    /// Waits until an event about `name` has this reason, and returns its message.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> Result<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.name);
        let fields = ListParams::default().fields(&format!("involvedObject.name={name},reason={reason}"));
        let event = wait_for("an event", async || Ok(events.list(&fields).await?.items.into_iter().next())).await;
        Ok(event.with_context(|| format!("no event {reason} about {name}"))?.message.unwrap_or_default())
    }

    /// Waits until an event about `name` has this reason and says exactly this; others may have come before it.
    pub(crate) async fn until_event(&self, name: &str, reason: &str, message: &str) -> Result<()> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.name);
        let fields = ListParams::default().fields(&format!("involvedObject.name={name},reason={reason}"));
        let says = |event: &Event| event.message.as_deref() == Some(message);
        let found = wait_for("an event", async || Ok(events.list(&fields).await?.items.into_iter().find(says))).await;
        found.map(drop).with_context(|| format!("no event {reason} about {name} that says `{message}`"))
    }

    /// `kubectl` in this namespace: what it printed, or what it complained of.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run("HANGAR_KUBECTL", "kubectl", &self.organisation, &["--namespace", &self.name], arguments).await
    }

    /// `helm` in this namespace.
    pub(crate) async fn helm(&self, arguments: &[&str]) -> Result<String> {
        run("HANGAR_HELM", "helm", &self.organisation, &["--namespace", &self.name], arguments).await
    }
}

async fn run(
    variable: &str,
    name: &str,
    organisation: &OrganisationFile,
    first: &[&str],
    rest: &[&str],
) -> Result<String> {
    let program = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    let mut command = Command::new(&program);
    command.args(first).args(rest).env("KUBECONFIG", &organisation.kubeconfig).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("too slow")?;
    let output = output.with_context(|| format!("cannot start `{program}` (set {variable})"))?;
    if !output.status.success() {
        bail!("{name} {rest:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) async fn client(organisation: &OrganisationFile) -> Result<Client> {
    Ok(Client::try_from(config(organisation).await?)?)
}

/// A client that takes `too many requests` for an answer, as an eviction has it.
pub(crate) async fn impatient_client(organisation: &OrganisationFile) -> Result<Client> {
    let mut config = config(organisation).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn config(organisation: &OrganisationFile) -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(&organisation.kubeconfig)?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

/// Looks until there is something, but not for ever.
pub(crate) async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => "nothing".to_owned(),
            Err(err) => format!("{err:#}"),
        };
        if Instant::now() > deadline {
            bail!("waited {PATIENCE:?} for {what}; last seen: {last}");
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What an HTTP server says, asked from the machine's own address.
pub(crate) async fn get(url: &str) -> Result<String> {
    let client =
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(5)).build()?;
    Ok(client.get(url).send().await?.error_for_status()?.text().await?)
}

/// The address a pod really has.
pub(crate) fn real_address(pod: &Pod) -> Result<String> {
    let reported = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).context("no address")?;
    let rest = reported.strip_prefix("10.").with_context(|| format!("{reported} is no pod's"))?;
    Ok(format!("127.{rest}"))
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub(crate) fn condition(pod: &Pod, kind: &str) -> Option<(String, Option<String>)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .map(|known| (known.status.clone(), known.reason.clone()))
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(status, _)| status == "True")
}

/// The first container.
pub(crate) fn container(pod: &Pod) -> ContainerStatus {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
    statuses.into_iter().next().unwrap_or_default()
}

pub(crate) fn exit_code(pod: &Pod) -> Option<i32> {
    Some(container(pod).state?.terminated?.exit_code)
}

fn waiting(pod: &Pod) -> Option<(String, String)> {
    let waiting = container(pod).state?.waiting?;
    Some((waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default()))
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value))
        }
        (into, from) => *into = from,
    }
}
