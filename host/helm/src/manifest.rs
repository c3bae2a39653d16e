//! What a chart renders to: objects, and how two renderings differ.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use similar::TextDiff;

use crate::dialect;
use crate::error::HelmError;

/// Lines around a difference.
const CONTEXT: usize = 3;

/// Form of a manifest that is kept; a file of another is rendered anew.
const FORM: u32 = 2;

/// The rendered objects of a chart, in Helm's order of installation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    objects: Vec<(Object, String)>,
}

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Object {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `StatefulSet`.
    pub kind: String,
    /// Namespace, where it names one other than the release's.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// How one object differs between two manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub object: Object,
    /// How.
    pub kind: ChangeKind,
    /// Lines that go and come, as a unified difference. Of a Secret only that it differs.
    pub text: String,
}

/// Kinds of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It stays and changes.
    Changed,
}

/// A manifest as it is kept: heads are read already, bodies stay text.
#[derive(Serialize, Deserialize)]
struct Kept {
    form: u32,
    manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    api_version: String,
    kind: String,
    metadata: HeadMetadata,
}

#[derive(Deserialize)]
struct HeadMetadata {
    name: String,
    namespace: Option<String>,
}

impl Manifest {
    /// Reads what `helm template` prints or a release stores.
    ///
    /// # Errors
    ///
    /// [`HelmError::Template`] for a document that is no object.
    pub fn parse(text: &str) -> Result<Self, HelmError> {
        let documents = documents(text).filter(|document| !is_empty(document));
        let objects = documents.map(|document| Ok((head(&document)?, format!("{}\n", document.trim()))));
        Ok(Self { objects: objects.collect::<Result<_, HelmError>>()? })
    }

    /// The objects.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.iter().map(|(object, _)| object)
    }

    /// The YAML text of one object.
    #[must_use]
    pub fn text(&self, object: &Object) -> Option<&str> {
        self.objects.iter().find(|(other, _)| other == object).map(|(_, text)| text.as_str())
    }

    /// Whether an object is a Service that a cloud gives an address.
    #[must_use]
    pub fn is_load_balancer(&self, object: &Object) -> bool {
        object.kind == "Service" && self.value(object).is_ok_and(|value| value["spec"]["type"] == "LoadBalancer")
    }

    /// Reads one object, as Kubernetes would.
    ///
    /// # Errors
    ///
    /// [`HelmError::Template`] for YAML that says a thing twice, or otherwise makes no sense below its head.
    pub fn value(&self, object: &Object) -> Result<Value, HelmError> {
        let text = self.text(object).unwrap_or_default();
        serde_norway::from_str(&dialect::to_1_2(text))
            .map_err(|err| HelmError::Template { detail: format!("{object}: {err}") })
    }

    /// The text to keep. Reading it back takes a fraction of what reading YAML takes.
    pub(crate) fn to_kept(&self) -> Vec<u8> {
        let kept = Kept { form: FORM, manifest: self.clone() };
        serde_json::to_vec(&kept).expect("names and texts have a JSON form")
    }

    /// What was kept; none if it cannot be read.
    pub(crate) fn from_kept(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Kept>(bytes).ok().filter(|kept| kept.form == FORM).map(|kept| kept.manifest)
    }

    /// Says what changes on the way from this manifest to another, in the order of kinds and names.
    #[must_use]
    pub fn changes_to(&self, other: &Self) -> Vec<Change> {
        let map = |manifest: &Self| manifest.objects.iter().cloned().collect::<BTreeMap<_, _>>();
        let (before, after) = (map(self), map(other));
        let mut changes = Vec::new();
        for object in before.keys().chain(after.keys().filter(|object| !before.contains_key(*object))) {
            let (old, new) = (before.get(object), after.get(object));
            if old == new {
                continue;
            }
            let kind = match (old, new) {
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                _ => ChangeKind::Changed,
            };
            changes.push(Change { object: object.clone(), kind, text: difference(object, old, new) });
        }
        changes.sort_by(|one, other| one.object.by_kind().cmp(&other.object.by_kind()));
        changes
    }
}

