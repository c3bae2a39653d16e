//! Definitions of foreign kinds that the chart makes objects of, as those who define them publish them.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    digest::Fields,
    tools::{cache::Recipe, go, search::Search},
};

/// A published module of Go, and the files of it that define something.
struct Source {
    module: &'static str,
    /// Without the leading `v`.
    version: &'static str,
    /// The module's hash as in a `go.sum`.
    sum: &'static str,
    folder: &'static str,
    files: [&'static str; 2],
}

const SOURCES: [Source; 2] = [
    Source {
        module: "sigs.k8s.io/gateway-api",
        version: "1.4.1",
        sum: "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
        folder: "config/crd/standard",
        files: ["gateway.networking.k8s.io_gateways.yaml", "gateway.networking.k8s.io_httproutes.yaml"],
    },
    Source {
        module: "github.com/prometheus-operator/prometheus-operator",
        version: "0.85.0",
        sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        folder: "example/prometheus-operator-crd",
        files: ["monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"],
    },
];

/// What stands for the program in the cache: the folder of the files.
const FOLDER: &str = "definitions";

/// The folder with one file a kind, downloaded first if need be.
pub(crate) fn find(search: &Search<'_>) -> Result<PathBuf> {
    let mut inputs = Fields::default();
    for source in &SOURCES {
        inputs = inputs.with(source.module).with(source.sum).with(source.folder).with(source.files.join(" "));
    }
    let recipe = Recipe::new("foreign-definitions", SOURCES[0].version, inputs, FOLDER);
    search.cache.program(&recipe, |folder| {
        let target = folder.join("bin").join(FOLDER);
        fs::create_dir(&target)?;
        for Source { module, version, sum, folder, files } in &SOURCES {
            let sources = go::download(search, module, version, sum)?.join(folder);
            for file in files {
                let source = sources.join(file);
                fs::copy(&source, target.join(file)).with_context(|| format!("no `{}`", source.display()))?;
            }
        }
        Ok(())
    })
}
