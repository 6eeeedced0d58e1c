//! The suites that every provider must pass, over the fake: as it is, and as slow to show what it did as Amazon may be.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AlbTraffic, AsgFleet, AsgTemplate, Ec2Fleet, Terminate};
use immutable_core::conformance::{Time, fleets, switch};
use immutable_core::provider::FleetProvider;
use immutable_core::{LaunchTemplate, Result};
use immutable_fakes::aws::knobs::Lag;

use crate::account::Account;

fn subject(account: &Account, provider: Arc<dyn FleetProvider>, template: LaunchTemplate) -> fleets::Subject {
    let images = ["web-1.0.0", "web-1.1.0"].map(|name| account.image(name));
    fleets::Subject::new(provider, Time::Virtual(account.clock.clone()), account.place(), images).template(template)
}

/// Shows what it did only after a while.
fn slow(account: Account) -> Account {
    for of in [Lag::Instances, Lag::Groups, Lag::Templates, Lag::Tags] {
        account.fake.lag(of, Duration::from_secs(4));
    }
    account.fake.reaction(Duration::from_secs(3));
    account
}

fn groups_of(account: &Account, terminate: Terminate) -> fleets::Subject {
    let template = LaunchTemplate::of(&AsgTemplate::new(account.machine())).unwrap();
    subject(account, Arc::new(AsgFleet::new(&account.aws).terminate(terminate)), template)
}

fn plain_of(account: &Account) -> fleets::Subject {
    subject(account, Arc::new(Ec2Fleet::new(&account.aws)), LaunchTemplate::of(&account.machine()).unwrap())
}

async fn pools_of(account: Account) -> Result<switch::Subject> {
    let (pool, console) = account.pool("web", 3);
    let (other, _) = account.pool("web-2", 3);
    let traffic = AlbTraffic::new(&account.aws).pool("web", pool)?.pool("web-2", other)?;
    let machines = groups_of(&account, Terminate::One);
    Ok(switch::Subject::new(Arc::new(traffic), machines, ["web".into(), "web-2".into()]).console(Arc::new(console)))
}

mod groups {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(groups_of(&Account::new().await?, Terminate::One))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod groups_in_batches_shown_late {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(groups_of(&slow(Account::new().await?), Terminate::Batch))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod plain {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(plain_of(&Account::new().await?))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod plain_shown_late {
    use super::*;

    async fn fresh() -> Result<fleets::Subject> {
        Ok(plain_of(&slow(Account::new().await?)))
    }

    immutable_core::fleet_provider_conformance!(fresh);
}

mod pools {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        pools_of(Account::new().await?).await
    }

    immutable_core::traffic_switch_conformance!(fresh, cannot: {
        "a_tag_never_comes_back": "a load balancer does not compare",
        "a_residue_is_told": "no client sticks",
    });
}

mod pools_shown_late {
    use super::*;

    async fn fresh() -> Result<switch::Subject> {
        pools_of(slow(Account::new().await?)).await
    }

    immutable_core::traffic_switch_conformance!(fresh, cannot: {
        "a_tag_never_comes_back": "a load balancer does not compare",
        "a_residue_is_told": "no client sticks",
    });
}

mod pools_that_stick {
    use super::*;

    /// Longer than it takes a route to be in force.
    const STICKS: u32 = 300;

    async fn fresh() -> Result<switch::Subject> {
        let account = Account::new().await?;
        let (pool, console) = account.pool("web", 2);
        let (other, other_console) = account.pool("web-2", 2);
        account.stick(&console, STICKS);
        account.stick(&other_console, STICKS);
        let traffic = AlbTraffic::new(&account.aws).pool("web", pool)?.pool("web-2", other)?;
        let subject =
            switch::Subject::new(Arc::new(traffic), groups_of(&account, Terminate::One), ["web".into(), "web-2".into()]);
        Ok(subject.console(Arc::new(console)).sticky(Duration::from_secs(STICKS.into())))
    }

    immutable_core::traffic_switch_conformance!(fresh, cannot: {
        "a_tag_never_comes_back": "a load balancer does not compare",
    });
}
