//! An instance on AWS: the real terraform, its real provider, the real helm and a real Kubernetes; the cloud is an emulator that
//! checks signatures.

pub(crate) mod account;
mod killed;
pub(crate) mod left;
mod refused;
mod roles;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Plugin, Workspace, scratch, wait_for};

use crate::add_ons::push_chart;
use crate::cluster::{Origins, has_namespace, is_there, n_revisions, origins, value};
use crate::kubeconfig;
use crate::module::holds_no_credential;
use crate::pool::live_nodes;
use crate::pooled::{Stage, turn};
use account::Account;

const NAME: &str = "uss1";
const PLUGINS: [&str; 3] = ["aws", "local", "cockroachdb"];
/// What makes the module lay down all that it has.
const MORE: &str = r#"
  kubernetes_version  = "1.33"
  prometheus_hostname = "prometheus.uss1.example.com"
  secrets_prefix      = "dss/uss1"
  key_deletion_days   = 7
  tags                = { owner = "operations" }
"#;
/// The provider is slow, and starts anew with each command.
const DEADLINE: Duration = Duration::from_secs(900);
/// In place of AWS's own charts: it says what values it was given, and makes the storage classes that they name.
const ADD_ON: [(&str, &str); 3] = [
    ("Chart.yaml", "apiVersion: v2\nname: echo\nversion: 0.1.0\n"),
    (
        "templates/values.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  values: {{ .Values | toJson | quote }}\n",
    ),
    (
        "templates/classes.yaml",
        "{{- range .Values.storageClasses }}\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata:\n  name: {{ .name }}\n\
         provisioner: kubernetes.io/host-path\nvolumeBindingMode: {{ .volumeBindingMode }}\n{{- end }}\n",
    ),
];

/// The whole life in one, its only apply killed on the way: it takes minutes, most of them the provider's.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_on_aws_goes_from_nothing_to_a_pool_and_back_to_nothing() -> Result<()> {
    let _turn = turn().await;
    let aws = Aws::start().await?;
    let before = aws.everything().await?;
    let workspace = aws.workspace().await?;

    workspace.run(&["init", "--yes"]).await?.done()?;
    // An account is given five addresses until it asks for more.
    let doctor = workspace.run(&["doctor"]).await?.exits(3)?.stdout;
    for found in [
        "identity: signed in as arn:aws:iam::",
        "quota:elastic-ip: 6 more",
        "dns: names are made in `uss1.example.com`",
    ] {
        ensure!(doctor.contains(found), "no `{found}`:\n{doctor}");
    }
    killed::in_the_middle_of_an_apply(&workspace, &aws.account).await?;
    workspace.run(&["up", "--yes"]).await?.done()?;
    let state = fs::read_to_string(workspace.folder.join(".hangar/terraform/infrastructure.tfstate"))?;
    killed::terraform_knows_all(&state, aws.everything().await?.difference(&before))?;
    holds_no_credential(&serde_json::from_str(&state)?);
    aws.add_ons_are_there().await?;
    aws.drift_is_found(&workspace).await?;
    let refused = workspace.run(&["down", "--yes"]).await?.exits(4)?;
    ensure!(refused.stderr.contains("protected against deletion: nothing was touched"), "{}", refused.stderr);
    aws.is_upgraded(&workspace).await?;

    workspace.run(&["pool", "create", "--yes"]).await?.done()?;
    // A node's own liveness may lag for a moment on a busy machine.
    wait_for("three live nodes", async || {
        let status = workspace.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        ensure!(live_nodes(&status) == 3, "not all nodes are live: {status:#}");
        Ok(Some(()))
    })
    .await?;
    let organisation = aws.stage.organisation(NAME)?;
    let origins = origins(organisation).await?;
    ensure!(origins == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{origins:?}");
    let up = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(up.stdout.contains("is as it should be: nothing was done"), "{}", up.stdout);
    let pods = kubeconfig::kubectl(&workspace, &["get", "pods", "--output", "name"]).await?;
    ensure!(pods.contains("pod/dss-cockroachdb-0"), "kubectl sees, by a token of EKS: {pods}");
    aws.account.nothing_tells_the_key(&workspace)?;

    workspace.run(&["down", "--yes"]).await?.done()?;
    ensure!(!has_namespace(organisation).await?, "the namespace is still there");
    ensure!(is_there(organisation, "kube-system").await?, "a namespace went that was there before");
    let left = n_revisions(organisation, "kube-system", "aws-ebs-csi-driver").await?;
    ensure!(left == 0, "an add-on is still there");
    let after = aws.everything().await?;
    ensure!(after == before, "something is left in the cloud: {:?}", after.difference(&before).collect::<Vec<_>>());
    Ok(())
}

