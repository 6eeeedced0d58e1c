//! `decide` over whoever keeps it waiting: slow boots and their spares, zones without machines, those that do not leave, and a rollout that takes too long.

use std::sync::Arc;
use std::time::Duration;

use immutable_core::fleet::{FailureClass, Fleet, GenerationId, GroupId, Resize};
use immutable_core::rollout::{
    Amount, Call, Charge, Ending, Event, Hold, Need, OnFirstFailure, Percent, Phase, RevertCause, Shortage, StepState, Strategy,
};

use super::kit::{MINUTE, Stage, done, drain, group, held_back, key, lower, paused, raise};
use super::sight::{Look, look, row, tells};

/// One more and none fewer, and so many spares after a minute.
fn hedged(spares: u32) -> Strategy {
    Strategy::rolling().max_surge(1).max_failed(3).hedge(spares, MINUTE)
}

/// `d` is ready and one of the old has left for `e`, which boots.
fn booting(strategy: Strategy) -> Stage {
    let mut stage = Stage::rolling(strategy);
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.launch(2, "e");
    stage
}

fn old() -> Look {
    look().group(1, 2, "b+ c+")
}

#[test]
fn beside_one_that_boots_for_too_long_a_spare_is_launched_on_top_of_the_ceiling() {
    let mut stage = booting(hedged(1));
    stage.pass(59);
    let slow = old().group(2, 2, "d+ e:");
    tells(
        "not yet",
        &stage,
        &slow,
        "waiting for 2 of 3 to be ready (e, boot deadline in 9m 1s); rollback now would be partial, 2 of 3 still run",
        "+100s",
    );
    stage.pass(1);
    row("it is slow", &stage, &slow, "owed 8 raise 0002.0 2 to 3");
    row("checked and ill, and never healthy", &stage, &old().group(2, 2, "d+ e-"), "owed 8 raise 0002.0 2 to 3");
    row("it runs, and nothing is heard of its health", &stage, &old().group(2, 2, "d+ e?"), "");
    row("it is healthy", &stage, &old().group(2, 2, "d+ e+"), "noted healthy 0002.0 e");
    let mut no_hedge = booting(Strategy::rolling().max_surge(1));
    no_hedge.pass(60);
    row("without a hedge", &no_hedge, &slow, "");
    let mut charged = stage.clone();
    charged.note(|noted| {
        let (incident, class, what) = (None, FailureClass::Health, "in its words".into());
        noted.charged.push(Charge { group: group(2), instance: Some(key("e")), incident, class, what });
    });
    row("one that has failed already", &charged, &slow, "");
}

#[test]
fn a_spare_counts_once_however_often_it_is_looked() {
    let mut stage = booting(hedged(1));
    stage.pass(60);
    stage.owe(raise(2, 2, 3));
    row("it is asked for", &stage, &old().group(2, 2, "d+ e:"), "");
    stage.settle(done(3));
    row("it is promised", &stage, &old().group(2, 3, "d+ e:"), "");
    stage.appear(2, "f");
    tells(
        "it boots",
        &stage,
        &old().group(2, 3, "d+ e: f:"),
        "waiting for 1 that boot for too long, or a spare (1 of at most 1 may be beside them), 2 of 3 to be ready (e, boot deadline in 9m); rollback now \
         would be partial, 2 of 3 still run",
        "+160s",
    );
    stage.pass(60);
    row("it is slow itself, and there may be one", &stage, &old().group(2, 3, "d+ e: f:"), "");
    let mut two = booting(hedged(2));
    two.pass(60);
    two.launch(2, "f");
    row("one is slow, and there is one beside it", &two, &old().group(2, 3, "d+ e: f:"), "");
    two.pass(60);
    row("it is slow too, and there may be two", &two, &old().group(2, 3, "d+ e: f:"), "owed 9 raise 0002.0 3 to 4");
}

