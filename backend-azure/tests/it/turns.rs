//! How generations take turns in the rules of a load balancer, by hand, and in the slots of a profile.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backend_azure::{LoadBalancerTraffic, Pool, TrafficManagerTraffic, VmssFleet, WeightedPool};
use immutable_core::error::Retry;
use immutable_core::fleet::{
    Destroyed, FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, Op, Placement, Release, Resize, Route, RouteTag,
    Routed, TargetState, TrafficSeen, Upkeep, Verdict,
};
use immutable_core::id::{Epoch, InstanceKey, OpId};
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use immutable_core::{Applied, Digest, ErrorKind, Result};
use immutable_fakes::arm::{Fault, Rival};

use crate::account::Account;
use crate::pools::{BALANCER, PROFILE, front, profile, slots, template};

/// How long connections are said to go on.
pub(crate) const DRAINS: Duration = Duration::from_secs(40);

/// A pool `web` of a fleet of the same name, whose calls are made by hand.
pub(crate) struct Turns {
    pub(crate) account: Account,
    pub(crate) fleets: VmssFleet,
    pub(crate) traffic: Arc<dyn TrafficSwitch>,
    ops: Cell<u64>,
}

/// One rule, `web`, of `front`.
pub(crate) fn rules(account: &Account) -> Arc<dyn TrafficSwitch> {
    account.fake.load_balancer("front", &["web"]);
    let pool = Pool::load_balancer("front", ["web"]);
    Arc::new(LoadBalancerTraffic::new(&account.azure).pool("web", pool).unwrap().drains_for(DRAINS))
}

/// Two slots of `web-tm`, `blue` and `green`, behind which are the rules `web-blue` and `web-green` of `front`.
pub(crate) fn weights(account: &Account) -> Arc<dyn TrafficSwitch> {
    account.fake.load_balancer("front", &["web-blue", "web-green"]);
    let pool = slots(account, "web", &["blue", "green"]);
    Arc::new(TrafficManagerTraffic::new(&account.azure).pool("web", pool).unwrap().drains_for(DRAINS))
}

pub(crate) fn play<T>(of: fn(&Account) -> Arc<dyn TrafficSwitch>, with: impl AsyncFnOnce(Turns) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = Account::new().await.unwrap();
        let (traffic, fleets) = (of(&account), VmssFleet::new(&account.azure));
        with(Turns { account, fleets, traffic, ops: Cell::new(0) }).await
    })
}

impl Turns {
    pub(crate) fn op_of(&self, fleet: &str) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(&FleetId::new(self.account.place(), fleet), OpId(self.ops.get()), Epoch(1))
    }

    pub(crate) fn op(&self) -> Op {
        self.op_of("web")
    }

    /// A generation with a group of so many machines.
    pub(crate) async fn make(&self, id: u32, size: u32) -> Result<()> {
        let (image, template) = (self.account.image("1.0.0"), template(&self.account));
        let spec = GenerationSpec {
            fleet: self.op().fleet,
            id: GenerationId(id),
            name: "acmeinc/web".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            release: Release { artifact: Digest::of(b"web"), template: template.digest() },
            image,
            template,
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 4 }],
            pool: Some("web".into()),
            upkeep: Upkeep::NONE,
            labels: BTreeMap::new(),
        };
        self.fleets.ensure_generation(&self.op(), &spec).await?;
        let group = GroupId { generation: GenerationId(id), cell: 0 };
        self.fleets.resize(&self.op(), &Resize::Raise { group, from: 0, to: size }).await?;
        self.account.wait(Duration::from_secs(120)).await;
        Ok(())
    }

    /// Lets all members of a generation go, and waits until they are gone.
    pub(crate) async fn empty(&self, id: u32) -> Result<()> {
        let group = GroupId { generation: GenerationId(id), cell: 0 };
        let seen = self.fleets.observe(&self.op().fleet, &[group].into()).await?;
        let leave: BTreeSet<InstanceKey> = seen.groups[0].instances.iter().map(|instance| instance.key.clone()).collect();
        let from = u32::try_from(leave.len()).unwrap();
        self.fleets.resize(&self.op(), &Resize::Lower { group, from, leave }).await?;
        self.account.wait(Duration::from_secs(180)).await;
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

    /// The id of the load balancer.
    pub(crate) fn front(&self) -> String {
        self.account.fake.id(BALANCER, "front")
    }

    /// The id of the profile.
    pub(crate) fn profile(&self) -> String {
        self.account.fake.id(PROFILE, "web-tm")
    }

    /// The profile, as it was said.
    pub(crate) fn profile_body(&self) -> serde_json::Value {
        let mut said = serde_json::Value::Null;
        self.account.fake.by_hand(&self.profile(), |body| said = body.clone());
        said
    }

    /// The pool that each rule sends to.
    pub(crate) fn said(&self) -> BTreeMap<String, String> {
        front(&self.account).rules.into_iter().map(|(rule, truth)| (rule, truth.said)).collect()
    }

    /// The weights of all endpoints.
    pub(crate) fn weights(&self) -> BTreeMap<String, u64> {
        profile(&self.account, "web-tm").said
    }

    /// How many writes came.
    pub(crate) fn writes(&self) -> [usize; 3] {
        ["loadBalancers.createOrUpdate", "loadBalancerBackendAddressPools.createOrUpdate", "profiles.update"]
            .map(|call| self.account.fake.count(call))
    }
}

