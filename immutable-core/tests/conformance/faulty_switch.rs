//! Each fault does to a traffic switch what it says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::fleet::*;
use immutable_core::id::{Epoch, InstanceKey, OpId, PoolId};
use immutable_core::memory::{MemoryCloud, MemoryOptions};
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Applied, ErrorKind, Result};

const MINUTE: Duration = Duration::from_secs(60);

/// A faulty wire to a cloud in which a generation of 4 stands beside a pool.
struct Wired {
    clock: VirtualClock,
    cloud: MemoryCloud,
    faulty: Faulty<MemoryCloud>,
    fleet: FleetId,
    pool: PoolId,
    ops: std::cell::Cell<u64>,
}

impl Wired {
    fn new(faults: Faults) -> Self {
        let clock = crate::clock();
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        let artifact = cloud.bake("acmeinc/web", "1.0.0").unwrap();
        let (fleet, pool) = (FleetId::new(cloud.place(), "web"), cloud.pool("web"));
        let template = LaunchTemplate::default();
        let spec = GenerationSpec {
            fleet: fleet.clone(),
            id: GenerationId(1),
            name: artifact.name().clone(),
            version: artifact.version().clone(),
            release: Release { artifact: artifact.digest(), template: template.digest() },
            image: artifact.image_in(&cloud.place()).unwrap().clone(),
            template,
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 10 }],
            pool: Some(pool.clone()),
            upkeep: Upkeep::NONE,
            labels: [].into(),
        };
        let faulty = Faulty::new(Arc::new(cloud.clone()), Arc::new(clock.clone()), 1, faults);
        let wired = Self { clock, cloud, faulty, fleet, pool, ops: Default::default() };
        wired.clock.run(wired.cloud.ensure_generation(&wired.op(), &spec)).unwrap();
        let raise = Resize::Raise { group: GroupId { generation: GenerationId(1), cell: 0 }, from: 0, to: 4 };
        wired.clock.run(wired.cloud.resize(&wired.op(), &raise)).unwrap();
        wired.wait(MINUTE * 10);
        wired
    }

    fn op(&self) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&self.fleet, OpId(self.ops.get()), Epoch(1))
    }

    fn wait(&self, long: Duration) {
        self.clock.run(self.clock.sleep_until(self.clock.now() + long));
    }

    fn route(&self, weight: u16) -> Result<Routed> {
        let route = Route::new(self.pool.clone(), self.truth().tag, [(GenerationId(1), weight)].into())?;
        self.clock.run(self.faulty.route(&self.op(), &route))
    }

    fn look(&self) -> Result<TrafficSeen> {
        self.clock.run(TrafficSwitch::observe(&self.faulty, &self.pool))
    }

    fn truth(&self) -> TrafficSeen {
        self.clock.run(TrafficSwitch::observe(&self.cloud, &self.pool)).unwrap()
    }

    /// The weight that is set in truth.
    fn weight(&self) -> Option<u16> {
        self.truth().weights.get(&GenerationId(1)).copied()
    }
}

#[test]
fn a_route_is_refused_lost_or_done_unknown() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Route, Fault::Error(ErrorKind::Denied));
    wired.faulty.next(Call::Route, Fault::Throttled);
    for kind in [ErrorKind::Denied, ErrorKind::Throttled] {
        let error = wired.route(1).unwrap_err();
        assert_eq!((error.kind(), error.applied(), error.echo_until()), (kind, Applied::No, None));
    }
    for (fault, weight) in [(Fault::LostRequest, None), (Fault::LostReply, Some(1))] {
        wired.faulty.next(Call::Route, fault);
        let sent = wired.clock.now();
        let error = wired.route(1).unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown));
        assert_eq!(error.echo_until(), Some(sent + MINUTE), "the two must not be told apart");
        assert_eq!(wired.weight(), weight, "{fault:?}");
    }
}

#[test]
fn a_late_route_is_set_later_unless_it_was_overtaken() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Route, Fault::Late(MINUTE / 2));
    wired.route(1).unwrap_err();
    assert_eq!(wired.weight(), None);
    wired.clock.run(wired.faulty.settle());
    assert_eq!(wired.weight(), Some(1));
    wired.faulty.next(Call::Route, Fault::Late(MINUTE / 2));
    wired.route(2).unwrap_err();
    wired.route(3).unwrap();
    wired.clock.run(wired.faulty.settle());
    assert_eq!(wired.weight(), Some(3));
}

#[test]
fn a_doubled_route_says_until_when_and_a_doubled_drain_does_no_harm() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::Route, Fault::Doubled(MINUTE));
    let sent = wired.clock.now();
    assert_eq!(wired.route(1).unwrap().echo_until, Some(sent + MINUTE));
    wired.faulty.next(Call::Drain, Fault::Doubled(MINUTE));
    let key: InstanceKey = wired.truth().targets[0].key.clone();
    wired.clock.run(wired.faulty.drain(&wired.op(), &wired.pool, &[key].into())).unwrap();
    assert_eq!(wired.faulty.on_their_way(), 2);
    wired.clock.run(wired.faulty.settle());
    let states: Vec<_> = wired.truth().targets.iter().map(|target| target.state).collect();
    assert_eq!(states, [TargetState::Drained, TargetState::Attached, TargetState::Attached, TargetState::Attached]);
    assert_eq!((wired.cloud.calls().route, wired.cloud.calls().drain), (2, 2));
}

#[test]
fn a_look_at_a_pool_is_a_call_of_its_own() {
    let wired = Wired::new(Faults::none());
    wired.faulty.next(Call::ObservePool, Fault::LostReply);
    let known = [].into();
    wired.clock.run(FleetProvider::observe(&wired.faulty, &wired.fleet, &known)).unwrap();
    let error = wired.look().unwrap_err();
    assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::No));
    wired.faulty.next(Call::Observe, Fault::Throttled);
    wired.look().unwrap();
    let happened: Vec<_> = wired.faulty.happened().iter().map(|happened| happened.call).collect();
    assert_eq!(happened, [Call::ObservePool]);
}

#[test]
fn a_stale_view_of_a_pool_is_an_older_one_and_a_partial_one_lacks_targets() {
    let wired = Wired::new(Faults::none().stale_by(MINUTE * 2));
    assert_eq!(wired.look().unwrap().weights, BTreeMap::new());
    let empty_at = wired.clock.now();
    wired.route(1).unwrap();
    wired.wait(MINUTE);
    wired.faulty.next(Call::ObservePool, Fault::Stale);
    let asked = wired.clock.now();
    let seen = wired.look().unwrap();
    assert_eq!((seen.weights.len(), seen.targets.len()), (0, 0));
    assert!(seen.age > asked.since(empty_at) && seen.age <= MINUTE * 2, "{:?}", seen.age);
    wired.faulty.next(Call::ObservePool, Fault::Partial);
    let part = wired.look().unwrap();
    assert!(part.targets.len() < 4 && matches!(part.coverage, Coverage::Part(_)), "{part:?}");
    assert_eq!(part.weights.len(), 1, "of its route nothing is missing");
    let whole = wired.look().unwrap();
    assert_eq!((whole.age, whole.targets.len(), whole.coverage), (Duration::ZERO, 4, Coverage::Whole));
}

#[test]
fn capabilities_tell_how_long_a_route_may_live() {
    let lifetime = |faults| TrafficSwitch::capabilities(&Wired::new(faults).faulty).request_lifetime;
    assert_eq!(lifetime(Faults::none()), Duration::ZERO);
    assert_eq!(lifetime(Faults::none().late(0.1).late_by(MINUTE * 2)), MINUTE * 2);
}
