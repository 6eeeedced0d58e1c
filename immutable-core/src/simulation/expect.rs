//! How a rollout may end, and by when: computed from the script, never from the run.

use std::collections::BTreeSet;
use std::time::Duration;

use super::mishaps::Wire;
use super::script::{Disturbance, Release, Script, Trouble};
use crate::analysis::Says;
use crate::fleet::{Drift, Heals, OnDrift};
use crate::rollout::{AbortTo, Analyse, Check, Need, OnFirstFailure, Otherwise, Outcome, Step};

/// How patient a run's strategy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Patience {
    /// Its deadlines are as the script says: it must end, or ask.
    Configured,
    /// It has no deadlines: it must come to the end that its release deserves, however long the trouble lasted.
    Infinite,
}

/// An outcome, without its reasons.
pub(super) fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Unexercised => "unexercised",
        Outcome::RolledBack => "rolled back",
        Outcome::LeftMixed => "left mixed",
        Outcome::TornDown => "torn down",
        Outcome::Refused(_) => "refused",
        Outcome::Superseded { .. } => "superseded",
        Outcome::Needs(Need::NoBaseline { .. }) => "needs: no baseline",
        Outcome::Needs(Need::BaselineUnlaunchable { .. }) => "needs: baseline unlaunchable",
        Outcome::Needs(Need::RollbackDeadline { .. }) => "needs: rollback deadline",
        Outcome::Needs(Need::StuckLeaving { .. }) => "needs: stuck leaving",
        Outcome::Needs(Need::PoolRefuses { .. }) => "needs: pool",
        Outcome::Needs(Need::ProviderSilent | Need::Unseen { .. }) => "needs: provider silent",
        Outcome::Needs(Need::Irreversible { .. }) => "needs: irreversible",
        Outcome::Needs(Need::Gate { .. }) => "needs: gate",
        Outcome::Needs(Need::Drift { .. }) => "needs: drift",
    }
}

/// What is known of a rollout before it runs.
pub(super) struct Expected<'a> {
    pub(super) script: &'a Script,
    pub(super) rollout: usize,
    pub(super) patience: Patience,
    /// Whether some release is proven.
    pub(super) baseline: bool,
    /// How what is wanted is.
    pub(super) release: Release,
}