pub(crate) fn map<V: Clone>(all: &[(&str, V)]) -> BTreeMap<String, V> {
    all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn generations(all: &[(u32, u16)]) -> BTreeMap<GenerationId, u16> {
    all.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect()
}

#[test]
fn a_flip_is_one_write() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        turns.set(&[(1, 1)]).await.unwrap();
        let (tag, before) = (turns.look().await.tag, turns.writes());
        turns.traffic.route(&turns.op(), &turns.to(&tag, &[(2, 1)])).await.unwrap();
        assert_eq!(turns.writes(), [before[0] + 1, before[1], before[2]]);
        assert_eq!(turns.said(), map(&[("web", "web-0002".to_owned())]));
        assert_eq!(turns.account.fake.violations(), Vec::<String>::new());
    });
}

#[test]
fn of_two_pools_of_a_load_balancer_none_cancels_the_writes_of_the_other() {
    fn both(account: &Account) -> Arc<dyn TrafficSwitch> {
        account.fake.load_balancer("front", &["web", "more"]);
        let one = |rule| Pool::load_balancer("front", [rule]);
        let traffic = LoadBalancerTraffic::new(&account.azure).pool("web", one("web")).unwrap();
        Arc::new(traffic.pool("more", one("more")).unwrap())
    }
    play(both, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        let tag = turns.traffic.observe(&"more".into()).await.unwrap().tag;
        let more = Route::new("more".into(), tag, [(GenerationId(2), 1)].into()).unwrap();
        let web = turns.to(&turns.look().await.tag, &[(1, 1)]);
        let before = turns.writes();
        let (op, other) = (turns.op(), turns.op());
        let (one, two) = futures_util::join!(turns.traffic.route(&op, &web), turns.traffic.route(&other, &more));
        one.unwrap();
        two.unwrap();
        assert_eq!(turns.writes(), [before[0] + 2, before[1], before[2]], "nothing is refused, canceled, and done again");
        assert_eq!(turns.said(), map(&[("web", "web-0001".to_owned()), ("more", "web-0002".to_owned())]));
    });
}

