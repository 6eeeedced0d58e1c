//! A group that others made becomes a fleet's first generation: what is asked of it, what is left of it, and that it can be gone back to.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::fleet::{GenerationId, GroupId, LaunchTemplate, Release, Upkeep};
use immutable_core::id::{InstanceName, NativeRef};
use immutable_core::memory::{Delay, MemoryOptions};
use immutable_core::registry::Revoke;
use immutable_core::rollout::{Proven, Story};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Error, ErrorKind, Fleet, MemoryCloud, Outcome, Result, Strategy, Timestamp};

const FIRST: GroupId = GroupId { generation: GenerationId(1), cell: 0 };

/// Three machines of 1.0.0 that somebody has made by hand, and that run.
struct Stage {
    clock: VirtualClock,
    cloud: MemoryCloud,
    controller: Controller,
    fleet: Fleet,
    web: [Artifact; 2],
    native: NativeRef,
}

impl Stage {
    fn new() -> Self {
        Self::with(Delay::NONE)
    }

    /// In a cloud that takes so long for an answer.
    fn with(latency: Delay) -> Self {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options = MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)).latency(latency);
        let cloud = MemoryCloud::with(options);
        let web = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
        let native = cloud.group_of_others("web-by-hand", &web[0], 3).unwrap();
        let controller = cloud.controller().owner("deployer");
        let fleet = Fleet::new("web", cloud.place()).size(3);
        let stage = Self { clock, cloud, controller, fleet, web, native };
        stage.pass(300);
        stage
    }

    fn pass(&self, seconds: u64) {
        self.clock.run(async { self.clock.sleep_until(self.clock.now() + Duration::from_secs(seconds)).await });
    }

    fn adopt(&self) -> Result<Proven> {
        self.adopt_by(&self.controller)
    }

    fn adopt_by(&self, controller: &Controller) -> Result<Proven> {
        self.clock.run(controller.adopt(&self.fleet, &self.native, &self.web[0], "ann"))
    }

    fn machines(&self) -> BTreeSet<InstanceName> {
        let ours = self.cloud.instances(self.fleet.id());
        let all = ours.into_iter().chain(self.cloud.instances_of_others(&self.native));
        all.map(|machine| machine.key.name).collect()
    }

    fn deploy(&self) -> Outcome {
        let strategy = Strategy::rolling().max_surge(1);
        let plan = self.clock.run(self.controller.plan(&self.fleet, &self.web[1], strategy)).unwrap();
        self.clock.run(self.controller.run(plan)).unwrap()
    }

    fn story(&self) -> String {
        Story::of(&self.clock.run(self.controller.history(self.fleet.id())).unwrap()).to_string()
    }

    /// It bears our marks, and is somebody's still: nobody removes it by its number.
    #[track_caller]
    fn is_no_orphan(&self) {
        assert!(self.clock.run(self.controller.orphans(&self.fleet)).unwrap().is_empty());
        let removed = self.clock.run(self.controller.remove_orphan(&self.fleet, GenerationId(1), "bob"));
        let kind = removed.unwrap_err().kind();
        assert!([ErrorKind::NotFound, ErrorKind::Invalid].contains(&kind), "{kind:?}");
    }

    #[track_caller]
    fn refused(&self, answer: Result<Proven>, kind: ErrorKind, says: &[&str]) {
        refused(answer, kind, says);
        assert_eq!(self.machines().len(), 3);
    }
}

#[track_caller]
fn refused(answer: Result<Proven>, kind: ErrorKind, says: &[&str]) {
    let error: Error = answer.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    says.iter().for_each(|word| assert!(error.to_string().contains(word), "`{word}` is not in: {error}"));
}

