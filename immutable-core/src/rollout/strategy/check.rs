//! What can never work is refused when it is planned, with what would.

use std::time::Duration;

use super::{Amount, Analyse, Approve, Budget, Check, Goal, Old, Percent, Step, Strategy};
use crate::error::{Error, Result};
use crate::fleet::{Drains, Split, TrafficCapabilities};
use crate::time::Human;

fn refuse(why: impl Into<String>) -> Result<()> {
    Err(Error::invalid(why.into()))
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { refuse(why()) }
}

impl Strategy {
    /// Whether it can work for a fleet of this size whose instances take `boot_deadline` and `min_ready`, behind such a pool, and which `replaces`
    /// others or nobody.
    pub(crate) fn check(
        &self,
        desired: u32,
        boot_deadline: Duration,
        min_ready: Duration,
        traffic: Option<&TrafficCapabilities>,
        replaces: bool,
    ) -> Result<()> {
        Budget::check(desired, self.max_surge, self.max_unavailable)?;
        ensure(self.probe_attempts > 0, || "probe_attempts 0 never launches anything; allow at least 1".to_owned())?;
        ensure(self.rollback_attempts > 0, || {
            "rollback_attempts 0 never launches anything on the way back; allow at least 1".to_owned()
        })?;
        let needed = boot_deadline.saturating_add(min_ready);
        for (what, deadline) in [("progress", self.progress_deadline), ("rollback", self.rollback_deadline)] {
            ensure(deadline > needed, || {
                format!(
                    "a {what} deadline of {} passes before one instance can be ready (boot deadline and min_ready: {}); allow more than that",
                    Human(deadline),
                    Human(needed)
                )
            })?;
        }
        ensure(self.drain_deadline < self.progress_deadline, || {
            format!(
                "a drain deadline of {} is no shorter than the progress deadline, {}; allow less",
                Human(self.drain_deadline),
                Human(self.progress_deadline)
            )
        })?;
        self.is_patient(desired, boot_deadline, needed)?;
        let patience = self.rollback_deadline.saturating_sub(needed);
        ensure(traffic.is_none_or(|traffic| traffic.drains != Drains::Named) || self.drain_deadline < patience, || {
            format!(
                "a rollback deadline of {} passes before one instance can be ready and another has finished its requests (boot deadline and min_ready: \
                 {}, drain deadline: {}); allow more than that",
                Human(self.rollback_deadline),
                Human(needed),
                Human(self.drain_deadline)
            )
        })?;
        self.ends()?;
        self.steps.iter().try_for_each(gate)?;
        self.fits(desired)?;
        match traffic {
            Some(traffic) => self.carries(desired, traffic.split, replaces),
            None => ensure(!self.shifts(), || {
                "it shifts traffic and the fleet has no pool; name one with `Fleet::pool`, or leave the shift out".to_owned()
            }),
        }
    }

    /// Whether it can go on in a fleet of another size.
    pub(crate) fn resizes(&self, desired: u32, split: Option<Split>) -> Result<()> {
        Budget::check(desired, self.max_surge, self.max_unavailable)?;
        self.fits(desired)?;
        split.map_or(Ok(()), |split| self.carries(desired, split, true))
    }

    /// Whether it comes to an end with all of the fleet.
    fn ends(&self) -> Result<()> {
        ensure(self.steps.len() <= usize::from(u16::MAX), || {
            format!("{} steps; at most {} are possible", self.steps.len(), u16::MAX)
        })?;
        let all = Percent::known(100);
        // The last of the zones leaves nothing over.
        let scale = self.steps.iter().rev().find_map(|step| match step {
            Step::Scale { to, .. } => Some(*to),
            Step::EachZone(_) | Step::Zone { .. } => Some(Amount::Percent(all)),
            _ => None,
        });
        ensure(scale == Some(Amount::Percent(all)), || {
            "a strategy whose last scale does not go to 100% never ends; add `Step::scale` to 100%".to_owned()
        })?;
        let mut shifts = self.steps.iter().filter_map(|step| if let Step::Shift { to } = step { Some(*to) } else { None });
        if let Some(to) = shifts.clone().find(|to| *to > all) {
            return refuse(format!("{to} of the traffic is more than there is; shift at most 100%"));
        }
        match shifts.next_back() {
            Some(last) if last != all => refuse(format!(
                "a strategy whose last shift goes to {last} leaves the old release with traffic for ever; shift to 100% last"
            )),
            _ => Ok(()),
        }
    }

