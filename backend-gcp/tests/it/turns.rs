//! How generations take turns in the backend services of a url map, beside what others have there.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backend_gcp::{MigFleet, Pool, UrlMapTraffic};
use immutable_core::error::Retry;
use immutable_core::fleet::{
    Destroyed, FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Release, Resize, Route, RouteTag,
    Routed, TargetState, TrafficSeen, Upkeep, Verdict,
};
use immutable_core::id::{Epoch, InstanceKey, OpId, Zone};
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use immutable_core::{Digest, ErrorKind, Result};
use serde_json::Value;

use crate::account::{Account, REGION};
use crate::pools::{Console, pool};

/// Longer than the fake takes.
const SETTLE: Duration = Duration::from_secs(30);

/// A pool `web` of a fleet of the same name, whose calls are made by hand.
pub(crate) struct Turns {
    pub(crate) account: Account,
    pub(crate) fleets: MigFleet,
    pub(crate) traffic: UrlMapTraffic,
    pub(crate) console: Console,
    ops: Cell<u64>,
}

pub(crate) fn play<T>(with: impl AsyncFnOnce(Turns) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = Account::new().await.unwrap();
        let (pool, console) = pool(&account, "front", 2, true);
        let traffic = UrlMapTraffic::new(&account.gcp).settle(SETTLE).pool("web", pool).unwrap();
        let fleets = MigFleet::new(&account.gcp);
        with(Turns { account, fleets, traffic, console, ops: Cell::new(0) }).await
    })
}

impl Turns {
    fn op_of(&self, fleet: &str) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&FleetId::new(self.account.place(), fleet), OpId(self.ops.get()), Epoch(1))
    }

    pub(crate) fn op(&self) -> Op {
        self.op_of("web")
    }

    /// A generation with a group of one machine in each of so many zones, or one of the region.
    pub(crate) async fn make(&self, id: u32, zones: usize) -> Result<()> {
        let image = self.account.image("web-1-0-0");
        let template = self.account.template();
        let placements = match zones {
            0 => vec![Placement::Region],
            _ => ["b", "c", "a"].iter().take(zones).map(|zone| Placement::Zone(Zone::new(format!("{REGION}-{zone}")))).collect(),
        };
        let groups: Vec<GroupSpec> =
            (0..).zip(placements).map(|(cell, placement)| GroupSpec { cell, placement, max: 4 }).collect();
        let spec = GenerationSpec {
            fleet: self.op().fleet,
            id: GenerationId(id),
            name: "acmeinc/web".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            release: Release { artifact: Digest::of(b"web"), template: template.digest() },
            image,
            template,
            groups: groups.clone(),
            pool: Some("web".into()),
            upkeep: Upkeep::NONE,
            labels: BTreeMap::new(),
        };
        self.fleets.ensure_generation(&self.op(), &spec).await?;
        for group in groups {
            let group = GroupId { generation: GenerationId(id), cell: group.cell };
            self.fleets.resize(&self.op(), &Resize::Raise { group, from: 0, to: 1 }).await?;
        }
        self.account.wait(Duration::from_secs(60)).await;
        Ok(())
    }

    /// Lets all members of a generation's first group go, and waits until they are gone.
    pub(crate) async fn empty(&self, id: u32) -> Result<()> {
        let group = GroupId { generation: GenerationId(id), cell: 0 };
        let seen = self.fleets.observe(&self.op().fleet, &[group].into()).await?;
        let leave: BTreeSet<InstanceKey> = seen.groups[0].instances.iter().map(|instance| instance.key.clone()).collect();
        self.fleets.resize(&self.op(), &Resize::Lower { group, from: 1, leave }).await?;
        self.account.wait(Duration::from_secs(120)).await;
        Ok(())
    }

    pub(crate) async fn look(&self) -> TrafficSeen {
        self.traffic.observe(&"web".into()).await.unwrap()
    }

    pub(crate) fn to(&self, seen: &RouteTag, weights: &[(u32, u16)]) -> Route {
        let weights = weights.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect();
        Route::new("web".into(), seen.clone(), weights).unwrap()
    }

    pub(crate) async fn set(&self, weights: &[(u32, u16)]) -> Result<Routed> {
        let route = self.to(&self.look().await.tag, weights);
        self.traffic.route(&self.op(), &route).await
    }

    pub(crate) fn map(&self) -> Value {
        self.account.read(&self.console.map)
    }

    /// The backends of a service, by the names of their groups.
    pub(crate) fn backends(&self, slot: usize) -> BTreeMap<String, f64> {
        let truth = self.account.fake.truth();
        let backends = &truth.services[&self.console.services[slot]].backends;
        backends.iter().map(|(path, scaler)| (path.rsplit('/').next().unwrap().to_owned(), *scaler)).collect()
    }

    /// Weights by the names of the services.
    pub(crate) fn said(&self) -> BTreeMap<String, u32> {
        let truth = self.account.fake.truth();
        let said = &truth.routes[&self.console.map].said;
        said.iter().map(|(path, weight)| (path.rsplit('/').next().unwrap().to_owned(), *weight)).collect()
    }
}

