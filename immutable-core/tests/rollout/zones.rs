//! Zones: what cannot be planned for them, what a plan says of them, the floor of each, and one after the other.

use std::time::Duration;

use immutable_core::fleet::{Fleet, GenerationId, GroupId, Resize, Split};
use immutable_core::id::StepIx;
use immutable_core::rollout::{
    Amount, Approve, Call, Check, Event, Lint, OnResize, Percent, Phase, Plan, PlanFor, RevertCause, Step, StepState, Strategy,
};

use super::kit::{MINUTE, Stage, artifact, capabilities, done, keys, route, switch};
use super::sight::{Look, look};

pub(super) fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

/// A fleet of this size in the first so many of the zones a, b and c.
pub(super) fn fleet(size: u32, zones: usize) -> Fleet {
    Stage::fleet(size).zones(["a", "b", "c"].into_iter().take(zones).map(Into::into))
}

fn planned(fleet: &Fleet, strategy: &Strategy, split: Option<Split>) -> immutable_core::Result<Plan> {
    let before = Stage::proven_of(Stage::fleet(5), Strategy::rolling());
    let (capabilities, switch, artifact) = (capabilities(before.heals), split.map(switch), artifact("1.1.0"));
    let fleet = if split.is_some() { fleet.clone().pool("web") } else { fleet.clone() };
    Plan::new(
        &before.state,
        PlanFor { fleet: &fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch: switch.as_ref() },
    )
}

#[track_caller]
fn refused(fleet: &Fleet, strategy: &Strategy, split: Option<Split>, why: &str) {
    assert_eq!(planned(fleet, strategy, split).unwrap_err().to_string(), why);
}

#[test]
fn what_is_for_zones_needs_zones() {
    let by_zone = Strategy::zone_by_zone(MINUTE);
    let go = "it goes from zone to zone and fleet web has";
    let name = "name at least 2 with `Fleet::zones`, or use `Strategy::rolling` or `Strategy::canary`";
    refused(&fleet(12, 0), &by_zone, None, &format!("{go} no zones, its provider places it in the region; {name}"));
    refused(&fleet(12, 1), &by_zone, None, &format!("{go} zone a alone; {name}"));
    refused(
        &fleet(12, 0),
        &Strategy::rolling().max_unavailable_per_zone(1),
        None,
        "max_unavailable_per_zone is set and fleet web has no zones, its provider places it in the region; name them with `Fleet::zones`, or use \
         `Strategy::max_unavailable` alone",
    );
    assert!(planned(&fleet(12, 1), &Strategy::rolling().max_unavailable_per_zone(1), None).is_ok(), "one zone has a floor too");
    assert!(planned(&fleet(12, 2), &by_zone, None).is_ok());
}

#[test]
fn what_does_not_go_from_zone_to_zone_is_refused_with_what_would() {
    let and = |step: Step| Strategy::new([Step::each_zone(MINUTE), step]).max_surge(12);
    let besides = |step: &str| {
        format!(
            "it goes from zone to zone (one zone after the other, bake for 1m after the first) and has a step besides, {step}: each zone is replaced as \
             room allows and gets its requests with its instances; leave that out, or use `Strategy::canary` for shares, `Strategy::blue_green` to \
             shift requests"
        )
    };
    let (three, all) = (fleet(12, 3), percent(100));
    refused(&three, &and(Step::scale(all)), None, &besides("scale to 100%"));
    refused(&three, &and(Step::scale_beside(all)), None, &besides("scale to 100% beside the old"));
    refused(&three, &and(Step::shift(all)), Some(Split::Pooled), &besides("shift 100% of the traffic"));
    let binary = Strategy::zone_by_zone(MINUTE).max_surge(12);
    refused(
        &three,
        &binary,
        Some(Split::Binary),
        "step 1, zone a, 1 of 3: its pool gives all traffic to one release, so a part of it would see none; use `Strategy::blue_green`",
    );
    refused(
        &three,
        &Strategy::zone_by_zone(MINUTE).on_resize(OnResize::NewFirst),
        None,
        "what is added would all be in the zones that are replaced by then (on_resize new_first); use `OnResize::Proportional` or `OnResize::Freeze`",
    );
    let of_three = planned(&three, &Strategy::zone_by_zone(MINUTE), None).unwrap();
    let steps = "its steps are not one for each zone of fleet web, in their order: a, b; use `Strategy::zone_by_zone`";
    refused(&fleet(12, 2), of_three.strategy(), None, steps);
    assert_eq!(
        planned(&three, of_three.strategy(), None).unwrap().steps(),
        of_three.steps(),
        "as it was planned it may be planned"
    );
}