    /// Whether what each step asks for finds room in the budget.
    fn fits(&self, desired: u32) -> Result<()> {
        let budget = self.budget(desired);
        let mut before = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let Step::Scale { to, old } = step else { continue };
            let Goal { wanted, others, .. } = self.goal(at, desired);
            ensure(wanted >= before, || {
                format!("step {}, {step}, has {wanted} new, and a step before it {before}; scale up from step to step", at + 1)
            })?;
            before = wanted;
            let all = wanted.saturating_add(others);
            ensure(all <= budget.ceiling, || {
                format!(
                    "step {}, {step}, has {wanted} new and {others} old, and {} may be at once (max_surge {}); allow a max_surge of {}, or let \
                     the old ones follow",
                    at + 1,
                    budget.ceiling,
                    self.max_surge,
                    all - desired.min(all)
                )
            })?;
            ensure(*old != Old::First || budget.floor == 0, || {
                format!(
                    "step {}, scale to {to} once the old are gone, empties the fleet, and {} must stay ready; allow a max_unavailable of \
                     100%, or let the old ones follow",
                    at + 1,
                    budget.floor
                )
            })?;
        }
        let kept = self.goal(self.steps.len(), desired.max(1)).others;
        ensure(self.keep_old.is_zero() || kept > 0, || {
            format!(
                "keep_old {} keeps nothing: by its last step no old instance is left; scale with `Step::scale_beside`, or leave keep_old out",
                Human(self.keep_old)
            )
        })
    }

    /// Whether a pool can carry it, with as many ready behind each share as the floor says.
    fn carries(&self, desired: u32, split: Split, replaces: bool) -> Result<()> {
        let Budget { floor, ceiling, .. } = self.budget(desired);
        if let Split::Weighted { generations, parts } = split {
            ensure(generations > 1 && parts > 1, || {
                format!(
                    "its pool divides traffic into {parts} parts among {generations} releases, and to go from one to another takes two; call its split `Binary`"
                )
            })?;
            let least = self.steps.iter().enumerate().find_map(|(at, step)| match step {
                Step::Shift { to } if to.get() > 0 && u64::from(to.get()) * u64::from(parts) < 100 => Some((at, to)),
                _ => None,
            });
            if let Some((at, to)) = least {
                return refuse(format!(
                    "step {}: {to} of the traffic is less than one of the {parts} parts that its pool divides it into; shift at least {}",
                    at + 1,
                    Percent::known(100_u16.div_ceil(parts))
                ));
            }
        }
        let one_gets_all = match split {
            Split::Weighted { .. } => false,
            Split::Binary => true,
            Split::Pooled => self.shifts(),
        };
        // Whoever gets all must be as many as must be ready, while whoever has all still is.
        ensure(!one_gets_all || !replaces || self.overlaps_not_or(ceiling >= floor.saturating_mul(2)), || {
            format!(
                "its pool gives all traffic to one release, so {floor} old and {floor} new must be ready at once, and {ceiling} may be; use \
                 `Strategy::blue_green`, or allow a max_surge of {}",
                floor.saturating_mul(2).saturating_sub(desired)
            )
        })?;
        for (at, step) in self.steps.iter().enumerate() {
            let Goal { wanted, others, share: (part, whole), .. } = self.goal(at, desired);
            let divided = part > 0 && part < whole;
            if one_gets_all && divided && !step.is_gate() {
                return refuse(match (step, split) {
                    (Step::Shift { to }, Split::Pooled) => format!(
                        "step {}: its pool gives every instance in it the same, so {to} of the traffic cannot be shifted; scale to {to} \
                         instead, as `Strategy::canary` does, or shift 100%, as `Strategy::blue_green` does",
                        at + 1
                    ),
                    _ => format!(
                        "step {}, {step}: its pool gives all traffic to one release, so a part of it would see none; use \
                         `Strategy::blue_green`",
                        at + 1
                    ),
                });
            }
            // A share that its instances could not carry would never be given, or never be taken away; where requests follow the instances there is none.
            let carried = |share: u32, by: u32| u64::from(by) * u64::from(whole) >= u64::from(share) * u64::from(floor);
            ensure(carried(part, wanted), || {
                format!(
                    "step {}: {part}% of the traffic needs {} ready, and {wanted} are there by then; scale further before it",
                    at + 1,
                    (u64::from(part) * u64::from(floor)).div_ceil(u64::from(whole))
                )
            })?;
            ensure(carried(whole - part, others), || {
                format!(
                    "step {}: the old release still has {}% of the traffic, which needs {} ready, and {others} are to be left; shift before \
                     it, or keep the old with `Step::scale_beside`",
                    at + 1,
                    whole - part,
                    (u64::from(whole - part) * u64::from(floor)).div_ceil(u64::from(whole))
                )
            })?;
        }
        Ok(())
    }

    /// Where the old leave first nobody is to be ready meanwhile.
    fn overlaps_not_or(&self, holds: bool) -> bool {
        !self.overlaps() || holds
    }
}

/// Whether a gate can be passed.
fn gate(step: &Step) -> Result<()> {
    if let Some(judge) = step.judge() {
        ensure(!judge.is_empty(), || "a gate whose judge has no name; name one that the controller has".to_owned())?;
    }
    match step {
        Step::Bake { lasting } => ensure(!lasting.is_zero(), || "a bake of 0s holds nothing; leave it out".to_owned()),
        Step::Check(Check { judge, timeout, .. }) => {
            ensure(!timeout.is_zero(), || format!("`{judge}` has no time to check; allow more than 0s"))
        }
        Step::Analyse(Analyse { judge, lasting, every, .. }) => {
            ensure(!every.is_zero(), || format!("`{judge}` would be asked every 0s; ask less often"))?;
            ensure(lasting >= every, || {
                format!("`{judge}` judges for {} and is asked every {}; last at least as long", Human(*lasting), Human(*every))
            })
        }
        Step::Approve(Approve { by, least, timeout, .. }) => {
            ensure(timeout.is_none_or(|timeout| !timeout.is_zero()), || {
                "nobody can approve within 0s; allow more, or leave the time out to wait as long as it takes".to_owned()
            })?;
            let people = u32::try_from(by.len()).unwrap_or(u32::MAX);
            ensure(*least > 0 && *least <= people, || {
                format!("{least} of {people} people must approve; ask for at least 1, and at most as many as are named")
            })
        }
        Step::Scale { .. } | Step::Shift { .. } | Step::EachZone(_) | Step::Zone { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests;
