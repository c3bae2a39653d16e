//! The rendered folder: which names it may hold, and which paths lead into it.

use std::collections::BTreeMap;

use super::{Findings, Rule};

const MAX_FILES: usize = 256;
const MAX_FILE: usize = 1024 * 1024;
const MAX_TOTAL: usize = 8 * 1024 * 1024;
const MAX_PATH: usize = 200;

/// Endings of files that a module may carry besides terraform's own.
const DATA: [&str; 8] = ["tpl", "tftpl", "json", "yaml", "yml", "txt", "md", "pem"];

/// Parts of names that make a tool read a file by itself.
const READ_BY_NAME: [&str; 9] =
    ["tfvars", "tfstate", "tofu", "tftest", "tfmock", "tfquery", "tfstack", "tfdeploy", "tfbackend"];

/// Rendered files by path.
pub(super) struct Folder<'a> {
    pub(super) files: BTreeMap<&'a str, &'a [u8]>,
}

impl<'a> Folder<'a> {
    /// Takes the files whose names are allowed.
    pub(super) fn new(files: &'a [(String, Vec<u8>)], findings: &mut Findings) -> Self {
        let mut folder = Self { files: BTreeMap::new() };
        if files.len() > MAX_FILES {
            findings.add(Rule::Size, "files", format!("{} files; at most {MAX_FILES} are allowed", files.len()));
            return folder;
        }
        let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        if total > MAX_TOTAL {
            findings.add(Rule::Size, "files", format!("{total} bytes in all; at most {MAX_TOTAL} are allowed"));
            return folder;
        }
        let mut seen = std::collections::BTreeSet::new();
        for (path, bytes) in files {
            if let Some(problem) = problem(path) {
                findings.add(Rule::Path, path, problem);
            } else if bytes.len() > MAX_FILE {
                findings.add(Rule::Size, path, format!("{} bytes; at most {MAX_FILE} are allowed", bytes.len()));
            } else if !seen.insert(path.to_ascii_lowercase()) {
                findings.add(Rule::Path, path, "there are two files of this name");
            } else {
                folder.files.insert(path, bytes);
            }
        }
        folder
    }

    /// Whether there is a terraform file directly in a folder (empty: the root).
    pub(super) fn is_module(&self, folder: &str) -> bool {
        self.files.keys().any(|path| folder_of(path) == folder && is_terraform(path))
    }

    /// Whether there is a file anywhere below a folder (empty: the root).
    pub(super) fn is_folder(&self, folder: &str) -> bool {
        folder.is_empty()
            || self.files.keys().any(|path| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// The folder of a file, without the root.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn is_terraform(path: &str) -> bool {
    path.ends_with(".tf") || is_json(path)
}

pub(super) fn is_json(path: &str) -> bool {
    path.ends_with(".tf.json")
}

/// The path that `relative` leads to from `base`; none if it is absolute, leads outside, or is no plain path.
pub(super) fn join(base: &str, relative: &str) -> Option<String> {
    if relative.starts_with(['/', '~']) || relative.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What is wrong with a path.
fn problem(path: &str) -> Option<String> {
    if path.len() > MAX_PATH {
        return Some(format!("the path is longer than {MAX_PATH} bytes"));
    }
    if path.starts_with('/') {
        return Some("the path is absolute".into());
    }
    for part in path.split('/') {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if part.is_empty() || part.starts_with('.') || !plain {
            return Some(format!("`{part}` may not be part of a path"));
        }
    }
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if READ_BY_NAME.iter().any(|part| name.contains(part)) {
        return Some("terraform reads a file of this name by itself".into());
    }
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_data = path.starts_with("modules/") && DATA.contains(&ending);
    (!is_terraform(path) && !is_data)
        .then(|| format!("only `.tf` and `.tf.json` are allowed, and below `modules/` also {}", DATA.join(", ")))
}
