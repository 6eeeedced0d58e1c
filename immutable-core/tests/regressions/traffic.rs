//! Who is given requests, and who has been taken from those that serve them.

use std::collections::BTreeMap;

use immutable_core::fleet::{GenerationId, GroupId, Life, Split};
use immutable_core::memory::What;
use immutable_core::rollout::{AbortTo, Blocker, OnResize, Percent, Step};
use immutable_core::{Outcome, Strategy, Timestamp};

use super::kit::{Lab, MINUTE, ON, WEIGHTED, once, percent, seconds, waits};

fn all() -> Percent {
    percent(100)
}

/// When each of a generation was told to finish, and when it was terminated.
fn leaves(lab: &Lab, since: Timestamp, generation: u32) -> BTreeMap<String, (Option<Timestamp>, Timestamp)> {
    let mut told = BTreeMap::new();
    let mut left = BTreeMap::new();
    for effect in lab.effects(since) {
        match &effect.what {
            What::Draining(_, key) => drop(told.entry(key.name.to_string()).or_insert(effect.at)),
            What::Lives(key, Life::Leaving) if effect.group.is_some_and(|id| id.generation == GenerationId(generation)) => {
                left.insert(key.name.to_string(), (told.get(&key.name.to_string()).copied(), effect.at));
            }
            _ => {}
        }
    }
    left
}

/// The abort gave all requests to a stable set that had been scaled down with the canary's growth. So #3077.
#[test]
fn argo_3372_on_the_way_back_requests_wait_for_who_takes_them() {
    let lab = Lab::behind(6, WEIGHTED, |options| options);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut asked = false;
    let steps = [Step::scale(percent(67)), Step::bake(MINUTE * 10), Step::scale(all())];
    let told = lab.watched(&two, Strategy::new(steps).max_surge(2), async |rollout, report| {
        if once(&mut asked, waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }))) {
            assert_eq!(lab.running(&one), 1, "of the old hardly anything is left");
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 6, 8);
    assert_eq!(lab.ill_served(told.began, 6), None, "{told}");
    lab.is_all(&one, 6);
}

/// A weight that was acknowledged was not yet in the data plane when those who still served were removed.
#[test]
fn argo_4347_nobody_goes_before_the_weights_are_in_force() {
    for strategy in [Strategy::rolling().max_surge(1), Strategy::blue_green().bake(seconds(1)).keep_old(seconds(0))] {
        let lab = Lab::behind(3, WEIGHTED, |options| options.settle(MINUTE * 2));
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let told = lab.play(&two, strategy);
        assert_eq!(told.outcome(), &Outcome::Succeeded, "{told}");
        assert_eq!(lab.ill_served(told.began, 3), None, "{told}");
        let in_force: Vec<_> = lab
            .effects(told.began)
            .filter_map(|effect| match &effect.what {
                What::InForce(_, weights) => Some((effect.at, weights.get(&GenerationId(1)).copied().unwrap_or(0))),
                _ => None,
            })
            .collect();
        let mut left: Vec<_> = leaves(&lab, told.began, 1).into_values().map(|(_, at)| at).collect();
        left.sort_unstable();
        assert_eq!(left.len(), 3);
        for (at, stay) in left.into_iter().zip([2, 1, 0]) {
            let share = in_force.iter().rfind(|(since, _)| *since <= at).map_or(1000, |(_, share)| *share);
            assert!(u32::from(share) <= 1000 * stay / 3 + 1, "{share} of 1000 go to the {stay} that are left");
        }
        lab.is_all(&two, 3);
    }
}

/// At the last step requests were answered with 503: those who served them had gone.
#[test]
fn argo_4433_at_no_moment_is_nobody_there_for_a_request() {
    let strategies = [
        Strategy::rolling().max_surge(1),
        Strategy::canary([percent(25)]).bake(MINUTE),
        Strategy::blue_green().bake(MINUTE).keep_old(MINUTE),
    ];
    for strategy in strategies {
        for size in [1, 2, 5] {
            let lab = Lab::behind(size, WEIGHTED, |options| options.settle(seconds(45)));
            let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
            let told = lab.play(&two, strategy.clone());
            assert_eq!(told.outcome(), &Outcome::Succeeded, "{told}");
            assert_eq!(lab.ill_served(told.began, size), None, "{size}: {told}");
        }
    }
}