#[test]
fn a_floor_that_nothing_can_be_replaced_under_is_refused() {
    let none = Strategy::rolling().max_surge(0).max_unavailable(4);
    let three = fleet(12, 3);
    for (per_zone, why) in [
        (0.into(), "max_surge 0 and max_unavailable_per_zone 0 cannot replace anything; allow one of them at least 1"),
        (
            percent(24).into(),
            "max_surge 0 and max_unavailable_per_zone 24% (0 of 4) cannot replace anything; allow one of them at least 1",
        ),
    ] as [(Amount, &str); 2]
    {
        refused(&three, &none.clone().max_unavailable_per_zone(per_zone), None, why);
    }
    assert!(planned(&three, &none.clone().max_unavailable_per_zone(percent(25)), None).is_ok());
    assert!(planned(&three, &none.clone().max_surge(1).max_unavailable_per_zone(0), None).is_ok());
    assert!(planned(&fleet(2, 3), &none.max_unavailable(1).max_unavailable_per_zone(0), None).is_ok(), "nobody's floor");
    refused(
        &three,
        &Strategy::recreate().max_unavailable_per_zone(1),
        None,
        "the old leave first, and 3 must stay ready in each zone (max_unavailable_per_zone 1); allow 100%, or let the old ones follow",
    );
    assert!(planned(&three, &Strategy::recreate().max_unavailable_per_zone(percent(100)), None).is_ok());
    let flips =
        |per_zone: u32, surge: u32| Strategy::rolling().max_unavailable(4).max_surge(surge).max_unavailable_per_zone(per_zone);
    refused(
        &three,
        &flips(1, 4),
        Some(Split::Binary),
        "its pool gives all traffic to one release, and 3 must be ready in each of 3 zones (max_unavailable_per_zone 1), so 9 old and 9 new must be ready \
         at once, and 16 may be; allow a max_surge of 6",
    );
    assert!(planned(&three, &flips(1, 6), Some(Split::Binary)).is_ok());
    assert!(planned(&three, &flips(2, 4), Some(Split::Binary)).is_ok(), "6 in zones, 8 in all");
    assert!(planned(&three, &flips(1, 4), Some(Split::Pooled)).is_ok());
    let shifts = Strategy::new([Step::scale_beside(percent(100)), Step::shift(percent(100))]).max_surge(12);
    assert!(planned(&three, &shifts.max_unavailable_per_zone(0), Some(Split::Pooled)).is_ok());
}

/// The lines of a plan that are about its steps and zones.
fn said(plan: &Plan) -> Vec<String> {
    let of_zones = |line: &&str| line.contains("step ") || line.contains("zone") || line.contains("warn");
    plan.to_string().lines().filter(of_zones).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_plan_says_zone_after_zone() {
    let strategy = Strategy::zone_by_zone(10 * MINUTE).bake_each_zone(2 * MINUTE).gate(Approve::by(["ann"]).within(MINUTE));
    let plan = planned(&fleet(13, 3), &strategy.max_unavailable_per_zone(percent(50)), None).unwrap();
    assert_eq!(
        said(&plan),
        [
            "of them at least 2 ready in each of 3 zones (max_unavailable_per_zone 50%)",
            "step 1: zone a, 1 of 3: 5 of the new, 8 of the old; at least 5 ready, at most 10 in all",
            "step 2: bake for 10m",
            "step 3: 1 of ann approve, within 1m, or it asks",
            "step 4: zone b, 2 of 3: 9 of the new, 4 of the old; at least 10 ready, at most 14 in all",
            "step 5: bake for 2m",
            "step 6: 1 of ann approve, within 1m, or it asks",
            "step 7: zone c, 3 of 3: 13 of the new, 0 of the old",
        ]
    );
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["steps"][0]["step"], serde_json::json!({ "zone": { "zone": "a", "nth": 1, "of": 3 } }));
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
}

