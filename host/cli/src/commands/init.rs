//! `init`.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use hangar_config::Environment;
use hangar_operations::{Cause, Failure, Fetched, Site};
use serde_json::json;

use crate::args::Global;
use crate::commands::session::open;
use crate::commands::up::consent;
use crate::output::Output;

/// Begin a workspace: fetch its plugins, show what they ask, record what you grant
///
/// Without a `hangar.hcl` it writes one for the named infra provider, to be edited. With one it fetches every plugin, shows
/// what each asks for and records the grants in `hangar.lock`, with the digest of a chart that comes from a registry.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Infra provider to write a workspace for, such as `aws` or `local`
    provider: Option<String>,
    /// Grant what the plugins ask without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(
    global: &Global,
    args: InitArgs,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let file = global.workspace.join("hangar.hcl");
    if let Some(provider) = &args.provider {
        return write_workspace(&global.workspace, &file, provider, output);
    }
    let (session, lines) = open(global, consent(args.yes, false), output, environment)?;
    let site = &session.site;
    let fetched = site.fetch_plugins(&|text| lines.live(text)).await;
    lines.finish();
    let fetched = fetched?;
    approve(site, &fetched, args.yes, global.no_input, output)?;
    if let Some(chart) = site.pin_chart().await? {
        output.answer("chart", &format!("chart {chart}"), &json!({ "chart": chart }));
    }
    Ok(())
}

/// Shows what plugins ask, and records the grants once the operator agrees.
pub(crate) fn approve(
    site: &Site,
    fetched: &[Fetched],
    yes: bool,
    no_input: bool,
    output: Output,
) -> Result<(), Failure> {
    for plugin in fetched {
        let asks: Vec<String> = plugin.excess.iter().map(ToString::to_string).collect();
        let manifest = &plugin.inspection.manifest;
        let state = if plugin.is_approved { "as granted" } else { "asks for" };
        let mut text = format!("{} {} ({}) {state}", plugin.name, manifest.version, plugin.pulled.manifest_digest);
        for ask in &asks {
            text.push_str(&format!("\n  {ask}"));
        }
        let value = json!({
            "name": plugin.name.to_string(),
            "version": manifest.version.to_string(),
            "manifest-digest": plugin.pulled.manifest_digest.to_string(),
            "content-digest": plugin.pulled.content_digest.to_string(),
            "approved": plugin.is_approved,
            "asks": asks,
        });
        output.answer("plugin", &text, &value);
    }
    if fetched.iter().all(|plugin| plugin.is_approved) {
        return Ok(());
    }
    if !yes {
        if no_input {
            return Err(Failure::person("plugins ask for permissions that nobody granted")
                .hint_is("look at them above, then `hangar init --yes` or `hangar plugin approve --yes`"));
        }
        output.note("Nothing is granted yet. Look at what is asked, then run `hangar init --yes`.");
        return Err(
            Failure::person("the permissions are not granted").hint_is("`hangar init --yes` grants what is shown")
        );
    }
    site.approve_plugins(fetched)?;
    output.text("Granted and pinned in hangar.lock.");
    Ok(())
}

fn write_workspace(folder: &Path, file: &Path, provider: &str, output: Output) -> Result<(), Failure> {
    if file.exists() {
        return Err(
            Failure::refused(format!("`{}` is there already", file.display())).hint_is("edit it, then `hangar init`")
        );
    }
    let text = match provider {
        "aws" => AWS,
        "azure" => AZURE,
        "existing" => EXISTING,
        "gcp" => GCP,
        "local" => LOCAL,
        other => {
            return Err(Failure::refused(format!("no example for `{other}` comes with hangar"))
                .hint_is("`hangar init` with `aws`, `azure`, `gcp`, `existing` or `local`, then edit the file"));
        }
    };
    let failed = |err: std::io::Error| Failure::of(Cause::Outside, format!("cannot write `{}`", file.display()), err);
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, content) in [("hangar.hcl", text), ("services.yaml", SERVICES), (".gitignore", IGNORE)] {
        let path = folder.join(name);
        if !path.exists() {
            std::fs::write(&path, content).map_err(failed)?;
        }
    }
    output.text(&format!("Wrote `{}`. Edit it, then `hangar init`.", file.display()));
    Ok(())
}

const AWS: &str = include_str!("../../../../deploy/workspace/example/aws.hcl");
const AZURE: &str = include_str!("../../../../deploy/workspace/example/azure.hcl");
const EXISTING: &str = include_str!("../../../../deploy/workspace/example/existing.hcl");
const GCP: &str = include_str!("../../../../deploy/workspace/example/gcp.hcl");
const LOCAL: &str = include_str!("../../../../deploy/workspace/example/local.hcl");
const SERVICES: &str = "# Values of the chart beyond what hangar sets: see the chart's README.\n";
const IGNORE: &str =
    "# State, keys and spools of this workspace; hangar.lock belongs under version control.\n/.hangar/\n";
