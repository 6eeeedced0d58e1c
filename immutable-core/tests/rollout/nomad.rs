//! Nomad's safety properties (`reconcile_cluster_prop_test.go`), of one decision on any state and any look. There they are about allocations of a job that
//! are placed, stopped and updated; here about instances that are raised and named to leave. Where a property is held elsewhere, over whole
//! rollouts, that is said.
//!
//! | there | here |
//! |---|---|
//! | a stopped job makes no deployment, and stops what there is | `nothing_is_raised_where_nothing_is_wanted`; oracles `proof` (torn down: nothing is left), `order` |
//! | a failed deployment never makes a new one | `what_has_failed_is_never_raised_again`; oracle `baseline` |
//! | of a new job no more is placed than its count | `no_more_than_the_goal_is_asked_for` |
//! | on stop or scale to zero no placement, canary, destructive update, migration, reschedule, preemption | `nothing_is_raised_where_nothing_is_wanted` |
//! | placements ≤ count | `no_more_than_the_goal_is_asked_for`; oracle `order` |
//! | canaries ≤ expected; canaries and existing ones ≤ expected | `no_more_than_the_goal_is_asked_for`, in a canary's step |
//! | destructive updates ≤ count, and ≤ existing | `who_is_named_is_there_and_named_once`; oracle `once` (a call that names somebody else's) |
//! | place + canary + destructive ≤ count + canary | `ceiling_and_floor_hold_of_all_that_is_decided_at_once`; oracles `ceiling`, `floor` |
//! | updates are always there | `it_says_what_it_waits_for_and_when_to_look_again` |
//! | canaries of the old deployment that were not promoted, and of one that failed, are stopped | rows of `supersede`; oracle `proof` (nothing is left over) |
//! | migrated ≤ stopped; later ≤ ignored; in-place ≤ existing; reconnected ≤ existing; no reconnect unasked | there is no such verb: nothing is moved, updated in place or adopted (rule 1, `weakened::unmodified`) |
//!
//! And one that Nomad learned later (#27284): `the_same_look_again_spends_nothing_twice`.

use std::collections::BTreeSet;

use immutable_core::fleet::{GenerationId, GroupId, Resize};
use immutable_core::id::{InstanceKey, StepIx};
use immutable_core::rollout::{
    Amount, Call, Decision, Ending, Event, Hold, Need, Phase, RevertCause, Step, StepState, Strategy as Rolling,
};
use proptest::prelude::*;

use super::kit::{MINUTE, Stage, group, keys};
use super::sight::{Look, look};

/// A state and a look, in the small.
#[derive(Clone, Debug)]
struct World {
    size: u32,
    surge: u32,
    unavailable: u32,
    /// Of a strategy that begins with so many.
    canary: Option<u32>,
    resized: Option<u32>,
    /// How each of the old and of the new is seen, and whether it was healthy before.
    old: Vec<(u8, bool)>,
    new: Vec<(u8, bool)>,
    /// By how much the sizes that are reported differ from those that were settled.
    more: (u32, u32),
    whole: (bool, bool),
    phase: u8,
    seconds: u64,
}

const SIGNS: &[&str] = &["+", "+", "+", "+", "+", "+", "+", "+", "x", "x", "x", "-", "?", "~", ":", "!", "<", "=", "*", "%"];
const OLD: [&str; 5] = ["a", "b", "c", "d", "e"];
const NEW: [&str; 6] = ["f", "g", "h", "i", "j", "k"];

fn any_world() -> impl Strategy<Value = World> {
    let seen = |most: usize| proptest::collection::vec((0..SIGNS.len() as u8, any::<bool>()), 0..=most);
    let budget = (0..4u32, 0..4u32, proptest::option::of(1..4u32), proptest::option::of(0..7u32));
    let phase = prop_oneof![8 => Just(0u8), 1 => Just(3), 1 => Just(4), 1 => Just(5), 1 => Just(6), 1 => Just(7), 1 => Just(8)];
    let more = prop_oneof![4 => Just(0u32), 1 => Just(1)];
    let looks = (seen(5), seen(3), (more.clone(), more), (prop::bool::weighted(0.9), prop::bool::weighted(0.9)));
    ((0..6u32, budget), looks, (phase, prop_oneof![3 => 0..60u64, 1 => 0..1500u64])).prop_map(
        |((size, budget), looks, (phase, seconds))| World {
            size,
            surge: budget.0,
            unavailable: if budget.0 == 0 { budget.1.max(1) } else { budget.1 },
            canary: budget.2,
            resized: budget.3,
            old: looks.0,
            new: looks.1,
            more: looks.2,
            whole: looks.3,
            phase,
            seconds,
        },
    )
}