#[test]
fn what_follows_each_zone_is_in_the_strategy() {
    let said = |strategy: &Strategy| strategy.steps().iter().map(ToString::to_string).collect::<Vec<_>>();
    let of = |strategy: Strategy| said(planned(&fleet(6, 2), &strategy, None).unwrap().strategy());
    let by_zone = || Strategy::zone_by_zone(2 * MINUTE);
    assert_eq!(of(by_zone()), ["zone a, 1 of 2", "bake for 2m", "zone b, 2 of 2"]);
    assert_eq!(of(by_zone().bake(MINUTE)), ["zone a, 1 of 2", "bake for 1m", "zone b, 2 of 2"]);
    assert_eq!(of(by_zone().bake(Duration::ZERO)), ["zone a, 1 of 2", "zone b, 2 of 2"]);
    assert_eq!(of(by_zone().bake_each_zone(MINUTE)), of(by_zone()), "of two the last is not baked");
    assert_eq!(
        of(Strategy::zone_by_zone(Duration::ZERO).bake(MINUTE)),
        ["zone a, 1 of 2", "zone b, 2 of 2", "bake for 1m"],
        "without any it gets one at its end"
    );
    let gated = by_zone().bake_each_zone(MINUTE).gate(Approve::by(["ann"])).bake(3 * MINUTE);
    assert_eq!(
        said(&gated),
        ["one zone after the other, bake for 3m after the first, bake for 3m after each other, after each: 1 of ann approve"]
    );
    let json = serde_json::to_string(&gated).unwrap();
    assert_eq!(serde_json::from_str::<Strategy>(&json).unwrap(), gated, "{json}");
    let judged = by_zone().gate(Check::by("smoke"));
    assert_eq!(judged.judges().map(|judge| &**judge).collect::<Vec<_>>(), ["smoke"]);
}

#[test]
fn what_is_proven_is_resized_everywhere_at_once() {
    let mut stage = Stage::proven_of(fleet(5, 2), Strategy::zone_by_zone(MINUTE));
    stage.fleet = fleet(8, 2);
    let plan = stage.plan("1.0.0");
    assert_eq!(said(&plan), ["step 1: 8 of the new, 0 of the old; at least 5 ready, at most 8 in all"]);
}

#[test]
fn what_is_unwise_of_zones_is_told() {
    let told = |size, zones, strategy: Strategy| -> Vec<(Lint, String)> {
        let plan = planned(&fleet(size, zones), &strategy, None).unwrap();
        plan.warnings().iter().map(|warning| (warning.lint, warning.to_string())).collect()
    };
    let by_zone = || Strategy::zone_by_zone(MINUTE);
    let slow = |part| {
        let why = format!(
            "zone by zone, one of the {part} or more of a zone goes at a time; allow a max_surge of {part} to replace a zone at once, or more unavailable"
        );
        vec![(Lint::SlowZones, why)]
    };
    assert_eq!(told(12, 3, by_zone()), []);
    assert_eq!(told(12, 3, by_zone().max_surge(1)), slow(4));
    assert_eq!(told(10, 3, by_zone().max_surge(1)), slow(3));
    assert_eq!(told(8, 3, by_zone().max_surge(1)), [], "two are soon done");
    assert_eq!(told(12, 3, by_zone().max_surge(1).max_unavailable(1)), []);
    assert_eq!(told(12, 3, by_zone().max_surge(1).max_unavailable(1).max_unavailable_per_zone(0)), slow(4));
    assert_eq!(told(12, 3, by_zone().max_surge(1).max_unavailable(1).max_unavailable_per_zone(1)), []);
    assert_eq!(told(12, 3, by_zone().max_surge(2).max_unavailable_per_zone(0)), [], "two at a time");
    assert_eq!(told(12, 3, Strategy::rolling().max_surge(1)), []);
    let floor = |why: &str| vec![(Lint::NoZoneFloor, why.to_owned())];
    assert_eq!(
        told(2, 3, Strategy::rolling().max_unavailable_per_zone(0)),
        floor("2 instances in 3 zones: a zone may have none, so its floor is 0; have as many as there are zones")
    );
    assert_eq!(
        told(6, 3, Strategy::rolling().max_unavailable_per_zone(2)),
        floor("all 2 of a zone may be unavailable (max_unavailable_per_zone 2), so its floor is 0; allow fewer")
    );
    assert_eq!(told(6, 3, Strategy::rolling().max_unavailable_per_zone(1)), []);
    let idle =
        "step 4, zone c, 3 of 3, moves nothing: of 2 instances the new has 2 before it as well; have as many as there are zones";
    assert_eq!(told(2, 3, by_zone()), [(Lint::IdleStep, idle.to_owned())]);
    let gate =
        "step 1, zone a, 1 of 3: nothing has to hold before the new gets more; add a bake, a check or an approval behind it";
    assert_eq!(told(12, 3, Strategy::zone_by_zone(Duration::ZERO)), [(Lint::NoGate, gate.to_owned())]);
}

