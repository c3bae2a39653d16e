//! `cockroach init`: founds a cluster, once.

use std::process::ExitCode;
use std::time::Duration;

use tonic::Status;

use super::client::{self, Target};
use super::error::CliError;
use super::flags::{Flags, Spec};
use super::{print_err, print_out};
use crate::rpc::channel::Channel;
use crate::rpc::status;
use crate::wire::cockroach::server::serverpb::admin_client::AdminClient;
use crate::wire::cockroach::server::serverpb::init_client::InitClient;
use crate::wire::cockroach::server::serverpb::{BootstrapRequest, HealthRequest};

/// Flags of `init`.
pub const FLAGS: &[Spec] = &[
    client::CERTS_DIR,
    client::HOST,
    client::PORT,
    client::CLUSTER_NAME,
    client::DISABLE_VERIFICATION,
    client::LOG_TO_STDERR,
];

/// Waits until the node answers, then asks once.
///
/// # Errors
///
/// When certificates cannot be used, or the cluster has been initialised before.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let target = Target::of(flags)?;
    super::runtime()?.block_on(async {
        let channel = ready(&target).await?;
        let origin = channel.origin();
        // Never repeated: a lost answer does not mean that nothing happened.
        let asked = InitClient::with_origin(channel, origin).bootstrap(BootstrapRequest::default()).await;
        asked.map_err(|refusal| match refusal.code() {
            tonic::Code::Unknown => CliError::new(refusal.message()),
            _ => CliError::new(status::text(&refusal)),
        })?;
        print_out("Cluster successfully initialized\n");
        Ok(ExitCode::SUCCESS)
    })
}

async fn ready(target: &Target) -> Result<Channel, CliError> {
    loop {
        let refusal = match target.rpc().await? {
            Ok(channel) => match health(channel.clone()).await {
                Ok(()) => return Ok(channel),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        let text = status::text(&refusal);
        print_err(&format!("warning: node not ready to perform cluster initialization: {text} (retrying)\n"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn health(channel: Channel) -> Result<(), Status> {
    let origin = channel.origin();
    AdminClient::with_origin(channel, origin).health(HealthRequest { ready: false }).await.map(drop)
}
