//! What happens in one simulated world, as data: drawn from a seed, shortened after a failure, written into one line.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::mishaps::{Crash, Fate, Wire};
use crate::analysis::Says;
use crate::error::{Error, Result};
use crate::fleet::{Drains, Drift, Heals, OnDrift, Split, TrafficCapabilities};
use crate::id::Zone;
use crate::rollout::{AbortTo, Strategy};

/// One world, and everything that is done to it. Times are in seconds where nothing else is said.
///
/// As JSON it is one line, from which the very same run can be played again.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Script {
    /// What boots, latencies and faults on the wire are drawn from.
    pub seed: u64,
    /// How the cloud is.
    pub cloud: Cloud,
    /// How the fleet is, besides its size.
    pub fleet: FleetTerms,
    /// How it is replaced.
    pub strategy: Strategy,
    /// What the judge of its gates says, if it has any: it is called `judge`, and without this says yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Judging>,
    /// The rollouts, one after the other.
    pub rollouts: Vec<Wish>,
    /// What goes wrong in the world.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbances: Vec<Disturbance>,
    /// What goes wrong on the way to the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// What goes wrong on the way to the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<Wire>,
    /// When the process that drives a rollout dies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<Crash>,
    /// What happens to single calls, by their number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fates: Vec<Fate>,
    /// For how long at least it is kept after the last rollout, if that left it whole: what happens then is of a rollout more than there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
}

/// How the cloud is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Cloud {
    /// The shortest and the longest boot.
    pub boot: (u64, u64),
    /// How long an instance takes to leave.
    pub drain: u64,
    /// The longest latency of a call, in milliseconds.
    pub latency_ms: u64,
    /// How long an accepted operation takes; 0: it is done when answered.
    pub operations_take: u64,
    /// Whether it heals by itself.
    pub heals: Heals,
    /// Whether resizes are done whatever the size is by then, and a copy of one is one more.
    #[serde(default, skip_serializing_if = "is_not")]
    pub unguarded: bool,
    /// The pool that the fleet gets its requests from, if it does. Where instances take time to leave it drains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
}

/// How a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pool {
    /// How it divides requests.
    pub divides: Divides,
    /// How long after its acknowledgement a route is in force.
    pub settle: u64,
}

impl Pool {
    /// One that divides requests so, and in which a route is in force so many seconds after it is acknowledged.
    pub const fn new(divides: Divides, settle: u64) -> Self {
        Self { divides, settle }
    }
}

/// How a pool divides requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Divides {
    /// All attached instances get the same.
    Pooled,
    /// One generation gets all.
    Binary,
    /// By weights, in so many parts.
    Weighted(u16),
}

impl Divides {
    pub(super) fn split(self) -> Split {
        match self {
            Self::Pooled => Split::Pooled,
            Self::Binary => Split::Binary,
            Self::Weighted(parts) => Split::Weighted { generations: 5, parts },
        }
    }
}

impl Cloud {
    /// What its switch can do, if there is a pool.
    pub(super) fn traffic(&self) -> Option<TrafficCapabilities> {
        self.pool.map(|pool| TrafficCapabilities {
            split: pool.divides.split(),
            settle: Duration::from_secs(pool.settle),
            probes_unrouted: true,
            drains: if self.drain > 0 { Drains::Named } else { Drains::Never },
            request_lifetime: Duration::ZERO,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// What a judge says when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Judging {
    /// From which rollout on; before that it says yes.
    pub from: usize,
    /// In the end.
    pub says: Says,
    /// How often it is inconclusive before that.
    pub after: u32,
    /// Every which answer is an error; 0: none is.
    pub errors: u32,
}

impl Judging {
    /// This, from a rollout on, at once.
    pub const fn new(from: usize, says: Says) -> Self {
        Self { from, says, after: 0, errors: 0 }
    }
}

/// How the fleet is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FleetTerms {
    /// Over how many zones it is spread; 0: it is in the region as a whole.
    pub zones: usize,
    /// For how long an instance must be healthy.
    pub min_ready: u64,
    /// By when an instance must be healthy.
    pub boot_deadline: u64,
    /// How often the controller looks.
    pub poll: u64,
    /// Whether it follows a source, which says the size of each rollout's wish and what resizes say besides.
    #[serde(default, skip_serializing_if = "is_not")]
    pub follows: bool,
    /// What follows when somebody else has changed something about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on_drift: BTreeMap<Drift, OnDrift>,
}

/// One rollout: to how many instances of which release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Wish {
    /// How many instances.
    pub size: u32,
    /// How the release is.
    pub release: Release,
    /// How long after the one before it began it takes that one's place, if that runs still. Without it, and of the first one, it begins when nothing runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

impl Wish {
    /// So many of a release like this, when nothing else runs.
    pub const fn new(size: u32, release: Release) -> Self {
        Self { size, release, after: None }
    }

    /// So many seconds after the one before it began, whether that has ended or not.
    #[must_use]
    pub const fn after(self, seconds: u64) -> Self {
        Self { after: Some(seconds), ..self }
    }
}

/// How a release is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Release {
    /// Its instances become healthy, and stay so unless something happens to them.
    Good,
    /// Its instances run, and no check ever passes.
    NeverHealthy,
    /// Its instances hang in their boot.
    NeverBoots,
    /// The one that was proven last, once more.
    Again,
}

/// Something that happens in the world while a rollout runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Disturbance {
    /// During which rollout, counted from 0.
    pub rollout: usize,
    /// How long after its beginning.
    pub at: u64,
    /// What.
    pub what: Trouble,
}

