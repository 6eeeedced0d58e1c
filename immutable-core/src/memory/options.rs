use std::sync::Arc;
use std::time::Duration;

use super::MemoryCloud;
use super::catalog::Account;
use super::random::Delay;
use crate::artifact::Place;
use crate::fleet::{Drains, FleetCapabilities, Heals, Split, TrafficCapabilities};
use crate::id::Zone;
use crate::provider::CatalogCapabilities;
use crate::time::Clock;

/// How a [`MemoryCloud`](super::MemoryCloud) is from its first moment on. What changes while it lives is scripted on the cloud itself.
///
/// ```
/// use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
/// use immutable_core::time::VirtualClock;
/// use std::time::Duration;
///
/// let cloud = MemoryCloud::with(
///     MemoryOptions::seeded(7)
///         .clock(VirtualClock::default())
///         .zones(["a", "b"])
///         .boot(Delay::Uniform(Duration::from_secs(20), Duration::from_secs(40)))
///         .latency(Duration::from_millis(200)),
/// );
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryOptions {
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) settings: Settings,
    pub(super) account: Option<Account>,
}

/// The part of the options that is plain data, which is all that the world knows of.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) place: Place,
    pub(super) zones: Vec<Zone>,
    pub(super) boot: Delay,
    pub(super) check: Delay,
    pub(super) drain: Delay,
    pub(super) gone_shown: Duration,
    pub(super) latency: Delay,
    pub(super) operations_take: Duration,
    pub(super) heals: Heals,
    pub(super) heal_after: Duration,
    pub(super) boot_grace: Duration,
    pub(super) capacity_retry: Duration,
    pub(super) remember: Duration,
    pub(super) guarded: bool,
    pub(super) group_size_max: u32,
    pub(super) split: Split,
    pub(super) settle: Duration,
    pub(super) sticky: Duration,
    pub(super) probes_unrouted: bool,
    pub(super) copies_take: Delay,
    pub(super) deprecates: bool,
    pub(super) disables: bool,
    pub(super) effects: usize,
}

impl MemoryOptions {
    /// The defaults, and everything drawn from this seed: the same seed and the same calls give the same cloud.
    pub fn seeded(seed: u64) -> Self {
        Self {
            clock: None,
            settings: Settings {
                seed,
                place: Place::memory(),
                zones: ["a", "b", "c"].map(Zone::from).into(),
                boot: Delay::LogNormal { median: Duration::from_secs(60), sigma: 0.3 },
                check: Delay::Constant(Duration::from_secs(5)),
                drain: Delay::Constant(Duration::from_secs(10)),
                gone_shown: Duration::from_secs(60),
                latency: Delay::NONE,
                operations_take: Duration::ZERO,
                heals: Heals::Switchable,
                heal_after: Duration::from_secs(30),
                boot_grace: Duration::from_secs(600),
                capacity_retry: Duration::from_secs(30),
                remember: Duration::from_secs(3600),
                guarded: true,
                group_size_max: 100_000,
                split: Split::Weighted { generations: 5, parts: 1000 },
                settle: Duration::from_secs(10),
                sticky: Duration::ZERO,
                probes_unrouted: true,
                copies_take: Delay::Constant(Duration::from_secs(120)),
                deprecates: true,
                disables: true,
                effects: 0,
            },
            account: None,
        }
    }

    /// What tells it the time; [`SystemClock`](crate::time::SystemClock) without.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Where it is; `memory/local/local` without.
    pub fn place(mut self, place: Place) -> Self {
        self.settings.place = place;
        self
    }

    /// Another region of this cloud's account: images can be copied from each to the other. It needs a [place](Self::place) of its own; its clock is that
    /// cloud's, unless it is given one, which must tell the same time.
    pub fn beside(mut self, cloud: &MemoryCloud) -> Self {
        self.account = Some(cloud.world().env.images.account());
        self.clock.get_or_insert_with(|| cloud.clock());
        self
    }

    /// Its zones; `a`, `b` and `c` without, and if none is named.
    pub fn zones(mut self, zones: impl IntoIterator<Item = impl Into<Zone>>) -> Self {
        let zones: Vec<Zone> = zones.into_iter().map(Into::into).collect();
        if !zones.is_empty() {
            self.settings.zones = zones;
        }
        self
    }

    /// From being asked for to running, a twentieth of it until there is anything to show; at least 1 ms; log-normal around 60 s
    /// without.
    pub fn boot(mut self, boot: impl Into<Delay>) -> Self {
        self.settings.boot = boot.into();
        self
    }

    /// From running to the first verdict on an instance's health; 5 s without.
    pub fn check(mut self, check: impl Into<Delay>) -> Self {
        self.settings.check = check.into();
        self
    }

    /// How long an instance takes to leave, and a target to drain; 10 s without, may be none.
    pub fn drain(mut self, drain: impl Into<Delay>) -> Self {
        self.settings.drain = drain.into();
        self
    }

    /// How long what is gone is still shown, at least; up to a quarter longer; 60 s without.
    pub fn gone_shown(mut self, shown: Duration) -> Self {
        self.settings.gone_shown = shown;
        self
    }

