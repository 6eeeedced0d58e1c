//! `evolve` refuses what cannot follow, says why, and leaves the state as it was.

use std::sync::Arc;

use immutable_core::analysis::Judgement;
use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, Split, Upkeep};
use immutable_core::id::{Epoch, OpId, OwnerId, RolloutId, StepIx, StreamVersion};
use immutable_core::rollout::{
    Call, Charge, CommandId, Ending, Event, FleetState, GenerationLife, Hold, Need, Noted, Outcome, Phase, Recorded, RevertCause,
    StepState, Strategy,
};
use immutable_core::{Digest, Timestamp};

use super::kit::{MINUTE, Stage, done, drain, give_up, group, key, keys, lower, place, raise, route};

/// The event, as the stage would record it, is refused with these words, and changes nothing.
#[track_caller]
fn refused(stage: &Stage, event: Event, why: &str) {
    refused_record(stage, stage.recorded(event), why);
}

#[track_caller]
fn refused_record(stage: &Stage, recorded: Recorded, why: &str) {
    let mut state = stage.state.clone();
    let illegal = state.evolve(&recorded).expect_err(&format!("legal: {recorded:?}")).to_string();
    assert!(illegal.starts_with("illegal event: ") && illegal.contains(why), "{illegal}");
    assert_eq!(state, stage.state, "{why}");
}

fn rolling() -> Stage {
    Stage::rolling(Strategy::rolling().max_surge(2))
}

fn owed(op: u64, call: Call) -> Event {
    Event::Owed { op: OpId(op), call, basis: Timestamp::default() }
}

fn noted(with: impl FnOnce(&mut Noted)) -> Event {
    let mut noted = Noted::default();
    with(&mut noted);
    Event::Noted(Box::new(noted))
}

fn spec(stage: &Stage, id: u32) -> GenerationSpec {
    let known = &stage.state.generations()[&GenerationId(1)].spec;
    GenerationSpec { id: GenerationId(id), ..(**known).clone() }
}

#[test]
fn the_record_around_it() {
    let stage = rolling();
    let heard = || Event::Heard { command: CommandId::of("x"), by: "sam".into(), inbox: StreamVersion(1), refused: None };
    let good = stage.recorded(heard());
    refused_record(&stage, Recorded { v: 2, ..good.clone() }, "a record of format 2; this version reads format 1");
    let before = Timestamp::from_millis(stage.state.at().as_millis() - 1);
    refused_record(&stage, Recorded { at: before, ..good.clone() }, "the event before it");
    for epoch in [1, 3] {
        refused_record(&stage, Recorded { epoch: Epoch(epoch), ..good.clone() }, "the fleet is in epoch 2");
    }
    let claim = Event::Claimed { owner: OwnerId::new("two"), echo_until: stage.now };
    for epoch in [2, 4] {
        let claim = Recorded { epoch: Epoch(epoch), ..stage.recorded(claim.clone()) };
        refused_record(&stage, claim, "the fleet is in epoch 3");
    }
    let mut stage = stage;
    stage.pass(1);
    stage.apply(heard());
    assert_eq!(stage.state.at(), stage.now);
    refused(&stage, heard(), "the inbox has been read up to 1, not 1");
}

#[test]
fn a_rollout_opens_once_in_its_turn_with_a_plan_that_fits() {
    let idle = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    let plan = Box::new(idle.plan("1.1.0"));
    let opened = |rollout| Event::Opened { rollout: RolloutId(rollout), plan: plan.clone() };
    refused(&rolling(), opened(3), "a rollout opens while another runs");
    refused(&idle, opened(3), "rollout 3 opens, the next is 2");
    refused(&idle, opened(1), "rollout 1 opens, the next is 2");
    let mut other = idle.clone();
    other.state = FleetState::new(FleetId::new(place(), "api"));
    refused(&other, opened(1), "the plan is of fleet memory/local/local/web, this is memory/local/local/api");
    let mut fresh = Stage::empty(Stage::fleet(3), Strategy::rolling());
    refused(&fresh, opened(1), "the plan wants generation 0002, which is neither there nor next");
    fresh.open("1.0.0");
    let again = Box::new(idle.plan("1.0.0"));
    let mut mixed = Stage::empty(Stage::fleet(3), Strategy::rolling());
    refused(&mixed, Event::Opened { rollout: RolloutId(1), plan: again }, "wants generation 0001, which is neither");
    mixed.open("1.0.0");
}

