//! `services { … }`.

use std::path::PathBuf;

use registry_reference::Reference;

use crate::{raw::RawServices, workspace::check::Check};

/// What runs on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// The chart.
    pub chart: Chart,
    /// Whether its registry may be spoken to over plain http on this machine.
    pub dev: bool,
    /// The operator's own chart values.
    pub values: Option<PathBuf>,
}

/// Where the chart is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chart {
    /// In a folder.
    Folder(PathBuf),
    /// In a registry. Has a tag or a digest.
    Oci(Reference),
}

pub(super) fn read(check: &mut Check<'_>) -> Option<Services> {
    let raw: RawServices = check.raw("/services")?;
    let at = "/services/chart";
    let chart = match raw.chart.strip_prefix("oci://") {
        Some(reference) => check.image(at, reference).map(Chart::Oci),
        None if raw.chart.contains("://") => {
            check.refuse(at, "a chart is a folder or begins with `oci://`", None);
            None
        }
        None => check.path(at, raw.chart.as_ref()).map(Chart::Folder),
    };
    if matches!(chart, Some(Chart::Oci(_))) && !raw.unsigned {
        let finding = check.finding(at, "signatures of charts cannot be verified yet, so this one counts as unsigned");
        let help = "add `unsigned = true` to this block to take it as it is; the lock pins its digest".to_owned();
        check.push(finding.label("comes from a registry").help(help));
    }
    let values = match raw.values {
        None => Some(None),
        Some(path) => check.path("/services/values", &path).map(Some),
    };
    Some(Services { chart: chart?, dev: raw.dev, values: values? })
}
