//! What the fuzzers call with any bytes, and `cargo test` with those that are kept. Each panics if a promise is broken.

mod draw;
mod events;
mod manifests;
mod plans;

use std::fmt::Debug;

use immutable_core::Place;
use immutable_core::fleet::FleetId;
use immutable_core::rollout::{Event, FleetState, Recorded};

pub use events::evolve;
pub use manifests::manifests;
pub use plans::plans;

/// The lines of a fleet's stream: what is read as a record survives being written, and the state refuses or takes it in whole.
pub fn journals(bytes: &[u8]) {
    let records: Vec<Recorded> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    records.iter().for_each(survives);
    let fleet = records.iter().find_map(|recorded| match &recorded.event {
        Event::Opened { plan, .. } => Some(plan.fleet().id().clone()),
        _ => None,
    });
    let mut state = FleetState::new(fleet.unwrap_or_else(|| FleetId::new(place(), "web")));
    for recorded in &records {
        step(&mut state, recorded);
    }
}

/// Whether the state took the record in. Refused, it is as it was; taken in, it survives being written.
fn step(state: &mut FleetState, recorded: &Recorded) -> bool {
    let before = state.clone();
    match state.evolve(recorded) {
        Ok(()) => survives(state),
        Err(illegal) => assert_eq!(*state, before, "{illegal}, and it changed by {recorded:?}"),
    }
    *state != before
}

/// What is written is read as the same, and written again as the same text.
fn survives<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap_or_else(|why| panic!("{why}: {value:?}"));
    let read: T = serde_json::from_str(&json).unwrap_or_else(|why| panic!("{why}: {json}"));
    assert_eq!(read, *value, "{json}");
    assert_eq!(serde_json::to_string(&read).ok(), Some(json));
}

fn place() -> Place {
    Place::new("memory", "local", "local").unwrap()
}
