//! The races that the rules of voting are there for, one by one.

use anyhow::Result;
use hangar_roster::next;
use hangar_roster::{ChangeId, Phase, SignedRecord, Standing, State};

use crate::organisation::{NOW, Organisation, exchange, id, pool};

/// Three members; the first has proposed a joiner and the second has voted for it.
struct Race {
    all: Vec<Organisation>,
    joiner: Organisation,
    change: ChangeId,
}

impl Race {
    fn start() -> Result<Self> {
        let mut all = pool(3)?;
        let joiner = Organisation::joiner("uss3", 4);
        for one in &mut all {
            one.roster.expect_joiner(joiner.key.public().fingerprint());
            one.take_in(joiner.latest());
        }
        let invitation = all[0].invitation_for(&id("uss3"), 1)?;
        let proposed = next::invite(&all[0].roster, &invitation, NOW);
        all[0].publish(proposed)?;
        let change = all[0].vote().expect("voted").0.id;
        let mut race = Self { all, joiner, change };
        race.tell(0, 1);
        race.accept(1)?;
        Ok(race)
    }

    fn latest(&self, who: usize) -> SignedRecord {
        self.all[who].latest().clone()
    }

    fn tell(&mut self, from: usize, to: usize) {
        let record = self.latest(from);
        self.all[to].take_in(&record);
    }

    fn accept(&mut self, who: usize) -> Result<()> {
        let accepted = next::accept(&self.all[who].roster, self.change, NOW);
        self.all[who].publish(accepted)?;
        Ok(())
    }

    fn withdraw(&mut self) -> Result<()> {
        let withdrawn = next::withdraw(&self.all[0].roster, NOW);
        self.all[0].publish(withdrawn)?;
        Ok(())
    }

    fn phases(&self) -> Vec<Option<Phase>> {
        self.all.iter().map(|one| one.vote().map(|(_, phase)| phase)).collect()
    }
}

#[test]
fn a_change_opened_from_older_records_wins_over_its_withdrawal() -> Result<()> {
    let mut race = Race::start()?;
    race.tell(0, 2);
    race.tell(1, 2);
    race.accept(2)?;
    // The proposer changes its mind before it hears of the third vote, and the second member follows it.
    race.withdraw()?;
    race.tell(0, 1);
    race.tell(2, 1);
    race.all[1].follow();
    race.tell(1, 0);
    race.tell(2, 0);
    race.all[0].follow();
    assert_eq!(race.phases(), [Some(Phase::Withdrawn), Some(Phase::Withdrawn), Some(Phase::Voted)]);
    // The third still sees three votes and opens. Nobody has let go, so all come back to it.
    race.all[2].follow();
    assert_eq!(race.phases()[2], Some(Phase::Open));
    exchange(&mut race.all);
    assert_eq!(race.phases(), [Some(Phase::Open); 3]);
    Ok(())
}

#[test]
fn nobody_lets_go_while_a_voter_may_still_open() -> Result<()> {
    let mut race = Race::start()?;
    race.tell(0, 2);
    race.tell(1, 2);
    race.accept(2)?;
    race.tell(2, 0);
    race.tell(1, 0);
    race.withdraw()?;
    race.tell(0, 1);
    race.all[1].follow();
    race.tell(1, 0);
    race.all[0].follow();
    assert_eq!(race.phases()[..2], [Some(Phase::Withdrawn); 2]);
    // The third hears of it and follows; only then are the slots free.
    race.tell(0, 2);
    race.all[2].follow();
    assert_eq!(race.phases()[2], Some(Phase::Withdrawn));
    exchange(&mut race.all);
    assert_eq!(race.phases(), [None; 3]);
    Ok(())
}

#[test]
fn nobody_lets_go_before_one_that_has_not_voted_has_heard_of_the_withdrawal() -> Result<()> {
    let mut race = Race::start()?;
    // The third has read both votes and not voted yet; the others know it only as it was before.
    race.tell(0, 2);
    race.tell(1, 2);
    race.tell(1, 0);
    race.withdraw()?;
    race.tell(0, 1);
    race.all[1].follow();
    race.tell(1, 0);
    race.all[0].follow();
    assert_eq!(race.phases(), [Some(Phase::Withdrawn), Some(Phase::Withdrawn), None]);
    let mut late = Race { all: race.all.clone(), joiner: race.joiner.clone(), change: race.change };

    // It hears of it in time: it says that it has seen it, and the slots are free.
    race.tell(0, 2);
    race.all[2].follow();
    exchange(&mut race.all);
    assert_eq!(race.phases(), [None; 3]);

    // Or it votes first, and opens.
    late.accept(2)?;
    late.all[2].follow();
    assert_eq!(late.phases()[2], Some(Phase::Open));
    exchange(&mut late.all);
    assert_eq!(late.phases(), [Some(Phase::Open); 3]);
    Ok(())
}

#[test]
fn nobody_opens_on_anothers_word_alone() -> Result<()> {
    let mut race = Race::start()?;
    race.tell(0, 2);
    race.tell(1, 2);
    race.accept(2)?;
    race.all[2].follow();
    // The first hears from the third that it is open, and has not seen the second's vote: it could not tell later whether
    // the second has not begun or has finished.
    race.tell(2, 0);
    race.all[0].follow();
    assert_eq!(race.phases(), [Some(Phase::Voted), Some(Phase::Voted), Some(Phase::Open)]);
    race.tell(1, 0);
    race.all[0].follow();
    assert_eq!(race.phases()[0], Some(Phase::Open));
    Ok(())
}

#[test]
fn nobody_goes_on_before_all_have_closed() -> Result<()> {
    let mut race = Race::start()?;
    race.tell(0, 2);
    race.tell(1, 2);
    race.accept(2)?;
    exchange(&mut race.all);
    assert_eq!(race.phases(), [Some(Phase::Open); 3]);
    // The joiner gives up, which carries the change out too.
    let gone = next::state(&race.joiner.roster, State::Gone, NOW);
    race.joiner.publish(gone)?;
    let record = race.joiner.latest().clone();
    race.all[0].take_in(&record);
    race.all[0].do_its_part();
    assert_eq!(race.phases(), [Some(Phase::Done), Some(Phase::Open), Some(Phase::Open)]);
    for who in [1, 2] {
        race.all[who].take_in(&record);
        race.all[who].do_its_part();
        race.tell(who, 0);
        race.all[0].follow();
        assert_eq!(race.phases()[0].is_none(), who == 2, "{:?}", race.phases());
    }
    exchange(&mut race.all);
    assert_eq!(race.phases(), [None; 3]);
    Ok(())
}

#[test]
fn a_change_without_all_votes_is_not_open_for_anybody() -> Result<()> {
    let mut race = Race::start()?;
    race.tell(1, 0);
    race.all[0].follow();
    race.all[1].follow();
    assert_eq!(race.phases(), [Some(Phase::Voted), Some(Phase::Voted), None]);
    let change = race.all[0].vote().expect("voted").0.clone();
    assert_eq!(race.all[0].roster.standing(&change), Standing::Voting { missing: vec![id("uss2")] });
    assert_eq!(race.all[0].roster.open_change(), None);
    Ok(())
}