impl Disturbance {
    /// So long after the beginning of a rollout, this.
    pub const fn new(rollout: usize, at: u64, what: Trouble) -> Self {
        Self { rollout, at, what }
    }
}

/// What happens. What lasts names for how many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trouble {
    /// A machine dies: the nth of all, counted round.
    Kill(u32),
    /// A machine is ill: the nth of those that run.
    Sicken(u32, u64),
    /// A machine cannot be terminated.
    Protect(u32, u64),
    /// A machine is found to run another image: somebody has put another in its place, under its name. Later it dies.
    Swap(u32, u64),
    /// There is room for so many machines more than there are, and no more.
    Capacity(u32, u64),
    /// Of the next raise so many never come, and nothing tells of it.
    LaunchesShort(u32),
    /// Of the next raise so many do not come, and nothing tells of it, until they are given up: that moment they do.
    LaunchesLate(u32),
    /// The next raise is done for so many fewer, and says so.
    RaisesShort(u32),
    /// Nothing is known of anybody's health.
    BlackOut(u64),
    /// Nothing is known of the wanted release's health.
    BlackOutOfNew(u64),
    /// Nothing is known of the health of any other release.
    BlackOutOfOld(u64),
    /// Every other look is answered by a replica that lags behind.
    Flicker(u64),
    /// Everybody is said to be unhealthy.
    Lie(u64),
    /// Views lack half of each group, and say so.
    Partial(u64),
    /// Views lack a zone, and say so.
    Silence(u64),
    /// Somebody sets the size of the nth group.
    SetSize(u32, u32),
    /// Somebody deletes the nth group with all that is in it.
    DeleteGroup(u32),
    /// Somebody gives this weight, of a hundred, to the nth generation, and the rest to the next; or all to the nth, where weights are not divided.
    SetWeights(u32, u16),
    /// Looks at the pool lack half of its targets, and say so.
    PartialPool(u64),
    /// Every other look at the pool is answered by a replica that lags behind.
    FlickerPool(u64),
    /// Somebody changes whether the nth group is healed.
    ChangeUpkeep(u32),
    /// Somebody else has the name that the next generation would have.
    TakeName,
    /// The wanted release is revoked.
    Revoke,
    /// A person stops the rollout.
    Abort(AbortTo),
    /// A person gives the fleet another size.
    Resize(u32),
    /// A person lets it rest, and go on so many seconds later.
    Pause(u64),
    /// A person opens the gate that is waited for, if one is.
    Promote,
    /// From now on the nth of Ann, Bob and Eve approves where a gate asks for it.
    Approve(u32),
    /// A person has it try again, once, as soon as somebody is asked.
    Retry,
    /// Nothing of the release that is proven works: its machines are ill, and so are all that come for them.
    Rot(u64),
    /// Of a thousand boots so many hang.
    BootsHang(u32, u64),
    /// There is room for so many machines in zone `a`, and no more.
    ZoneCapacity(u32, u64),
    /// So many operations take so long from when they are accepted.
    OperationsHang(u32, u64),
}

impl Trouble {
    /// To which size it brings the fleet.
    pub(super) fn resizes(&self) -> Option<u32> {
        if let Self::Resize(size) = self { Some(*size) } else { None }
    }