#[test]
fn it_is_adopted_as_it_is_and_then_replaced() {
    let stage = Stage::new();
    let machines = stage.machines();
    let proven = stage.adopt().unwrap();
    assert_eq!((proven.instances, proven.spec.full_name().as_str()), (3, "web-0001"));
    assert_eq!((&proven.spec.version, proven.spec.upkeep), (stage.web[0].version(), Upkeep::NONE));
    assert_eq!(stage.machines(), machines, "nothing was launched, and nobody left");
    let state = stage.clock.run(stage.controller.state(stage.fleet.id())).unwrap();
    assert_eq!((state.desired(), state.proven(), state.adopting()), (3, Some(&proven), None));

    let plan = stage.clock.run(stage.controller.plan(&stage.fleet, &stage.web[1], Strategy::rolling())).unwrap();
    let (from, to) = (plan.from().unwrap().version.to_string(), plan.to().version.to_string());
    assert_eq!((from.as_str(), to.as_str()), ("1.0.0", "1.1.0"));
    assert_eq!(stage.deploy(), Outcome::Succeeded);
    assert_eq!(stage.cloud.running(), [(stage.web[1].digest(), 3)].into());
    assert!(stage.machines().is_disjoint(&machines), "all of it is new");
    let gone = stage.clock.run(stage.controller.adopt(&stage.fleet, &stage.native, &stage.web[0], "ann"));
    refused(gone, ErrorKind::NotFound, &["web-by-hand"]);

    let story = stage.story();
    for line in [
        "ann has call 1 made: adopt web-by-hand as generation 0001 of acmeinc/web 1.0.0",
        "proven by 3 instances",
        "remove generation 0001",
    ] {
        assert!(story.contains(line), "`{line}` is not in\n{story}");
    }
}

#[test]
fn what_is_bad_goes_back_to_it() {
    let stage = Stage::new();
    let machines = stage.machines();
    stage.adopt().unwrap();
    stage.cloud.never_healthy(&stage.web[1]);
    assert_eq!(stage.deploy(), Outcome::RolledBack);
    assert_eq!(stage.cloud.running(), [(stage.web[0].digest(), 3)].into());
    assert!(!stage.machines().is_disjoint(&machines), "it is the group that was adopted, not one made anew");
    assert_eq!(stage.cloud.sizes(stage.fleet.id()), [(FIRST, 3)].into());
}

#[test]
fn asked_again_it_is_what_it_is() {
    let stage = Stage::new();
    let proven = stage.adopt().unwrap();
    let history = stage.story();
    assert_eq!(stage.adopt_by(&stage.cloud.controller()).unwrap(), proven);
    assert_eq!(stage.story(), history, "nothing is journaled again");
    let other = Fleet::new("other", stage.cloud.place()).size(3);
    let answer = stage.clock.run(stage.controller.adopt(&other, &stage.native, &stage.web[0], "ann"));
    stage.refused(answer, ErrorKind::Taken, &["web-by-hand"]);
}

#[test]
fn what_cannot_be_adopted_is_refused_and_nothing_is_journaled() {
    let stage = Stage::new();
    let adopt = |fleet: &Fleet, native: &NativeRef, artifact: &Artifact| {
        stage.clock.run(stage.controller.adopt(fleet, native, artifact, "ann"))
    };
    let nothing = NativeRef::new("nothing");
    stage.refused(adopt(&stage.fleet, &nothing, &stage.web[0]), ErrorKind::NotFound, &["nothing"]);
    stage.refused(
        adopt(&stage.fleet, &stage.native, &stage.web[1]),
        ErrorKind::Invalid,
        &["web-by-hand launches", "acmeinc/web 1.1.0", "name the artifact that it runs"],
    );
    let pooled = stage.fleet.clone().pool(stage.cloud.pool("front"));
    stage.refused(adopt(&pooled, &stage.native, &stage.web[0]), ErrorKind::Invalid, &["front", "without one"]);
    let unnamed = Fleet::new("Web!", stage.cloud.place()).size(3);
    stage.refused(adopt(&unnamed, &stage.native, &stage.web[0]), ErrorKind::Invalid, &["`Web!`"]);
    let history = stage.clock.run(stage.controller.history(stage.fleet.id())).unwrap();
    assert!(history.is_empty());

    assert_eq!(stage.deploy(), Outcome::Succeeded);
    let answer = adopt(&stage.fleet, &stage.native, &stage.web[0]);
    refused(answer, ErrorKind::Invalid, &["fleet", "has generation 0001", "adopt web-by-hand for another"]);
}