/// What is there of a group, counted by hand.
#[derive(Debug, Default)]
struct Count {
    members: BTreeSet<InstanceKey>,
    leavers: u32,
    size: u32,
    /// Healthy, and so for long enough.
    ready: BTreeSet<InstanceKey>,
    /// Of another image: another is asked for in the place of each.
    foreign: u32,
}

impl Count {
    /// What exists and what is promised.
    fn live(&self) -> u32 {
        self.size.max(self.members.len() as u32) + self.leavers
    }
}

struct Made {
    stage: Stage,
    look: Look,
    old: Count,
    new: Count,
}

impl World {
    fn strategy(&self) -> Rolling {
        let all = Step::scale(immutable_core::rollout::Percent::new(100).unwrap());
        let steps = match self.canary {
            Some(few) => vec![Step::scale(Amount::Count(few)), Step::bake(MINUTE), all],
            None => vec![all],
        };
        Rolling::new(steps).max_surge(self.surge).max_unavailable(self.unavailable)
    }

    /// `None` if such a state cannot be.
    fn make(&self) -> Option<Made> {
        let mut stage = Stage::proven_of(Stage::fleet(self.size), Rolling::rolling().max_surge(3));
        stage.strategy = self.strategy();
        stage.fleet = Stage::fleet(self.size);
        stage.open("1.1.0");
        stage.claim();
        stage.make(2);
        stage.step();
        let names: Vec<_> = NEW.iter().take(self.new.len()).copied().collect();
        if !names.is_empty() {
            stage.launch(2, &names.join(" "));
        }
        let well: Vec<_> = names.iter().zip(&self.new).filter(|(_, (_, well))| *well).map(|(name, _)| *name).collect();
        if !well.is_empty() {
            stage.healthy(2, &well.join(" "));
        }
        stage.pass(self.seconds % 30);
        for event in self.resized.map(|desired| Event::Resized { desired }).into_iter().chain(self.phase(&stage)) {
            let recorded = stage.recorded(event);
            stage.state.evolve(&recorded).ok()?;
            stage.records.push(recorded);
        }
        stage.pass(self.seconds);
        let (old, spelled_old) = self.count(&stage, 1, &OLD[..self.size.min(5) as usize], &self.old, self.more.0);
        let (new, spelled_new) = self.count(&stage, 2, &names, &self.new, self.more.1);
        let mut look = look().group(1, old.size, &spelled_old);
        look = if self.whole.0 { look } else { look.partly() };
        look = look.group(2, new.size, &spelled_new);
        look = if self.whole.1 { look } else { look.partly() };
        Some(Made { stage, look, old, new })
    }

    fn phase(&self, stage: &Stage) -> Option<Event> {
        let give_up_at = stage.now + 20 * MINUTE;
        let at = StepState::Moving { give_up_at };
        let finishing = |ending| Phase::Finishing { ending, give_up_at };
        let held = |why| Phase::Held { why, resume: Box::new(stage.state.rollout().unwrap().phase.clone()), since: stage.now };
        let to = match self.phase {
            3 => Phase::Reverting { why: RevertCause::Deadline, to: GenerationId(1), at },
            4 => finishing(Ending::Mixed),
            5 => finishing(Ending::Nothing),
            6 => held(Hold::Needs(Need::StuckLeaving { why: "it stays".into() })),
            7 => held(super::kit::paused()),
            8 => Phase::Stepping { step: StepIx(0), at: StepState::Gating { since: stage.now, until: Some(give_up_at) } },
            _ => return None,
        };
        Some(Event::Moved { to })
    }