/// On the way to 1.1.0 as generation 2, in zones a, b and c: these many of 1.0.0 are ready in each, called by their zone and a number.
pub(super) fn rolling(sizes: [u32; 3], strategy: Strategy) -> Stage {
    let mut stage = Stage::proven_of(fleet(0, 3), Strategy::rolling());
    (stage.fleet, stage.strategy) = (fleet(sizes.iter().sum(), 3), strategy);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    for (cell, size) in (0..).zip(sizes) {
        fill(&mut stage, 1, cell, 0, size);
    }
    stage.pass(120);
    stage
}

pub(super) fn cell(generation: u32, cell: u16) -> GroupId {
    GroupId { generation: GenerationId(generation), cell }
}

fn names(generation: u32, cell: u16, from: u32, to: u32) -> String {
    let zone = ["a", "b", "c"][usize::from(cell)];
    let sign = if generation == 1 { "" } else { "n" };
    (from..to).map(|number| format!("{sign}{zone}{number}")).collect::<Vec<_>>().join(" ")
}

/// A group has so many, who are ready.
pub(super) fn fill(stage: &mut Stage, generation: u32, at: u16, from: u32, to: u32) {
    if to > from {
        let id = cell(generation, at);
        let group = std::sync::Arc::new(Resize::Raise { group: id, from, to });
        stage.owe(Call::Resize(group));
        stage.settle(done(to));
        let all: Vec<_> = keys(&names(generation, at, from, to)).into_iter().collect();
        stage.note(|noted| drop(noted.appeared.insert(id, all.clone())));
        stage.note(|noted| drop(noted.healthy.insert(id, all)));
        stage.note(|noted| noted.exercised.push(GenerationId(generation)));
    }
}

/// Six groups, each with so many who are healthy.
pub(super) fn see(old: [u32; 3], new: [u32; 3]) -> Look {
    let all = (0..3_u16).map(|at| (1, at, old[usize::from(at)])).chain((0..3).map(|at| (2, at, new[usize::from(at)])));
    all.fold(look(), |look, (generation, at, size)| {
        let spelled: Vec<_> = names(generation, at, 0, size).split_whitespace().map(|name| format!("{name}+")).collect();
        look.group(generation, size, &spelled.join(" ")).cell(at)
    })
}

/// What is decided about sizes.
pub(super) fn sizes(stage: &Stage, look: &Look) -> Vec<String> {
    let said = look.says_decide(stage);
    let sizes = said.lines().filter(|line| line.starts_with("owed"));
    sizes.map(|line| line.split_once(' ').unwrap().1.split_once(' ').unwrap().1.to_owned()).collect()
}

/// So many more, none fewer, and none fewer in any zone.
pub(super) fn strict(surge: u32) -> Strategy {
    Strategy::rolling().max_surge(surge).max_unavailable_per_zone(0)
}

#[test]
fn who_leaves_leaves_enough_in_their_zone() {
    // One is ready beyond the floor, in zone a.
    let mut stage = rolling([2, 2, 2], strict(1));
    fill(&mut stage, 2, 0, 0, 1);
    stage.pass(30);
    assert_eq!(sizes(&stage, &see([2, 2, 2], [1, 0, 0])), ["lower 0001.0 2 by a0"]);
    let mut anywhere = rolling([2, 2, 2], Strategy::rolling().max_surge(1));
    fill(&mut anywhere, 2, 0, 0, 1);
    anywhere.pass(30);
    assert_eq!(
        sizes(&anywhere, &see([2, 2, 2], [1, 0, 0])),
        ["lower 0001.2 2 by c0"],
        "without a floor of its zone it is another's"
    );

    // The floor of a zone holds whatever all together may be short of.
    let wide = rolling([2, 2, 2], Strategy::rolling().max_surge(0).max_unavailable(3).max_unavailable_per_zone(1));
    let mut wide_on = wide;
    wide_on.note(|noted| noted.exercised.push(GenerationId(2)));
    assert_eq!(
        sizes(&wide_on, &see([2, 2, 2], [0, 0, 0])),
        ["lower 0001.0 2 by a0", "lower 0001.1 2 by b0", "lower 0001.2 2 by c0"]
    );
    let uneven = rolling([4, 1, 1], Strategy::rolling().max_surge(0).max_unavailable(3).max_unavailable_per_zone(1));
    let mut uneven_on = uneven;
    uneven_on.note(|noted| noted.exercised.push(GenerationId(2)));
    assert_eq!(sizes(&uneven_on, &see([4, 1, 1], [0, 0, 0])), ["lower 0001.0 4 by a0,a1,a2"], "two zones have but their floor");
}