#[test]
fn nothing_is_adopted_while_a_rollout_runs() {
    let stage = Stage::new();
    let plan = stage.clock.run(stage.controller.plan(&stage.fleet, &stage.web[1], Strategy::rolling())).unwrap();
    let _begun = stage.clock.run(stage.controller.start(plan)).unwrap();
    stage.refused(stage.adopt(), ErrorKind::Busy, &["rollout 1"]);
}

#[test]
fn a_revoked_release_is_no_baseline() {
    let stage = Stage::new();
    let registry = stage.controller.registry();
    stage.clock.run(async {
        registry.publish(&stage.web[0], &"ann".into()).await.unwrap();
        let (name, digest) = (stage.web[0].name().clone(), stage.web[0].digest());
        registry.revoke(Revoke { name, digest, by: "ann".into(), why: "CVE-1".into() }).await.unwrap();
    });
    stage.refused(stage.adopt(), ErrorKind::Denied, &["CVE-1"]);
}

/// Whoever is ill is waited for: healthy in time, the group is adopted; if not it is not, and whoever asks again is answered.
#[test]
fn all_of_it_must_be_healthy() {
    let stage = Stage::new();
    let ill = stage.machines().first().unwrap().clone();
    // A provider that heals would replace it.
    stage.cloud.protect(&ill).unwrap();
    stage.cloud.sicken(&ill).unwrap();
    stage.refused(stage.adopt(), ErrorKind::Unreachable, &["bears our marks", &format!("{ill}"), "is unhealthy", "ask again"]);
    let state = stage.clock.run(stage.controller.state(stage.fleet.id())).unwrap();
    let explanation = stage.clock.run(stage.controller.explain(stage.fleet.id())).unwrap().to_string();
    assert!(explanation.contains("\nbeing adopted: web-by-hand, as generation 0001\n"), "{explanation}");
    assert!(state.proven().is_none() && state.generations().is_empty() && state.adopting().is_some());
    stage.is_no_orphan();

    stage.cloud.cure(&ill).unwrap();
    // Somebody has let the provider heal it again; by the next day nobody remembers the first call.
    stage.pass(86_400);
    stage.cloud.change_upkeep(stage.fleet.id(), FIRST, Upkeep::default()).unwrap();
    let asked = stage.clock.now();
    assert_eq!(stage.adopt().unwrap().instances, 3);
    assert!(stage.clock.now().since(asked) >= Duration::from_secs(10), "for as long as the fleet asks: `min_ready`");
    stage.is_no_orphan();
}

#[test]
fn a_group_that_is_empty_proves_nothing() {
    let stage = Stage::new();
    let empty = stage.cloud.group_of_others("empty", &stage.web[0], 0).unwrap();
    let answer = stage.clock.run(stage.controller.adopt(&stage.fleet, &empty, &stage.web[0], "ann"));
    stage.refused(answer, ErrorKind::Unreachable, &["empty", "has no instance"]);
}

#[test]
fn somebody_who_runs_another_image_is_seen() {
    let stage = Stage::new();
    let swapped = stage.machines().first().unwrap().clone();
    stage.cloud.swap(&swapped, &stage.web[1]).unwrap();
    stage.refused(stage.adopt(), ErrorKind::Unreachable, &[&format!("{swapped}"), "runs"]);
}

/// A release that failed here, and serves elsewhere: what was seen of it last counts, and of others what was.
#[test]
fn what_was_given_up_before_is_not_held_against_it() {
    let stage = Stage::new();
    let deploy = |artifact: &Artifact| {
        let plan = stage.clock.run(stage.controller.plan(&stage.fleet, artifact, Strategy::rolling())).unwrap();
        assert_eq!(stage.clock.run(stage.controller.run(plan)).unwrap(), Outcome::TornDown);
    };
    for artifact in &stage.web {
        stage.cloud.never_healthy(artifact);
        deploy(artifact);
    }
    let given_up = || {
        let state = stage.clock.run(stage.controller.state(stage.fleet.id())).unwrap();
        let template = LaunchTemplate::default().digest();
        stage.web.each_ref().map(|web| state.given_up(Release { artifact: web.digest(), template }).is_some())
    };
    assert_eq!(given_up(), [true, true]);
    stage.adopt().unwrap();
    assert_eq!(given_up(), [false, true]);
}

