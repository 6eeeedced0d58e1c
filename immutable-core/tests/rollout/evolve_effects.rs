//! What each event leaves behind, to the number.

use immutable_core::Timestamp;
use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{FailureClass, GenerationId};
use immutable_core::id::{OwnerId, RolloutId, StepIx};
use immutable_core::rollout::{
    Charge, Ending, Event, GenerationState, Hold, Member, Need, OpResult, Outcome, Phase, Refused, RevertCause, StepState,
    Strategy,
};

use super::kit::{MINUTE, Stage, done, give_up, group, key, keys, lower, paused, raise};

fn rolling() -> Stage {
    Stage::rolling(Strategy::rolling().max_surge(2))
}

fn generation(stage: &Stage, id: u32) -> &GenerationState {
    &stage.state.generations()[&GenerationId(id)]
}

fn member(stage: &Stage, id: u32, name: &str) -> Member {
    stage.state.slots(group(id)).unwrap().members[&key(name)]
}

fn best(stage: &Stage) -> u32 {
    stage.state.rollout().unwrap().best
}

#[test]
fn a_claim_gives_back_what_nobody_can_have_watched_of_a_silence_of_more_than_two_minutes() {
    for (silence, given) in [(119, 0), (120, 0), (121, 61), (3600, 3540)] {
        let mut stage = rolling();
        stage.launch(2, "d e");
        stage.healthy(2, "e");
        let before = stage.clone();
        let until = |stage: &Stage| stage.state.rollout().unwrap().phase.give_up_at().unwrap();
        stage.pass(silence);
        stage.apply(Event::Claimed { owner: OwnerId::new("two"), echo_until: stage.now });
        assert_eq!(until(&stage).since(until(&before)).as_secs(), given, "the phase, after {silence} s");
        let later = |name| member(&stage, 2, name).seen.since(member(&before, 2, name).seen).as_secs();
        assert_eq!((later("d"), later("e")), (given, 0), "who boots, and who was healthy once");
    }
}

#[test]
fn what_was_watched_is_not_given_back_and_who_watched_says_so() {
    let mut stage = rolling();
    let until = stage.state.rollout().unwrap().phase.give_up_at();
    for slice in 0..5 {
        for _ in 0..4 {
            stage.pass(60);
            stage.apply(Event::Watched);
        }
        stage.apply(Event::Claimed { owner: OwnerId::new("two"), echo_until: stage.now });
        assert_eq!(stage.state.rollout().unwrap().phase.give_up_at(), until, "slice {slice}");
    }
}

#[test]
fn who_boots_has_all_the_time_it_had_when_what_stood_still_goes_on() {
    let mut stage = rolling();
    stage.launch(2, "d e");
    stage.healthy(2, "e");
    let before = stage.clone();
    let resume = Box::new(stage.state.rollout().unwrap().phase.clone());
    stage.moved(Phase::Held { why: paused(), resume: resume.clone(), since: stage.now });
    stage.pass(1000);
    // Nobody watches what is paused.
    stage.claim();
    stage.pass(1000);
    stage.moved((*resume).clone());
    let later = |name| member(&stage, 2, name).seen.since(member(&before, 2, name).seen).as_secs();
    assert_eq!((later("d"), later("e")), (2000, 0));
}

#[test]
fn what_had_to_be_left_alone_is_for_as_long_after_a_claim() {
    let mut stage = rolling();
    stage.owe(raise(2, 0, 1));
    let echo_until = Some(stage.now + MINUTE);
    stage.settle(OpResult::Done { size: Some(1), refused: Vec::new(), echo_until, removed: None });
    stage.pass(20);
    stage.apply(Event::Watched);
    let quiet = |stage: &Stage| stage.state.generations()[&GenerationId(2)].groups[&0].quiet_until;
    assert_eq!(quiet(&stage).since(stage.now).as_secs(), 40);
    for (clock, left) in [(0, 40), (30, 10), (120, 0), (121, 40), (3600, 40)] {
        let mut claimed = stage.clone();
        claimed.pass(clock);
        claimed.claim();
        assert_eq!(quiet(&claimed).since(claimed.now).as_secs(), left, "{clock} s later, or so the clock says");
    }
    for passed in [40, 41] {
        let mut stage = stage.clone();
        stage.pass(passed);
        stage.apply(Event::Watched);
        let over = quiet(&stage);
        stage.pass(3600);
        stage.claim();
        assert_eq!(quiet(&stage), over, "what is over is over, {passed} s later");
    }
}

