use hangar_plan::hint::Hint as _;
use hangar_plan::strategy::action::Action;
use hangar_plan::strategy::member::MemberState;

use super::*;
use crate::archive::Archive;
use crate::carrier::Folder;
use crate::testing::{NOW, beginning, key};

/// Everything below a folder, with its content.
fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .collect();
    all.sort();
    all
}

#[test]
fn who_only_looks_sees_what_is_new_and_writes_nothing_anywhere() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (home, shelf) = (site.path().join("home"), site.path().join("shelf"));
    let path = home.join("us-east.json");
    let carrier = || Arc::new(Folder::new(&shelf));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    OwnRecord::begin(&path, key(1), carrier(), genesis).expect("a roster");
    let request = next::request(beginning("uss2", 2), NOW);
    OwnRecord::begin(&site.path().join("other/us-east.json"), key(2), carrier(), request).expect("a roster");
    // What another process of ours has yet to show.
    std::fs::remove_file(shelf.join("uss1.record.json")).expect("it was shown");
    let before = (content(&home), content(&shelf));

    let looking = OwnRecord::open_to_look(&path, key(1), carrier()).expect("readable").expect("it was begun");
    let own = looking.roster().own_record().clone();
    looking.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("in memory");
    looking.refresh().expect("a carrier");
    assert_eq!(looking.roster().records().count(), 2);
    assert_eq!(looking.roster().own_record(), &own);
    assert_eq!(looking.history().expect("readable").files.len(), 2);
    assert_eq!((content(&home), content(&shelf)), before);

    let writing = OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
    writing.refresh().expect("a carrier");
    assert!(shelf.join("uss1.record.json").exists(), "who may write shows what was not shown");
}

/// The roster of a founder, kept in this folder.
fn founded(home: &Path, carrier: Arc<Folder>) -> PathBuf {
    let path = home.join("us-east.json");
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    OwnRecord::begin(&path, key(1), carrier, genesis).expect("a roster");
    path
}

#[test]
fn a_record_that_was_kept_and_not_remembered_is_remembered_by_the_next_run() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let carrier = || Arc::new(Folder::new(&site.path().join("shelf")));
    let path = founded(site.path(), carrier());
    let history = path.with_extension("history.jsonl");
    let whole = std::fs::read(&history).expect("the first record");
    std::fs::remove_file(&history).expect("it is there");
    for _ in 0..2 {
        OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
        assert_eq!(std::fs::read(&history).expect("the first record"), whole);
    }
}

#[test]
fn a_record_that_no_carrier_took_is_in_the_history_all_the_same() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let path = site.path().join("us-east.json");
    let shelf = site.path().join("shelf");
    std::fs::write(&shelf, "no folder").expect("writable");
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let begun = OwnRecord::begin(&path, key(1), Arc::new(Folder::new(&shelf)), genesis).map(drop);
    assert!(matches!(begun, Err(RecordError::Carrier(_))), "{begun:?}");
    assert_eq!(Archive::read(&path.with_extension("history.jsonl")).expect("readable").files.len(), 1);
}

#[test]
fn what_a_killed_writer_left_goes_with_the_next_that_writes() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let carrier = || Arc::new(Folder::new(&site.path().join("shelf")));
    let path = founded(site.path(), carrier());
    let left = site.path().join(".us-east.json.Dy5HqF.hangar-tmp");
    std::fs::write(&left, "half").expect("writable");
    OwnRecord::open_to_look(&path, key(1), carrier()).expect("readable").expect("it was begun");
    assert!(left.exists(), "another process may be writing it");
    OwnRecord::open(&path, key(1), carrier()).expect("readable").expect("it was begun");
    assert!(!left.exists() && path.exists());
}