#[test]
fn whoever_is_ready_first_counts_and_the_others_leave_once_all_are() {
    let mut stage = booting(hedged(1).max_unavailable(1));
    stage.launch(2, "f");
    for (name, gone) in [("f", "b"), ("g", "c")] {
        if name == "g" {
            stage.launch(2, "g");
        }
        stage.healthy(2, name);
        stage.pass(10);
        stage.retire(1, gone);
        stage.gone(1, gone);
    }
    stage.note(|noted| noted.progress = Some(3));
    let at = |wanted: &str| look().group(1, 0, "").group(2, 4, wanted);
    row("all are ready", &stage, &at("d+ e: f+ g+"), "owed 12 lower 0002.0 4 by e");
    row("who is ill leaves before who serves", &stage, &at("d+ e- f+ g+"), "owed 12 lower 0002.0 4 by e");
    row(
        "both are ready at once: there is one too many",
        &stage,
        &at("d+ e+ f+ g+"),
        "noted healthy 0002.0 e\nowed 12 lower 0002.0 4 by e",
    );
    row("one is not: its spare is awaited", &stage, &at("d+ e: f+ g?"), "");
    let mut more = stage.clone();
    more.launch(2, "h");
    let five = look().group(1, 0, "").group(2, 5, "d+ e: f+ g? h:");
    row("more than the spares are too many all the same", &more, &five, "owed 13 lower 0002.0 5 by e");
}

#[test]
fn what_was_never_ready_here_gets_no_spare() {
    let mut stage = Stage::rolling(hedged(2));
    stage.launch(2, "d");
    stage.pass(60);
    row("it is tried alone", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 1, "d:"), "");
}

#[test]
fn a_spare_is_asked_for_again_only_while_it_is_needed() {
    let mut stage = booting(hedged(1));
    stage.pass(60);
    stage.owe(raise(2, 2, 3));
    stage.pass(61);
    row("one is slow still", &stage, &old().group(2, 2, "d+ e:"), "renewed 8 +161s");
    stage.healthy(2, "e");
    stage.pass(10);
    let ready = look().group(1, 2, "b+ c+").group(2, 2, "d+ e+");
    row(
        "it is ready: what would be too many is withdrawn",
        &stage,
        &ready,
        "noted progress 2\nsettled 8 failed Stale found Some(2): withdrawn: it was decided on a view that no longer holds\nowed 9 lower 0001.0 2 by b",
    );
}

#[test]
fn on_the_way_back_there_are_spares_too() {
    let mut stage = Stage::rolling(hedged(1));
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    let give_up_at = stage.now + 60 * MINUTE;
    let (why, to) = (RevertCause::Asked, GenerationId(1));
    stage.moved(Phase::Reverting { why, to, at: StepState::Moving { give_up_at } });
    stage.launch(1, "e");
    stage.pass(60);
    let slow = look().group(1, 3, "b+ c+ e:").group(2, 0, "dx");
    row("beside the old", &stage, &slow, "noted gone 0002.0 d size 0002.0 0\nowed 8 raise 0001.0 3 to 4");
}

#[test]
fn a_hedge_that_does_nothing_is_refused() {
    let refused = |strategy: Strategy| {
        let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
        stage.strategy = strategy;
        stage.planned("1.1.0").unwrap_err().to_string()
    };
    let seconds = Duration::from_secs;
    assert_eq!(
        refused(Strategy::rolling().hedge(0, MINUTE)),
        "a hedge of 0 spares launches none; allow at least 1, or leave the hedge out"
    );
    assert!(
        refused(Strategy::rolling().hedge(Percent::new(0).unwrap(), MINUTE)).starts_with("a hedge of 0% spares launches none")
    );
    assert_eq!(
        refused(Strategy::rolling().hedge(1, Duration::ZERO)),
        "a hedge after 0s launches a spare beside every instance; say what a slow boot is"
    );
    assert_eq!(
        refused(Strategy::rolling().hedge(1, seconds(600))),
        "a hedge after 10m comes too late: by the boot deadline, 10m, an instance has failed; launch spares earlier"
    );
    let planned = |strategy: Strategy| {
        let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
        stage.strategy = strategy;
        stage.planned("1.1.0").map(|plan| plan.to_string()).map_err(|error| error.to_string())
    };
    assert!(planned(Strategy::rolling().hedge(1, seconds(599))).is_ok());
    assert_eq!(
        planned(Strategy::rolling().drain_deadline(15 * MINUTE)).unwrap_err(),
        "a leave deadline of 15m passes before an instance has finished its requests (drain deadline: 15m); allow more than that"
    );
    assert!(planned(Strategy::rolling().drain_deadline(15 * MINUTE - seconds(1))).is_ok());
    assert_eq!(
        planned(Strategy::rolling().rollout_deadline(seconds(610))).unwrap_err(),
        "a rollout deadline of 10m 10s passes before one instance can be ready (boot deadline and min_ready: 10m 10s); allow more than that"
    );
    assert!(planned(Strategy::rolling().rollout_deadline(seconds(611))).is_ok());
    let printed = planned(hedged(2).on_shortage(Shortage::Wait).rollout_deadline(60 * MINUTE)).unwrap();
    let lines: Vec<_> = printed.lines().skip(5).take(3).collect();
    assert_eq!(
        lines,
        [
            "  besides, beside each that boots for longer than 1m a spare: at most 2 at a time",
            "  a zone without machines is waited for: nothing goes elsewhere",
            "  it goes back if it has not succeeded within 1h",
        ],
        "{printed}"
    );
}

