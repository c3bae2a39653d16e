use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use registry_reference::Digest;
use wasmtime::Engine;

use super::CodeCache;
use crate::engine;
use crate::error::RuntimeError;
use crate::key::InstallationKey;

struct Site {
    folder: tempfile::TempDir,
    engine: Engine,
    code: Vec<u8>,
}

const SOURCE: Digest = Digest::from_sha256([7; 32]);

impl Site {
    fn new() -> Self {
        let engine = engine::compiling().expect("an engine");
        let code = engine.precompile_component(b"\0asm\x0d\0\x01\0").expect("code of an empty component");
        Self { folder: tempfile::tempdir().expect("a folder"), engine, code }
    }

    fn cache(&self) -> CodeCache {
        let key = InstallationKey::open(&self.folder.path().join("key")).expect("a key");
        CodeCache::open(&self.folder.path().join("code"), &key, &self.engine).expect("a cache")
    }

    fn file(&self, extension: &str) -> PathBuf {
        let mut entries = std::fs::read_dir(self.folder.path().join("code")).expect("the folder");
        entries
            .find_map(|entry| {
                let path = entry.expect("an entry").path();
                path.extension().is_some_and(|found| found == extension).then_some(path)
            })
            .expect("a file")
    }
}

#[test]
fn what_was_kept_is_loaded() {
    let site = Site::new();
    assert!(site.cache().load(&site.engine, &SOURCE).is_none());
    site.cache().keep(&SOURCE, &site.code);
    assert!(site.cache().load(&site.engine, &SOURCE).is_some());
    assert!(site.cache().load(&site.engine, &Digest::from_sha256([8; 32])).is_none());
}

#[test]
fn a_flipped_byte_is_caught_before_the_code_is_loaded() {
    let site = Site::new();
    site.cache().keep(&SOURCE, &site.code);
    let path = site.file("cwasm");
    for at in [0, site.code.len() / 2, site.code.len() - 1] {
        let mut code = site.code.clone();
        code[at] ^= 1;
        std::fs::write(&path, &code).expect("a changed file");
        assert_eq!(
            site.cache().verify(&path, &SOURCE).err().as_deref(),
            Some("the file is not the one that was written")
        );
    }
}

#[test]
fn code_that_another_installation_wrote_is_not_loaded() {
    let site = Site::new();
    site.cache().keep(&SOURCE, &site.code);
    std::fs::remove_file(site.folder.path().join("key")).expect("the key");
    assert!(site.cache().load(&site.engine, &SOURCE).is_none());
}

#[test]
fn a_file_is_of_no_use_under_the_name_of_another() {
    let site = Site::new();
    let cache = site.cache();
    cache.keep(&SOURCE, &site.code);
    let other = Digest::from_sha256([8; 32]);
    for extension in ["cwasm", "mac"] {
        std::fs::copy(site.file(extension), cache.path(&other).with_extension(extension)).expect("a copy");
    }
    assert!(cache.verify(&cache.path(&other), &other).is_err());
}

#[test]
fn a_file_that_others_can_write_is_not_loaded() {
    let site = Site::new();
    site.cache().keep(&SOURCE, &site.code);
    std::fs::set_permissions(site.file("cwasm"), Permissions::from_mode(0o620)).expect("a mode");
    assert!(site.cache().load(&site.engine, &SOURCE).is_none());
}

#[test]
fn a_link_in_place_of_the_file_is_not_followed() {
    let site = Site::new();
    site.cache().keep(&SOURCE, &site.code);
    let path = site.file("cwasm");
    let elsewhere = site.folder.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).expect("a move");
    std::os::unix::fs::symlink(&elsewhere, &path).expect("a link");
    assert!(site.cache().load(&site.engine, &SOURCE).is_none());
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let site = Site::new();
    drop(site.cache());
    let folder = site.folder.path().join("code");
    for (path, mode) in [(folder.clone(), 0o770), (folder, 0o702)] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        let key = InstallationKey::open(&site.folder.path().join("key")).expect("a key");
        let err = CodeCache::open(&path, &key, &site.engine).err().expect("a refusal");
        assert!(matches!(err, RuntimeError::Unsafe { .. }), "{err}");
    }
}

#[test]
fn a_folder_below_one_that_others_can_write_is_refused() {
    let site = Site::new();
    drop(site.cache());
    std::fs::set_permissions(site.folder.path(), Permissions::from_mode(0o777)).expect("a mode");
    let key = InstallationKey::open(&site.folder.path().join("key")).expect("a key");
    assert!(CodeCache::open(&site.folder.path().join("code"), &key, &site.engine).is_err());
}

#[test]
fn another_engine_patch_level_host_or_processor_has_other_names() {
    let site = Site::new();
    let name = site.cache().name(&SOURCE);
    let with = |change: fn(&mut super::Environment)| {
        let mut cache = site.cache();
        change(&mut cache.environment);
        cache.name(&SOURCE)
    };
    let others = [
        with(|environment| environment.engine_version = "48.0.7".into()),
        with(|environment| environment.engine[0] ^= 1),
        with(|environment| environment.host_version = "0.0.9".into()),
        with(|environment| environment.cpu.push_str(" avx512f")),
    ];
    for (n, other) in others.iter().enumerate() {
        assert_ne!(*other, name, "change {n}");
    }
}
