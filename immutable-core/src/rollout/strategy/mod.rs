//! How a fleet is replaced: a budget, and a list of steps.

mod check;
mod goal;
mod patience;
mod step;
mod zones;

use std::sync::Arc;
use std::time::Duration;

use crate::id::StepIx;
use crate::rollout::budget::{Amount, Budget, Percent};
use crate::time::{human, human_option};

pub(crate) use goal::Goal;
pub(crate) use patience::Hedge;
pub use patience::Shortage;
pub(crate) use zones::part_of_first;

pub use step::{Analyse, Approve, Check, EachZone, Old, Otherwise, Step};

/// A budget and a list of steps. [`rolling`](Self::rolling), [`blue_green`](Self::blue_green), [`canary`](Self::canary) and
/// [`recreate`](Self::recreate) are lists of the same steps as your [own](Self::new).
///
/// ```
/// use immutable_core::Strategy;
/// use immutable_core::rollout::{Analyse, Approve, Percent};
///
/// let rolling = Strategy::rolling().max_surge(3).max_unavailable(Percent::new(10)?);
/// let canary = Strategy::canary([Percent::new(5)?, Percent::new(50)?]).gate(Analyse::by("errors")).gate(Approve::by(["ann", "bob"]));
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    pub(crate) max_surge: Amount,
    pub(crate) max_unavailable: Amount,
    pub(crate) max_failed: Amount,
    pub(crate) probe_attempts: u32,
    #[serde(with = "human")]
    pub(crate) progress_deadline: Duration,
    #[serde(with = "human")]
    pub(crate) rollback_deadline: Duration,
    #[serde(default = "five_minutes", with = "human", skip_serializing_if = "is_five_minutes")]
    pub(crate) drain_deadline: Duration,
    #[serde(default = "ten", skip_serializing_if = "is_ten")]
    pub(crate) rollback_attempts: u32,
    pub(crate) on_first_failure: OnFirstFailure,
    #[serde(default, skip_serializing_if = "OnResize::is_proportional")]
    pub(crate) on_resize: OnResize,
    #[serde(default, skip_serializing_if = "Supersede::is_reject")]
    pub(crate) supersede: Supersede,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) force: bool,
    pub(crate) steps: Vec<Step>,
    #[serde(default, with = "human", skip_serializing_if = "Duration::is_zero")]
    pub(crate) keep_old: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hedge: Option<Hedge>,
    #[serde(default, skip_serializing_if = "Shortage::is_elsewhere")]
    pub(crate) on_shortage: Shortage,
    #[serde(default = "patience::leave_deadline", with = "human", skip_serializing_if = "patience::is_leave_deadline")]
    pub(crate) leave_deadline: Duration,
    #[serde(default, with = "human_option", skip_serializing_if = "Option::is_none")]
    pub(crate) rollout_deadline: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_unavailable_per_zone: Option<Amount>,
}

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

const fn five_minutes() -> Duration {
    FIVE_MINUTES
}

fn is_five_minutes(duration: &Duration) -> bool {
    *duration == FIVE_MINUTES
}

const fn ten() -> u32 {
    10
}

fn is_ten(attempts: &u32) -> bool {
    *attempts == ten()
}

/// What becomes of a fleet whose first release fails: there is nothing to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFirstFailure {
    /// What was launched is removed.
    TearDown,
    /// It stays as it is, and a person is asked.
    Hold,
}

/// Whose the difference is when a fleet is resized while it is being replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnResize {
    /// Everybody's: each step goes to its share of the new size.
    #[default]
    Proportional,
    /// What is added is of the new release, once one of it was ready, and what is taken is of the old, as far as both carry what a step shifts to them.
    NewFirst,
    /// Nobody's until the rollout has ended: it goes on at the size that it began with.
    Freeze,
}

impl OnResize {
    fn is_proportional(&self) -> bool {
        *self == Self::Proportional
    }
}

