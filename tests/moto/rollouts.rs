//! Whole rollouts over a bad wire: they end as they should, and leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AlbTraffic, AsgFleet, AsgTemplate, Aws, Terminate};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::rollout::Percent;
use immutable_core::{Artifact, Controller, Fleet, LaunchTemplate, MemoryJournal, Outcome, Provider, Result, Strategy};

use crate::account::{Account, endpoint};
use crate::proxy::{Fault, Met, Proxy};

/// A first deployment, and what replaces it, behind a load balancer; what the calls met on their way.
async fn replace(seed: u64, size: u32, strategy: Strategy) -> Result<Met> {
    let account = Account::new().await?;
    let proxy = Proxy::before(&endpoint(), seed).await;
    // What the proxy has carried is done or never will be.
    let aws = Aws::builder().sdk_config(account.config.clone()).endpoint(&proxy.url).request_lifetime(Duration::from_secs(3));
    let aws = aws.connect().await?;
    let switch =
        AlbTraffic::new(&aws).settle(Duration::from_millis(100)).lag(Duration::ZERO).pool("web", account.pool("web").await?)?;
    let mut provider = Provider::from(&aws).traffic(Arc::new(switch));
    provider.fleets = Arc::new(AsgFleet::new(&aws).terminate(Terminate::One).lag(Duration::ZERO));
    let controller = Controller::new(provider, MemoryJournal::new()).poll(Duration::from_secs(1));
    let template = LaunchTemplate::of(&AsgTemplate::new(account.machine().await?))?;
    let fleet = Fleet::new("web", aws.place()).size(size).template(template).pool("web").min_ready(Duration::from_secs(1));
    for (version, strategy) in [("1.0.0", Strategy::rolling()), ("1.1.0", strategy)] {
        let image = account.image(version).await?;
        let built = Built::new(Provenance::new("packer", version)).image(image.clone());
        let artifact = Artifact::new("acmeinc/web".parse()?, version.parse()?, built)?;
        controller.registry().publish(&artifact, &"moto".into()).await?;
        let plan = controller.plan(&fleet, &artifact, strategy).await?;
        let outcome = tokio::time::timeout(Duration::from_secs(240), controller.run(plan)).await;
        let Ok(outcome) = outcome else { panic!("seed {seed}: it never ends: {}", controller.explain(fleet.id()).await?) };
        assert_eq!(outcome?, Outcome::Succeeded, "seed {seed}");
        // By who was on no bad wire.
        assert_eq!(account.live().await?, vec![image.id().as_str().to_owned(); size as usize], "seed {seed}");
        assert_eq!((account.groups().await?.len(), account.templates().await?.len()), (1, 1), "seed {seed}");
    }
    println!("seed {seed}: {:?}", proxy.met());
    Ok(proxy.met())
}

/// Some at once, each with what happens to it.
async fn replaced(seeds: std::ops::Range<u64>, size: u32, strategy: Strategy) {
    let runs = seeds.map(|seed| replace(seed, size, strategy.clone()));
    let met = futures_util::future::try_join_all(runs).await.expect("they run");
    for fault in [Fault::Throttled, Fault::LostReply, Fault::Delayed] {
        for kind in ["read", "write"] {
            let count: u32 = met.iter().filter_map(|met| met.get(&(fault, kind))).sum();
            assert!(count > 0, "no {kind} ever was {fault:?}: {met:?}");
        }
    }
}

#[tokio::test]
async fn rolling_ends_over_a_bad_wire() {
    replaced(1..4, 3, Strategy::rolling()).await;
}

#[tokio::test]
async fn a_canary_ends_over_a_bad_wire() {
    let strategy = Strategy::canary([Percent::new(25).expect("a share")]).bake(Duration::from_secs(1));
    replaced(4..7, 4, strategy).await;
}
