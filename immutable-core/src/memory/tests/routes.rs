//! Pools and images.

use std::collections::BTreeMap;

use super::*;
use crate::artifact::{ImageRef, Place};
use crate::error::ErrorKind;
use crate::fleet::{Route, RouteTag, Routed, Split, TargetState, TrafficSeen};
use crate::id::PoolId;
use crate::provider::{ImageStage, Provider, TrafficSwitch};

/// Two generations of two healthy instances each, and a pool.
pub(super) fn routed(options: MemoryOptions) -> (Lab, PoolId) {
    let lab = lab_with(options).stand(2);
    lab.ensure(&lab.spec_of(&lab.good, 2)).unwrap();
    let group = GroupId { generation: GenerationId(2), cell: 0 };
    lab.resize(Resize::Raise { group, from: 0, to: 2 }).unwrap();
    lab.pass(seconds(120));
    let pool = lab.cloud.pool("web");
    (lab, pool)
}

impl Lab {
    pub(super) fn pool(&self, pool: &PoolId) -> TrafficSeen {
        self.clock.run(TrafficSwitch::observe(&self.cloud, pool)).unwrap()
    }

    pub(super) fn route(&self, pool: &PoolId, weights: &[(u32, u16)]) -> Result<Routed> {
        self.route_from(pool, self.pool(pool).tag, weights)
    }

    pub(super) fn route_from(&self, pool: &PoolId, seen: RouteTag, weights: &[(u32, u16)]) -> Result<Routed> {
        let route = Route::new(pool.clone(), seen, weights_of(weights))?;
        self.clock.run(self.cloud.route(&self.op(), &route))
    }

    pub(super) fn states(&self, pool: &PoolId) -> Vec<TargetState> {
        self.pool(pool).targets.iter().map(|target| target.state).collect()
    }
}

pub(super) fn weights_of(weights: &[(u32, u16)]) -> BTreeMap<GenerationId, u16> {
    weights.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect()
}

#[test]
fn a_route_is_set_at_once_and_in_force_when_settled() {
    let (lab, pool) = routed(options());
    let tag = lab.route(&pool, &[(1, 1000)]).unwrap().tag;
    assert_eq!(lab.pool(&pool).weights, weights_of(&[(1, 1000)]));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[]));
    lab.pass(seconds(10));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[(1, 1000)]));
    lab.route_from(&pool, tag, &[(1, 500), (2, 500)]).unwrap();
    lab.pass(seconds(5));
    lab.route(&pool, &[(2, 1000)]).unwrap();
    lab.pass(seconds(9));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[(1, 1000)]), "the one between was overtaken");
    lab.pass(seconds(1));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[(2, 1000)]));
}

#[test]
fn a_tag_that_has_changed_is_a_conflict_unless_the_weights_are_there() {
    let (lab, pool) = routed(options());
    let old = lab.pool(&pool).tag;
    let first = lab.route(&pool, &[(1, 1)]).unwrap();
    assert_eq!(lab.route_from(&pool, old.clone(), &[(1, 1)]).unwrap(), first);
    assert_eq!(lab.route_from(&pool, old, &[(2, 1)]).unwrap_err().kind(), ErrorKind::Conflict);
    let before = lab.pool(&pool).tag;
    lab.cloud.join(&pool, "legacy-vm", 7).unwrap();
    assert_eq!(lab.route_from(&pool, before, &[(2, 1)]).unwrap_err().kind(), ErrorKind::Conflict);
    lab.route(&pool, &[(2, 1)]).unwrap();
    assert_eq!(lab.pool(&pool).foreign, [("legacy-vm".into(), 7)], "what is not ours stays as it is");
}

#[test]
fn routes_beyond_the_split_are_refused() {
    let refused = |split: Split, weights: &[(u32, u16)]| {
        let (lab, pool) = routed(options().split(split));
        lab.route(&pool, weights).err().map(|error| error.kind())
    };
    let weighted = Split::Weighted { generations: 1, parts: 100 };
    assert_eq!(refused(weighted, &[(1, 100)]), None);
    assert_eq!(refused(weighted, &[(1, 101)]), Some(ErrorKind::Invalid));
    assert_eq!(refused(weighted, &[(1, 50), (2, 50)]), Some(ErrorKind::Invalid));
    assert_eq!(refused(Split::Binary, &[(1, 1), (2, 0)]), None);
    assert_eq!(refused(Split::Binary, &[(1, 1), (2, 1)]), Some(ErrorKind::Invalid));
    assert_eq!(refused(Split::Pooled, &[(1, 1), (2, 1)]), None);
    assert_eq!(refused(Split::Pooled, &[(1, 1), (2, 0)]), Some(ErrorKind::Invalid));
    assert_eq!(refused(weighted, &[(9, 1)]), Some(ErrorKind::NotFound), "there is no such generation");
}

#[test]
fn who_is_detached_drains() {
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1), (2, 0)]).unwrap();
    assert_eq!(lab.states(&pool), [TargetState::Attached; 4], "attached without requests");
    assert!(lab.pool(&pool).targets.iter().all(|target| target.health == Verdict::Healthy));
    lab.route(&pool, &[(2, 1)]).unwrap();
    use TargetState::{Attached, Drained, Draining};
    assert_eq!(lab.states(&pool), [Draining, Draining, Attached, Attached]);
    lab.pass(seconds(10));
    assert_eq!(lab.states(&pool), [Drained, Drained, Attached, Attached]);
    lab.pass(seconds(60));
    assert_eq!(lab.states(&pool), [Attached, Attached], "and then is none of its targets");
    lab.route(&pool, &[(1, 1), (2, 1)]).unwrap();
    assert_eq!(lab.states(&pool), [Attached; 4]);
}