#[test]
fn a_call_is_owed_in_its_turn_on_what_is_there_and_not_busy() {
    let idle = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    refused(&idle, owed(4, raise(1, 3, 4)), "op 4 is owed without a rollout");
    let stage = rolling();
    for op in [4, 6] {
        refused(&stage, owed(op, raise(2, 0, 1)), &format!("op {op} is owed, the next is 5"));
    }
    refused(&stage, owed(5, raise(3, 0, 1)), "group 0003.0 is resized and not there");
    let mut unmade = idle.clone();
    unmade.open("1.1.0");
    unmade.owe(Call::Ensure(Arc::new(GenerationSpec { version: "1.1.0".parse().unwrap(), ..spec(&idle, 2) })));
    refused(&unmade, owed(5, raise(2, 0, 1)), "group 0002.0 is resized and not there");
    refused(&stage, owed(5, raise(2, 1, 2)), "group 0002.0 is resized from 1, its size is 0");
    refused(&stage, owed(5, raise(2, 0, 0)), "group 0002.0 is raised from 0 to 0");
    refused(&stage, owed(5, raise(1, 3, 2)), "group 0001.0 is raised from 3 to 2");
    refused(&stage, owed(5, give_up(1, 3, 3)), "group 0001.0 gives up from 3 to 3");
    refused(&stage, owed(5, give_up(1, 3, 4)), "group 0001.0 gives up from 3 to 4");
    refused(&stage, owed(5, lower(1, 3, "")), "group 0001.0 is lowered and nobody is named");
    refused(&stage, owed(5, lower(1, 3, "a z")), "z is named to leave group 0001.0 and is not in it");
    let mut lost = stage.clone();
    lost.gone(1, "b");
    refused(&lost, owed(5, lower(1, 3, "a b")), "b is named to leave group 0001.0 and is not in it");
    let second = immutable_core::fleet::GroupId { cell: 1, ..group(1) };
    let unknown = immutable_core::fleet::Resize::Raise { group: second, from: 0, to: 1 };
    refused(&stage, owed(5, Call::Resize(Arc::new(unknown))), "group 0001.1 is resized and unknown");

    let mut busy = stage.clone();
    busy.owe(raise(2, 0, 1));
    refused(&busy, owed(6, raise(2, 0, 1)), "group 0002.0 is resized and busy");
    refused(&busy, owed(6, Call::Destroy(GenerationId(2))), "op 6 is owed on generation 0002, which is busy");
    busy.owe(Call::Upkeep(GenerationId(2), Upkeep::NONE));
    for call in [Call::Upkeep(GenerationId(2), Upkeep::NONE), Call::Destroy(GenerationId(2))] {
        refused(&busy, owed(7, call), "op 7 is owed on generation 0002, which is busy");
    }
    let known = busy.state.generations()[&GenerationId(2)].spec.clone();
    refused(&busy, owed(7, Call::Ensure(known)), "generation 0002 is busy");
    for call in [Call::Upkeep(GenerationId(3), Upkeep::NONE), Call::Destroy(GenerationId(3))] {
        refused(&stage, owed(5, call), "op 5 is about generation 0003, which is unknown");
    }
    let mut whole = stage.clone();
    whole.owe(Call::Upkeep(GenerationId(2), Upkeep::NONE));
    refused(&whole, owed(6, raise(2, 0, 1)), "group 0002.0 is resized and busy");
    refused(&stage, owed(5, Call::Ensure(Arc::new(spec(&stage, 2)))), "generation 0002 is made again from another spec");
    for id in [4, 5] {
        refused(
            &stage,
            owed(5, Call::Ensure(Arc::new(spec(&stage, id)))),
            &format!("generation 000{id} is made, the next is 0003"),
        );
    }
}

#[test]
fn answers_and_renewals_are_of_what_is_owed() {
    let stage = rolling();
    for op in [0, 4, 5] {
        refused(&stage, Event::Settled { op: OpId(op), result: done(1) }, &format!("op {op} is answered and not owed"));
        refused(&stage, Event::Renewed { op: OpId(op), basis: stage.now }, &format!("op {op} is renewed and not owed"));
    }
}

