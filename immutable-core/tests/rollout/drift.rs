//! What somebody else has changed, and what follows: set back, replaced, or asked about; and a size that follows somebody.

use std::sync::Arc;

use immutable_core::fleet::{Drift, Drifted, Fleet, GenerationId, GroupId, Heals, OnDrift, Resize, Split, Upkeep, Verdict};
use immutable_core::id::{Actor, StreamVersion};
use immutable_core::rollout::{
    Blocker, Call, Command, CommandId, Ending, Event, Hold, Need, OnResize, Outcome, Percent, Phase, RevertCause, Step,
    StepState, Strategy, What, command,
};

use super::kit::{MINUTE, Stage, done, group, key, paused, raise, switch};
use super::sight::{Look, look, row, said, tells};

fn all_new() -> Strategy {
    Strategy::rolling().max_surge(1)
}

/// 1.1.0 has the fleet, as generation 2 with `d e f`, and its end is to be proven.
fn finished(fleet: Fleet, strategy: Strategy) -> Stage {
    let mut stage = Stage::rolling_of(fleet, strategy);
    for (new, old) in [("d", "a"), ("e", "b"), ("f", "c")] {
        stage.ready(2, new);
        stage.retire(1, old);
        stage.gone(1, old);
    }
    stage.note(|noted| noted.progress = Some(3));
    stage.pass(60);
    stage
}

fn ends(d_e_f: &str, size: u32) -> Look {
    look().group(1, 0, "").group(2, size, d_e_f)
}

#[test]
fn who_runs_another_image_goes_once_another_is_there() {
    let stage = finished(Stage::fleet(3), all_new());
    row("another comes first", &stage, &ends("d+ e+ f%", 3), "owed 11 raise 0002.0 3 to 4");
    let mut beside = stage.clone();
    beside.launch(2, "g");
    row("while it boots nobody goes", &beside, &ends("d+ e+ f% g:", 4), "");
    beside.healthy(2, "g");
    beside.pass(20);
    row("then the one does", &beside, &ends("d+ e+ f% g+", 4), "owed 12 lower 0002.0 4 by f");
    row("and nobody else comes for it", &beside, &ends("d+ e+ f% g?", 4), "");
    let spare = finished(Stage::fleet(3), Strategy::rolling().max_surge(0).max_unavailable(1));
    row("where one may be missing it goes first", &spare, &ends("d+ e+ f%", 3), "owed 11 lower 0002.0 3 by f");
}

#[test]
fn where_all_run_another_image_they_go_as_others_come() {
    let stage = finished(Stage::fleet(3), all_new());
    row("one more than there should be", &stage, &ends("d% e% f%", 3), "owed 11 raise 0002.0 3 to 4");
    let mut beside = stage.clone();
    beside.launch(2, "g");
    row("not while it boots", &beside, &ends("d% e% f% g:", 4), "");
    beside.healthy(2, "g");
    beside.pass(20);
    row("one of three", &beside, &ends("d% e% f% g+", 4), "owed 12 lower 0002.0 4 by d");
}

#[test]
fn what_was_launched_as_another_image_is_a_failure_and_what_was_changed_is_none() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).probe_attempts(2));
    stage.launch(2, "d");
    let old = || look().group(1, 3, "a+ b+ c+");
    row(
        "never of its image",
        &stage,
        &old().group(2, 1, "d%"),
        "noted healthy 0002.0 d charged 0002.0 d image\nowed 6 lower 0002.0 1 by d",
    );
    stage.healthy(2, "d");
    row("of its image once", &stage, &old().group(2, 1, "d%"), "owed 6 lower 0002.0 1 by d");
}

