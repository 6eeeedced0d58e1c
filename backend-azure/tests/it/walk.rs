//! The whole life of a fleet by hand, so that every call is made that its provider ever makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backend_azure::{
    Aggregate, AzureMetrics, GalleryCatalog, LoadBalancerTraffic, Measure, NewVersion, Package, Pool, TrafficManagerTraffic,
    WeightedPool,
};
use immutable_core::fleet::{Destroyed, GenerationId, GenerationSpec, GroupId, Placement, Resize, Route, Upkeep};
use immutable_core::id::{BaseQuery, NativeRef, PoolId, RolloutId, StepIx};
use immutable_core::provider::{Availability, ImageCatalog, Metrics, Replica, Side, TrafficSwitch, Trial};
use immutable_core::time::Clock;
use immutable_core::{Digest, ImageRef, Place, Result};

use crate::account::{Account, SUBSCRIPTION};
use crate::hand::{GENERATION, Hand};
use crate::images::ELSEWHERE;

const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";

/// The rules of the load balancer `front` that the walks take.
pub(crate) const RULES: [&str; 3] = ["web", "blue", "green"];

/// What others have made by the time that a walk begins: a load balancer, a profile in front of two of its rules, images of each kind.
pub(crate) async fn furnish(account: &Account) {
    let fake = &account.fake;
    fake.load_balancer("front", &RULES);
    let [blue, green] = ["blue", "green"].map(|rule| fake.address("front", rule));
    fake.traffic_manager("web", &[("blue", &blue), ("green", &green)]);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        fake.gallery_image("web", version);
    }
    fake.application("web-app", "1.0.0");
    fake.managed_image("base");
    assert!(fake.meddle_uniform(&fake.id(SCALE_SETS, "legacy"), &fake.managed_image("old"), 1));
    account.wait(Duration::from_secs(60)).await;
    fake.advance(account.now_ms());
}

/// Made, raised, kept up otherwise, lowered, and removed; in this place.
pub(crate) async fn fleet(hand: &Hand, placement: Placement) -> Result<()> {
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
    for upkeep in [Upkeep { heal: true, rebalance: true, autoscale: false }, Upkeep::NONE] {
        hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await?;
        hand.pass(30).await;
    }
    hand.lower(2, &members[..1]).await?;
    hand.lower(1, &members[1..]).await?;
    hand.pass(120).await;
    destroy(hand, GENERATION).await?;
    baseline(hand).await
}

/// What others made: taken over, raised, lowered, and removed.
async fn baseline(hand: &Hand) -> Result<()> {
    let (native, op) = (NativeRef::new("legacy"), hand.op());
    let read = hand.fleets.inspect(&native).await?;
    let spec = GenerationSpec { fleet: hand.fleet(), id: GENERATION, upkeep: Upkeep::NONE, ..read };
    hand.fleets.adopt(&op, &native, &spec).await?;
    hand.raise(1, 2).await?;
    hand.pass(60).await;
    hand.lower(2, &hand.members().await?).await?;
    hand.pass(120).await;
    destroy(hand, GENERATION).await
}

/// What is installed on another image, of whichever kind that is.
pub(crate) async fn application(account: &Account) -> Result<()> {
    let id = |kind: &str, name: &str| account.fake.id(kind, name).to_lowercase();
    let managed = id("Microsoft.Compute/images", "base");
    let version = id("Microsoft.Compute/galleries/images/versions", "images/web/1.0.0");
    let application = id("Microsoft.Compute/galleries/applications/versions", "images/web-app/1.0.0");
    for base in [managed, version] {
        let hand = Hand::new(account).with(|template| template.base_image(base).application(application.clone()));
        let spec = hand.spec(ImageRef::new(account.place(), application.clone()));
        hand.fleets.preflight(&spec, 1).await?;
    }
    Ok(())
}

async fn destroy(hand: &Hand, generation: GenerationId) -> Result<()> {
    while hand.fleets.destroy_generation(&hand.op(), generation).await? != Destroyed::Gone {
        hand.pass(30).await;
    }
    Ok(())
}

/// Two generations that take turns behind a rule.
pub(crate) async fn rule(account: &Account) -> Result<()> {
    let traffic = LoadBalancerTraffic::new(&account.azure).pool("web", Pool::load_balancer("front", ["web"]))?;
    turns(account, &traffic, [&[(1, 1)], &[(2, 1)], &[(2, 1)]]).await
}

/// Two generations that take turns behind a profile.
pub(crate) async fn profile(account: &Account) -> Result<()> {
    let pool = WeightedPool::traffic_manager("web", "front", [("blue", "blue"), ("green", "green")]);
    let traffic = TrafficManagerTraffic::new(&account.azure).pool("web", pool)?;
    turns(account, &traffic, [&[(1, 1000)], &[(1, 900), (2, 100)], &[(2, 1000)]]).await
}

