//! `decide` where an earlier rollout, or somebody else, has left things otherwise than this one would.

use immutable_core::ErrorKind;
use immutable_core::error::Retry;
use immutable_core::fleet::{GenerationId, Heals, Split, Upkeep};
use immutable_core::rollout::{
    Call, Ending, Event, OpResult, Outcome, Percent, Phase, Refused, RevertCause, Step, StepState, Strategy,
};

use super::kit::{MINUTE, Stage, done, group, key, route, upkeep};
use super::sight::{look, row};

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

fn all() -> Percent {
    Percent::new(100).unwrap()
}

/// The rollout is left mixed.
fn left_mixed(mut stage: Stage) -> Stage {
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage
}

/// The next rollout, to a release that is new if its generation has a number.
fn next(mut stage: Stage, strategy: Strategy, version: &str, make: Option<u32>) -> Stage {
    stage.strategy = strategy;
    stage.open(version);
    stage.claim();
    if let Some(id) = make {
        stage.make(id);
    }
    stage.step();
    stage.pass(20);
    stage
}

/// Blue/green got as far as all of the new, and no further: they have no traffic.
fn beside(split: Split) -> Stage {
    let mut stage = Stage::routed(3, Strategy::blue_green(), split);
    stage.ready(2, "d e f");
    left_mixed(stage)
}

#[test]
fn those_that_share_all_traffic_keep_it_until_one_can_take_it() {
    let mut stage = Stage::routed(4, Strategy::rolling().max_surge(4), Split::Pooled);
    stage.owe(route(&[(1, 1), (2, 1)]));
    stage.settle(done(None));
    stage.pass(20);
    stage.ready(2, "e f");
    stage.retire(1, "a b");
    stage.gone(1, "a b");
    let stage = next(left_mixed(stage), Strategy::blue_green(), "1.2.0", Some(3));
    let both = look().group(1, 2, "c+ d+").group(2, 2, "e+ f+").group(3, 0, "").good("1.2.0");
    row("none of them could alone", &stage, &both.clone().pool(&[(1, 1), (2, 1)]), "owed 10 raise 0003.0 0 to 1");
    let lost = look().group(1, 2, "c! d!").group(2, 2, "e+ f+").group(3, 0, "").good("1.2.0");
    row(
        "who has nobody left keeps nothing",
        &stage,
        &lost.pool(&[(1, 1), (2, 1)]),
        "owed 10 route 0002:1\nowed 11 raise 0003.0 0 to 1",
    );
}

#[test]
fn who_was_never_given_traffic_gets_none_from_another_rollout() {
    let all_there = || look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+");
    let back = next(beside(Split::Pooled), Strategy::blue_green(), "1.0.0", None);
    row("on the way back to the proven one", &back, &all_there().pool(&[(1, 1)]), "noted progress 3\nowed 7 drain 0002.0 d,e,f");
    let on = next(beside(Split::Pooled), Strategy::rolling(), "1.2.0", Some(3));
    let three = all_there().group(3, 0, "").good("1.2.0");
    row("nor on the way to a third", &on, &three.pool(&[(1, 1)]), "owed 8 route 0001:1,0003:1\nowed 9 drain 0002.0 d,e,f");
    let on = next(beside(WEIGHTED), Strategy::rolling().max_surge(3), "1.2.0", Some(3));
    let short = look().group(1, 2, "a+ b+").group(2, 3, "d+ e+ f+").group(3, 0, "").good("1.2.0");
    row(
        "nor what the proven one cannot carry",
        &on,
        &short.pool(&[(1, 1000)]),
        "noted gone 0001.0 c size 0001.0 2\nowed 8 route 0001:1000,0002:0,0003:0\nowed 9 drain 0002.0 d,e\nowed 10 raise 0003.0 0 to 1",
    );
}

#[test]
fn what_is_not_proven_leaves_first() {
    let mut stage = Stage::rolling(Strategy::new([Step::scale_beside(all())]).max_surge(3));
    stage.ready(2, "d e f");
    let stage = next(left_mixed(stage), Strategy::rolling().max_surge(1), "1.2.0", Some(3));
    let all_there = look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").group(3, 0, "").good("1.2.0");
    row("and going back stays what it was", &stage, &all_there, "owed 7 lower 0002.0 3 by d,e,f");
}

#[test]
fn who_serves_stays_while_who_does_not_could_make_the_room_for_a_probe() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    let mut stage = next(left_mixed(stage), Strategy::rolling().max_surge(0).max_unavailable(1), "1.2.0", Some(3));
    let fallen = |old: &str| look().group(1, 3, old).group(2, 1, "d!").group(3, 0, "").good("1.2.0");
    row("it goes itself", &stage, &fallen("a+ b+ c+"), "owed 7 lower 0002.0 1 by d");
    stage.owe(upkeep(2));
    row("once it can be told to", &stage, &fallen("a+ b+ c+"), "");
    row("nor does who may serve leave in its place", &stage, &fallen("a+ b+ c?"), "");
}

