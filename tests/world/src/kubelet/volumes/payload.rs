use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, ServiceAccountTokenProjection, Volume, VolumeProjection};

use super::Context;
use super::atomic::{self, File, Files};
use super::token::Token;
use crate::kubelet::objects::ObjectKind;

mod object;

use object::ObjectFiles;

/// A volume whose files come from the API.
pub(super) struct Payload {
    parts: Vec<Part>,
    mode: u32,
}

enum Part {
    Object(ObjectFiles),
    Downward(Vec<DownwardAPIVolumeFile>),
    Token { projection: ServiceAccountTokenProjection, token: Token },
}

const DEFAULT_MODE: i32 = 0o644;

impl Payload {
    /// What a volume shows, if it is of this kind.
    pub(super) fn of(volume: &Volume) -> Option<Self> {
        let (parts, mode) = if let Some(secret) = &volume.secret {
            let name = secret.secret_name.as_ref();
            let files = ObjectFiles::new(ObjectKind::Secret, name, secret.items.as_ref(), secret.optional);
            (vec![Part::Object(files)], secret.default_mode)
        } else if let Some(map) = &volume.config_map {
            let files = ObjectFiles::new(ObjectKind::ConfigMap, Some(&map.name), map.items.as_ref(), map.optional);
            (vec![Part::Object(files)], map.default_mode)
        } else if let Some(downward) = &volume.downward_api {
            (vec![Part::Downward(downward.items.clone().unwrap_or_default())], downward.default_mode)
        } else {
            let projected = volume.projected.as_ref()?;
            (projected.sources.iter().flatten().filter_map(Part::of).collect(), projected.default_mode)
        };
        Some(Self { parts, mode: to_mode(mode) })
    }

    /// Writes what the API has now, whole or not at all.
    pub(super) async fn write(
        &mut self,
        context: Context<'_>,
        folder: &Path,
        group: Option<u32>,
    ) -> Result<(), String> {
        let mut files = Files::new();
        for part in &mut self.parts {
            part.add(context, self.mode, &mut files).await?;
        }
        atomic::write(folder, &files, group).map_err(|err| err.to_string())
    }
}

impl Part {
    /// One source of a projected volume.
    fn of(source: &VolumeProjection) -> Option<Self> {
        if let Some(secret) = &source.secret {
            let (name, items) = (Some(&secret.name), secret.items.as_ref());
            Some(Self::Object(ObjectFiles::new(ObjectKind::Secret, name, items, secret.optional)))
        } else if let Some(map) = &source.config_map {
            let (name, items) = (Some(&map.name), map.items.as_ref());
            Some(Self::Object(ObjectFiles::new(ObjectKind::ConfigMap, name, items, map.optional)))
        } else if let Some(downward) = &source.downward_api {
            Some(Self::Downward(downward.items.clone().unwrap_or_default()))
        } else {
            let projection = source.service_account_token.clone()?;
            Some(Self::Token { projection, token: Token::default() })
        }
    }

    async fn add(&mut self, context: Context<'_>, mode: u32, files: &mut Files) -> Result<(), String> {
        match self {
            Self::Object(object) => object.add(context, mode, files).await,
            Self::Downward(items) => items.iter().try_for_each(|item| add_downward(context, item, mode, files)),
            Self::Token { projection, token } => {
                let content = token.get(context, projection).await?.into_bytes();
                files.insert(PathBuf::from(&projection.path), File { content, mode });
                Ok(())
            }
        }
    }
}

fn add_downward(
    context: Context<'_>,
    item: &DownwardAPIVolumeFile,
    mode: u32,
    files: &mut Files,
) -> Result<(), String> {
    let downward = context.downward();
    let field = item.field_ref.as_ref().and_then(|field| downward.field(&field.field_path));
    let resource = item.resource_field_ref.as_ref().and_then(|selector| downward.resource(selector, None));
    let content = field.or(resource).ok_or_else(|| format!("unsupported downward API item {:?}", item.path))?;
    let mode = item.mode.map_or(mode, |own| to_mode(Some(own)));
    files.insert(PathBuf::from(&item.path), File { content: content.into_bytes(), mode });
    Ok(())
}

fn to_mode(mode: Option<i32>) -> u32 {
    mode.unwrap_or(DEFAULT_MODE).cast_unsigned() & 0o777
}
