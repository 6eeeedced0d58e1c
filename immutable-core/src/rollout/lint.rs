//! What a plan may do, and had better not. Nothing is refused for it: what cannot work at all is refused elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::envelope::rounds;
use crate::fleet::{Drains, Placement, Release, Split, TrafficCapabilities};
use crate::rollout::budget::Amount;
use crate::rollout::plan::Plan;
use crate::rollout::strategy::{Analyse, Approve, Check, Otherwise, Shortage, Step, Strategy};
use crate::time::Human;

/// Something in a plan that is possible, and unwise. `Display` says what, and what would be wiser.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Warning {
    /// Of which kind.
    pub lint: Lint,
    /// What is unwise here, in numbers, and what would be wiser.
    pub why: Arc<str>,
}

/// `no instance needs to be ready while the fleet is replaced (max_unavailable 1 of 1): …`
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A kind of [`Warning`]. In JSON its name, as in `zone_loss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lint {
    /// Nobody needs to be ready while the old and the new may run together: a fleet of 1 that surges by 0, for one. To be empty meanwhile is what
    /// [`recreate`](Strategy::recreate) is for.
    Outage,
    /// With as many unavailable as may be, the failure of one of the fleet's zones would leave less than half of it, and without a rollout it would not.
    ZoneLoss,
    /// `min_ready` is 0: an instance that fails a second after its first check counts as ready.
    NoMinReady,
    /// The boot deadline is less than twice the typical boot: of boots that vary as they do, some fail by being slow.
    TightBoot,
    /// The new release gets a part of the fleet or of the requests, and nothing has to hold before it gets more: nothing is learnt from it.
    NoGate,
    /// A share rounds to what the new release has already: the step moves nothing.
    IdleStep,
    /// A bake is shorter than `min_ready`, which has passed of every instance when it begins.
    ShortBake,
    /// An analysis asks its judge fewer than three times: one odd minute decides.
    FewAnswers,
    /// A judge who says nothing has the release given up: an outage of the metrics is one of the rollout.
    BackWithoutData,
    /// An approval is waited for without end: two releases run until somebody remembers.
    EndlessApproval,
    /// A percentage that may fail rounds down to nobody.
    NoneMayFail,
    /// As many may fail as the fleet has: no number of failures ends the rollout.
    AllMayFail,
    /// No second try fits: an instance that fails to boot takes the progress deadline with it.
    NoSecondTry,
    /// More first instances are tried than the progress deadline has time for.
    ProbesCutShort,
    /// The way back takes longer than it may, even if nothing fails on it.
    SlowWayBack,
    /// Who fails cannot be gone back from: a person is asked in the middle of it, and nobody is before.
    NoWayBack,
    /// Requests are cut off: the pool lets them end, and `drain_deadline` 0 does not.
    CutOff,
    /// Requests are cut off: the pool does not let them end.
    NoDraining,
    /// A part of the weights is more than one instance's share of the floor, or a share that is to be shifted falls between two parts.
    CoarseWeights,
    /// What is kept of the old costs the fleet once more for a day or longer.
    LongKeep,
    /// A hedge takes a typical boot for a slow one: it launches a spare beside almost every instance.
    EagerHedge,
    /// A shortage is waited out, and there is no other zone that anything could go to.
    NowhereElse,
    /// The rollout may take less time than it takes at least: it goes back whatever the release is like.
    ShortRollout,
    /// Zone by zone, and of a zone of three or more one goes at a time: the surge is smaller than what a zone has.
    SlowZones,
    /// Zones are to have a floor, and it is nobody: each has too few, or all of a zone may be unavailable.
    NoZoneFloor,
    /// One that a later version knows.
    #[serde(other)]
    Unknown,
}

const DAY: Duration = Duration::from_hours(24);

type Rule = fn(&Case<'_>) -> Option<String>;

/// Each in the order in which it is told.
const RULES: &[(Lint, Rule)] = &[
    (Lint::Outage, outage),
    (Lint::ZoneLoss, zone_loss),
    (Lint::NoMinReady, no_min_ready),
    (Lint::TightBoot, tight_boot),
    (Lint::NoGate, no_gate),
    (Lint::IdleStep, idle_step),
    (Lint::ShortBake, short_bake),
    (Lint::FewAnswers, few_answers),
    (Lint::BackWithoutData, back_without_data),
    (Lint::EndlessApproval, endless_approval),
    (Lint::NoneMayFail, none_may_fail),
    (Lint::AllMayFail, all_may_fail),
    (Lint::NoSecondTry, no_second_try),
    (Lint::ProbesCutShort, probes_cut_short),
    (Lint::SlowWayBack, slow_way_back),
    (Lint::NoWayBack, no_way_back),
    (Lint::CutOff, cut_off),
    (Lint::NoDraining, no_draining),
    (Lint::CoarseWeights, coarse_weights),
    (Lint::LongKeep, long_keep),
    (Lint::EagerHedge, eager_hedge),
    (Lint::NowhereElse, nowhere_else),
    (Lint::ShortRollout, short_rollout),
    (Lint::SlowZones, slow_zones),
    (Lint::NoZoneFloor, no_zone_floor),
];

/// What is looked at.
struct Case<'a> {
    plan: &'a Plan,
    strategy: &'a Strategy,
    /// If the fleet has a pool.
    switch: Option<&'a TrafficCapabilities>,
    desired: u32,
    boot_deadline: Duration,
    typical_boot: Option<Duration>,
    min_ready: Duration,
}

pub(super) fn warnings(plan: &Plan, switch: Option<&TrafficCapabilities>) -> Vec<Warning> {
    let (fleet, strategy) = (plan.fleet(), plan.strategy());
    let health = fleet.health();
    let case = Case {
        plan,
        strategy,
        switch,
        desired: fleet.desired(),
        boot_deadline: health.boot_deadline,
        typical_boot: fleet.boots_in(),
        min_ready: health.min_ready,
    };
    let rules = RULES.iter().filter(|_| case.desired > 0);
    rules.filter_map(|(lint, rule)| Some(Warning { lint: *lint, why: rule(&case)?.into() })).collect()
}

impl Case<'_> {
    /// Whether somebody serves who is to leave.
    fn replaces(&self) -> bool {
        self.plan.envelope().terminations > 0
    }

    /// Whether another release than the one that is proven is wanted.
    fn is_new(&self) -> bool {
        let release = Release { artifact: self.plan.to().digest, template: self.plan.fleet().launch_template().digest() };
        self.plan.basis().proven.is_some_and(|proven| proven != release)
    }

    fn zones(&self) -> u32 {
        u32::try_from(self.plan.fleet().zone_names().len()).unwrap_or(u32::MAX)
    }

    fn steps(&self) -> impl Iterator<Item = (usize, &Step)> {
        self.strategy.steps.iter().enumerate().map(|(at, step)| (at + 1, step))
    }
}

fn outage(case: &Case<'_>) -> Option<String> {
    let budget = case.plan.budget();
    (budget.floor == 0 && case.strategy.overlaps() && case.replaces()).then(|| {
        format!(
            "nobody needs to be ready meanwhile: all {} may be unavailable (max_unavailable {}); allow fewer, and a max_surge of at least 1",
            budget.desired, case.strategy.max_unavailable
        )
    })
}

fn zone_loss(case: &Case<'_>) -> Option<String> {
    let placements = case.plan.fleet().placements();
    let zones = u32::try_from(placements.iter().filter(|placement| matches!(placement, Placement::Zone(_))).count()).ok()?;
    let floor = case.plan.budget().floor;
    let zone = case.desired.div_ceil(zones.max(1));
    // Of a fleet that is all in one zone nobody would be left in any case.
    let left = |ready: u32| ready.saturating_sub(zone);
    let half = case.desired.div_ceil(2);
    let unwise = case.strategy.overlaps() && case.replaces() && left(case.desired) >= half && left(floor) < half;
    unwise.then(|| {
        format!(
            "if one of {zones} zones fails while {floor} of {} are ready, {} are left, less than half; allow a max_unavailable of {}, and surge instead",
            case.desired,
            left(floor),
            left(case.desired) - half
        )
    })
}

fn no_min_ready(case: &Case<'_>) -> Option<String> {
    case.min_ready.is_zero().then(|| {
        "min_ready is 0s: who fails right after the first check has counted as ready; let it be healthy for a while".to_owned()
    })
}

fn tight_boot(case: &Case<'_>) -> Option<String> {
    let typical = case.typical_boot?;
    (typical.saturating_mul(2) > case.boot_deadline).then(|| {
        format!(
            "the boot deadline, {}, is less than twice a typical boot, {}: slow ones count as failed; allow more",
            Human(case.boot_deadline),
            Human(typical)
        )
    })
}

/// The first step that gives the new release a part, and that another follows which gives it more without a gate between them.
fn no_gate(case: &Case<'_>) -> Option<String> {
    // Where it shifts, instances without requests show nothing yet.
    let moves = |step: &Step| {
        if case.strategy.shifts() { matches!(step, Step::Shift { .. }) } else { step.launches() }
    };
    // What the first zone has shown need not be shown by each.
    let later = |step: &Step| matches!(step, Step::Zone { nth, .. } if *nth > 1);
    let mut part: Option<(usize, &Step)> = None;
    for (number, step) in case.steps().filter(|_| case.is_new()) {
        match part {
            Some((number, part)) if moves(step) => {
                return Some(format!(
                    "step {number}, {part}: nothing has to hold before the new gets more; add a bake, a check or an approval behind it"
                ));
            }
            _ if step.is_gate() || later(step) => part = None,
            _ if moves(step) => part = Some((number, step)),
            _ => {}
        }
    }
    None
}

fn idle_step(case: &Case<'_>) -> Option<String> {
    let goals = || (0..case.strategy.steps.len()).map(|at| case.strategy.goal(at, case.desired));
    let pairs = goals().zip(goals().skip(1)).zip(case.steps().skip(1));
    let mut idle = pairs.filter(|((before, after), (_, step))| !step.is_gate() && before == after);
    idle.next().map(|((goal, _), (number, step))| {
        let rather = match step {
            Step::Zone { .. } => "have as many as there are zones",
            _ => "leave it out, or give it more",
        };
        format!(
            "step {number}, {step}, moves nothing: of {} instances the new has {} before it as well; {rather}",
            case.desired, goal.wanted
        )
    })
}

fn short_bake(case: &Case<'_>) -> Option<String> {
    case.steps().find_map(|(number, step)| match step {
        Step::Bake { lasting } if *lasting < case.min_ready => Some(format!(
            "step {number} bakes for {}, and each instance was healthy for {} before it; bake for longer",
            Human(*lasting),
            Human(case.min_ready)
        )),
        _ => None,
    })
}

fn few_answers(case: &Case<'_>) -> Option<String> {
    case.steps().find_map(|(number, step)| match step {
        Step::Analyse(Analyse { judge, lasting, every, .. }) if *lasting < every.saturating_mul(3) => Some(format!(
            "step {number}: `{judge}` is asked every {} for {}, fewer than three times; ask more often, or for longer",
            Human(*every),
            Human(*lasting)
        )),
        _ => None,
    })
}

fn back_without_data(case: &Case<'_>) -> Option<String> {
    case.steps().find_map(|(number, step)| match step {
        Step::Check(Check { judge, otherwise: Otherwise::Back, .. }) | Step::Analyse(Analyse { judge, otherwise: Otherwise::Back, .. }) => {
            Some(format!(
                "step {number}: it goes back if `{judge}` says neither yes nor no, also because there is no data; `Otherwise::Hold` asks a person"
            ))
        }
        _ => None,
    })
}

fn endless_approval(case: &Case<'_>) -> Option<String> {
    case.steps().find_map(|(number, step)| match step {
        Step::Approve(Approve { timeout: None, .. }) => Some(format!(
            "step {number} waits for an approval without end, with two releases running; say how long with `Approve::within`"
        )),
        _ => None,
    })
}

fn none_may_fail(case: &Case<'_>) -> Option<String> {
    let Amount::Percent(percent) = case.strategy.max_failed else { return None };
    // The default is told in the plan, and is 0 of every small fleet.
    let said = percent.get() > 0 && case.strategy.max_failed != Strategy::rolling().max_failed;
    (said && percent.of_down(case.desired) == 0).then(|| {
        format!("max_failed {percent} of {} is less than one instance: the first that fails ends it; say how many", case.desired)
    })
}

fn all_may_fail(case: &Case<'_>) -> Option<String> {
    let allowed = case.strategy.max_failed.down(case.desired);
    (allowed >= case.desired).then(|| {
        format!(
            "max_failed {} of {}: no number of failures ends it but the progress deadline; allow fewer",
            case.strategy.max_failed, case.desired
        )
    })
}

fn no_second_try(case: &Case<'_>) -> Option<String> {
    let again = case.typical_boot.map_or(case.boot_deadline, |typical| typical.saturating_add(case.min_ready));
    let needed = case.boot_deadline.saturating_add(again);
    (case.strategy.progress_deadline < needed).then(|| {
        format!(
            "a progress deadline of {} leaves no time for another after one that does not boot (boot deadline {}); allow at least {}",
            Human(case.strategy.progress_deadline),
            Human(case.boot_deadline),
            Human(needed)
        )
    })
}

fn probes_cut_short(case: &Case<'_>) -> Option<String> {
    let Strategy { probe_attempts, progress_deadline, .. } = *case.strategy;
    let tries = progress_deadline.as_millis() / case.boot_deadline.as_millis().max(1);
    // There is always time for one: it would be refused otherwise.
    (u128::from(probe_attempts) > tries).then(|| {
        format!(
            "probe_attempts {probe_attempts}: a progress deadline of {} has time for {tries} that do not boot (boot deadline {}); allow fewer, or more time",
            Human(progress_deadline),
            Human(case.boot_deadline)
        )
    })
}

fn slow_way_back(case: &Case<'_>) -> Option<String> {
    let left = case.plan.steps().last().map_or(0, |step| step.leaving);
    let launches = case.desired.saturating_sub(left);
    let rounds = rounds(launches, case.plan.budget().slack(), false);
    let one = case.typical_boot.unwrap_or_default().saturating_add(case.min_ready);
    let takes = one.saturating_mul(rounds);
    (case.is_new() && takes > case.strategy.rollback_deadline).then(|| {
        format!(
            "from its last step the way back takes {} at least, to launch {launches} in {rounds} rounds, and a rollback may take {}; allow more time, or \
             more at once",
            Human(takes),
            Human(case.strategy.rollback_deadline)
        )
    })
}

fn no_way_back(case: &Case<'_>) -> Option<String> {
    let mark = case.plan.to().irreversible.as_ref()?;
    let asked = case.strategy.steps.iter().take_while(|step| step.is_gate()).any(|step| matches!(step, Step::Approve(_)));
    let other = case.plan.basis().proven.is_some_and(|proven| proven.artifact != case.plan.to().digest);
    (other && !asked).then(|| {
        format!(
            "whatever fails, there is no way back from {}: {mark}; have it approved before anything is launched",
            case.plan.to()
        )
    })
}

fn cut_off(case: &Case<'_>) -> Option<String> {
    let drains = case.switch.is_some_and(|switch| switch.drains == Drains::Named);
    (drains && case.strategy.drain_deadline.is_zero() && case.replaces()).then(|| {
        "drain_deadline 0s: requests are cut off, though the pool would let them end; allow as long as they take".to_owned()
    })
}

fn no_draining(case: &Case<'_>) -> Option<String> {
    let cuts = case.switch.is_some_and(|switch| switch.drains == Drains::Never);
    (cuts && case.replaces() && case.strategy.overlaps()).then(|| {
        "the pool does not let requests end: those of each instance that leaves are cut off; have it drain, or let clients retry".to_owned()
    })
}

fn coarse_weights(case: &Case<'_>) -> Option<String> {
    let Some(Split::Weighted { parts, .. }) = case.switch.map(|switch| switch.split) else { return None };
    let floor = case.plan.budget().floor;
    let between = case.steps().find_map(|(number, step)| match step {
        Step::Shift { to } if u64::from(to.get()) * u64::from(parts) % 100 != 0 => Some((number, step)),
        _ => None,
    });
    if let Some((number, step)) = between {
        return Some(format!(
            "step {number}, {step}: its pool divides it into {parts} parts, so that is rounded; shift what is whole parts"
        ));
    }
    (case.replaces() && floor > u32::from(parts)).then(|| {
        format!("its pool divides the traffic into {parts} parts, each of them for {} of the {floor} that must be ready: shares may be so many instances short", floor.div_ceil(u32::from(parts)))
    })
}

fn long_keep(case: &Case<'_>) -> Option<String> {
    let kept = case.plan.kept();
    let keep = case.strategy.keep_old;
    (kept > 0 && keep >= DAY).then(|| {
        format!(
            "{kept} of the old are kept for {}: {} machine-hours; keep them for less than a day",
            Human(keep),
            hours(kept, keep)
        )
    })
}

fn eager_hedge(case: &Case<'_>) -> Option<String> {
    let (hedge, typical) = (case.strategy.hedge?, case.typical_boot?);
    (hedge.after <= typical).then(|| {
        format!(
            "the hedge takes a boot of {} for a slow one, and {} is typical: spares are launched beside almost all; wait longer than that",
            Human(hedge.after),
            Human(typical)
        )
    })
}

fn slow_zones(case: &Case<'_>) -> Option<String> {
    let zones = case.zones();
    let part = case.desired / zones.max(1);
    let by_zone = case.strategy.open_zones(0).is_some();
    let budget = case.plan.budget();
    let fewer = part - case.strategy.zone_floor(case.desired, case.plan.fleet().zone_names().len()).min(part);
    let at_once = budget.slack().min((budget.ceiling - budget.desired).saturating_add(fewer));
    (by_zone && case.replaces() && part > 2 && at_once == 1).then(|| {
        format!(
            "zone by zone, one of the {part} or more of a zone goes at a time; allow a max_surge of {part} to replace a zone at once, or more unavailable"
        )
    })
}

fn nowhere_else(case: &Case<'_>) -> Option<String> {
    let alone = case.plan.fleet().placements().len() < 2;
    (case.strategy.on_shortage == Shortage::Wait && alone).then(|| {
        "on_shortage waits for a zone and the fleet has no two: nothing could go elsewhere; leave it out, or name zones"
            .to_owned()
    })
}

fn short_rollout(case: &Case<'_>) -> Option<String> {
    let deadline = case.strategy.rollout_deadline?;
    let steps = case.plan.steps().iter().map(|step| step.envelope.takes.least);
    let least = steps.fold(Duration::ZERO, Duration::saturating_add);
    (deadline < least).then(|| {
        format!(
            "the rollout goes back if it has not succeeded within {}, and until then it takes {} at least; allow more",
            Human(deadline),
            Human(least)
        )
    })
}

fn no_zone_floor(case: &Case<'_>) -> Option<String> {
    let (amount, zones) = (case.strategy.max_unavailable_per_zone?, case.zones());
    let part = case.desired / zones.max(1);
    let none = case.strategy.zone_floor(case.desired, case.plan.fleet().zone_names().len()) == 0;
    none.then(|| match part {
        0 => format!(
            "{} instances in {zones} zones: a zone may have none, so its floor is 0; have as many as there are zones",
            case.desired
        ),
        _ => {
            format!("all {part} of a zone may be unavailable (max_unavailable_per_zone {amount}), so its floor is 0; allow fewer")
        }
    })
}

/// Machine-hours, rounded up.
pub(super) fn hours(machines: u32, each: Duration) -> u128 {
    (u128::from(machines) * each.as_millis()).div_ceil(3_600_000)
}