#[test]
fn traffic_that_others_gave_to_too_few_goes_back() {
    for (split, before, after, back) in [
        (Split::Binary, [(1, 1), (2, 0)], [(1, 0), (2, 1)], "0001:1,0002:0"),
        (WEIGHTED, [(1, 1000), (2, 0)], [(1, 0), (2, 1000)], "0001:1000,0002:0"),
    ] {
        let mut stage = Stage::routed(3, Strategy::blue_green(), split);
        stage.ready(2, "d");
        stage.note(|noted| noted.progress = Some(1));
        stage.owe(route(&before));
        stage.settle(done(None));
        stage.pass(20);
        let weights = after.map(|(id, weight)| (GenerationId(id), weight)).into();
        stage.note(|noted| noted.weights = Some(weights));
        stage.pass(30);
        let one = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+").pool(&after);
        row("to those who can carry it", &stage, &one, &format!("owed 8 route {back}\nowed 9 raise 0002.0 1 to 3"));
        let ill = look().group(1, 3, "a+ b+ c!").group(2, 1, "d+").pool(&after);
        if split == Split::Binary {
            row("to nobody, if nobody can", &stage, &ill, "owed 8 raise 0002.0 1 to 3");
        }
    }
}

#[test]
fn what_was_left_over_and_heals_is_healed_no_more() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.launch(2, "d");
    stage.owe(upkeep(2));
    stage.settle(done(None));
    let stage = next(left_mixed(stage), Strategy::rolling().max_surge(1), "1.2.0", Some(3));
    let ill = || look().group(1, 3, "a+ b+ c+").group(2, 1, "d-").group(3, 0, "").good("1.2.0");
    row("its provider would replace it for ever", &stage, &ill(), "owed 8 upkeep 0002 heal false");
    let mut refused = stage.clone();
    refused.owe(off(2));
    refused.settle(OpResult::Failed(refusal()));
    refused.pass(10);
    row("who may not say so removes what is there", &refused, &ill(), "owed 9 lower 0002.0 1 by d");
    refused.owe(super::kit::lower(2, 1, "d"));
    refused.settle(OpResult::Failed(refusal()));
    refused.pass(10);
    let said = ill().says_decide(&refused);
    assert!(said.contains("upkeep 0002 heal false"), "and says so again where it does not go: {said}");
    let mut copies = stage.clone();
    copies.owe(upkeep(2));
    let echo_until = Some(copies.now + MINUTE);
    copies.settle(OpResult::Done { size: None, refused: Vec::new(), echo_until, removed: None });
    row("as long as a copy of a call may arrive nothing is written", &copies, &ill(), "");
    copies.pass(60);
    row("and then it is", &copies, &ill(), "owed 9 upkeep 0002 heal false");
    let mut always = stage.clone();
    always.heals = Heals::Always;
    row("nor where nobody can", &always, &ill(), "owed 8 lower 0002.0 1 by d");
}

#[test]
fn the_proven_heals_until_its_corpses_leave_no_room() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    let well = look().group(1, 3, "a+ b+ c+ x<").group(2, 0, "");
    row("while it serves it may", &stage, &well, "noted appeared 0001.0 x");
    let corpses = || look().group(1, 3, "a- b- c- x< y<").group(2, 0, "");
    stage.note(|noted| drop(noted.unhealthy.insert(group(1), ["a", "b", "c"].map(key).into())));
    stage.note(|noted| drop(noted.appeared.insert(group(1), ["x", "y"].map(key).into())));
    let said = corpses().says_decide(&stage);
    assert!(said.contains("upkeep 0001 heal false"), "none for the fix: {said}");
    let mut asked = stage.clone();
    asked.owe(super::kit::raise(2, 0, 3));
    asked.settle(done(3));
    let said = look().group(1, 3, "a- b- c- x< y<").group(2, 3, "").says_decide(&asked);
    assert!(!said.contains("upkeep"), "there is room for all that is to come: {said}");
    stage.owe(off(1));
    stage.settle(done(None));
    let said = corpses().says_decide(&stage);
    assert!(!said.contains("upkeep"), "once: {said}");
}