/// What a rollout does where another runs already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supersede {
    /// It is not planned.
    #[default]
    Reject,
    /// It takes the other's place, wherever that is: the other ends as [superseded](crate::Outcome::Superseded), what it launched is one more of those that
    /// leave, and what is gone back to stays the release that is proven.
    Replace,
}

impl Supersede {
    fn is_reject(&self) -> bool {
        *self == Self::Reject
    }
}

impl Strategy {
    /// Your own list of steps. The last [`Scale`](Step::Scale) goes to 100 %, and so does the last [`Shift`](Step::Shift) if there is any; what
    /// cannot work is refused when a plan is made of it. The budget is that of [`rolling`](Self::rolling), to begin with.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::rolling() }
    }

    /// Replaces instances as room allows: a quarter more while it lasts, none fewer, refilled as soon as one is ready.
    pub fn rolling() -> Self {
        Self {
            max_surge: Amount::percent(25),
            max_unavailable: Amount::Count(0),
            max_failed: Amount::percent(5),
            probe_attempts: 1,
            progress_deadline: Duration::from_secs(20 * 60),
            rollback_deadline: Duration::from_secs(60 * 60),
            drain_deadline: FIVE_MINUTES,
            rollback_attempts: ten(),
            on_first_failure: OnFirstFailure::TearDown,
            on_resize: OnResize::Proportional,
            supersede: Supersede::Reject,
            force: false,
            steps: vec![Step::scale(Percent::known(100))],
            keep_old: Duration::ZERO,
            hedge: None,
            on_shortage: Shortage::Elsewhere,
            leave_deadline: patience::LEAVE_DEADLINE,
            rollout_deadline: None,
            max_unavailable_per_zone: None,
        }
    }

    /// Launches the whole new fleet beside the old one, gives it all the traffic at once, [bakes](Self::bake) for 5 min, and [keeps](Self::keep_old)
    /// the old one for an hour. It takes twice the machines, and a pool that can give all to one.
    pub fn blue_green() -> Self {
        let all = Percent::known(100);
        let steps = vec![Step::scale_beside(all), Step::shift(all), Step::bake(FIVE_MINUTES)];
        Self { max_surge: Amount::percent(100), keep_old: Duration::from_secs(60 * 60), steps, ..Self::rolling() }
    }

    /// Gives the new release these shares of the fleet, one after the other, and then all of it; each share [bakes](Self::bake) for 5 min. Where
    /// traffic can be divided by weight it follows the instances.
    pub fn canary(shares: impl IntoIterator<Item = Percent>) -> Self {
        let share = |share| [Step::scale(share), Step::bake(FIVE_MINUTES)];
        let mut steps: Vec<_> = shares.into_iter().flat_map(share).collect();
        steps.push(Step::scale(Percent::known(100)));
        Self { steps, ..Self::rolling() }
    }

    /// Removes the old instances, all of them, and then launches the new ones, one to begin with: for what must not run twice. The fleet is empty
    /// meanwhile.
    pub fn recreate() -> Self {
        let steps = vec![Step::Scale { to: Amount::percent(100), old: Old::First }];
        Self { max_surge: Amount::Count(0), max_unavailable: Amount::percent(100), steps, ..Self::rolling() }
    }

    /// Replaces one zone after the other, each as room allows, the one that the fleet [names first](crate::Fleet::zones) first; the first
    /// [bakes](Self::bake) for so long before the next begins, and the others do if [told to](Self::bake_each_zone). For fleets of two zones or more. A way
    /// back goes everywhere at once.
    pub fn zone_by_zone(first_bake: Duration) -> Self {
        Self { steps: vec![Step::each_zone(first_bake)], ..Self::rolling() }
    }

    /// Adds what must hold after each [`Scale`](Step::Scale) but the last, or after the only one, behind what must already: after each share of a
    /// canary, while there is something of the old to compare it with, and before blue/green shifts the traffic. Zone by zone, after each but the last.
    #[must_use]
    pub fn gate(mut self, gate: impl Into<Step>) -> Self {
        let gate = gate.into();
        if let Some(zones) = self.each_zone() {
            zones.gates.push(gate);
            return self;
        }
        let scales = |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Scale { .. })).count();
        let gated = scales(&self.steps).saturating_sub(1).max(1);
        let mut steps = Vec::new();
        let mut open = false;
        for step in self.steps {
            if open && !step.is_gate() {
                steps.push(gate.clone());
                open = false;
            }
            open |= matches!(step, Step::Scale { .. }) && scales(&steps) < gated;
            steps.push(step);
        }
        if open {
            steps.push(gate);
        }
        self.steps = steps;
        self
    }

    /// How long each [`Bake`](Step::Bake) lasts; a list without any gets one at its end, before the release is proven. Zero leaves them out.
    #[must_use]
    pub fn bake(mut self, lasting: Duration) -> Self {
        let mut bakes = false;
        if let Some(zones) = self.each_zone() {
            for old in [&mut zones.first_bake, &mut zones.bake].into_iter().filter(|old| !old.is_zero()) {
                *old = lasting;
                bakes = true;
            }
        }
        if lasting.is_zero() {
            self.steps.retain(|step| !matches!(step, Step::Bake { .. }));
            return self;
        }
        for step in &mut self.steps {
            if let Step::Bake { lasting: old } = step {
                *old = lasting;
                bakes = true;
            }
        }
        if !bakes {
            self.steps.push(Step::bake(lasting));
        }
        self
    }

    /// For how long what the last step [keeps](Old::Keep) of the old release stays once the new one is proven, so that going back is one switch.
    /// The rollout runs until then, or until somebody [lets it go](crate::controller::Rollout::promote). Default 0.
    #[must_use]
    pub fn keep_old(mut self, lasting: Duration) -> Self {
        self.keep_old = lasting;
        self
    }

    /// How many more than its size the fleet may have, starting and leaving instances included. A percentage rounds up. Default 25 %.
    #[must_use]
    pub fn max_surge(mut self, instances: impl Into<Amount>) -> Self {
        self.max_surge = instances.into();
        self
    }

    /// How many fewer than its size may be ready. A percentage rounds down. Default 0.
    #[must_use]
    pub fn max_unavailable(mut self, instances: impl Into<Amount>) -> Self {
        self.max_unavailable = instances.into();
        self
    }

    /// How long each zone but the first and the last bakes where it goes [zone by zone](Self::zone_by_zone). Default 0: not at all.
    #[must_use]
    pub fn bake_each_zone(mut self, lasting: Duration) -> Self {
        if let Some(zones) = self.each_zone() {
            zones.bake = lasting;
        }
        self
    }

    /// How many of each zone's part of the fleet may be not ready, besides what [`max_unavailable`](Self::max_unavailable) says of all. The part of a zone is the fleet's size divided
    /// by its zones, rounded down, and so is a percentage of that. What serves in a zone counts, of whatever release. Default: a zone has no floor of its own.
    #[must_use]
    pub fn max_unavailable_per_zone(mut self, instances: impl Into<Amount>) -> Self {
        self.max_unavailable_per_zone = Some(instances.into());
        self
    }

    /// How many instances may fail by the release's fault before the rollout is given up; each is replaced. A percentage rounds down.
    /// Default 5 %. Capacity, quota and platform failures don't count.
    #[must_use]
    pub fn max_failed(mut self, instances: impl Into<Amount>) -> Self {
        self.max_failed = instances.into();
        self
    }

    /// How many instances of a release that never was ready in this fleet are tried, one after the other. Default 1, at least 1.
    #[must_use]
    pub fn probe_attempts(mut self, attempts: u32) -> Self {
        self.probe_attempts = attempts;
        self
    }

    /// How long the number of ready instances of the wanted release may go without a new maximum. Default 20 min; more than the
    /// fleet's boot deadline and `min_ready` together.
    #[must_use]
    pub fn progress_deadline(mut self, at_most: Duration) -> Self {
        self.progress_deadline = at_most;
        self
    }

    /// How long a rollback, or the removal of what is left over, may take before a person is asked. Default 1 h; more than the fleet's
    /// boot deadline and `min_ready` together.
    #[must_use]
    pub fn rollback_deadline(mut self, at_most: Duration) -> Self {
        self.rollback_deadline = at_most;
        self
    }

    /// How many instances of the release that is gone back to may fail on the way, each replaced, before a person is asked instead. Default 10, at
    /// least 1. What failed before counts as little as capacity, quota and platform failures do.
    #[must_use]
    pub fn rollback_attempts(mut self, attempts: u32) -> Self {
        self.rollback_attempts = attempts;
        self
    }

    /// How long an instance may take to finish the requests it has, where its pool can let it, before it is terminated all the same. Default 5 min.
    #[must_use]
    pub fn drain_deadline(mut self, at_most: Duration) -> Self {
        self.drain_deadline = at_most;
        self
    }

    /// What becomes of a fleet whose first release fails. Default: what was launched is removed.
    #[must_use]
    pub fn on_first_failure(mut self, then: OnFirstFailure) -> Self {
        self.on_first_failure = then;
        self
    }

    /// Whose the difference is when the fleet is resized meanwhile. Default: everybody's.
    #[must_use]
    pub fn on_resize(mut self, then: OnResize) -> Self {
        self.on_resize = then;
        self
    }

    /// What it does where another rollout runs already. Default: it is not planned.
    #[must_use]
    pub fn supersede(mut self, running: Supersede) -> Self {
        self.supersede = running;
        self
    }

    /// Tries a release also if it was [given up](crate::rollout::FleetState::given_up) in this fleet before by its own fault, which is refused otherwise.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// Its steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Who judges any of its steps.
    pub fn judges(&self) -> impl Iterator<Item = &Arc<str>> {
        self.steps
            .iter()
            .flat_map(|step| if let Step::EachZone(zones) = step { &zones.gates[..] } else { std::slice::from_ref(step) })
            .filter_map(Step::judge)
    }

    /// The step that the time is taken for for which the old are kept: one behind the last.
    pub(crate) fn kept(&self) -> StepIx {
        StepIx(u16::try_from(self.steps.len()).unwrap_or(u16::MAX))
    }

    /// Its budget for a fleet of this size.
    pub fn budget(&self, desired: u32) -> Budget {
        Budget { spares: self.spares(desired), ..Budget::of(desired, self.max_surge, self.max_unavailable) }
    }

    /// The same for a release that is proven: it needs no trying, and steps would take from it what serves.
    pub(crate) fn of_proven(&self) -> Self {
        let old = if self.overlaps() { Old::Follow } else { Old::First };
        let steps = vec![Step::Scale { to: Amount::percent(100), old }];
        Self { steps, keep_old: Duration::ZERO, ..self.clone() }
    }

    /// The same for a fleet that is kept at its proven release: it is as patient with instances that fail as a way back is.
    pub(crate) fn keeping(&self) -> Self {
        let max_failed = Amount::Count(self.rollback_attempts.saturating_sub(1));
        Self { max_failed, supersede: Supersede::Reject, force: false, ..self.of_proven() }
    }

    /// The same for a fleet that has no zones.
    pub(crate) fn in_no_zones(&self) -> Self {
        Self { max_unavailable_per_zone: None, ..self.clone() }
    }

    /// Whether it says by itself who gets which traffic.
    pub(crate) fn shifts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Shift { .. }))
    }

    /// Whether the old and the new may run together.
    pub(crate) fn overlaps(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step, Step::Scale { old: Old::First, .. }))
    }
}