/// A founder and one that asks, each with a roster at home and one shelf between them.
fn pair(site: &Path) -> (OwnRecord, OwnRecord) {
    let carrier = || Arc::new(Folder::new(&site.join("shelf")));
    let genesis = next::genesis(beginning("uss1", 1), "a test".to_owned(), NOW);
    let founder = OwnRecord::begin(&site.join("one/us-east.json"), key(1), carrier(), genesis).expect("a roster");
    let request = next::request(beginning("uss2", 2), NOW);
    let joiner = OwnRecord::begin(&site.join("two/us-east.json"), key(2), carrier(), request).expect("a roster");
    founder.change(|roster| roster.expect_joiner(key(2).public().fingerprint())).expect("writable");
    founder.refresh().expect("a carrier");
    (founder, joiner)
}

fn invite(founder: &OwnRecord, joiner: &OwnRecord, nonce: u8) {
    let member = joiner.roster().own().clone();
    let invitation = hangar_roster::Invitation::new(&founder.roster(), &member, [nonce; 16], NOW + 1_000);
    founder.invite(&member, &invitation.expect("it is held").sign(founder.key()), NOW).expect("a vote");
}

/// Nobody sees an invitation before there is a vote for it, nor one that the vote is not for any more.
#[test]
fn an_invitation_is_shown_once_our_vote_stands_for_it() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (founder, joiner) = pair(site.path());
    let member = joiner.roster().own().clone();
    founder.show_invitation(&member).expect("nothing to show");
    invite(&founder, &joiner, 1);
    assert_eq!(joiner.invitation().expect("a carrier"), None);
    founder.show_invitation(&member).expect("a carrier");
    let shown = joiner.invitation().expect("a carrier").expect("it is shown");
    assert_eq!(SignedInvitation::parse(&shown).expect("an invitation").invitation().inviter.as_str(), "uss1");
    let kept = site.path().join("one/uss2.invitation.json");
    let other = SignedInvitation::parse(&shown).expect("an invitation").invitation().clone();
    let other = hangar_roster::Invitation { nonce: "00".repeat(16), ..other }.sign(&key(1));
    std::fs::write(&kept, other.to_bytes()).expect("writable");
    founder.show_invitation(&member).expect("nothing to show");
    assert_eq!(joiner.invitation().expect("a carrier"), Some(shown), "it is of no vote of ours");
    std::fs::remove_file(&kept).and_then(|()| std::fs::create_dir(&kept)).expect("writable");
    assert!(matches!(founder.show_invitation(&member), Err(RecordError::Open { path, .. }) if path == kept));
}

/// While it waits it hears that its invitation is void, and goes on by the one that its inviter has made since.
#[test]
fn a_joiner_takes_up_the_next_invitation_by_itself() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (founder, joiner) = pair(site.path());
    let member = joiner.roster().own().clone();
    invite(&founder, &joiner, 1);
    founder.show_invitation(&member).expect("a carrier");
    let first = SignedInvitation::parse(&joiner.invitation().expect("a carrier").expect("shown")).expect("one");
    let inviter = key(1).public().fingerprint();
    joiner.change(|roster| roster.enter(&first, inviter, NOW)).expect("writable").expect("it fits");
    founder.step(|roster| next::withdraw(roster, NOW)).expect("writable");
    founder.duties(NOW).expect("writable");
    invite(&founder, &joiner, 2);
    joiner.refresh().expect("a carrier");
    joiner.duties(NOW).expect("writable");
    assert!(!joiner.roster().has_entered(), "its carrier does not show the next one yet");
    founder.show_invitation(&member).expect("a carrier");
    joiner.duties(NOW).expect("writable");
    assert!(joiner.roster().has_entered());
    let again = OwnRecord::open(
        &site.path().join("two/us-east.json"),
        key(2),
        Arc::new(Folder::new(&site.path().join("shelf"))),
    );
    assert!(again.expect("readable").expect("it was begun").roster().has_entered(), "and that is kept");
}

