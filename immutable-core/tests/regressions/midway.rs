//! Another release, or another size, while one is rolled out.

use immutable_core::fleet::GroupId;
use immutable_core::memory::What;
use immutable_core::rollout::{AbortTo, Blocker, OnResize, Percent, Report, Step, Supersede};
use immutable_core::{Outcome, Rollout, Strategy};

use super::kit::{Lab, MINUTE, ON, Then, Told, WEIGHTED, once, percent, seconds, waits};

fn rolling() -> Strategy {
    Strategy::rolling().max_surge(1).supersede(Supersede::Replace)
}

/// A fleet of four goes to 1.1.0; so many seconds later 1.2.0 takes its place, and ends well.
#[track_caller]
fn another_after(after: u64, works: bool) -> (Lab, Told) {
    let lab = Lab::new(4);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    if !works {
        lab.cloud.never_healthy(&two);
    }
    let (mut begun, mut before) = (None, 0);
    let told = lab.watched(&two, rolling(), async |_, report| {
        let began = *begun.get_or_insert(report.at);
        if before == 0 && report.at.since(began) >= seconds(after) {
            let plan = lab.controller.plan(&lab.fleet, &three, rolling()).await.unwrap();
            lab.controller.start(plan).await.unwrap();
            before = 1 + lab.launched(began, 2);
        }
        ON
    });
    assert!(matches!(told.outcomes[..], [Outcome::Superseded { .. }, Outcome::Succeeded]), "after {after} s: {told}");
    told.keeps(4, 5);
    lab.is_all(&three, 4);
    assert_eq!((lab.running(&one), lab.running(&two)), (0, 0));
    assert_eq!(lab.launched(told.began, 2), before - 1, "after {after} s more of what is not wanted was launched\n{told}");
    (lab, told)
}

/// A new version in the middle of a canary: the one before it kept its pods, or its share.
#[test]
fn argo_1372_another_release_at_any_moment_takes_the_place_of_the_one_before() {
    for after in (0..350).step_by(35) {
        another_after(after, true);
    }
}

/// A second new version while the first was rolled out was never looked at. So #3354.
#[test]
fn argo_2048_another_release_while_the_one_before_fails_is_not_stuck() {
    for after in [0, 60, 150, 290, 305] {
        another_after(after, false);
    }
}

/// A refresh that ran was to be cancelled before the next began, or the fleet was rolled twice.
#[test]
fn cluster_api_aws_pr_5173_the_fleet_is_not_rolled_twice() {
    let (lab, told) = another_after(200, true);
    assert_eq!(lab.launched(told.began, 3), 4, "{told}");
    assert!(lab.launched(told.began, 2) < 4, "{told}");
}

