use std::fs;

use hangar_plan::hint::Hint as _;

use super::*;

#[test]
fn a_held_lock_names_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let held = Lock::take(dir.path(), "hangar up").unwrap();
    assert!(held.former().is_none());
    let refused = Lock::take(dir.path(), "hangar down").unwrap_err();
    let pid = std::process::id();
    assert!(refused.to_string().contains(&format!("`hangar up` (process {pid} on `")), "{refused}");
    assert!(matches!(Lock::look(dir.path()).unwrap(), LockState::Held(Some(_))));
    assert!(Lock::forget_abandoned(dir.path()).is_err());
}

#[test]
fn a_lock_given_back_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    drop(Lock::take(dir.path(), "hangar up").unwrap());
    assert_eq!(Lock::look(dir.path()).unwrap(), LockState::Free);
    assert!(Lock::take(dir.path(), "hangar up").unwrap().former().is_none());
}

fn leave(dir: &Path, host: &str) -> Owner {
    let mut owner = Owner::current("hangar up").unwrap();
    owner.process.start_time -= 1;
    owner.host = host.to_owned();
    fs::write(path_in(dir), to_json(&owner)).unwrap();
    owner
}

#[test]
fn a_lock_of_a_dead_process_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let dead = leave(dir.path(), &host_name());
    assert!(dead.is_provably_dead());
    assert_eq!(Lock::look(dir.path()).unwrap(), LockState::Abandoned(dead.clone()));
    assert_eq!(Lock::take(dir.path(), "hangar up").unwrap().former(), Some(&dead));
}

#[test]
fn a_lock_of_another_machine_is_never_taken_over_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let away = leave(dir.path(), "another-machine");
    assert!(!away.is_provably_dead());
    let refused = Lock::take(dir.path(), "hangar up").unwrap_err();
    assert!(matches!(refused, EngineError::LockedElsewhere { .. }), "{refused}");
    assert!(refused.hint().unwrap().contains("`another-machine`"));
    Lock::forget_abandoned(dir.path()).unwrap();
    Lock::take(dir.path(), "hangar up").unwrap();
}

#[test]
fn a_name_cut_short_by_a_kill_is_no_owner() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(path_in(dir.path()), b"{\"version\":1,\"proc").unwrap();
    assert!(Lock::take(dir.path(), "hangar up").unwrap().former().is_none());
}

#[test]
fn an_owner_is_a_process_of_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let held = Lock::take(dir.path(), "hangar up").unwrap();
    let LockState::Held(Some(owner)) = Lock::look(dir.path()).unwrap() else { panic!("it is held") };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(owner.host, host.trim());
    assert_eq!(owner.process, ProcessId::current().unwrap());
    assert_eq!((owner.version, owner.command.as_str()), (1, "hangar up"));
    assert!(!owner.is_provably_dead());
    drop(held);
}

#[test]
fn a_lock_that_cannot_be_looked_at_is_not_free() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"no folder").unwrap();
    let refused = Lock::look(&file).unwrap_err();
    assert_eq!(refused.to_string(), format!("cannot use `{}`", file.join("lock").display()));
}

#[test]
fn a_lock_that_is_held_is_never_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let held = Lock::take(dir.path(), "hangar up").unwrap();
    let refused = Lock::forget_abandoned(dir.path()).unwrap_err();
    let EngineError::Locked { folder, owner } = &refused else { panic!("{refused}") };
    assert_eq!((folder.as_path(), owner.as_ref().unwrap().command.as_str()), (dir.path(), "hangar up"));
    assert!(matches!(Lock::look(dir.path()).unwrap(), LockState::Held(Some(_))));
    drop(held);
}

/// Holds the lock of a folder as a tool does that is between fork and exec: under the name of its dead host, or none.
fn hold(dir: &Path) -> File {
    let file = open(&path_in(dir)).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn a_lock_that_is_about_to_be_let_go_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let dead = leave(dir.path(), &host_name());
    let held = hold(dir.path());
    let mut wanted = open(&path_in(dir.path())).unwrap();
    // A copy has the same position in the file, and so shows when the owner's name was read: after the first try.
    let mut copy = wanted.try_clone().unwrap();
    let acquired = thread::scope(|scope| {
        let acquiring = scope.spawn(|| acquire(&mut wanted).unwrap());
        while copy.stream_position().unwrap() == 0 && !acquiring.is_finished() {
            thread::yield_now();
        }
        held.unlock().unwrap();
        acquiring.join().unwrap()
    });
    assert!(matches!(acquired, Held::ByUs));
    assert_eq!(read(&mut copy).unwrap(), Some(dead));
}

#[test]
fn a_lock_that_nobody_lets_go_is_refused_after_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let held = hold(dir.path());
    let refused = Lock::take(dir.path(), "hangar up").unwrap_err();
    assert!(matches!(refused, EngineError::Locked { owner: None, .. }), "{refused}");
    assert_eq!(refused.hint(), None);
    drop(held);
    Lock::take(dir.path(), "hangar up").unwrap();
}