#[test]
fn of_a_zone_below_its_floor_only_those_go_who_are_down() {
    let sound = "a0+ a1+";
    let zones = |b: &str| look().group(1, 2, sound).group(1, 2, b).cell(1).group(1, 2, "c0+ c1+").cell(2);
    let with_new = |look: Look| look.group(2, 1, "na0+").group(2, 0, "").cell(1).group(2, 0, "").cell(2);
    let mut stage = rolling([2, 2, 2], Strategy::rolling().max_surge(2).max_unavailable(2).max_unavailable_per_zone(0));
    fill(&mut stage, 2, 0, 0, 1);
    stage.pass(30);
    let named = |b: &str| -> Vec<String> {
        sizes(&stage, &with_new(zones(b))).into_iter().filter(|line| line.starts_with("lower")).collect()
    };
    assert_eq!(named("b0+ b1+"), ["lower 0001.0 2 by a0"], "one beyond the floor of a");
    assert_eq!(named("b0? b1?"), ["lower 0001.0 2 by a0"], "who is in doubt stays, and the others go on");
    assert_eq!(named("b0! b1+"), ["lower 0001.0 2 by a0", "lower 0001.1 2 by b0"], "who is down may go");
    let mut tight = rolling([2, 2, 2], Strategy::rolling().max_surge(2).max_unavailable_per_zone(0));
    fill(&mut tight, 2, 0, 0, 1);
    tight.pass(30);
    let coming = sizes(&tight, &with_new(zones("b0! b1!")));
    assert_eq!(coming, ["lower 0001.1 2 by b0", "raise 0002.1 0 to 1"], "and no faster than they are replaced");
}

#[test]
fn a_zone_that_is_not_seen_keeps_what_it_has() {
    let mut stage = rolling([2, 2, 2], Strategy::rolling().max_surge(1).max_unavailable(3).max_unavailable_per_zone(1));
    fill(&mut stage, 2, 0, 0, 1);
    stage.pass(30);
    let silent = look().group(1, 2, "a0+ a1+").group(1, 2, "").cell(1).partly().group(1, 2, "c0+ c1+").cell(2);
    let silent = silent.group(2, 1, "na0+").group(2, 0, "").cell(1).partly().group(2, 0, "").cell(2);
    assert_eq!(
        sizes(&stage, &silent),
        ["lower 0001.0 2 by a0", "lower 0001.2 2 by c0"],
        "of what may be unavailable in all, and of no zone beyond it"
    );
}

#[test]
fn a_zone_in_which_nothing_can_come_has_no_floor() {
    let mut stage = rolling([2, 2, 2], strict(1));
    fill(&mut stage, 2, 0, 0, 2);
    stage.pass(30);
    let lost = |look: Look| look.absent(2).cell(1).absent(2).cell(2);
    let old = |c: u32| {
        let all = look().group(1, 1, "a1+").group(1, 2, "b0+ b1+").cell(1);
        all.group(1, c, if c == 2 { "c0+ c1+" } else { "" }).cell(2)
    };
    let again = ["ensure 0002 of 1.1.0 heal false", "lower 0001.0 1 by a1"];
    assert_eq!(sizes(&stage, &lost(old(2).group(2, 2, "na0+ na1+"))), again, "of zones that are made again nobody leaves");
    stage.not_mended(2);
    assert_eq!(sizes(&stage, &lost(old(2).group(2, 2, "na0+ na1+"))), ["lower 0001.2 2 by c0"]);
}

pub(super) fn by_zone(surge: u32) -> Strategy {
    Strategy::zone_by_zone(MINUTE).max_surge(surge)
}

