//! `services { … }`.

use std::path::PathBuf;

use registry_reference::Reference;

use crate::{raw::RawServices, workspace::check::Check};

/// What runs on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// The chart.
    pub chart: Chart,
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
    let values = match raw.values {
        None => Some(None),
        Some(path) => check.path("/services/values", &path).map(Some),
    };
    Some(Services { chart: chart?, values: values? })
}
