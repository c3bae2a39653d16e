//! `kubeconfig`, and the hidden command that it leads to.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hangar_config::Environment;
use hangar_operations::{Cause, Failure};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::args::Global;
use crate::commands::session::{Consent, open};
use crate::output::Output;

/// Write a kubeconfig for your own `kubectl` and `helm`
///
/// It holds no secret: `kubectl` runs `hangar` in this workspace for each token, which makes one as it does for itself. No program of
/// the cloud is needed. Takes no lock, so that it works while another command does.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigArgs {
    /// File to write; without it the kubeconfig is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(
    global: &Global,
    args: KubeconfigArgs,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let folder = std::path::absolute(&global.workspace)
        .map_err(|err| Failure::of(Cause::Refused, "cannot tell where the workspace is", err))?;
    let (session, lines) = open(global, Consent::DryRun, output, environment)?;
    let text = session.kubeconfig(&folder, args.out.as_deref()).await;
    lines.finish();
    let text = text?;
    let told = match &args.out {
        Some(path) => format!("Wrote `{0}`: `kubectl --kubeconfig {0} get pods`", path.display()),
        None => text.clone(),
    };
    output.answer("kubeconfig", &told, &json!({"path": args.out, "text": text}));
    Ok(())
}

/// What `kubectl` asks for; nothing else may be printed, in whatever form.
pub(crate) async fn token(global: &Global, output: Output, environment: Arc<Environment>) -> Result<(), Failure> {
    let (session, lines) = open(global, Consent::DryRun, output, environment)?;
    let credential = session.cluster_token().await;
    lines.finish();
    output.raw(credential?.expose_secret());
    Ok(())
}