#[test]
fn the_envelope_holds_the_spares() {
    let mut stage = Stage::proven_of(Stage::fleet(5), Strategy::rolling());
    let live = |stage: &Stage| {
        let plan = stage.plan("1.1.0");
        (
            plan.budget().most(),
            plan.steps().iter().map(|step| step.envelope.live_at_most).collect::<Vec<_>>(),
            plan.envelope().headroom,
        )
    };
    stage.strategy = Strategy::canary([Percent::new(20).unwrap()]).max_surge(1);
    assert_eq!(live(&stage), (6, vec![6, 6, 6], 1));
    stage.strategy = stage.strategy.clone().hedge(Amount::Percent(Percent::new(21).unwrap()), MINUTE);
    assert_eq!(live(&stage), (8, vec![6, 6, 8], 3), "none beside the one that is tried alone");
}

/// Three zones, one of which had no machine for the last that was asked for there.
fn short(strategy: Strategy) -> Stage {
    let fleet = Fleet::new("web", super::kit::place()).size(3).zones(["a", "b", "c"].map(Into::into));
    let mut stage = Stage::empty(fleet, strategy);
    stage.open("1.0.0");
    stage.claim();
    stage.make(1);
    stage.step();
    stage.ready(1, "a");
    stage.note(|noted| noted.progress = Some(1));
    let cell = |cell| GroupId { generation: GenerationId(1), cell };
    let resize = |stage: &mut Stage, resize, to: u32| {
        stage.owe(Call::Resize(Arc::new(resize)));
        stage.settle(done(to));
    };
    resize(&mut stage, Resize::Raise { group: cell(1), from: 0, to: 1 }, 1);
    resize(&mut stage, Resize::GiveUp { group: cell(1), from: 1, to: 0 }, 0);
    resize(&mut stage, Resize::Raise { group: cell(2), from: 0, to: 1 }, 1);
    stage.note(|noted| drop(noted.appeared.insert(cell(2), vec![key("c")])));
    stage.note(|noted| drop(noted.healthy.insert(cell(2), vec![key("c")])));
    stage.pass(10);
    stage.note(|noted| noted.progress = Some(2));
    stage
}

fn zones(sizes: [(u32, &str); 3]) -> Look {
    let [a, b, c] = sizes;
    look().group(1, a.0, a.1).group(1, b.0, b.1).cell(1).group(1, c.0, c.1).cell(2)
}

#[test]
fn what_does_not_come_in_one_zone_goes_to_another_and_is_told() {
    let strategy = Strategy::rolling().max_surge(1);
    let stage = short(strategy.clone());
    let lacking = zones([(1, "a+"), (0, ""), (1, "c+")]);
    row("to another", &stage, &lacking, "owed 6 raise 0001.0 1 to 2");
    let mut elsewhere = stage.clone();
    elsewhere.launch(1, "d");
    tells(
        "it says so",
        &elsewhere,
        &zones([(2, "a+ d:"), (0, ""), (1, "c+")]),
        "waiting for 1 that zone b has no machines for: they go to zone a, 1 of 3 to be ready (d, boot deadline in 10m); rollback now would be impossible: no \
         release is proven",
        "+620s",
    );
    let waits = short(strategy.on_shortage(Shortage::Wait));
    row("or is waited for", &waits, &lacking, "owed 6 raise 0001.1 0 to 1");
    let mut again = waits.clone();
    again.owe(Call::Resize(Arc::new(Resize::Raise { group: GroupId { generation: GenerationId(1), cell: 1 }, from: 0, to: 1 })));
    again.settle(done(0));
    tells(
        "and nothing goes elsewhere",
        &again,
        &lacking,
        "waiting for zone b, which has no machines for 1: nothing goes elsewhere, 1 of 3 to be ready, the provider to take calls again (in 1s); rollback now \
         would be impossible: no release is proven",
        "+21s",
    );
}

