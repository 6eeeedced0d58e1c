//! What is too much: the compute provider counts calls by groups of operations, in windows of three and of thirty minutes ("Troubleshooting API
//! throttling errors").

use serde_json::json;

use super::asked::Asked;
use super::error::{ArmError, Result};
use super::world::{MINUTE, World, time};

/// How many reads of scale sets are allowed, and how many there were. AKS#1187, kubernetes#93796.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// In three minutes, and in thirty; nothing is counted without.
    pub(crate) allowed: Option<(u64, u64)>,
    three: Window,
    thirty: Window,
}

#[derive(Debug, Default)]
struct Window {
    until: u64,
    seen: u64,
}

impl Window {
    /// Counts a call. What is refused is counted, too: azurerm#7694.
    fn count(&mut self, now: u64, length: u64) {
        if self.until <= now {
            *self = Self { until: (now / length + 1) * length, seen: 0 };
        }
        self.seen += 1;
    }
}

const DEAR: &[&str] = &["virtualMachineScaleSets.get", "virtualMachineScaleSets.list", "virtualMachineScaleSetVMs.list"];

impl World {
    /// Counts a call, and refuses it, if it was one too many. What is left is told in a header.
    pub(crate) fn count(&mut self, asked: &Asked) -> Result<Option<(String, String)>> {
        let Some((three, thirty)) = self.throttle.allowed.filter(|_| DEAR.contains(&asked.row.call)) else { return Ok(None) };
        let now = self.now;
        self.throttle.three.count(now, 3 * MINUTE);
        self.throttle.thirty.count(now, 30 * MINUTE);
        let groups = [
            ("HighCostGetVMScaleSet3Min", three, &self.throttle.three),
            ("HighCostGetVMScaleSet30Min", thirty, &self.throttle.thirty),
        ];
        let left: Vec<String> = groups
            .iter()
            .map(|(group, allowed, window)| format!("Microsoft.Compute/{group};{}", allowed.saturating_sub(window.seen)))
            .collect();
        let left = ("x-ms-ratelimit-remaining-resource".to_owned(), left.join(","));
        let over: Vec<_> = groups.iter().filter(|(_, allowed, window)| window.seen > *allowed).collect();
        let Some(until) = over.iter().map(|(_, _, window)| window.until).max() else { return Ok(Some(left)) };
        let details = over.iter().map(|(group, allowed, window)| {
            let inside = json!({ "operationGroup": group, "startTime": time(now), "endTime": time(window.until), "allowedRequestCount": allowed, "measuredRequestCount": window.seen });
            ("TooManyRequests".to_owned(), inside.to_string(), Some((*group).to_owned()))
        });
        let mut refused = super::error::error(
            429,
            "OperationNotAllowed",
            "The server rejected the request because too many requests have been received for this subscription.",
        );
        refused.details = details.collect();
        refused.headers.push(left);
        // Sometimes without: azurerm#19146.
        if self.settings.retry_after.is_some() {
            refused.headers.push(("retry-after".into(), (until.saturating_sub(now)).div_ceil(1000).to_string()));
        }
        Err(ArmError { ..refused })
    }
}
