//! Whether an answer of the world is what a strategy expects.

use std::collections::BTreeSet;

use hangar_plan::strategy::action::Expectation;
use hangar_plan::strategy::observation::{Certificate, Observation};

/// Whether the observation is what is expected. An answer of another kind never is, and neither is a failed look.
#[must_use]
pub(crate) fn holds(expectation: &Expectation, observation: &Observation) -> bool {
    match (expectation, observation) {
        (Expectation::Value(wanted), Observation::Rows(rows)) => {
            rows.rows.first().and_then(|row| row.first()) == Some(&Some(wanted.clone()))
        }
        (Expectation::SomeRows, Observation::Rows(rows)) => !rows.rows.is_empty(),
        (Expectation::NoRows, Observation::Rows(rows)) => rows.rows.is_empty(),
        (Expectation::Status(wanted), Observation::Http(answer)) => answer.status == *wanted,
        (Expectation::Tls(wanted), Observation::Tls(answer)) => answer.outcome == *wanted,
        (Expectation::AllReady, Observation::Workload(workload)) => {
            workload.pods.iter().filter(|pod| pod.ready).count() == workload.wanted as usize
        }
        (Expectation::AllRunning, Observation::Workload(workload)) => {
            workload.pods.iter().filter(|pod| pod.phase == "Running").count() == workload.wanted as usize
        }
        (Expectation::Fingerprints(wanted), Observation::Certificates(seen)) => includes(wanted, seen, |_| true),
        (Expectation::Fingerprints(wanted), Observation::Mounted(pods)) => {
            !pods.is_empty() && pods.iter().all(|pod| !pod.pending && includes(wanted, &pod.certificates, |_| true))
        }
        (Expectation::Authorities(wanted), Observation::Certificates(seen)) => equals(wanted, seen),
        (Expectation::Authorities(wanted), Observation::Mounted(pods)) => {
            !pods.is_empty() && pods.iter().all(|pod| !pod.pending && equals(wanted, &pod.certificates))
        }
        (Expectation::Deployed(digest), Observation::Release(release)) => {
            release.status == "deployed" && (digest.is_empty() || release.values_digest.as_ref() == Some(digest))
        }
        (Expectation::Contains(text), Observation::Http(answer)) => answer.body.contains(text.as_str()),
        (Expectation::Absent, Observation::Absent) => true,
        (Expectation::Other((name, values)), Observation::Rows(rows)) if name == "none-of" => {
            let begins = |row: &Vec<Option<String>>| {
                row.first().and_then(Option::as_ref).is_some_and(|cell| values.contains(cell))
            };
            !rows.rows.iter().any(begins)
        }
        (Expectation::Other((name, _)), Observation::Rows(rows)) if name == "all-zero" => {
            let is_zero =
                |cell: &Option<String>| cell.as_deref().and_then(|text| text.parse::<f64>().ok()) == Some(0.0);
            rows.rows.first().is_some_and(|row| row.iter().all(is_zero))
        }
        _ => false,
    }
}

/// Describes an observation in a few words, for the last thing seen.
#[must_use]
pub fn describe(observation: &Observation) -> String {
    match observation {
        Observation::Rows(rows) => format!("{} rows", rows.rows.len()),
        Observation::Http(answer) => format!("status {}: {}", answer.status, first_line(&answer.body)),
        Observation::Tls(answer) => format!("{:?}: {}", answer.outcome, first_line(&answer.detail)),
        Observation::Workload(workload) => {
            let ready = workload.pods.iter().filter(|pod| pod.ready).count();
            let reason =
                workload.pods.iter().find_map(|pod| Some(format!(", pod {}: {}", pod.name, pod.reason.as_ref()?)));
            format!("{ready} of {} pods ready{}", workload.wanted, reason.unwrap_or_default())
        }
        Observation::Certificates(seen) => format!("{} certificates", seen.len()),
        Observation::Mounted(pods) => {
            let pending = pods.iter().filter(|pod| pod.pending).count();
            format!("{} pods, {pending} of them have yet to reload", pods.len())
        }
        Observation::Release(release) => format!("release {} at revision {}", release.status, release.revision),
        Observation::Absent => "nothing there".into(),
        Observation::Failed(failure) => format!("{:?}: {}", failure.class, first_line(&failure.detail)),
        Observation::Other(text) => first_line(text).into(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn includes(wanted: &[String], seen: &[Certificate], which: impl Fn(&Certificate) -> bool) -> bool {
    let seen: BTreeSet<&str> = seen.iter().filter(|&c| which(c)).map(|c| c.fingerprint.as_str()).collect();
    wanted.iter().all(|fingerprint| seen.contains(fingerprint.as_str()))
}

fn equals(wanted: &[String], seen: &[Certificate]) -> bool {
    let seen: BTreeSet<&str> = seen.iter().filter(|c| c.is_authority).map(|c| c.fingerprint.as_str()).collect();
    wanted.iter().map(String::as_str).collect::<BTreeSet<_>>() == seen
}

#[cfg(test)]
mod tests;