/// The life-cycle hook that drains an instance was not waited for.
#[test]
fn eks_ami_66_who_serves_finishes_its_requests_before_it_is_terminated() {
    for split in [WEIGHTED, Split::Pooled] {
        let lab = Lab::behind(4, split, |options| options.drain(seconds(90)));
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let told = lab.play(&two, Strategy::rolling().max_surge(1));
        told.ends(&Outcome::Succeeded, 4, 5);
        let left = leaves(&lab, told.began, 1);
        assert_eq!(left.len(), 4, "{left:?}");
        for (name, (told, left)) in left {
            assert!(told.is_some_and(|told| left.since(told) >= seconds(90)), "{name} is told at {told:?} and left at {left}");
        }
    }
}

/// The group before was disabled though the new one was not healthy. So #6973.
#[test]
fn spinnaker_5149_the_old_serves_as_long_as_the_new_is_not_healthy() {
    for keeps in [0, 600] {
        let lab = Lab::behind(3, Split::Binary, |options| options);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        lab.cloud.never_healthy(&two);
        let told = lab.play(&two, Strategy::blue_green().keep_old(seconds(keeps)));
        told.ends(&Outcome::RolledBack, 3, 6);
        assert_eq!(lab.ill_served(told.began, 3), None, "{told}");
        lab.is_all(&one, 3);
    }
}

/// The new group was deleted by others while it was waited for: that step was a success, and the next disabled all the rest.
#[test]
fn orca_pr_664_a_new_group_that_is_deleted_disables_nobody() {
    // The first, and all at once.
    for at in [1, 3] {
        let lab = Lab::behind(3, WEIGHTED, |options| options);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let mut deleted = false;
        let told = lab.watched(&two, Strategy::blue_green().keep_old(MINUTE), async |_, report| {
            if once(&mut deleted, report.counts.ready == at) {
                let group = GroupId { generation: GenerationId(2), cell: 0 };
                lab.cloud.delete_group(lab.fleet.id(), group).unwrap();
            }
            ON
        });
        assert!(deleted, "{told}");
        told.ends(&Outcome::RolledBack, 3, 6);
        told.said("back, since generation 0002 was deleted by someone else");
        lab.is_all(&one, 3);
    }
}

/// A size set in the middle of a canary by weights took from the stable what its share needed.
#[test]
fn argo_1596_a_smaller_size_leaves_each_share_its_own() {
    for then in [OnResize::Proportional, OnResize::NewFirst] {
        let lab = Lab::behind(8, WEIGHTED, |options| options);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let steps = [Step::scale(percent(50)), Step::bake(MINUTE * 5), Step::scale(all())];
        let mut asked = false;
        let told = lab.watched(&two, Strategy::new(steps).max_surge(2).on_resize(then), async |rollout, report| {
            if once(&mut asked, waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }))) {
                rollout.resize(4, "ann").await.unwrap();
            }
            ON
        });
        told.ends(&Outcome::Succeeded, 4, 10);
        assert_eq!(lab.ill_served(told.began, 4), None, "{then:?}: {told}");
        lab.is_all(&two, 4);
    }
}

/// Somebody else flips the listener in the middle: what carries the requests by then is what stays until that is undone.
#[test]
fn edge_case_10_weights_that_somebody_flips_are_taken_back_and_nobody_who_serves_goes_meanwhile() {
    let lab = Lab::behind(4, WEIGHTED, |options| options);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut flipped = None;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |_, report| {
        if flipped.is_none() && report.counts.ready == 2 {
            lab.cloud.set_weights(&"web".into(), [(GenerationId(1), 1000), (GenerationId(2), 0)]).unwrap();
            flipped = Some(report.at);
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 4, 5);
    let flipped = flipped.unwrap();
    let back = lab.effects(flipped).find_map(|effect| match &effect.what {
        What::InForce(_, weights) if weights.get(&GenerationId(2)).is_some_and(|share| *share >= 500) => Some(effect.at),
        _ => None,
    });
    let left = leaves(&lab, flipped, 1).into_values().map(|(_, at)| at).min().unwrap();
    assert!(back.is_some_and(|back| back <= left), "{back:?} {left}\n{told}");
    lab.is_all(&two, 4);
}
