//! `cert …`.

use std::sync::Arc;

use clap::{Args, Subcommand};
use hangar_config::Environment;
use hangar_operations::{CertificateEntry, Failure};

use crate::args::Global;
use crate::commands::pool::{ChangeArgs, changed};
use crate::commands::session::{Consent, open};
use crate::output::Output;

/// Commands about certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    List(ListArgs),
    /// Issue new leaves and let every node load them
    ///
    /// The same as `pool rotate-certs`.
    Renew(ChangeArgs),
}

/// List every certificate that our nodes show, trust or meet
///
/// The leaves in our cluster, the authorities of all members, and what the nodes of the others show.
///
/// For timers: exits with 0 if none ends within the days that are asked for, with 4 if one does or is over, and with 3 where
/// they could not be looked at. `--within 60` is the time to plan, 30 to act, 7 to hurry.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Exit with 4 if a certificate ends within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    within: u64,
}

pub(crate) async fn run(
    global: &Global,
    command: CertCommand,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let given = match &command {
        CertCommand::List(_) => Consent::Given,
        CertCommand::Renew(change) => change.consent(),
    };
    let (session, lines) = open(global, given, output, environment)?;
    match command {
        CertCommand::List(args) => {
            let all = session.cert_list().await;
            lines.finish();
            list(&all?, args.within, output)
        }
        CertCommand::Renew(_) => {
            let done = session.pool_rotate_certs().await;
            lines.finish();
            done.map(|done| changed(output, "renew", done, "Every node shows its new certificate."))
        }
    }
}

fn list(all: &[CertificateEntry], within: u64, output: Output) -> Result<(), Failure> {
    for one in all {
        let left = one.days_left.map_or("over".to_owned(), |days| format!("{days} days"));
        let text = format!("{:<10} {:<44} {}\n           {}", left, one.subject, one.place, one.fingerprint);
        output.answer("certificate", &text, one);
    }
    let ending: Vec<&CertificateEntry> = all.iter().filter(|one| one.ends_within(within)).collect();
    let Some(first) = ending.iter().min_by_key(|one| one.not_after_ms) else { return Ok(()) };
    let next = first.next_command();
    let whose = first.whose().map(|whose| format!("{whose}: ")).unwrap_or_default();
    Err(Failure::person(format!("{} certificates end within {within} days", ending.len()))
        .hint_is(format!("{whose}{next}")))
}