#[test]
fn where_the_fleet_says_so_nothing_moves_until_a_person_has_decided() {
    let pausing = |drift| finished(Stage::fleet(3).on_drift(drift, OnDrift::Pause), all_new());
    let asks = |what: &str| format!("moved held: somebody else has changed it: {what}");
    for (drift, look, noted, what) in [
        (Drift::Image, ends("d+ e+ f%", 3), "", "f runs another image than its generation's"),
        (Drift::Size, ends("d+ e+ f+", 5), "noted size 0002.0 5\n", "group 0002.0 has size 5, not 3"),
        (Drift::Stranger, ends("d+ e+ f+", 3).stranger("web-0009"), "", "\"web-0009\" bears the fleet's mark and is not ours"),
        (Drift::Generation, look().absent(1).group(2, 3, "d+ e+ f+"), "noted absent 0001\n", "generation 0001 was deleted"),
        (
            Drift::Upkeep,
            look().group(1, 0, "").heals(false).group(2, 3, "d+ e+ f+"),
            "noted upkeep 0001 does not heal\n",
            "the upkeep of generation 0001 is Upkeep { heal: false, rebalance: false, autoscale: false }, not Upkeep { heal: true, rebalance: false, \
             autoscale: false }",
        ),
    ] {
        row(&format!("{drift:?}"), &pausing(drift), &look, &format!("{noted}{}", asks(what)));
        for other in [Drift::Image, Drift::Size, Drift::Generation, Drift::Upkeep, Drift::Stranger, Drift::Weights] {
            let decided = look.says_decide(&pausing(other));
            assert_eq!(decided.contains("held"), other == drift, "{drift:?} under {other:?}: {decided}");
        }
    }
}

#[test]
fn where_nothing_heals_a_size_falls_with_its_members() {
    let mut stage = finished(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Pause), all_new());
    let held = |stage: &Stage, look: Look| look.says_decide(stage).contains("held");
    assert!(!held(&stage, ends("d+ e+", 2)), "not healed yet");
    let mut healed = stage.clone();
    healed.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    healed.settle(done(None));
    assert!(!held(&healed, ends("d+ e+", 2)), "somebody may have died before it was healed");
    let mut left = healed.clone();
    left.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: left.now + 60 * MINUTE });
    left.apply(Event::Ended { outcome: Outcome::LeftMixed });
    left.pass(60);
    left.open("1.2.0");
    left.claim();
    assert!(!held(&left, ends("d+ e+", 2)), "nor was it looked at by who left it so");
    left.note(|noted| _ = noted.sizes.insert(group(2), 2));
    assert!(held(&left, ends("d+", 1)), "what is read since is known");
    let mut alone = healed.clone();
    alone.note(|noted| noted.absent.push(GenerationId(1)));
    assert!(!held(&alone, look().group(2, 2, "d+ e+")), "that another is gone says nothing of it");
    let mut resumed = stage.clone();
    let phase = resumed.state.rollout().unwrap().phase.clone();
    resumed.moved(Phase::Held { why: paused(), resume: Box::new(phase.clone()), since: resumed.now });
    let heals = |stage: &mut Stage| stage.note(|noted| _ = noted.upkeep.insert(GenerationId(2), Upkeep::default()));
    let mut read = resumed.clone();
    read.note(|noted| {
        noted.upkeep.insert(GenerationId(2), Upkeep::default());
        noted.sizes.insert(group(2), 3);
    });
    read.moved(phase.clone());
    assert!(held(&read, ends("d+ e+", 2)), "its size was taken in with it");
    heals(&mut resumed);
    resumed.moved(phase);
    assert!(!held(&resumed, ends("d+ e+", 2)), "others let it be healed while nobody took in its size");
    let mut going_on = stage.clone();
    heals(&mut going_on);
    assert!(held(&going_on, ends("d+ e+", 2)), "who is not held takes in both");
    healed.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: immutable_core::Digest::of(b"as read") });
    assert!(held(&healed, ends("d+ e+", 2)), "somebody has set it");
    assert!(!held(&healed, look().group(1, 0, "").group(2, 2, "d+ e+").heals(false)), "nor who heals it");
    healed.heals = Heals::Always;
    assert!(held(&healed, ends("d+ e+", 2)));
    stage.heals = Heals::Never;
    assert!(!ends("d+ e+", 2).says_decide(&stage).contains("held"));
    assert!(ends("d+ e+ f+", 4).says_decide(&stage).contains("held"));
}

/// The last call was not done.
fn fails(stage: &mut Stage) {
    stage.settle(immutable_core::rollout::OpResult::Failed(immutable_core::rollout::Refused {
        kind: immutable_core::ErrorKind::Internal,
        retry: immutable_core::error::Retry::Backoff,
        what: "no".into(),
        found: None,
        echo_until: None,
    }));
}

