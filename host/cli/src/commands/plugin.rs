//! `plugin …`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use hangar_config::Environment;
use hangar_operations::{Failure, plugin};
use serde_json::json;

use crate::args::Global;
use crate::commands::init;
use crate::commands::session::open;
use crate::commands::up::consent;
use crate::output::Output;

/// Commands of plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    Build(BuildArgs),
    Push(PushArgs),
    Pull(PullArgs),
    Inspect(InspectArgs),
    /// List the plugins of the workspace, and how each is pinned
    List,
    Approve(ApproveArgs),
}

/// Make a component of a core module and its manifest
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Core module, as the compiler makes it
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// `plugin.toml`; schemas are read beside it
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// Where the component goes
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Push a component to a registry
#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Component
    file: PathBuf,
    /// `oci://host/path:tag`
    reference: String,
    /// Plain http, to a registry on this machine
    #[arg(long)]
    dev: bool,
}

/// Pull a plugin into the store
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// `oci://…`, `oci-layout:…` or `file:…`
    source: String,
    /// Plain http, to a registry on this machine
    #[arg(long)]
    dev: bool,
}

/// Say what a component is, without running it
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Component
    file: PathBuf,
}

/// Record what the workspace's plugins are granted
#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// Grant what is shown
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(
    global: &Global,
    command: PluginCommand,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    match command {
        PluginCommand::Build(args) => {
            let size = plugin::build(&args.module, &args.manifest, &args.output)?;
            let text = format!("{}: {size} bytes", args.output.display());
            output.answer("built", &text, &json!({"file": args.output, "size": size}));
            Ok(())
        }
        PluginCommand::Push(args) => {
            let pushed = plugin::push(&args.file, &args.reference, args.dev, &environment).await?;
            let text = format!("{}@{}", args.reference, pushed.manifest_digest);
            let value = json!({
                "reference": args.reference,
                "manifest-digest": pushed.manifest_digest.to_string(),
                "content-digest": pushed.content_digest.to_string(),
            });
            output.answer("pushed", &text, &value);
            Ok(())
        }
        PluginCommand::Pull(args) => {
            let pulled = plugin::pull(&args.source, args.dev, &environment).await?;
            let text = format!("{} {}", pulled.manifest_digest, pulled.path.display());
            let value = json!({
                "manifest-digest": pulled.manifest_digest.to_string(),
                "content-digest": pulled.content_digest.to_string(),
                "path": pulled.path,
            });
            output.answer("pulled", &text, &value);
            Ok(())
        }
        PluginCommand::Inspect(args) => inspect(&args, output),
        PluginCommand::List => {
            let (session, lines) = open(global, consent(true, false), output, environment)?;
            lines.finish();
            for (name, line) in plugin::list(&session.site)? {
                output.answer("plugin", &format!("{name}  {line}"), &json!({"name": name, "pinned": line}));
            }
            Ok(())
        }
        PluginCommand::Approve(args) => {
            let (session, lines) = open(global, consent(args.yes, false), output, environment)?;
            let fetched = session.site.fetch_plugins(&|text| lines.live(text)).await;
            lines.finish();
            init::approve(&session.site, &fetched?, args.yes, global.no_input, output)
        }
    }
}

fn inspect(args: &InspectArgs, output: Output) -> Result<(), Failure> {
    let inspection = plugin::inspect(&args.file)?;
    let contracts: Vec<String> =
        inspection.contracts.iter().map(|(kind, version)| format!("hangar:{kind}@{version}")).collect();
    let manifest = &inspection.manifest;
    let text = format!(
        "{} {}\n  {}\n  implements {}\n  imports {}\n  {} bytes",
        manifest.name,
        manifest.version,
        manifest.description,
        contracts.join(", "),
        inspection.imports.join(", "),
        inspection.size
    );
    let value = json!({
        "manifest": manifest,
        "contracts": contracts,
        "imports": inspection.imports,
        "exports": inspection.exports,
        "size": inspection.size,
    });
    output.answer("component", &text, &value);
    Ok(())
}
