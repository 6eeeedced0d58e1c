//! One rollout takes the place of another: planned only if it may, in every phase, from what there is, back to what is proven.

use immutable_core::error::ErrorKind;
use immutable_core::fleet::{FailureClass, GenerationId};
use immutable_core::rollout::{
    Call, Charge, Ending, Event, Hold, Need, Outcome, Phase, Plan, PlanFor, RevertCause, StepState, Strategy, Supersede, Wanted,
};

use super::kit::{MINUTE, Stage, artifact, capabilities, group, key, raise, removed};
use super::sight::{look, row};

fn replace() -> Strategy {
    Strategy::rolling().max_surge(1).supersede(Supersede::Replace)
}

fn planned(stage: &Stage, version: &str, strategy: &Strategy) -> Result<Plan, immutable_core::Error> {
    let (capabilities, artifact) = (capabilities(stage.heals), artifact(version));
    let (fleet, switch) = (&stage.fleet, stage.switch.as_ref());
    Plan::new(&stage.state, PlanFor { fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch })
}

/// The next rollout takes the place of the one that runs.
fn take_place(mut stage: Stage, version: &str) -> Stage {
    let plan = planned(&stage, version, &replace()).unwrap();
    let by = stage.state.next_rollout();
    stage.apply(Event::Ended { outcome: Outcome::Superseded { by } });
    stage.apply(Event::Opened { rollout: by, plan: Box::new(plan) });
    stage.claim();
    stage
}

fn halfway() -> Stage {
    let mut stage = Stage::rolling(replace());
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage
}

#[test]
fn it_is_planned_only_if_it_may() {
    let stage = halfway();
    let refused = planned(&stage, "1.2.0", &Strategy::rolling()).unwrap_err();
    let why = "rollout 2 to acmeinc/web 1.1.0 runs in fleet memory/local/local/web; wait for its end, abort it, or take its place with \
               `Strategy::supersede`";
    assert_eq!((refused.kind(), refused.to_string().as_str()), (ErrorKind::Busy, why));
    let plan = planned(&stage, "1.2.0", &replace()).unwrap();
    assert!(plan.to_string().contains("\n! rollout 2 runs: this one takes its place\n"), "{plan}");
    assert_eq!(plan.from().unwrap().version.to_string(), "1.0.0", "what is gone back to is what is proven");
    plan.check_basis(&stage.state).unwrap();
    let mut over = stage.clone();
    over.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: over.now + MINUTE });
    over.apply(Event::Ended { outcome: Outcome::LeftMixed });
    let stale = plan.check_basis(&over.state).unwrap_err().to_string();
    assert!(stale.contains("the rollout whose place it was to take has ended"), "{stale}");
}

#[test]
fn what_is_being_removed_is_not_wanted_again() {
    let mut stage = halfway();
    stage.ready(2, "e");
    stage.retire(1, "b c");
    stage.gone(1, "b c");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: immutable_core::Digest::of(b"as read") });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + MINUTE });
    let there = planned(&stage, "1.0.0", &replace()).unwrap();
    assert_eq!(*there.wanted(), Wanted::Existing(GenerationId(1)));
    there.check_basis(&stage.state).unwrap();
    stage.owe(Call::Destroy(GenerationId(1)));
    let owed = stage.clone();
    stage.settle(removed());
    for stage in [owed, stage] {
        assert_eq!(planned(&stage, "1.0.0", &replace()).unwrap().wanted().id(), GenerationId(3));
        let stale = there.check_basis(&stage.state).unwrap_err().to_string();
        assert!(stale.contains("the generation that it wants is being removed"), "{stale}");
    }
}

#[test]
fn it_may_come_in_every_phase() {
    let stage = halfway();
    let at = StepState::Moving { give_up_at: stage.now + MINUTE };
    let stepping = stage.state.rollout().unwrap().phase.clone();
    let held = |why| Phase::Held { why, resume: Box::new(stepping.clone()), since: stage.now };
    let mut preparing = Stage::proven_of(Stage::fleet(3), replace());
    preparing.open("1.1.0");
    preparing.claim();
    for (what, phase) in [
        ("stepping", None),
        ("reverting", Some(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at })),
        ("finishing", Some(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + MINUTE })),
        ("asked", Some(held(Hold::Needs(Need::StuckLeaving { why: "it is protected".into() })))),
        ("paused", Some(held(super::kit::paused()))),
    ] {
        let mut stage = stage.clone();
        phase.into_iter().for_each(|phase| stage.moved(phase));
        stage.owe(raise(2, 1, 2));
        let next = take_place(stage, "1.2.0");
        assert!(matches!(next.state.rollout().unwrap().phase, Phase::Preparing { .. }), "{what}");
        assert_eq!(next.state.owed().count(), 1, "{what}: what is owed stays owed");
        let last = next.state.last().unwrap();
        assert_eq!(last.1.to_string(), "superseded by rollout 3", "{what}");
    }
    assert_eq!(take_place(preparing, "1.2.0").state.proven().unwrap().spec.version.to_string(), "1.0.0");
    // By nobody but the next.
    let by = immutable_core::id::RolloutId(4);
    let mut wrong = halfway();
    let recorded = wrong.recorded(Event::Ended { outcome: Outcome::Superseded { by } });
    assert!(wrong.state.evolve(&recorded).is_err());
}

