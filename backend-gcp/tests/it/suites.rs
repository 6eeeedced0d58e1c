//! The suites that every provider must pass, over the fake: as it is, and as slow to do and to show what it did as Google may be.

use std::sync::Arc;
use std::time::Duration;

use backend_gcp::MigFleet;
use immutable_core::Result;
use immutable_core::conformance::{Time, fleets};

use crate::account::Account;

/// The groups of an account.
pub(crate) fn groups_of(account: &Account) -> fleets::Subject {
    let images = ["web-1-0-0", "web-1-1-0"].map(|name| account.image(name));
    let time = Time::Runtime(Arc::new(account.clock.clone()));
    fleets::Subject::new(Arc::new(MigFleet::new(&account.gcp)), time, account.place(), images)
        .template(account.template())
        .patience(Duration::from_secs(1800))
}

mod groups {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(groups_of(&Account::new().await?))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}