#[test]
fn of_two_who_flip_at_once_one_is_refused() {
    play(rules, async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 1).await.unwrap();
        }
        turns.set(&[(1, 1)]).await.unwrap();
        let tag = turns.look().await.tag;
        let (one, other) = (turns.to(&tag, &[(2, 1)]), turns.to(&tag, &[(3, 1)]));
        let (op, other_op) = (turns.op(), turns.op());
        // Another process, which does not wait for its turn.
        let account = &turns.account;
        let theirs = LoadBalancerTraffic::new(&account.another().await.unwrap())
            .pool("web", Pool::load_balancer("front", ["web"]))
            .unwrap();
        let both = futures_util::join!(turns.traffic.route(&op, &one), theirs.route(&other_op, &other));
        let (won, lost, who) = match both {
            (Ok(won), Err(lost)) => (won, lost, "web-0002"),
            (Err(lost), Ok(won)) => (won, lost, "web-0003"),
            both => panic!("{both:?}"),
        };
        assert_eq!(lost.kind(), ErrorKind::Conflict);
        assert_eq!((turns.said(), turns.look().await.tag), (map(&[("web", who.to_owned())]), won.tag));
    });
}

#[test]
fn who_is_overtaken_by_something_else_does_it_again() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        let route = turns.to(&turns.look().await.tag, &[(1, 1)]);
        let op = turns.op();
        let meddle = async {
            // While the write goes on, which is canceled by this.
            turns.account.wait(Duration::from_millis(500)).await;
            let mut body = turns.account.fake.body(&turns.front());
            body["properties"]["probes"][0]["properties"]["intervalInSeconds"] = 6.into();
            body["properties"]["loadBalancingRules"][0]["properties"]["backendAddressPool"] = serde_json::Value::Null;
            body["properties"]["loadBalancingRules"][0]["properties"]["backendAddressPools"] = serde_json::json!([]);
            body["tags"] = serde_json::json!({});
            assert!(turns.account.fake.meddle("PUT", &turns.front(), &body));
        };
        let (routed, ()) = futures_util::join!(turns.traffic.route(&op, &route), meddle);
        routed.unwrap();
        assert_eq!(turns.said(), map(&[("web", "web-0001".to_owned())]));
        let front = turns.account.fake.body(&turns.front());
        assert_eq!(front["properties"]["probes"][0]["properties"]["intervalInSeconds"], 6);
    });
}

#[test]
fn a_write_that_failed_is_made_once_more() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &[(1, 1)]));
        turns.account.fake.operation_fails("loadBalancers.createOrUpdate", "NetworkingInternalOperationError", "oh");
        let error = turns.traffic.route(&op, &route).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Internal, Applied::Unknown), "{error}");
        let found = turns.traffic.preflight(&"web".into()).await.unwrap();
        assert!(matches!(&found[..], [one] if !one.blocks && one.what.contains("failed")), "{found:?}");
        turns.traffic.route(&op, &route).await.unwrap();
        turns.account.wait(Duration::from_secs(60)).await;
        assert_eq!(front(&turns.account).rules["web"].in_force, "web-0001");
        assert_eq!(turns.traffic.preflight(&"web".into()).await.unwrap(), []);
    });
}

#[test]
fn of_a_write_that_failed_nobody_is_told_to_have_all() {
    for kind in [rules as fn(&Account) -> Arc<dyn TrafficSwitch>, weights] {
        play(kind, async |turns| {
            for number in [1, 2] {
                turns.make(number, 1).await.unwrap();
            }
            turns.set(&[(1, 1)]).await.unwrap();
            turns.account.wait(Duration::from_secs(60)).await;
            let told = async || turns.look().await.weights.into_iter().map(|(id, weight)| (id.0, weight)).collect::<Vec<_>>();
            assert_eq!(told().await, [(1, 1)]);
            turns.account.fake.operation_fails("loadBalancers.createOrUpdate", "NetworkingInternalOperationError", "oh");
            let error = turns.set(&[(1, 0), (2, 1)]).await.unwrap_err();
            assert_eq!(error.applied(), Applied::Unknown, "{error}");
            assert!(told().await.iter().all(|(_, weight)| *weight == 0), "it may be in force in part: {:?}", told().await);
            // Whoever sees that writes it once more.
            turns.set(&[(1, 0), (2, 1)]).await.unwrap();
            turns.account.wait(Duration::from_secs(60)).await;
            assert_eq!(told().await, [(1, 0), (2, 1)]);
        });
    }
}

