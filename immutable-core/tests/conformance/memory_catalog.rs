//! The in-memory cloud's images keep the contract, in each of its manners and behind a bad wire.

use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::catalog::{self, Subject};
use immutable_core::conformance::{Faults, Faulty, Time, fleets};
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::provider::{FleetProvider, ImageCatalog};
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{Place, Result, image_catalog_conformance};

use crate::clock;
use crate::memory_cloud::{images, slow, slow_of};

/// A region that images are copied to.
pub(crate) fn beside(cloud: &MemoryCloud, options: MemoryOptions) -> Result<(Place, MemoryCloud)> {
    let there = Place::new("memory", "local", "there")?;
    Ok((there.clone(), MemoryCloud::with(options.place(there).beside(cloud))))
}

fn options() -> MemoryOptions {
    MemoryOptions::seeded(7)
}

fn fresh(options: MemoryOptions, faults: Option<Faults>) -> Result<Subject> {
    wired(options, faults, 7)
}

fn wired(options: MemoryOptions, faults: Option<Faults>, seed: u64) -> Result<Subject> {
    let clock = clock();
    let cloud = MemoryCloud::with(options.clone().clock(clock.clone()));
    let (place, there) = beside(&cloud, options)?;
    let time = Time::Virtual(clock.clone());
    match faults {
        None => subject(&cloud, Arc::new(cloud.clone()), Arc::new(cloud.clone()), place, Arc::new(there), time),
        Some(faults) => {
            let wire = |to: MemoryCloud, seed| Arc::new(Faulty::new(Arc::new(to), Arc::new(clock.clone()), seed, faults.clone()));
            let here = wire(cloud.clone(), seed);
            subject(&cloud, here.clone(), here, place, wire(there, seed + 1), time)
        }
    }
}

pub(crate) fn subject(
    cloud: &MemoryCloud,
    catalog: Arc<dyn ImageCatalog>,
    fleets: Arc<dyn FleetProvider>,
    place: Place,
    there: Arc<dyn ImageCatalog>,
    time: Time,
) -> Result<Subject> {
    cloud.release_base("debian-12");
    cloud.release_base("debian-12");
    let machines = fleets::Subject::new(fleets, time, cloud.place(), images(cloud)?);
    Ok(Subject::new(catalog, machines, "debian-12").beside(place, there))
}

mod as_it_comes {
    use super::*;
    image_catalog_conformance!(async || fresh(options(), None), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod that_disables_nothing {
    use super::*;
    image_catalog_conformance!(async || fresh(options().disables(false), None), cannot: {
        "a_copy_of_what_is_disabled_conflicts": "nothing can be disabled",
        "a_delete_of_what_is_disabled_ends_gone": "nothing can be disabled",
        "a_moving_name_passes_over_what_is_disabled": "nothing can be disabled",
    });
}
mod that_deprecates_nothing {
    use super::*;
    image_catalog_conformance!(async || fresh(options().deprecates(false), None));
}
mod that_copies_at_once {
    use super::*;
    image_catalog_conformance!(async || fresh(options().copies_take(Delay::NONE), None), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod with_calls_that_take_time {
    use super::*;
    image_catalog_conformance!(async || fresh(slow(), None), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod with_operations_that_take_time {
    use super::*;
    image_catalog_conformance!(async || fresh(slow().operations_take(Duration::from_secs(20)), None), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod with_nowhere_to_copy_to {
    use super::*;
    image_catalog_conformance!(
        async || {
            let mut subject = fresh(options(), None)?;
            subject.beside = None;
            Ok(subject)
        },
        known: {},
        cannot: {
            "a_copy_can_be_launched_where_it_was_sent": "there is one place",
            "a_copy_is_ours": "there is one place",
            "labels_come_along": "there is one place",
            "a_copy_leaves_its_source_as_it_is": "there is one place",
            "a_copy_sent_again_is_one_copy": "there is one place",
            "two_calls_for_a_copy_at_once_are_one_copy": "there is one place",
            "a_dropped_copy_sent_again_is_one_copy": "there is one place",
            "copies_of_two_images_differ": "there is one place",
            "a_copy_of_what_is_gone_is_not_found": "there is one place",
            "a_copy_of_what_is_disabled_conflicts": "there is one place",
            "a_copy_outlives_its_source": "there is one place",
            "a_copy_that_was_deleted_is_made_anew": "there is one place",
            "a_stage_it_cannot_set_is_invalid": "it can set all",
        },
    );
}
/// On tokio's own timer, as a real catalog: an hour takes two thirds of a second.
mod on_the_runtime {
    use super::*;
    image_catalog_conformance!(
        async || {
            let clock = ScaledClock::new(clock().now(), 5000);
            let cloud = MemoryCloud::with(slow().clock(clock.clone()));
            let (place, there) = beside(&cloud, slow())?;
            let here = Arc::new(cloud.clone());
            subject(&cloud, here.clone(), here, place, Arc::new(there), Time::Runtime(Arc::new(clock)))
        },
        cannot: { "a_stage_it_cannot_set_is_invalid": "it can set all" },
    );
}
mod behind_a_sound_wire {
    use super::*;
    image_catalog_conformance!(async || fresh(options(), Some(Faults::none())), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod behind_a_slow_wire {
    use super::*;
    image_catalog_conformance!(async || fresh(slow(), Some(crate::slow())), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}
mod behind_a_bad_wire {
    use super::*;
    image_catalog_conformance!(async || fresh(slow(), Some(crate::bad())), cannot: {
        "a_stage_it_cannot_set_is_invalid": "it can set all",
    });
}

#[test]
fn no_seed_of_cloud_or_wire_makes_a_case_fail() {
    for (seed, case) in (0..12).flat_map(|seed| catalog::cases().map(move |case| (seed, case))) {
        let fresh = async || wired(slow_of(seed), Some(crate::bad()), seed);
        let cannot = [("a_stage_it_cannot_set_is_invalid", "it can set all")];
        let cannot = if case == cannot[0].0 { &cannot[..] } else { &[] };
        if let Err(failure) = catalog::run(case, fresh, &[], cannot) {
            panic!("seed {seed}: {failure}");
        }
    }
}
