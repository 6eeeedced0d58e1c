use std::time::Duration;

use crate::error::ErrorKind;
use crate::time::Timestamp;

/// A call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`FleetProvider::preflight`](crate::provider::FleetProvider::preflight)
    Preflight,
    /// [`FleetProvider::inspect`](crate::provider::FleetProvider::inspect)
    Inspect,
    /// [`FleetProvider::adopt`](crate::provider::FleetProvider::adopt)
    Adopt,
    /// [`FleetProvider::ensure_generation`](crate::provider::FleetProvider::ensure_generation)
    EnsureGeneration,
    /// [`FleetProvider::resize`](crate::provider::FleetProvider::resize)
    Resize,
    /// [`FleetProvider::set_upkeep`](crate::provider::FleetProvider::set_upkeep)
    SetUpkeep,
    /// [`FleetProvider::destroy_generation`](crate::provider::FleetProvider::destroy_generation)
    DestroyGeneration,
    /// [`FleetProvider::follow`](crate::provider::FleetProvider::follow)
    Follow,
    /// [`FleetProvider::observe`](crate::provider::FleetProvider::observe)
    Observe,
    /// [`TrafficSwitch::preflight`](crate::provider::TrafficSwitch::preflight)
    PreflightPool,
    /// [`TrafficSwitch::route`](crate::provider::TrafficSwitch::route)
    Route,
    /// [`TrafficSwitch::drain`](crate::provider::TrafficSwitch::drain)
    Drain,
    /// [`TrafficSwitch::observe`](crate::provider::TrafficSwitch::observe)
    ObservePool,
    /// [`ImageCatalog::resolve_base`](crate::provider::ImageCatalog::resolve_base)
    ResolveBase,
    /// [`ImageCatalog::describe`](crate::provider::ImageCatalog::describe)
    Describe,
    /// [`ImageCatalog::replicate`](crate::provider::ImageCatalog::replicate)
    Replicate,
    /// [`ImageCatalog::set_stage`](crate::provider::ImageCatalog::set_stage)
    SetStage,
    /// [`ImageCatalog::uses`](crate::provider::ImageCatalog::uses)
    Uses,
    /// [`ImageCatalog::delete`](crate::provider::ImageCatalog::delete)
    Delete,
    /// [`Journal::load`](crate::journal::Journal::load)
    Load,
    /// [`Journal::append`](crate::journal::Journal::append)
    Append,
    /// [`Journal::wrote`](crate::journal::Journal::wrote)
    Wrote,
    /// [`Journal::compact`](crate::journal::Journal::compact)
    Compact,
    /// [`Journal::list`](crate::journal::Journal::list)
    List,
}

/// What can happen to one call.
///
/// To a call that only reads, a lost request, a lost reply and a late one are the same: [`Unreachable`](ErrorKind::Unreachable), and
/// nothing happened; it is not doubled. What does not fit a call (a stale append) does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    Nothing,
    /// It is refused with an error of this kind, not applied for certain.
    Error(ErrorKind),
    /// It is refused as [`Throttled`](ErrorKind::Throttled), not applied for certain.
    Throttled,
    /// It never arrives; the caller does not know.
    LostRequest,
    /// It is done; the caller does not know.
    LostReply,
    /// It arrives this long after the caller gave up.
    Late(Duration),
    /// It is done and answered, and a second copy arrives this long after.
    Doubled(Duration),
    /// It is sent on only after this long.
    Slow(Duration),
    /// Each group or pool is shown as it was seen before, and the age says so.
    Stale,
    /// Some instances are left out of each group, targets of a pool, or uses of an image, and the coverage says so.
    Partial,
}

/// A fault that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// To what.
    pub call: Call,
    /// What.
    pub fault: Fault,
}

/// How often what happens, each as a probability from 0 to 1, and within what bounds.
///
/// Of `error`, `throttled`, `lost_request`, `lost_reply`, `late` and `doubled` at most one happens to a call: together they should be at most
/// 1, and what is beyond is cut off from the end. The others are drawn independently of them.
///
/// ```
/// use immutable_core::conformance::Faults;
/// use std::time::Duration;
///
/// let faults = Faults::none().lost_reply(0.1).late(0.05).late_by(Duration::from_secs(60));
/// # let _ = faults;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Faults {
    /// [`Fault::Error`], of kind [`Internal`](ErrorKind::Internal).
    pub error: f64,
    /// [`Fault::Throttled`].
    pub throttled: f64,
    /// [`Fault::LostRequest`].
    pub lost_request: f64,
    /// [`Fault::LostReply`].
    pub lost_reply: f64,
    /// [`Fault::Late`], by up to `late_by`.
    pub late: f64,
    /// [`Fault::Doubled`], after up to `late_by`.
    pub doubled: f64,
    /// [`Fault::Slow`], by up to `slow_by`.
    pub slow: f64,
    /// [`Fault::Stale`], of each group or pool, by up to `stale_by`.
    pub stale: f64,
    /// [`Fault::Partial`], of each group, pool or image's uses.
    pub partial: f64,
    /// How long after it was sent a copy may still arrive.
    pub late_by: Duration,
    /// How long a slow call may take before it is sent on.
    pub slow_by: Duration,
    /// How old a stale view may be; zero: nothing is remembered to be shown again.
    pub stale_by: Duration,
    /// How long after it was sent a call may still arrive, by what is scripted: of that the drawn ones know nothing.
    pub scripted_late_by: Duration,
}

impl Faults {
    /// None; if some are added: late by up to 60 s, slow by up to 10 s, stale by up to 60 s.
    pub const fn none() -> Self {
        Self {
            error: 0.0,
            throttled: 0.0,
            lost_request: 0.0,
            lost_reply: 0.0,
            late: 0.0,
            doubled: 0.0,
            slow: 0.0,
            stale: 0.0,
            partial: 0.0,
            late_by: Duration::from_secs(60),
            slow_by: Duration::from_secs(10),
            stale_by: Duration::from_secs(60),
            scripted_late_by: Duration::ZERO,
        }
    }
}

impl Faults {
    /// How long after it was sent a call may still arrive.
    pub(super) fn lifetime(&self) -> Duration {
        let late = if self.late > 0.0 || self.doubled > 0.0 { self.late_by } else { Duration::ZERO };
        let drawn = late + if self.slow > 0.0 { self.slow_by } else { Duration::ZERO };
        drawn.max(self.scripted_late_by)
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty = $doc:literal),* $(,)?) => {
        impl Faults { $(
            #[doc = $doc]
            #[must_use]
            pub const fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            }
        )* }
    };
}

setters! {
    error: f64 = "How often a call is refused with an error, not applied.",
    throttled: f64 = "How often a call is refused as throttled.",
    lost_request: f64 = "How often a call never arrives.",
    lost_reply: f64 = "How often a call is done and the caller does not learn it.",
    late: f64 = "How often a call arrives after the caller gave up.",
    doubled: f64 = "How often a second copy of an answered call arrives.",
    slow: f64 = "How often a call waits before it is sent on.",
    stale: f64 = "How often a view is an older one.",
    partial: f64 = "How often a view leaves instances, targets or uses out.",
    late_by: Duration = "How long after it was sent a copy may still arrive.",
    slow_by: Duration = "How long a slow call may wait.",
    stale_by: Duration = "How old a stale view may be.",
    scripted_late_by: Duration = "How long after it was sent a scripted call may still arrive.",
}
