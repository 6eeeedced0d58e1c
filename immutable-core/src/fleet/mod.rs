//! One service in one place, and the values that the engine and the providers speak: generations, instances, views, calls.
//!
//! - [`Fleet`]: what is wanted of a service. [`LaunchTemplate`]: how its machines are made.
//! - [`GenerationSpec`]: an immutable set of groups of one [`Release`]. Only its sizes, traffic and [`Upkeep`] ever change.
//! - [`Observation`]: what one look at a fleet returned.
//! - [`Op`], [`Resize`]: what a provider is asked to do.

mod drift;
mod generation;
mod op;
mod template;
mod traffic;
mod view;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::artifact::{Place, PlaceError};
use crate::error::{Error, Result};
use crate::id::{PoolId, SourceId, StreamId, Zone, read_text};
use crate::time::{human, human_option};

pub use drift::{Drift, Drifted, OnDrift};
pub use generation::{GenerationId, GenerationSpec, GroupId, GroupSpec, Placement, Release, Upkeep};
pub use op::{
    Destroyed, Ensured, FailureClass, Finding, FleetCapabilities, Heals, Op, Refusal, Resize, Resized, Ticket, TicketState,
    Trouble,
};
pub use template::{LaunchTemplate, TemplateChange};
pub use traffic::{
    Drains, POOL_CHECK, Route, RouteTag, Routed, Split, TargetSeen, TargetState, TrafficCapabilities, TrafficSeen,
};
pub use view::{
    Coverage, Evidence, GroupSeen, GroupState, Health, Held, Incident, Instance, Life, Observation, Stranger, Verdict, Working,
};

/// A fleet's identity: its place and its name. In text `aws/123456789012/us-east-1/web`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FleetId {
    place: Place,
    name: Arc<str>,
}

impl FleetId {
    /// The fleet of this name in a place.
    pub fn new(place: Place, name: impl Into<Arc<str>>) -> Self {
        Self { place, name: name.into() }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stream that is its journal.
    pub fn stream(&self) -> StreamId {
        self.stream_of("fleet")
    }

    /// The stream that commands for it go to.
    pub fn inbox(&self) -> StreamId {
        self.stream_of("inbox")
    }

    /// Each look names one: it is made in one piece.
    fn stream_of(&self, kind: &str) -> StreamId {
        let place = &self.place;
        StreamId::new([kind, place.provider(), place.scope(), place.region(), &self.name].join("/"))
    }
}

impl fmt::Display for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.place, f)?;
        f.write_str("/")?;
        f.write_str(&self.name)
    }
}

impl fmt::Debug for FleetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for FleetId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for FleetId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| {
            let (place, name) = text.rsplit_once('/').ok_or_else(|| format!("`{text}` is not a fleet's id"))?;
            Ok::<_, String>(Self::new(place.parse().map_err(|why: PlaceError| why.to_string())?, name))
        })
    }
}

/// What is wanted of one service in one place: how many machines, made how, and when one counts as ready.
///
/// ```
/// use immutable_core::{Fleet, Place};
/// use std::time::Duration;
///
/// let fleet = Fleet::new("web", Place::new("aws", "123456789012", "us-east-1")?)
///     .size(12)
///     .min_ready(Duration::from_secs(30));
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    id: FleetId,
    size: Option<u32>,
    #[serde(with = "human")]
    min_ready: Duration,
    #[serde(with = "human")]
    boot_deadline: Duration,
    #[serde(default, with = "human_option", skip_serializing_if = "Option::is_none")]
    typical_boot: Option<Duration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    required_sources: Vec<SourceId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    zones: Vec<Zone>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pool: Option<PoolId>,
    upkeep: Upkeep,
    template: LaunchTemplate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<Follows>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    on_drift: BTreeMap<Drift, OnDrift>,
}

/// Who says how many instances a fleet should have, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follows {
    /// The source's name.
    pub source: Arc<str>,
    /// However few it says.
    pub least: u32,
    /// However many it says.
    pub most: u32,
}

impl Follows {
    /// The size that follows from what the source says.
    pub fn size(&self, says: u32) -> u32 {
        says.max(self.least).min(self.most)
    }
}

impl Fleet {
    /// A fleet whose [`size`](Self::size) is still to be said, with an empty template, ready after 10 s of health, 10 min to boot, healed by its provider.
    ///
    /// A name is lower-case letters, digits and `-`, begins with a letter and has at most 50 characters; another is refused
    /// when a plan is made.
    pub fn new(name: impl Into<Arc<str>>, place: Place) -> Self {
        Self {
            id: FleetId::new(place, name),
            size: None,
            min_ready: Duration::from_secs(10),
            boot_deadline: Duration::from_secs(600),
            typical_boot: None,
            required_sources: Vec::new(),
            zones: Vec::new(),
            pool: None,
            upkeep: Upkeep::default(),
            template: LaunchTemplate::default(),
            follows: None,
            on_drift: BTreeMap::new(),
        }
    }