/// All of the new are ready, and the last of the old was named to leave.
fn last_named() -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    for (new, old) in [("d", "a"), ("e", "b"), ("f", "c")] {
        stage.ready(2, new);
        stage.retire(1, old);
        if old != "c" {
            stage.gone(1, old);
        }
    }
    stage.note(|noted| noted.progress = Some(3));
    stage
}

#[test]
fn who_is_told_to_leave_and_stays_is_named_to_a_person_at_once() {
    let at = |old: &str| look().group(1, 0, old).group(2, 3, "d+ e+ f+");
    let mut stage = last_named();
    stage.pass(899);
    let decision = at("c<").decide(&stage);
    assert_eq!(decision.wake_at, Some(stage.now + Duration::from_secs(1)));
    assert!(!decision.events.iter().any(|event| matches!(event, Event::Moved { .. })), "in time");
    stage.pass(1);
    let asks = "moved held: what should be removed does not go: of group 0001.0 still there 15m after they were told to leave: c";
    row("on its way out for ever", &stage, &at("c<"), asks);
    row("as if nothing had been said", &stage, &at("c+"), asks);
    row("nobody knows", &stage, &at("c<").partly(), asks);
    let decided = |look: Look, stage: &Stage| look.says_decide(stage);
    assert!(
        !decided(look().group(1, 0, "c<").aged(61).group(2, 3, "d+ e+ f+"), &stage).contains("held"),
        "of an old view nothing is said"
    );
    assert!(!decided(at("cx"), &stage).contains("held"), "it is gone");
    let mut longer = Stage::rolling(Strategy::rolling().max_surge(1).leave_deadline(20 * MINUTE));
    longer.ready(2, "d");
    longer.note(|noted| noted.progress = Some(1));
    longer.retire(1, "a");
    longer.pass(900);
    row("it may take longer", &longer, &look().group(1, 2, "a< b+ c+").group(2, 1, "d+"), "");
    longer.pass(299);
    longer.note(|noted| noted.progress = Some(1));
    longer.pass(1);
    let middle =
        "moved held: what should be removed does not go: of group 0001.0 still there 20m after they were told to leave: a";
    row("in the middle of it too", &longer, &look().group(1, 2, "a< b+ c+").group(2, 1, "d+"), middle);
}

#[test]
fn a_call_that_nobody_answers_is_named() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(lower(1, 3, "a"));
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    stage.pass(60);
    row("it is judged again", &stage, &seen, "renewed 6 +100s");
    stage.apply(Event::Renewed { op: immutable_core::id::OpId(6), basis: stage.now });
    stage.pass(840);
    let why = "of group 0001.0 still there 15m after they were told to leave: a; no answer to call 6, group 0001.0 from 3 to 2, for 15m";
    row(
        "and owed since then all the same",
        &stage,
        &seen,
        &format!("renewed 6 +940s\nmoved held: what should be removed does not go: {why}"),
    );
}

#[test]
fn who_finishes_requests_for_ever_is_named_too() {
    let mut stage = Stage::routed(3, Strategy::rolling().max_surge(1), immutable_core::fleet::Split::Pooled);
    stage.owe(drain(1, "a"));
    stage.settle(done(None));
    stage.pass(899);
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 0, "").busy().pool(&[(1, 1), (2, 1)]);
    assert!(!seen.says_decide(&stage).contains("held"));
    stage.pass(1);
    assert!(seen.says_decide(&stage).ends_with("of group 0001.0 still there 15m after they were told to leave: a"));
}