    /// For how long it is there.
    pub fn lasts(&self) -> u64 {
        match *self {
            Self::Sicken(_, seconds)
            | Self::Protect(_, seconds)
            | Self::Swap(_, seconds)
            | Self::Capacity(_, seconds)
            | Self::BlackOut(seconds)
            | Self::BlackOutOfNew(seconds)
            | Self::BlackOutOfOld(seconds)
            | Self::Flicker(seconds)
            | Self::Lie(seconds)
            | Self::Partial(seconds)
            | Self::PartialPool(seconds)
            | Self::FlickerPool(seconds)
            | Self::Pause(seconds)
            | Self::Rot(seconds)
            | Self::BootsHang(_, seconds)
            | Self::ZoneCapacity(_, seconds)
            | Self::Silence(seconds) => seconds,
            // One after the other.
            Self::OperationsHang(operations, seconds) => u64::from(operations) * seconds,
            _ => 0,
        }
    }
}

impl Script {
    /// As one line of JSON.
    pub fn line(&self) -> String {
        // Numbers, names and lists: it always has a JSON form.
        serde_json::to_string(self).unwrap_or_else(|_| format!("{self:?}"))
    }

    /// How many instances its largest rollout has.
    pub fn instances(&self) -> u32 {
        let resized = self.disturbances.iter().filter_map(|trouble| trouble.what.resizes());
        self.rollouts.iter().map(|wish| wish.size).chain(resized).max().unwrap_or(0)
    }

    /// What of it can never work, and what would.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid).
    pub fn check(&self) -> Result<()> {
        let terms = &self.fleet;
        if self.rollouts.is_empty() {
            return Err(Error::invalid("a script without rollouts shows nothing; add one to `rollouts`"));
        }
        if terms.zones > 3 {
            return Err(Error::invalid(format!("{} zones; the simulated cloud has 3, and 0 means the region", terms.zones)));
        }
        if self.cloud.boot.0 > self.cloud.boot.1 {
            return Err(Error::invalid(format!("boot {:?}: the shortest comes first", self.cloud.boot)));
        }
        if self.cloud.unguarded && self.cloud.latency_ms > 0 {
            return Err(Error::invalid(
                "unguarded, a copy that is slow besides outlives what its answer said; set `latency_ms` to 0",
            ));
        }
        self.rollouts.iter().try_for_each(|wish| self.can_be_planned(wish.size))
    }

    /// Whether a fleet of this size can be replaced as it says.
    pub(super) fn can_be_planned(&self, size: u32) -> Result<()> {
        let (zones, strategy) = (self.zones(), self.strategy.in_zones(&self.zones(), "web")?);
        strategy.fits_zones(size, zones.len(), self.cloud.pool.map(|pool| pool.divides.split()))?;
        let terms = (Duration::from_secs(self.fleet.boot_deadline), Duration::from_secs(self.fleet.min_ready));
        strategy.check(size, terms.0, terms.1, self.cloud.traffic().as_ref(), true)
    }

    /// The same with one rollout more: in that the fleet is kept, at this size.
    pub(super) fn keeping(&self, size: u32) -> Self {
        let mut script = self.clone();
        script.rollouts.push(Wish::new(size, Release::Again));
        script
    }

    /// The zones of its fleet.
    pub(super) fn zones(&self) -> Vec<Zone> {
        ["a", "b", "c"].into_iter().take(self.fleet.zones).map(Into::into).collect()
    }

    /// How the fleet is replaced, as it is planned: where that is zone by zone, for its zones.
    pub(super) fn planned(&self) -> Strategy {
        self.strategy.in_zones(&self.zones(), "web").unwrap_or_else(|_| self.strategy.clone())
    }

    /// Whether anybody resizes the fleet meanwhile.
    pub(super) fn resizes(&self) -> bool {
        self.disturbances.iter().any(|trouble| trouble.what.resizes().is_some())
    }

    /// The first rollout in which something goes wrong.
    pub(super) fn first_disturbed(&self) -> usize {
        let fates = self.fates.iter().map(|fate| fate.rollout);
        fates.min().unwrap_or(usize::MAX).min(usize::from(self.rollouts.len() > 1))
    }
}

impl std::str::FromStr for Script {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let script: Self = serde_json::from_str(text)
            .map_err(|why| Error::invalid("that is no script; take the line that a failed seed prints").with_source(why))?;
        script.check()?;
        Ok(script)
    }
}

/// Its JSON.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl Script {
    /// Whether nobody puts another machine in the place of one of ours.
    pub(super) fn undrifted(&self) -> bool {
        !self.disturbances.iter().any(|trouble| matches!(trouble.what, Trouble::Swap(..)))
    }
}
