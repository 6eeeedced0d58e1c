//! Auto Scaling groups.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AsgFleet, AsgTemplate, Terminate};
use immutable_core::conformance::fleets::Subject;
use immutable_core::{LaunchTemplate, Result};

use crate::account::Account;

async fn fresh() -> Result<Subject> {
    let account = Account::new().await?;
    let template = LaunchTemplate::of(&AsgTemplate::new(account.machine().await?))?;
    account.subject(Arc::new(AsgFleet::new(&account.aws).terminate(Terminate::One).lag(Duration::ZERO)), template).await
}

immutable_core::fleet_provider_conformance!(fresh);