    fn count(&self, stage: &Stage, generation: u32, names: &[&str], seen: &[(u8, bool)], more: u32) -> (Count, String) {
        let slots = stage.state.slots(group(generation)).unwrap();
        let mut count = Count { size: slots.size + more, ..Count::default() };
        let mut spelled = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let sign = seen.get(at).map_or("+", |(sign, _)| SIGNS[usize::from(*sign)]);
            spelled.push(format!("{name}{sign}"));
            let key = keys(name).pop_first().unwrap();
            let long = |since| stage.now.since(since).as_secs() >= 10;
            match sign {
                "<" => count.leavers += 1,
                "x" => {}
                _ => {
                    if matches!(sign, "+" | "*") && slots.members.get(&key).and_then(|member| member.healthy).is_some_and(long) {
                        count.ready.insert(key.clone());
                    }
                    count.foreign += u32::from(sign == "%");
                    count.members.insert(key);
                }
            }
        }
        (count, spelled.join(" "))
    }

    fn desired(&self) -> u32 {
        self.resized.unwrap_or(self.size)
    }
}

fn resizes(decision: &Decision) -> Vec<&Resize> {
    let calls = decision.events.iter().filter_map(|event| match event {
        Event::Owed { call: Call::Resize(resize), .. } => Some(resize.as_ref()),
        _ => None,
    });
    calls.collect()
}

fn raises(decision: &Decision) -> Vec<(GroupId, u32, u32)> {
    let raise = |resize: &&Resize| match **resize {
        Resize::Raise { group, from, to } => Some((group, from, to)),
        _ => None,
    };
    resizes(decision).iter().filter_map(raise).collect()
}

fn named(decision: &Decision) -> Vec<(GroupId, InstanceKey)> {
    let lowers = resizes(decision).into_iter().filter_map(|resize| match resize {
        Resize::Lower { group, leave, .. } => Some((*group, leave)),
        _ => None,
    });
    lowers.flat_map(|(group, leave)| leave.iter().map(move |key| (group, key.clone()))).collect()
}