/// The cloud, and a Kubernetes that takes its tokens.
struct Aws {
    account: Account,
    stage: Stage,
}

impl Aws {
    async fn start() -> Result<Self> {
        let root: PathBuf = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "aws")?;
        let account = Account::open(&root, NAME).await?;
        let eks = account.eks(NAME);
        let stage = Stage::start_in(root, &[NAME], |options| drop(options.eks.insert(NAME.to_owned(), eks))).await?;
        Ok(Self { account, stage })
    }

    async fn everything(&self) -> Result<std::collections::BTreeSet<String>> {
        left::everything(&self.account.emulator, &self.account.operator.key).await
    }

    /// A workspace whose plugins, `aws` among them, are pulled from the world's registry, and that wants both add-ons.
    async fn workspace(&self) -> Result<Workspace> {
        let registry = &self.stage.world.file().registry;
        let digest = push_chart(&self.stage.root, registry, "echo", &ADD_ON).await?;
        let chart = format!("oci://{registry}/charts/echo@{digest}");
        let add_ons = format!("  add_ons = {{\n    load_balancers = \"{chart}\"\n    volumes = \"{chart}\"\n  }}\n");
        let mut description = self.stage.description(NAME)?;
        description.infra = "aws".into();
        description.secrets = Some("local".into());
        description.plugins = PLUGINS.map(|plugin| Plugin::of_registry(registry, plugin)).into();
        description.pool = Some("east".into());
        description.block = Some(self.account.block(NAME, &format!("{MORE}{add_ons}")));
        description.entry = Some(self.account.entry(&description.access.cluster())?);
        let workspace = Workspace::lay_down(&self.stage.root, &description)?;
        let workspace = workspace.with_deadline(DEADLINE);
        self.stage.push_all(&workspace, &PLUGINS).await?;
        Ok(workspace)
    }

    /// A newer Kubernetes, and room for more nodes, beside what somebody else has changed: all in place, at one go. It may be taken
    /// down from then on.
    async fn is_upgraded(&self, workspace: &Workspace) -> Result<()> {
        let more = "kubernetes_version  = \"1.34\"\n  node_count          = { min = 3, desired = 3, max = 9 }\n  \
                    deletion_protection = false";
        workspace.edit("hangar.hcl", "kubernetes_version  = \"1.33\"", more)?;
        let up = workspace.run(&["up", "--yes"]).await?.done()?.stdout;
        ensure!(up.contains("module.eks.aws_eks_node_group.this") && !up.contains("replace"), "{up}");
        let cluster = self.account.eks_call("GET", &format!("/clusters/{NAME}"), "").await?;
        ensure!(cluster["cluster"]["version"] == "1.34", "{cluster}");
        let nodes = self.nodes().await?;
        ensure!(nodes["version"] == "1.34" && nodes["scalingConfig"]["maxSize"] == 3, "{nodes}");
        Ok(())
    }

    /// Somebody else sets another bound of the nodes: it is told, and left as it is.
    async fn drift_is_found(&self, workspace: &Workspace) -> Result<()> {
        let other = json!({ "scalingConfig": { "minSize": 1, "maxSize": 7, "desiredSize": 1 } });
        let path = format!("/clusters/{NAME}/node-groups/{NAME}-us-east-1a/update-config");
        self.account.eks_call("POST", &path, &other.to_string()).await?;
        let found = workspace.run(&["drift", "--json"]).await?.exits(4)?.value("drift")?;
        let address = "module.eks.aws_eks_node_group.this[\"us-east-1a\"]";
        let changes = found["changes"].as_array().context("no changes")?;
        ensure!(changes.len() == 1 && changes[0]["address"] == address, "{found:#}");
        ensure!(self.nodes().await?["scalingConfig"]["maxSize"] == 7, "a look has changed it");
        Ok(())
    }

    /// Both were installed, with the roles that terraform made.
    async fn add_ons_are_there(&self) -> Result<()> {
        let organisation = self.stage.organisation(NAME)?;
        for (release, role) in [("aws-ebs-csi-driver", "volumes"), ("aws-load-balancer-controller", "load-balancers")] {
            let values = value(organisation, "kube-system", release, "values").await?.context(release)?;
            ensure!(values.contains(&format!(":role/{NAME}-{role}")), "{release} has not its role: {values}");
        }
        Ok(())
    }

    async fn nodes(&self) -> Result<Value> {
        let mut found =
            self.account.eks_call("GET", &format!("/clusters/{NAME}/node-groups/{NAME}-us-east-1a"), "").await?;
        Ok(found["nodegroup"].take())
    }
}
