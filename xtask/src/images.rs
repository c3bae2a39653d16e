//! The container images: what we release, and the stand-ins that the offline world runs.

mod layer;
mod layout;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    checkout::Checkout,
    digest::{self, Fields},
    images::layer::File,
    programs::{self, Profile},
};

/// Part of what decides whether an image is written again: changed whenever this code writes something else.
const FORMAT: &str = "2";

/// An image of one layer: some programs and how they are started.
struct Image {
    name: &'static str,
    tag: &'static str,
    /// The name of each program in the folder of programs, and its path in the image; one may stand under several.
    programs: &'static [(&'static str, &'static str)],
    /// A folder of the clone that goes along, and its path in the image; left out where the clone has none.
    folder: Option<(&'static str, &'static str)>,
    /// What its environment has beside the path.
    variables: &'static [(&'static str, &'static str)],
    entrypoint: &'static [&'static str],
    working_dir: &'static str,
}

const IMAGES: [Image; 5] = [
    Image {
        name: "interuss/hangar",
        tag: env!("CARGO_PKG_VERSION"),
        programs: &[("hangar", "usr/bin/hangar"), ("hangar-agent", "usr/bin/hangar-agent")],
        folder: None,
        variables: &[],
        entrypoint: &["/usr/bin/hangar"],
        working_dir: "/",
    },
    Image {
        name: "cockroachdb/cockroach",
        tag: "v24.1.3",
        programs: &[("cockroach", "cockroach/cockroach")],
        folder: None,
        variables: &[],
        entrypoint: &["/cockroach/cockroach"],
        working_dir: "/cockroach",
    },
    Image {
        // The same program, which plays the next release.
        name: "cockroachdb/cockroach",
        tag: "v24.3.1",
        programs: &[("cockroach", "cockroach/cockroach")],
        folder: None,
        variables: &[("COCKROACH_VERSION", "v24.3.1")],
        entrypoint: &["/cockroach/cockroach"],
        working_dir: "/cockroach",
    },
    Image {
        name: "interuss/dss",
        tag: "v0.22.0",
        programs: &[("core-service", "usr/bin/core-service"), ("db-manager", "usr/bin/db-manager")],
        folder: Some(("tests/world/dss/db-schemas", "db-schemas")),
        variables: &[],
        entrypoint: &[],
        working_dir: "/",
    },
    Image {
        name: "interuss/yugabyte",
        tag: "2025.1.2.1-interuss",
        programs: &[
            ("yugabyte", "home/yugabyte/bin/yb-admin"),
            ("yugabyte", "home/yugabyte/bin/yb-master"),
            ("yugabyte", "home/yugabyte/bin/yb-ts-cli"),
            ("yugabyte", "home/yugabyte/bin/yb-tserver"),
        ],
        folder: None,
        variables: &[],
        entrypoint: &[],
        working_dir: "/home/yugabyte",
    },
];

impl Image {
    /// `docker.io/cockroachdb/cockroach:v24.1.3`.
    fn reference(&self) -> String {
        format!("docker.io/{}:{}", self.name, self.tag)
    }

    /// Its layout's folder: `cockroachdb_cockroach`; with the tag where another image plays the usual one.
    fn folder_name(&self) -> String {
        let name = self.name.replace('/', "_");
        if self.variables.is_empty() { name } else { format!("{name}_{}", self.tag) }
    }

    fn files(&self, root: &Path, bin: &Path) -> Result<Vec<File>> {
        let program = |&(name, path): &(&str, &str)| File::program(path, bin.join(name));
        let mut files: Vec<_> = self.programs.iter().map(program).collect();
        if let Some((source, path)) = self.folder.map(|(source, path)| (root.join(source), path))
            && source.is_dir()
        {
            files.extend(layer::files_below(&source, Path::new(path))?);
        }
        files.sort();
        Ok(files)
    }

    /// The configuration of the OCI image specification, but for its layers.
    fn config(&self) -> serde_json::Value {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/cockroach";
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={value}"));
        let env: Vec<String> = std::iter::once(path.to_owned()).chain(variables).collect();
        let mut config = serde_json::json!({ "Env": env, "WorkingDir": self.working_dir });
        if !self.entrypoint.is_empty() {
            config["Entrypoint"] = self.entrypoint.into();
        }
        config
    }

    /// A hash of all that decides what the image is.
    fn inputs(&self, files: &[File]) -> Result<String> {
        let mut inputs = Fields::default().with(FORMAT).with(self.reference()).with(self.config().to_string());
        for File { path, source, mode } in files {
            inputs.add(path.as_os_str().as_encoded_bytes());
            inputs.add(mode.to_be_bytes());
            inputs.add(digest::of_file(source)?);
        }
        Ok(inputs.hex())
    }

