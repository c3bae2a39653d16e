//! `cockroach node drain`: a node gives away what it serves, and stays up.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::super::error::CliError;
use super::super::flags::{Flags, Spec, switch, value};
use super::super::{client, print_err, print_out, runtime};
use super::admin::Admin;
use crate::timers::parse_duration;

/// Flags of `node drain`.
pub const FLAGS: &[Spec] = &[
    client::CERTS_DIR,
    client::CLUSTER_NAME,
    client::DISABLE_VERIFICATION,
    value("drain-wait"),
    client::HOST,
    client::LOG_TO_STDERR,
    client::PORT,
    switch("self"),
    switch("shutdown"),
];
const DEFAULT_WAIT: Duration = Duration::from_secs(600);

/// Drains one node, the one that serves the request unless another is named.
///
/// # Errors
///
/// As printed. Out of time, the node stays draining; asked again, it goes on.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let wait = match flags.get("drain-wait") {
        None => DEFAULT_WAIT,
        Some(text) => parse_duration(text).ok_or_else(|| {
            CliError::new(format!(
                "invalid argument {text:?} for \"--drain-wait\" flag: time: invalid duration {text:?}"
            ))
        })?,
    };
    let target = match flags.rest.as_slice() {
        [] => "local",
        [id] => id,
        _ => return Err(CliError::new("expected no arguments or a single node ID")),
    };
    runtime()?.block_on(async {
        let mut admin = Admin::connect(flags).await?;
        until_drained(&mut admin, target, wait, flags.is_on("shutdown")).await?;
        print_out("drain ok\n");
        Ok(ExitCode::SUCCESS)
    })
}

/// Round after round until nothing remains.
pub(super) async fn until_drained(admin: &mut Admin, id: &str, wait: Duration, shutdown: bool) -> Result<(), CliError> {
    let deadline = Instant::now() + wait;
    loop {
        let round = tokio::time::timeout_at(deadline.into(), admin.drain(id, true, shutdown)).await;
        let answer = round.map_err(|_| CliError::new("drain timeout"))??;
        let remaining = answer.drain_remaining_indicator;
        let what = if remaining == 0 { "complete".to_owned() } else { answer.drain_remaining_description };
        print_err(&format!("node is draining... remaining: {remaining} ({what})\n"));
        if remaining == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(CliError::new("drain timeout"));
        }
    }
}
