//! `decide` on looks that failed, that show a part, and that show what is not settled yet.

use immutable_core::rollout::Strategy;

use super::kit::Stage;
use super::sight::{look, row, tells};

#[test]
fn of_a_look_that_failed_its_words_are_told_and_what_else_is_waited_for() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.launch(2, "e");
    let part = look().group(1, 2, "b+").partly().group(2, 2, "d+ e:");
    let more = "; rollback now would be partial, 1 of 3 still run";
    let booting = "2 of 3 to be ready (e, boot deadline in 10m)";
    let seen = format!("waiting for a whole view (of group 0001.0: a page failed), {booting}{more}");
    tells("a part", &stage, &part, &seen, "+640s");
    let failed = format!("waiting for {booting}, a whole view (it timed out){more}");
    tells("none at all", &stage, &part.failed("it timed out"), &failed, "+640s");
}

#[test]
fn what_a_group_may_do_by_itself_is_not_known_while_it_is_seen_in_part_or_worked_on() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.launch(2, "d");
    let healed = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").heals(true);
    row("in part", &stage, &healed.clone().partly(), "");
    row("worked on", &stage, &healed.clone().busy(), "");
    row("wholly, and settled", &stage, &healed, "noted upkeep 0002 heals\nowed 6 upkeep 0002 heal false");
}
