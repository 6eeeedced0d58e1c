//! The suites that every provider must pass, over the fake: as it is, and as slow to do and to show what it did as Google may be.

use std::sync::Arc;
use std::time::Duration;

use backend_gcp::MigFleet;
use immutable_core::Result;
use immutable_core::conformance::{Time, fleets};
use immutable_core::fleet::Placement;
use immutable_core::id::Zone;
use immutable_fakes::gce::knobs::Lag;

use crate::account::{Account, REGION};

/// The groups of an account.
pub(crate) fn groups_of(account: &Account) -> fleets::Subject {
    let images = ["web-1-0-0", "web-1-1-0"].map(|name| account.image(name));
    let time = Time::Runtime(Arc::new(account.clock.clone()));
    fleets::Subject::new(Arc::new(MigFleet::new(&account.gcp)), time, account.place(), images)
        .template(account.template())
        .patience(Duration::from_secs(1800))
}

/// Takes its time for operations, and shows what it did only after a while.
pub(crate) fn slow(account: Account) -> Account {
    account.fake.operations_take(Duration::from_secs(14));
    for of in [Lag::Groups, Lag::Templates, Lag::Sizes, Lag::Members] {
        account.fake.lag(of, Duration::from_secs(4));
    }
    account.fake.reaction(Duration::from_secs(8));
    account
}

mod groups {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(groups_of(&Account::new().await?))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod groups_that_take_their_time {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(groups_of(&slow(Account::new().await?)))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod groups_of_zones {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        let zone = |letter: char| Placement::Zone(Zone::new(format!("{REGION}-{letter}")));
        Ok(groups_of(&Account::new().await?).placements([zone('b'), zone('c')]))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}
