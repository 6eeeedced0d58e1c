//! The in-memory cloud's pools keep the contract, however they divide traffic, and behind a bad wire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::conformance::switch::{self, Console, Subject};
use immutable_core::conformance::{Faults, Faulty, Time, fleets};
use immutable_core::fleet::{GenerationId, Split};
use immutable_core::id::{NativeRef, PoolId};
use immutable_core::memory::{Delay, MemoryCloud, MemoryOptions};
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{Result, traffic_switch_conformance};

use crate::clock;
use crate::memory_cloud::{images, slow, slow_of};

const HOUR: Duration = Duration::from_secs(3600);

/// What a person sees and does in the in-memory cloud.
struct Desk(MemoryCloud);

#[async_trait]
impl Console for Desk {
    async fn join(&self, pool: &PoolId) -> Result<Option<NativeRef>> {
        self.0.join(pool, "legacy-vm", 7).map(|()| Some("legacy-vm".into()))
    }

    async fn in_force(&self, pool: &PoolId) -> Result<Option<BTreeMap<GenerationId, u16>>> {
        self.0.in_force(pool).map(Some)
    }
}

fn options() -> MemoryOptions {
    MemoryOptions::seeded(7).sticky(HOUR)
}

pub(crate) fn fresh(options: MemoryOptions, faults: Option<Faults>) -> Result<Subject> {
    wired(options, faults, 7)
}

fn wired(options: MemoryOptions, faults: Option<Faults>, seed: u64) -> Result<Subject> {
    let clock = clock();
    let cloud = MemoryCloud::with(options.clock(clock.clone()));
    let wire = faults.map(|faults| Faulty::new(Arc::new(cloud.clone()), Arc::new(clock.clone()), seed, faults));
    subject(cloud, wire, Time::Virtual(clock))
}

fn subject(cloud: MemoryCloud, wire: Option<Faulty<MemoryCloud>>, time: Time) -> Result<Subject> {
    let (images, place) = (images(&cloud)?, cloud.place());
    let pools = ["web", "web-2"].map(|name| cloud.pool(name));
    let desk = Arc::new(Desk(cloud.clone()));
    let subject = match wire {
        None => {
            let cloud = Arc::new(cloud);
            Subject::new(cloud.clone(), fleets::Subject::new(cloud, time, place, images), pools)
        }
        Some(wire) => {
            let wire = Arc::new(wire);
            Subject::new(wire.clone(), fleets::Subject::new(wire, time, place, images), pools)
        }
    };
    Ok(subject.console(desk).sticky(HOUR))
}

mod as_it_comes {
    use super::*;
    traffic_switch_conformance!(async || fresh(options(), None));
}
mod pooled {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().split(Split::Pooled), None), cannot: {
        "of_weight_zero_is_attached": "in a pooled switch all get the same",
        "of_weight_zero_is_probed_as_said": "in a pooled switch all get the same",
    });
}
mod binary {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().split(Split::Binary), None));
}
mod of_one_generation_at_a_time {
    use super::*;
    const ONE: Split = Split::Weighted { generations: 1, parts: 100 };
    traffic_switch_conformance!(async || fresh(options().split(ONE), None), cannot: {
        "of_weight_zero_is_attached": "only one is named",
        "of_weight_zero_is_probed_as_said": "only one is named",
        "a_residue_is_told": "who is not named keeps nobody",
    });
}
mod that_probes_nobody_without_requests {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().probes_unrouted(false), None));
}
mod that_does_not_drain {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().drain(Delay::NONE), None), cannot: {
        "a_drain_ends_in_order": "nothing is waited for",
        "a_drain_is_answered_when_it_has_begun": "nothing is waited for",
    });
}
mod that_hides_who_has_drained {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().gone_shown(Duration::ZERO), None));
}
mod to_which_no_client_sticks {
    use super::*;
    traffic_switch_conformance!(
        async || {
            let mut subject = fresh(MemoryOptions::seeded(7), None)?;
            subject.sticky = None;
            Ok(subject)
        },
        cannot: { "a_residue_is_told": "no client sticks" },
    );
}
mod without_a_console {
    use super::*;
    traffic_switch_conformance!(
        async || {
            let mut subject = fresh(options(), None)?;
            subject.console = None;
            Ok(subject)
        },
        known: {},
        cannot: {
            "what_is_not_ours_stays_as_it_is": "nobody can join",
            "a_route_is_in_force_when_settled": "nobody can tell",
            "an_overtaken_route_never_comes_into_force": "nobody can tell",
        },
    );
}
mod with_calls_that_take_time {
    use super::*;
    traffic_switch_conformance!(async || fresh(slow().sticky(HOUR), None));
}
mod that_forgets_tokens {
    use super::*;
    traffic_switch_conformance!(async || fresh(options().unguarded().remember(Duration::ZERO), None));
}
/// On tokio's own timer, as a real switch: an hour takes two thirds of a second.
mod on_the_runtime {
    use super::*;
    traffic_switch_conformance!(async || {
        let clock = ScaledClock::new(clock().now(), 5000);
        let cloud = MemoryCloud::with(slow().sticky(HOUR).clock(clock.clone()));
        subject(cloud, None, Time::Runtime(Arc::new(clock)))
    });
}
mod behind_a_sound_wire {
    use super::*;
    traffic_switch_conformance!(async || fresh(options(), Some(Faults::none())));
}
mod behind_a_slow_wire {
    use super::*;
    traffic_switch_conformance!(async || fresh(slow().sticky(HOUR), Some(crate::slow())), cannot: {
        "a_tag_never_comes_back": "late calls are waited for",
    });
}
mod behind_a_bad_wire {
    use super::*;
    traffic_switch_conformance!(async || fresh(slow().sticky(HOUR), Some(crate::bad())), cannot: {
        "a_tag_never_comes_back": "late calls are waited for",
    });
}

#[test]
fn no_seed_of_cloud_or_wire_makes_a_case_fail() {
    let splits = [Split::Pooled, Split::Binary, Split::Weighted { generations: 2, parts: 10 }];
    for seed in 0..6 {
        for (split, case) in splits.into_iter().flat_map(|split| switch::cases().map(move |case| (split, case))) {
            let fresh = async || wired(slow_of(seed).sticky(HOUR).split(split), Some(crate::bad()), seed);
            let weightless = split == Split::Pooled && case.starts_with("of_weight_zero");
            let cannot = match case {
                "a_tag_never_comes_back" => &[(case, "late calls are waited for")][..],
                _ if weightless => &[(case, "in a pooled switch all get the same")],
                _ => &[],
            };
            if let Err(failure) = switch::run(case, fresh, &[], cannot) {
                panic!("seed {seed}, {split:?}: {failure}");
            }
        }
    }
}