#[test]
fn after_a_call_that_failed_nobody_can_tell_whose_change_it_is() {
    let mut stage = finished(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Pause), all_new());
    stage.owe(raise(2, 3, 4));
    fails(&mut stage);
    stage.pass(90);
    assert!(!ends("d+ e+ f+ g:", 4).says_decide(&stage).contains("held"));
}

#[test]
fn while_it_is_prepared_it_is_asked_about_too_and_on_the_way_back_or_once_let_go_it_is_not() {
    let fleet = || Stage::fleet(3).on_drift(Drift::Size, OnDrift::Pause);
    let seen = || look().group(1, 5, "a+ b+ c+").group(2, 0, "");
    let mut preparing = Stage::proven_of(fleet(), all_new());
    preparing.open("1.1.0");
    preparing.claim();
    assert!(look().group(1, 5, "a+ b+ c+").says_decide(&preparing).contains("held"));
    let moving = StepState::Moving { give_up_at: preparing.now + 60 * MINUTE };
    let later = preparing.now + 60 * MINUTE;
    for (phase, asks) in [
        (Phase::Stepping { step: immutable_core::id::StepIx(0), at: moving }, true),
        (Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at: moving }, false),
        (Phase::Finishing { ending: Ending::Back { to: GenerationId(1) }, give_up_at: later }, false),
        (Phase::Finishing { ending: Ending::Mixed, give_up_at: later }, false),
    ] {
        let mut stage = Stage::rolling_of(fleet(), all_new());
        if !matches!(phase, Phase::Stepping { .. }) {
            stage.moved(phase.clone());
        }
        let decided = seen().says_decide(&stage);
        assert_eq!(decided.contains("held"), asks, "{phase:?}: {decided}");
    }
    let mut kept = finished(fleet(), all_new());
    kept.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    kept.settle(done(None));
    kept.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: immutable_core::Digest::of(b"as read") });
    for ending in [Ending::Forward, Ending::Keep] {
        let mut stage = kept.clone();
        stage.moved(Phase::Finishing { ending, give_up_at: later });
        assert!(ends("d+ e+ f+", 5).says_decide(&stage).contains("held"));
    }
}

#[test]
fn weights_that_others_set_are_asked_about_where_the_fleet_says_so() {
    let routed = |fleet: Fleet| {
        let mut stage = Stage::proven_of(fleet, Strategy::rolling());
        (stage.strategy, stage.switch) =
            (Strategy::rolling().max_surge(1), Some(switch(Split::Weighted { generations: 5, parts: 100 })));
        stage.fleet = stage.fleet.pool("web");
        stage.open("1.1.0");
        stage.claim();
        stage.owe(super::kit::route(&[(1, 100)]));
        stage.settle(done(None));
        stage.pass(20);
        stage.make(2);
        stage.step();
        stage
    };
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 0, "").pool(&[(1, 50), (2, 50)]);
    let asks = seen.says_decide(&routed(Stage::fleet(3).on_drift(Drift::Weights, OnDrift::Pause)));
    assert!(
        asks.contains(
            "pool web divides its requests as {GenerationId(1): 50, GenerationId(2): 50}, not as {GenerationId(1): 100}"
        ),
        "{asks}"
    );
    let back = seen.says_decide(&routed(Stage::fleet(3)));
    assert!(!back.contains("held"), "{back}");
}

#[test]
fn what_was_changed_is_in_the_report() {
    let stage = finished(Stage::fleet(3), all_new());
    tells(
        "another image",
        &stage,
        &ends("d+ e+ f%", 3).stranger("web-0009"),
        "going on to acmeinc/web 1.1.0; somebody else has changed it: f runs another image than its generation's; somebody else has changed it: \
         \"web-0009\" bears the fleet's mark and is not ours; rollback now would be by launching it again",
        "+1260s",
    );
}

fn following(says: std::ops::RangeInclusive<u32>) -> Stage {
    Stage::rolling_of(Stage::fleet(3).follows("queue", says), all_new())
}