#[test]
fn a_claim_makes_what_is_owed_uncertain_for_as_long_as_a_copy_may_arrive() {
    let mut stage = rolling();
    stage.owe(raise(2, 0, 1));
    let echo_until = stage.now + MINUTE;
    stage.apply(Event::Claimed { owner: OwnerId::new("two"), echo_until });
    stage.apply(Event::Claimed { owner: OwnerId::new("three"), echo_until: stage.now });
    let (op, owed) = stage.state.owed().next().unwrap();
    assert_eq!((owed.uncertain, owed.echo_until), (true, echo_until));
    let basis = owed.basis;
    for (at, says) in [(basis + MINUTE, basis + MINUTE), (basis, basis + MINUTE)] {
        stage.apply(Event::Renewed { op, basis: at });
        assert_eq!(stage.state.owed().next().unwrap().1.basis, says, "a basis only becomes newer");
    }
}

#[test]
fn a_rollout_begins_without_charges_and_tries_and_blames_nobody_who_was_there() {
    let mut stage = rolling();
    stage.launch(2, "d");
    let charge = |stage: &mut Stage| {
        let class = FailureClass::Health;
        let charge = Charge { group: group(2), instance: Some(key("d")), incident: None, class, what: "x".into() };
        stage.note(|noted| noted.charged.push(charge));
    };
    charge(&mut stage);
    charge(&mut stage);
    assert_eq!((generation(&stage, 2).asked, generation(&stage, 2).appeared), (1, 1));
    assert_eq!(generation(&stage, 2).charged[&FailureClass::Health], 2);
    assert!(member(&stage, 2, "d").charged);
    stage.launch(2, "e");
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.fleet = Stage::fleet(5);
    stage.gone(1, "a");
    stage.pass(120);
    stage.open("1.1.0");
    assert_eq!((generation(&stage, 2).asked, generation(&stage, 2).appeared), (0, 0));
    assert!(member(&stage, 2, "e").charged && !member(&stage, 1, "b").charged);
    assert!(stage.state.slots(group(1)).unwrap().members.contains_key(&key("a")), "two minutes are not enough to forget");
    assert_eq!(stage.state.desired(), 5);
    stage.appear(2, "f");
    assert_eq!(generation(&stage, 2).appeared, 0, "before the first step nobody is on trial");
    assert!(member(&stage, 2, "f").charged);
    stage.step();
    stage.appear(2, "g");
    assert_eq!((generation(&stage, 2).appeared, member(&stage, 2, "g").charged), (1, false));
}

#[test]
fn what_is_there_of_the_wanted_release_is_launched_already() {
    for (launch, launched) in [("", false), ("d", true)] {
        let mut stage = rolling();
        if !launch.is_empty() {
            stage.launch(2, launch);
        }
        stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now });
        stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
        stage.open("1.1.0");
        assert_eq!(stage.state.rollout().unwrap().wanted, GenerationId(2));
        assert_eq!(stage.state.rollout().unwrap().launched, launched, "{launch:?}");
    }
}

#[test]
fn a_new_maximum_is_progress_and_gives_the_step_its_time_anew() {
    let mut stage = rolling();
    stage.pass(100);
    for (progress, most) in [(2, 2), (1, 2), (3, 3)] {
        stage.note(|noted| noted.progress = Some(progress));
        assert_eq!(best(&stage), most);
    }
    let phase = &stage.state.rollout().unwrap().phase;
    assert_eq!(phase.give_up_at(), Some(stage.now + 20 * MINUTE));
    let at = StepState::Moving { give_up_at: stage.now + MINUTE };
    let back = Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at };
    let mut next = stage.clone();
    next.moved(Phase::Stepping { step: StepIx(1), at });
    assert_eq!(best(&next), 0, "each step has its own");
    stage.moved(back);
    assert_eq!(best(&stage), 0);
    stage.note(|noted| noted.progress = Some(1));
    let phase = &stage.state.rollout().unwrap().phase;
    assert_eq!(phase.give_up_at(), Some(stage.now + MINUTE), "a rollback has its time once");
}

