//! Rule 8: what is not known is neither health nor illness.

use super::{Scene, Verdict};
use crate::fleet::FailureClass;
use crate::rollout::{Event, MAX_VIEW_AGE, Recorded};

/// What is noted was so, within the age of a view.
pub(super) fn noted(scene: &Scene, recorded: &Recorded) -> Verdict {
    let Event::Noted(noted) = &recorded.event else { return Ok(()) };
    let (from, to) = (recorded.at - MAX_VIEW_AGE, recorded.at);
    let lied = scene.lied_within(from, to);
    let machine = |key| scene.truth.machines.get(key).ok_or_else(|| format!("{key} never was"));
    for key in noted.healthy.values().flatten() {
        if !machine(key)?.healthy_within(from, to) {
            return Err(format!("{key} is taken for healthy, and was not"));
        }
    }
    for key in noted.unhealthy.values().flatten() {
        if machine(key)?.healthy_throughout(from) && !lied {
            return Err(format!("{key} is taken for unhealthy, and was healthy"));
        }
    }
    for key in noted.gone.values().flatten() {
        if machine(key)?.gone.is_none_or(|gone| gone > to) {
            return Err(format!("{key} is taken for gone, and is there"));
        }
    }
    for charge in &noted.charged {
        let Some(key) = &charge.instance else { continue };
        if machine(key)?.healthy_throughout(from) && !lied && charge.class != FailureClass::Platform {
            return Err(format!("{key} is charged ({}), and was healthy", charge.what));
        }
    }
    Ok(())
}