#[test]
fn a_fleet_that_follows_somebody_is_resized_to_what_they_say() {
    let old = || look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    let stage = following(2..=6);
    let launches = "owed 5 raise 0002.0 0 to 1";
    row("nothing is said", &stage, &old(), launches);
    row("the same is said", &stage, &old().follows(3), launches);
    row("more is said, and all else waits for that", &stage, &old().follows(5), "resized to 5");
    row("less", &stage, &old().follows(2), "resized to 2");
    row("too much", &stage, &old().follows(7), "resized to 6");
    row("too little", &stage, &old().follows(1), "resized to 2");
    let mut resized = stage.clone();
    resized.apply(Event::Resized { desired: 5 });
    row("it is heard once", &resized, &old().follows(5), "owed 5 raise 0002.0 0 to 1");
    row("of another fleet it is not", &Stage::rolling(all_new()), &old().follows(5), launches);
    let mut frozen = Stage::rolling_of(Stage::fleet(3).follows("queue", 2..=6), all_new().on_resize(OnResize::Freeze));
    row("also where it is held back", &frozen, &old().follows(5), "resized to 5");
    frozen.apply(Event::Resized { desired: 5 });
    row("and once there", &frozen, &old().follows(5), launches);
    let mut beside = Stage::proven_of(Stage::fleet(3).follows("queue", 2..=6), Strategy::rolling());
    (beside.strategy, beside.switch) = (Strategy::blue_green().max_surge(4), Some(switch(Split::Binary)));
    beside.fleet = beside.fleet.pool("web");
    beside.open("1.1.0");
    beside.claim();
    beside.make(2);
    beside.step();
    assert!(!old().pool(&[]).follows(6).says_decide(&beside).contains("resized"));
    beside.launch(2, "d");
    let waits = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").pool(&[]).follows(6).decide(&beside).report;
    assert!(waits.waits.iter().any(|waits| matches!(waits, Blocker::Size { .. })), "{waits}");
    assert!(old().pool(&[]).follows(4).says_decide(&beside).contains("resized to 4"));
}

#[test]
fn who_follows_somebody_is_resized_by_nobody_else() {
    let stage = following(2..=6);
    let asked = Command { id: CommandId::of("more"), by: Actor::new("sam"), about: stage.rollout(), what: What::Resize(5) };
    let events = command(&stage.state, &asked, StreamVersion(1), stage.now);
    assert_eq!(events.iter().map(said).collect::<Vec<_>>(), ["heard its size is what `queue` says; have that say 5"]);
}

#[test]
fn who_is_asked_about_drift_and_tries_again_goes_on() {
    let mut stage = finished(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Pause), all_new());
    for event in ends("d+ e+ f+ g+ h+", 5).decide(&stage).events {
        stage.apply(event);
    }
    let held = stage.state.rollout().unwrap().phase.clone();
    let found = vec![Drifted { drift: Drift::Size, what: "group 0002.0 has size 5, not 3".into() }];
    assert!(matches!(&held, Phase::Held { why: Hold::Needs(need), .. } if *need == Need::Drift { found }), "{held:?}");
    tries_again(&mut stage);
    stage.healthy(2, "g h");
    stage.pass(30);
    let set_back = ends("d+ e+ f+ g+ h+", 5).says_decide(&stage);
    assert!(set_back.contains("owed 11 lower 0002.0 5 by"), "{set_back}");
    assert_eq!(stage.state.slots(group(2)).unwrap().size, 5);
}

fn tries_again(stage: &mut Stage) {
    let asked = Command { id: CommandId::of("again"), by: Actor::new("sam"), about: stage.rollout(), what: What::Retry };
    for event in command(&stage.state, &asked, StreamVersion(1), stage.now) {
        stage.apply(event);
    }
}

/// A person is asked about a look, and has it tried again.
fn decided(stage: &Stage, look: &Look) -> Stage {
    let mut stage = stage.clone();
    for event in look.decide(&stage).events {
        stage.apply(event);
    }
    assert!(matches!(stage.state.rollout().unwrap().phase, Phase::Held { why: Hold::Needs(Need::Drift { .. }), .. }));
    tries_again(&mut stage);
    stage
}

