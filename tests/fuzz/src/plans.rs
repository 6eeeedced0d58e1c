//! Plans: as somebody else wrote them, and as they are made of whatever is wished.

use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{Drains, Fleet, FleetCapabilities, FleetId, Heals, Split, TrafficCapabilities, Upkeep};
use immutable_core::rollout::{
    Amount, Analyse, Approve, Check, FleetState, Old, OnFirstFailure, Otherwise, Percent, PlanFor, Step,
};
use immutable_core::{Artifact, ImageRef, LaunchTemplate, Plan, Strategy};

use super::draw::Draw;
use super::{place, survives};

/// A plan's JSON, a template's JSON, and a wish for a fleet.
pub fn plans(bytes: &[u8]) {
    if let Ok(plan) = serde_json::from_slice::<Plan>(bytes) {
        check(&plan);
    }
    if let Ok(template) = serde_json::from_slice::<LaunchTemplate>(bytes) {
        survives(&template);
        assert!(template.changes_to(&template).is_empty());
        LaunchTemplate::default().changes_to(&template).iter().for_each(|change| drop(change.to_string()));
        let fleet = Fleet::new("web", place()).size(3).template(template);
        let state = FleetState::new(fleet.id().clone());
        let wish = PlanFor {
            fleet: &fleet,
            artifact: &artifact(1),
            strategy: &Strategy::rolling(),
            capabilities: &able(),
            switch: None,
        };
        check(&Plan::new(&state, wish).unwrap());
    }
    let mut draw = Draw(bytes);
    if let Ok(plan) = plan(&mut draw, &FleetState::new(FleetId::new(place(), "web"))) {
        check(&plan);
    }
}

fn check(plan: &Plan) {
    survives(plan);
    assert!(plan.to_string().starts_with("fleet "));
    let read: Plan = serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap();
    assert_eq!(read.digest().unwrap(), plan.digest().unwrap());
    let _ = plan.check_basis(&FleetState::new(plan.fleet().id().clone()));
}

/// A plan for whatever is drawn, if one can be made.
pub(crate) fn plan(draw: &mut Draw<'_>, state: &FleetState) -> immutable_core::Result<Plan> {
    let first = draw.byte();
    let artifact = artifact(first % 4);
    let (mut fleet, mut strategy) = (fleet(draw), strategy(draw));
    let mut switch = None;
    // What was kept before steps and pools came means what it meant.
    if first >= 224 {
        strategy = strategy_of_steps(draw);
        if draw.flag() {
            fleet = fleet.pool(draw.pick(&["web", "api", ""]));
        }
        switch = draw.flag().then(|| able_switch(draw));
    }
    let capabilities = FleetCapabilities { group_size_max: draw.number(), zonal: !draw.flag(), ..able() };
    let switch = switch.as_ref();
    Plan::new(state, PlanFor { fleet: &fleet, artifact: &artifact, strategy: &strategy, capabilities: &capabilities, switch })
}

/// A switch of some kind.
pub(crate) fn able_switch(draw: &mut Draw<'_>) -> TrafficCapabilities {
    let weighted = Split::Weighted { generations: draw.byte(), parts: u16::from(draw.byte()) * 257 };
    TrafficCapabilities {
        split: draw.pick(&[Split::Pooled, Split::Binary, weighted, weighted]),
        settle: draw.duration(),
        probes_unrouted: draw.flag(),
        drains: if draw.flag() { Drains::Named } else { Drains::Never },
        request_lifetime: std::time::Duration::ZERO,
    }
}

/// Some list of steps, under a wide budget or a narrow one.
fn strategy_of_steps(draw: &mut Draw<'_>) -> Strategy {
    let percent = |draw: &mut Draw<'_>| Percent::new(u32::from(draw.byte()) * 2).unwrap();
    let otherwise = |draw: &mut Draw<'_>| draw.pick(&[Otherwise::Hold, Otherwise::Back]);
    let mut steps: Vec<Step> = (0..draw.below(6))
        .map(|_| match draw.below(8) {
            0 | 1 => Step::scale(percent(draw)),
            2 => Step::scale_beside(Amount::Count(draw.number())),
            3 => Step::Scale { to: percent(draw).into(), old: Old::First },
            4 => Step::shift(percent(draw)),
            5 => Step::bake(draw.duration()),
            6 => Analyse::by(draw.pick(&["errors", ""]))
                .lasting(draw.duration())
                .every(draw.duration())
                .extend(draw.duration())
                .into(),
            7 if draw.flag() => Check::by("smoke").within(draw.duration()).otherwise(otherwise(draw)).into(),
            _ => Approve::by(["ann", "bob"]).least(draw.number()).within(draw.duration()).otherwise(otherwise(draw)).into(),
        })
        .collect();
    if draw.flag() {
        steps.push(Step::scale(Percent::new(100).unwrap()));
    }
    if draw.flag() {
        steps.push(Step::shift(Percent::new(100).unwrap()));
    }
    let strategy = Strategy::new(steps).max_surge(percent(draw)).max_unavailable(percent(draw));
    let strategy = if draw.flag() { strategy.keep_old(draw.duration()) } else { strategy };
    if draw.flag() { strategy.drain_deadline(draw.duration()) } else { strategy }
}

fn artifact(minor: u8) -> Artifact {
    let image = ImageRef::new(place(), format!("img-1.{minor}.0"));
    let built = Built::new(Provenance::new("test", minor.to_string())).image(image);
    Artifact::new("acmeinc/web".parse().unwrap(), format!("1.{minor}.0").parse().unwrap(), built).unwrap()
}

fn able() -> FleetCapabilities {
    let request_lifetime = std::time::Duration::ZERO;
    FleetCapabilities { group_size_max: 100, zonal: true, heals: Heals::Switchable, request_lifetime, adopt: false }
}

fn fleet(draw: &mut Draw<'_>) -> Fleet {
    let mut fleet = Fleet::new("web", place()).size(draw.number());
    if draw.flag() {
        fleet = fleet.zones(["a", "b", "c"].into_iter().take(draw.below(4).into()).map(Into::into));
    }
    if draw.flag() {
        fleet = fleet.min_ready(draw.duration()).boot_deadline(draw.duration());
    }
    if draw.flag() {
        let shape = draw.pick(&["small", "large", "\u{1f980}\n\"", ""]);
        fleet = fleet.template(LaunchTemplate::of(&std::collections::BTreeMap::from([(shape, draw.number())])).unwrap());
        fleet = fleet.upkeep(Upkeep { heal: draw.flag(), rebalance: draw.flag(), autoscale: draw.flag() });
    }
    fleet
}

fn strategy(draw: &mut Draw<'_>) -> Strategy {
    let mut amount = || match draw.byte() {
        percent if percent >= 128 => Percent::new(u32::from(percent - 128) * 7).unwrap().into(),
        _ => Amount::Count(draw.number()),
    };
    let mut strategy = Strategy::rolling().max_surge(amount()).max_unavailable(amount()).max_failed(amount());
    if draw.flag() {
        strategy = strategy.probe_attempts(draw.number()).on_first_failure(OnFirstFailure::Hold);
    }
    if draw.flag() {
        strategy = strategy.progress_deadline(draw.duration()).rollback_deadline(draw.duration());
    }
    strategy
}
