//! The foreign tools: found on the machine or put into the cache, each at a version stated here.

mod aws_provider;
mod cache;
mod debian;
mod definitions;
mod download;
mod go;
mod go_cache;
mod helm;
mod kubectl;
mod kubeone;
mod moto;
mod oras;
mod promql;
mod providers;
mod registry;
mod search;
mod terraform;
mod toolbox;
mod version;
pub(crate) mod wasm;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    checkout::Checkout,
    tools::{go_cache::GoCache, search::Search},
};
pub(crate) use toolbox::Toolbox;

/// What the tools are wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Purpose {
    /// The demo and the offline world
    Demo,
    /// The same with clouds: an emulator, and providers of terraform
    Clouds,
    /// All tests, real clouds' emulators included
    Test,
}

/// Which of several versions the tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub(crate) struct Versions {
    /// Version of Kubernetes
    #[arg(long, value_enum, default_value_t)]
    kubernetes: Kubernetes,
    /// Major version of Helm
    #[arg(long, value_name = "MAJOR", default_value_t = 4, value_parser = clap::value_parser!(u8).range(3..=4))]
    helm: u8,
}

/// Versions of Kubernetes that there is a control plane of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Kubernetes {
    /// 1.30, the oldest that is supported
    Oldest,
    /// 1.34, the one that everything else runs on
    #[default]
    Usual,
    /// 1.37, the newest that is supported
    Newest,
}

impl Default for Versions {
    fn default() -> Self {
        Self { kubernetes: Kubernetes::Usual, helm: 4 }
    }
}

impl Versions {
    /// How a tool is come by, of the version that was asked for.
    fn find(self, tool: &Tool) -> fn(&Search<'_>) -> Result<PathBuf> {
        match (tool.name, self.kubernetes, self.helm) {
            ("helm", _, 3) => helm::find_3,
            ("kubeone", Kubernetes::Oldest, _) => kubeone::find_oldest,
            ("kubeone", Kubernetes::Newest, _) => kubeone::find_newest,
            _ => tool.find,
        }
    }
}

/// One tool and how it is come by.
struct Tool {
    name: &'static str,
    /// The environment variable that children find it by, and by which a developer names another one.
    variable: &'static str,
    /// The least purpose that needs it.
    purpose: Purpose,
    find: fn(&Search<'_>) -> Result<PathBuf>,
}

const TOOLS: [Tool; 19] = [
    Tool { name: "helm", variable: "HANGAR_HELM", purpose: Purpose::Demo, find: helm::find },
    Tool { name: "terraform", variable: "HANGAR_TERRAFORM", purpose: Purpose::Demo, find: terraform::find },
    Tool { name: "OpenTofu", variable: "HANGAR_TOFU", purpose: Purpose::Test, find: terraform::find_tofu },
    Tool { name: "registry", variable: "HANGAR_REGISTRY", purpose: Purpose::Demo, find: registry::find },
    Tool { name: "kubeone", variable: "HANGAR_KUBEONE", purpose: Purpose::Demo, find: kubeone::find },
    Tool { name: "oras", variable: "HANGAR_ORAS", purpose: Purpose::Test, find: oras::find },
    Tool { name: "moto_server", variable: "HANGAR_MOTO_SERVER", purpose: Purpose::Clouds, find: moto::find },
    Tool {
        name: "terraform provider `hashicorp/aws`",
        variable: "HANGAR_AWS_PROVIDER_MIRROR",
        purpose: Purpose::Clouds,
        find: aws_provider::find,
    },
    Tool {
        name: "stand-in of terraform providers",
        variable: "HANGAR_PROVIDER_STANDIN",
        purpose: Purpose::Clouds,
        find: providers::find,
    },
    Tool { name: "kubectl", variable: "HANGAR_KUBECTL", purpose: Purpose::Test, find: kubectl::find },
    Tool {
        name: "oldest kubectl",
        variable: "HANGAR_KUBECTL_OLDEST",
        purpose: Purpose::Test,
        find: kubectl::find_oldest,
    },
    Tool {
        name: "newest kubectl",
        variable: "HANGAR_KUBECTL_NEWEST",
        purpose: Purpose::Test,
        find: kubectl::find_newest,
    },
    Tool { name: "helm 3", variable: "HANGAR_HELM_3", purpose: Purpose::Test, find: helm::find_3 },
    Tool {
        name: "kubeone of the oldest Kubernetes",
        variable: "HANGAR_KUBEONE_OLDEST",
        purpose: Purpose::Test,
        find: kubeone::find_oldest,
    },
    Tool {
        name: "kubeone of the newest Kubernetes",
        variable: "HANGAR_KUBEONE_NEWEST",
        purpose: Purpose::Test,
        find: kubeone::find_newest,
    },
    Tool {
        name: "definitions of foreign kinds",
        variable: "HANGAR_FOREIGN_DEFINITIONS",
        purpose: Purpose::Test,
        find: definitions::find,
    },
    Tool { name: "engine of Prometheus", variable: "HANGAR_PROMQL_EVAL", purpose: Purpose::Test, find: promql::find },
    Tool { name: "psql", variable: "HANGAR_PSQL", purpose: Purpose::Test, find: debian::psql },
    Tool { name: "openssl", variable: "HANGAR_OPENSSL", purpose: Purpose::Test, find: debian::openssl },
];

/// Finds the compiler of the plugins.
pub(crate) fn search_wasm(checkout: &Checkout) -> Result<wasm::Toolchain> {
    wasm::find(&Search::new(&checkout.environment, &checkout.root)?)
}

/// Whether whoever needs the tool says so itself: what only tests of a cloud use.
fn may_lack(tool: &Tool, purpose: Purpose) -> bool {
    purpose == Purpose::Test && tool.purpose > Purpose::Demo
}

/// Finds or installs everything that `purpose` needs, says what it found, and writes it down for others.
///
/// Goes through all tools before it complains. What only tests need may be missing outside CI: the tests that
/// need it say so themselves.
///
/// # Errors
///
/// Names each tool that is missing and its cure.
pub(crate) fn run(checkout: &Checkout, purpose: Purpose, versions: Versions) -> Result<Toolbox> {
    let search = Search::new(&checkout.environment, &checkout.root)?;
    let compiled = GoCache::below(search.cache.root())?;
    let mut toolbox = Toolbox::default();
    let mut missing = Vec::new();
    match wasm::find(&search) {
        Ok(toolchain) => eprintln!("{:>12} {toolchain}", "wasm"),
        Err(error) => missing.push(format!("Wasm target: {error:#}")),
    }
    for tool in TOOLS.iter().filter(|tool| tool.purpose <= purpose) {
        match search.named(tool.variable).transpose().unwrap_or_else(|| versions.find(tool)(&search)) {
            Ok(path) => {
                eprintln!("{:>12} {}", tool.variable.trim_start_matches("HANGAR_").to_lowercase(), path.display());
                toolbox.add(tool.variable, path);
            }
            Err(error) if may_lack(tool, purpose) && !checkout.environment.is_ci() => {
                eprintln!("warning: no {}: {error:#}", tool.name);
            }
            Err(error) => missing.push(format!("{}: {error:#}", tool.name)),
        }
    }
    toolbox.write(&checkout.target.join("tools.json"))?;
    if !missing.is_empty() {
        bail!("{} missing:\n  {}", missing.len(), missing.join("\n  "));
    }
    compiled.remove()?;
    Ok(toolbox)
}