#[test]
fn a_zone_waits_for_its_turn() {
    let mut stage = rolling([2, 2, 2], by_zone(2));
    assert_eq!(sizes(&stage, &see([2, 2, 2], [0, 0, 0])), ["raise 0002.0 0 to 1"], "one is tried");
    fill(&mut stage, 2, 0, 0, 1);
    stage.pass(30);
    assert_eq!(sizes(&stage, &see([2, 2, 2], [1, 0, 0])), ["lower 0001.0 2 by a0", "raise 0002.0 1 to 2"]);
    fill(&mut stage, 2, 0, 1, 2);
    stage.pass(30);
    assert_eq!(
        sizes(&stage, &see([2, 2, 2], [2, 0, 0])),
        ["lower 0001.0 2 by a0,a1"],
        "nobody comes in the next, nobody leaves it"
    );
    let second = Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until: Some(stage.now + MINUTE) } };
    stage.moved(second);
    assert_eq!(sizes(&stage, &see([0, 2, 2], [2, 0, 0])), [""; 0], "while it bakes too");
    stage.moved(Phase::Stepping { step: StepIx(2), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
    assert_eq!(sizes(&stage, &see([0, 2, 2], [2, 0, 0])), ["raise 0002.1 0 to 2"]);
}

#[test]
fn what_a_zone_has_beyond_its_part_may_leave_before_its_turn() {
    let mut stage = rolling([1, 2, 3], by_zone(1).max_unavailable(1));
    stage.note(|noted| noted.exercised.push(GenerationId(2)));
    stage.pass(30);
    assert_eq!(
        sizes(&stage, &see([1, 2, 3], [0, 0, 0])),
        ["lower 0001.0 1 by a0", "raise 0002.0 0 to 1"],
        "where it is its turn first"
    );
    fill(&mut stage, 2, 0, 0, 2);
    stage.pass(30);
    assert_eq!(
        sizes(&stage, &see([0, 2, 3], [2, 0, 0])),
        ["lower 0001.2 3 by c0"],
        "and then of the others what is not their part"
    );
    assert_eq!(sizes(&stage, &see([0, 2, 2], [2, 0, 0])), [""; 0]);
}

#[test]
fn who_is_down_leaves_any_zone() {
    let mut stage = rolling([2, 2, 2], by_zone(1));
    fill(&mut stage, 2, 0, 0, 1);
    stage.pass(30);
    let ill = look().group(1, 2, "a0+ a1+").group(1, 2, "b0+ b1+").cell(1).group(1, 2, "c0! c1+").cell(2);
    let ill = ill.group(2, 1, "na0+").group(2, 0, "").cell(1).group(2, 0, "").cell(2);
    assert_eq!(sizes(&stage, &ill), ["lower 0001.2 2 by c0"], "it would be in the way for ever");
}

#[test]
fn the_way_back_goes_everywhere_at_once() {
    let mut stage = rolling([2, 2, 2], by_zone(6));
    fill(&mut stage, 2, 0, 0, 2);
    stage.pass(30);
    let mut back = stage;
    back.moved(Phase::Reverting {
        why: RevertCause::Asked,
        to: GenerationId(1),
        at: StepState::Moving { give_up_at: back.now + 60 * MINUTE },
    });
    assert_eq!(sizes(&back, &see([0, 1, 2], [2, 0, 0])), ["raise 0001.0 0 to 2", "raise 0001.1 1 to 2"]);
}

#[test]
fn a_resize_moves_each_zone_to_its_part_of_it() {
    let mut stage = rolling([2, 2, 2], by_zone(2));
    fill(&mut stage, 2, 0, 0, 2);
    stage.pass(30);
    stage.apply(Event::Resized { desired: 9 });
    let look = see([0, 2, 2], [2, 0, 0]);
    assert_eq!(
        sizes(&stage, &look),
        ["raise 0002.0 2 to 3"],
        "a third of it, and what is added to the others comes with their turn"
    );
}

/// Group a of both generations is seen only in part, and was seen wholly before.
pub(super) fn a_unseen(old: [u32; 3], new: [u32; 3]) -> Look {
    let spelled = |generation, at: u16, size| {
        let spelled: Vec<_> = names(generation, at, 0, size).split_whitespace().map(|name| format!("{name}+")).collect();
        spelled.join(" ")
    };
    let mut all = look();
    for (generation, sizes) in [(1, old), (2, new)] {
        for (at, size) in (0..).zip(sizes) {
            all = if at == 0 {
                all.group(generation, size, "").partly().earlier(generation, size)
            } else {
                all.group(generation, size, &spelled(generation, at, size)).cell(at)
            };
        }
    }
    all
}

#[test]
fn what_a_zone_is_to_get_waits_for_it() {
    let on = |strategy: Strategy| {
        let mut stage = rolling([2, 2, 2], strategy);
        fill(&mut stage, 2, 1, 0, 1);
        stage.pass(30);
        stage
    };
    let unseen = a_unseen([2, 2, 2], [0, 1, 0]);
    let all: Vec<_> = sizes(&on(strict(6)), &unseen).into_iter().filter(|line| line.starts_with("raise")).collect();
    assert_eq!(all, ["raise 0002.1 1 to 2", "raise 0002.2 0 to 2"], "two are kept for zone a");
    let plain: Vec<_> = sizes(&on(Strategy::rolling().max_surge(6)), &unseen);
    assert_eq!(plain.last().unwrap(), "raise 0002.2 0 to 3", "where zones have no floor others get them");
    let mut full = on(strict(6));
    fill(&mut full, 2, 1, 1, 2);
    fill(&mut full, 2, 2, 0, 2);
    full.pass(30);
    let waits = a_unseen([2, 0, 0], [0, 2, 2]);
    assert_eq!(sizes(&full, &waits), [""; 0]);
    assert!(waits.decide(&full).report.to_string().contains("a whole view (of a zone whose part is missing)"));
}

/// Of what was asked for in a group one did not come.
pub(super) fn short(stage: &mut Stage, generation: u32, at: u16, from: u32) {
    stage.owe(Call::Resize(std::sync::Arc::new(Resize::Raise { group: cell(generation, at), from, to: from + 1 })));
    stage.settle(done(from));
}

#[test]
fn where_one_did_not_come_it_is_asked_again_after_a_while() {
    let mut stage = rolling([2, 2, 2], strict(3));
    fill(&mut stage, 2, 1, 0, 1);
    short(&mut stage, 2, 0, 0);
    stage.pass(599);
    let raises = |stage: &Stage| -> Vec<String> {
        sizes(stage, &see([2, 1, 2], [0, 1, 0])).into_iter().filter(|line| line.starts_with("raise")).collect()
    };
    assert_eq!(raises(&stage), ["raise 0002.1 1 to 2", "raise 0002.2 0 to 2"], "others first");
    stage.pass(1);
    assert_eq!(raises(&stage), ["raise 0002.0 0 to 2", "raise 0002.2 0 to 1"]);
    let mut by_turns = rolling([2, 2, 2], by_zone(3));
    fill(&mut by_turns, 2, 0, 0, 1);
    short(&mut by_turns, 2, 0, 1);
    by_turns.pass(30);
    assert_eq!(sizes(&by_turns, &see([1, 2, 2], [1, 0, 0])), ["raise 0002.0 1 to 2"], "whose turn it is is asked at once");
}

#[test]
fn no_zone_gets_more_than_its_part_where_they_take_turns() {
    let mut stage = rolling([2, 2, 2], by_zone(3));
    fill(&mut stage, 2, 0, 0, 2);
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until: Some(stage.now) } });
    stage.moved(Phase::Stepping { step: StepIx(2), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
    stage.pass(30);
    short(&mut stage, 2, 1, 0);
    stage.pass(30);
    assert_eq!(sizes(&stage, &see([0, 2, 2], [2, 0, 0])), ["raise 0002.1 0 to 2"], "zone a has its part");
    let gone = |at: u16| {
        (0..3).filter(|other| *other != at).fold(look(), |look, other| look.group(2, 0, "").cell(other)).absent(2).cell(at)
    };
    let old = |look: Look| {
        (0..3).fold(look, |look, at| {
            let size = if at == 0 { 0 } else { 2 };
            let spelled: Vec<_> = names(1, at, 0, size).split_whitespace().map(|name| format!("{name}+")).collect();
            look.group(1, size, &spelled.join(" ")).cell(at)
        })
    };
    let mut first = rolling([2, 2, 2], by_zone(1));
    first.not_mended(2);
    assert_eq!(sizes(&first, &old(gone(0))), ["raise 0002.1 0 to 1"], "where the first was deleted it begins with the next");
    assert_eq!(sizes(&first, &old(gone(1))), ["raise 0002.0 0 to 1"]);
}

#[test]
fn a_call_that_was_right_is_judged_by_its_zone_again() {
    let mut early = rolling([2, 2, 2], by_zone(3));
    fill(&mut early, 2, 0, 0, 1);
    let raise = |at| Call::Resize(std::sync::Arc::new(Resize::Raise { group: cell(2, at), from: 0, to: 1 }));
    early.owe(raise(2));
    early.pass(90);
    let look = see([2, 2, 2], [1, 0, 0]);
    assert!(look.says_decide(&early).contains("withdrawn"), "{}", look.says_decide(&early));
    early.moved(Phase::Reverting {
        why: RevertCause::Asked,
        to: GenerationId(1),
        at: StepState::Moving { give_up_at: early.now + 60 * MINUTE },
    });
    let lower = |at: u16, names: &str| {
        Call::Resize(std::sync::Arc::new(Resize::Lower { group: cell(1, at), from: 2, leave: keys(names) }))
    };
    let holds = |strategy: Strategy, look: &Look| {
        let mut stage = rolling([2, 2, 2], strategy.max_unavailable(3));
        fill(&mut stage, 2, 0, 0, 1);
        stage.owe(lower(1, "b0"));
        stage.pass(90);
        look.says_decide(&stage).contains("renewed")
    };
    let zone = |b: &str| {
        let all = look_of("a0+ a1+", b, "c0+ c1+");
        all.group(2, 1, "na0+").group(2, 0, "").cell(1).group(2, 0, "").cell(2)
    };
    let per_zone = || Strategy::rolling().max_surge(1).max_unavailable_per_zone(1);
    assert!(holds(per_zone(), &zone("b0+ b1+")));
    assert!(!holds(per_zone(), &zone("b0+ b1-")), "nobody else is left in the zone");
    assert!(holds(Strategy::rolling().max_surge(1), &zone("b0+ b1-")));
}

pub(super) fn look_of(a: &str, b: &str, c: &str) -> Look {
    look().group(1, 2, a).group(1, 2, b).cell(1).group(1, 2, c).cell(2)
}

/// Behind a pool that gives generation 1 everything, with so many ready of generation 2.
pub(super) fn routed(new: [u32; 3], strategy: Strategy, split: Split) -> Stage {
    let mut stage = Stage::proven_of(fleet(0, 3), Strategy::rolling());
    (stage.fleet, stage.strategy, stage.switch) = (fleet(6, 3).pool("web"), strategy, Some(switch(split)));
    stage.open("1.1.0");
    stage.claim();
    let all = if let Split::Weighted { parts, .. } = split { parts } else { 1 };
    stage.make(2);
    stage.owe(route(&[(1, all), (2, 0)]));
    stage.settle(done(None));
    stage.step();
    for (at, size) in (0..).zip(new) {
        fill(&mut stage, 1, at, 0, 2);
        fill(&mut stage, 2, at, 0, size);
    }
    stage.pass(120);
    stage
}

pub(super) fn routes(stage: &Stage, look: &Look) -> Vec<String> {
    let said = look.says_decide(stage);
    said.lines().filter_map(|line| line.split_once("route ").map(|(_, weights)| weights.to_owned())).collect()
}

#[test]
fn requests_leave_no_zone_without_its_floor() {
    let strategy = |per_zone: u32| Strategy::rolling().max_surge(6).max_unavailable(2).max_unavailable_per_zone(per_zone);
    let gives = |new: [u32; 3], per_zone: u32| {
        let stage = routed(new, strategy(per_zone), Split::Binary);
        routes(&stage, &see([2; 3], new).pool(&[(1, 1), (2, 0)]))
    };
    assert_eq!(gives([2, 2, 2], 0), ["0001:0,0002:1"]);
    assert_eq!(gives([2, 2, 1], 0), [""; 0], "zone c has but one");
    assert_eq!(gives([2, 2, 1], 1), ["0001:0,0002:1"], "as many as its floor");
    let weighted = Split::Weighted { generations: 2, parts: 100 };
    let shares = |new: [u32; 3], per_zone: u32, now: &[(u32, u16)]| {
        routes(&routed(new, strategy(per_zone), weighted), &see([2; 3], new).pool(now))
    };
    assert_eq!(
        shares([2, 2, 0], 1, &[(1, 100), (2, 0)]),
        ["0001:25,0002:75"],
        "four could carry all, and nobody would serve in zone c: what three carry"
    );
    assert_eq!(shares([2, 1, 1], 1, &[(1, 100), (2, 0)]), ["0001:0,0002:100"], "as many in each as its floor");
}
