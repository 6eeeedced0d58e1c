//! Plain instances.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{Ec2Fleet, Short};
use immutable_core::conformance::fleets::Subject;
use immutable_core::{LaunchTemplate, Result};

use crate::account::Account;

async fn fresh() -> Result<Subject> {
    let account = Account::new().await?;
    let template = LaunchTemplate::of(&account.machine().await?)?;
    // Moto launches the fewest that a call allows.
    let fleets = Arc::new(Ec2Fleet::new(&account.aws).lag(Duration::ZERO).short(Short::None));
    account.subject(fleets, template).await
}

immutable_core::fleet_provider_conformance!(fresh);