#[test]
fn what_something_holds_is_asked_about_once_nothing_else_has_moved_for_as_long() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).leave_deadline(6 * MINUTE));
    for (new, old) in [("d", "a"), ("e", "b")] {
        stage.ready(2, new);
        stage.retire(1, old);
        stage.gone(1, old);
    }
    stage.ready(2, "f");
    stage.note(|noted| noted.progress = Some(3));
    let held = |sign: &str| look().group(1, 1, &format!("c{sign}")).group(2, 3, "d+ e+ f+");
    stage.pass(359);
    let wake = held("*").decide(&stage).wake_at;
    assert_eq!(wake, Some(stage.now + Duration::from_secs(1)));
    row("not yet", &stage, &held("*"), "");
    stage.pass(1);
    let asks = "moved held: what should be removed does not go: of group 0001.0";
    row("protected", &stage, &held("*"), &format!("{asks} protected from termination: c"));
    let both = look().group(1, 1, "c*").group(2, 3, "d* e+ f+");
    row("of the new nobody need leave", &stage, &both, &format!("{asks} protected from termination: c"));
    row("on standby", &stage, &held("="), &format!("{asks} on standby: c"));
    row("nothing holds it any more", &stage, &held("+"), "owed 10 lower 0001.0 1 by c");
    row(
        "in a part of the view somebody may be hidden",
        &stage,
        &look().group(1, 1, "c*").partly().earlier(1, 1).group(2, 3, "d+ e+ f+"),
        "",
    );
    row("somebody else still leaves", &stage, &look().group(1, 1, "c* z<").group(2, 3, "d+ e+ f+"), "noted appeared 0001.0 z");
    let waits = look().group(1, 1, "c*").group(2, 3, "d+ e+ f?");
    row("somebody is not ready", &stage, &waits, "");
    let mut both = Stage::rolling(super::kit::in_two_steps(&Strategy::rolling().max_surge(1).leave_deadline(6 * MINUTE)));
    both.ready(2, "d");
    both.retire(1, "a");
    both.gone(1, "a");
    both.ready(2, "e");
    both.note(|noted| noted.progress = Some(2));
    both.pass(360);
    let two = look().group(1, 2, "b* c*").group(2, 2, "d+ e+");
    row("of two one may stay", &both, &two, &format!("{asks} protected from termination: b, c"));
    let one = look().group(1, 2, "b* c+").group(2, 2, "d+ e+");
    row("the other leaves", &both, &one, "owed 8 lower 0001.0 2 by c");
}

#[test]
fn of_many_the_first_few_are_named() {
    let strategy = Strategy::rolling().max_surge(0).max_unavailable(Percent::new(100).unwrap());
    let mut stage = Stage::proven_of(Stage::fleet(5), strategy);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.appear(1, "f g");
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now });
    let seen = look().group(1, 7, "a* b* c* d* e* f* g=").group(2, 0, "");
    let says = seen.says_decide(&stage);
    let why = "protected from termination: a, b, c, d, e, 1 more, on standby: g";
    assert!(says.ends_with(&format!("of group 0001.0 {why}")), "{says}");
    let empty = look().group(1, 2, "").group(2, 0, "");
    let lost = empty.says_decide(&stage);
    assert!(lost.ends_with("of group 0001.0 its size is 2, and 0 are in it"), "{lost}");
}

#[test]
fn whoever_is_told_to_go_on_has_all_the_time_again() {
    let mut stage = last_named();
    let told = |stage: &Stage| stage.state.slots(group(1)).unwrap().members[&key("c")].named;
    let since = stage.now;
    assert_eq!(told(&stage), Some(since));
    let resume = |stage: &Stage| Box::new(stage.state.rollout().unwrap().phase.clone());
    stage.pass(60);
    stage.moved(Phase::Held { why: paused(), resume: resume(&stage), since: stage.now });
    stage.pass(100);
    let phase = (*resume(&stage)).clone();
    let Phase::Held { resume: then, .. } = phase else { panic!() };
    stage.moved((*then).clone());
    assert_eq!(told(&stage), Some(since + Duration::from_secs(100)), "a pause stops it");
    stage.moved(Phase::Held {
        why: Hold::Needs(Need::StuckLeaving { why: "so".into() }),
        resume: then.clone(),
        since: stage.now,
    });
    stage.pass(1000);
    stage.moved(*then);
    assert_eq!(told(&stage), Some(stage.now), "a decision gives it anew");
    stage.pass(100);
    stage.owe(lower(1, 0, "c"));
    assert_eq!(told(&stage), Some(stage.now - Duration::from_secs(100)), "named again it is named since then");
    stage.settle(held_back(0, "c"));
    assert_eq!(told(&stage), None, "it is held: it is not named any more");
}

fn limited(strategy: Strategy) -> Stage {
    Stage::rolling(strategy.max_surge(1).rollout_deadline(30 * MINUTE))
}