impl Expected<'_> {
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.script.disturbances.iter().filter(|trouble| trouble.rollout == self.rollout).map(|trouble| &trouble.what)
    }

    fn any(&self, of: impl Fn(&Trouble) -> bool) -> bool {
        self.troubles().any(of)
    }

    fn size(&self) -> u32 {
        self.script.rollouts.get(self.rollout).map_or(0, |wish| wish.size)
    }

    /// Wires are broken from the first disturbed rollout on.
    fn wires(&self) -> impl Iterator<Item = &Wire> {
        let disturbed = self.rollout >= self.script.first_disturbed();
        self.script.wire.iter().chain(&self.script.journal).filter(move |_| disturbed)
    }

    /// Whether what was done to an earlier rollout may last into this one: what hangs goes on to hang, and nothing is waited for where one takes
    /// the place of another.
    fn goes_on(&self, trouble: &Disturbance) -> bool {
        let since = self.script.rollouts.get(trouble.rollout + 1..=self.rollout).unwrap_or_default();
        let replaced = since.iter().all(|wish| wish.after.is_some());
        trouble.rollout < self.rollout && (replaced || matches!(trouble.what, Trouble::OperationsHang(..)))
    }

    /// How long after its beginning nothing goes wrong in the world any more.
    pub(super) fn disturbed_for(&self) -> Duration {
        let concerns = |trouble: &&Disturbance| trouble.rollout == self.rollout || self.goes_on(trouble);
        let ours = || self.script.disturbances.iter().filter(concerns);
        // What is to hang is the next operation, which is begun perhaps only when everything else is over.
        let hangs = |trouble: &&Disturbance| matches!(trouble.what, Trouble::OperationsHang(..));
        let lasts = |trouble: &Disturbance| trouble.at + if hangs(&trouble) { 0 } else { trouble.what.lasts() };
        let hanging: u64 = ours().filter(hangs).map(|trouble| trouble.what.lasts()).sum();
        Duration::from_secs(ours().map(lasts).max().unwrap_or(0) + hanging)
    }

    /// How long after its beginning the last trouble is over.
    pub(super) fn calm_after(&self) -> Duration {
        let world = std::iter::once(self.disturbed_for().as_secs());
        // A wire was perhaps broken already before: counted from the beginning of the first disturbed one.
        let wires = self.wires().map(|wire| wire.until + wire.late_by);
        let crashes = self.script.crashes.iter().filter(|crash| crash.rollout == self.rollout);
        let down: u64 = crashes.clone().map(|crash| crash.down).sum();
        let died = crashes.map(|crash| if let super::Moment::Seconds(at) = crash.at { at } else { 0 }).max().unwrap_or(0);
        Duration::from_secs(world.chain(wires).max().unwrap_or(0) + down + died)
    }

    /// How long one instance may take where nothing is in its way.
    fn at_best(&self) -> Duration {
        let (cloud, terms) = (&self.script.cloud, &self.script.fleet);
        let boot = cloud.boot.1 + terms.min_ready + cloud.drain + 15;
        let calls = 2 * cloud.operations_take + 4 * terms.poll + 2 * cloud.latency_ms / 1000;
        // A share is moved forth, those who had it finish what they have, and so again.
        let traffic = cloud.pool.map_or(0, |pool| 2 * pool.settle + 2 * cloud.drain + 4 * terms.poll);
        Duration::from_secs(boot + calls + traffic)
    }

    /// How long one instance may take, with everything that may be in its way.
    pub(super) fn one(&self) -> Duration {
        let (cloud, terms) = (&self.script.cloud, &self.script.fleet);
        let hangs = terms.boot_deadline.saturating_sub(cloud.boot.1);
        let healing = if cloud.heals == Heals::Never { 0 } else { 30 + 600 };
        self.at_best() + Duration::from_secs(hangs + healing + 80)
    }

    /// How many can be replaced at a time.
    fn at_once(&self) -> u32 {
        let strategy = &self.script.planned();
        let budget = strategy.budget(self.size());
        let zones = self.script.zones().len();
        let part = budget.desired.checked_div(u32::try_from(zones).unwrap_or(u32::MAX)).unwrap_or(0);
        // Where a zone has a floor, and the others have been replaced, no more go at once than it can do without.
        let at_once = match strategy.zone_floor(budget.desired, zones) {
            0 => budget.slack(),
            floor => budget.slack().min(budget.ceiling - budget.desired + part - floor),
        };
        at_once.max(1)
    }

    /// How long it may take to go back with all of the fleet where nothing is in the way.
    fn way_back(&self) -> Duration {
        self.at_best() * self.size().div_ceil(self.at_once())
    }

    /// How long after the last trouble it must have ended: engine.md's `(⌈N/slots⌉ + attempts) · (B + min_ready + drain + 4P)`, forth and
    /// back, and what the deadlines add where there are any.
    pub(super) fn within(&self) -> Duration {
        let strategy = &self.script.planned();
        let most = self.script.instances().max(1);
        let steps = u32::try_from(strategy.steps().len()).unwrap_or(u32::MAX);
        let rounds = most.div_ceil(self.at_once()) + strategy.probe_attempts + strategy.max_failed.up(most) + 1 + steps;
        let lasts = |step: &Step| match step {
            // It goes on where it is inconclusive, and is asked a last time.
            Step::Analyse(analyse) => Some(analyse.lasting + analyse.extend + analyse.every * 3),
            step => step.lasts().map(|lasting| lasting + Duration::from_secs(60)),
        };
        let gates: Duration = strategy.steps().iter().filter_map(lasts).sum();
        let work = self.one() * rounds * 2 + gates + strategy.keep_old;
        let retries = u32::try_from(self.troubles().filter(|trouble| **trouble == Trouble::Retry).count()).unwrap_or(0);
        let work = work * (1 + retries);
        match self.patience {
            Patience::Infinite => work,
            Patience::Configured => work + strategy.progress_deadline * (1 + steps) + strategy.rollback_deadline * (3 + retries),
        }
    }

    /// Whether what goes wrong can keep it from moving for so long that a deadline passes.
    fn too_long(&self) -> bool {
        let strategy = &self.script.strategy;
        self.may_wait_for(strategy.progress_deadline.min(strategy.rollback_deadline))
    }

    /// Whether what goes wrong can keep it from moving for so long.
    fn may_wait_for(&self, least: Duration) -> bool {
        self.patience == Patience::Configured && self.waits() + self.one() * self.script.strategy.probe_attempts >= least
    }

    /// For how long what goes wrong can keep it from moving.
    fn waits(&self) -> Duration {
        let before = self.script.disturbances.iter().filter(|trouble| self.goes_on(trouble)).map(|trouble| &trouble.what);
        // What is broken already keeps nothing that mends it.
        let troubles = self.troubles().chain(before).filter(|trouble| !matches!(trouble, Trouble::Rot(_)));
        let lasting: u64 = troubles.map(Trouble::lasts).sum();
        let wires: u64 = self.wires().map(|wire| wire.until).max().unwrap_or(0);
        let short =
            self.any(|trouble| matches!(trouble, Trouble::LaunchesShort(_) | Trouble::LaunchesLate(_) | Trouble::RaisesShort(_)));
        let short = short || self.any(|trouble| matches!(trouble, Trouble::BootsHang(..)));
        Duration::from_secs(lasting + wires + if short { self.script.fleet.boot_deadline } else { 0 })
    }

    /// Every end that this script allows.
    pub(super) fn outcomes(&self) -> BTreeSet<&'static str> {
        let mut allowed = BTreeSet::new();
        let nothing = |size: u32| size == 0 && self.script.strategy.budget(0).ceiling == 0;
        let sizes: Vec<_> = self.troubles().filter_map(Trouble::resizes).chain([self.size()]).collect();
        let never = sizes.iter().all(|size| nothing(*size));
        let failed = match (self.baseline, self.script.strategy.on_first_failure) {
            (true, _) => "rolled back",
            (false, OnFirstFailure::TearDown) => "torn down",
            (false, OnFirstFailure::Hold) => "needs: no baseline",
        };
        if sizes.iter().any(|size| nothing(*size)) {
            // What is proven stays so.
            allowed.insert(if self.release == Release::Again && self.baseline { "succeeded" } else { "unexercised" });
        }
        let good = matches!(self.release, Release::Good | Release::Again);
        if !never {
            allowed.insert(if good { "succeeded" } else { failed });
        }
        // What may keep a good release from the end that it deserves.
        let harmed = self.any(|trouble| {
            matches!(
                trouble,
                Trouble::Kill(_) | Trouble::Sicken(..) | Trouble::Swap(..) | Trouble::SetSize(..) | Trouble::DeleteGroup(_)
            )
        });
        let harmed = harmed || self.any(|trouble| matches!(trouble, Trouble::BootsHang(..)));
        let lied = self.any(|trouble| matches!(trouble, Trouble::Lie(_)));
        if harmed || lied || self.any(|trouble| *trouble == Trouble::Revoke) {
            allowed.insert(failed);
        }
        // What is gone back to hangs too.
        if self.baseline && self.patience == Patience::Configured && self.any(|trouble| matches!(trouble, Trouble::BootsHang(..)))
        {
            allowed.insert("needs: baseline unlaunchable");
        }
        // There is no other to go back to.
        if self.release == Release::Again && (harmed || lied || self.too_long()) {
            allowed.insert("needs: baseline unlaunchable");
        }
        // A name stays taken, and a release revoked.
        let before = |of: fn(&Trouble) -> bool| {
            let mut until_now = self.script.disturbances.iter().filter(|trouble| trouble.rollout <= self.rollout);
            until_now.any(|trouble| of(&trouble.what))
        };
        if before(|trouble| matches!(trouble, Trouble::Revoke | Trouble::TakeName | Trouble::DeleteGroup(_))) {
            allowed.extend(["refused", "needs: baseline unlaunchable"]);
        }
        for trouble in self.troubles() {
            match trouble {
                Trouble::Abort(AbortTo::Mixed) => allowed.insert("left mixed"),
                Trouble::Abort(AbortTo::Nothing) if !self.baseline => allowed.insert("torn down"),
                Trouble::Abort(AbortTo::Back | AbortTo::Nothing) => allowed.insert(failed),
                _ => false,
            };
        }
        if self.pauses() {
            allowed.insert("needs: drift");
        }
        if self.too_long() {
            allowed.extend([failed, "refused", "needs: stuck leaving", "needs: rollback deadline", "needs: provider silent"]);
            allowed.extend(self.script.cloud.pool.map(|_| "needs: pool"));
        }
        if self.may_wait_for(self.script.strategy.leave_deadline) {
            allowed.insert("needs: stuck leaving");
        }
        // However well it goes: it may be too large for the time that it has.
        if self.patience == Patience::Configured && self.script.strategy.rollout_deadline.is_some() {
            allowed.insert(failed);
        }
        self.gates(&mut allowed, failed);
        // However well it goes back: that may be too far for the time that it has.
        let far = self.waits() + self.way_back() >= self.script.strategy.rollback_deadline;
        if self.patience == Patience::Configured && far && self.baseline && allowed.contains(failed) {
            allowed.insert("needs: rollback deadline");
        }
        // What is gone back to fails too, if there is cause to go back.
        if self.any(|trouble| matches!(trouble, Trouble::Rot(_))) && allowed.contains(failed) {
            allowed.extend(["needs: baseline unlaunchable", "needs: rollback deadline"]);
        }
        if self.script.rollouts.get(self.rollout + 1).is_some_and(|next| next.after.is_some()) {
            allowed.insert("superseded");
        }
        allowed
    }

    /// Whether somebody changes what the fleet is to pause for.
    fn pauses(&self) -> bool {
        let asks = |drift: Drift| self.script.fleet.on_drift.get(&drift) == Some(&OnDrift::Pause);
        let until_now = self.script.disturbances.iter().filter(|trouble| trouble.rollout <= self.rollout);
        // Whoever makes one group again finds another gone since it looked, and makes that too: it has size 0, and who set that cannot be told.
        let deleted = until_now.clone().filter(|trouble| matches!(trouble.what, Trouble::DeleteGroup(_))).count();
        until_now.map(|trouble| &trouble.what).any(|what| match what {
            Trouble::Swap(..) => asks(Drift::Image),
            Trouble::SetSize(..) => asks(Drift::Size),
            Trouble::DeleteGroup(_) => asks(Drift::Generation) || (deleted > 1 && asks(Drift::Size)),
            Trouble::SetWeights(..) => asks(Drift::Weights),
            Trouble::ChangeUpkeep(_) => asks(Drift::Upkeep),
            Trouble::TakeName => asks(Drift::Stranger),
            _ => false,
        })
    }

    /// What gates may bring it to, and what they keep it from.
    fn gates(&self, allowed: &mut BTreeSet<&'static str>, failed: &'static str) {
        // What is proven is resized in one step.
        if self.release == Release::Again && self.baseline {
            return;
        }
        let neither = |otherwise: Otherwise| match otherwise {
            Otherwise::Hold => "needs: gate",
            Otherwise::Back => failed,
        };
        let says = self.script.judge.filter(|judging| self.rollout >= judging.from).map_or(Says::Pass, |judging| judging.says);
        // What takes from the time in which an answer must come.
        let crashes = self.script.crashes.iter().any(|crash| crash.rollout == self.rollout);
        let delayed = crashes || self.wires().next().is_some() || self.too_long();
        let mut shut = false;
        for step in self.script.planned().steps() {
            let (says, otherwise) = match step {
                Step::Check(Check { otherwise, .. }) | Step::Analyse(Analyse { otherwise, .. }) => (says, *otherwise),
                Step::Approve(approve) => {
                    let people: BTreeSet<_> = self
                        .troubles()
                        .filter_map(|trouble| if let Trouble::Approve(nth) = trouble { Some(nth % 3) } else { None })
                        .collect();
                    let enough = people.len() >= usize::try_from(approve.least).unwrap_or(usize::MAX);
                    if approve.otherwise == Otherwise::Back {
                        // In time or not: who is late finds it on its way back.
                        allowed.insert(failed);
                    }
                    (if enough { Says::Pass } else { Says::Inconclusive }, approve.otherwise)
                }
                _ => continue,
            };
            match says {
                Says::Pass if delayed => allowed.extend([neither(otherwise)]),
                Says::Pass => {}
                Says::Fail => {
                    allowed.insert(failed);
                    shut = true;
                }
                Says::Inconclusive => {
                    allowed.insert(neither(otherwise));
                    shut = true;
                }
            }
        }
        if shut && !self.any(|trouble| *trouble == Trouble::Promote) {
            allowed.remove("succeeded");
            allowed.remove("unexercised");
        }
    }
}
