//! The engine of Prometheus.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

/// One series: its name and labels, and a value for each minute. `None` is a scrape that failed; the last goes on for ever.
#[derive(Debug, Clone)]
pub struct Series {
    /// Labels, that of its name included.
    pub labels: BTreeMap<String, String>,
    /// One a minute.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// A series that stays as it is.
    #[must_use]
    pub fn steady(name: &str, labels: &[(&str, &str)], value: f64) -> Self {
        let named = [("__name__", name)].into_iter().chain(labels.iter().copied());
        let labels = named.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Self { labels, values: vec![Some(value)] }
    }

    /// The same, until it is something else after so many minutes.
    #[must_use]
    pub fn then(mut self, minutes: usize, value: Option<f64>) -> Self {
        let last = self.values.last().copied().flatten();
        self.values.resize(minutes.max(1), last);
        self.values.push(value);
        self
    }
}

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firing {
    /// Its name.
    pub alert: String,
    /// Seconds from the beginning of the series until it fires.
    pub since: u64,
    /// Those of the series and of the rule.
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    firing: Vec<Firing>,
    metrics: Vec<Vec<String>>,
}

/// Says which alerts fire within some minutes over these series.
///
/// # Errors
///
/// For rules that Prometheus would not load.
pub fn firing(rules: &Value, series: &[Series], minutes: u64) -> Result<Vec<Firing>> {
    let series: Vec<_> = series.iter().map(|one| json!({"labels": one.labels, "values": one.values})).collect();
    let rules = serde_norway::to_string(rules)?;
    Ok(ask(&json!({"rules": rules, "series": series, "until": minutes * 60}))?.firing)
}

/// Returns the names of the metrics that each of some expressions reads.
///
/// # Errors
///
/// For an expression that Prometheus cannot read.
pub fn metrics(expressions: &[String]) -> Result<Vec<Vec<String>>> {
    Ok(ask(&json!({ "expressions": expressions }))?.metrics)
}

#[expect(clippy::disallowed_methods, reason = "a test's own tool, which ends by itself")]
fn ask(question: &Value) -> Result<Answer> {
    let program = test_support::needed("HANGAR_PROMQL_EVAL")?;
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut to = child.stdin.take().context("a pipe")?;
    to.write_all(question.to_string().as_bytes())?;
    drop(to);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