async fn turns(account: &Account, traffic: &dyn TrafficSwitch, routes: [&[(u32, u16)]; 3]) -> Result<()> {
    let hand = Hand::new(account).with(|template| template.load_balancer("front"));
    let (pool, old, new) = (PoolId::from("web"), GenerationId(1), GenerationId(2));
    for id in [old, new] {
        hand.ensure(&GenerationSpec { id, pool: Some(pool.clone()), ..hand.good() }).await?;
        let group = GroupId { generation: id, cell: 0 };
        hand.fleets.resize(&hand.op(), &Resize::Raise { group, from: 0, to: 1 }).await?;
    }
    hand.pass(60).await;
    for route in routes {
        let weights: BTreeMap<_, _> = route.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect();
        let seen = traffic.observe(&pool).await?.tag;
        traffic.route(&hand.op(), &Route::new(pool.clone(), seen, weights)?).await?;
        hand.pass(180).await;
    }
    let members = hand.members().await?;
    let leave: BTreeSet<_> = members.iter().cloned().collect();
    traffic.drain(&hand.op(), &pool, &leave).await?;
    traffic.observe(&pool).await?;
    hand.pass(300).await;
    hand.lower(1, &members).await?;
    hand.pass(120).await;
    destroy(&hand, old).await?;
    traffic.observe(&pool).await.map(drop)
}

/// What is called of a catalog: published, promoted, copied, withdrawn and deleted, of each kind.
pub(crate) async fn images(account: &Account) -> Result<()> {
    account.fake.copies_take(Duration::from_secs(60));
    let catalog = GalleryCatalog::new(&account.azure);
    let source = account.fake.id("Microsoft.Compute/images", "base");
    let web = catalog.publish(&NewVersion::new("images", "web", "2.0.0"), &source).await?;
    let package = Package::new("https://acme.blob.core.windows.net/releases/web", "./install", "./remove");
    let app = catalog.publish_application(&NewVersion::new("images", "web-app", "2.0.0"), &package).await?;
    for image in [web, app] {
        hand_over(account, &catalog, &image).await?;
    }
    let managed = ImageRef::new(account.place(), source);
    catalog.describe(std::slice::from_ref(&managed)).await?;
    catalog.uses(&managed).await?;
    catalog.delete(&managed).await?;
    let base = catalog.resolve_base(&BaseQuery::new("Canonical:ubuntu-24_04-lts:server:latest")).await?.image;
    catalog.describe(std::slice::from_ref(&base)).await.map(drop)
}

async fn hand_over(account: &Account, catalog: &GalleryCatalog, image: &ImageRef) -> Result<()> {
    account.wait(Duration::from_secs(180)).await;
    catalog.promote(image).await?;
    catalog.resolve_base(&BaseQuery::new(image.id().as_str().split("/versions/").next().unwrap_or_default())).await?;
    catalog.describe(std::slice::from_ref(image)).await?;
    let there = Place::new("azure", SUBSCRIPTION, ELSEWHERE)?;
    while !matches!(catalog.replicate(image, &there).await?, Replica::Ready(_)) {
        account.wait(Duration::from_secs(60)).await;
    }
    for stage in [Availability::Deprecated, Availability::Active] {
        catalog.set_stage(image, stage).await?;
    }
    let elsewhere = GalleryCatalog::new(&crate::images::in_region(account, ELSEWHERE).await?);
    elsewhere.delete(&ImageRef::new(there, image.id().as_str())).await?;
    account.wait(Duration::from_secs(120)).await;
    catalog.uses(image).await?;
    catalog.delete(image).await.map(drop)
}

/// What a judge reads of a generation.
pub(crate) async fn metrics(account: &Account) -> Result<()> {
    const CPU: &str = "Percentage CPU";
    let hand = Hand::new(account);
    hand.ensure(&hand.good()).await?;
    account.fake.metric(&account.fake.id(SCALE_SETS, "web-0001-0"), CPU, "Percent", &["VMName"]);
    let side = Side::new(GENERATION, "acmeinc/web".parse()?, "1.0.0".parse()?, Digest::of(b"web"));
    let since = account.clock.now();
    let trial = Trial::new(hand.fleet(), RolloutId(1), StepIx(0), side, since, since + Duration::from_secs(300));
    account.wait(Duration::from_secs(600)).await;
    let metrics: Arc<dyn Metrics> = Arc::new(
        AzureMetrics::new(&account.azure).metric("cpu", Measure::of_scale_sets(CPU, Aggregate::Average).of_all_machines()),
    );
    metrics.read(&trial.query("cpu", &trial.new)).await.map(drop)
}

/// All calls so far, but those for tokens.
pub(crate) fn called(account: &Account) -> BTreeSet<String> {
    account.fake.calls().into_iter().map(|call| call.method).filter(|call| call != "token").collect()
}
