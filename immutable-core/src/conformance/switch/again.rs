//! Routes that were sent twice, late, or by who went away.

use super::trial::{Trial, Weights};
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{Op, Route, RouteTag};
use crate::id::Epoch;

/// Ways to drop a call: before it began, where it first waits, and later.
pub(super) const WAYS: std::ops::Range<u32> = 0..5;

/// A pool that is the first's, and a route that makes it the second's.
async fn a_route(trial: &Trial) -> Verdict<(Made, Made, Op, Route)> {
    let (first, second) = trial.first_of_two().await?;
    let route = trial.to(&trial.look().await?.tag, &trial.alone(&second))?;
    Ok((first, second, trial.op(), route))
}

/// Whether the pool has this tag and these weights, and keeps them.
async fn is_set(trial: &Trial, tag: &RouteTag, weights: &Weights) -> Verdict {
    for _ in 0..2 {
        let seen = trial.look().await?;
        require!(seen.weights == *weights, "the weights must be {weights:?}, not {:?}", seen.weights);
        require!(seen.tag == *tag, "set once, the pool's tag was {tag:?}; it is {:?}", seen.tag);
        trial.patience().linger().await;
    }
    Ok(())
}

pub(super) async fn a_route_sent_twice_is_one_route(trial: &Trial) -> Verdict {
    let (_, second, op, route) = a_route(trial).await?;
    let once = trial.route(&op, &route).await?.tag;
    let twice = trial.route(&op, &route).await?.tag;
    require!(once == twice, "the same call answered the tags {once:?} and {twice:?}");
    is_set(trial, &once, route.weights()).await?;
    trial.attached(&second.members).await?;
    trial.route(&op, &route).await?;
    is_set(trial, &once, route.weights()).await
}

pub(super) async fn two_copies_of_a_route_at_once_are_one_route(trial: &Trial) -> Verdict {
    let (_, second, op, route) = a_route(trial).await?;
    let copy = || trial.route_now(&op, &route);
    let (one, two) = futures_util::join!(copy(), copy());
    let (one, two) = (one?.tag, two?.tag);
    require!(one == two, "two copies of a call answered the tags {one:?} and {two:?}");
    is_set(trial, &one, route.weights()).await?;
    trial.attached(&second.members).await
}

pub(super) async fn a_route_sent_again_by_a_new_owner_is_one_route(trial: &Trial) -> Verdict {
    let (_, second, op, route) = a_route(trial).await?;
    let tag = trial.route(&op, &route).await?.tag;
    trial.route(&Op::new(&op.fleet, op.id, Epoch(2)), &route).await?;
    is_set(trial, &tag, route.weights()).await?;
    trial.attached(&second.members).await
}

pub(super) async fn a_late_copy_of_an_overtaken_route_changes_nothing(trial: &Trial) -> Verdict {
    let (first, _, op, route) = a_route(trial).await?;
    trial.route(&op, &route).await?;
    let tag = trial.set(&trial.alone(&first)).await?;
    trial.attached(&first.members).await?;
    let before = trial.look().await?;
    for epoch in [op.epoch, Epoch(2)] {
        // Its first answer, if the switch remembers it; a conflict, if it compares.
        if let Err(error) = trial.route(&Op::new(&op.fleet, op.id, epoch), &route).await {
            refused::<()>("a copy of a route that was overtaken", Err(error), &[ErrorKind::Conflict])?;
        }
        is_set(trial, &tag, &before.weights).await?;
    }
    trial.unchanged(&before, "a copy of a route that was overtaken").await
}

pub(super) async fn a_dropped_route_sent_again_is_set(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    for (made, way) in [&first, &second].into_iter().cycle().zip(WAYS) {
        let op = trial.op();
        let route = trial.to(&trial.look().await?.tag, &trial.alone(made))?;
        trial.patience().quiet().await;
        trial.patience().abandon(way, trial.traffic().route(&op, &route)).await;
        // At once: nobody has told until when the first copy may arrive, and it is the same call.
        let tag = trial.route_now(&op, &route).await?.tag;
        is_set(trial, &tag, route.weights()).await?;
        trial.attached(&made.members).await?;
    }
    Ok(())
}