#[test]
fn what_is_seen_at_every_look_is_asked_about_once() {
    let pausing = |drift| finished(Stage::fleet(3).on_drift(drift, OnDrift::Pause), all_new());
    let image = ends("d+ e+ f%", 3);
    let stage = decided(&pausing(Drift::Image), &image);
    row("another takes its place", &stage, &image, "noted progress 2\nowed 11 raise 0002.0 3 to 4");
    row(
        "of another one is asked",
        &stage,
        &ends("d+ e% f%", 3),
        "noted progress 1\nmoved held: somebody else has changed it: e runs another image than its generation's",
    );
    let stranger = ends("d+ e+ f+", 3).stranger("web-0009");
    let stage = decided(&pausing(Drift::Stranger), &stranger);
    assert!(!stranger.says_decide(&stage).contains("held"));
    assert!(stranger.clone().stranger("web-0010").says_decide(&stage).contains("changed it: \"web-0010\" bears"));
    let two = Stage::fleet(3).zones(["a".into(), "b".into()]).on_drift(Drift::Generation, OnDrift::Pause);
    let stage = Stage::rolling_of(two, all_new());
    let old = look().group(1, 3, "a+ b+ c+").absent(1).cell(1).group(2, 0, "").group(2, 0, "").cell(1);
    let stage = decided(&stage, &old);
    assert!(!old.says_decide(&stage).contains("held"), "a group of one that stays");
}

#[test]
fn who_leaves_and_runs_another_image_has_its_chance_where_a_person_is_to_decide() {
    let leaves = |fleet: Fleet| {
        let mut stage = Stage::rolling_of(fleet, Strategy::rolling().max_surge(0).max_unavailable(1));
        stage.gone(1, "c");
        stage.appear(1, "z");
        look().group(1, 3, "a+ b? z~").runs_in("z", "img-other").group(2, 0, "").says_decide(&stage)
    };
    assert_eq!(leaves(Stage::fleet(3)), "owed 5 lower 0001.0 3 by z", "another is to take its place");
    assert_eq!(leaves(Stage::fleet(3).on_drift(Drift::Image, OnDrift::Pause)), "", "it may serve yet, and the floor is broken");
}

#[test]
fn a_person_is_asked_about_all_that_was_changed_at_once() {
    let fleet = Stage::fleet(3).on_drift(Drift::Image, OnDrift::Pause).on_drift(Drift::Size, OnDrift::Pause);
    row(
        "two",
        &finished(fleet, all_new()),
        &ends("d+ e+ f%", 5),
        "noted size 0002.0 5\nmoved held: somebody else has changed it: group 0002.0 has size 5, not 3; f runs another image than its generation's",
    );
}

#[test]
fn what_is_changed_while_nothing_moves_is_asked_about_once_it_goes_on() {
    let changed = ends("d+ e+ f+ g+ h+", 5);
    for (drift, notes) in [(Drift::Size, false), (Drift::Image, true)] {
        let mut stage = finished(Stage::fleet(3).on_drift(drift, OnDrift::Pause), all_new());
        let under = stage.state.rollout().unwrap().phase.clone();
        stage.moved(Phase::Held { why: super::kit::paused(), resume: Box::new(under.clone()), since: stage.now });
        assert_eq!(changed.says_decide(&stage).contains("size 0002.0 5"), notes, "{drift:?}");
        for event in changed.decide(&stage).events {
            stage.apply(event);
        }
        stage.moved(under);
        assert_eq!(changed.says_decide(&stage).contains("held: somebody else"), !notes, "{drift:?}");
    }
}

#[test]
fn who_serves_nobody_and_runs_another_image_goes_at_once_and_is_charged_once() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).probe_attempts(2));
    stage.launch(2, "d");
    stage.pass(700);
    let late = look().group(1, 3, "a+ b+ c+").group(2, 1, "d-").runs("1.0.0");
    row("never well, and late", &stage, &late, "noted charged 0002.0 d image\nowed 6 lower 0002.0 1 by d");
    let mut ended = finished(Stage::fleet(3), all_new());
    ended.note(|noted| drop(noted.unhealthy.insert(group(2), vec![key("f")])));
    ended.pass(5);
    let ill = ends("d+ e+ f%", 3).says(&[("check", Verdict::Unhealthy)]);
    row("ill since it was changed, it needs no other first", &ended, &ill, "owed 11 lower 0002.0 3 by f");
    let unheard = ends("d+ e+ f%", 3).says(&[("check", Verdict::Unknown)]);
    row("of whose health nobody says anything may serve still", &ended, &unheard, "owed 11 raise 0002.0 3 to 4");
    let two = Strategy::rolling().max_surge(0).max_unavailable(1);
    let mut two = finished(Stage::fleet(3), two);
    two.note(|noted| drop(noted.unhealthy.insert(group(2), vec![key("f")])));
    two.pass(5);
    let ill = ends("d+ e% f%", 3).says(&[("check", Verdict::Unhealthy)]);
    row("and who serves stays while it goes", &two, &ill, "owed 11 lower 0002.0 3 by f");
}

