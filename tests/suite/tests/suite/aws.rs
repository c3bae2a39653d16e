//! An instance on AWS: the real terraform, its real provider, the real helm and a real Kubernetes; the cloud is an emulator that
//! checks signatures.

mod left;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use test_support::{Plugin, Workspace, needed, scratch};
use test_world::aws::{AccessEntry, AccessKey, Eks, Emulator, Operator};

use crate::cluster::{Origins, has_namespace, origins};
use crate::pool::live_nodes;
use crate::pooled::{Stage, turn};

const NAME: &str = "uss1";
const PLUGINS: [&str; 3] = ["aws", "local", "cockroachdb"];
/// What makes the module lay down all that it has.
const MORE: &str = r#"
  prometheus_hostname = "prometheus.uss1.example.com"
  secrets_prefix      = "dss/uss1"
  key_deletion_days   = 7
  tags                = { owner = "operations" }
"#;
/// Services that the module's resources, and the plugin itself, call.
const SERVICES: [&str; 12] = [
    "acm",
    "autoscaling",
    "ec2",
    "eks",
    "elbv2",
    "iam",
    "kms",
    "route53",
    "s3",
    "secretsmanager",
    "servicequotas",
    "sts",
];
/// The provider is slow, and starts anew with each command.
const DEADLINE: Duration = Duration::from_secs(900);

/// The whole life in one: it takes minutes, most of them the provider's.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_on_aws_goes_from_nothing_to_a_pool_and_back_to_nothing() -> Result<()> {
    let _turn = turn().await;
    let aws = Aws::start().await?;
    let before = left::everything(&aws.emulator, &aws.operator.key).await?;
    let workspace = aws.workspace().await?;

    workspace.run(&["init", "--yes"]).await?.done()?;
    let plan = workspace.run(&["plan"]).await?.done()?.stdout;
    for address in
        ["aws_eks_cluster.this", "aws_eip.db[2]", "aws_nat_gateway.this[0]", "aws_route53_record.certificate[0]"]
    {
        ensure!(plan.contains(&format!("module.eks.{address}")), "`{address}` is not in the plan:\n{plan}");
    }
    workspace.run(&["up", "--yes"]).await?.done()?;
    is_clean(&workspace).await?;

    workspace.run(&["pool", "create", "--yes"]).await?.done()?;
    let status = workspace.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
    ensure!(live_nodes(&status) == 3, "not all nodes are live: {status:#}");
    let organisation = aws.stage.organisation(NAME)?;
    let origins = origins(organisation).await?;
    ensure!(origins == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{origins:?}");
    let up = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(up.stdout.contains("is as it should be: nothing was done"), "{}", up.stdout);
    aws.nothing_tells_the_key(&workspace)?;

    workspace.run(&["down", "--yes"]).await?.done()?;
    ensure!(!has_namespace(organisation).await?, "the namespace is still there");
    let after = left::everything(&aws.emulator, &aws.operator.key).await?;
    ensure!(after == before, "something is left in the cloud: {:?}", after.difference(&before).collect::<Vec<_>>());
    Ok(())
}

/// Terraform finds nothing to change.
async fn is_clean(workspace: &Workspace) -> Result<()> {
    let plan = workspace.run(&["plan", "--json"]).await?.done()?.value("plan")?;
    let parts = plan["parts"].as_array().context("no parts")?;
    let changes = parts.iter().flat_map(|part| part["changes"].as_array().into_iter().flatten());
    let changes: Vec<_> = changes.collect();
    ensure!(changes.is_empty(), "the plan is not clean: {changes:#?}");
    Ok(())
}

/// The cloud, a Kubernetes that takes its tokens, and an operator who has a key.
struct Aws {
    emulator: Emulator,
    operator: Operator,
    zone: String,
    credentials_file: PathBuf,
    stage: Stage,
}

impl Aws {
    async fn start() -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "aws")?;
        let emulator = Emulator::start(&root.join("aws")).await?;
        let operator = emulator.add_operator("hangar").await?;
        let zone = emulator.add_hosted_zone(&operator.key, &format!("{NAME}.example.com")).await?;
        emulator.require_signatures().await?;
        let credentials_file = root.join("aws-credentials");
        write_credentials(&credentials_file, &operator.key)?;
        let eks = Eks {
            cluster: NAME.to_owned(),
            sts: emulator.endpoint().to_owned(),
            keys: vec![operator.key.clone()],
            entries: vec![AccessEntry { principal: operator.arn.clone(), groups: vec!["system:masters".to_owned()] }],
        };
        let stage = Stage::start_in(root, &[NAME], |options| drop(options.eks.insert(NAME.to_owned(), eks))).await?;
        Ok(Self { emulator, operator, zone, credentials_file, stage })
    }

    /// A workspace whose plugins, `aws` among them, are pulled from the world's registry.
    async fn workspace(&self) -> Result<Workspace> {
        let registry = &self.stage.world.file().registry;
        let mut description = self.stage.description(NAME)?;
        description.infra = "aws".into();
        description.secrets = Some("local".into());
        description.plugins = PLUGINS.map(|plugin| Plugin::of_registry(registry, plugin)).into();
        description.pool = Some("east".into());
        description.block = Some(self.block());
        description.entry = Some(format!(
            r#"{cluster}
credential "aws" {{
  aws {{
    profile          = "default"
    credentials_file = "{credentials}"
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            cluster = description.access.cluster(),
            credentials = self.credentials_file.display(),
            mirror = needed("HANGAR_AWS_PROVIDER_MIRROR")?.display(),
        ));
        let workspace = Workspace::lay_down(&self.stage.root, &description)?;
        let workspace = workspace.with_deadline(DEADLINE);
        self.stage.push_all(&workspace, &PLUGINS).await?;
        Ok(workspace)
    }

    /// All that the module has, and every service at the emulator.
    fn block(&self) -> String {
        let endpoint = self.emulator.endpoint();
        let endpoints = SERVICES.map(|service| format!("    {service} = \"{endpoint}\"")).join("\n");
        format!(
            r#"  region          = "us-east-1"
  cluster_name    = "{NAME}"
  route53_zone_id = "{zone}"
{MORE}
  endpoints = {{
{endpoints}
  }}"#,
            zone = self.zone,
        )
    }

    /// Neither terraform's state nor anything else that was written holds what signs.
    fn nothing_tells_the_key(&self, workspace: &Workspace) -> Result<()> {
        let n_files = crate::secrets::search(&workspace.folder, &[self.operator.key.secret().to_owned()])?;
        ensure!(n_files > 20, "only {n_files} files were looked at");
        Ok(())
    }
}

fn write_credentials(path: &Path, key: &AccessKey) -> Result<()> {
    let text = format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret());
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}
