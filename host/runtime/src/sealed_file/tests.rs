use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::{MAX_BYTES, SealedError, SealedFile, SealedStore as _};

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self) -> SealedFile {
        SealedFile::new(self.folder.path().join("data/secrets.age"), self.folder.path().join("keys/identity"))
    }
}

#[tokio::test]
async fn nothing_is_there_until_something_is_written() {
    let site = Site::new();
    assert_eq!(site.file().read().await.expect("an answer"), None);
    assert_eq!(site.file().replace(0, b"first").await.expect("a write"), 1);
    let content = site.file().read().await.expect("an answer").expect("content");
    assert_eq!((content.version, content.bytes.as_slice()), (1, b"first".as_slice()));
}

#[tokio::test]
async fn of_two_writes_on_one_version_exactly_one_wins() {
    let site = Site::new();
    site.file().replace(0, b"first").await.expect("a write");
    let (a, b) = (site.file(), site.file());
    let (a, b) = tokio::join!(a.replace(1, b"a"), b.replace(1, b"b"));
    let lost = match (a, b) {
        (Ok(2), Err(lost)) | (Err(lost), Ok(2)) => lost,
        other => panic!("one of two writes, not {other:?}"),
    };
    assert!(matches!(lost, SealedError::Conflict(2)), "{lost}");
}

/// Each workspace has a file of its own; the key is the installation's.
#[test]
fn files_that_are_first_written_at_the_same_time_share_one_key() {
    const N_FILES: usize = 16;
    let site = Site::new();
    let key = site.folder.path().join("keys/identity");
    let file = |n: usize| SealedFile::new(site.folder.path().join(format!("{n}/secrets.age")), key.clone());
    let start = std::sync::Barrier::new(N_FILES);
    std::thread::scope(|scope| {
        for n in 0..N_FILES {
            let (file, start) = (file(n), &start);
            scope.spawn(move || {
                start.wait();
                file.replace_now(0, b"first").expect("a write")
            });
        }
    });
    for n in 0..N_FILES {
        assert!(file(n).read_now().expect("it opens").is_some(), "file {n}");
    }
}

#[tokio::test]
async fn the_disk_holds_no_clear_text_and_no_key_for_others() {
    let site = Site::new();
    site.file().replace(0, b"a canary that is a secret").await.expect("a write");
    let sealed = std::fs::read(site.folder.path().join("data/secrets.age")).expect("the file");
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
    for file in ["data/secrets.age", "keys/identity"] {
        let mode = std::fs::metadata(site.folder.path().join(file)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn another_key_opens_nothing_and_overwrites_nothing() {
    let site = Site::new();
    site.file().replace(0, b"first").await.expect("a write");
    let key = site.folder.path().join("keys/identity");
    std::fs::remove_file(&key).expect("the key");
    let err = site.file().replace(1, b"second").await.expect_err("a file whose key is gone");
    assert!(matches!(err, SealedError::Sealed { .. }), "{err}");
    assert!(!key.exists());
}

#[tokio::test]
async fn a_changed_byte_is_found() {
    let site = Site::new();
    site.file().replace(0, b"first").await.expect("a write");
    let path = site.folder.path().join("data/secrets.age");
    let mut sealed = std::fs::read(&path).expect("the file");
    *sealed.last_mut().expect("a byte") ^= 1;
    std::fs::write(&path, sealed).expect("a changed file");
    assert!(matches!(site.file().read().await, Err(SealedError::Sealed { .. })));
}

#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    let site = Site::new();
    site.file().replace(0, b"first").await.expect("a write");
    let key = site.folder.path().join("keys/identity");
    std::fs::set_permissions(key, Permissions::from_mode(0o644)).expect("a mode");
    assert!(matches!(site.file().read().await, Err(SealedError::KeyReadable(_))));
}

#[tokio::test]
async fn too_much_is_refused() {
    let bytes = vec![0; MAX_BYTES as usize + 1];
    assert!(matches!(Site::new().file().replace(0, &bytes).await, Err(SealedError::TooLarge)));
}