#[test]
fn who_was_told_to_drain_by_a_write_that_failed_is_told_again() {
    play(rules, async |turns| {
        turns.make(1, 2).await.unwrap();
        turns.set(&[(1, 1)]).await.unwrap();
        turns.account.wait(Duration::from_secs(60)).await;
        let named: BTreeSet<InstanceKey> = turns.look().await.targets.into_iter().take(1).map(|target| target.key).collect();
        let states = async || turns.look().await.targets.into_iter().map(|target| target.state).collect::<Vec<_>>();
        turns.account.fake.operation_fails("loadBalancerBackendAddressPools.createOrUpdate", "InternalServerError", "oh");
        drop(turns.traffic.drain(&turns.op(), &"web".into(), &named).await);
        turns.account.wait(Duration::from_secs(10)).await;
        assert_eq!(self::front(&turns.account).state, "Failed");
        assert_eq!(states().await, [TargetState::Attached; 2], "nobody knows whether it is so");
        turns.traffic.drain(&turns.op(), &"web".into(), &named).await.unwrap();
        assert_eq!(self::front(&turns.account).state, "Succeeded");
        assert!(states().await.contains(&TargetState::Draining));
    });
}

#[test]
fn who_waits_for_its_own_write_is_answered_when_it_is_done() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.account.fake.rivals(Rival::Retryable);
        let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &[(1, 1)]));
        turns.account.fake.operations_take(Duration::from_secs(15));
        let error = turns.traffic.route(&op, &route).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Busy, Applied::Unknown), "{error}");
        let before = turns.writes();
        turns.traffic.route(&op, &route).await.unwrap();
        assert_eq!((turns.writes(), front(&turns.account).state.as_str()), (before, "Succeeded"));
    });
}

#[test]
fn a_write_that_fails_while_it_is_waited_for_is_made_once_more() {
    for kind in [rules as fn(&Account) -> Arc<dyn TrafficSwitch>, weights] {
        play(kind, async |turns| {
            turns.make(1, 1).await.unwrap();
            turns.account.fake.rivals(Rival::Retryable);
            let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &[(1, 1)]));
            turns.account.fake.operations_take(Duration::from_secs(15));
            turns.account.fake.operation_fails("loadBalancers.createOrUpdate", "NetworkingInternalOperationError", "oh");
            let error = turns.traffic.route(&op, &route).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Busy, Applied::Unknown), "{error}");
            turns.account.fake.operations_take(Duration::from_secs(1));
            let before = turns.writes();
            turns.traffic.route(&op, &route).await.unwrap();
            assert_eq!((turns.writes()[0], front(&turns.account).state.as_str()), (before[0] + 1, "Succeeded"));
        });
    }
}

#[test]
fn who_is_named_gets_no_new_connections_and_has_drained_after_a_while() {
    play(rules, async |turns| {
        turns.make(1, 3).await.unwrap();
        turns.set(&[(1, 1)]).await.unwrap();
        turns.account.wait(Duration::from_secs(60)).await;
        let targets = turns.look().await.targets;
        assert!(targets.iter().all(|target| target.health == Verdict::Healthy && target.state == TargetState::Attached));
        let named: BTreeSet<InstanceKey> = targets.into_iter().take(1).map(|target| target.key).collect();
        turns.traffic.drain(&turns.op(), &"web".into(), &named).await.unwrap();
        let states = async || -> Vec<(TargetState, Verdict)> {
            turns.look().await.targets.iter().map(|target| (target.state, target.health)).collect()
        };
        let on = (TargetState::Attached, Verdict::Healthy);
        assert_eq!(states().await, [(TargetState::Draining, Verdict::Unknown), on, on], "the probe no longer decides");
        turns.account.wait(Duration::from_secs(60)).await;
        let serves = front(&turns.account).rules["web"].serves.len();
        assert_eq!(serves, 2);
        // Connections may go on from when it is in force everywhere.
        turns.account.wait(DRAINS).await;
        assert_eq!(states().await, [(TargetState::Drained, Verdict::Unknown), on, on]);
        assert_eq!(turns.account.fake.violations(), Vec::<String>::new());
    });
}