pub(crate) fn weights(all: &[(&str, u32)]) -> BTreeMap<String, u32> {
    all.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

pub(crate) fn groups(all: &[(&str, f64)]) -> BTreeMap<String, f64> {
    all.iter().map(|(name, scaler)| ((*name).to_owned(), *scaler)).collect()
}

#[test]
fn of_two_who_give_the_same_service_away_one_is_refused() {
    play(async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 0).await.unwrap();
        }
        turns.set(&[(1, 1000)]).await.unwrap();
        let tag = turns.look().await.tag;
        let (one, other) = (turns.to(&tag, &[(1, 900), (2, 100)]), turns.to(&tag, &[(1, 900), (3, 100)]));
        let (op, other_op) = (turns.op(), turns.op());
        let both = futures_util::join!(turns.traffic.route(&op, &one), turns.traffic.route(&other_op, &other));
        let (won, lost, group) = match both {
            (Ok(won), Err(lost)) => (won, lost, "web-0002-0"),
            (Err(lost), Ok(won)) => (won, lost, "web-0003-0"),
            both => panic!("{both:?}"),
        };
        assert_eq!((lost.kind(), lost.applied()), (ErrorKind::Conflict, immutable_core::Applied::No));
        assert_eq!(turns.backends(1), groups(&[(group, 1.0)]), "who has the weight is who is there");
        assert_eq!(turns.look().await.tag, won.tag);
    });
}

#[test]
fn a_claim_that_came_to_nothing_is_taken_over_and_its_caller_conflicts() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        let first = turns.to(&turns.look().await.tag, &[(1, 1000)]);
        let op = turns.op();
        turns.account.fake.deny("backendServices.patch");
        let error = turns.traffic.route(&op, &first).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, immutable_core::Applied::Unknown), "it is half done");
        let seen = turns.look().await;
        assert!(seen.weights.is_empty() && seen.targets.is_empty(), "who was promised a service is not yet attached");
        turns.account.fake.allow("backendServices.patch");
        turns.set(&[(2, 1000)]).await.unwrap();
        let late = turns.traffic.route(&op, &first).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Conflict);
        assert_eq!(turns.look().await.weights, [(GenerationId(2), 1000)].into());
    });
}

#[test]
fn a_claim_is_gone_on_with_by_the_same_call() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        let route = turns.to(&turns.look().await.tag, &[(1, 1000)]);
        let op = turns.op();
        turns.account.fake.deny("urlMaps.update");
        assert_eq!(turns.traffic.route(&op, &route).await.unwrap_err().applied(), immutable_core::Applied::No);
        turns.account.fake.allow("urlMaps.update");
        turns.account.fake.deny("backendServices.patch");
        turns.traffic.route(&op, &route).await.unwrap_err();
        turns.account.fake.allow("backendServices.patch");
        // A new owner.
        turns.traffic.route(&Op::new(&op.fleet, op.id, Epoch(2)), &route).await.unwrap();
        assert_eq!(turns.said(), weights(&[("front-0", 1000), ("front-1", 0)]));
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0)]));
    });
}

#[test]
fn a_service_is_free_when_the_requests_there_have_ended() {
    play(async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 0).await.unwrap();
        }
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let error = turns.set(&[(3, 1000)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Quota, "{error}");
        turns.set(&[(2, 1000)]).await.unwrap();
        let error = turns.set(&[(2, 900), (3, 100)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
        assert!(wait <= SETTLE + Duration::from_secs(crate::pools::DRAINS) && wait > Duration::from_secs(20), "{wait:?}");
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0)]), "what was refused changed nothing");
        turns.account.wait(wait).await;
        turns.set(&[(2, 900), (3, 100)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0003-0", 1.0)]));
    });
}

#[test]
fn a_service_is_free_when_nobody_is_there_and_nothing_is_sent_there() {
    play(async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 0).await.unwrap();
        }
        turns.set(&[(1, 1000)]).await.unwrap();
        turns.empty(1).await.unwrap();
        turns.set(&[(2, 1000)]).await.unwrap();
        // A weight of before may still be in force.
        let error = turns.set(&[(2, 900), (3, 100)]).await.unwrap_err();
        let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
        assert!(wait <= SETTLE, "nobody is there whose requests would have to end: {wait:?}");
        turns.account.wait(wait).await;
        turns.set(&[(2, 900), (3, 100)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0003-0", 1.0)]));
    });
}

