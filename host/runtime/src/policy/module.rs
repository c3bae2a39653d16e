//! The blocks of one file.

mod provider;

use hangar_plan::grant::InfraProviderGrant;
use hcl_edit::expr::Expression;
use serde_json::Value;

use super::files::{Folder, join};
use super::functions::{static_path, static_template_path};
use super::providers::Providers;
use super::tree::{Content, Item, expand};
use super::{Findings, Rule};

/// Resources and data sources that read or run something of this machine, or read what another module made.
const FORBIDDEN_TYPES: [&str; 5] = ["external", "http", "terraform_remote_state", "template_file", "template_dir"];
const FORBIDDEN_PREFIXES: [&str; 2] = ["local_", "archive_"];

/// Arguments through which resources read a file of this machine.
const READS_FILE: [&str; 9] = [
    "filename",
    "source_file",
    "source_dir",
    "config_path",
    "config_paths",
    "file_path",
    "private_key_path",
    "credentials_file",
    "kubeconfig_path",
];

/// What one file may hold.
pub(super) struct File<'a> {
    pub(super) folder: &'a Folder<'a>,
    /// The file, for findings.
    pub(super) place: &'a str,
    /// Its folder.
    pub(super) module: &'a str,
    pub(super) grant: &'a InfraProviderGrant,
    pub(super) providers: &'a Providers,
    pub(super) findings: &'a mut Findings,
}

