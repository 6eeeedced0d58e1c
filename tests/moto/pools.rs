//! Pools of Application Load Balancers.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AlbTraffic, AsgFleet, AsgTemplate, Terminate};
use immutable_core::conformance::switch::Subject;
use immutable_core::{LaunchTemplate, Result};

use crate::account::Account;

async fn fresh() -> Result<Subject> {
    let account = Account::new().await?;
    let template = LaunchTemplate::of(&AsgTemplate::new(account.machine().await?))?;
    let names = ["a", "b"].map(|pool| format!("{}-{pool}", account.name));
    let mut traffic = AlbTraffic::new(&account.aws).settle(Duration::from_millis(100)).lag(Duration::ZERO);
    for name in &names {
        traffic = traffic.pool(name.as_str(), account.pool(name).await?)?;
    }
    let machines =
        account.subject(Arc::new(AsgFleet::new(&account.aws).terminate(Terminate::One).lag(Duration::ZERO)), template).await?;
    Ok(Subject::new(Arc::new(traffic), machines, names.map(|name| name.as_str().into())))
}

immutable_core::traffic_switch_conformance!(fresh, cannot: {
    "a_tag_never_comes_back": "a load balancer does not compare",
    "a_residue_is_told": "no client sticks",
    "what_is_not_ours_stays_as_it_is": "there is no console",
    "a_route_is_in_force_when_settled": "there is no console",
    "an_overtaken_route_never_comes_into_force": "there is no console",
});
