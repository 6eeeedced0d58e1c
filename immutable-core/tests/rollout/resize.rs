//! A fleet is resized while it is replaced: whose the difference is, what is refused, and that nothing is broken on the way down.

use immutable_core::fleet::{FleetCapabilities, GenerationId, Split};
use immutable_core::id::{Actor, StreamVersion};
use immutable_core::rollout::{
    Command, CommandId, Ending, Event, OnResize, Outcome, Percent, Phase, Plan, PlanFor, RevertCause, Step, StepState, Strategy,
    What, command,
};

use super::kit::{MINUTE, Stage, artifact, capabilities, drain, lower, paused};
use super::sight::{look, row, said};

fn percent(percent: u16) -> Percent {
    Percent::new(percent.into()).unwrap()
}

/// Asks for another size; what it comes to.
fn resize(stage: &mut Stage, size: u32) -> String {
    let id = CommandId::of(&format!("{size} {}", stage.state.inbox_read().0));
    let asked = Command { id, by: Actor::new("sam"), about: stage.rollout(), what: What::Resize(size) };
    let events = command(&stage.state, &asked, StreamVersion(stage.state.inbox_read().0 + 1), stage.now);
    events.iter().for_each(|event| stage.apply(event.clone()));
    events.iter().map(said).collect::<Vec<_>>().join("; ")
}

/// Half of four are new: `a b` of the old, `e f` of the new.
fn half(then: OnResize) -> Stage {
    let steps = [Step::scale(percent(50)), Step::bake(MINUTE), Step::scale(percent(100))];
    let mut stage = Stage::rolling_of(Stage::fleet(4), Strategy::new(steps).max_surge(percent(50)).on_resize(then));
    stage.ready(2, "e f");
    stage.retire(1, "c d");
    stage.gone(1, "c d");
    stage.note(|noted| noted.progress = Some(2));
    stage
}

fn half_seen() -> super::sight::Look {
    look().group(1, 2, "a+ b+").group(2, 2, "e+ f+")
}

#[test]
fn whose_the_difference_is_the_strategy_says() {
    for (then, up, down) in [
        (OnResize::Proportional, "owed 7 raise 0002.0 2 to 4", "owed 7 lower 0001.0 2 by a\nowed 8 lower 0002.0 2 by e"),
        (OnResize::NewFirst, "owed 7 raise 0002.0 2 to 6", "owed 7 lower 0001.0 2 by a,b"),
        (OnResize::Freeze, "moved gate 1 until +100s", "moved gate 1 until +100s"),
    ] {
        let mut grown = half(then);
        assert_eq!(resize(&mut grown, 8), "heard and carried out; resized to 8");
        row(&format!("up, {then:?}"), &grown, &half_seen(), up);
        let mut shrunk = half(then);
        resize(&mut shrunk, 2);
        row(&format!("down, {then:?}"), &shrunk, &half_seen(), down);
    }
}

#[test]
fn who_was_to_leave_a_smaller_fleet_stays_where_it_has_grown_again() {
    let steps = [Step::scale(percent(50)), Step::bake(MINUTE), Step::scale(percent(100))];
    let strategy = Strategy::new(steps).max_surge(percent(50)).max_unavailable(percent(100));
    for (call, pooled) in [(lower(1, 2, "a"), false), (drain(1, "a"), true)] {
        let mut stage = match pooled {
            true => Stage::routed(4, strategy.clone(), Split::Pooled),
            false => Stage::rolling_of(Stage::fleet(4), strategy.clone()),
        };
        stage.ready(2, "e f");
        stage.retire(1, "c d");
        stage.gone(1, "c d");
        stage.note(|noted| noted.progress = Some(2));
        resize(&mut stage, 2);
        stage.owe(call.clone());
        stage.pass(60);
        let seen = || if pooled { half_seen().pool(&[(1, 1), (2, 1)]) } else { half_seen() };
        let stands = |stage: &Stage| seen().says_decide(stage).contains("renewed");
        assert!(stands(&stage), "one of the old is to stay: {call:?}");
        resize(&mut stage, 4);
        assert!(!stands(&stage), "two are: {call:?}");
    }
}

#[test]
fn a_size_that_is_held_back_comes_when_the_rollout_has_ended() {
    for (then, meanwhile) in [(OnResize::Freeze, 4), (OnResize::Proportional, 8)] {
        let mut stage = half(then);
        resize(&mut stage, 8);
        assert_eq!(stage.state.desired(), meanwhile);
        stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + MINUTE });
        stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
        assert_eq!(stage.state.desired(), 8);
    }
}

#[test]
fn on_the_way_down_the_floor_is_the_new_one_and_nobody_is_launched() {
    let mut stage = Stage::rolling_of(Stage::fleet(5), Strategy::rolling().max_surge(1));
    stage.ready(2, "f g");
    stage.retire(1, "a b");
    stage.gone(1, "a b");
    stage.note(|noted| noted.progress = Some(2));
    resize(&mut stage, 2);
    let five = || look().group(1, 3, "c+ d+ e+").group(2, 2, "f+ g+");
    row("the old go, all that are too many", &stage, &five(), "owed 7 lower 0001.0 3 by c,d,e");
    let ill = look().group(1, 3, "c+ d+ e+").group(2, 2, "f+ g?");
    row("but not who serves for one that is in doubt", &stage, &ill, "owed 7 lower 0001.0 3 by c,d");
    let mut nothing = stage.clone();
    resize(&mut nothing, 0);
    row(
        "to nothing, but for the one that proves it",
        &nothing,
        &five(),
        "owed 7 lower 0001.0 3 by c,d,e\nowed 8 lower 0002.0 2 by f",
    );
    let one = look().group(1, 0, "").group(2, 1, "g+");
    nothing.retire(1, "c d e");
    nothing.retire(2, "f");
    nothing.gone(1, "c d e");
    nothing.gone(2, "f");
    resize(&mut nothing, 3);
    row("and back", &nothing, &one, "owed 9 raise 0002.0 1 to 3");
}

