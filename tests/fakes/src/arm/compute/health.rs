//! What the health extension says: "Using Application Health extension with Virtual Machine Scale Sets".

use serde_json::Value;

use super::super::asked::{at, list, text};
use super::super::world::SECOND;
use super::machine::Machine;

/// The extension of a scale set's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Version 1: healthy or unhealthy.
    Binary,
    /// Version 2: those, and initializing and unknown; for so long it may initialize, in milliseconds.
    Rich { grace: u64 },
}

impl Probe {
    /// The extension of a `virtualMachineProfile`.
    pub(crate) fn of(profile: &Value) -> Option<Self> {
        let known = |extension: &&Value| {
            text(extension, "properties.publisher").eq_ignore_ascii_case("Microsoft.ManagedServices")
                && text(extension, "properties.type").to_ascii_lowercase().starts_with("applicationhealth")
        };
        let extension = list(profile, "extensionProfile.extensions").iter().find(known)?;
        if !text(extension, "properties.typeHandlerVersion").starts_with('2') {
            return Some(Self::Binary);
        }
        let said = |field: &str| at(extension, &format!("properties.settings.{field}")).and_then(Value::as_u64);
        // Without one it is the interval times the number of probes.
        let grace = said("gracePeriod").unwrap_or(said("intervalInSeconds").unwrap_or(5) * said("numberOfProbes").unwrap_or(1));
        Some(Self::Rich { grace: grace.saturating_mul(SECOND) })
    }
}

impl Machine {
    /// What the extension has found, if it takes so long to see what is: since when, and the code behind `HealthState/`.
    pub(crate) fn reported(&self, now: u64, check: u64) -> Option<(u64, &'static str)> {
        let probe = self.probe?;
        let ready = self.settled.0.checked_add(check)?;
        let ran = self.runs_at?;
        // Who does not run does not report: what was last known goes stale, and is "unknown".
        if let Some(at) = self.stopped_at.filter(|at| at + check <= now) {
            return Some((at + check, "unknown"));
        }
        let known = self.health.iter().rev().find(|(at, _)| (*at).max(self.settled.0) + check <= now);
        if let Some((at, well)) = known {
            return Some((at + check, if *well { "healthy" } else { "unhealthy" }));
        }
        match probe {
            // Who does not answer is unhealthy: there is no third state.
            Probe::Binary => (ready <= now).then_some((ready, "unhealthy")),
            Probe::Rich { .. } if now < ran => None,
            Probe::Rich { grace } if now < ready + grace => Some((ran, "initializing")),
            Probe::Rich { grace } => Some((ready + grace, "unknown")),
        }
    }
}