/// With a new revision in the middle of an analysis the traffic was left where it was.
#[test]
fn flagger_30_another_release_begins_with_no_share() {
    let lab = Lab::behind(4, WEIGHTED, |options| options);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    let canary = || Strategy::canary([percent(50)]).bake(MINUTE * 5).max_surge(2).supersede(Supersede::Replace);
    let mut asked = None;
    let told = lab.watched(&two, canary(), async |_, report| {
        if asked.is_none() && waits(report, |blocker| matches!(blocker, Blocker::Bake { .. })) {
            assert_eq!(report.share, Some((500, 1000)));
            let plan = lab.controller.plan(&lab.fleet, &three, canary()).await.unwrap();
            lab.controller.start(plan).await.unwrap();
            asked = Some(report.at);
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 4, 6);
    assert_eq!(lab.ill_served(told.began, 4), None);
    let asked = asked.expect("it baked");
    let share_of_three = |effect: &immutable_core::memory::Effect| match &effect.what {
        What::InForce(_, weights) => weights.get(&immutable_core::fleet::GenerationId(3)).copied(),
        _ => None,
    };
    let shares: Vec<_> = lab.effects(asked).filter_map(|effect| share_of_three(&effect)).collect();
    assert_eq!(shares.first(), Some(&0), "it begins with nothing: {shares:?}");
    assert!(shares.is_sorted() && shares.contains(&500) && shares.last() == Some(&1000), "{shares:?}");
    lab.is_all(&three, 4);
    assert_eq!((lab.running(&one), lab.running(&two)), (0, 0));
}

/// Roll-over: a third revision took replicas from the second and left those of the first.
#[test]
fn kubernetes_22719_a_chain_of_releases_ends_with_the_last() {
    let lab = Lab::new(5);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let others = ["1.2.0", "1.3.0", "1.4.0"].map(|version| lab.bake(version));
    let mut next = others.iter();
    let mut last = None;
    let told = lab.watched(&two, rolling(), async |_, report| {
        let since = *last.get_or_insert(report.at);
        if report.at.since(since) >= seconds(130)
            && let Some(artifact) = next.next()
        {
            last = Some(report.at);
            let plan = lab.controller.plan(&lab.fleet, artifact, rolling()).await.unwrap();
            assert_eq!(plan.from().unwrap().version.to_string(), "1.0.0", "what is proven stays so through the chain");
            lab.controller.start(plan).await.unwrap();
        }
        ON
    });
    assert_eq!(told.outcomes.len(), 4, "{told}");
    told.ends(&Outcome::Succeeded, 5, 6);
    lab.is_all(&others[2], 5);
}

/// What had failed could be submitted again, and nothing happened any more.
#[test]
fn flagger_1152_what_has_failed_is_refused_with_why_and_tried_if_forced() {
    let lab = Lab::new(3);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.never_healthy(&two);
    lab.play(&two, rolling()).ends(&Outcome::RolledBack, 3, 4);
    let why = lab.refused(&two, rolling());
    assert!(why.contains("acmeinc/web 1.1.0 was given up") && why.contains("try it again with `Strategy::force`"), "{why}");
    lab.is_all(&one, 3);
    lab.cloud.healthy_again(&two);
    lab.play(&two, rolling().force()).ends(&Outcome::Succeeded, 3, 4);
    lab.is_all(&two, 3);
}

/// The stable version submitted again in the middle is a way back, and none through all the steps.
#[test]
fn edge_case_3_what_is_proven_submitted_again_is_a_way_back() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let canary = || Strategy::canary([percent(25), percent(75)]).bake(MINUTE * 30).max_surge(1).supersede(Supersede::Replace);
    let mut asked = false;
    let told = lab.watched(&two, canary(), async |_, report| {
        if once(&mut asked, report.counts.ready == 1) {
            let plan = lab.controller.plan(&lab.fleet, &one, canary()).await.unwrap();
            lab.controller.start(plan).await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 4, 5);
    assert!(told.took() < MINUTE * 15, "{told}");
    lab.is_all(&one, 4);
}

/// Somebody in the middle gives it another size.
fn resized(
    lab: &Lab,
    strategy: Strategy,
    at: impl Fn(&Report) -> bool,
    size: u32,
) -> (Told, immutable_core::Artifact, immutable_core::Artifact) {
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut asked = false;
    let told = lab.watched(&two, strategy, async |rollout: &Rollout, report: &Report| -> Then {
        if once(&mut asked, at(report)) {
            rollout.resize(size, "ann").await.unwrap();
        }
        ON
    });
    assert!(asked, "{told}");
    (told, one, two)
}

fn all() -> Percent {
    percent(100)
}

/// A canary of a fleet that was scaled in the middle of it: the stable was scaled to nothing, and nobody served. So #3275 and #2050.
#[test]
fn argo_1415_a_size_in_the_middle_of_a_canary_leaves_who_must_serve() {
    for (size, floor) in [(3, 3), (8, 6), (1, 1)] {
        let lab = Lab::behind(6, WEIGHTED, |options| options);
        let canary = Strategy::canary([percent(20)]).bake(MINUTE * 5);
        let bakes = |report: &Report| waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }));
        let (told, _, two) = resized(&lab, canary, bakes, size);
        told.ends(&Outcome::Succeeded, floor, 10);
        assert_eq!(lab.ill_served(told.began, floor), None, "to {size}");
        lab.is_all(&two, size as usize);
    }
}

/// Weights became negative when it was scaled.
#[test]
fn argo_3467_weights_are_a_whole_at_every_size() {
    for size in [0, 1, 2, 9] {
        let lab = Lab::behind(5, WEIGHTED, |options| options);
        let steps = [Step::scale(percent(40)), Step::bake(MINUTE), Step::scale(all())];
        let bakes = |report: &Report| waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }));
        let (told, _, two) = resized(&lab, Strategy::new(steps).max_surge(2), bakes, size);
        assert_eq!(told.outcome(), &Outcome::Succeeded, "to {size}: {told}");
        let sums: std::collections::BTreeSet<u32> = lab
            .effects(told.began)
            .filter_map(|effect| match effect.what {
                What::Routed(_, weights) => Some(weights.values().map(|weight| u32::from(*weight)).sum()),
                _ => None,
            })
            .collect();
        assert_eq!(sums, [1000].into(), "to {size}: {told}");
        assert_eq!(lab.running(&two), size as usize);
    }
}

