//! The wire between an engine and what it drives, broken on purpose.

mod catalog;
mod dice;
mod echo;
mod faults;
mod fleets;
mod journal;
mod traffic;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::fleet::{FleetCapabilities, TrafficCapabilities};
use crate::time::{Clock, Timestamp};

pub use faults::{Call, Fault, Faults, Happened};
use wire::Wire;

/// A [`FleetProvider`](crate::provider::FleetProvider), [`Journal`](crate::journal::Journal),
/// [`TrafficSwitch`](crate::provider::TrafficSwitch) or [`ImageCatalog`](crate::provider::ImageCatalog) whose wire loses, delays, doubles and falsifies, as often as [`Faults`] say and
/// as [`next`](Faulty::next) scripts. The same seed and the same calls give the same faults. Clones share one wire.
///
/// # Guarantees
/// - Errors are honest: [`applied`](crate::Error::applied) is `No` only of what was and will not be sent on, and otherwise there is an
///   [`echo_until`](crate::Error::echo_until) that no copy outlives. So the contracts still hold, as far as they speak of what was
///   answered; [`request_lifetime`](FleetCapabilities::request_lifetime) grows with [`Faults::late_by`] and
///   [`Faults::slow_by`].
/// - Stale views tell their age, partial views are [`Part`](crate::fleet::Coverage::Part).
/// - An answer that has no room to say that a copy is still on its way (`set_upkeep`, [`AlreadyOurs`](crate::fleet::Ensured), those of a
///   catalog) is not doubled.
///
/// # Caveats
/// Late copies need somebody to carry them. They lie in a queue, also when the caller who sent them is gone, and those that are due are
/// delivered, one after another, at the beginning of every later call to this wrapper, and by
/// [`deliver_due`](Faulty::deliver_due) and [`settle`](Faulty::settle): while nobody calls, nothing arrives. To whoever looks through this
/// wire that is the same, since what was due before a call arrives before it.
///
/// ```
/// use immutable_core::conformance::{Call, Fault, Faults, Faulty};
/// use immutable_core::time::{Timestamp, VirtualClock};
/// use immutable_core::journal::{Journal, MemoryJournal};
/// use std::sync::Arc;
///
/// let clock = VirtualClock::new(Timestamp::default());
/// let journal = Faulty::new(Arc::new(MemoryJournal::new()), Arc::new(clock.clone()), 7, Faults::none());
/// journal.next(Call::List, Fault::Throttled);
/// assert!(clock.run(journal.list("", None, 10)).is_err());
/// assert!(clock.run(journal.list("", None, 10)).is_ok());
/// ```
pub struct Faulty<P: ?Sized>(Arc<Shared<P>>);

struct Shared<P: ?Sized> {
    clock: Arc<dyn Clock>,
    faults: Faults,
    wire: Mutex<Wire>,
    /// Who delivers. Whoever calls waits for it: what was due before their call arrives before it.
    turn: futures_util::lock::Mutex<()>,
    fleet_capabilities: OnceLock<FleetCapabilities>,
    traffic_capabilities: OnceLock<TrafficCapabilities>,
    inner: Arc<P>,
}

impl<P: ?Sized> Faulty<P> {
    /// A wire to `inner` with these faults, drawn from this seed.
    pub fn new(inner: Arc<P>, clock: Arc<dyn Clock>, seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Shared {
            clock,
            faults,
            wire: Mutex::new(Wire::new(seed)),
            turn: futures_util::lock::Mutex::new(()),
            fleet_capabilities: OnceLock::new(),
            traffic_capabilities: OnceLock::new(),
            inner,
        }))
    }

    /// What is behind the wire.
    pub fn inner(&self) -> &Arc<P> {
        &self.0.inner
    }

    /// Scripts what happens to the next call of a kind; several are taken in order. Nothing is drawn for such a call.
    pub fn next(&self, call: Call, fault: Fault) {
        self.wire().script(call, fault);
    }

    /// From now on no fault happens, drawn or scripted. What is on its way still arrives.
    pub fn calm(&self) {
        self.calm_from(self.0.clock.now());
    }

    /// From this moment on no fault happens, drawn or scripted. What is on its way then still arrives.
    pub fn calm_from(&self, moment: Timestamp) {
        self.wire().calm_from = Some(moment);
    }

    /// How many copies are on their way.
    pub fn on_their_way(&self) -> usize {
        self.wire().on_their_way()
    }

    /// All faults that have happened, in order.
    pub fn happened(&self) -> Vec<Happened> {
        self.wire().happened.clone()
    }

    /// Delivers the copies that are due.
    pub async fn deliver_due(&self) {
        if self.wire().next_due().is_none_or(|due| due > self.0.clock.now()) && self.0.turn.try_lock().is_some() {
            return; // nothing is due, and nobody delivers
        }
        let _turn = self.0.turn.lock().await;
        while let Some(delivery) = wire::Delivery::next(&self.0.wire, self.0.clock.now()) {
            delivery.run().await;
        }
    }

    /// Waits until every copy that is on its way has arrived.
    pub async fn settle(&self) {
        loop {
            self.deliver_due().await;
            let Some(due) = self.wire().next_due() else { return };
            self.0.clock.sleep_until(due).await;
        }
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: ?Sized> Clone for Faulty<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: ?Sized> fmt::Debug for Faulty<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = self.wire();
        f.debug_struct("Faulty")
            .field("faults", &self.0.faults)
            .field("on_their_way", &wire.on_their_way())
            .field("happened", &wire.happened.len())
            .finish_non_exhaustive()
    }
}