#[test]
fn a_hold_keeps_what_was_reached() {
    let mut stage = rolling();
    stage.note(|noted| noted.progress = Some(2));
    let resume = Box::new(stage.state.rollout().unwrap().phase.clone());
    stage.moved(Phase::Held { why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }), resume, since: stage.now });
    assert_eq!(best(&stage), 2);
}

#[test]
fn only_a_resize_that_is_taken_back_takes_back_the_size() {
    for (version, size) in [("1.0.0", 3), ("1.1.0", 5)] {
        let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
        stage.fleet = Stage::fleet(5);
        stage.open(version);
        let at = StepState::Moving { give_up_at: stage.now + MINUTE };
        stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
        assert_eq!(stage.state.desired(), size, "{version}");
    }
}

#[test]
fn an_instances_health_is_as_last_noted() {
    let mut stage = rolling();
    let before = member(&stage, 1, "a");
    stage.pass(7);
    let ill = |stage: &mut Stage| stage.note(|noted| drop(noted.unhealthy.insert(group(1), keys("a").into_iter().collect())));
    ill(&mut stage);
    assert_eq!(member(&stage, 1, "a"), Member { healthy: None, ill: Some(stage.now), once: true, ..before });
    stage.pass(7);
    stage.healthy(1, "a");
    assert_eq!(member(&stage, 1, "a"), Member { healthy: Some(stage.now), ill: None, once: true, ..before });
    stage.note(|noted| noted.exercised.push(GenerationId(1)));
    assert!(generation(&stage, 1).first_ready.unwrap() < stage.now, "the first is the first");
    let mut preparing = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    preparing.open("1.1.0");
    ill(&mut preparing);
    assert!(!member(&preparing, 1, "a").once, "who was ill before the first step says nothing");
}

