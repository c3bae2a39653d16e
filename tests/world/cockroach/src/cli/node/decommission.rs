//! `cockroach node decommission` and `recommission`: how nodes leave for good, and how they are kept.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use super::super::error::CliError;
use super::super::flags::{Flags, Spec, switch, value};
use super::super::output::{Format, Table};
use super::super::{client, print_err, print_out, runtime};
use super::admin::{Admin, Checked, State};
use crate::timers::Timers;
use crate::wire::cockroach::kv::kvserver::liveness::livenesspb::MembershipStatus;
use crate::wire::cockroach::server::serverpb::decommission_pre_check_response::NodeReadiness;

/// Flags of `node decommission`.
pub const FLAGS: &[Spec] = &[
    client::CERTS_DIR,
    value("checks"),
    client::CLUSTER_NAME,
    client::DISABLE_VERIFICATION,
    switch("dry-run"),
    value("format"),
    client::HOST,
    client::LOG_TO_STDERR,
    client::PORT,
    switch("self"),
    value("wait"),
];
/// Flags of `node recommission`.
pub const RECOMMISSION_FLAGS: &[Spec] = &[
    client::CERTS_DIR,
    client::CLUSTER_NAME,
    client::DISABLE_VERIFICATION,
    value("format"),
    client::HOST,
    client::LOG_TO_STDERR,
    client::PORT,
    switch("self"),
];

/// Equal answers after which a stall is suspected, and how many replicas are named then.
const STALL: usize = 15;
const REPORT: i32 = 5;
const HEADERS: [&str; 6] = ["id", "is_live", "replicas", "is_decommissioning", "membership", "is_draining"];
const DONE: &str = "\nNo more data reported on target nodes. Please verify cluster health before removing the nodes.\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checks {
    Enabled,
    Strict,
    Skip,
}

fn one_of<T: Copy>(flags: &Flags, name: &str, known: &[(&str, T)]) -> Result<T, CliError> {
    let given = flags.get(name).unwrap_or(known[0].0);
    let found = known.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| {
        let words = words.join(", ");
        CliError::new(format!("invalid argument {given:?} for \"--{name}\" flag: invalid value (possible: {words})"))
    })
}

/// Lets nodes leave: checks, moves their replicas away, drains them, and removes them for good.
///
/// # Errors
///
/// As printed. Refused by the check, nothing has changed.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let checks =
        one_of(flags, "checks", &[("enabled", Checks::Enabled), ("strict", Checks::Strict), ("skip", Checks::Skip)])?;
    let waits = one_of(flags, "wait", &[("all", true), ("none", false)])?;
    let format = Format::of(flags)?;
    runtime()?.block_on(async {
        let mut admin = Admin::connect(flags).await?;
        let ids = node_ids(flags, &admin)?;
        for state in admin.status(&ids).await? {
            if state.membership() != MembershipStatus::Active {
                print_err(&format!("warning: node {} is already decommissioning or decommissioned\n", state.node_id));
            }
        }
        if checks != Checks::Skip {
            check(&mut admin, &ids, checks == Checks::Strict, format).await?;
        }
        if flags.is_on("dry-run") {
            return Ok(ExitCode::SUCCESS);
        }
        leave(&mut admin, &ids, waits, format).await
    })
}

/// Keeps nodes that were about to leave.
///
/// # Errors
///
/// As printed.
pub fn recommission(flags: &Flags) -> Result<ExitCode, CliError> {
    let format = Format::of(flags)?;
    runtime()?.block_on(async {
        let mut admin = Admin::connect(flags).await?;
        let ids = node_ids(flags, &admin)?;
        let states = admin.change(&ids, MembershipStatus::Active, 0).await?;
        print_out(&table(&states).render(format));
        Ok(ExitCode::SUCCESS)
    })
}

fn node_ids(flags: &Flags, admin: &Admin) -> Result<Vec<i32>, CliError> {
    match (flags.is_on("self"), flags.rest.as_slice()) {
        (true, []) => Ok(vec![admin.serving]),
        (true, _) => Err(CliError::new("cannot specify both --self and node IDs")),
        (false, []) => Err(CliError::new("no node ID specified; use --self to target the node specified with --host")),
        (false, ids) => ids
            .iter()
            .map(|id| id.parse().map_err(|_| CliError::new(format!("unable to parse {id}: invalid syntax"))))
            .collect(),
    }
}