impl Object {
    fn by_kind(&self) -> (&str, Option<&str>, &str) {
        (&self.kind, self.namespace.as_deref(), &self.name)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// Documents are parted by lines that start with three dashes. Comments at the left edge name the template a document is
/// of; where a template lies is no difference between objects.
fn documents(text: &str) -> impl Iterator<Item = String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.starts_with("---") {
            documents.push(String::new());
        } else if !line.starts_with('#') {
            let last = documents.last_mut().expect("there is always one");
            last.push_str(line.trim_end());
            last.push('\n');
        }
    }
    documents.into_iter()
}

fn is_empty(document: &str) -> bool {
    document.trim().is_empty()
}

fn head(document: &str) -> Result<Object, HelmError> {
    let head: Head = serde_norway::from_str(document)
        .map_err(|err| HelmError::Template { detail: format!("a document that is no object: {err}") })?;
    Ok(Object {
        api_version: head.api_version,
        kind: head.kind,
        namespace: head.metadata.namespace,
        name: head.metadata.name,
    })
}

fn difference(object: &Object, old: Option<&String>, new: Option<&String>) -> String {
    if object.kind == "Secret" {
        return "(content not shown)\n".to_owned();
    }
    let (old, new) = (old.map_or("", String::as_str).trim(), new.map_or("", String::as_str).trim());
    TextDiff::from_lines(old, new).unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "---\n# Source: a\napiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  port: 1\n\n---\nkind: Secret\nmetadata: {name: s}\ndata: {k: b2xk}\n---\nkind: Job\nmetadata: {name: j}\n";
    const AFTER: &str = "---\n# Source: moved\napiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  port: 2\n---\nkind: Secret\nmetadata: {name: s}\ndata: {k: bmV3}\n---\n# nothing\n---\nkind: PodDisruptionBudget\nmetadata: {name: p, namespace: n}\n";

    #[test]
    fn a_difference_is_told_object_by_object_and_hides_secrets() -> Result<(), HelmError> {
        let changes = Manifest::parse(BEFORE)?.changes_to(&Manifest::parse(AFTER)?);
        let told: Vec<String> =
            changes.iter().map(|change| format!("{:?} {}\n{}", change.kind, change.object, change.text)).collect();
        insta::assert_snapshot!(told.join(""), @r"
        Removed Job j
        @@ -1,2 +0,0 @@
        -kind: Job
        -metadata: {name: j}
        Added PodDisruptionBudget n/p
        @@ -0,0 +1,2 @@
        +kind: PodDisruptionBudget
        +metadata: {name: p, namespace: n}
        Changed Secret s
        (content not shown)
        Changed Service a
        @@ -3,4 +3,4 @@
         metadata:
           name: a
         spec:
        -  port: 1
        +  port: 2
        ");
        Ok(())
    }

    #[test]
    fn where_a_template_lies_is_no_difference() -> Result<(), HelmError> {
        let moved = BEFORE.replace("# Source: a", "# Source: b");
        assert!(Manifest::parse(BEFORE)?.changes_to(&Manifest::parse(&moved)?).is_empty());
        Ok(())
    }

    #[test]
    fn what_is_kept_is_read_back_and_other_forms_are_not() -> Result<(), HelmError> {
        let manifest = Manifest::parse(AFTER)?;
        assert_eq!(Manifest::from_kept(&manifest.to_kept()), Some(manifest));
        assert_eq!(Manifest::from_kept(b"kind: Service"), None);
        assert_eq!(Manifest::from_kept(br#"{"form": 1, "manifest": {"objects": []}}"#), None);
        Ok(())
    }

    #[test]
    fn a_document_that_is_no_object_is_refused() {
        assert!(Manifest::parse("---\njust: text\n").is_err());
    }
}
