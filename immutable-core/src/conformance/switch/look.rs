//! Views of pools.

use super::trial::{Trial, attached};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{Route, Split};
use crate::id::PoolId;

pub(super) async fn capabilities_stay(trial: &Trial) -> Verdict {
    let before = trial.traffic().capabilities().clone();
    if let Split::Weighted { generations, parts } = before.split {
        require!(generations > 0 && parts > 0, "between {generations} generations, by {parts} parts, nobody gets traffic");
    }
    trial.attached_of(1).await?;
    let after = trial.traffic().capabilities();
    require!(before == *after, "capabilities changed from {before:?} to {after:?}");
    Ok(())
}

pub(super) async fn a_pool_without_a_route_is_empty(trial: &Trial) -> Verdict {
    trial.two().await?;
    let seen = trial.look().await?;
    require!(seen.weights.is_empty(), "nobody has set a route, and it has the weights {:?}", seen.weights);
    require!(attached(&seen).is_empty(), "nobody has set a route, and these are attached: {:?}", seen.targets);
    require!(seen.residue.is_none(), "nobody has set a route, and there is a residue: {:?}", seen.residue);
    Ok(())
}

pub(super) async fn a_preflight_finds_that_there_is_no_pool(trial: &Trial) -> Verdict {
    let blocks = async |pool: &PoolId| {
        let findings = trial.patience().drive(Busy::Wait, async || trial.traffic().preflight(pool).await).await;
        findings.map(|findings| findings.into_iter().find(|finding| finding.blocks))
    };
    let before = trial.look().await?;
    let found = blocks(trial.pool()).await?;
    require!(found.is_none(), "a preflight says of a pool that is there that it cannot work: {found:?}");
    let found = blocks(&PoolId::new("conformance-nothing-of-this-name")).await?;
    require!(found.is_some(), "a preflight finds nothing in the way of a pool that is not there");
    trial.unchanged(&before, "a preflight").await
}

pub(super) async fn an_unknown_pool_is_not_found(trial: &Trial) -> Verdict {
    let made = trial.attached_of(1).await?;
    let nothing = PoolId::new("conformance-nothing-of-this-name");
    let before = trial.look().await?;
    let look = async || trial.traffic().observe(&nothing).await;
    refused("a look at no pool", trial.patience().drive(Busy::Wait, look).await, &[ErrorKind::NotFound])?;
    let route = Route::new(nothing.clone(), before.tag.clone(), trial.alone(&made))?;
    refused("a route of no pool", trial.route(&trial.op(), &route).await, &[ErrorKind::NotFound])?;
    let leaving = made.members.iter().cloned().collect();
    refused("a drain in no pool", trial.drain(&trial.op(), &nothing, &leaving).await, &[ErrorKind::NotFound])?;
    let look = async || trial.traffic().observe(&nothing).await;
    refused("a look at no pool", trial.patience().drive(Busy::Wait, look).await, &[ErrorKind::NotFound])?;
    trial.unchanged(&before, "a call about another pool").await
}

pub(super) async fn targets_come_in_ascending_order(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    for made in [&first, &second, &first] {
        trial.set(&trial.alone(made)).await?;
        for _ in 0..2 {
            let seen = trial.look().await?;
            let ascends = seen.targets.is_sorted_by(|one, next| one.key < next.key);
            require!(ascends, "targets must come in ascending order of their keys, each once: {:?}", seen.targets);
            trial.attached(&made.members).await?;
        }
    }
    Ok(())
}

pub(super) async fn pools_do_not_touch_each_other(trial: &Trial) -> Verdict {
    let first = trial.attached_of(2).await?;
    let second = trial.machines.make_of(trial.spec(trial.other_pool(), 2, 1)?, 2).await?;
    let other = trial.look_at(trial.other_pool()).await?;
    require!(other.weights.is_empty(), "a route of one pool set another's: {:?}", other.weights);
    require!(attached(&other).is_empty(), "a route of one pool attached to another: {:?}", other.targets);
    let before = trial.look().await?;
    let route = Route::new(trial.other_pool().clone(), other.tag, trial.alone(&second))?;
    trial.route(&trial.op(), &route).await?;
    if trial.names_who_drains() {
        let leaving = second.members.iter().take(1).cloned().collect();
        trial.drain(&trial.op(), trial.other_pool(), &leaving).await?;
    }
    trial.unchanged(&before, "what was done to another pool").await?;
    trial.attached(&first.members).await
}
