//! A root module that calls one embedded module.

use serde_json::{Map, Value, json};

use super::literal;
use crate::infra_provider::ProviderRequirement;

/// What terraform can do that a plugin's modules rely on.
const TERRAFORM: &str = ">= 1.9";

/// Embeds files of one folder as pairs of name and content. The folder is said as to `include_bytes!`.
///
/// ```ignore
/// const MODULE: &[(&str, &[u8])] = hangar_sdk::embedded!("../../../deploy/infrastructure/gke/"; "main.tf", "outputs.tf");
/// ```
#[macro_export]
macro_rules! embedded {
    ($folder:literal; $($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!($folder, $name)) as &[u8])),+]
    };
}

/// Names and contents, as of [`embedded!`](crate::embedded).
pub type Files<'a> = &'a [(&'a str, &'a [u8])];

/// One embedded module, the one provider that it needs, and its outputs handed on.
#[derive(Debug, Clone)]
pub struct RootModule<'a> {
    /// Name of the module, and of its folder below `modules/`.
    pub module: &'a str,
    /// Its files.
    pub files: Files<'a>,
    /// Further modules, which it calls as `../NAME`: their names and their files.
    pub beside: &'a [(&'a str, Files<'a>)],
    /// Those of its outputs that are handed on, under their names.
    pub outputs: &'a [&'a str],
    /// The provider, by its name among those that HashiCorp publishes, such as `google`.
    pub provider: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// Arguments of the provider's block. Nothing in them is computed: they become literals.
    pub configuration: Value,
    /// Arguments of the module but for its source; literals too.
    pub arguments: Value,
}

impl RootModule<'_> {
    /// The files of the root module, by relative path: `main.tf.json` first, then those of the module.
    ///
    /// # Panics
    ///
    /// Where `arguments` is no object.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let Self { module, provider, version, .. } = self;
        let mut call = json!({"source": format!("./modules/{module}")});
        for (name, value) in self.arguments.as_object().expect("arguments are an object") {
            call[name] = literal(value.clone());
        }
        let output = |name: &&str| ((*name).to_owned(), json!({"value": format!("${{module.{module}.{name}}}")}));
        let root = json!({
            "terraform": {
                "required_version": TERRAFORM,
                "required_providers": {(*provider): {"source": format!("hashicorp/{provider}"), "version": version}},
            },
            "provider": {(*provider): literal(self.configuration.clone())},
            "module": {(*module): call},
            "output": self.outputs.iter().map(output).collect::<Map<_, _>>(),
        });
        let mut text = serde_json::to_vec_pretty(&root).expect("a JSON value has a text");
        text.push(b'\n');
        let all = std::iter::once((*module, self.files)).chain(self.beside.iter().copied());
        let embedded = all.flat_map(|(module, files)| {
            files.iter().map(move |(name, bytes)| (format!("modules/{module}/{name}"), bytes.to_vec()))
        });
        std::iter::once(("main.tf.json".to_owned(), text)).chain(embedded).collect()
    }

    /// The provider, as the host is told of it.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderRequirement> {
        vec![ProviderRequirement {
            name: self.provider.into(),
            source: format!("registry.terraform.io/hashicorp/{}", self.provider),
            version: self.version.into(),
            hashes: Vec::new(),
        }]
    }
}

/// Adds those optional arguments that were given: what is left out is the module's default.
///
/// # Panics
///
/// Where `arguments` is no object.
#[must_use]
pub fn with_given<const N: usize>(mut arguments: Value, optional: [(&str, Value); N]) -> Value {
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_null()) {
        arguments[name] = value;
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_writes_is_never_computed() {
        let root = RootModule {
            module: "eks",
            files: &[],
            beside: &[],
            outputs: &[],
            provider: "aws",
            version: "5.100.0",
            configuration: json!({"region": "${file(\"/etc/passwd\")}"}),
            arguments: json!({"tags": {"%{if true}": "${path.root}"}}),
        };
        let main: Value = serde_json::from_slice(&root.files()[0].1).expect("it is JSON");
        assert_eq!(main["provider"]["aws"], json!({"region": "$${file(\"/etc/passwd\")}"}));
        assert_eq!(main["module"]["eks"]["tags"], json!({"%%{if true}": "$${path.root}"}));
    }

    #[test]
    fn the_module_is_called_and_its_outputs_are_handed_on() {
        let root = RootModule {
            module: "gke",
            files: &[("main.tf", b"# module\n")],
            beside: &[("common", &[("outputs.tf", b"# shared\n")])],
            outputs: &["api_endpoint"],
            provider: "google",
            version: "6.50.0",
            configuration: json!({"region": "europe-west4"}),
            arguments: with_given(json!({"name": "uss1"}), [("tags", Value::Null), ("zones", json!(["a"]))]),
        };
        let files = root.files();
        let main: Value = serde_json::from_slice(&files[0].1).expect("it is JSON");
        assert_eq!(
            main,
            json!({
                "terraform": {
                    "required_version": ">= 1.9",
                    "required_providers": {"google": {"source": "hashicorp/google", "version": "6.50.0"}},
                },
                "provider": {"google": {"region": "europe-west4"}},
                "module": {"gke": {"source": "./modules/gke", "name": "uss1", "zones": ["a"]}},
                "output": {"api_endpoint": {"value": "${module.gke.api_endpoint}"}},
            })
        );
        assert_eq!(files[1], ("modules/gke/main.tf".into(), b"# module\n".to_vec()));
        assert_eq!(files[2], ("modules/common/outputs.tf".into(), b"# shared\n".to_vec()));
        assert_eq!(root.providers()[0].source, "registry.terraform.io/hashicorp/google");
    }
}
