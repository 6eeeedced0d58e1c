//! What a plan warns of: for each kind one plan that it is told of, and one that is nearly the same and that it is not.

use std::time::Duration;

use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{Fleet, Split, TrafficCapabilities};
use immutable_core::rollout::{
    Analyse, Approve, Check, Lint, Otherwise, Percent, Plan, PlanFor, Shortage, Step, Strategy, Warning,
};
use immutable_core::{Artifact, ImageRef, LaunchTemplate};

use super::kit::{MINUTE, Stage, capabilities, image, place, switch};

const DAY: Duration = Duration::from_secs(86_400);
const POOLED: Option<Split> = Some(Split::Pooled);

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

fn zones(fleet: Fleet) -> Fleet {
    fleet.zones(["a".into(), "b".into(), "c".into()])
}

/// A plan that leads from 1.0.0 to 1.1.0.
#[derive(Clone)]
struct Wish {
    fleet: Fleet,
    strategy: Strategy,
    switch: Option<TrafficCapabilities>,
    irreversible: Option<&'static str>,
}

fn wish(size: u32, strategy: Strategy) -> Wish {
    Wish { fleet: Stage::fleet(size), strategy, switch: None, irreversible: None }
}

impl Wish {
    fn pool(mut self, split: Option<Split>) -> Self {
        self.fleet = self.fleet.pool("web");
        self.switch = split.map(switch);
        self
    }

    fn fleet(mut self, with: impl Fn(Fleet) -> Fleet) -> Self {
        self.fleet = with(self.fleet);
        self
    }

    fn without_draining(mut self) -> Self {
        self.switch = self.switch.map(|switch| TrafficCapabilities { drains: immutable_core::fleet::Drains::Never, ..switch });
        self
    }

    fn irreversible(mut self) -> Self {
        self.irreversible = Some("it drops a column");
        self
    }

    fn plan(&self) -> Plan {
        self.plan_after(&Stage::proven_of(Stage::fleet(5), Strategy::rolling()))
    }

    fn plan_after(&self, before: &Stage) -> Plan {
        let built = Built::new(Provenance::new("test", "1.1.0")).image(ImageRef::new(place(), &*image("1.1.0")));
        let built = self.irreversible.iter().fold(built, |built, why| built.irreversible(*why));
        let artifact = Artifact::new("acmeinc/web".parse().unwrap(), "1.1.0".parse().unwrap(), built).unwrap();
        let capabilities = capabilities(before.heals);
        let (fleet, strategy, switch) = (&self.fleet, &self.strategy, self.switch.as_ref());
        Plan::new(&before.state, PlanFor { fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch }).unwrap()
    }

    fn lints(&self) -> Vec<Lint> {
        self.plan().warnings().iter().map(|warning| warning.lint).collect()
    }
}

