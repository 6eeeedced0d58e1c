//! Weights that somebody else has set: which of them are a change at all, and when a person is asked about them.

use immutable_core::ErrorKind;
use immutable_core::error::Retry;
use immutable_core::fleet::{Drift, Fleet, GenerationId, OnDrift, Split};
use immutable_core::rollout::{OpResult, Phase, Refused, Strategy};

use super::kit::{Stage, done, paused, route, switch};
use super::sight::{Look, look};

/// On the way to 1.1.0 behind a pool with these weights.
fn routed(fleet: Fleet, weights: &[(u32, u16)]) -> Stage {
    let mut stage = Stage::proven_of(fleet, Strategy::rolling().max_surge(1));
    stage.switch = Some(switch(Split::Weighted { generations: 5, parts: 100 }));
    stage.fleet = stage.fleet.pool("web");
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.owe(route(weights));
    stage.settle(done(None));
    stage.step();
    stage.pass(20);
    stage
}

/// The same, and a person is asked about other weights.
fn pausing(weights: &[(u32, u16)]) -> Stage {
    routed(Stage::fleet(3).on_drift(Drift::Weights, OnDrift::Pause), weights)
}

fn both() -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, 0, "")
}

const HALVES: [(u32, u16); 2] = [(1, 50), (2, 50)];

/// Whether they are noted, and whether a person is asked about them.
fn said(stage: &Stage, look: &Look) -> (bool, bool) {
    let decided = look.says_decide(stage);
    (decided.contains("weights 0001:50,0002:50"), decided.contains("held: somebody else has changed it: pool web divides"))
}

#[test]
fn what_is_asked_about_is_noted_with_the_question_and_not_before() {
    let stage = pausing(&[(1, 100)]);
    assert_eq!(said(&stage, &both().pool(&HALVES)), (true, true));
    let part = look().group(1, 3, "a+ b+ c+").partly().group(2, 0, "").pool(&HALVES);
    assert_eq!(said(&stage, &part), (false, false), "a group that is not seen may be gone, and its weight with it");
    assert_eq!(said(&routed(Stage::fleet(3), &[(1, 100)]), &part), (true, false), "what nobody is asked about is known at once");
    let mut rests = stage.clone();
    let under = rests.state.rollout().unwrap().phase.clone();
    rests.moved(Phase::Held { why: paused(), resume: Box::new(under.clone()), since: rests.now });
    for look in [both().pool(&HALVES), part] {
        assert_eq!(said(&rests, &look), (false, false), "nor while nothing moves");
        look.decide(&rests).events.into_iter().for_each(|event| rests.apply(event));
    }
    rests.moved(under);
    assert_eq!(said(&rests, &both().pool(&HALVES)), (true, true), "it is asked about once it goes on");
}

#[test]
fn who_gets_no_requests_and_who_is_gone_is_no_change() {
    let changed = |stage: &Stage, look: Look| look.says_decide(stage).contains("divides");
    assert!(!changed(&pausing(&[(1, 100), (2, 0)]), both().pool(&[(1, 100)])), "it gets none either way");
    assert!(!changed(&pausing(&[(1, 100)]), both().pool(&[(1, 100), (2, 0)])));
    let mut stage = pausing(&HALVES);
    assert!(changed(&stage, both().pool(&[(1, 100)])));
    let deleted = look().group(1, 3, "a+ b+ c+").absent(2);
    assert!(!changed(&stage, deleted.pool(&[(1, 100)])), "it is deleted, and its weight with it");
    stage.note(|noted| noted.absent.push(GenerationId(2)));
    assert!(!changed(&stage, look().group(1, 3, "a+ b+ c+").pool(&HALVES)), "it is gone, and its weight is not yet");
}

#[test]
fn after_a_route_that_failed_nobody_can_tell_who_has_set_it() {
    let mut stage = pausing(&[(1, 100)]);
    stage.owe(route(&HALVES));
    let (kind, retry) = (ErrorKind::Internal, Retry::Backoff);
    stage.settle(OpResult::Failed(Refused { kind, retry, what: "no".into(), found: None, echo_until: None }));
    stage.pass(90);
    assert_eq!(said(&stage, &both().pool(&HALVES)), (true, false));
}
