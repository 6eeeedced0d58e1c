//! What goes wrong with pools: clients that stick, people who route, views that lag behind.

use super::routes::{routed, weights_of};
use super::*;
use crate::error::ErrorKind;
use crate::fleet::{Coverage, TargetState};
use crate::memory::{Cause, What};
use crate::provider::TrafficSwitch;

#[test]
fn clients_stick_to_whom_a_route_takes_from() {
    let (lab, pool) = routed(options().sticky(seconds(300)));
    let residue = || lab.pool(&pool).residue.map(|residue| residue.to_string());
    lab.route(&pool, &[(1, 1000), (2, 0)]).unwrap();
    lab.pass(seconds(10));
    assert_eq!(residue(), None, "nobody had anything before");
    lab.route(&pool, &[(1, 0), (2, 1000)]).unwrap();
    lab.pass(seconds(9));
    assert_eq!(residue(), None, "it has it all until the route is in force");
    lab.pass(seconds(1));
    let until = lab.clock.now() + seconds(300);
    assert_eq!(residue().unwrap(), format!("clients stick to generation {} until {until}", GenerationId(1)));
    lab.pass(seconds(299));
    assert!(residue().is_some());
    lab.pass(seconds(1));
    assert_eq!(residue(), None);
}

#[test]
fn whom_a_share_is_given_back_to_keeps_nobody_against_it() {
    let (lab, pool) = routed(options().sticky(seconds(300)));
    let route = |weights: &[(u32, u16)]| {
        lab.route(&pool, weights).unwrap();
        lab.pass(seconds(10));
        lab.pool(&pool).residue.is_some()
    };
    assert!(!route(&[(1, 100)]));
    assert!(route(&[(1, 100), (2, 100)]), "of the same weight, and half the share");
    assert!(route(&[(1, 200), (2, 100)]), "not all of it");
    assert!(route(&[(1, 100), (2, 0)]), "the other's clients now");
    assert!(route(&[(1, 1), (2, 1)]), "the first one's again");
    assert!(!route(&[(1, 100)]), "who is detached keeps nobody");
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1), (2, 0)]).unwrap();
    lab.pass(seconds(10));
    lab.route(&pool, &[(1, 0), (2, 1)]).unwrap();
    lab.pass(seconds(10));
    assert_eq!(lab.pool(&pool).residue, None, "clients stick only where they are made to");
}

#[test]
fn people_set_weights_behind_our_back() {
    let (lab, pool) = routed(options());
    assert_eq!(lab.cloud.set_weights(&pool, weights_of(&[(1, 1)])).unwrap_err().kind(), ErrorKind::NotFound);
    let before = lab.route(&pool, &[(1, 1000)]).unwrap().tag;
    lab.pass(seconds(10));
    lab.cloud.take_effects();
    lab.cloud.set_weights(&pool, weights_of(&[(2, 7000)])).unwrap();
    let seen = lab.pool(&pool);
    assert_eq!(seen.weights, weights_of(&[(2, 7000)]), "nobody holds people to the split");
    assert_eq!(lab.states(&pool)[..2], [TargetState::Draining; 2]);
    assert_eq!(lab.route_from(&pool, before, &[(1, 500)]).unwrap_err().kind(), ErrorKind::Conflict);
    lab.pass(seconds(10));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[(2, 7000)]));
    let effects = lab.cloud.take_effects();
    assert_eq!((effects[0].by, &effects[0].what), (Cause::Script, &What::Routed(pool.clone(), weights_of(&[(2, 7000)]))));
    lab.cloud.set_weights(&pool, weights_of(&[(1, 0)])).unwrap();
    assert_eq!(lab.cloud.set_weights(&pool, weights_of(&[(9, 1)])).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn views_of_pools_lack_a_part_or_lag_behind_and_say_so() {
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1), (2, 1)]).unwrap();
    lab.pass(seconds(60));
    lab.cloud.partial_pool_views("page 2 of 2 failed", seconds(60));
    let seen = lab.pool(&pool);
    assert_eq!((seen.targets.len(), seen.coverage), (2, Coverage::Part("page 2 of 2 failed".into())));
    assert_eq!(lab.see().coverage, Coverage::Whole, "of groups nothing was said");
    lab.pass(seconds(60));
    let (old, keys) = (lab.pool(&pool), lab.keys());
    assert_eq!((old.targets.len(), &old.coverage), (4, &Coverage::Whole));
    lab.route(&pool, &[(2, 1)]).unwrap();
    lab.cloud.join(&pool, "legacy-vm", 7).unwrap();
    lab.clock.run(lab.cloud.drain(&lab.op(), &pool, &keys.into_iter().collect())).unwrap();
    lab.cloud.flicker_pools(seconds(60));
    let looks = [lab.pool(&pool), lab.pool(&pool)];
    let lag = looks.iter().find(|seen| seen.age > Duration::ZERO).unwrap();
    assert!(matches!(lag.coverage, Coverage::Part(_)));
    assert_eq!((&lag.tag, &lag.weights, lag.foreign.len()), (&old.tag, &old.weights, 0));
    let true_one = looks.iter().find(|seen| seen.coverage == Coverage::Whole).unwrap();
    assert_eq!((&true_one.weights, true_one.foreign.len()), (&weights_of(&[(2, 1)]), 1));
    lab.pass(seconds(41));
    let looks = [lab.pool(&pool), lab.pool(&pool)];
    assert!(looks.iter().all(|seen| seen.tag == true_one.tag && seen.foreign.len() == 1), "by then it has heard of it");
    lab.pass(seconds(20));
    assert!((0..2).all(|_| lab.pool(&pool).coverage == Coverage::Whole));
}

#[test]
fn who_was_told_to_drain_stays_drained() {
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1), (2, 1)]).unwrap();
    let keys: Vec<InstanceKey> = lab.pool(&pool).targets.into_iter().map(|target| target.key).collect();
    let drain = |key: &InstanceKey| lab.clock.run(lab.cloud.drain(&lab.op(), &pool, &[key.clone()].into())).unwrap();
    drain(&keys[0]);
    lab.pass(seconds(3600));
    drain(&keys[1]);
    lab.route(&pool, &[(1, 2), (2, 1)]).unwrap();
    use TargetState::{Attached, Drained, Draining};
    assert_eq!(lab.states(&pool), [Drained, Draining, Attached, Attached]);
    let other = Op::new(&FleetId::new(lab.cloud.place(), "api"), OpId(1), Epoch(1));
    let stolen = lab.clock.run(lab.cloud.drain(&other, &pool, &[keys[2].clone()].into()));
    assert_eq!(stolen.unwrap_err().kind(), ErrorKind::Taken);
    assert_eq!(lab.states(&pool)[2..], [Attached, Attached]);
}
