//! A third release takes the place of the second, the fleet is resized in the same moment, its first instance fails, and somebody deletes what is
//! proven while it is being raised.

use super::*;
use crate::rollout::decide::naive;
use crate::simulation::script::{Disturbance, Trouble};

/// Four of ten are of the first release and five of the second when the third, which never works, takes its place; and the fleet is to have
/// six. An accepted operation takes ten seconds: while the first of the raises of what is proven is under way, its group is deleted.
fn script() -> Script {
    let mut script = calm([(10, Release::Good), (10, Release::Good)]);
    script.cloud.operations_take = 10;
    script.rollouts.push(Wish::new(10, Release::NeverHealthy));
    let calm = play(&script);
    let half = calm.first(Who::Decided, &["op", "Lower", "from: 5"]);
    script.rollouts[2] = script.rollouts[2].after(half.since(calm.opened(1)).as_secs());
    script.disturbances = vec![Disturbance::new(2, 0, Trouble::Resize(6))];
    let undeleted = play(&script);
    let begun = undeleted.first(Who::Script, &["Resize(6)"]);
    let raised = undeleted.lines(Who::Decided, &["Raise", "GenerationId(1)"]).find(|line| line.at > begun).unwrap().at;
    script.disturbances.push(Disturbance::new(2, raised.since(begun).as_secs() + 1, Trouble::DeleteGroup(0)));
    script
}

/// engine.md 6.7, Everything at once.
#[test]
fn what_is_proven_is_made_anew_and_the_second_serves_until_it_is_ready() {
    let told = play(&script());
    let played = told.ends(&Outcome::RolledBack);
    assert_eq!((played.end.size, played.end.generations), (6, 1), "{told}");
    let deleted = told.first(Who::Script, &["DeleteGroup"]);
    let raised = told.lines(Who::Decided, &["Raise", "GenerationId(1)"]).filter(|line| line.at < deleted).last().unwrap();
    let settled = format!("Settled {{ op: OpId({})", raised.what.split([' ', ':']).nth(1).unwrap());
    let words = [settled.as_str()];
    let mut answers = told.lines(Who::Decided, &words);
    let (accepted, done) = (answers.next().unwrap(), answers.next().unwrap());
    assert!(accepted.what.contains("Accepted") && done.at > deleted, "it is owed when its group is deleted\n{told}");
    let anew = told.first(Who::Decided, &["make generation 0004 of acmeinc/web 1.0.0"]);
    assert!(anew > deleted, "{told}");
    let leaves: Vec<_> = told.lines(Who::World, &["web-0002", "Leaving"]).filter(|line| line.at > deleted).collect();
    assert_eq!(leaves.len(), 2, "{told}");
    for (serve, leaves) in [1, 0].into_iter().zip(leaves) {
        let ready = told.lines(Who::World, &["web-0004", "Healthy"]).filter(|line| line.at < leaves.at).count();
        assert!(ready + serve >= 6, "{ready} are ready when it leaves\n{told}");
    }
}

#[test]
fn an_engine_that_goes_back_to_what_ran_last_goes_back_to_what_is_not_proven() {
    play_by(naive::back_is_to_the_last, &script(), Patience::Configured).breaks(&["baseline"]);
}

#[test]
fn an_engine_to_which_what_was_made_is_there_waits_for_what_is_deleted() {
    play_by(naive::made_is_there, &script(), Patience::Configured).breaks(&["outcome"]);
}

#[test]
fn an_engine_to_which_what_was_given_up_goes_at_once_sends_away_who_serves() {
    play_by(naive::given_up_goes, &script(), Patience::Configured).breaks(&["floor"]);
}