#[test]
fn notes_are_of_groups_and_instances_that_are_known() {
    let stage = rolling();
    let one = |name: &str| vec![key(name)];
    refused(&stage, noted(|noted| drop(noted.appeared.insert(group(3), one("d")))), "group 0003.0 is noted and unknown");
    refused(&stage, noted(|noted| drop(noted.appeared.insert(group(1), one("a")))), "a of group 0001.0 appears again");
    let mut lost = stage.clone();
    lost.gone(1, "b");
    refused(&lost, noted(|noted| drop(noted.appeared.insert(group(1), one("b")))), "b of group 0001.0 appears again");
    for name in ["z", "b"] {
        let why = &*format!("{name} of group 0001.0 is noted and not there");
        refused(&lost, noted(|noted| drop(noted.healthy.insert(group(1), one(name)))), why);
        refused(&lost, noted(|noted| drop(noted.unhealthy.insert(group(1), one(name)))), why);
        refused(&lost, noted(|noted| drop(noted.gone.insert(group(1), one(name)))), why);
    }
    let mixed = noted(|noted| {
        noted.appeared.insert(group(2), one("d"));
        noted.healthy.insert(group(2), one("d"));
        noted.gone.insert(group(3), one("e"));
    });
    refused(&stage, mixed, "group 0003.0 is noted and unknown");
    refused(&stage, noted(|noted| _ = noted.sizes.insert(group(3), 1)), "group 0003.0 is noted and unknown");
    refused(&stage, noted(|noted| noted.exercised.push(GenerationId(3))), "generation 0003 is noted and unknown");
    refused(&stage, noted(|noted| noted.absent.push(GenerationId(3))), "generation 0003 is noted and unknown");
    let mut busy = stage;
    busy.owe(raise(2, 0, 1));
    refused(&busy, noted(|noted| _ = noted.sizes.insert(group(2), 1)), "the size of group 0002.0 is noted while it is busy");
    refused(&busy, noted(|noted| noted.absent.push(GenerationId(2))), "generation 0002 is absent and busy");
    let heals = |id| noted(|noted| _ = noted.upkeep.insert(GenerationId(id), Upkeep::NONE));
    refused(&busy, heals(2), "the upkeep of generation 0002 is noted while it is busy");
    refused(&busy, heals(3), "generation 0003 is noted and unknown");
}

/// Every phase, once.
fn phases(stage: &Stage) -> Vec<(&'static str, Phase)> {
    let give_up_at = stage.now + MINUTE;
    let at = StepState::Moving { give_up_at };
    let stepping = |step| Phase::Stepping { step: StepIx(step), at };
    let gating = |step| Phase::Stepping { step: StepIx(step), at: StepState::Gating { since: stage.now, until: None } };
    let why = Hold::Needs(Need::StuckLeaving { why: "it is protected".into() });
    let forward = Phase::Finishing { ending: Ending::Forward, give_up_at };
    vec![
        ("preparing", Phase::Preparing { give_up_at }),
        ("step 0", stepping(0)),
        ("step 1", stepping(1)),
        ("gate 0", gating(0)),
        ("gate 1", gating(1)),
        ("back", Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at }),
        ("kept", Phase::Finishing { ending: Ending::Keep, give_up_at }),
        ("finishing", Phase::Finishing { ending: Ending::Forward, give_up_at }),
        ("held", Phase::Held { why: why.clone(), resume: Box::new(stepping(0)), since: stage.now }),
        ("held at gate", Phase::Held { why, resume: Box::new(gating(0)), since: stage.now }),
        ("paused", Phase::Held { why: super::kit::paused(), resume: Box::new(stepping(0)), since: stage.now }),
        ("paused at end", Phase::Held { why: super::kit::paused(), resume: Box::new(forward), since: stage.now }),
    ]
}