/// Of each kind: what it is told of and in which words, and what it is not told of.
fn rows() -> Vec<(Lint, Wish, &'static str, Wish)> {
    let rolling = Strategy::rolling;
    let canary = |first| Strategy::canary([percent(first), percent(50)]);
    let weighted = |parts| Some(Split::Weighted { generations: 5, parts });
    let analyse = |lasting| rolling().gate(Analyse::by("slo").lasting(lasting));
    let shifting = |to| {
        let all = percent(100);
        let steps = [Step::scale_beside(all), Step::shift(percent(to)), Step::bake(MINUTE), Step::shift(all)];
        Strategy::new(steps).max_surge(all)
    };
    vec![
        (
            Lint::Outage,
            wish(1, rolling().max_surge(0).max_unavailable(1)),
            "nobody needs to be ready meanwhile: all 1 may be unavailable (max_unavailable 1); allow fewer, and a max_surge of at least 1",
            wish(1, Strategy::recreate()),
        ),
        (
            Lint::ZoneLoss,
            wish(12, rolling().max_unavailable(3)).fleet(zones),
            "if one of 3 zones fails while 9 of 12 are ready, 5 are left, less than half; allow a max_unavailable of 2, and surge instead",
            wish(12, rolling().max_unavailable(2)).fleet(zones),
        ),
        (
            Lint::NoMinReady,
            wish(12, rolling()).fleet(|fleet| fleet.min_ready(Duration::ZERO)),
            "min_ready is 0s: who fails right after the first check has counted as ready; let it be healthy for a while",
            wish(12, rolling()).fleet(|fleet| fleet.min_ready(Duration::from_secs(1))),
        ),
        (
            Lint::TightBoot,
            wish(12, rolling()).fleet(|fleet| fleet.typical_boot(6 * MINUTE)),
            "the boot deadline, 10m, is less than twice a typical boot, 6m: slow ones count as failed; allow more",
            wish(12, rolling()).fleet(|fleet| fleet.typical_boot(5 * MINUTE)),
        ),
        (
            Lint::NoGate,
            wish(12, canary(10).bake(Duration::ZERO)),
            "step 1, scale to 10%: nothing has to hold before the new gets more; add a bake, a check or an approval behind it",
            wish(12, canary(10)),
        ),
        (
            Lint::IdleStep,
            wish(5, canary(20).bake(MINUTE)).fleet(|fleet| fleet.size(2)),
            "step 3, scale to 50%, moves nothing: of 2 instances the new has 1 before it as well; leave it out, or give it more",
            wish(5, canary(20).bake(MINUTE)),
        ),
        (
            Lint::ShortBake,
            wish(12, canary(10).bake(MINUTE)).fleet(|fleet| fleet.min_ready(2 * MINUTE)),
            "step 2 bakes for 1m, and each instance was healthy for 2m before it; bake for longer",
            wish(12, canary(10).bake(MINUTE)).fleet(|fleet| fleet.min_ready(MINUTE)),
        ),
        (
            Lint::FewAnswers,
            wish(12, analyse(2 * MINUTE)),
            "step 2: `slo` is asked every 1m for 2m, fewer than three times; ask more often, or for longer",
            wish(12, analyse(3 * MINUTE)),
        ),
        (
            Lint::BackWithoutData,
            wish(12, rolling().gate(Check::by("smoke").otherwise(Otherwise::Back))),
            "step 2: it goes back if `smoke` says neither yes nor no, also because there is no data; `Otherwise::Hold` asks a person",
            wish(12, rolling().gate(Check::by("smoke"))),
        ),
        (
            Lint::EndlessApproval,
            wish(12, rolling().gate(Approve::by(["ann"]))),
            "step 2 waits for an approval without end, with two releases running; say how long with `Approve::within`",
            wish(12, rolling().gate(Approve::by(["ann"]).within(DAY))),
        ),
        (
            Lint::NoneMayFail,
            wish(9, rolling().max_failed(percent(10))),
            "max_failed 10% of 9 is less than one instance: the first that fails ends it; say how many",
            wish(10, rolling().max_failed(percent(10))),
        ),
        (
            Lint::AllMayFail,
            wish(4, rolling().max_failed(4)),
            "max_failed 4 of 4: no number of failures ends it but the progress deadline; allow fewer",
            wish(4, rolling().max_failed(3)),
        ),
        (
            Lint::NoSecondTry,
            wish(12, rolling().progress_deadline(15 * MINUTE)),
            "a progress deadline of 15m leaves no time for another after one that does not boot (boot deadline 10m); allow at least 20m",
            wish(12, rolling().progress_deadline(15 * MINUTE)).fleet(|fleet| fleet.typical_boot(2 * MINUTE)),
        ),
        (
            Lint::ProbesCutShort,
            wish(12, rolling().probe_attempts(3)),
            "probe_attempts 3: a progress deadline of 20m has time for 2 that do not boot (boot deadline 10m); allow fewer, or more time",
            wish(12, rolling().probe_attempts(2)),
        ),
        (
            Lint::SlowWayBack,
            wish(12, rolling().max_surge(1)).fleet(|fleet| fleet.typical_boot(5 * MINUTE)),
            "from its last step the way back takes 1h 2m at least, to launch 12 in 12 rounds, and a rollback may take 1h; allow more time, or more at once",
            wish(12, rolling().max_surge(2)).fleet(|fleet| fleet.typical_boot(5 * MINUTE)),
        ),
        (
            Lint::NoWayBack,
            wish(12, rolling()).irreversible(),
            "whatever fails, there is no way back from acmeinc/web 1.1.0: it drops a column; have it approved before anything is launched",
            wish(12, Strategy::new([Approve::by(["ann"]).within(DAY).into(), Step::scale(percent(100))])).irreversible(),
        ),
        (
            Lint::CutOff,
            wish(12, rolling().drain_deadline(Duration::ZERO)).pool(POOLED),
            "drain_deadline 0s: requests are cut off, though the pool would let them end; allow as long as they take",
            wish(12, rolling().drain_deadline(Duration::ZERO)),
        ),
        (
            Lint::NoDraining,
            wish(12, rolling()).pool(POOLED).without_draining(),
            "the pool does not let requests end: those of each instance that leaves are cut off; have it drain, or let clients retry",
            wish(12, Strategy::recreate()).pool(POOLED).without_draining(),
        ),
        (
            Lint::CoarseWeights,
            wish(12, shifting(15)).pool(weighted(10)),
            "step 2, shift 15% of the traffic: its pool divides it into 10 parts, so that is rounded; shift what is whole parts",
            wish(12, shifting(20)).pool(weighted(100)),
        ),
        (
            Lint::CoarseWeights,
            wish(12, rolling()).pool(weighted(10)),
            "its pool divides the traffic into 10 parts, each of them for 2 of the 12 that must be ready: shares may be so many instances short",
            wish(10, rolling()).pool(weighted(10)),
        ),
        (
            Lint::LongKeep,
            wish(5, Strategy::blue_green().keep_old(2 * DAY)).pool(POOLED),
            "5 of the old are kept for 48h: 240 machine-hours; keep them for less than a day",
            wish(5, Strategy::blue_green()).pool(POOLED),
        ),
        (
            Lint::EagerHedge,
            wish(12, rolling().hedge(1, MINUTE)).fleet(|fleet| fleet.typical_boot(MINUTE)),
            "the hedge takes a boot of 1m for a slow one, and 1m is typical: spares are launched beside almost all; wait longer than that",
            wish(12, rolling().hedge(1, MINUTE + Duration::from_secs(1))).fleet(|fleet| fleet.typical_boot(MINUTE)),
        ),
        (
            Lint::NowhereElse,
            wish(12, rolling().on_shortage(Shortage::Wait)).fleet(|fleet| fleet.zones(["a".into()])),
            "on_shortage waits for a zone and the fleet has no two: nothing could go elsewhere; leave it out, or name zones",
            wish(12, rolling().on_shortage(Shortage::Wait)).fleet(|fleet| fleet.zones(["a".into(), "b".into()])),
        ),
        (
            Lint::ShortRollout,
            wish(12, rolling().rollout_deadline(Duration::from_secs(929))).fleet(|fleet| fleet.typical_boot(5 * MINUTE)),
            "the rollout goes back if it has not succeeded within 15m 29s, and until then it takes 15m 30s at least; allow more",
            wish(12, rolling().rollout_deadline(Duration::from_secs(930))).fleet(|fleet| fleet.typical_boot(5 * MINUTE)),
        ),
    ]
}

