//! What is amiss with a fleet in which no rollout runs.

use immutable_core::fleet::{Drift, Fleet, Heals, OnDrift, Split};
use immutable_core::rollout::{Ending, Event, Outcome, Phase, Strategy};

use super::kit::{MINUTE, Stage, done, route, switch};
use super::sight::{Look, look};

/// Generation 1 is proven and has `a b c`, all of them ready; no rollout runs.
fn kept(fleet: Fleet) -> Stage {
    let mut stage = Stage::proven_of(fleet, Strategy::rolling().max_surge(1));
    stage.pass(600);
    stage
}

fn three(spelled: &str, size: u32) -> Look {
    look().group(1, size, spelled)
}

/// What is amiss, how long it may be so in seconds, and the size to be had.
fn is_amiss(stage: &Stage, look: &Look) -> Option<(String, u64, u32)> {
    let amiss = look.amiss(stage)?;
    let what: Vec<_> = amiss.what.iter().map(|what| &**what).collect();
    Some((what.join("; "), amiss.patience.as_secs(), amiss.fleet.desired()))
}

#[track_caller]
fn row(what: &str, stage: &Stage, look: &Look, amiss: Option<(&str, u64, u32)>) {
    assert_eq!(is_amiss(stage, look), amiss.map(|(what, patience, size)| (what.to_owned(), patience, size)), "{what}");
}

#[test]
fn nothing_is_amiss_with_what_is_as_it_should_be_or_not_seen_for_certain() {
    let stage = kept(Stage::fleet(3));
    for (what, look) in [
        ("all there", three("a+ b+ c+", 3)),
        ("of unknown health", three("a? b~ c:", 3)),
        ("seen in part", three("a+", 3).partly()),
        ("too old", three("a+", 3).aged(61)),
        ("asked too long ago", three("a+", 3).asked(61)),
        ("the provider works on it", three("a+", 5).busy()),
        ("not looked at", look()),
        ("a stranger", three("a+ b+ c+", 3).stranger("web-0009")),
        ("somebody says a size that nobody follows", three("a+ b+ c+", 3).follows(9)),
    ] {
        row(what, &stage, &look, None);
    }
    row("just young enough", &stage, &three("a+ b+", 3).aged(60), Some(("of group 0001.0 1 of 3 are missing or ill", 610, 3)));
    let mut running = stage.clone();
    running.open("1.1.0");
    row("a rollout runs", &running, &three("a+", 3), None);
    let empty = Stage::empty(Stage::fleet(3), Strategy::rolling());
    row("nothing was rolled out", &empty, &three("a+", 3), None);
}

#[test]
fn who_is_missing_or_ill_is_the_providers_for_a_while_where_it_heals() {
    for (heals, patience) in [(Heals::Switchable, 610), (Heals::Always, 610), (Heals::Never, 0)] {
        let mut stage = kept(Stage::fleet(3));
        stage.heals = heals;
        let lacks = |what: &str, look: Look, of: u32| {
            let why = format!("of group 0001.0 {of} of 3 are missing or ill");
            row(what, &stage, &look, Some((&why, patience, 3)));
        };
        lacks("one is missing", three("a+ b+", 3), 1);
        lacks("one is ill", three("a+ b+ c-", 3), 1);
        lacks("one has stopped", three("a+ b+ c!", 3), 1);
        lacks("one leaves, one is gone", three("a+ b< cx", 3), 2);
    }
}

#[test]
fn a_size_that_somebody_set_is_told_and_absorbed_only_where_that_is_said() {
    let restore = kept(Stage::fleet(3));
    row("more", &restore, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 3)));
    row(
        "fewer",
        &restore,
        &three("a+ b+", 2),
        Some(("group 0001.0 has size 2, not 3; of group 0001.0 1 of 3 are missing or ill", 0, 3)),
    );
    let absorb = kept(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Absorb));
    row("more, absorbed", &absorb, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 4)));
    row(
        "fewer, absorbed",
        &absorb,
        &three("a+", 1),
        Some(("group 0001.0 has size 1, not 3; of group 0001.0 2 of 3 are missing or ill", 0, 1)),
    );
    let mut never = absorb.clone();
    never.heals = Heals::Never;
    row("a death is no size", &never, &three("a+ b+", 2), Some(("of group 0001.0 1 of 3 are missing or ill", 0, 3)));
    row("more is", &never, &three("a+ b+ c+ d+", 4), Some(("group 0001.0 has size 4, not 3", 0, 4)));
    let follows = kept(Stage::fleet(3).on_drift(Drift::Size, OnDrift::Absorb).follows("queue", 1..=9));
    row(
        "who follows somebody absorbs nothing",
        &follows,
        &three("a+ b+ c+ d+", 4),
        Some(("group 0001.0 has size 4, not 3", 0, 3)),
    );
}