#[test]
fn phases_follow_the_table() {
    let mut idle = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    refused(&idle, Event::Moved { to: phases(&idle)[0].1.clone() }, "a phase without a rollout");
    idle.open("1.1.0");
    const HOLDS: [&str; 4] = ["held", "held at gate", "paused", "paused at end"];
    let legal = [
        ("preparing", &["step 0", "gate 0", "back", "kept", "finishing"][..]),
        ("step 0", &["step 1", "gate 1", "back", "kept", "finishing"]),
        ("step 1", &["back", "kept", "finishing"]),
        // A gate that is open, and what was lost meanwhile is awaited.
        ("gate 0", &["step 0", "step 1", "gate 1", "back", "kept", "finishing"]),
        ("back", &["kept", "finishing"]),
        ("kept", &["back", "finishing"]),
        ("finishing", &[]),
        ("held", &["step 0", "gate 0", "back", "kept", "finishing"]),
        ("held at gate", &["step 0", "gate 0", "step 1", "gate 1", "back", "kept", "finishing"]),
        ("paused", &["step 0", "gate 0", "back", "kept", "finishing"]),
        ("paused at end", &["finishing"]),
    ];
    for (from, legal) in legal {
        let mut stage = idle.clone();
        let path: &[&str] = match from {
            "preparing" => &[],
            "step 1" => &["step 0", "step 1"],
            from => &[from],
        };
        let phase = |name: &str| phases(&idle).into_iter().find(|(known, _)| *known == name).unwrap().1;
        path.iter().for_each(|name| stage.moved(phase(name)));
        for (name, to) in phases(&idle) {
            let holds = HOLDS.contains(&name) && !HOLDS.contains(&from);
            if legal.contains(&name) || holds {
                stage.clone().moved(to);
            } else {
                refused(&stage, Event::Moved { to }, "does not follow");
            }
        }
    }
    let mut back = rolling();
    back.moved(phases(&back)[5].1.clone());
    let at = StepState::Moving { give_up_at: back.now };
    let again = |to| Phase::Reverting { why: RevertCause::Asked, to: GenerationId(to), at };
    refused(&back, Event::Moved { to: again(3) }, "does not follow");
    back.gone(1, "a b c");
    back.note(|noted| noted.absent.push(GenerationId(1)));
    refused(&back, Event::Moved { to: again(2) }, "does not follow");
    back.moved(again(3));
}

#[test]
fn gates_are_judged_and_approved_while_they_are_waited_for() {
    let judged = |step| Event::Judged { step: StepIx(step), asked: Timestamp::default(), judgement: Judgement::pass("x") };
    let approved = |step| Event::Approved { step: StepIx(step), by: "ann".into() };
    let mut stage = rolling();
    refused(&stage, judged(0), "the gate of step 0 is not waited for");
    refused(&stage, approved(0), "the gate of step 0 is not waited for");
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until: None } });
    refused(&stage, judged(0), "the gate of step 0 is not waited for");
    stage.apply(judged(1));
    stage.apply(approved(1));
    refused(&stage, approved(1), "ann approves step 1 again");
    let gate = |stage: &Stage| stage.state.rollout().unwrap().gate.clone();
    assert_eq!((gate(&stage).approved.len(), gate(&stage).judged.is_some()), (1, true));
    let resume = || Box::new(stage.state.rollout().unwrap().phase.clone());
    for (why, judged) in
        [(Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }), false), (super::kit::paused(), true)]
    {
        let mut held = stage.clone();
        held.moved(Phase::Held { why, resume: resume(), since: held.now });
        held.apply(Event::Approved { step: StepIx(1), by: "bob".into() });
        held.moved(*resume());
        assert_eq!((gate(&held).approved.len(), gate(&held).judged.is_some()), (2, judged), "who asks again is judged anew");
    }
    stage.moved(Phase::Stepping { step: StepIx(2), at: StepState::Gating { since: stage.now, until: None } });
    assert_eq!(gate(&stage), Default::default(), "the next gate is another");
}

#[test]
fn a_pool_has_one_route_at_a_time_and_drains_who_is_there() {
    let plain = rolling();
    refused(&plain, owed(5, route(&[(1, 1)])), "pool web, which is not the fleet's");
    refused(&plain, owed(5, drain(1, "a")), "pool web, which is not the fleet's");
    refused(&plain, noted(|noted| noted.weights = Some([].into())), "weights are noted of a fleet without a pool");
    let stage = Stage::routed(3, Strategy::rolling(), Split::Pooled);
    refused(&stage, owed(6, route(&[(3, 1)])), "op 6 routes to a generation that is unknown");
    refused(&stage, owed(6, drain(3, "a")), "group 0003.0 drains and is unknown");
    refused(&stage, owed(6, drain(1, "")), "group 0001.0 drains and nobody is named");
    refused(&stage, owed(6, drain(1, "a x")), "x is to drain and is not in group 0001.0");
    let mut twice = stage.clone();
    twice.owe(route(&[(1, 1), (2, 1)]));
    refused(&twice, owed(7, route(&[(1, 1)])), "op 7 is a route while another is owed");
    refused(&twice, noted(|noted| noted.weights = Some([].into())), "weights are noted while a route is owed");
    twice.owe(drain(1, "a"));
    refused(&twice, owed(8, drain(1, "b")), "group 0001.0 drains and is busy");
    twice.settle(done(None));
    refused(&twice, owed(8, drain(1, "a b")), "a is to drain and is not in group 0001.0, or drains already");
    twice.owe(drain(1, "b"));
}