    /// How many instances it should have. Must be said, also if it is 0: a plan for a fleet without it is refused, unless it
    /// [follows](Self::follows) somebody.
    #[must_use]
    pub fn size(mut self, instances: u32) -> Self {
        self.size = Some(instances);
        self
    }

    /// Has as many instances as this source of the controller says, within these bounds: who says it is the one owner of its size, and nobody else can
    /// [resize](crate::Rollout::resize) it. A source that is silent changes nothing; one that is silent when a plan is made leaves it at the size that is
    /// [said](Self::size) besides, without which there is no plan then.
    #[must_use]
    pub fn follows(mut self, source: impl Into<Arc<str>>, bounds: RangeInclusive<u32>) -> Self {
        self.follows = Some(Follows { source: source.into(), least: *bounds.start(), most: *bounds.end() });
        self
    }

    /// What follows when somebody else has changed this about it. What may follow, and does if nothing is said, is the drift's to
    /// [say](Drift::choices).
    #[must_use]
    pub fn on_drift(mut self, what: Drift, then: OnDrift) -> Self {
        self.on_drift.insert(what, then);
        self
    }

    /// How its machines are made.
    #[must_use]
    pub fn template(mut self, template: LaunchTemplate) -> Self {
        self.template = template;
        self
    }

    /// How long an instance must be healthy before it counts as ready.
    #[must_use]
    pub fn min_ready(mut self, healthy_for: Duration) -> Self {
        self.min_ready = healthy_for;
        self
    }

    /// How long an instance may take from being first seen to being healthy, and how long is waited for one that was asked for to be
    /// seen. After it, it counts as down.
    #[must_use]
    pub fn boot_deadline(mut self, at_most: Duration) -> Self {
        self.boot_deadline = at_most;
        self
    }

    /// How long an instance usually takes from being asked for to being healthy. Only what a plan [says](crate::rollout::Takes) of its time, and some of
    /// its warnings, rest on it. Without it a plan reckons with anything up to the boot deadline.
    #[must_use]
    pub fn typical_boot(mut self, takes: Duration) -> Self {
        self.typical_boot = Some(takes);
        self
    }

    /// The health sources that must all say healthy. Without any named, all that the provider reports, and at least one. [`POOL_CHECK`] is what the fleet's
    /// pool says.
    #[must_use]
    pub fn required_sources(mut self, sources: impl IntoIterator<Item = SourceId>) -> Self {
        self.required_sources = sources.into_iter().collect();
        self
    }

    /// Spreads each generation over zones, one group each. Without zones the provider places instances in the region.
    #[must_use]
    pub fn zones(mut self, zones: impl IntoIterator<Item = Zone>) -> Self {
        self.zones = zones.into_iter().collect();
        self
    }

    /// Gets its requests from this pool of a load balancer, which must be there, and which no other fleet may use. Without one nobody is told where
    /// requests should go.
    #[must_use]
    pub fn pool(mut self, pool: impl Into<PoolId>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// What the provider may do to a proven generation by itself.
    #[must_use]
    pub fn upkeep(mut self, upkeep: Upkeep) -> Self {
        self.upkeep = upkeep;
        self
    }

    /// Its identity.
    pub fn id(&self) -> &FleetId {
        &self.id
    }

    /// How many instances it should have; 0 if that was not said.
    pub fn desired(&self) -> u32 {
        self.size.unwrap_or(0)
    }

    /// Whether its size was said.
    pub(crate) fn is_sized(&self) -> bool {
        self.size.is_some()
    }

    /// How its machines are made.
    pub fn launch_template(&self) -> &LaunchTemplate {
        &self.template
    }

    /// When an instance counts as ready, and as down.
    pub fn health(&self) -> HealthPolicy<'_> {
        HealthPolicy { min_ready: self.min_ready, boot_deadline: self.boot_deadline, required_sources: &self.required_sources }
    }

    /// How long an instance usually takes to be healthy, if that was said.
    pub(crate) fn boots_in(&self) -> Option<Duration> {
        self.typical_boot
    }

    /// Where its groups go.
    pub fn placements(&self) -> Vec<Placement> {
        if self.zones.is_empty() { vec![Placement::Region] } else { self.zones.iter().cloned().map(Placement::Zone).collect() }
    }

    /// Its zones, in the order in which they were named.
    pub(crate) fn zone_names(&self) -> &[Zone] {
        &self.zones
    }

