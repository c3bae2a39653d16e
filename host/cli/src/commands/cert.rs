//! `cert …`.

use std::sync::Arc;

use clap::{Args, Subcommand};
use hangar_config::Environment;
use hangar_operations::{Cause, CertificateEntry, Certificates, Failure, PoolChange};

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
/// For timers: exits with 0 if every one was seen and none ends within the days that are asked for, with 4 if one does or is over, else
/// with 3 if any could not be looked at, and with 1 where this instance is in no pool. `--within 60` is the time to plan, 30 to act, 7 to
/// hurry.
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
        CertCommand::Renew(change) => {
            let done = match change.dry_run {
                true => session.pool_preview(PoolChange::RotateCerts).await,
                false => session.pool_rotate_certs().await,
            };
            lines.finish();
            done.map(|done| changed(output, "renew", done, "Every node shows its new certificate."))
        }
    }
}

fn list(found: &Certificates, within: u64, output: Output) -> Result<(), Failure> {
    for one in &found.all {
        let left = one.days_left.map_or("over".to_owned(), |days| format!("{days} days"));
        let text = format!("{:<10} {:<44} {}\n           {}", left, one.subject, one.place, one.fingerprint);
        output.answer("certificate", &text, one);
    }
    for one in &found.unseen {
        output.answer("not-seen", &format!("{:<10} {:<44} {}", "not seen", one.place, one.why), one);
    }
    let ending: Vec<&CertificateEntry> = found.all.iter().filter(|one| one.ends_within(within)).collect();
    let Some(first) = ending.iter().min_by_key(|one| one.not_after_ms) else { return all_seen(found) };
    Err(Failure::person(format!("{} certificates end within {within} days", ending.len()))
        .hint_for(first.whose(), first.next_command()))
}

/// None ends soon, as far as that is known.
fn all_seen(found: &Certificates) -> Result<(), Failure> {
    let Some(first) = found.unseen.first() else { return Ok(()) };
    let n_unseen = found.unseen.len();
    let failure = Failure::new(Cause::Outside, format!("the certificates in {n_unseen} places could not be looked at"));
    Err(failure.hint_for(first.member.as_deref(), "`hangar up`"))
}
