//! `cert …`.

use std::sync::Arc;

use clap::Subcommand;
use hangar_config::Environment;
use hangar_operations::{CertificateEntry, Failure};
use hangar_plan::diagnostic::Severity;

use crate::args::Global;
use crate::commands::pool::{ChangeArgs, outcome};
use crate::commands::session::{Consent, open};
use crate::output::Output;

/// Commands about certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    /// List every certificate that our nodes show or trust
    ///
    /// Exits with 4 if one of them ends within seven days, so that a timer notices.
    List,
    /// Issue new leaves and let every node load them
    ///
    /// The same as `pool rotate-certs`.
    Renew(ChangeArgs),
}

pub(crate) async fn run(
    global: &Global,
    command: CertCommand,
    output: Output,
    environment: Arc<Environment>,
) -> Result<(), Failure> {
    let given = match &command {
        CertCommand::List => Consent::Given,
        CertCommand::Renew(change) => change.consent(),
    };
    let (session, lines) = open(global, given, output, environment)?;
    let done = match command {
        CertCommand::List => session.cert_list().await.and_then(|all| list(&all, output)),
        CertCommand::Renew(_) => session
            .pool_rotate_certs()
            .await
            .map(|done| outcome(output, "renew", done, "Every node shows its new certificate.")),
    };
    lines.finish();
    done
}

fn list(all: &[CertificateEntry], output: Output) -> Result<(), Failure> {
    for one in all {
        let left = one.days_left.map_or("over".to_owned(), |days| format!("{days} days"));
        let text = format!("{:<10} {:<44} {}\n           {}", left, one.subject, one.place, one.fingerprint);
        output.answer("certificate", &text, one);
    }
    let urgent = all.iter().filter(|one| one.severity == Some(Severity::Error)).count();
    if urgent > 0 {
        return Err(Failure::person(format!("{urgent} certificates end within seven days"))
            .hint_is("leaves: `hangar cert renew`; authorities: their owner runs `hangar pool rotate-ca`"));
    }
    Ok(())
}
