//! "Using Application Health extension with Virtual Machine Scale Sets".

use std::time::Duration;

use immutable_fakes::arm::Fate;
use serde_json::Value;

use crate::wire::{Wire, each};

fn code(wire: &Wire, id: &str) -> String {
    each(&wire.machines(id), "/properties/instanceView/vmHealth/status/code").concat()
}

fn begun(wire: &Wire, version: &str, fate: Fate) -> String {
    wire.fake.fate(&wire.image, fate);
    let id = wire.scale_set("web", 0, &[Wire::extension(version)]);
    wire.patch_capacity(&id, 1);
    // It reacts after 2 s and runs after 20.
    wire.wait(22);
    id
}

#[test]
fn it_initializes_and_is_healthy() {
    let wire = Wire::new();
    let id = begun(&wire, "2.0", Fate::Sound);
    assert_eq!(code(&wire, &id), "HealthState/initializing");
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/healthy");
    let name = wire.machines(&id)[0]["name"].as_str().unwrap().to_owned();
    wire.fake.application_is(&name, false);
    wire.wait(9);
    assert_eq!(code(&wire, &id), "HealthState/healthy");
    wire.wait(1);
    assert_eq!(code(&wire, &id), "HealthState/unhealthy");
}

/// "Unknown": it does not answer within the grace period.
#[test]
fn who_does_not_answer_is_unknown_after_the_grace_period() {
    let wire = Wire::new();
    let id = begun(&wire, "2.0", Fate::Slow(Duration::from_secs(200)));
    wire.wait(65);
    assert_eq!(code(&wire, &id), "HealthState/initializing");
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/unknown");
    wire.wait(140);
    assert_eq!(code(&wire, &id), "HealthState/healthy");
}

/// Version 1 knows two states.
#[test]
fn the_older_extension_knows_two_states() {
    let wire = Wire::new();
    let id = begun(&wire, "1.0", Fate::Slow(Duration::from_secs(200)));
    assert_eq!(code(&wire, &id), "");
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/unhealthy");
    wire.wait(200);
    assert_eq!(code(&wire, &id), "HealthState/healthy");
}

#[test]
fn applications_sicken() {
    let wire = Wire::new();
    let id = begun(&wire, "2.0", Fate::Sickens(Duration::from_secs(100)));
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/healthy");
    wire.wait(100);
    assert_eq!(code(&wire, &id), "HealthState/unhealthy");
}

#[test]
fn sick_applications_are_never_well() {
    let wire = Wire::new();
    let id = begun(&wire, "2.0", Fate::Sick);
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/unhealthy");
}

/// Who does not run cannot report.
#[test]
fn who_stops_is_unknown() {
    let wire = Wire::new();
    let id = begun(&wire, "2.0", Fate::Sound);
    wire.wait(10);
    let machines = wire.machines(&id);
    wire.fake.kill(machines[0]["name"].as_str().unwrap());
    wire.wait(10);
    assert_eq!(code(&wire, &id), "HealthState/unknown");
}

#[test]
fn without_the_extension_nothing_is_known() {
    let wire = Wire::new();
    let id = wire.scale_set("web", 1, &[]);
    wire.wait(60);
    assert_eq!(wire.machines(&id)[0]["properties"]["instanceView"].get("vmHealth"), None::<&Value>);
}
