//! A fleet whose instances are ready when its pool says so.

use immutable_core::fleet::{GenerationId, POOL_CHECK, Split, TrafficCapabilities, Verdict};
use immutable_core::rollout::{Percent, Strategy};

use super::kit::{Stage, switch};
use super::sight::{Look, look, row};

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 1000 };

/// Behind a pool whose check is all that counts, with one of the new booting.
fn checked(split: Split) -> Stage {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    (stage.strategy, stage.switch) = (Strategy::rolling().max_surge(1), Some(switch(split)));
    stage.fleet = stage.fleet.pool("web").required_sources([POOL_CHECK.into()]);
    stage
}

/// The rollout has begun, all are attached, and the first of the new is there.
fn rolling() -> Stage {
    let mut stage = checked(Split::Pooled);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.owe(super::kit::route(&[(1, 1), (2, 1)]));
    stage.settle(super::kit::done(None));
    stage.pass(20);
    stage.launch(2, "d");
    stage
}

/// All run; the pool says this of the new one, and of the old that they are well.
fn seen(verdict: Verdict) -> Look {
    look()
        .group(1, 3, "a? b? c?")
        .group(2, 1, "d?")
        .pool(&[(1, 1), (2, 1)])
        .target("a b c", Verdict::Healthy)
        .target("d", verdict)
}

#[test]
fn what_the_pool_says_is_what_counts() {
    let stage = rolling();
    row("it says healthy", &stage, &seen(Verdict::Healthy), "noted healthy 0002.0 d");
    row("not yet", &stage, &seen(Verdict::Starting), "");
    row("it is unhealthy, and never was healthy", &stage, &seen(Verdict::Unhealthy), "");
    let none = look().group(1, 3, "a? b? c?").group(2, 1, "d?").pool(&[(1, 1), (2, 1)]).target("a b c", Verdict::Healthy);
    row("it says nothing of it", &stage, &none, "");
    let others = look().group(1, 3, "a+ b+ c+").group(2, 1, "d?").says(&[(POOL_CHECK, Verdict::Healthy)]);
    row("others say it in the name of the pool", &stage, &others.pool(&[(1, 1), (2, 1)]).target("d", Verdict::Starting), "");
    let mut ill = stage.clone();
    ill.healthy(2, "d");
    row("it was healthy and is not", &ill, &seen(Verdict::Unhealthy), "noted unhealthy 0002.0 d");
    row("of an old view nothing is known", &ill, &seen(Verdict::Unhealthy).pool_aged(61), "");
    row("of a view in part what it shows is", &ill, &seen(Verdict::Unhealthy).pool_partly(), "noted unhealthy 0002.0 d");
    let unseen = look().group(1, 3, "a? b? c?").group(2, 1, "d?");
    row("without a view nothing is known", &ill, &unseen, "");
}

#[test]
fn every_other_source_that_is_required_must_say_so_too() {
    let mut stage = checked(Split::Pooled);
    stage.fleet = stage.fleet.required_sources([POOL_CHECK.into(), "check".into()]);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.owe(super::kit::route(&[(1, 1), (2, 1)]));
    stage.settle(super::kit::done(None));
    stage.pass(20);
    stage.launch(2, "d");
    let with = |sign: &str, verdict| {
        let look = look().group(1, 3, "a+ b+ c+").group(2, 1, &format!("d{sign}")).pool(&[(1, 1), (2, 1)]);
        look.target("a b c", Verdict::Healthy).target("d", verdict)
    };
    row("both", &stage, &with("+", Verdict::Healthy), "noted healthy 0002.0 d");
    row("the pool alone", &stage, &with("~", Verdict::Healthy), "");
    row("the other alone", &stage, &with("+", Verdict::Starting), "");
    let silent = with("+", Verdict::Healthy).silent("d");
    row("the other says nothing", &stage, &silent, "");
}

#[test]
fn a_verdict_that_cannot_come_is_not_waited_for() {
    let refused = |stage: &Stage| stage.planned("1.1.0").map(drop).map_err(|error| error.to_string());
    let why = |why: &str| {
        let says = "an instance of fleet memory/local/local/web is ready when its pool says so (required source `pool`), ";
        let instead =
            "require a source that needs no requests, or use a pool in which all share them (`Split::Pooled`), and no shift";
        Err(format!("{says}{why}: nobody would ever be; {instead}"))
    };
    assert_eq!(refused(&checked(Split::Pooled)), Ok(()));
    let mut green = checked(Split::Pooled);
    green.strategy = Strategy::blue_green();
    assert_eq!(refused(&green), why("and is put into it when it gets all the requests"));
    let unrouted = |probes_unrouted| Some(TrafficCapabilities { probes_unrouted, ..switch(WEIGHTED) });
    for split in [WEIGHTED, Split::Binary] {
        let mut first = checked(split);
        first.strategy = first.strategy.max_surge(Percent::new(100).unwrap());
        assert_eq!(refused(&first), why("and the first that are attached to it are ready"), "{split:?}");
    }
    // All is given to the old: what comes is attached beside them.
    let given = |weight: Option<u16>| {
        let mut given = checked(WEIGHTED);
        let fleet = given.fleet.clone();
        given.fleet = Stage::fleet(3).pool("web");
        given.open("1.1.0");
        given.claim();
        given.owe(super::kit::route(&[(1, 1000)]));
        given.settle(super::kit::done(None));
        if let Some(weight) = weight {
            given.note(|noted| noted.weights = Some([(GenerationId(1), weight)].into()));
        }
        given.moved(immutable_core::rollout::Phase::Finishing {
            ending: immutable_core::rollout::Ending::Refused { why: "so".into() },
            give_up_at: given.now,
        });
        given.apply(immutable_core::rollout::Event::Ended { outcome: immutable_core::Outcome::Refused("so".into()) });
        given.fleet = fleet;
        given
    };
    let mut none = given(Some(0));
    none.strategy = none.strategy.max_surge(Percent::new(100).unwrap());
    assert_eq!(refused(&none), why("and the first that are attached to it are ready"), "others have taken everything from it");
    let mut given = given(None);
    assert_eq!(refused(&given), Ok(()));
    given.switch = unrouted(false);
    assert_eq!(refused(&given), why("and it checks only who gets requests"));
    given.switch = Some(TrafficCapabilities { probes_unrouted: false, ..switch(Split::Pooled) });
    assert_eq!(refused(&given), Ok(()), "where all share the requests whoever comes gets some");
    let mut alone = checked(WEIGHTED);
    alone.fleet = Stage::fleet(3).required_sources([POOL_CHECK.into()]);
    assert_eq!(
        refused(&alone),
        Err("an instance of fleet memory/local/local/web is ready when its pool says so (required source `pool`), and it has no pool; name one with \
             `Fleet::pool`, or leave the source out"
            .to_owned())
    );
    alone.fleet = Stage::fleet(3).required_sources(["elb".into()]);
    assert_eq!(refused(&alone), Ok(()), "of another source nothing is said");
}
