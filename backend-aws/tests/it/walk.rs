//! The whole life of a fleet by hand, so that every action is called that its provider ever calls.

use std::collections::BTreeMap;

use backend_aws::{AlbTraffic, Pool};
use immutable_core::Result;
use immutable_core::fleet::{Destroyed, GenerationId, GenerationSpec, Route, Upkeep};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::provider::TrafficSwitch;

use crate::account::Account;
use crate::hand::{GENERATION, Hand};

/// Made, raised, kept up otherwise, lowered, and removed.
pub(crate) async fn fleet(hand: &Hand) -> Result<()> {
    // A group of one zone asks where its subnets are.
    let mut spec = hand.good();
    let zone = hand.account.fake.subnets()[0].1.as_str().into();
    spec.groups[0].placement = immutable_core::fleet::Placement::Zone(zone);
    hand.fleets.preflight(&spec, 2).await?;
    // Twice, since what is there already is compared.
    hand.ensure(&spec).await?;
    hand.ensure(&spec).await?;
    hand.raise(0, 2).await?;
    hand.pass(60).await;
    let members = hand.members().await?;
    for upkeep in [Upkeep { heal: true, rebalance: true, autoscale: true }, Upkeep::NONE] {
        hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await?;
    }
    hand.lower(2, &members[..1]).await?;
    // Of one who is a member no more it is asked whether it was.
    hand.lower(2, &members[..1]).await?;
    hand.lower(1, &members[1..]).await?;
    hand.pass(120).await;
    // What is not shown may have left its template.
    hand.members().await?;
    while hand.fleets.destroy_generation(&hand.op(), GENERATION).await? != Destroyed::Gone {
        hand.pass(30).await;
    }
    hand.members().await.map(drop)
}

/// Two generations that take turns in a pool, with one who is told to drain and comes back.
pub(crate) async fn pool(hand: &Hand, name: &str, pool: Pool) -> Result<()> {
    let traffic = AlbTraffic::new(&hand.account.aws).pool(name, pool)?;
    let name = PoolId::from(name);
    let (old, new) = (GenerationId(1), GenerationId(2));
    for id in [old, new] {
        hand.ensure(&GenerationSpec { id, ..hand.good() }).await?;
    }
    hand.raise(0, 2).await?;
    hand.pass(60).await;
    let members = hand.members().await?;
    let route = async |weights: &[(GenerationId, u16)]| {
        let seen = traffic.observe(&name).await?.tag;
        let weights: BTreeMap<_, _> = weights.iter().copied().collect();
        traffic.route(&hand.op(), &Route::new(name.clone(), seen, weights)?).await.map(drop)
    };
    route(&[(old, 100)]).await?;
    hand.pass(60).await;
    let leaving: InstanceKey = members[0].clone();
    traffic.drain(&hand.op(), &name, &[leaving].into()).await?;
    route(&[(old, 90), (new, 10)]).await?;
    route(&[(new, 100)]).await?;
    // The one that drained is registered with its group again, and is to leave at once.
    route(&[(old, 100), (new, 0)]).await?;
    route(&[(old, 100)]).await?;
    traffic.observe(&name).await.map(drop)
}

/// The permissions of all calls so far.
pub(crate) fn called(account: &Account) -> std::collections::BTreeSet<String> {
    account.fake.calls().iter().map(|call| call.permission()).collect()
}

/// A listener's rule that forwards to target groups of its own.
pub(crate) fn rule(account: &Account, name: &str) -> Pool {
    let (_, console) = account.pool(name, 2);
    let groups: Vec<String> = (0..2).map(|slot| account.target_group(&format!("{name}-rule-{slot}"))).collect();
    let mut form = format!(
        "Action=CreateRule&ListenerArn={}&Priority=10&Conditions.member.1.Field=path-pattern&Conditions.member.1.Values.member.1=/api&Actions.member.1.Type=forward",
        console.listener
    );
    for (at, arn) in (1..).zip(&groups) {
        let tuple = format!("Actions.member.1.ForwardConfig.TargetGroups.member.{at}");
        form.push_str(&format!("&{tuple}.TargetGroupArn={arn}&{tuple}.Weight={}", u8::from(at == 1)));
    }
    Pool::rule(account.elb(&form, "RuleArn"), groups)
}
