//! What a strategy says of the fleet's zones: how many must serve in each, and one after the other.

use super::{Amount, EachZone, OnResize, Step, Strategy};
use crate::error::{Error, Result};
use crate::fleet::Split;
use crate::id::Zone;

/// How many of a fleet are in the first `nth` of its zones if it is spread evenly: the first have what does not divide.
pub(crate) fn part_of_first(desired: u32, nth: u16, of: u16) -> u32 {
    let (nth, of) = (u32::from(nth.min(of)), u32::from(of.max(1)));
    (desired / of) * nth + (desired % of).min(nth)
}

impl Strategy {
    /// How many must be ready in each of so many zones.
    pub(crate) fn zone_floor(&self, desired: u32, zones: usize) -> u32 {
        let part = part(desired, zones);
        self.max_unavailable_per_zone.map_or(0, |amount| part.saturating_sub(amount.down(part)))
    }

    /// In how many of the fleet's zones a step lets something be launched; `None` if in all.
    pub(crate) fn open_zones(&self, step: usize) -> Option<u16> {
        let mut steps = self.steps.iter().take(step.saturating_add(1)).rev();
        steps.find_map(|step| if let Step::Zone { nth, .. } = step { Some(*nth) } else { None })
    }

    /// One zone after the other, if it is not yet known which these are.
    pub(super) fn each_zone(&mut self) -> Option<&mut EachZone> {
        self.steps.iter_mut().find_map(|step| if let Step::EachZone(zones) = step { Some(zones) } else { None })
    }

    /// With the steps for these zones, of a fleet that is called so.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if it is for zones and the fleet has none, or others, or if its steps do not go together.
    pub(crate) fn in_zones(&self, zones: &[Zone], fleet: &str) -> Result<Self> {
        let refuse = |why: String| Err(Error::invalid(why));
        let mut planned = self.clone();
        planned.steps = self
            .steps
            .iter()
            .flat_map(|step| match step {
                Step::EachZone(each) => each.steps(zones),
                step => vec![step.clone()],
            })
            .collect();
        if self.max_unavailable_per_zone.is_some() && zones.is_empty() {
            return refuse(format!(
                "max_unavailable_per_zone is set and fleet {fleet} has no zones, its provider places it in the region; name them with `Fleet::zones`, or use \
                 `Strategy::max_unavailable` alone"
            ));
        }
        let by_zone = |step: &&Step| matches!(step, Step::EachZone(_) | Step::Zone { .. });
        let Some(first) = self.steps.iter().find(by_zone) else {
            return Ok(planned);
        };
        if zones.len() < 2 {
            let has = zones
                .first()
                .map_or_else(|| "no zones, its provider places it in the region".to_owned(), |zone| format!("zone {zone} alone"));
            return refuse(format!(
                "it goes from zone to zone and fleet {fleet} has {has}; name at least 2 with `Fleet::zones`, or use `Strategy::rolling` or `Strategy::canary`"
            ));
        }
        let steps = planned
            .steps
            .iter()
            .filter_map(|step| if let Step::Zone { zone, nth, of } = step { Some((zone, *nth, *of)) } else { None });
        let of = u16::try_from(zones.len()).unwrap_or(u16::MAX);
        if !steps.eq(zones.iter().zip(1..=of).map(|(zone, nth)| (zone, nth, of))) {
            let named: Vec<_> = zones.iter().map(ToString::to_string).collect();
            return refuse(format!(
                "its steps are not one for each zone of fleet {fleet}, in their order: {}; use `Strategy::zone_by_zone`",
                named.join(", ")
            ));
        }
        let other = |step: &&Step| matches!(step, Step::Scale { .. } | Step::Shift { .. });
        if let Some(other) = planned.steps.iter().find(other) {
            return refuse(format!(
                "it goes from zone to zone ({first}) and has a step besides, {other}: each zone is replaced as room allows and gets its requests with its instances; \
                 leave that out, or use `Strategy::canary` for shares, `Strategy::blue_green` to shift requests"
            ));
        }
        if self.on_resize == OnResize::NewFirst {
            return refuse(
                "what is added would all be in the zones that are replaced by then (on_resize new_first); use `OnResize::Proportional` or `OnResize::Freeze`".to_owned(),
            );
        }
        Ok(planned)
    }

    /// Whether it can go on in a fleet of this size in so many zones.
    pub(crate) fn fits_zones(&self, desired: u32, zones: usize, split: Option<Split>) -> Result<()> {
        let (Some(amount), budget) = (self.max_unavailable_per_zone, self.budget(desired)) else {
            return Ok(());
        };
        let (part, floor) = (part(desired, zones), self.zone_floor(desired, zones));
        if floor == 0 {
            return Ok(());
        }
        if !self.overlaps() {
            return Err(Error::invalid(format!(
                "the old leave first, and {floor} must stay ready in each zone (max_unavailable_per_zone {amount}); allow 100%, or let the old ones follow"
            )));
        }
        if budget.ceiling == desired && amount.down(part) == 0 {
            let amount = match amount {
                Amount::Count(count) => count.to_string(),
                Amount::Percent(_) => format!("{amount} (0 of {part})"),
            };
            return Err(Error::invalid(format!(
                "max_surge 0 and max_unavailable_per_zone {amount} cannot replace anything; allow one of them at least 1"
            )));
        }
        let alone = match split {
            Some(Split::Binary) => true,
            Some(Split::Pooled) => self.shifts(),
            Some(Split::Weighted { .. }) | None => false,
        };
        let zones = u32::try_from(zones).unwrap_or(u32::MAX);
        let all = floor.saturating_mul(zones).max(budget.floor);
        if alone && budget.ceiling < all.saturating_mul(2) {
            return Err(Error::invalid(format!(
                "its pool gives all traffic to one release, and {floor} must be ready in each of {zones} zones (max_unavailable_per_zone {amount}), so {all} old and {all} new \
                 must be ready at once, and {} may be; allow a max_surge of {}",
                budget.ceiling,
                all.saturating_mul(2).saturating_sub(desired)
            )));
        }
        Ok(())
    }
}

/// The part of the fleet that each zone has at least, if it is spread evenly.
fn part(desired: u32, zones: usize) -> u32 {
    desired.checked_div(u32::try_from(zones).unwrap_or(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn zone_by_zone_it_comes_to_all_of_the_fleet_also_before_its_zones_are_known() {
        let strategy = Strategy::zone_by_zone(Duration::from_secs(300));
        let planned = strategy.in_zones(&["a", "b", "c"].map(Into::into), "web").unwrap();
        let goal = |strategy: &Strategy| strategy.goal(strategy.steps.len(), 12);
        assert_eq!((goal(&planned).wanted, goal(&planned).others), (12, 0));
        assert_eq!(goal(&strategy), goal(&planned));
    }
}