#[test]
fn what_leaves_is_given_nothing_where_it_is_not_the_last() {
    play(async |turns| {
        turns.make(1, 2).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0), ("web-0001-1", 1.0)]));
        let routed = turns.set(&[(2, 1000)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 0.0), ("web-0001-1", 0.0)]));
        let seen = turns.look().await;
        assert_eq!(seen.tag, routed.tag);
        let draining = seen.targets.iter().filter(|target| target.state == TargetState::Draining).count();
        assert_eq!((draining, seen.targets.len()), (2, 3));
        // The second generation is the only one in its service, and Google would refuse it.
        turns.set(&[(1, 1000)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0), ("web-0001-1", 1.0)]), "who comes back gets all again");
        assert_eq!(turns.backends(1), groups(&[("web-0002-0", 1.0)]));
        turns.account.wait(SETTLE + Duration::from_secs(crate::pools::DRAINS)).await;
        assert_eq!(turns.look().await.targets.len(), 2, "who has drained is no target");
    });
}

#[test]
fn a_generation_that_goes_is_taken_out_of_its_service() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        turns.set(&[(2, 1000)]).await.unwrap();
        turns.empty(1).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0)]), "it is the last of its service");
        let before = turns.account.read(&turns.console.services[0]);
        assert_eq!(turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap(), Destroyed::Gone);
        assert_eq!(turns.backends(0), groups(&[]));
        let after = turns.account.read(&turns.console.services[0]);
        for field in ["protocol", "portName", "connectionDraining", "timeoutSec", "loadBalancingScheme"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        assert_eq!(turns.backends(1), groups(&[("web-0002-0", 1.0)]));
        assert!(turns.account.fake.violations().is_empty(), "{:?}", turns.account.fake.violations());
    });
}

#[test]
fn who_was_never_healthy_starts_and_who_was_is_ill() {
    play(async |turns| {
        turns.account.fake.check(Duration::from_secs(100));
        turns.make(1, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        let health = async || turns.look().await.targets[0].health;
        assert_eq!(health().await, Verdict::Starting, "Google says UNHEALTHY of what it has not found healthy");
        turns.account.wait(Duration::from_secs(100)).await;
        assert_eq!(health().await, Verdict::Healthy);
        let machine = turns.look().await.targets[0].key.name.to_string();
        turns.account.fake.application(&machine, false);
        turns.account.wait(Duration::from_secs(100)).await;
        assert_eq!(health().await, Verdict::Unhealthy);
        // To a process that has never seen it healthy it starts, for a while.
        let pool = Pool::url_map("front", ["front-0", "front-1"]);
        let anew = UrlMapTraffic::new(&turns.account.gcp).warm_up(Duration::from_secs(60)).pool("web", pool).unwrap();
        let health = async || anew.observe(&"web".into()).await.unwrap().targets[0].health;
        assert_eq!(health().await, Verdict::Starting);
        turns.account.wait(Duration::from_secs(60)).await;
        assert_eq!(health().await, Verdict::Unhealthy);
    });
}

#[test]
fn what_cannot_be_seen_is_told() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        turns.account.fake.unreachable(REGION, true);
        let error = turns.set(&[(2, 1000)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "whether all groups of it were seen nobody knows: {error}");
        turns.account.fake.unreachable(REGION, false);
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        turns.account.fake.unreachable(REGION, true);
        turns.set(&[(1, 1000), (2, 0)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0)]), "what is attached stays so");
        assert_eq!(turns.said(), weights(&[("front-0", 1000), ("front-1", 0)]));
    });
}

#[test]
fn nobody_can_be_named_to_drain() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        let named: BTreeSet<InstanceKey> = turns.look().await.targets.iter().map(|target| target.key.clone()).collect();
        let calls = |method: &str| turns.account.fake.count(method);
        let before = calls("backendServices.patch") + calls("urlMaps.update");
        for leaving in [named, BTreeSet::new()] {
            let error = turns.traffic.drain(&turns.op(), &"web".into(), &leaving).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        let error = turns.traffic.drain(&turns.op_of("shop"), &"web".into(), &BTreeSet::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Taken);
        assert_eq!(calls("backendServices.patch") + calls("urlMaps.update"), before);
    });
}

#[test]
fn a_step_of_weights_is_one_write() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let tag = turns.look().await.tag;
        let calls = |method: &str| turns.account.fake.count(method);
        let before =
            [calls("urlMaps.update"), calls("backendServices.patch"), calls("backendServices.get"), calls("urlMaps.get")];
        turns.traffic.route(&turns.op(), &turns.to(&tag, &[(1, 500), (2, 500)])).await.unwrap();
        let after = [calls("urlMaps.update"), calls("backendServices.patch"), calls("backendServices.get"), calls("urlMaps.get")];
        let spent: Vec<usize> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(spent, [1, 0, 2, 1]);
    });
}