/// What moves on in the phase that a decision was made in: which generation may be raised, and how far.
fn goal(world: &World, made: &Made) -> Option<(u32, u32)> {
    let rollout = made.stage.state.rollout().unwrap();
    match &rollout.phase {
        Phase::Stepping { step, .. } => {
            let few = world.canary.filter(|_| step.0 < 2).map_or(world.desired(), |few| few.min(world.desired()));
            // Of none at all one is tried.
            Some((2, few.max(u32::from(world.desired() == 0 && world.surge > 0))))
        }
        Phase::Reverting { .. } => Some((1, world.desired())),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_more_than_the_goal_is_asked_for(world in any_world()) {
        let Some(made) = world.make() else { return Ok(()) };
        for (group, from, to) in raises(&made.look.decide(&made.stage)) {
            let Some((id, goal)) = goal(&world, &made) else { panic!("nothing is wanted, and {group} is raised") };
            prop_assert_eq!(group.generation, GenerationId(id), "only what is wanted is raised");
            let foreign = if id == 1 { made.old.foreign } else { made.new.foreign };
            prop_assert!(from < to && to <= goal + foreign, "to {} of {} and {}", to, goal, foreign);
        }
    }

    #[test]
    fn nothing_is_raised_where_nothing_is_wanted(world in any_world()) {
        let Some(made) = world.make() else { return Ok(()) };
        let raises = raises(&made.look.decide(&made.stage));
        let moves = goal(&world, &made).is_some();
        prop_assert!(moves || raises.is_empty(), "{:?}", raises);
        if world.desired() == 0 {
            let none = world.surge == 0 || !made.new.members.is_empty();
            prop_assert!(raises.len() <= usize::from(!none), "of none: {:?}", raises);
        }
    }

    #[test]
    fn what_has_failed_is_never_raised_again(world in any_world()) {
        let Some(made) = (World { phase: 3, ..world }).make() else { return Ok(()) };
        let decision = made.look.decide(&made.stage);
        prop_assert!(raises(&decision).iter().all(|(group, ..)| group.generation == GenerationId(1)), "{:?}", decision.events);
    }

    #[test]
    fn who_is_named_is_there_and_named_once(world in any_world()) {
        let Some(made) = world.make() else { return Ok(()) };
        let decision = made.look.decide(&made.stage);
        let named = named(&decision);
        let once: BTreeSet<_> = named.iter().collect();
        prop_assert_eq!(once.len(), named.len());
        for (id, key) in &named {
            let there = if id.generation == GenerationId(1) { &made.old } else { &made.new };
            prop_assert!(there.members.contains(key), "{} is not there", key);
        }
        let mut touched = BTreeSet::new();
        for resize in resizes(&decision) {
            prop_assert!(touched.insert(resize.group()), "{} is written to twice", resize.group());
        }
    }

    #[test]
    fn ceiling_and_floor_hold_of_all_that_is_decided_at_once(world in any_world()) {
        let Some(made) = world.make() else { return Ok(()) };
        let decision = made.look.decide(&made.stage);
        let budget = world.strategy().budget(world.desired());
        let raised: u32 = raises(&decision).iter().map(|(_, from, to)| to - from).sum();
        let live = made.old.live() + made.new.live();
        prop_assert!(raised == 0 || live + raised <= budget.ceiling, "{} live, {} more, {} may be", live, raised, budget.ceiling);
        let ready: BTreeSet<_> = made.old.ready.union(&made.new.ready).cloned().collect();
        let leave: BTreeSet<_> = named(&decision).into_iter().map(|(_, key)| key).filter(|key| ready.contains(key)).collect();
        let stay = (ready.len() - leave.len()) as u32;
        let torn_down = matches!(made.stage.state.rollout().unwrap().phase, Phase::Finishing { ending: Ending::Nothing, .. });
        prop_assert!(leave.is_empty() || torn_down || stay >= budget.floor, "{} stay ready, {} must", stay, budget.floor);
    }

    #[test]
    fn the_same_look_again_spends_nothing_twice(world in any_world()) {
        let Some(mut made) = world.make() else { return Ok(()) };
        let first = made.look.decide(&made.stage);
        for event in &first.events {
            let recorded = made.stage.recorded(event.clone());
            if let Err(illegal) = made.stage.state.evolve(&recorded) {
                prop_assert!(false, "{}: {:?}", illegal, event);
            }
            made.stage.records.push(recorded);
        }
        if made.stage.state.rollout().is_none() || first.events.iter().any(|event| matches!(event, Event::Moved { .. })) {
            return Ok(());
        }
        let again = made.look.decide(&made.stage);
        let budget = world.strategy().budget(world.desired());
        let asked = |decision: &Decision| -> u32 { raises(decision).iter().map(|(_, from, to)| to - from).sum() };
        let live = made.old.live() + made.new.live();
        prop_assert!(asked(&again) == 0 || live + asked(&first) + asked(&again) <= budget.ceiling);
        let both = [named(&first), named(&again)].concat();
        prop_assert_eq!(both.iter().collect::<BTreeSet<_>>().len(), both.len(), "somebody is named twice");
        let busy: BTreeSet<_> = resizes(&first).iter().map(|resize| resize.group()).collect();
        prop_assert!(resizes(&again).iter().all(|resize| !busy.contains(&resize.group())), "{:?}", again.events);
    }

    #[test]
    fn it_says_what_it_waits_for_and_when_to_look_again(world in any_world()) {
        let Some(made) = world.make() else { return Ok(()) };
        let decision = made.look.decide(&made.stage);
        prop_assert!(decision.wake_at.is_none_or(|at| at > made.stage.now));
        prop_assert_eq!(decision.report.budget, world.strategy().budget(world.desired()));
        // What was asked for and has not come is given up in its time.
        let awaited = [&made.old, &made.new].iter().any(|count| count.size > count.members.len() as u32);
        let says = !decision.report.waits.is_empty() || (awaited && decision.wake_at.is_some());
        prop_assert!(!decision.events.is_empty() || says, "{}", decision.report);
    }
}

/// They are about something: in many worlds something is raised, and somebody who is ready is named.
#[test]
fn the_worlds_are_not_all_still() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut made, mut raised, mut left, mut canaries) = (0, 0, 0, 0);
    for _ in 0..500 {
        let world = any_world().new_tree(&mut runner).unwrap().current();
        let Some(it) = world.make() else { continue };
        let decision = it.look.decide(&it.stage);
        made += 1;
        raised += usize::from(!raises(&decision).is_empty());
        canaries += usize::from(world.canary.is_some() && !raises(&decision).is_empty());
        left += usize::from(named(&decision).iter().any(|(_, key)| it.old.ready.contains(key)));
    }
    assert!(made > 300 && raised > 25 && canaries > 10 && left > 25, "{made} made, {raised} raised, {canaries} {left}");
}