async fn check(admin: &mut Admin, ids: &[i32], strict: bool, format: Format) -> Result<(), CliError> {
    let checked = admin.pre_check(ids, strict).await?;
    let ready = |node: &Checked| {
        matches!(node.decommission_readiness(), NodeReadiness::Ready | NodeReadiness::AlreadyDecommissioned)
    };
    if checked.iter().all(ready) {
        return Ok(());
    }
    let states = admin.status(ids).await?;
    let mut shown = table(&states);
    shown.headers.extend(["readiness".to_owned(), "blocking_ranges".to_owned()]);
    shown.align.push_str("rr");
    for (row, node) in shown.rows.iter_mut().zip(&checked) {
        let readiness = match node.decommission_readiness() {
            NodeReadiness::Unknown => "unknown",
            NodeReadiness::Ready => "ready",
            NodeReadiness::AlreadyDecommissioned => "already decommissioned",
            NodeReadiness::AllocationErrors => "allocation errors",
        };
        row.extend([readiness.to_owned(), node.checked_ranges.len().to_string()]);
    }
    print_out(&shown.render(format));
    let mut text = "\nranges blocking decommission detected\n".to_owned();
    for node in &checked {
        let mut by_error: BTreeMap<&str, usize> = BTreeMap::new();
        for range in &node.checked_ranges {
            *by_error.entry(&range.error).or_default() += 1;
        }
        for (error, count) in by_error.into_iter().take(5) {
            text.push_str(&format!("n{} has {count} replicas blocked with error: \"{error}\"\n", node.node_id));
        }
    }
    print_err(&format!("{text}\n"));
    Err(CliError::new("Cannot decommission nodes."))
}

async fn leave(admin: &mut Admin, ids: &[i32], waits: bool, format: Format) -> Result<ExitCode, CliError> {
    let timers = Timers::from_environment();
    let (shortest, longest) = (timers.millis(5), timers.millis(20_000));
    let mut pause = shortest;
    let mut last: Option<Vec<State>> = None;
    let mut equal = 0;
    let mut fewest = i64::MAX;
    loop {
        let report = if equal >= STALL { REPORT } else { 0 };
        let mut states = admin.change(ids, MembershipStatus::Decommissioning, report).await?;
        if report > 0 {
            tell_stall(&states);
            equal = 0;
        }
        states.iter_mut().for_each(|state| state.reported_replicas.clear());
        if last.as_ref() == Some(&states) {
            equal += 1;
            print_err(".");
        } else {
            equal = 0;
            print_out(&table(&states).render(format));
        }
        let active = states.iter().any(|state| state.membership() == MembershipStatus::Active);
        let replicas: i64 = states.iter().map(|state| state.replica_count).sum();
        if !active && replicas == 0 {
            drain(admin, &states).await;
            let states = admin.change(ids, MembershipStatus::Decommissioned, 0).await?;
            print_out(&table(&states).render(format));
            print_out(DONE);
            return Ok(ExitCode::SUCCESS);
        }
        if !waits {
            return Ok(ExitCode::SUCCESS);
        }
        if replicas < fewest {
            fewest = replicas;
            pause = shortest;
        }
        last = Some(states);
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(longest).max(Duration::from_millis(1));
    }
}

fn tell_stall(states: &[State]) {
    let mut text = "\npossible decommission stall detected\n".to_owned();
    for state in states {
        for replica in &state.reported_replicas {
            let (id, replica, range) = (state.node_id, replica.replica_id, replica.range_id);
            text.push_str(&format!("n{id} still has replica id {replica} for range r{range}\n"));
        }
    }
    print_err(&text);
}

/// A drain that fails does not keep a node that is empty.
async fn drain(admin: &mut Admin, states: &[State]) {
    for state in states {
        let id = state.node_id;
        if id == admin.serving {
            print_err(&format!("skipping drain step for node n{id}; it is decommissioning and serving the request\n"));
            continue;
        }
        if !state.is_live {
            print_err(&format!("skipping drain step for node n{id}; it is not live\n"));
            continue;
        }
        print_err(&format!("draining node n{id}\n"));
        match super::drain::until_drained(admin, &id.to_string(), Duration::from_secs(600), false).await {
            Ok(()) => print_err(&format!("node n{id} drained successfully\n")),
            Err(err) => print_err(&format!("drain step for node n{id} failed; decommissioning anyway: {err}\n")),
        }
    }
}

fn table(states: &[State]) -> Table {
    let rows = states.iter().map(|state| {
        let membership = match state.membership() {
            MembershipStatus::Active => "active",
            MembershipStatus::Decommissioning => "decommissioning",
            MembershipStatus::Decommissioned => "decommissioned",
        };
        vec![
            state.node_id.to_string(),
            state.is_live.to_string(),
            state.replica_count.to_string(),
            (state.membership() != MembershipStatus::Active).to_string(),
            membership.to_owned(),
            state.draining.to_string(),
        ]
    });
    Table { headers: HEADERS.map(str::to_owned).to_vec(), rows: rows.collect(), align: "rrrrrr".to_owned() }
}