#[test]
fn of_what_is_left_over_no_group_heals_and_each_may_what_any_of_them_may() {
    let zones = Stage::fleet(3).zones(["a".into(), "b".into()]);
    let stage = Stage::rolling_of(zones, Strategy::rolling().max_surge(1));
    let stage = next(left_mixed(stage), Strategy::rolling().max_surge(1), "1.2.0", Some(3));
    let first = Upkeep { heal: true, autoscale: true, ..Upkeep::NONE };
    let second = Upkeep { rebalance: true, ..Upkeep::NONE };
    let old = look().group(1, 3, "a+ b+ c+").group(1, 0, "").cell(1);
    let left = old.group(2, 0, "").may(first).group(2, 0, "").cell(1).may(second);
    let decided = left.group(3, 0, "").group(3, 0, "").cell(1).good("1.2.0").decide(&stage);
    let calls = decided.events.iter().filter_map(|event| match event {
        Event::Owed { call: Call::Upkeep(id, upkeep), .. } => Some((id.0, *upkeep)),
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), [(2, Upkeep { heal: false, rebalance: true, autoscale: true })]);
}

#[test]
fn what_may_heal_is_read_back_and_put_right_at_the_end() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d e f");
    stage.retire(1, "a b c");
    stage.gone(1, "a b c");
    stage.owe(upkeep(2));
    stage.settle(done(None));
    stage.note(|noted| noted.progress = Some(3));
    let all = |heal| look().group(1, 0, "").group(2, 3, "d+ e+ f+").heals(heal);
    row("as it was said", &stage, &all(true), "proven 0002 of 3\nmoved finishing forward until +3640s");
    row("somebody has said otherwise", &stage, &all(false), "noted upkeep 0002 does not heal\nowed 8 upkeep 0002 heal true");
    stage.owe(off(2));
    row("as long as a call is owed nothing is told", &stage, &all(false), "");
}

fn off(generation: u32) -> Call {
    Call::Upkeep(GenerationId(generation), Upkeep::NONE)
}

fn refusal() -> Refused {
    let (kind, retry) = (ErrorKind::Denied, Retry::Never);
    Refused { kind, retry, what: "not allowed".into(), found: None, echo_until: None }
}

#[test]
fn who_was_named_in_vain_is_counted_once() {
    let named = |kind: ErrorKind| {
        let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
        stage.ready(2, "d");
        stage.retire(1, "a");
        stage.gone(1, "a");
        stage.launch(2, "e");
        stage.pass(5);
        // Refused, and an earlier copy might still arrive, for 20 s.
        stage.owe(super::kit::lower(1, 2, "b"));
        let echo_until = Some(stage.now + std::time::Duration::from_secs(20));
        let retry = Retry::Backoff;
        stage.settle(OpResult::Failed(Refused { kind, retry, what: "refused".into(), found: None, echo_until }));
        stage
    };
    let mut stage = named(ErrorKind::Throttled);
    let live = |stage: &Stage, seconds: u64| {
        let mut stage = stage.clone();
        stage.pass(seconds);
        look().group(1, 2, "b+ c+").group(2, 2, "d+ e:").decide(&stage).report.counts.live
    };
    assert_eq!((live(&stage, 19), live(&stage, 20)), (5, 4), "as long as it may leave it counts besides");
    let aged = |seconds| {
        let mut stage = stage.clone();
        stage.pass(20);
        look().group(1, 2, "b+ c+").aged(seconds).group(2, 2, "d+ e:").decide(&stage).report.counts.live
    };
    assert_eq!((aged(1), aged(0)), (5, 4), "by a view from before, too");
    let part = look().group(1, 2, "b+ c+").partly().earlier(1, 2).group(2, 2, "d+ e:");
    let mut later = stage.clone();
    later.pass(20);
    assert_eq!(part.decide(&later).report.counts.live, 5, "and by a part");
    // Raised since, or perhaps since, its size may be that of others.
    let mut at_once = named(ErrorKind::Throttled);
    at_once.owe(super::kit::raise(1, 2, 3));
    at_once.settle(done(3));
    at_once.pass(60);
    assert_eq!(look().group(1, 3, "b+ c+").group(2, 2, "d+ e:").decide(&at_once).report.counts.live, 6);
    stage.pass(30);
    stage.owe(super::kit::raise(1, 2, 3));
    stage.settle(done(3));
    stage.pass(1);
    let raised = look().group(1, 3, "b+ c+").group(2, 2, "d+ e:").decide(&stage).report.counts.live;
    assert_eq!(raised, 6);
}

#[test]
fn what_is_gone_back_to_and_all_there_is_not_what_a_person_is_asked_about() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    stage.owe(upkeep(1));
    stage.pass(60 * 60);
    let asks = |old: &str| look().group(1, 3, old).group(2, 0, "").says_decide(&stage);
    let unanswered = "no answer to call 5, the upkeep of generation 0001, for 1h";
    assert!(asks("a+ b+ c+").ends_with(&format!("its deadline: {unanswered}")), "{}", asks("a+ b+ c+"));
    let one = format!("its deadline: 2 of 3 of generation 0001 are ready; {unanswered}");
    assert!(asks("a+ b+ c?").ends_with(&one), "{}", asks("a+ b+ c?"));
}
