use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hangar_plan::hint::Hint as _;
use hangar_plan::strategy::member::{Acknowledgement, AcknowledgementKind};

use super::*;

/// Records that change between two of our looks as a test says.
struct Paper<F> {
    roster: Mutex<Roster>,
    /// What others do after our word was published for the nth time.
    others: F,
    said: Mutex<Vec<Vec<String>>>,
    /// For how many looks at the pool others are not well.
    n_troubled: AtomicUsize,
}

#[async_trait]
impl<F: Fn(usize, &mut Roster) + Send + Sync> Records for Paper<F> {
    fn read(&self) -> Result<Roster, StepError> {
        Ok(self.roster.lock().expect("no panic").clone())
    }

    fn say(&self, values: &[&str]) -> Result<(), StepError> {
        let (mut roster, mut said) = (self.roster.lock().expect("no panic"), self.said.lock().expect("no panic"));
        said.push(values.iter().map(|value| (*value).to_owned()).collect());
        let own = roster.members.iter().find(|member| member.is_self).expect("our record").id.clone();
        says(&mut roster, &own, values);
        (self.others)(said.len(), &mut roster);
        Ok(())
    }

    async fn trouble(&self) -> Option<String> {
        let left = self.n_troubled.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.is_ok().then(|| "`uss3` is down".to_owned())
    }
}

fn says(roster: &mut Roster, id: &str, values: &[&str]) {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let member = roster.members.iter_mut().find(|member| member.id == id).expect("a member");
    let kind = AcknowledgementKind::Other((MAINTENANCE.to_owned(), values));
    member.acknowledgements = vec![Acknowledgement { kind, at_ms: 0 }];
}

/// Three members, founded by the last by name; we are the second.
fn roster() -> Roster {
    let member = |id: &str| Member {
        id: id.into(),
        is_self: id == "uss2",
        state: MemberState::Active,
        endpoint: String::new(),
        locality: Vec::new(),
        datastore: ("cockroachdb".into(), "v24.1.3".into()),
        nodes: Vec::new(),
        egress: Vec::new(),
        authorities: Vec::new(),
        acknowledgements: Vec::new(),
        facts: Vec::new(),
    };
    Roster { members: ["uss1", "uss2", "uss3"].map(member).to_vec(), founder: "uss3".into(), open: None }
}

/// What we publish on the way to our word, and what comes of it before all patience is gone, or we are stopped.
async fn held_until(
    roster: Roster,
    others: impl Fn(usize, &mut Roster) + Send + Sync,
    stopped: impl Future<Output = ()> + Send,
) -> (Vec<String>, Result<(), String>) {
    let (said, n_troubled) = (Mutex::default(), AtomicUsize::new(0));
    let paper = Paper { roster: Mutex::new(roster), others, said, n_troubled };
    let ended = hold(&paper, Duration::from_secs(9), |_| (), stopped).await;
    let said = paper.said.lock().expect("no panic").iter().map(|values| values.join(" ")).collect();
    (said, ended.map_err(|err| format!("{}: {}", err.cause(), err.hint().unwrap_or_default())))
}

async fn held(roster: Roster, others: impl Fn(usize, &mut Roster) + Send + Sync) -> (Vec<String>, Result<(), String>) {
    held_until(roster, others, std::future::pending()).await
}

fn nothing(_: usize, _: &mut Roster) {}

#[tokio::test(start_paused = true)]
async fn a_word_is_claimed_first_and_holds_once_nobody_elses_was_seen() {
    assert_eq!(held(roster(), nothing).await, (vec!["restart claimed".to_owned(), "restart".to_owned()], Ok(())));
}

/// What mends the others would wait for our word to end.
#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_while_others_are_not_well() {
    let troubled = async |n: usize| {
        let (roster, n_troubled) = (Mutex::new(roster()), AtomicUsize::new(n));
        let paper = Paper { roster, others: nothing, said: Mutex::default(), n_troubled };
        let ended = hold(&paper, Duration::from_secs(9), |_| (), std::future::pending()).await;
        let said: Vec<String> = paper.said.lock().expect("no panic").iter().map(|values| values.join(" ")).collect();
        (said, ended.map_err(|err| format!("{}: {}", err.cause(), err.hint().unwrap_or_default())))
    };
    assert_eq!(troubled(3).await, (vec!["restart claimed".to_owned(), "restart".to_owned()], Ok(())));
    let (said, ended) = troubled(usize::MAX).await;
    assert_eq!(said, Vec::<String>::new());
    assert!(ended.is_err_and(|told| told.contains("`uss3` is down") && told.contains("`hangar pool status`")));
}

#[tokio::test(start_paused = true)]
async fn another_members_word_is_waited_for_and_named() {
    for values in [&["v24.3.1"][..], &["restart"], &["take-over", "claimed"]] {
        let mut roster = roster();
        says(&mut roster, "uss1", values);
        let (said, ended) = held(roster, nothing).await;
        assert_eq!(said, Vec::<String>::new());
        let told = ended.expect_err("it does not wait for ever");
        assert!(
            told.starts_with("the nodes of uss1 are being restarted") && told.contains("`hangar pool status`"),
            "{told}"
        );
    }
}

/// Whoever published last sees the other.
#[tokio::test(start_paused = true)]
async fn of_two_who_claim_at_once_the_first_in_the_order_goes_on() {
    // The founder comes before us, and is through once it was our turn to wait.
    let founder = |n: usize, roster: &mut Roster| match n {
        1 => says(roster, "uss3", &["v24.3.1", "claimed"]),
        2 => says(roster, "uss3", &[]),
        _ => {}
    };
    let (said, ended) = held(roster(), founder).await;
    assert_eq!(
        (said.as_slice(), ended),
        (&["restart claimed", "", "restart claimed", "restart"].map(str::to_owned)[..], Ok(()))
    );
    // So does whoever is at it already, whatever its name.
    let begun = |n: usize, roster: &mut Roster| says(roster, "uss1", if n == 1 { &["restart"] } else { &[] });
    assert_eq!(held(roster(), begun).await.0, said);
    let later = |n: usize, roster: &mut Roster| {
        if n == 1 {
            roster.members.push(Member { id: "uss4".into(), is_self: false, ..roster.members[0].clone() });
            says(roster, "uss4", &["restart", "claimed"]);
        }
    };
    let (said, ended) = held(roster(), later).await;
    assert_eq!(said, ["restart claimed", ""], "kept until the other has taken its own back, or all patience is gone");
    assert!(ended.is_err_and(|told| told.contains("uss4")));
    let (said, ended) = held_until(roster(), later, tokio::time::sleep(Duration::from_secs(3))).await;
    assert_eq!(said, ["restart claimed", ""], "who is stopped leaves no claim behind");
    assert!(ended.is_err());
}

/// A run that was killed is gone on with, whatever others would like meanwhile.
#[test]
fn a_word_that_holds_is_kept_and_only_that_of_a_restart_is_ended_by_one() {
    for (values, is_ours) in [(&["restart"][..], true), (&["v24.3.1"], false)] {
        let mut roster = roster();
        says(&mut roster, "uss2", values);
        says(&mut roster, "uss3", &["restart", "claimed"]);
        assert_eq!((turn(&roster), is_left(&roster)), (Turn::Held, is_ours));
        assert_eq!(other(&roster), None, "a claim gives way");
    }
    let mut roster = roster();
    says(&mut roster, "uss3", &["v24.3.1"]);
    assert_eq!(other(&roster).as_deref(), Some("`uss3` restarts its nodes"));
    assert!(!is_left(&roster));
}