#[test]
fn what_should_be_said_of_its_size_is() {
    let follows = kept(Stage::fleet(3).follows("queue", 1..=9));
    row("the same", &follows, &three("a+ b+ c+", 3).follows(3), None);
    row("nothing", &follows, &three("a+ b+ c+", 3), None);
    row("more", &follows, &three("a+ b+ c+", 3).follows(20), Some(("its size should be 9, and is 3", 0, 9)));
    let mut resized = Stage::rolling(Strategy::rolling().max_surge(1).on_resize(immutable_core::rollout::OnResize::Freeze));
    resized.apply(Event::Resized { desired: 5 });
    let moving = immutable_core::rollout::StepState::Moving { give_up_at: resized.now + 60 * MINUTE };
    let to = immutable_core::fleet::GenerationId(1);
    resized.moved(Phase::Reverting { why: immutable_core::rollout::RevertCause::Asked, to, at: moving });
    resized.moved(Phase::Finishing { ending: Ending::Back { to }, give_up_at: resized.now + MINUTE });
    resized.apply(Event::Ended { outcome: Outcome::RolledBack });
    row(
        "a size held back while it was replaced",
        &resized,
        &three("a+ b+ c+", 3),
        Some(("its size should be 5, and is 3", 0, 5)),
    );
}

#[test]
fn another_image_another_upkeep_and_what_is_gone_are_told() {
    let stage = kept(Stage::fleet(3));
    row("an image", &stage, &three("a+ b+ c%", 3), Some(("c runs another image than its generation's", 0, 3)));
    row("one that leaves", &stage, &three("a+ b+ c+ d<", 3), None);
    let told = is_amiss(&stage, &three("a+ b+ c+", 3).heals(false)).unwrap();
    assert!(told.0.starts_with("the upkeep of group 0001.0 is Upkeep { heal: false"), "{told:?}");
    assert!(three("a+ b+ c+", 3).heals(false).amiss(&stage).unwrap().fleet.specified_upkeep().heal);
    let absorb = kept(Stage::fleet(3).on_drift(Drift::Upkeep, OnDrift::Absorb));
    assert!(!three("a+ b+ c+", 3).heals(false).amiss(&absorb).unwrap().fleet.specified_upkeep().heal);
    row("the group", &stage, &look().absent(1), Some(("group 0001.0 was deleted by someone else", 0, 3)));
    let asks = kept(Stage::fleet(3).on_drift(Drift::Stranger, OnDrift::Pause));
    let stranger = "\"web-0009\" bears the fleet's mark and is not ours";
    row("a stranger that is to be asked about", &asks, &three("a+ b+ c+", 3).stranger("web-0009"), Some((stranger, 0, 3)));
    let mut gone = stage.clone();
    gone.open("1.0.0");
    gone.note(|noted| noted.absent.push(immutable_core::fleet::GenerationId(1)));
    gone.moved(Phase::Finishing { ending: Ending::Refused { why: "it is gone".into() }, give_up_at: gone.now + MINUTE });
    gone.apply(Event::Ended { outcome: Outcome::Refused("it is gone".into()) });
    row("all of it", &gone, &look(), Some(("no generation of acmeinc/web 1.0.0 is there", 0, 3)));
}

#[test]
fn a_pool_that_does_not_give_all_to_the_one_is_told() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    (stage.strategy, stage.switch) =
        (Strategy::rolling().max_surge(1), Some(switch(Split::Weighted { generations: 5, parts: 100 })));
    stage.fleet = stage.fleet.pool("web");
    stage.open("1.0.0");
    stage.claim();
    stage.owe(route(&[(1, 100)]));
    stage.settle(done(None));
    stage.step();
    stage.apply(Event::Proven {
        generation: immutable_core::fleet::GenerationId(1),
        instances: 3,
        evidence: immutable_core::Digest::of(b"as read"),
    });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::Succeeded });
    stage.pass(100);
    let three = || three("a+ b+ c+", 3);
    let told = |weights: &str| Some((format!("pool web divides its requests as {weights}"), 0, 3));
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 100)])), None);
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 7)])), None, "all is all");
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 7), (2, 0)])), None, "who is attached gets none");
    assert_eq!(is_amiss(&stage, &three()), None, "it is not seen");
    assert_eq!(is_amiss(&stage, &three().pool(&[]).pool_partly()), None, "in part");
    assert_eq!(is_amiss(&stage, &three().pool(&[]).pool_aged(101)), None, "before the last route");
    assert_eq!(is_amiss(&stage, &three().pool(&[]).pool_aged(61)), None, "too old");
    assert_eq!(is_amiss(&stage, &three().pool(&[])), told("{}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[]).pool_aged(60)), told("{}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 50), (2, 50)])), told("{GenerationId(1): 50, GenerationId(2): 50}"));
    assert_eq!(is_amiss(&stage, &three().pool(&[(1, 0), (2, 50)])), told("{GenerationId(1): 0, GenerationId(2): 50}"));
}

#[test]
fn a_fleet_is_kept_by_the_terms_of_what_left_it_whole() {
    let stage = kept(Stage::fleet(3));
    assert_eq!(stage.state.kept().map(|plan| plan.to().version.to_string()).as_deref(), Some("1.0.0"));
    let mut mixed = stage.clone();
    mixed.open("1.1.0");
    mixed.claim();
    mixed.make(2);
    mixed.step();
    let mut replaced = mixed.clone();
    mixed.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: mixed.now + MINUTE });
    mixed.apply(Event::Ended { outcome: Outcome::LeftMixed });
    assert_eq!(mixed.state.kept(), None);
    let by = immutable_core::id::RolloutId(3);
    replaced.apply(Event::Ended { outcome: Outcome::Superseded { by } });
    assert!(replaced.state.kept().is_some(), "until the other has ended");
}
