//! The suites that every provider must pass, over the fake: as it is, and as slow to do and to agree on what it did as Azure may be.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::VmssFleet;
use immutable_core::Result;
use immutable_core::conformance::{Time, fleets};
use immutable_core::fleet::Placement;
use immutable_core::id::{NativeRef, Zone};
use serde_json::json;

use crate::account::Account;

/// Somebody's scale set, in this zone if in one.
fn theirs(account: &Account, mode: &str, zone: Option<u8>, machines: u32) -> NativeRef {
    let (fake, id) = (&account.fake, account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "theirs"));
    let (image, machines) = (account.image("1.0.0"), usize::try_from(machines).unwrap());
    let made = match mode {
        "Uniform" => fake.meddle_uniform(&id, image.id().as_str(), machines),
        _ => fake.meddle_scale_set(&id, image.id().as_str(), machines),
    };
    // Its machines are made after this.
    assert!(made && fake.by_hand(&id, |body| body["zones"] = zone.map_or(json!([]), |zone| json!([zone.to_string()]))));
    NativeRef::new("theirs")
}

/// A subject to which somebody makes scale sets of this mode.
fn with_others(account: &Account, mode: &'static str, zone: Option<u8>) -> fleets::Subject {
    let of = account.clone();
    groups_of(account).others(move |machines| {
        let native = theirs(&of, mode, zone, machines);
        async { Ok(native) }
    })
}

/// The groups of an account.
pub(crate) fn groups_of(account: &Account) -> fleets::Subject {
    let images = ["1.0.0", "1.1.0"].map(|version| account.image(version));
    let time = Time::Runtime(Arc::new(account.clock.clone()));
    fleets::Subject::new(Arc::new(VmssFleet::new(&account.azure)), time, account.place(), images)
        .template(account.template())
        .patience(Duration::from_secs(1800))
}

/// Takes its time for operations, and its regions do not agree for a while on what is there.
pub(crate) fn slow(account: Account) -> Account {
    account.fake.operations_take(Duration::from_secs(14));
    account.fake.lag(Duration::from_secs(4));
    account.fake.reaction(Duration::from_secs(8));
    account
}

mod groups {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(with_others(&Account::new().await?, "Uniform", None))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod groups_that_take_their_time {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(with_others(&slow(Account::new().await?), "Flexible", None))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod groups_of_zones {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        let zone = |number: u8| Placement::Zone(Zone::new(number.to_string()));
        Ok(with_others(&Account::new().await?, "Uniform", Some(2)).placements([zone(2), zone(3)]))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}
