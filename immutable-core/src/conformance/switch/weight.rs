//! Weights: none, in force, and what stays in spite of them.

use super::trial::Trial;
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Verdict, require};
use crate::fleet::{TrafficSeen, Verdict as Health};
use crate::id::InstanceKey;

/// Two generations, both attached, of which the first gets everything.
async fn one_beside_another(trial: &Trial) -> Verdict<(Made, Made)> {
    let (first, second) = trial.two().await?;
    let weights = trial.beside(&first, &second)?;
    trial.set(&weights).await?;
    let seen = trial.look().await?;
    require!(seen.weights == weights, "{weights:?} was set, and it shows {:?}", seen.weights);
    Ok((first, second))
}

pub(super) async fn of_weight_zero_is_attached(trial: &Trial) -> Verdict {
    let (first, second) = one_beside_another(trial).await?;
    let both: Vec<_> = first.members.iter().chain(&second.members).cloned().collect();
    trial.attached(&both).await
}

pub(super) async fn of_weight_zero_is_probed_as_said(trial: &Trial) -> Verdict {
    let (first, second) = one_beside_another(trial).await?;
    let of = |made: &Made, seen: &TrafficSeen, health: Health| {
        let says = |key: &InstanceKey| seen.targets.iter().any(|target| target.key == *key && target.health == health);
        made.members.iter().all(says)
    };
    if trial.traffic().capabilities().probes_unrouted {
        trial.until("find healthy who gets no requests", |seen| of(&second, seen, Health::Healthy)).await?;
        return Ok(());
    }
    trial.until("find healthy who gets requests", |seen| of(&first, seen, Health::Healthy)).await?;
    for _ in 0..2 {
        let seen = trial.look().await?;
        let unknown = of(&second, &seen, Health::Unknown);
        require!(unknown, "who gets no requests is not probed (probes_unrouted), and has a verdict: {:?}", seen.targets);
        trial.patience().linger().await;
    }
    Ok(())
}

pub(super) async fn a_route_is_in_force_when_settled(trial: &Trial) -> Verdict {
    trial.in_force().await?;
    let (first, second) = trial.two().await?;
    let settle = trial.traffic().capabilities().settle;
    for made in [&first, &second, &first] {
        let weights = trial.alone(made);
        trial.set(&weights).await?;
        trial.wait(settle).await;
        let in_force = trial.in_force().await?;
        require!(in_force == weights, "{settle:?} after {weights:?} was answered, {in_force:?} is in force");
    }
    Ok(())
}

pub(super) async fn an_overtaken_route_never_comes_into_force(trial: &Trial) -> Verdict {
    trial.in_force().await?;
    let (first, second) = trial.two().await?;
    let settle = trial.traffic().capabilities().settle;
    for made in [&first, &second, &first] {
        trial.set(&trial.alone(made)).await?;
    }
    trial.wait(settle).await;
    for _ in 0..4 {
        let (wanted, in_force) = (trial.alone(&first), trial.in_force().await?);
        require!(in_force == wanted, "of three routes the last is {wanted:?}, and {in_force:?} is in force");
        trial.wait(settle / 2).await;
        trial.patience().pause().await;
    }
    Ok(())
}

pub(super) async fn a_residue_is_told(trial: &Trial) -> Verdict {
    let sticky = trial.sticky()?;
    let (first, second) = trial.two().await?;
    let less = trial.less_of(&first, &second)?;
    let settle = trial.traffic().capabilities().settle;
    trial.set(&trial.alone(&first)).await?;
    trial.wait(settle).await;
    let taken = trial.now();
    trial.set(&less).await?;
    trial.wait(settle).await;
    let seen = trial.look().await?;
    let told = seen.residue.is_some() || trial.now() >= taken + sticky;
    require!(told, "clients stick for {sticky:?}: of {less:?}, in force, there must be a residue");
    Ok(())
}

pub(super) async fn a_residue_ends(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    let settle = trial.traffic().capabilities().settle;
    trial.set(&trial.alone(&first)).await?;
    for _ in 0..2 {
        let residue = trial.look().await?.residue;
        require!(residue.is_none(), "nothing was taken from anybody, and there is a residue: {residue:?}");
        trial.wait(settle).await;
    }
    trial.set(&trial.less_of(&first, &second).unwrap_or_else(|_| trial.alone(&second))).await?;
    trial.wait(settle + trial.sticky().unwrap_or_default()).await;
    trial.until("have no residue any more", |seen| seen.residue.is_none()).await?;
    trial.patience().linger().await;
    let residue = trial.look().await?.residue;
    require!(residue.is_none(), "a residue that was gone is there again: {residue:?}");
    Ok(())
}
