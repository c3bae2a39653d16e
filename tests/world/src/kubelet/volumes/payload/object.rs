use std::path::PathBuf;

use k8s_openapi::api::core::v1::KeyToPath;

use super::to_mode;
use crate::kubelet::objects::{Age, Found, ObjectKind};
use crate::kubelet::volumes::Context;
use crate::kubelet::volumes::atomic::{File, Files};

/// The files of one Secret or ConfigMap.
pub(super) struct ObjectFiles {
    kind: ObjectKind,
    name: String,
    items: Vec<KeyToPath>,
    optional: bool,
    /// Of what was shown last.
    version: u64,
}

impl ObjectFiles {
    pub(super) fn new(
        kind: ObjectKind,
        name: Option<&String>,
        items: Option<&Vec<KeyToPath>>,
        optional: Option<bool>,
    ) -> Self {
        Self {
            kind,
            name: name.cloned().unwrap_or_default(),
            items: items.cloned().unwrap_or_default(),
            optional: optional == Some(true),
            version: 0,
        }
    }

    pub(super) async fn add(&mut self, context: Context<'_>, mode: u32, files: &mut Files) -> Result<(), String> {
        match self.find(context).await? {
            Some(found) => self.add_found(found, mode, files),
            None if self.optional => Ok(()),
            None => Err(format!("{} {:?} not found", self.kind.lower(), self.name)),
        }
    }

    /// What is seen of changes may lag behind what was shown already: that is told from a state that came later.
    async fn find(&self, context: Context<'_>) -> Result<Option<Found>, String> {
        let find = async |age| {
            let found = context.node.objects.find(self.kind, context.namespace(), &self.name, age).await;
            found.map_err(|err| err.to_string())
        };
        match find(context.age).await? {
            Some(found) if found.version < self.version => Err("an older state".to_owned()),
            None if context.age == Age::LastSeen => find(Age::Now).await,
            found => Ok(found),
        }
    }

    fn add_found(&mut self, found: Found, mode: u32, files: &mut Files) -> Result<(), String> {
        self.version = found.version;
        if self.items.is_empty() {
            let all = found.entries.into_iter().map(|(key, content)| (PathBuf::from(key), File { content, mode }));
            files.extend(all);
            return Ok(());
        }
        for item in &self.items {
            match found.entries.get(&item.key) {
                Some(content) => {
                    let mode = item.mode.map_or(mode, |own| to_mode(Some(own)));
                    files.insert(PathBuf::from(&item.path), File { content: content.clone(), mode });
                }
                None if self.optional => {}
                None => return Err(format!("references non-existent {} key: {}", self.missing_key(), item.key)),
            }
        }
        Ok(())
    }

    fn missing_key(&self) -> &'static str {
        match self.kind {
            ObjectKind::Secret => "secret",
            ObjectKind::ConfigMap => "config",
        }
    }
}