#[test]
fn each_is_told_of_where_it_is_so_and_not_where_it_is_not() {
    for (lint, fires, says, quiet) in rows() {
        let plan = fires.plan();
        let told: Vec<_> = plan.warnings().iter().filter(|warning| warning.lint == lint).map(ToString::to_string).collect();
        assert_eq!(told, [says], "{lint:?} of {plan}");
        assert!(!quiet.lints().contains(&lint), "{lint:?} of {}", quiet.plan());
        assert!(plan.to_string().contains(&format!("\n  warn: {says}\n")), "{plan}");
    }
}

#[test]
fn what_is_meant_or_just_enough_is_told_nothing_of() {
    let way_back = |boot| wish(12, Strategy::rolling().max_surge(1)).fleet(move |fleet| fleet.typical_boot(boot));
    let just = 5 * MINUTE - Duration::from_secs(10);
    for (lint, wish) in [
        // Who empties the fleet has no half to lose.
        (Lint::ZoneLoss, wish(12, Strategy::recreate()).fleet(zones)),
        // None is none: it does not read as if some might.
        (Lint::NoneMayFail, wish(9, Strategy::rolling().max_failed(percent(0)))),
        (Lint::SlowWayBack, way_back(just)),
    ] {
        assert!(!wish.lints().contains(&lint), "{lint:?} of {}", wish.plan());
    }
    assert!(way_back(just + Duration::from_secs(1)).lints().contains(&Lint::SlowWayBack));
}