#[test]
fn who_starts_is_told_from_who_is_ill() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.set(&[(1, 1)]).await.unwrap();
        let health = async |traffic: &dyn TrafficSwitch| traffic.observe(&"web".into()).await.unwrap().targets[0].health;
        turns.account.wait(Duration::from_secs(60)).await;
        assert_eq!(health(&*turns.traffic).await, Verdict::Healthy);
        let name = turns.look().await.targets[0].key.name.to_string();
        turns.account.fake.application_is(&name, false);
        turns.account.wait(Duration::from_secs(60)).await;
        assert_eq!(health(&*turns.traffic).await, Verdict::Unhealthy);
        // To a process that has never seen it healthy it starts, for a while.
        let pool = Pool::load_balancer("front", ["web"]);
        let anew = LoadBalancerTraffic::new(&turns.account.azure).warm_up(Duration::from_secs(60)).pool("web", pool).unwrap();
        assert_eq!(health(&anew).await, Verdict::Starting);
        turns.account.wait(Duration::from_secs(60)).await;
        assert_eq!(health(&anew).await, Verdict::Unhealthy);
    });
}

#[test]
fn what_probes_have_found_and_do_not_tell_is_missing() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.set(&[(1, 1)]).await.unwrap();
        turns.account.wait(Duration::from_secs(60)).await;
        let call = "loadBalancerLoadBalancingRules.health";
        turns.account.fake.operation_fails(call, "InternalServerError", "oh");
        let seen = turns.look().await;
        assert_eq!(seen.targets[0].health, Verdict::Unknown);
        assert!(format!("{:?}", seen.coverage).contains("rule web"), "{:?}", seen.coverage);
        turns.account.fake.deny(call);
        assert_eq!(turns.traffic.observe(&"web".into()).await.unwrap_err().kind(), ErrorKind::Denied);
        turns.account.fake.allow(call);
        for tracking in [immutable_fakes::arm::Tracking::Async, immutable_fakes::arm::Tracking::Location] {
            turns.account.fake.tracking(tracking);
            assert_eq!(turns.look().await.targets[0].health, Verdict::Healthy, "{tracking:?}");
        }
    });
}

#[test]
fn a_step_of_weights_is_one_write_of_each() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let (tag, before) = (turns.look().await.tag, turns.writes());
        turns.traffic.route(&turns.op(), &turns.to(&tag, &[(1, 500), (2, 500)])).await.unwrap();
        assert_eq!(turns.writes(), [before[0] + 1, before[1], before[2] + 1]);
        assert_eq!(turns.weights(), map(&[("blue", 500), ("green", 500)]));
        turns.set(&[(1, 1000), (2, 0)]).await.unwrap();
        assert_eq!(turns.weights(), map(&[("blue", 1000), ("green", 0)]), "one of 0 is disabled");
        assert_eq!(turns.account.fake.violations(), Vec::<String>::new());
    });
}

#[test]
fn a_slot_is_free_when_nobody_is_led_there_any_more() {
    play(weights, async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 1).await.unwrap();
        }
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let error = turns.set(&[(3, 1000)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Quota, "{error}");
        turns.set(&[(2, 1000)]).await.unwrap();
        let seen = turns.look().await;
        assert!(seen.residue.unwrap().contains(&format!("generation {}", GenerationId(1))));
        let error = turns.set(&[(2, 900), (3, 100)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
        // Until the weights are in force, until nobody believes the last answer, and until connections have ended.
        let most = Duration::from_secs(120) + Duration::from_secs(60) + DRAINS;
        assert!(wait <= most && wait > most - Duration::from_secs(20), "{wait:?}");
        assert_eq!(turns.said()["web-blue"], "web-0001", "what was refused changed nothing");
        turns.account.wait(wait).await;
        turns.set(&[(2, 900), (3, 100)]).await.unwrap();
        assert_eq!(turns.said(), map(&[("web-blue", "web-0003".to_owned()), ("web-green", "web-0002".to_owned())]));
    });
}