    /// Writes the image's layout, unless it is there and made of the same, and returns the manifest's digest.
    fn write(&self, images: &Path, root: &Path, bin: &Path) -> Result<String> {
        let files = self.files(root, bin)?;
        let folder = images.join(self.folder_name());
        let stamp = images.with_file_name("images.inputs").join(self.folder_name());
        let inputs = self.inputs(&files)?;
        if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == inputs)
            && let Ok(digest) = layout::digest(&folder)
        {
            return Ok(digest);
        }
        let digest = layout::write(&folder, &self.reference(), &files, &self.config())?;
        fs::create_dir_all(stamp.parent().unwrap_or(images))?;
        fs::write(&stamp, inputs).with_context(|| format!("cannot write `{}`", stamp.display()))?;
        Ok(digest)
    }
}

/// Builds the programs and writes their images.
pub(crate) fn run(checkout: &Checkout, profile: Profile) -> Result<()> {
    let bin = programs::build(checkout, profile)?;
    write(checkout, &bin).map(drop)
}

/// Writes all images, each as an OCI image layout in a folder of its own, says their digests, and returns the folder
/// of all. Equal programs give equal digests.
pub(crate) fn write(checkout: &Checkout, bin: &Path) -> Result<PathBuf> {
    let folder = checkout.images();
    remove_others(&folder)?;
    for image in &IMAGES {
        let digest = image.write(&folder, &checkout.root, bin);
        let digest = digest.with_context(|| format!("cannot write the image `{}`", image.reference()))?;
        eprintln!("{}@{digest}", image.reference());
    }
    Ok(folder)
}

/// Removes what is no image of ours (any more), or was never finished: the world takes every folder for an image.
fn remove_others(folder: &Path) -> Result<()> {
    let names: Vec<_> = IMAGES.iter().map(Image::folder_name).collect();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        if !names.iter().any(|name| entry.file_name() == name.as_str()) {
            let path = entry.path();
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{IMAGES, Image, remove_others};

    const IMAGE: Image = Image {
        name: "example/tool",
        tag: "v1",
        programs: &[("tool", "usr/bin/tool")],
        folder: Some(("data", "srv/data")),
        variables: &[],
        entrypoint: &["/usr/bin/tool"],
        working_dir: "/",
    };

    #[test]
    fn equal_programs_give_equal_digests_and_are_not_written_twice() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (root, images) = (folder.path(), folder.path().join("target/images"));
        fs::create_dir_all(root.join("data/deep")).expect("the folder is new");
        fs::write(root.join("data/deep/file"), "data").expect("the folder is ours");
        fs::write(root.join("tool"), "program").expect("the folder is ours");
        let first = IMAGE.write(&images, root, root).expect("it is written");
        let index = images.join("example_tool/index.json");
        let written = index.metadata().and_then(|index| index.modified()).expect("it is there");
        assert_eq!(IMAGE.write(&images, root, root).expect("it is there"), first);
        assert_eq!(index.metadata().and_then(|index| index.modified()).expect("it is there"), written);

        let elsewhere = IMAGE.write(&folder.path().join("other/images"), root, root).expect("it is written");
        assert_eq!(elsewhere, first);

        fs::write(root.join("tool"), "another").expect("the folder is ours");
        assert_ne!(IMAGE.write(&images, root, root).expect("it is written"), first);
        let n_blobs = fs::read_dir(images.join("example_tool/blobs/sha256")).expect("it is there").count();
        assert_eq!(n_blobs, 3, "blobs of the former image are gone");
    }

    #[test]
    fn what_is_no_image_of_ours_goes() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["interuss_dss", "interuss_dss.unfinished", "former"] {
            fs::create_dir(folder.path().join(name)).expect("the folder is new");
        }
        remove_others(folder.path()).expect("the folder is ours");
        let left =
            fs::read_dir(folder.path()).expect("it is there").map(|entry| entry.expect("it is there").file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["interuss_dss"]);
        remove_others(&folder.path().join("nowhere")).expect("nothing is there");
    }

    #[test]
    fn folders_and_references_are_those_that_the_world_reads() {
        let names: Vec<_> = IMAGES.iter().map(|image| (image.folder_name(), image.reference())).collect();
        assert_eq!(names[0].0, "interuss_hangar");
        assert_eq!(names[1], ("cockroachdb_cockroach".into(), "docker.io/cockroachdb/cockroach:v24.1.3".into()));
        assert_eq!(names[2].0, "cockroachdb_cockroach_v24.3.1");
        assert_eq!(names[3], ("interuss_dss".into(), "docker.io/interuss/dss:v0.22.0".into()));
    }
}