/// What a strategy wants to be said is said once, and what no record can say is refused with its reason.
#[tokio::test]
async fn a_strategys_word_is_published_or_refused() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (founder, joiner) = pair(site.path());
    let said = Action::Acknowledge(member::AcknowledgementKind::Other(("seen".into(), vec!["uss2".into()])));
    assert!(!founder.shows(&said).await);
    founder.apply(&said, NOW).await.expect("it is published");
    assert!(founder.shows(&said).await);
    let id = Action::RecordClusterId("a-b".into());
    founder.apply(&id, NOW).await.expect("it is published");
    assert!(founder.shows(&id).await && !founder.shows(&Action::RecordClusterId("c-d".into())).await);
    let other = founder.apply(&Action::RecordClusterId("c-d".into()), NOW).await.expect_err("it never changes");
    assert_eq!((other.kind(), other.hint().is_some()), (hangar_engine::FailureKind::Person, true));
    let unsaid = founder.apply(&Action::Reload("db".into()), NOW).await.expect_err("no record says that");
    assert_eq!(unsaid.kind(), hangar_engine::FailureKind::Outside);
    for (state, is_so) in [
        (MemberState::Asking, true),
        (MemberState::Joining, false),
        (MemberState::Active, false),
        (MemberState::Leaving, false),
        (MemberState::Gone, false),
    ] {
        assert_eq!(joiner.shows(&Action::SetState(state)).await, is_so, "{state:?}");
    }
    joiner.apply(&Action::SetState(MemberState::Gone), NOW).await.expect("it gives up");
    assert!(joiner.shows(&Action::SetState(MemberState::Gone)).await);
}

#[test]
fn another_key_is_taken_by_one_record() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (founder, _) = pair(site.path());
    let new = key(9);
    assert!(founder.rotate_key(&[&key(1), &new], &new, NOW).expect("writable"));
    assert!(!founder.rotate_key(&[&new], &new, NOW).expect("writable"), "it is in use");
    let record = founder.roster().own_record().record().clone();
    assert_eq!((record.key, record.sequence), (new.public(), 2));
    let shown = std::fs::read(site.path().join("shelf/uss1.record.json")).expect("it was shown");
    assert_eq!(shown, founder.roster().own_record().to_bytes());
}

/// What came by another way than the carrier is kept and remembered too, each record once.
#[test]
fn a_history_has_each_record_once() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (founder, joiner) = pair(site.path());
    let news = next::Beginning { ..beginning("uss2", 2) };
    let mut moved = news.presence;
    moved.authorities.clone_from(&joiner.roster().own_record().record().presence.authorities);
    moved.nodes[0].port += 1;
    joiner.step(|roster| next::presence(roster, moved, NOW)).expect("writable");
    let record = joiner.roster().own_record().to_bytes();
    let files = [("mail".to_owned(), record)];
    for _ in 0..2 {
        assert_eq!(founder.take_in(&files).expect("writable"), []);
    }
    let names = |history: Archive| history.files.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let kept = Archive::read(&site.path().join("one/us-east.history.jsonl")).expect("readable");
    assert_eq!(names(kept), ["uss1.1.json", "uss2.1.json", "uss2.2.json"]);
    let told = founder.history().expect("readable");
    assert_eq!(names(told), ["uss2.1.json", "uss1.1.json", "uss2.2.json"]);
}

#[test]
fn a_roster_that_cannot_be_opened_is_no_absent_one() {
    let site = tempfile::tempdir().expect("a temporary folder");
    let (file, torn) = (site.path().join("file"), site.path().join("torn.json"));
    std::fs::write(&file, "").and_then(|()| std::fs::write(&torn, "{")).expect("writable");
    let open = |path: &Path| OwnRecord::open(path, key(1), Arc::new(Folder::new(&site.path().join("shelf"))));
    assert!(matches!(open(&site.path().join("none.json")), Ok(None)));
    assert!(matches!(open(&file.join("us-east.json")).err(), Some(RecordError::Open { .. })));
    assert!(matches!(open(&torn).err(), Some(RecordError::Stored { path, .. }) if path == torn));
}