#[test]
fn what_the_other_launched_is_one_more_of_those_that_leave_and_leaves_first() {
    let mut stage = take_place(halfway(), "1.2.0");
    stage.make(3);
    stage.step();
    let three = look().group(1, 2, "b+ c+").group(2, 1, "d+").group(3, 0, "").good("1.2.0");
    row("there is room for one", &stage, &three, "owed 8 raise 0003.0 0 to 1");
    stage.ready(3, "e");
    stage.note(|noted| noted.progress = Some(1));
    let three = look().group(1, 2, "b+ c+").group(2, 1, "d+").group(3, 1, "e+").runs("1.2.0").good("1.2.0");
    row("the one that is not proven makes room", &stage, &three, "owed 9 lower 0002.0 1 by d");
    let revoked = three.revoked("1.2.0");
    row(
        "back is to what is proven, through the chain",
        &stage,
        &revoked,
        "moved back to 0001 until +3650s: the release was revoked: it leaks",
    );
}

#[test]
fn to_submit_what_is_proven_is_to_go_back() {
    let stage = halfway();
    let plan = planned(&stage, "1.0.0", &replace()).unwrap();
    assert_eq!(*plan.wanted(), Wanted::Existing(GenerationId(1)));
    let mut stage = take_place(stage, "1.0.0");
    stage.step();
    let both = look().group(1, 2, "b+ c+").group(2, 1, "d+");
    row("it needs no trial", &stage, &both, "noted progress 2\nowed 7 raise 0001.0 2 to 3");
}

#[test]
fn a_call_of_the_other_that_is_owed_still_is_withdrawn_once_it_cannot_arrive() {
    let mut stage = halfway();
    stage.owe(raise(2, 1, 3));
    let mut stage = take_place(stage, "1.2.0");
    stage.make(3);
    stage.step();
    stage.pass(70);
    let three = || look().group(1, 2, "b+ c+").group(2, 1, "d+").group(3, 0, "").good("1.2.0");
    let withdrawn = "settled 7 failed Stale found Some(1): withdrawn: it was decided on a view that no longer holds";
    row("it is not what is wanted any more", &stage, &three(), withdrawn);
}

#[test]
fn what_failed_by_its_own_fault_is_refused_unless_it_is_forced() {
    let mut stage = Stage::rolling(replace());
    stage.launch(2, "d");
    let class = FailureClass::Health;
    let charge = Charge { group: group(2), instance: Some(key("d")), incident: None, class, what: "it crashed".into() };
    stage.note(|noted| noted.charged.push(charge.clone()));
    let back = |why| Phase::Reverting { why, to: GenerationId(1), at: StepState::Moving { give_up_at: stage.now + MINUTE } };
    let mut failed = stage.clone();
    failed.moved(back(RevertCause::Failed("its first instance failed: it crashed".into())));
    let why = "acmeinc/web 1.1.0 was given up in fleet memory/local/local/web at 2026-11-21T09:00:30.000Z: its first instance failed: it \
               crashed; build another version, or try it again with `Strategy::force`";
    assert_eq!(planned(&failed, "1.1.0", &replace()).unwrap_err().to_string(), why);
    planned(&failed, "1.1.0", &replace().force()).unwrap();
    planned(&failed, "1.2.0", &replace()).unwrap();
    for (what, cause, refused) in [
        ("a judge has said no", RevertCause::Judged("errors".into()), true),
        ("somebody asked for it", RevertCause::Asked, false),
        ("it took too long", RevertCause::Deadline, false),
        ("somebody removed it", RevertCause::Gone("deleted".into()), false),
        ("nobody has approved", RevertCause::Unanswered("0 of 1".into()), false),
        ("it leaks", RevertCause::Revoked("leak".into()), false),
    ] {
        let mut stage = stage.clone();
        stage.moved(back(cause));
        assert_eq!(stage.state.given_up(stage.plan_of("1.1.0")).is_some(), refused, "{what}");
    }
    let mut first = Stage::first(Stage::fleet(3), replace());
    first.launch(1, "a");
    let mut torn = first.clone();
    torn.note(|noted| noted.charged.push(Charge { group: group(1), instance: Some(key("a")), ..charge }));
    for (stage, refused) in [(&mut torn, true), (&mut first, false)] {
        stage.moved(Phase::Finishing { ending: Ending::Nothing, give_up_at: stage.now + MINUTE });
        assert_eq!(stage.state.given_up(stage.plan_of("1.0.0")).is_some(), refused, "a first one");
    }
}

#[test]
fn what_is_proven_after_all_is_not_held_against_it() {
    let mut stage = halfway();
    let release = stage.plan_of("1.1.0");
    stage.note(|noted| {
        let class = FailureClass::Health;
        noted.charged.push(Charge {
            group: group(2),
            instance: Some(key("d")),
            incident: None,
            class,
            what: "it crashed".into(),
        });
    });
    let at = StepState::Moving { give_up_at: stage.now + MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Failed("1 failed".into()), to: GenerationId(1), at });
    assert!(stage.state.given_up(release).is_some());
    stage.strategy = replace().force();
    let mut stage = {
        let plan = planned(&stage, "1.1.0", &stage.strategy).unwrap();
        let by = stage.state.next_rollout();
        stage.apply(Event::Ended { outcome: Outcome::Superseded { by } });
        stage.apply(Event::Opened { rollout: by, plan: Box::new(plan) });
        stage.claim();
        stage
    };
    stage.step();
    stage.ready(2, "e f");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: immutable_core::Digest::of(b"") });
    assert!(stage.state.given_up(release).is_none());
}