#[test]
fn a_size_that_the_plan_cannot_have_is_refused_with_why() {
    let mut stage = half(OnResize::Proportional);
    assert_eq!(resize(&mut stage, 4), "heard its size is 4 already");
    resize(&mut stage, 6);
    assert_eq!(resize(&mut stage, 6), "heard its size is 6 already");
    let mut few = Stage::rolling(Strategy::rolling().max_surge(0).max_unavailable(percent(34)));
    let why = resize(&mut few, 2);
    assert!(why.starts_with("heard it cannot have 2 instances: ") && why.contains("max_unavailable 34%"), "{why}");
    let mut beside = Stage::routed(3, Strategy::blue_green().max_surge(3), Split::Binary);
    let why = resize(&mut beside, 8);
    assert!(why.starts_with("heard it cannot have 8 instances: step 1"), "{why}");
    let mut binary = Stage::routed(3, Strategy::rolling().max_surge(3), Split::Binary);
    let why = resize(&mut binary, 8);
    assert!(why.contains("8 old and 8 new must be ready at once, and 11 may be"), "{why}");
    // One whose groups are small.
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(1));
    let (small, artifact) = (FleetCapabilities { group_size_max: 4, ..capabilities(stage.heals) }, artifact("1.1.0"));
    let wish =
        PlanFor { fleet: &stage.fleet, artifact: &artifact, strategy: &stage.strategy, capabilities: &small, switch: None };
    let plan = Box::new(Plan::new(&stage.state, wish).unwrap());
    stage.apply(Event::Opened { rollout: stage.state.next_rollout(), plan });
    stage.claim();
    stage.make(2);
    stage.step();
    let mut full = stage.clone();
    resize(&mut full, 2);
    assert_eq!(resize(&mut full, 3), "heard and carried out; resized to 3", "with the one on its way as many as it holds");
    let why =
        "heard it cannot have 4 instances, 5 with those on their way: generation 0002 holds at most 4; plan it anew at that size";
    assert_eq!(resize(&mut stage, 4), why);
}

#[test]
fn what_is_asked_for_now_has_the_time_that_any_step_has() {
    let mut stage = half(OnResize::Proportional);
    stage.pass(600);
    resize(&mut stage, 8);
    let until = stage.state.rollout().unwrap().phase.give_up_at().unwrap();
    assert_eq!(until.since(stage.now), 20 * MINUTE);
    let until = stage.now;
    let moving = StepState::Moving { give_up_at: until };
    let back = Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at: moving };
    let finishing = |ending| Phase::Finishing { ending, give_up_at: until };
    let held = |phase: &Phase| Phase::Held { why: paused(), resume: Box::new(phase.clone()), since: stage.now };
    let (ends, keeps) = (finishing(Ending::Mixed), finishing(Ending::Keep));
    for (phase, minutes) in [(&back, 60), (&ends, 60), (&keeps, 0), (&held(&back), 60)] {
        let mut stage = half(OnResize::Proportional);
        stage.pass(600);
        stage.moved(phase.clone());
        resize(&mut stage, 8);
        let phase = match &stage.state.rollout().unwrap().phase {
            Phase::Held { resume, .. } => resume,
            phase => phase,
        };
        assert_eq!(phase.give_up_at().unwrap().since(stage.now), minutes * MINUTE, "{phase:?}");
    }
    let mut frozen = half(OnResize::Freeze);
    let before = frozen.state.rollout().unwrap().phase.clone();
    frozen.pass(600);
    resize(&mut frozen, 8);
    assert_eq!(frozen.state.rollout().unwrap().phase, before);
}

#[test]
fn what_was_refused_has_changed_no_size_and_who_follows_somebody_has_the_size_they_say() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(2));
    stage.fleet = Stage::fleet(5);
    stage.open("1.1.0");
    stage.claim();
    for (set, desired) in [(None, 3), (Some(6), 6)] {
        let mut stage = stage.clone();
        set.into_iter().for_each(|size| drop(resize(&mut stage, size)));
        stage.moved(Phase::Finishing { ending: Ending::Refused { why: "why".into() }, give_up_at: stage.now + MINUTE });
        stage.apply(Event::Ended { outcome: Outcome::Refused("why".into()) });
        assert_eq!(stage.state.desired(), desired);
    }
    let mut follows = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(2));
    follows.fleet = Stage::fleet(5).follows("queue", 1..=5);
    follows.open("1.0.0");
    follows.claim();
    follows.step();
    let at = StepState::Moving { give_up_at: follows.now + MINUTE };
    follows.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    assert_eq!(follows.state.desired(), 5);
}

#[test]
fn going_back_takes_back_the_size_of_the_plan_and_no_size_that_was_set_since() {
    for (set, desired) in [(None, 3), (Some(6), 6)] {
        let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(2));
        stage.fleet = Stage::fleet(5);
        stage.open("1.0.0");
        stage.claim();
        stage.step();
        set.into_iter().for_each(|size| drop(resize(&mut stage, size)));
        let at = StepState::Moving { give_up_at: stage.now + MINUTE };
        stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
        assert_eq!(stage.state.desired(), desired);
    }
}