#[test]
fn who_is_to_be_replaced_in_a_zone_is_replaced_there() {
    let mut stage = Stage::rolling_of(Stage::fleet(4).zones(["a".into(), "b".into()]), Strategy::rolling().max_surge(1));
    let second = GroupId { cell: 1, ..group(2) };
    stage.ready(2, "d e");
    stage.owe(Call::Resize(Arc::new(Resize::Raise { group: second, from: 0, to: 2 })));
    stage.settle(done(2));
    stage.note(|noted| drop(noted.appeared.insert(second, vec![key("g"), key("h")])));
    stage.note(|noted| drop(noted.healthy.insert(second, vec![key("g"), key("h")])));
    stage.retire(1, "a b c d");
    stage.gone(1, "a b c d");
    stage.note(|noted| noted.progress = Some(4));
    stage.pass(60);
    for (first, other, raised) in [("d+ e+", "g+ h%", "0002.1"), ("d+ e%", "g+ h+", "0002.0")] {
        let seen = look().group(1, 0, "").group(1, 0, "").cell(1).group(2, 2, first).group(2, 2, other).cell(1);
        let decided = seen.says_decide(&stage);
        assert!(decided.contains(&format!("raise {raised} 2 to 3")), "{decided}");
    }
}

#[test]
fn a_call_that_failed_elsewhere_hides_nothing() {
    let mut stage = Stage::rolling_of(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Pause), all_new());
    stage.owe(raise(2, 0, 1));
    fails(&mut stage);
    stage.pass(90);
    let held = |stage: &Stage, look: Look| look.says_decide(stage).contains("held");
    assert!(held(&stage, look().group(1, 5, "a+ b+ c+").group(2, 0, "")), "another group");
    assert!(!held(&stage, look().group(1, 3, "a+ b+ c+").group(2, 1, "d:")), "the call may have been done");
}

#[test]
fn on_the_way_back_who_runs_another_image_is_replaced_whatever_was_said() {
    let mut stage = Stage::rolling_of(Stage::fleet(3).on_drift(Drift::Image, OnDrift::Pause), all_new());
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    let seen = look().group(1, 3, "a+ b+ c%").group(2, 0, "");
    assert!(seen.says_decide(&stage).contains("raise 0001.0 3 to 4"), "{}", seen.says_decide(&stage));
}

#[test]
fn who_goes_back_when_asked_has_decided_nothing_and_who_tries_again_forgives_nobody() {
    let mut stage = finished(Stage::fleet(3).on_drift(Drift::Image, OnDrift::Pause), all_new());
    for event in ends("d+ e+ f%", 3).decide(&stage).events {
        stage.apply(event);
    }
    let mut back = stage.clone();
    let at = StepState::Moving { give_up_at: back.now + 60 * MINUTE };
    back.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    assert!(back.state.rollout().unwrap().decided.is_empty());
    let charges = |stage: &Stage| stage.state.generations()[&GenerationId(2)].charged.len();
    let mut charged =
        Stage::rolling_of(Stage::fleet(3).on_drift(Drift::Stranger, OnDrift::Pause), Strategy::rolling().probe_attempts(2));
    charged.launch(2, "d");
    let failed = look().group(1, 3, "a+ b+ c+").group(2, 1, "d!").stranger("web-0009");
    for event in failed.decide(&charged).events {
        charged.apply(event);
    }
    assert_eq!(charges(&charged), 1);
    tries_again(&mut charged);
    assert_eq!(charges(&charged), 1, "the question was about a stranger");
}

/// In two zones; generation 1 has all of its members in the first.
fn in_zones() -> Stage {
    Stage::rolling_of(Stage::fleet(3).zones(["a".into(), "b".into()]), all_new())
}