#[test]
fn weights_that_were_claimed_and_not_written_are_seen_and_written_by_the_same_call() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &[(2, 1000)]));
        turns.account.fake.deny("profiles.update");
        let error = turns.traffic.route(&op, &route).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::Unknown), "it is half done");
        let seen = turns.look().await;
        assert_eq!(seen.weights, generations(&[(1, 1000), (2, 0)]), "who is led to is attached, whoever has it");
        assert!(seen.targets.iter().all(|target| target.state == TargetState::Attached) && seen.targets.len() == 2);
        turns.account.fake.allow("profiles.update");
        // A new owner.
        turns.traffic.route(&Op::new(&op.fleet, op.id, Epoch(2)), &route).await.unwrap();
        assert_eq!(
            (turns.look().await.weights, turns.weights()),
            (generations(&[(2, 1000)]), map(&[("blue", 0), ("green", 1000)]))
        );
    });
}

#[test]
fn a_claim_that_somebody_else_has_taken_over_is_gone() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &[(1, 1000)]));
        turns.account.fake.deny("profiles.update");
        turns.traffic.route(&op, &route).await.unwrap_err();
        turns.account.fake.allow("profiles.update");
        turns.set(&[(1, 500), (2, 500)]).await.unwrap();
        assert_eq!(turns.traffic.route(&op, &route).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(turns.look().await.weights, generations(&[(1, 500), (2, 500)]));
    });
}

#[test]
fn a_write_of_weights_that_comes_late_is_seen_and_put_right() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        turns.set(&[(1, 1000), (2, 0)]).await.unwrap();
        let lifetime = turns.traffic.capabilities().request_lifetime;
        turns.account.fake.faults().next("profiles.update", Fault::LateEffect { after: Duration::from_secs(20) });
        let error = turns.set(&[(1, 1), (2, 999)]).await.unwrap_err();
        let until = error.echo_until().expect("it may still be done");
        let left = until.since(immutable_core::Timestamp::from_millis(i64::try_from(turns.account.now_ms()).unwrap()));
        assert!(error.applied() == Applied::Unknown && left + Duration::from_secs(1) > lifetime, "{left:?}");
        // Whoever does not wait for that.
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        turns.account.wait(Duration::from_secs(30)).await;
        assert_eq!(turns.look().await.weights, generations(&[(1, 1), (2, 999)]));
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        assert_eq!(turns.weights(), map(&[("blue", 900), ("green", 100)]));
    });
}

#[test]
fn a_generation_that_goes_takes_its_backend_pool_with_it() {
    for of in [rules, weights] {
        play(of, async |turns| {
            let top = if turns.weights_are_there() { 1000 } else { 1 };
            turns.make(1, 1).await.unwrap();
            turns.make(2, 1).await.unwrap();
            turns.set(&[(1, top)]).await.unwrap();
            turns.set(&[(2, top)]).await.unwrap();
            turns.empty(1).await.unwrap();
            assert_eq!(turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap(), Destroyed::Gone);
            assert_eq!(front(&turns.account).pools.keys().collect::<Vec<_>>(), ["web-0002"]);
            assert!(!turns.said().values().any(|pool| pool == "web-0001"));
            turns.empty(2).await.unwrap();
            let error = turns.fleets.destroy_generation(&turns.op(), GenerationId(2)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            assert!(error.to_string().contains("sends to it"), "{error}");
        });
    }
}

impl Turns {
    fn weights_are_there(&self) -> bool {
        self.account.fake.profiles().contains_key(&self.profile().to_lowercase())
    }
}

/// Slots of another pool than the traffic's.
pub(crate) fn pool_of(slots: &[(&str, &str)]) -> WeightedPool {
    WeightedPool::traffic_manager("web-tm", "front", slots.iter().copied())
}