#[test]
fn only_the_wanted_is_proven_and_only_with_instances() {
    let proven = |id, instances| Event::Proven { generation: GenerationId(id), instances, evidence: Digest::of(b"x") };
    let stage = rolling();
    refused(&stage, proven(1, 3), "generation 0001 with 3 instances cannot be proven now");
    refused(&stage, proven(2, 0), "generation 0002 with 0 instances cannot be proven now");
    refused(&stage, proven(3, 1), "generation 0003 with 1 instances cannot be proven now");
    let idle = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    refused(&idle, proven(1, 3), "cannot be proven now");
    for (name, phase) in phases(&stage) {
        if matches!(name, "back" | "finishing" | "held") {
            let mut stage = stage.clone();
            stage.moved(phase);
            refused(&stage, proven(2, 3), "cannot be proven now");
            refused(&stage, proven(1, 3), "cannot be proven now");
        }
    }
}

#[test]
fn an_end_fits_its_ending_and_nothing_is_owed() {
    let ended = |outcome| Event::Ended { outcome };
    refused(&Stage::proven_of(Stage::fleet(3), Strategy::rolling()), ended(Outcome::Succeeded), "an end without a rollout");
    let outcomes = || {
        let needs = Outcome::Needs(Need::StuckLeaving { why: "it is protected".into() });
        let refused = Outcome::Refused("why".into());
        [Outcome::Succeeded, Outcome::Unexercised, Outcome::RolledBack, Outcome::LeftMixed, Outcome::TornDown, refused, needs]
    };
    let stage = rolling();
    outcomes().into_iter().for_each(|outcome| refused(&stage, ended(outcome), "it ends as"));
    let endings = [
        (Ending::Forward, None), // what is wanted is not proven, and the fleet is not empty
        (Ending::Back { to: GenerationId(1) }, Some(Outcome::RolledBack)),
        (Ending::Mixed, Some(Outcome::LeftMixed)),
        (Ending::Nothing, Some(Outcome::TornDown)),
        (Ending::Refused { why: "why".into() }, Some(Outcome::Refused("why".into()))),
        (Ending::Refused { why: "other".into() }, None),
    ];
    for (ending, fits) in endings {
        let mut stage = stage.clone();
        stage.moved(Phase::Finishing { ending, give_up_at: stage.now + MINUTE });
        for outcome in outcomes() {
            if Some(&outcome) == fits.as_ref() {
                let mut busy = stage.clone();
                busy.owe(raise(2, 0, 1));
                refused(&busy, ended(outcome.clone()), "an end with 1 calls owed");
                stage.clone().apply(ended(outcome));
            } else {
                refused(&stage, ended(outcome), "it ends as");
            }
        }
    }
}

#[test]
fn what_is_forgotten_when_a_rollout_ends_and_begins() {
    let mut stage = rolling();
    stage.gone(1, "a");
    let charge = Charge {
        group: group(2),
        instance: None,
        incident: Some("i-1".into()),
        class: immutable_core::fleet::FailureClass::Image,
        what: "x".into(),
    };
    stage.apply(noted(|noted| noted.charged.push(charge)));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    let members = |stage: &Stage| stage.state.slots(group(1)).unwrap().members.keys().cloned().collect::<Vec<_>>();
    let mut later = stage.clone();
    stage.open("1.1.0");
    assert_eq!(members(&stage), keys("a b c").into_iter().collect::<Vec<_>>(), "an old view may still show the one that is gone");
    later.pass(121);
    later.open("1.1.0");
    assert_eq!(members(&later), keys("b c").into_iter().collect::<Vec<_>>());
    let second = &stage.state.generations()[&GenerationId(2)];
    assert!(second.charged.is_empty(), "a new rollout is charged anew");
    assert!(second.incidents.contains("i-1"), "but not for what was charged");
}

#[test]
fn a_deadline_that_passed_while_nobody_watched_is_not_missed() {
    let mut stage = rolling();
    let until = |stage: &Stage| stage.state.rollout().unwrap().phase.give_up_at().unwrap();
    let before = until(&stage);
    stage.pass(3600);
    stage.apply(Event::Claimed { owner: OwnerId::new("two"), echo_until: stage.now + MINUTE });
    assert_eq!(until(&stage).since(before).as_secs(), 3540, "but for the minute in which somebody may have");
    assert_eq!((stage.state.epoch(), stage.state.owner().unwrap().as_str()), (Epoch(3), "two"));
}