#[test]
fn where_the_groups_of_a_generation_differ_no_one_word_is_noted_of_all() {
    let stage = in_zones();
    let seen = |first: bool, second: bool| {
        let old = look().group(1, 3, "a+ b+ c+").heals(first).group(1, 0, "").cell(1).heals(second);
        old.group(2, 0, "").group(2, 0, "").cell(1)
    };
    let notes = |first, second| seen(first, second).says_decide(&stage).contains("noted upkeep 0001 does not heal");
    assert_eq!([notes(true, true), notes(true, false), notes(false, true), notes(false, false)], [false, false, false, true]);
    // Of one that stays it is set again all the same.
    let mut back = stage.clone();
    let at = StepState::Moving { give_up_at: back.now + 60 * MINUTE };
    back.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    assert!(!seen(true, true).says_decide(&back).contains("upkeep"));
    for (first, second) in [(true, false), (false, true)] {
        let decided = seen(first, second).says_decide(&back);
        assert!(decided.contains("owed 5 upkeep 0001 heal true"), "{decided}");
    }
}

#[test]
fn what_is_removed_has_its_upkeep_seen_to_first_and_never_both_at_once() {
    let mut stage = Stage::first(Stage::fleet(2), all_new());
    stage.moved(Phase::Finishing { ending: Ending::Nothing, give_up_at: stage.now + 60 * MINUTE });
    row("removed", &stage, &look().group(1, 0, ""), "owed 2 destroy 0001");
    row(
        "somebody has it healed",
        &stage,
        &look().group(1, 0, "").heals(true),
        "noted upkeep 0001 heals\nowed 2 upkeep 0001 heal false",
    );
}

#[test]
fn what_is_tried_is_not_healed() {
    let mut stage = Stage::rolling(all_new());
    stage.launch(2, "d");
    let old = || look().group(1, 3, "a+ b+ c+");
    row("nobody has touched it", &stage, &old().group(2, 1, "d:").heals(false), "");
    let healed = old().group(2, 1, "d:").heals(true);
    row("somebody has it healed", &stage, &healed, "noted upkeep 0002 heals\nowed 6 upkeep 0002 heal false");
    let mut works = Stage::rolling(all_new());
    works.ready(2, "d");
    let healed = old().group(2, 1, "d+").heals(true).says_decide(&works);
    assert!(!healed.contains("upkeep 0002 heal false"), "{healed}");
}

#[test]
fn others_leave_only_for_those_who_are_certainly_there() {
    let steps = [Step::scale(Percent::new(50).unwrap()), Step::bake(MINUTE), Step::scale(Percent::new(100).unwrap())];
    let strategy = Strategy::new(steps).max_surge(2).max_unavailable(2);
    let mut stage = Stage::rolling_of(Stage::fleet(4).zones(["a".into(), "b".into()]), strategy);
    let second = GroupId { cell: 1, ..group(1) };
    stage.note(|noted| drop(noted.appeared.insert(second, vec![key("z")])));
    stage.note(|noted| drop(noted.healthy.insert(second, vec![key("z")])));
    stage.ready(2, "e f");
    stage.pass(30);
    let new = |look: Look| look.group(2, 2, "e+ f+").group(2, 0, "").cell(1);
    let seen = new(look().group(1, 4, "a+ b+ c+ d+").group(1, 1, "z+").cell(1));
    assert!(seen.says_decide(&stage).contains("lower 0001.0 4 by a,b,c"), "{}", seen.says_decide(&stage));
    let unseen = new(look().group(1, 4, "a+ b+ c+ d+"));
    assert!(unseen.says_decide(&stage).contains("lower 0001.0 4 by a,b"), "{}", unseen.says_decide(&stage));
    assert!(!unseen.says_decide(&stage).contains("by a,b,c"), "who is not seen may be gone");
}

#[test]
fn who_came_by_a_size_that_is_not_known_yet_makes_nobody_leave_for_a_probe() {
    let stage = Stage::rolling(Strategy::rolling().max_surge(1).max_unavailable(2));
    let more = look().group(1, 5, "a+ b+ c+ d: e:").group(2, 0, "");
    let known = more.says_decide(&stage);
    assert!(known.contains("lower 0001.0 5 by d,e"), "{known}");
    let busy = look().group(1, 5, "a+ b+ c+ d: e:").busy().group(2, 0, "").says_decide(&stage);
    assert!(busy.contains("lower 0001.0 3 by d") && !busy.contains("by d,e"), "{busy}");
}