#[test]
fn a_rollout_that_has_not_succeeded_in_time_goes_back() {
    let mut stage = limited(Strategy::rolling());
    stage.ready(2, "d");
    let over = "moved back to 0001 until +5430s: the rollout has not succeeded within its deadline";
    // It has begun 30 s after the table.
    stage.now = stage.now + Duration::from_secs(1789);
    stage.note(|noted| noted.progress = Some(1));
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    row("a second is left", &stage, &seen, "owed 6 lower 0001.0 3 by a");
    assert_eq!(look().group(1, 3, "a? b? c?").group(2, 1, "d+").decide(&stage).wake_at, Some(stage.now + Duration::from_secs(1)));
    stage.pass(1);
    row("it is over, whatever progress there was", &stage, &seen, over);
    let mut proven = stage.clone();
    proven.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: proven.now + 60 * MINUTE });
    assert!(!seen.says_decide(&proven).contains("moved"), "what is proven is not given up");
}

#[test]
fn before_anything_is_launched_it_is_refused_and_a_first_release_is_torn_down() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    stage.strategy = Strategy::rolling().rollout_deadline(11 * MINUTE);
    stage.open("1.1.0");
    stage.claim();
    look().group(1, 3, "a+ b+ c+").decide(&stage).events.into_iter().for_each(|event| stage.apply(event));
    stage.pass(11 * 60);
    let refused =
        "renewed 4 +690s\nmoved finishing refused until +4290s: nothing was launched within the 11m that the rollout has";
    row("nothing was", &stage, &look().group(1, 3, "a+ b+ c+"), refused);
    for (then, decided) in [
        (OnFirstFailure::TearDown, "moved finishing with nothing until +4260s"),
        (
            OnFirstFailure::Hold,
            "moved held: the release failed (the rollout has not succeeded within its deadline) and no release is proven to go back to",
        ),
    ] {
        let strategy = Strategy::rolling().rollout_deadline(11 * MINUTE).on_first_failure(then);
        let mut first = Stage::first(Stage::fleet(3), strategy);
        first.ready(1, "a");
        first.pass(650);
        let look = look().group(1, 1, "a+");
        row("of a first release", &first, &look, &format!("noted progress 1\n{decided}"));
    }
}

#[test]
fn a_rollouts_time_stands_still_while_it_does() {
    let mut stage = limited(Strategy::rolling());
    let over_at = |stage: &Stage| stage.state.rollout().unwrap().over_at;
    let began = over_at(&stage).unwrap();
    let then = stage.state.rollout().unwrap().phase.clone();
    stage.moved(Phase::Held { why: paused(), resume: Box::new(then.clone()), since: stage.now });
    stage.pass(500);
    stage.moved(then.clone());
    assert_eq!(over_at(&stage), Some(began + Duration::from_secs(500)));
    stage.pass(1000);
    stage.claim();
    assert_eq!(over_at(&stage), Some(began + Duration::from_secs(500 + 940)), "nobody watched for most of that");
    stage.moved(Phase::Held { why: Hold::Needs(Need::ProviderSilent), resume: Box::new(then.clone()), since: stage.now });
    stage.pass(5000);
    stage.moved(then);
    assert_eq!(over_at(&stage), Some(stage.now + 30 * MINUTE), "a person gives it all of it again");
    assert_eq!(Stage::rolling(Strategy::rolling()).state.rollout().unwrap().over_at, None);
}

#[test]
fn whoever_is_held_and_was_told_is_said_to_be_held() {
    let mut stage = last_named();
    stage.pass(900);
    let seen = look().group(1, 0, "c*").group(2, 3, "d+ e+ f+");
    row("once", &stage, &seen, "moved held: what should be removed does not go: of group 0001.0 protected from termination: c");
}

#[test]
fn what_is_held_and_leaves_no_room_is_asked_about_before_the_steps_end() {
    let strategy = Strategy::rolling().max_surge(0).max_unavailable(1).leave_deadline(6 * MINUTE);
    let mut stage = Stage::rolling(strategy);
    for (old, new) in [("a", "d"), ("b", "e")] {
        stage.retire(1, old);
        stage.gone(1, old);
        stage.ready(2, new);
    }
    stage.note(|noted| noted.progress = Some(2));
    stage.pass(359);
    let seen = look().group(1, 1, "c=").group(2, 2, "d+ e+");
    row("not yet", &stage, &seen, "");
    stage.pass(1);
    row("it is in the way", &stage, &seen, "moved held: what should be removed does not go: of group 0001.0 on standby: c");
}