/// A blue/green deployment that was scaled had only one of its colours scaled.
#[test]
fn argo_4552_both_colours_are_scaled() {
    for size in [2, 6] {
        let lab = Lab::behind(4, WEIGHTED, |options| options);
        let strategy = Strategy::blue_green().bake(MINUTE).keep_old(MINUTE).max_surge(8);
        let (told, _, two) = resized(&lab, strategy, |report| report.counts.ready == 1, size);
        told.ends(&Outcome::Succeeded, size.min(4), 14);
        assert_eq!(lab.ill_served(told.began, size.min(4)), None, "to {size}");
        lab.is_all(&two, size as usize);
    }
}

/// Both sets of machines were scaled at once, beyond the surge and below what must be there; with a panic in #816.
#[test]
fn gardener_754_a_size_in_the_middle_breaks_neither_bound() {
    for (size, floor, ceiling) in [(3, 3, 9), (12, 8, 13)] {
        let lab = Lab::new(8);
        let (told, _, two) = resized(&lab, Strategy::rolling().max_surge(1), |report| report.counts.ready == 4, size);
        told.ends(&Outcome::Succeeded, floor, ceiling);
        lab.is_all(&two, size as usize);
    }
}

/// An autoscaler took a job from five to two in the middle of its deployment, which lost its canaries and hung.
#[test]
fn nomad_20295_a_fleet_that_is_scaled_in_the_middle_of_a_canary_ends() {
    let lab = Lab::new(5);
    let bakes = |report: &Report| waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }));
    let (told, _, two) = resized(&lab, Strategy::canary([percent(20)]).bake(MINUTE * 5), bakes, 2);
    told.ends(&Outcome::Succeeded, 2, 7);
    assert!(told.took() < MINUTE * 30, "{told}");
    lab.is_all(&two, 2);
}

/// What was added in the middle went to the old, or to the new, and not to both. So #40304.
#[test]
fn kubernetes_20754_what_is_added_is_divided_as_the_strategy_says() {
    for (then, new) in [(OnResize::Proportional, 4), (OnResize::NewFirst, 6), (OnResize::Freeze, 2)] {
        let lab = Lab::new(4);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let steps = [Step::scale(percent(50)), Step::bake(MINUTE * 15), Step::scale(all())];
        let mut asked = None;
        let mut most = 0;
        let told = lab.watched(&two, Strategy::new(steps).max_surge(2).on_resize(then), async |rollout, report| {
            if waits(report, |blocker| matches!(blocker, Blocker::Bake { .. })) {
                if asked.is_none() {
                    rollout.resize(8, "ann").await.unwrap();
                }
                let since = *asked.get_or_insert(report.at);
                if report.at.since(since) < MINUTE * 14 {
                    most = lab.running(&two);
                }
            }
            ON
        });
        assert_eq!(most, new, "{then:?}: {told}");
        assert_eq!(told.outcome(), &Outcome::Succeeded, "{told}");
        told.keeps(4, 10);
    }
}

/// An autoscaler terminated machines of a group in the middle of its deployment.
#[test]
fn spinnaker_6377_what_an_autoscaler_takes_meanwhile_comes_back() {
    for victim in [1, 2] {
        let lab = Lab::new(5);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let mut taken = false;
        let told = lab.watched(&two, Strategy::rolling().max_surge(2), async |_, report| {
            if once(&mut taken, report.counts.ready >= 2) {
                let group = GroupId { generation: immutable_core::fleet::GenerationId(victim), cell: 0 };
                let size = lab.cloud.sizes(lab.fleet.id())[&group];
                lab.cloud.set_size(lab.fleet.id(), group, size - 1).unwrap();
            }
            ON
        });
        assert_eq!(told.outcome(), &Outcome::Succeeded, "{told}");
        told.keeps(4, 7);
        lab.is_all(&two, 5);
    }
}

/// The size that was there at the beginning was put back at the end, whatever had been wanted since. So #43.
#[test]
fn asg_roller_19_the_size_at_the_end_is_the_one_that_was_set_last() {
    let lab = Lab::new(5);
    let (told, _, two) = resized(&lab, Strategy::rolling().max_surge(2), |report| report.counts.ready == 3, 3);
    told.ends(&Outcome::Succeeded, 3, 7);
    lab.is_all(&two, 3);
    let lab = Lab::new(5);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut sized, mut asked) = (false, false);
    let told = lab.watched(&two, Strategy::rolling().max_surge(2), async |rollout, report| {
        if once(&mut sized, report.counts.ready == 2) {
            rollout.resize(7, "ann").await.unwrap();
        }
        if once(&mut asked, report.counts.ready >= 4) {
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 5, 9);
    lab.is_all(&one, 7);
}
