//! A plan for people: what changes, what it takes, what of it is unwise, and what happens if it fails.

use std::fmt;

use super::{Plan, Wanted};
use crate::rollout::budget::Amount;
use crate::rollout::envelope::Envelope;
use crate::rollout::lint;
use crate::rollout::report::Feasibility;
use crate::rollout::strategy::{Hedge, Old, OnFirstFailure, Shortage, Step, Strategy};
use crate::time::Human;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let budget = self.budget();
        let health = self.fleet.health();
        writeln!(f, "fleet {}", self.fleet.id())?;
        match &self.from {
            Some(from) => writeln!(f, "- {from} ({:#})", from.digest)?,
            None => writeln!(f, "- nothing proven")?,
        }
        let generation = self.wanted.id().name(self.fleet.id());
        let made = if matches!(self.wanted, Wanted::New(_)) { "new" } else { "there already" };
        writeln!(f, "+ {} ({:#}) as generation {generation}, {made}", self.to, self.to.digest)?;
        for amiss in &self.sets_right {
            writeln!(f, "! {amiss}: this sets it right")?;
        }
        if let Some(running) = self.basis.running {
            writeln!(f, "! rollout {running} runs: this one takes its place")?;
        }
        for change in &self.template_changes {
            writeln!(f, "~ template {change}")?;
        }
        if self.basis.desired != budget.desired {
            writeln!(f, "~ size {} → {}", self.basis.desired, budget.desired)?;
        }
        let Strategy { max_surge, max_unavailable, max_failed, probe_attempts, .. } = &self.strategy;
        let shown = |amount: &Amount, count: u32| match amount {
            Amount::Count(count) => count.to_string(),
            Amount::Percent(_) => format!("{amount} = {count}"),
        };
        writeln!(
            f,
            "  {} instances: at least {} ready, at most {} in all (max_unavailable {}, max_surge {})",
            budget.desired,
            budget.floor,
            budget.ceiling,
            shown(max_unavailable, max_unavailable.down(budget.desired)),
            shown(max_surge, max_surge.up(budget.desired)),
        )?;
        if let Some(amount) = &self.strategy.max_unavailable_per_zone {
            let zones = self.fleet.zone_names().len();
            let floor = self.strategy.zone_floor(budget.desired, zones);
            writeln!(f, "  of them at least {floor} ready in each of {zones} zones (max_unavailable_per_zone {amount})")?;
        }
        writeln!(
            f,
            "  {} tried alone; ready after {} of health, down after {} without; given up once more than {} failed",
            if *probe_attempts == 1 { "one instance is".to_owned() } else { format!("up to {probe_attempts} instances are") },
            Human(health.min_ready),
            Human(health.boot_deadline),
            shown(max_failed, max_failed.down(budget.desired)),
        )?;
        if let Some(Hedge { spares, after }) = &self.strategy.hedge {
            let spares = shown(spares, budget.spares);
            writeln!(
                f,
                "  besides, beside each that boots for longer than {} a spare: at most {spares} at a time",
                Human(*after)
            )?;
        }
        if self.strategy.on_shortage == Shortage::Wait {
            writeln!(f, "  a zone without machines is waited for: nothing goes elsewhere")?;
        }
        if let Some(deadline) = self.strategy.rollout_deadline {
            writeln!(f, "  it goes back if it has not succeeded within {}", Human(deadline))?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            match &step.step {
                Step::Scale { old, .. } => {
                    let first = if *old == Old::First { ", once these are gone" } else { "" };
                    write!(f, "  step {}: {} of the new, {} of the old{first}", number + 1, step.wanted, step.leaving)?;
                    if let Some((part, _)) = step.share.filter(|_| self.strategy.shifts()) {
                        write!(f, ", the new with {part}% of the requests")?;
                    }
                    let Envelope { ready_at_least, live_at_most, .. } = step.envelope;
                    if (ready_at_least, live_at_most) != (budget.floor, budget.most()) {
                        write!(f, "; at least {ready_at_least} ready, at most {live_at_most} in all")?;
                    }
                    writeln!(f)?;
                }
                Step::Zone { .. } => {
                    write!(f, "  step {}: {}: {} of the new, {} of the old", number + 1, step.step, step.wanted, step.leaving)?;
                    let Envelope { ready_at_least, live_at_most, .. } = step.envelope;
                    if (ready_at_least, live_at_most) != (budget.floor, budget.ceiling) {
                        write!(f, "; at least {ready_at_least} ready, at most {live_at_most} in all")?;
                    }
                    writeln!(f)?;
                }
                other => writeln!(f, "  step {}: {other}", number + 1)?,
            }
        }
        if let Some(pool) = self.fleet.traffic_pool() {
            writeln!(f, "  requests come from pool {pool}")?;
        }
        let (kept, keep) = (self.kept(), self.strategy.keep_old);
        if kept > 0 && !keep.is_zero() {
            writeln!(f, "  then the old are kept for {} ({} machine-hours)", Human(keep), lint::hours(kept, keep))?;
        }
        let Envelope { headroom, launches, terminations, calls, takes, .. } = self.envelope;
        writeln!(
            f,
            "  while nothing fails: {launches} launched and {terminations} terminated by at most {calls} calls, with room for {headroom} more than \
             now, in {takes}"
        )?;
        for finding in &self.findings {
            writeln!(f, "  note: {}", finding.what)?;
        }
        for warning in &self.warnings {
            writeln!(f, "  warn: {warning}")?;
        }
        write!(f, "  if it fails: {}", self.undone())
    }
}

impl Plan {
    fn undone(&self) -> String {
        match (&self.from, self.strategy.on_first_failure) {
            (Some(_), _) if let (Feasibility::Impossible(why), Some(_)) = (&self.rollback, &self.to.irreversible) => {
                format!("once something was launched it asks: {why}")
            }
            (Some(from), _) => format!("back to {from} under the same budget ({})", self.rollback),
            (None, OnFirstFailure::TearDown) => "what was launched is removed; nothing is proven to go back to".to_owned(),
            (None, OnFirstFailure::Hold) => "it stays as it is and asks; nothing is proven to go back to".to_owned(),
        }
    }
}
