use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::HostPathVolumeSource;

/// A path of the machine, checked or made as its type says.
pub(super) fn find(source: &HostPathVolumeSource) -> Result<PathBuf, String> {
    let path = PathBuf::from(&source.path);
    let kind = source.type_.as_deref().unwrap_or("");
    let about = std::fs::metadata(&path);
    let fits = match kind {
        "DirectoryOrCreate" => {
            std::fs::create_dir_all(&path).map_err(|err| err.to_string())?;
            true
        }
        "FileOrCreate" => {
            std::fs::OpenOptions::new().create(true).append(true).open(&path).map_err(|err| err.to_string())?;
            true
        }
        "Directory" => about.is_ok_and(|about| about.is_dir()),
        "File" => about.is_ok_and(|about| about.is_file()),
        "Socket" => about.is_ok_and(|about| about.file_type().is_socket()),
        _ => about.is_ok(),
    };
    if fits {
        Ok(path)
    } else {
        Err(format!("hostPath type check failed: {} is not a {}", path.display(), kind.to_ascii_lowercase()))
    }
}
