//! The in-memory cloud keeps the contract, in each of its manners and behind a bad wire.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::fleets::{self, Subject};
use immutable_core::conformance::{Faults, Faulty, Time};
use immutable_core::fleet::{Heals, Placement};
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{Artifact, ImageRef, Result};

use crate::clock;

fn options() -> MemoryOptions {
    MemoryOptions::seeded(7)
}

/// A cloud whose calls take their time.
pub(crate) fn slow() -> MemoryOptions {
    slow_of(7)
}

pub(crate) fn slow_of(seed: u64) -> MemoryOptions {
    MemoryOptions::seeded(seed).latency(Delay::Uniform(Duration::from_millis(50), Duration::from_secs(2)))
}

pub(crate) fn images(cloud: &MemoryCloud) -> Result<[ImageRef; 2]> {
    Ok(images_of(cloud, &artifacts(cloud)?))
}

fn artifacts(cloud: &MemoryCloud) -> Result<[Artifact; 2]> {
    Ok([cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?])
}

fn images_of(cloud: &MemoryCloud, artifacts: &[Artifact; 2]) -> [ImageRef; 2] {
    artifacts.each_ref().map(|artifact| artifact.image_in(&cloud.place()).expect("it was baked here").clone())
}

pub(crate) fn fresh(options: MemoryOptions, faults: Option<Faults>) -> Result<Subject> {
    wired(options, faults, 7)
}

fn wired(options: MemoryOptions, faults: Option<Faults>, seed: u64) -> Result<Subject> {
    let clock = clock();
    let cloud = MemoryCloud::with(options.clock(clock.clone()));
    let artifacts = artifacts(&cloud)?;
    let images = images_of(&cloud, &artifacts);
    let (place, hands) = (cloud.place(), cloud.clone());
    let time = Time::Virtual(clock.clone());
    let subject = match faults {
        None => Subject::new(Arc::new(cloud), time, place, images),
        Some(faults) => Subject::new(Arc::new(Faulty::new(Arc::new(cloud), Arc::new(clock), seed, faults)), time, place, images),
    };
    let [web, _] = artifacts;
    let subject = subject.others(move |machines| ready(hands.group_of_others("web-by-hand", &web, machines)));
    Ok(subject.placements(["a", "b"].map(|zone| Placement::Zone(zone.into()))))
}

mod as_it_comes {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options(), None));
}
mod with_calls_that_take_time {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(slow(), None));
}
mod with_operations_that_take_time {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(slow().operations_take(Duration::from_secs(20)), None));
}
mod that_always_heals {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options().heals(Heals::Always), None));
}
mod that_never_heals {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options().heals(Heals::Never), None));
}
mod that_forgets_tokens {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options().remember(Duration::ZERO), None));
}
mod that_hides_what_is_gone {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options().gone_shown(Duration::ZERO).drain(Delay::NONE), None));
}
/// On tokio's own timer, as a real provider: an hour takes two thirds of a second.
mod on_the_runtime {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || {
        let clock = ScaledClock::new(clock().now(), 5000);
        let cloud = MemoryCloud::with(slow().clock(clock.clone()));
        let artifacts = artifacts(&cloud)?;
        let (images, place, hands) = (images_of(&cloud, &artifacts), cloud.place(), cloud.clone());
        let [web, _] = artifacts;
        let subject = Subject::new(Arc::new(cloud), Time::Runtime(Arc::new(clock)), place, images);
        Ok(subject.others(move |machines| ready(hands.group_of_others("web-by-hand", &web, machines))))
    });
}
mod behind_a_sound_wire {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(options(), Some(Faults::none())));
}
mod behind_a_slow_wire {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(slow(), Some(crate::slow())));
}
mod behind_a_bad_wire {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(slow(), Some(crate::bad())));
}
mod with_operations_that_take_time_behind_a_bad_wire {
    use super::*;
    immutable_core::fleet_provider_conformance!(async || fresh(
        slow().operations_take(Duration::from_secs(20)),
        Some(crate::bad())
    ));
}

#[test]
fn no_seed_of_cloud_or_wire_makes_a_case_fail() {
    for seed in 0..12 {
        let slow = || slow_of(seed);
        let manners = [slow(), slow().operations_take(Duration::from_secs(20)), slow().remember(Duration::from_secs(5))];
        for (manner, case) in manners.iter().flat_map(|manner| fleets::cases().map(move |case| (manner, case))) {
            let fresh = async || wired(manner.clone(), Some(crate::bad()), seed);
            if let Err(failure) = fleets::run(case, fresh, &[]) {
                panic!("seed {seed}, {manner:?}: {failure}");
            }
        }
    }
}