    /// Where its requests come from.
    pub fn traffic_pool(&self) -> Option<&PoolId> {
        self.pool.as_ref()
    }

    /// What the provider may do to a proven generation by itself.
    pub fn specified_upkeep(&self) -> Upkeep {
        self.upkeep
    }

    /// Who says how many instances it should have, if somebody does.
    pub fn follows_whom(&self) -> Option<&Follows> {
        self.follows.as_ref()
    }

    /// What follows when somebody else has changed this about it.
    pub fn drift(&self, what: Drift) -> OnDrift {
        self.on_drift.get(&what).copied().unwrap_or_else(|| what.default_choice())
    }

    /// Whether everything that was set can work.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming what cannot.
    pub fn check(&self) -> Result<()> {
        let name = &*self.id.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.len() > 50 || !name.chars().all(plain) {
            return Err(Error::invalid(format!(
                "`{name}` is not a fleet's name; use up to 50 lower-case letters, digits and `-`, beginning with a letter"
            )));
        }
        if self.size.is_none() {
            return Err(Error::invalid(format!("fleet {name} has no size; say size(n), also if it is to be empty")));
        }
        if let Some(Follows { source, least, most }) = self.follows.as_ref().filter(|follows| follows.least > follows.most) {
            return Err(Error::invalid(format!(
                "fleet {name} follows `{source}` from {least} to {most} instances, which no size is; name the smaller bound first"
            )));
        }
        if let Some(Follows { source, least, most }) = &self.follows {
            if source.trim().is_empty() {
                return Err(Error::invalid(format!(
                    "fleet {name} follows a source without a name; use the one that it has in `Controller::sizes`"
                )));
            }
            if let Some(size) = self.size.filter(|size| self.is_sized() && !(least..=most).contains(&size)) {
                return Err(Error::invalid(format!(
                    "fleet {name} follows `{source}` from {least} to {most} instances, and its size meanwhile is {size}; say one of those"
                )));
            }
            if self.drift(Drift::Size) == OnDrift::Absorb {
                return Err(Error::invalid(format!(
                    "the size of fleet {name} is what `{source}` says, so a size that somebody else sets cannot be absorbed; have it `Restore`d, or \
                     `Pause`"
                )));
            }
        }
        self.on_drift
            .iter()
            .try_for_each(|(what, then)| what.check(*then).map_err(|why| Error::invalid(format!("fleet {name}: {why}"))))?;
        if self.boot_deadline.is_zero() {
            return Err(Error::invalid(format!(
                "the boot deadline of fleet {name} is 0, so no instance can ever meet it; allow at least as long as a boot takes"
            )));
        }
        if let Some(zone) =
            self.zones.iter().enumerate().find_map(|(at, zone)| self.zones.iter().take(at).find(|other| *other == zone))
        {
            return Err(Error::invalid(format!("fleet {name} names zone {zone} twice; name each once")));
        }
        if self.zones.len() > usize::from(u16::MAX) {
            return Err(Error::invalid(format!(
                "fleet {name} names {} zones; at most {} are possible",
                self.zones.len(),
                u16::MAX
            )));
        }
        Ok(())
    }
}

/// When an instance counts as ready, and as down.
#[derive(Clone, Copy, Debug)]
pub struct HealthPolicy<'a> {
    /// How long it must be healthy.
    pub min_ready: Duration,
    /// How long it may take to become healthy.
    pub boot_deadline: Duration,
    /// The sources that must all say so; empty: all that are reported, and at least one.
    pub required_sources: &'a [SourceId],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::new("memory", "local", "local").unwrap()
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let check = |fleet: Fleet| fleet.check().unwrap_err().to_string();
        assert!(check(Fleet::new("Web", place())).contains("`Web` is not a fleet's name"));
        assert!(check(Fleet::new("web", place())).contains("has no size"));
        assert!(check(Fleet::new("", place())).contains("beginning with a letter"));
        assert!(
            check(Fleet::new("web", place()).size(1).boot_deadline(Duration::ZERO)).contains("boot deadline of fleet web is 0")
        );
        assert!(check(Fleet::new("web", place()).size(1).zones(["a".into(), "b".into(), "a".into()])).contains("zone a twice"));
    }

    #[test]
    fn it_survives_json() {
        let fleet = Fleet::new("web", place()).size(3).zones(["a".into()]).required_sources(["elb".into()]);
        let json = serde_json::to_string(&fleet).unwrap();
        assert!(json.contains(r#""boot_deadline":"10m""#), "{json}");
        assert_eq!(serde_json::from_str::<Fleet>(&json).unwrap(), fleet);
    }
}
