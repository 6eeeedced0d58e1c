//! The suites, over what keeps the contracts, over that behind a faulty wire, and over what breaks them.

mod broken_catalogs;
mod broken_fleets;
mod broken_journals;
mod broken_switches;
mod faulty;
mod faulty_catalog;
mod faulty_switch;
mod memory_catalog;
mod memory_cloud;
mod memory_switch;
mod racks;
mod sluice;
mod stores;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::{Faults, Faulty, Time, fleets, journal};
use immutable_core::journal::{Journal, MemoryJournal};
use immutable_core::time::{Timestamp, VirtualClock};
use immutable_core::{Result, journal_conformance};

use racks::Racks;

pub(crate) fn clock() -> VirtualClock {
    VirtualClock::new(Timestamp::from_millis(1_800_000_000_000))
}

/// Only delays.
fn slow() -> Faults {
    Faults::none().slow(0.5)
}

/// Everything at once, more often than on any real wire.
fn bad() -> Faults {
    let lost = Faults::none().error(0.05).throttled(0.1).lost_request(0.1).lost_reply(0.1).late(0.1).doubled(0.1);
    lost.slow(0.3).stale(0.2).partial(0.2).late_by(Duration::from_secs(20))
}

async fn a_memory_journal() -> Result<journal::Subject> {
    let store = MemoryJournal::new();
    let open = move || Arc::new(store.clone()) as Arc<dyn Journal>;
    Ok(journal::Subject::new(open()).reopen(move || ready(Ok(open()))))
}

async fn a_journal_behind(faults: Faults) -> Result<journal::Subject> {
    let clock = clock();
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let wire = clock.clone();
    // Each has a wire of its own.
    let open =
        move |seed| Arc::new(Faulty::new(journal.clone(), Arc::new(wire.clone()), seed, faults.clone())) as Arc<dyn Journal>;
    let subject = journal::Subject::new(open(7)).reopen(move || ready(Ok(open(8))));
    Ok(subject.time(Time::Virtual(clock)).patience(Duration::from_secs(600)))
}

mod memory_journal {
    super::journal_conformance!(super::a_memory_journal);
}
mod journal_behind_a_sound_wire {
    super::journal_conformance!(|| super::a_journal_behind(super::Faults::none()));
}
mod journal_behind_a_slow_wire {
    super::journal_conformance!(|| super::a_journal_behind(super::slow()));
}
mod journal_behind_a_bad_wire {
    super::journal_conformance!(|| super::a_journal_behind(super::bad()));
}

async fn some_racks(accepts: bool, faults: Faults) -> Result<fleets::Subject> {
    let clock = clock();
    let faulty = Faulty::new(Arc::new(Racks::new(clock.clone(), accepts)), Arc::new(clock.clone()), 7, faults);
    Ok(racks::subject(Arc::new(faulty), clock))
}

mod some_racks_alone {
    immutable_core::fleet_provider_conformance!(async || {
        let clock = super::clock();
        Ok(super::racks::subject(super::Arc::new(super::Racks::new(clock.clone(), false)), clock))
    });
}
mod racks_that_only_accept {
    immutable_core::fleet_provider_conformance!(|| super::some_racks(true, super::Faults::none()));
}
mod racks_behind_a_slow_wire {
    immutable_core::fleet_provider_conformance!(|| super::some_racks(false, super::slow()));
}
mod racks_behind_a_bad_wire {
    immutable_core::fleet_provider_conformance!(|| super::some_racks(true, super::bad()));
}