#[test]
fn of_a_first_release_nothing_is_told_of_what_it_replaces_or_goes_back_to() {
    let never = Stage::empty(Stage::fleet(5), Strategy::rolling());
    let replaces = [Lint::Outage, Lint::ZoneLoss, Lint::CutOff, Lint::NoDraining, Lint::CoarseWeights, Lint::LongKeep];
    let goes_back = [Lint::NoGate, Lint::SlowWayBack, Lint::NoWayBack];
    for (lint, wish, says, _) in rows() {
        if !replaces.contains(&lint) && !goes_back.contains(&lint) {
            continue;
        }
        let plan = wish.plan_after(&never);
        // A share that is rounded is so in any case.
        let told = plan.warnings().iter().any(|warning| &*warning.why == says && !says.contains("shift what is whole parts"));
        assert!(!told, "{lint:?} of {plan}");
    }
}

#[test]
fn what_the_constructors_make_is_told_nothing_of() {
    let canary = Strategy::canary([percent(10), percent(50)]);
    let judged = canary.clone().gate(Analyse::by("slo")).gate(Approve::by(["ann"]).within(DAY));
    for size in [1, 2, 3, 5, 12, 40, 500] {
        for (strategy, split) in [
            (Strategy::rolling(), None),
            (Strategy::rolling(), POOLED),
            (Strategy::recreate(), POOLED),
            (Strategy::blue_green(), Some(Split::Binary)),
            (canary.clone(), Some(Split::Weighted { generations: 5, parts: 1000 })),
            (judged.clone(), None),
        ] {
            let wish = wish(size, strategy);
            let wish = if split.is_some() { wish.pool(split) } else { wish };
            // Of a few instances two shares are one and the same.
            let told: Vec<_> = wish.lints().into_iter().filter(|lint| size > 3 || *lint != Lint::IdleStep).collect();
            assert_eq!(told, [], "{}", wish.plan());
        }
    }
}

#[test]
fn of_an_empty_fleet_and_of_what_is_proven_nothing_is_told_that_does_not_matter() {
    let careless = Strategy::canary([percent(10)]).bake(Duration::ZERO).max_surge(0).max_unavailable(percent(100));
    assert_eq!(wish(0, careless.clone()).lints(), []);
    let mut stage = Stage::proven_of(Stage::fleet(5), Strategy::rolling());
    stage.strategy = careless.clone();
    assert_eq!(stage.plan("1.0.0").warnings(), [], "it is only resized");
    assert_eq!(
        stage.plan("1.1.0").warnings().iter().map(|warning| warning.lint).collect::<Vec<_>>(),
        [Lint::Outage, Lint::NoGate]
    );
    // Another template is another release.
    stage.fleet = stage.fleet.template(LaunchTemplate::of(&serde_json::json!({ "shape": "large" })).unwrap());
    assert!(stage.plan("1.0.0").warnings().iter().any(|warning| warning.lint == Lint::NoGate));
}

#[test]
fn they_are_in_the_json_and_one_of_a_later_version_is_read() {
    let plan = wish(1, Strategy::rolling().max_surge(0).max_unavailable(1)).plan();
    let json = serde_json::to_string(&plan).unwrap();
    assert!(json.contains(r#""warnings":[{"lint":"outage","why":"nobody needs to be ready"#), "{json}");
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let later: Plan = serde_json::from_str(&json.replace(r#""lint":"outage""#, r#""lint":"moon_phase""#)).unwrap();
    let [Warning { lint: Lint::Unknown, why, .. }] = later.warnings() else { panic!("{later}") };
    assert!(why.starts_with("nobody needs to be ready"));
    // A plan that was journaled before there were any.
    let mut before: serde_json::Value = serde_json::from_str(&json).unwrap();
    for key in ["warnings", "envelope"] {
        before.as_object_mut().unwrap().remove(key);
    }
    before["steps"][0]["envelope"] = serde_json::json!({ "ready_at_least": 0, "live_at_most": 1 });
    assert_eq!(serde_json::from_value::<Plan>(before).unwrap().warnings(), []);
}