#[test]
fn a_fleet_begins_with_what_it_adopts_or_with_a_rollout() {
    let adopting = |op, spec: GenerationSpec| Event::Adopting {
        op: OpId(op),
        native: "by-hand".into(),
        spec: Arc::new(spec),
        by: "ann".into(),
    };
    let adopted = |op, instances| Event::Adopted { op: OpId(op), instances, evidence: Digest::of(b"") };
    let proven = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    let (first, next) = (spec(&proven, 1), spec(&proven, 2));
    refused(&rolling(), adopting(5, first.clone()), "while a rollout runs");
    let mut stage = Stage::empty(Stage::fleet(3), Strategy::rolling());
    let fleet = stage.state.fleet().clone();
    refused(&proven, adopting(proven.next_op().0, next.clone()), "has generations");
    refused(&stage, adopting(2, first.clone()), "the next is");
    refused(&stage, adopting(1, next.clone()), "as generation 0002, the next is 0001");
    let other = FleetId::new(fleet.place().clone(), "other");
    refused(&stage, adopting(1, GenerationSpec { fleet: other, ..first.clone() }), "for fleet");
    refused(&stage, adopting(1, GenerationSpec { groups: Vec::new(), ..first.clone() }), "is one group");
    refused(&stage, adopted(1, 3), "nobody asked for");
    stage.apply(adopting(1, first.clone()));
    refused(&stage, adopted(2, 3), "nobody asked for");
    refused(&stage, adopted(1, 0), "nobody");
    let condemned = Event::Condemned { op: OpId(2), call: Call::Destroy(GenerationId(1)), by: "bob".into() };
    refused(&stage, condemned, "is being adopted");
    assert!(stage.state.generations().is_empty() && stage.state.proven().is_none());
    // Another is chosen instead: the number of the first stays taken.
    refused(&stage, adopting(2, first.clone()), "the next is 0002");
    stage.apply(adopting(2, next.clone()));
    refused(&stage, adopted(1, 3), "nobody asked for");
    stage.apply(adopted(2, 3));
    let made = &stage.state.generations()[&GenerationId(2)];
    assert_eq!((made.life, made.size(), made.first_ready), (GenerationLife::Present, 3, Some(stage.state.at())));
    assert_eq!((stage.state.desired(), &*stage.state.proven().unwrap().spec), (3, &next));
    refused(&stage, adopted(2, 3), "nobody asked for");
}

#[test]
fn what_is_unknown_is_removed_only_while_nothing_moves_and_nothing_that_is_known_is() {
    let condemned = |op, call| Event::Condemned { op: OpId(op), call, by: "ann".into() };
    refused(&rolling(), condemned(5, Call::Destroy(GenerationId(9))), "about what is unknown while a rollout runs");
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    let next = stage.next_op().0;
    refused(&stage, condemned(next + 1, Call::Destroy(GenerationId(9))), "the next is");
    refused(&stage, condemned(next, Call::Destroy(GenerationId(1))), "the fleet's own");
    refused(&stage, condemned(next, lower(1, 3, "a")), "the fleet's own");
    refused(&stage, condemned(next, raise(9, 0, 1)), "removes nothing");
    refused(&stage, condemned(next, Call::Upkeep(GenerationId(9), Upkeep::NONE)), "removes nothing");
    stage.apply(condemned(next, lower(9, 1, "z")));
    stage.apply(condemned(next + 1, Call::Destroy(GenerationId(9))));
}

#[test]
fn what_it_went_back_from_is_proven_no_more_though_nothing_is_proven_of_an_empty_fleet() {
    let mut stage = rolling();
    let baseline = stage.state.proven().cloned();
    stage.ready(2, "d");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 1, evidence: Digest::of(b"x") });
    assert_ne!(stage.state.proven(), baseline.as_ref());
    let (to, at) = (GenerationId(1), StepState::Moving { give_up_at: stage.now + MINUTE });
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to, at });
    stage.moved(Phase::Finishing { ending: Ending::Back { to }, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::RolledBack });
    assert_eq!(stage.state.proven(), baseline.as_ref());
}

#[test]
fn who_drains_when_another_rollout_begins_has_all_the_time_to_leave_from_then_on() {
    let mut stage = Stage::routed(3, Strategy::rolling(), Split::Pooled);
    stage.owe(drain(1, "a"));
    stage.settle(done(None));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.pass(3600);
    stage.open("1.2.0");
    assert_eq!(stage.state.slots(group(1)).unwrap().members[&key("a")].draining, Some(stage.now));
}