/// A rollout that begins meanwhile has a fleet without it, and its number stays taken.
#[test]
fn what_was_not_adopted_is_let_be_by_rollouts() {
    let stage = Stage::new();
    let ill = stage.machines().first().unwrap().clone();
    stage.cloud.protect(&ill).unwrap();
    stage.cloud.sicken(&ill).unwrap();
    stage.refused(stage.adopt(), ErrorKind::Unreachable, &["is unhealthy"]);
    assert_eq!(stage.deploy(), Outcome::Succeeded);
    let state = stage.clock.run(stage.controller.state(stage.fleet.id())).unwrap();
    assert_eq!(state.generations().keys().collect::<Vec<_>>(), [&GenerationId(2)]);
    assert_eq!(stage.machines().len(), 6, "the three that were there are still there");
    stage.is_no_orphan();
    let answer = stage.adopt();
    refused(answer, ErrorKind::Invalid, &["has generation 0002"]);
}

/// The process dies at any moment: whoever asks again ends the same, and nothing was launched.
#[test]
fn whoever_asks_again_ends_the_same() {
    let mut ended = 0;
    for millis in (0..30_000).step_by(250) {
        let stage = Stage::with(Delay::Uniform(Duration::from_millis(800), Duration::from_millis(1200)));
        let machines = stage.machines();
        stage.clock.run(async {
            let adopts = pin!(stage.controller.adopt(&stage.fleet, &stage.native, &stage.web[0], "ann"));
            let dies = stage.clock.sleep_until(stage.clock.now() + Duration::from_millis(millis));
            if let Either::Left((answer, _)) = select(adopts, dies).await {
                assert_eq!(answer.unwrap().instances, 3);
                ended += 1;
            }
        });
        let proven = stage.adopt_by(&stage.cloud.controller()).unwrap();
        assert_eq!((proven.instances, proven.spec.id), (3, GenerationId(1)), "after {millis} ms");
        assert_eq!(stage.machines(), machines);
    }
    assert!((1..100).contains(&ended), "{ended} of 120 were not interrupted");
}

#[cfg(feature = "conformance")]
mod behind_a_wire {
    use std::sync::Arc;

    use immutable_core::conformance::{Call, Fault, Faults, Faulty};
    use immutable_core::provider::Provider;

    use super::*;

    /// An answer that is lost, or a call that comes late: it is asked again under the same id.
    #[test]
    fn a_bad_wire_changes_nothing() {
        for fault in [
            Fault::LostRequest,
            Fault::LostReply,
            Fault::Late(Duration::from_secs(20)),
            Fault::Doubled(Duration::from_secs(20)),
            Fault::Throttled,
        ] {
            let stage = Stage::new();
            let faulty = Faulty::new(Arc::new(stage.cloud.clone()), Arc::new(stage.clock.clone()), 1, Faults::none());
            faulty.next(Call::Adopt, fault);
            let provider = Provider::new(stage.cloud.place(), Arc::new(faulty.clone()));
            let controller = Controller::new(provider, stage.cloud.journal()).with_clock(stage.cloud.clock()).owner("wired");
            assert_eq!(stage.adopt_by(&controller).unwrap().instances, 3, "{fault:?}");
            stage.pass(60);
            assert_eq!(faulty.happened().iter().map(|one| (one.call, one.fault)).collect::<Vec<_>>(), [(Call::Adopt, fault)]);
            assert_eq!((stage.machines().len(), stage.cloud.sizes(stage.fleet.id())), (3, [(FIRST, 3)].into()), "{fault:?}");
        }
    }
}