#[test]
fn at_the_end_too_what_is_held_is_asked_about_at_once() {
    let mut stage = last_named();
    stage.gone(1, "c");
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    stage.appear(1, "z");
    stage.pass(899);
    let seen = look().group(1, 1, "z*").group(2, 3, "d+ e+ f+");
    assert!(!seen.says_decide(&stage).contains("held"));
    stage.pass(1);
    let says = seen.says_decide(&stage);
    assert!(says.ends_with("held: what should be removed does not go: of group 0001.0 protected from termination: z"), "{says}");
}

#[test]
fn where_nothing_moves_a_call_that_is_never_answered_is_named() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    stage.owe(super::kit::upkeep(1));
    stage.pass(60 * 60);
    let says = look().group(1, 3, "a+ b+ c*").group(2, 0, "").says_decide(&stage);
    let why = "of group 0001.0 protected from termination: c; no answer to call 5, the upkeep of generation 0001, for 1h";
    assert!(says.ends_with(why), "{says}");
}

#[test]
fn another_rollout_gives_those_that_leave_their_time_anew() {
    let mut stage = last_named();
    stage.pass(600);
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    stage.apply(Event::Ended { outcome: immutable_core::Outcome::LeftMixed });
    stage.open("1.2.0");
    assert_eq!(stage.state.slots(group(1)).unwrap().members[&key("c")].named, Some(stage.now));
    assert_eq!(stage.state.slots(group(2)).unwrap().members[&key("d")].named, None);
}

#[test]
fn a_zone_that_refuses_is_told_of_and_a_share_that_is_no_more_than_that_is_not() {
    let waits = short(Strategy::rolling().max_surge(1));
    let mut asked = waits.clone();
    let cell = |cell| GroupId { generation: GenerationId(1), cell };
    asked.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(1), from: 0, to: 1 })));
    let seen = zones([(1, "a+"), (0, ""), (1, "c+")]);
    let said = |stage: &Stage, look: &Look| look.decide(stage).report.to_string();
    assert!(!said(&asked, &seen).contains("no machines"), "it is asked for there");
    // Of five two are in the first two zones each: no more than their share.
    let mut larger = waits.clone();
    larger.apply(Event::Resized { desired: 5 });
    larger.launch(1, "d");
    let two = zones([(2, "a+ d:"), (0, ""), (1, "c+")]).busy();
    larger.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(2), from: 1, to: 2 })));
    assert!(!said(&larger, &two).contains("no machines"), "{}", said(&larger, &two));
    let mut uneven = Stage::first(waits.fleet.clone(), Strategy::rolling().max_surge(1));
    uneven.ready(1, "a d");
    uneven.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(2), from: 0, to: 1 })));
    uneven.settle(done(1));
    let elsewhere = zones([(2, "a+ d+"), (0, ""), (1, "")]);
    assert!(!said(&uneven, &elsewhere).contains("no machines"), "nobody was asked for there: {}", said(&uneven, &elsewhere));
    let mut refused = Stage::empty(waits.fleet.clone(), Strategy::rolling().max_surge(1).on_shortage(Shortage::Wait));
    refused.open("1.0.0");
    refused.claim();
    refused.make(1);
    refused.step();
    refused.ready(1, "a");
    refused.note(|noted| noted.progress = Some(1));
    refused.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(1), from: 0, to: 1 })));
    let (kind, retry, what) = (immutable_core::ErrorKind::Capacity, immutable_core::error::Retry::Backoff, "none left".into());
    refused.settle(immutable_core::rollout::OpResult::Failed(immutable_core::rollout::Refused {
        kind,
        retry,
        what,
        found: None,
        echo_until: None,
    }));
    let one = zones([(1, "a+"), (0, ""), (0, "")]);
    row("the others get their share", &refused, &one, "owed 4 raise 0001.2 0 to 1");
    refused.owe(Call::Resize(Arc::new(Resize::Raise { group: cell(2), from: 0, to: 1 })));
    assert!(
        said(&refused, &one).contains("zone b, which has no machines for 1: nothing goes elsewhere"),
        "{}",
        said(&refused, &one)
    );
}
