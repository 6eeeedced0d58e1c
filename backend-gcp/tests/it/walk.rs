//! The whole life of a fleet by hand, so that every method is called that its provider ever calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backend_gcp::{GceCatalog, Pool, UrlMapTraffic};
use immutable_core::fleet::{Destroyed, GenerationId, GenerationSpec, GroupId, Placement, Resize, Route, Upkeep};
use immutable_core::id::{BaseQuery, PoolId};
use immutable_core::provider::{Availability, ImageCatalog, Replica, TrafficSwitch};
use immutable_core::time::Clock;
use immutable_core::{Place, Result};

use crate::account::{Account, PROJECT, REGION};
use crate::hand::{GENERATION, Hand};

/// Made, raised, kept up otherwise, lowered, and removed; in this place, and with an autoscaler that somebody has given it.
pub(crate) async fn fleet(hand: &Hand, placement: Placement) -> Result<()> {
    let path = match &placement {
        Placement::Region => format!("projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/web-0001-0"),
        Placement::Zone(zone) => format!("projects/{PROJECT}/zones/{zone}/instanceGroupManagers/web-0001-0"),
    };
    let mut spec = hand.good();
    spec.groups[0].placement = placement;
    hand.fleets.preflight(&spec, 2).await?;
    // Twice, since what is there already is compared.
    hand.ensure(&spec).await?;
    hand.ensure(&spec).await?;
    hand.raise(0, 2).await?;
    // What is missing may have gone wrong.
    hand.members().await?;
    hand.pass(60).await;
    let members = hand.members().await?;
    hand.account.fake.autoscaler(&path, "ON", 2);
    for upkeep in [Upkeep { heal: true, rebalance: true, autoscale: true }, Upkeep::NONE] {
        hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await?;
    }
    hand.lower(2, &members[..1]).await?;
    hand.lower(1, &members[1..]).await?;
    hand.pass(120).await;
    destroy(hand, GENERATION).await?;
    // What is not shown may have left its template.
    hand.members().await.map(drop)
}

async fn destroy(hand: &Hand, generation: GenerationId) -> Result<()> {
    while hand.fleets.destroy_generation(&hand.op(), generation).await? != Destroyed::Gone {
        hand.pass(30).await;
    }
    Ok(())
}

/// Two generations that take turns in a pool, of which the first is removed while it still is in its service.
pub(crate) async fn pool(hand: &Hand, name: &str, pool: Pool) -> Result<()> {
    let traffic = UrlMapTraffic::new(&hand.account.gcp).pool(name, pool)?;
    let name = PoolId::from(name);
    let (old, new) = (GenerationId(1), GenerationId(2));
    for id in [old, new] {
        hand.ensure(&GenerationSpec { id, ..hand.good() }).await?;
    }
    for generation in [old, new] {
        let group = GroupId { generation, cell: 0 };
        hand.fleets.resize(&hand.op(), &Resize::Raise { group, from: 0, to: 1 }).await?;
    }
    hand.pass(60).await;
    let route = async |weights: &[(GenerationId, u16)]| {
        let seen = traffic.observe(&name).await?.tag;
        let weights: BTreeMap<_, _> = weights.iter().copied().collect();
        traffic.route(&hand.op(), &Route::new(name.clone(), seen, weights)?).await.map(drop)
    };
    route(&[(old, 100)]).await?;
    hand.pass(60).await;
    route(&[(old, 90), (new, 10)]).await?;
    route(&[(new, 100)]).await?;
    traffic.observe(&name).await?;
    // Its drain, and what it had.
    hand.pass(300).await;
    let members = hand.members().await?;
    hand.lower(1, &members).await?;
    hand.pass(120).await;
    destroy(hand, old).await?;
    traffic.observe(&name).await.map(drop)
}

/// What is called of a catalog, with another project to copy to.
pub(crate) async fn images(account: &Account) -> Result<()> {
    let image = account.image("web-2-0-0");
    let catalog = GceCatalog::new(&account.gcp);
    catalog.describe(std::slice::from_ref(&image)).await?;
    catalog.promote(&image, "web").await?;
    catalog.resolve_base(&BaseQuery::new("global/images/family/web")).await?;
    let to = Place::new("gcp", ELSEWHERE, "global")?;
    while !matches!(catalog.replicate(&image, &to).await?, Replica::Ready(_)) {
        account.clock.sleep_until(account.clock.now() + Duration::from_secs(60)).await;
    }
    for stage in [Availability::Deprecated, Availability::Disabled, Availability::Active] {
        catalog.set_stage(&image, stage).await?;
    }
    catalog.uses(&image).await?;
    catalog.delete(&image).await.map(drop)
}

/// A project that images are copied to.
pub(crate) const ELSEWHERE: &str = "acme-test";

/// The methods of all calls so far, as the discovery document names them.
pub(crate) fn called(account: &Account) -> BTreeSet<String> {
    account.fake.calls().into_iter().map(|call| call.method).collect()
}