#[test]
fn who_is_told_to_drain_drains_alone() {
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1)]).unwrap();
    let keys = lab.keys();
    let drain = |leaving: &[InstanceKey]| lab.clock.run(lab.cloud.drain(&lab.op(), &pool, &leaving.iter().cloned().collect()));
    assert_eq!(drain(&[]).unwrap_err().kind(), ErrorKind::Invalid);
    drain(&[keys[0].clone(), InstanceKey::named("nobody")]).unwrap();
    assert_eq!(lab.states(&pool), [TargetState::Draining, TargetState::Attached]);
    lab.pass(seconds(10));
    assert_eq!(lab.states(&pool), [TargetState::Drained, TargetState::Attached]);
    lab.lower(2, &keys[1..]).unwrap();
    assert_eq!(lab.states(&pool), [TargetState::Drained, TargetState::Draining], "who leaves drains");
    lab.pass(seconds(10));
    assert_eq!(lab.states(&pool), [TargetState::Drained], "who is gone is no target");
}

#[test]
fn some_pools_do_not_probe_what_gets_no_requests() {
    let (lab, pool) = routed(options().probes_unrouted(false));
    lab.route(&pool, &[(1, 1), (2, 0)]).unwrap();
    let health: Vec<_> = lab.pool(&pool).targets.iter().map(|target| target.health).collect();
    assert_eq!(health, [Verdict::Healthy, Verdict::Healthy, Verdict::Unknown, Verdict::Unknown]);
    lab.cloud.black_out(seconds(60));
    assert!(lab.pool(&pool).targets.iter().all(|target| target.health == Verdict::Unknown));
}

#[test]
fn pools_are_one_fleets_and_forget_generations_that_are_gone() {
    let (lab, pool) = routed(options());
    lab.route(&pool, &[(1, 1), (2, 1)]).unwrap();
    lab.pass(seconds(10));
    lab.lower(2, &lab.keys()).unwrap();
    lab.pass(seconds(10));
    lab.clock.run(lab.cloud.destroy_generation(&lab.op(), GenerationId(1))).unwrap();
    assert_eq!(lab.pool(&pool).weights, weights_of(&[(2, 1)]));
    assert_eq!(lab.cloud.in_force(&pool).unwrap(), weights_of(&[(2, 1)]));
    let other = Op::new(&FleetId::new(lab.cloud.place(), "api"), OpId(1), Epoch(1));
    let route = Route::new(pool.clone(), lab.pool(&pool).tag, weights_of(&[(1, 1)])).unwrap();
    assert_eq!(lab.clock.run(lab.cloud.route(&other, &route)).unwrap_err().kind(), ErrorKind::Taken);
    let missing = PoolId::from("nowhere");
    assert_eq!(lab.clock.run(TrafficSwitch::observe(&lab.cloud, &missing)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn images_go_through_their_stages() {
    let lab = lab();
    let provider = Provider::from(&lab.cloud);
    assert_eq!(provider.place, lab.cloud.place());
    let here = lab.good.image_in(&lab.cloud.place()).unwrap().clone();
    let elsewhere = ImageRef::new(Place::new("aws", "1", "r").unwrap(), here.id().as_str());
    let nowhere = ImageRef::new(lab.cloud.place(), "img-0");
    let catalog = provider.images.unwrap();
    let look = || {
        let seen = lab.clock.run(catalog.describe(&[here.clone(), elsewhere.clone(), nowhere.clone()])).unwrap();
        assert!(seen.iter().zip([&here, &elsewhere, &nowhere]).all(|(seen, image)| seen.image == *image));
        assert!(seen[1..].iter().all(|seen| seen.stage == ImageStage::Gone && seen.unlaunchable.is_some()));
        (seen[0].stage, seen[0].unlaunchable.is_none())
    };
    assert_eq!(look(), (ImageStage::Active, true));
    lab.cloud.disable_image(&lab.good);
    assert_eq!(look(), (ImageStage::Disabled, false));
    lab.cloud.delete_image(&lab.good);
    assert_eq!(look(), (ImageStage::Gone, false));
    lab.cloud.restore_image(&lab.good);
    assert_eq!(look(), (ImageStage::Active, true));
}

#[test]
fn an_import_is_a_copy_of_the_same_artifact() {
    let (lab, other) = (lab(), MemoryCloud::with(options().place(Place::new("memory", "other", "r").unwrap())));
    let copied = other.import(&lab.good).unwrap();
    assert_eq!(copied.digest(), lab.good.digest());
    assert_eq!(copied.images().count(), 2);
    assert_eq!(other.import(&lab.good).unwrap(), copied, "the same again is accepted");
    assert_eq!(other.import(&copied).unwrap(), copied);
    assert_eq!(lab.cloud.import(&lab.good).unwrap(), lab.good, "it is here already");
    let again = lab.cloud.bake("acmeinc/web", "1.0.0").unwrap();
    assert_ne!(again.digest(), lab.good.digest(), "another build is another artifact");
    let id = lab.good.image_in(&lab.cloud.place()).unwrap().clone();
    let built = crate::artifact::Built::new(crate::artifact::Provenance::new("x", "1")).image(id);
    let thief = Artifact::new("acmeinc/web".parse().unwrap(), "9.0.0".parse().unwrap(), built).unwrap();
    assert_eq!(lab.cloud.import(&thief).unwrap_err().kind(), ErrorKind::Conflict);
    assert!(lab.cloud.bake("Web", "1.0.0").is_err());
}