impl File<'_> {
    pub(super) fn check(&mut self, item: &Item) {
        match item.key.as_str() {
            "terraform" => self.check_terraform(item),
            "provider" => self.check_provider(item),
            "resource" | "data" => self.check_resource(item),
            "module" => self.check_module(item),
            "check" => self.check_check(item),
            _ => {}
        }
        self.check_provisioners(item);
    }

    fn add(&mut self, rule: Rule, detail: String) {
        self.findings.add(rule, self.place, detail);
    }

    fn check_terraform(&mut self, item: &Item) {
        for inner in item.body() {
            match inner.key.as_str() {
                "required_version" | "required_providers" => {}
                "backend" | "cloud" => {
                    self.add(Rule::Backend, format!("`{}`: where state lies is the host's to say", inner.key));
                }
                other => self.add(Rule::Block, format!("`{other}` is not allowed in `terraform`")),
            }
        }
    }

    fn check_resource(&mut self, item: &Item) {
        let kind = &item.labels[0];
        let what = format!("{} `{}.{}`", item.key, kind, item.labels[1]);
        let forbidden = FORBIDDEN_TYPES.contains(&kind.as_str())
            || FORBIDDEN_PREFIXES.iter().any(|prefix| kind.starts_with(prefix));
        if forbidden {
            self.add(Rule::Type, format!("{what}: `{kind}` is not allowed"));
        }
        let named = item.get("provider");
        let provider = match named {
            Some(provider) => provider.content.reference(),
            None => kind.split('_').next().map(str::to_owned),
        };
        match provider {
            Some(provider) => self.check_granted(&provider, &what),
            None => self.add(Rule::Provider, format!("{what}: its provider is not written out")),
        }
        self.check_reads(item, kind);
    }

    fn check_granted(&mut self, name: &str, what: &str) {
        if self.providers.grant(name, &self.grant.terraform_providers).is_none() {
            let source = self.providers.source(name);
            self.add(Rule::Provider, format!("{what}: provider `{source}` is not granted"));
        }
    }

    /// Arguments that name a file, at any depth of the resource.
    fn check_reads(&mut self, item: &Item, kind: &str) {
        for inner in item.body() {
            self.check_read(inner, kind);
        }
    }

    fn check_read(&mut self, item: &Item, kind: &str) {
        let key = item.key.as_str();
        if READS_FILE.contains(&key) || (key == "source" && kind.ends_with("_object")) {
            self.check_path_argument(item);
        }
        match &item.content {
            Content::Body(_) => self.check_reads(item, kind),
            Content::Json(Value::Array(items)) => {
                for value in items {
                    let inner = Item { key: String::new(), labels: Vec::new(), content: Content::Json(value.clone()) };
                    self.check_read(&inner, kind);
                }
            }
            Content::Json(Value::Object(object)) => {
                for (key, value) in object {
                    let inner = Item { key: key.clone(), labels: Vec::new(), content: Content::Json(value.clone()) };
                    self.check_read(&inner, kind);
                }
            }
            Content::Json(_) | Content::Expression(_) => {}
        }
    }

    fn check_path_argument(&mut self, item: &Item) {
        let path = match &item.content {
            Content::Expression(expression) if matches!(**expression, Expression::Null(_)) => return,
            Content::Expression(expression) => static_path(expression, self.module),
            Content::Json(Value::Null) => return,
            Content::Json(Value::String(text)) => hcl_edit::parser::parse_template(text)
                .ok()
                .and_then(|template| static_template_path(&template, self.module)),
            _ => None,
        };
        let inside =
            path.is_some_and(|path| self.folder.files.contains_key(path.as_str()) || self.folder.is_folder(&path));
        if !inside {
            self.add(Rule::File, format!("`{}` names no rendered file", item.key));
        }
    }

    fn check_module(&mut self, item: &Item) {
        let what = format!("module `{}`", item.labels[0]);
        let Some(source) = item.get("source").and_then(|source| source.content.literal()) else {
            return self.add(Rule::Module, format!("{what}: its source is no literal"));
        };
        let relative = source.starts_with("./") || source.starts_with("../");
        let target = join(self.module, &source).filter(|target| relative && self.folder.is_module(target));
        match target {
            // A module that holds itself never ends.
            Some(target) if target == self.module => self.add(Rule::Module, format!("{what} is its own source")),
            Some(_) => {}
            None => self.add(Rule::Module, format!("{what}: source `{source}` is not among the rendered files")),
        }
        if item.get("version").is_some() {
            self.add(Rule::Module, format!("{what}: only a module of a registry has a version"));
        }
    }

    /// A check may hold a data source of its own.
    fn check_check(&mut self, item: &Item) {
        for inner in item.body().iter().filter(|inner| inner.key == "data") {
            match &inner.content {
                Content::Body(_) if inner.labels.len() == 2 => self.check_resource(inner),
                Content::Json(value) => {
                    let mut items = Vec::new();
                    match expand("data", value, 2, &mut Vec::new(), &mut items) {
                        Ok(()) => items.iter().for_each(|item| self.check_resource(item)),
                        Err(_) => self.add(Rule::Syntax, "`data` in a check cannot be read".into()),
                    }
                }
                _ => self.add(Rule::Syntax, "`data` in a check cannot be read".into()),
            }
        }
    }

    /// At any depth, and also where a `dynamic` block would make it.
    fn check_provisioners(&mut self, item: &Item) {
        for inner in item.body() {
            let made = inner.key == "dynamic" && inner.labels.iter().any(|label| is_provisioner(label));
            let is_block = !matches!(inner.content, Content::Expression(_));
            if made || (is_block && is_provisioner(&inner.key)) {
                self.refuse_provisioner(item);
            }
            match &inner.content {
                Content::Body(_) => self.check_provisioners(inner),
                Content::Json(value) if has_key(value, &is_provisioner) => self.refuse_provisioner(item),
                Content::Json(_) | Content::Expression(_) => {}
            }
        }
    }

    fn refuse_provisioner(&mut self, item: &Item) {
        let what = if item.labels.is_empty() { item.key.clone() } else { item.labels.join(".") };
        self.add(Rule::Provisioner, format!("`{what}` has a provisioner or a connection for one"));
    }
}

fn is_provisioner(key: &str) -> bool {
    matches!(key, "provisioner" | "connection")
}

fn has_key(value: &Value, is_wanted: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| has_key(item, is_wanted)),
        Value::Object(object) => object.iter().any(|(key, value)| is_wanted(key) || has_key(value, is_wanted)),
        _ => false,
    }
}