    /// How long a call takes, reading or writing; none without. What is written takes effect after half of it.
    pub fn latency(mut self, latency: impl Into<Delay>) -> Self {
        self.settings.latency = latency.into();
        self
    }

    /// Makes the cloud only accept what takes it long (making, resizing and removing groups), and do it this much later;
    /// without, it is done when answered.
    pub fn operations_take(mut self, duration: Duration) -> Self {
        self.settings.operations_take = duration;
        self
    }

    /// Whether it replaces failed instances by itself; if asked to, without.
    pub fn heals(mut self, heals: Heals) -> Self {
        self.settings.heals = heals;
        self
    }

    /// How long after an instance has failed it is replaced, where the cloud heals; 30 s without.
    pub fn heal_after(mut self, delay: Duration) -> Self {
        self.settings.heal_after = delay;
        self
    }

    /// How much longer than its boot an instance that hangs in it may take before it is replaced, where the cloud heals; 10 min without.
    pub fn boot_grace(mut self, grace: Duration) -> Self {
        self.settings.boot_grace = grace;
        self
    }

    /// How often a launch that found no capacity is tried again; every 30 s without.
    pub fn capacity_retry(mut self, every: Duration) -> Self {
        // At an interval of zero the world's time would stand still.
        self.settings.capacity_retry = every.max(Duration::from_millis(1));
        self
    }

    /// Resizes are done whatever the size is by then, and no token is remembered, as of an autoscaling group: a late copy of a raise sets its size once more.
    /// Giving up stays guarded.
    pub fn unguarded(mut self) -> Self {
        self.settings.guarded = false;
        self
    }

    /// How long the answer to a token is remembered; 1 h without.
    pub fn remember(mut self, duration: Duration) -> Self {
        self.settings.remember = duration;
        self
    }

    /// How many instances a group may have; 100,000 without.
    pub fn group_size_max(mut self, instances: u32) -> Self {
        self.settings.group_size_max = instances;
        self
    }

    /// How its pools divide traffic; by weights of 1000 parts between 5 generations without.
    pub fn split(mut self, split: Split) -> Self {
        self.settings.split = split;
        self
    }

    /// How long after its acknowledgement a route is in force; 10 s without.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settings.settle = settle;
        self
    }

    /// How long clients stay with the generation that they came to, counted from when a route that takes of its share is in force; not at all
    /// without. Until then the pool shows a [residue](crate::fleet::TrafficSeen::residue). Who is detached keeps nobody.
    pub fn sticky(mut self, duration: Duration) -> Self {
        self.settings.sticky = duration;
        self
    }

    /// Whether health is checked of targets that get no requests; it is without.
    pub fn probes_unrouted(mut self, probes: bool) -> Self {
        self.settings.probes_unrouted = probes;
        self
    }

    /// How long a copy of an image takes to be made; 2 min without.
    pub fn copies_take(mut self, duration: impl Into<Delay>) -> Self {
        self.settings.copies_take = duration.into();
        self
    }

    /// Whether images can be deprecated; they can without.
    pub fn deprecates(mut self, deprecates: bool) -> Self {
        self.settings.deprecates = deprecates;
        self
    }

    /// Whether images can be disabled through the port; they can without, and in Azure they cannot.
    pub fn disables(mut self, disables: bool) -> Self {
        self.settings.disables = disables;
        self
    }

    /// Keeps the last so many [effects](super::MemoryCloud::effects); none without.
    pub fn effects(mut self, keep: usize) -> Self {
        self.settings.effects = keep;
        self
    }
}

impl Settings {
    pub(super) fn fleet_capabilities(&self) -> FleetCapabilities {
        FleetCapabilities {
            group_size_max: self.group_size_max,
            zonal: true,
            heals: self.heals,
            // Where sizes are compared and tokens remembered, what comes late does nothing.
            request_lifetime: if self.guarded { Duration::ZERO } else { self.latency.most() / 2 },
            adopt: true,
        }
    }

    pub(super) fn traffic_capabilities(&self) -> TrafficCapabilities {
        TrafficCapabilities {
            split: self.split,
            settle: self.settle,
            probes_unrouted: self.probes_unrouted,
            drains: if self.drain.is_none() { Drains::Never } else { Drains::Named },
            request_lifetime: Duration::ZERO,
        }
    }

    pub(super) fn catalog_capabilities(&self) -> CatalogCapabilities {
        CatalogCapabilities { deprecates: self.deprecates, disables: self.disables }
    }
}

/// How the in-memory cloud's machines are made. Unknown fields are refused, as a cloud's own API would.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MemoryTemplate {
    /// How large a machine is; means nothing here, and makes templates differ.
    pub shape: String,
}

impl Default for MemoryTemplate {
    fn default() -> Self {
        Self { shape: "standard".to_owned() }
    }
}

impl MemoryTemplate {
    /// How large a machine is.
    #[must_use]
    pub fn shape(mut self, shape: impl Into<String>) -> Self {
        self.shape = shape.into();
        self
    }
}
