//! Stuck for ever: whatever is in the way, a rollout ends or asks, in a time that can be said, and says meanwhile what it waits for.

use std::time::Duration;

use immutable_core::fleet::GenerationId;
use immutable_core::rollout::{Check, Need};
use immutable_core::{Artifact, Outcome, Strategy};

use super::kit::{Lab, MINUTE, ON, Told, percent, seconds};

/// A fleet of four goes to 1.1.0, which this happens to: by when it has ended, and what it said.
#[track_caller]
fn stuck(strategy: Strategy, what: impl Fn(&Lab, &Artifact, &Artifact), within: Duration, says: &str) -> (Lab, Told) {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    what(&lab, &one, &two);
    let told = lab.play(&two, strategy);
    told.keeps(4, 5);
    told.said(says);
    assert!(told.took() <= within, "{told}");
    (lab, told)
}

fn rolling() -> Strategy {
    Strategy::rolling().max_surge(1)
}

/// A rollout was degraded and progressing at the same time, and never failed. So #3988.
#[test]
fn argo_4128_a_release_that_never_boots_is_given_up() {
    let never = |lab: &Lab, _: &Artifact, two: &Artifact| lab.cloud.never_boots(two);
    let (lab, told) = stuck(rolling(), never, MINUTE * 10, "the first instance to be ready (boot deadline in");
    assert_eq!(told.outcome(), &Outcome::RolledBack);
    told.said("back, since its first instance failed: it was not healthy by its boot deadline");
    assert_eq!(lab.running(&lab.bake("1.0.0")), 0, "another build is another artifact");
    assert_eq!(lab.machines().len(), 4);
}

/// A deployment ran for seven days, beyond a progress deadline of ten minutes. Others never ended, and nobody found out why: #4184, #10465, #27382.
#[test]
fn nomad_11267_a_release_that_finds_no_room_is_given_up_in_time() {
    let full = |lab: &Lab, _: &Artifact, _: &Artifact| lab.cloud.capacity(4);
    let (lab, told) = stuck(rolling(), full, MINUTE * 25, "capacity: 1 asked for did not come");
    assert_eq!(told.outcome(), &Outcome::RolledBack);
    assert_eq!((lab.machines().len(), lab.cloud.sizes(lab.fleet.id()).values().sum::<u32>()), (4, 4));
}

/// After a deployment had failed nothing was ever advanced again: the next release is no worse off for the one before.
#[test]
fn flagger_379_after_a_failure_the_next_release_goes_on() {
    let lab = Lab::new(4);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    lab.cloud.never_boots(&two);
    lab.play(&two, rolling()).ends(&Outcome::RolledBack, 4, 5);
    lab.cloud.never_healthy(&one);
    lab.names(&one).iter().for_each(|name| lab.cloud.sicken(name).unwrap());
    lab.play(&three, rolling()).ends(&Outcome::Succeeded, 0, 5);
    lab.is_all(&three, 4);
}

/// A judge that hangs says neither yes nor no.
#[test]
fn edge_case_16_a_judge_that_never_answers_is_not_waited_for_without_end() {
    let lab = Lab::new(4);
    let clock = lab.clock.clone();
    let hangs = immutable_core::provider::judge_fn(move |_| {
        let clock = clock.clone();
        async move {
            use immutable_core::time::Clock;
            clock.sleep_until(clock.now() + Duration::MAX).await;
            Ok(immutable_core::analysis::Judgement::pass("never said"))
        }
    });
    let lab = Lab { controller: lab.controller.clone().judge("slo", hangs), ..lab };
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let told = lab.play(&two, Strategy::canary([percent(25)]).gate(Check::by("slo").within(MINUTE * 10)));
    assert!(matches!(told.outcome(), Outcome::Needs(Need::Gate { .. })), "{told}");
    told.said("the judge `slo`");
    assert!(told.took() < MINUTE * 20, "{told}");
}

/// A node group was updating until that failed after 45 minutes, nothing could be done meanwhile, and in the end no node was left.
#[test]
fn terraform_eks_2845_what_cannot_be_removed_is_said_and_asked_about() {
    let held = |lab: &Lab, one: &Artifact, _: &Artifact| lab.cloud.protect(&lab.names(one)[0]).unwrap();
    let (lab, told) = stuck(rolling(), held, MINUTE * 90, "1 to leave");
    assert!(matches!(told.outcome(), Outcome::Needs(Need::StuckLeaving { .. })), "{:?}", told.outcome());
    assert_eq!(lab.cloud.running().values().sum::<usize>(), 5, "all of the new are there, and the one that cannot go");
}

/// Launches that are accepted and never come, and nothing tells of it.
#[test]
fn edge_case_6_a_launch_that_never_comes_is_given_up_and_tried_again() {
    let short = |lab: &Lab, _: &Artifact, _: &Artifact| lab.cloud.launches_come_short(1);
    let (lab, told) = stuck(rolling(), short, MINUTE * 30, "the first instance");
    assert_eq!(told.outcome(), &Outcome::Succeeded);
    assert_eq!(lab.machines().len(), 4);
}

/// A name that somebody else has: refused at once, and nothing is launched, nor touched.
#[test]
fn edge_case_10_a_name_that_is_taken_is_refused_and_not_adopted() {
    let taken = |lab: &Lab, _: &Artifact, _: &Artifact| lab.cloud.take_name(lab.fleet.id(), GenerationId(2)).unwrap();
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    taken(&lab, &one, &two);
    let told = lab.play(&two, rolling());
    assert!(matches!(told.outcome(), Outcome::Refused(_)), "{told}");
    told.keeps(4, 4);
    lab.is_all(&one, 4);
    assert!(told.took() <= seconds(60), "{told}");
}

/// A user asks why it does not move, and is told a number or a time (containers-roadmap #1282, argo #404): at every look at which it waits.
#[test]
fn containers_roadmap_1282_who_waits_says_what_for() {
    let lab = Lab::with(4, |options| options.drain(MINUTE * 3).latency(seconds(2)));
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut silent, mut last) = (Duration::ZERO, None);
    let told = lab.watched(&two, Strategy::canary([percent(50)]).bake(MINUTE * 3).max_surge(1), async |_, report| {
        let before = last.replace((report.at, report.waits.is_empty()));
        if let Some((at, true)) = before {
            silent = silent.max(report.at.since(at));
        }
        ON
    });
    assert_eq!(told.outcome(), &Outcome::Succeeded);
    assert!(silent <= seconds(6), "for {silent:?} it did not say what it waits for\n{told}");
    for words in ["first instance", "room: 5 of at most 5 exist", "to be ready", "the bake to be over", "to leave"] {
        told.said(words);
    }
}