#[test]
fn an_instance_is_kept_in_few_words_and_survives_json() {
    let mut stage = rolling();
    stage.owe(lower(1, 3, "b"));
    stage.gone(1, "c");
    let at = |at: Timestamp| serde_json::to_string(&at).unwrap();
    let Member { seen, healthy, .. } = member(&stage, 1, "a");
    let [plain, named, gone] = ["a", "b", "c"].map(|name| serde_json::to_string(&member(&stage, 1, name)).unwrap());
    let words = format!(r#"{{"s":{},"h":{},"o":true"#, at(seen), at(healthy.unwrap()));
    assert_eq!(plain, format!("{words}}}"));
    assert_eq!(named, format!(r#"{words},"e":"named","n":{}}}"#, at(stage.now)));
    assert_eq!(gone, format!(r#"{words},"e":"gone"}}"#));
    for (name, json) in [("a", plain), ("b", named), ("c", gone)] {
        assert_eq!(serde_json::from_str::<Member>(&json).unwrap(), member(&stage, 1, name));
    }
}

#[test]
fn launches_asked_for_are_counted_and_those_given_up_are_not() {
    let mut stage = rolling();
    let asked = |stage: &Stage| generation(stage, 2).asked;
    stage.owe(raise(2, 0, 3));
    stage.settle(done(2));
    assert_eq!(asked(&stage), 2, "as many as were granted");
    let raised_at = stage.now;
    stage.pass(5);
    stage.owe(give_up(2, 2, 1));
    stage.settle(done(1));
    let slots = stage.state.slots(group(2)).unwrap();
    assert_eq!((asked(&stage), slots.size, slots.short, slots.failures), (1, 1, true, 0));
    assert_eq!((slots.raised_at, slots.settled_at), (raised_at, stage.now));
    stage.appear(2, "d");
    assert!(!stage.state.slots(group(2)).unwrap().short, "one came after all");
    stage.owe(raise(2, 1, 2));
    stage.settle(OpResult::Unknown { echo_until: None });
    assert_eq!(asked(&stage), 1, "nobody knows yet");
}

#[test]
fn what_is_known_of_a_gate_is_written_if_anything_is() {
    let gate = immutable_core::rollout::Approve::by(["ann", "bob"]).least(2);
    let mut stage = Stage::rolling(Strategy::rolling().gate(gate));
    stage.ready(2, "d e f");
    let gating = Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until: None } };
    stage.moved(gating);
    let written = |stage: &Stage| serde_json::to_value(&stage.state).unwrap()["rollout"].get("gate").cloned();
    assert_eq!(written(&stage), None);
    stage.apply(Event::Approved { step: StepIx(1), by: "ann".into() });
    assert_eq!(written(&stage), Some(serde_json::json!({ "approved": ["ann"] })));
    let read: immutable_core::rollout::FleetState = serde_json::from_value(serde_json::to_value(&stage.state).unwrap()).unwrap();
    assert_eq!(read, stage.state);
}

#[test]
fn what_stands_still_goes_on_in_the_same_place_and_in_no_other() {
    let at = |stage: &Stage, minutes| StepState::Moving { give_up_at: stage.now + minutes * MINUTE };
    let back =
        |stage: &Stage, to, minutes| Phase::Reverting { why: RevertCause::Asked, to: GenerationId(to), at: at(stage, minutes) };
    let preparing = |stage: &Stage, minutes| Phase::Preparing { give_up_at: stage.now + minutes * MINUTE };
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    stage.open("1.1.0");
    stage.claim();
    let paused_in = |stage: &Stage, phase: &Phase| {
        let mut stage = stage.clone();
        stage.moved(phase.clone());
        stage.moved(Phase::Held { why: paused(), resume: Box::new(phase.clone()), since: stage.now });
        stage
    };
    let follows = |stage: &Stage, to: Phase| stage.state.clone().evolve(&stage.recorded(Event::Moved { to })).is_ok();
    let mut first = stage.clone();
    first.moved(Phase::Held { why: paused(), resume: Box::new(preparing(&stage, 20)), since: stage.now });
    assert!(follows(&first, preparing(&first, 25)), "at another time");
    stage.make(2);
    let going_back = paused_in(&stage, &back(&stage, 1, 5));
    assert_eq!([1, 2].map(|to| follows(&going_back, back(&stage, to, 10))), [true, false], "the way back leads where it led");
    assert!(!follows(&going_back, preparing(&stage, 10)));
}

#[test]
fn who_is_gone_is_remembered_for_as_long_as_an_old_view_may_still_show_them() {
    for (seconds, remembered) in [(119, true), (120, true), (121, false)] {
        let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
        stage.ready(2, "d");
        stage.retire(1, "a");
        stage.gone(1, "a");
        stage.apply(Event::Ended { outcome: Outcome::Superseded { by: RolloutId(3) } });
        stage.pass(seconds);
        stage.open("1.0.0");
        let members = &stage.state.slots(group(1)).unwrap().members;
        assert_eq!(members.contains_key(&key("a")), remembered, "after {seconds} s");
        assert!(members.contains_key(&key("b")));
    }
}

#[test]
fn who_was_told_to_finish_while_nobody_watched_has_its_time_too() {
    for (silence, given) in [(120, 0), (3600, 3540)] {
        let mut stage = Stage::routed(3, Strategy::rolling().max_surge(1), immutable_core::fleet::Split::Pooled);
        stage.owe(super::kit::drain(1, "a"));
        stage.settle(done(None));
        let told = |stage: &Stage| member(stage, 1, "a").draining.unwrap();
        let before = told(&stage);
        stage.pass(silence);
        stage.apply(Event::Claimed { owner: OwnerId::new("two"), echo_until: stage.now });
        assert_eq!(told(&stage).since(before).as_secs(), given, "after {silence} s");
    }
}

#[test]
fn who_was_told_to_finish_in_vain_serves_on_unless_a_copy_may_tell_it_yet() {
    let mut stage = Stage::routed(3, Strategy::rolling().max_surge(1), immutable_core::fleet::Split::Pooled);
    stage.owe(super::kit::drain(1, "a"));
    let now = stage.now;
    for (echo_until, drains) in [(None, false), (Some(now), false), (Some(now + MINUTE), true)] {
        let mut refused = stage.clone();
        let (kind, retry) = (ErrorKind::Unreachable, Retry::Backoff);
        refused.settle(OpResult::Failed(Refused { kind, retry, what: "no answer".into(), found: None, echo_until }));
        assert_eq!(member(&refused, 1, "a").draining.is_some(), drains, "a copy may arrive until {echo_until:?}");
    }
}
