//! Routes: whole, decided on what was seen, and of nobody else's.

use super::trial::{Stage, Trial, attached, stage, text};
use crate::conformance::fleets::of_fleet;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::GenerationId;

pub(super) async fn a_route_shows_in_the_next_view(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    for made in [&first, &second, &first] {
        let weights = trial.alone(made);
        trial.set(&weights).await?;
        let seen = trial.look().await?;
        require!(seen.weights == weights, "the view after {weights:?} was set shows {:?}", seen.weights);
    }
    Ok(())
}

pub(super) async fn a_route_answers_the_tag_of_the_next_view(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    let mut tag = trial.look().await?.tag;
    for made in [&first, &second, &first] {
        // On the answer alone, without a look between.
        let answered = trial.route(&trial.op(), &trial.to(&tag, &trial.alone(made))?).await?.tag;
        require!(answered != tag, "a route that changed the weights left the tag {tag:?}");
        tag = answered;
    }
    let seen = trial.look().await?;
    require!(seen.tag == tag, "a route answered the tag {tag:?}, and the next view shows {:?}", seen.tag);
    Ok(())
}

pub(super) async fn the_members_of_who_is_named_are_attached(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    for made in [&first, &second, &first] {
        trial.set(&trial.alone(made)).await?;
        trial.attached(&made.members).await?;
    }
    Ok(())
}

pub(super) async fn who_is_not_named_is_detached_and_drains(trial: &Trial) -> Verdict {
    let (first, second) = trial.first_of_two().await?;
    trial.set(&trial.alone(&second)).await?;
    let seen = trial.look().await?;
    require!(!seen.weights.contains_key(&first.spec.id), "who was not named has a weight: {:?}", seen.weights);
    let still = first.members.iter().find(|member| stage(&seen, member) == Stage::Attached);
    require!(still.is_none(), "{still:?} is of a generation that was not named, and is attached");
    trial.drained(&first.members).await?;
    trial.attached(&second.members).await
}

pub(super) async fn what_is_not_ours_stays_as_it_is(trial: &Trial) -> Verdict {
    let joined = trial.join().await?;
    let (first, second) = trial.two().await?;
    let before = trial.look().await?;
    let theirs = before.foreign.iter().any(|(what, _)| *what == joined);
    require!(theirs, "{joined} is in the pool, and what is not ours there is said to be {:?}", before.foreign);
    for made in [&first, &second] {
        trial.set(&trial.alone(made)).await?;
        let seen = trial.look().await?;
        require!(seen.foreign == before.foreign, "a route changed what is not ours: {} became {}", text(&before), text(&seen));
    }
    // Decided on a pool in which the next one was not yet.
    let seen = trial.look().await?;
    trial.join().await?;
    let with_both = trial.look().await?;
    let answer = trial.route(&trial.op(), &trial.to(&seen.tag, &trial.alone(&first))?).await;
    if let Err(error) = answer {
        refused::<()>("a route decided before somebody joined", Err(error), &[ErrorKind::Conflict])?;
    }
    if trial.names_who_drains() {
        trial.drain_of(&second.members).await?;
    }
    let after = trial.look().await?;
    require!(after.foreign == with_both.foreign, "what is not ours changed: {} became {}", text(&with_both), text(&after));
    Ok(())
}

pub(super) async fn the_same_weights_again_change_nothing(trial: &Trial) -> Verdict {
    let made = trial.attached_of(2).await?;
    let before = trial.look().await?;
    let tag = trial.set(&trial.alone(&made)).await?;
    require!(tag == before.tag, "the weights that are, set again, changed the tag from {:?} to {tag:?}", before.tag);
    trial.unchanged(&before, "to set the weights that are").await
}

pub(super) async fn the_same_weights_under_an_old_tag_are_done(trial: &Trial) -> Verdict {
    let made = trial.first(2).await?;
    let old = trial.look().await?.tag;
    trial.set(&trial.alone(&made)).await?;
    trial.attached(&made.members).await?;
    let before = trial.look().await?;
    let routed = trial.route(&trial.op(), &trial.to(&old, &trial.alone(&made))?).await?;
    require!(
        routed.tag == before.tag,
        "what is done already must answer the tag that is, {:?}, not {:?}",
        before.tag,
        routed.tag
    );
    trial.unchanged(&before, "to set the weights that are, under an old tag,").await
}

pub(super) async fn a_route_under_an_old_tag_conflicts(trial: &Trial) -> Verdict {
    let (first, second) = trial.two().await?;
    let mut old = trial.look().await?.tag;
    for (made, other) in [(&first, &second), (&second, &first)] {
        let tag = trial.set(&trial.alone(made)).await?;
        trial.attached(&made.members).await?;
        let before = trial.look().await?;
        let answer = trial.route(&trial.op(), &trial.to(&old, &trial.alone(other))?).await;
        refused("a route decided on what was before the last", answer, &[ErrorKind::Conflict])?;
        trial.unchanged(&before, "a route that was refused").await?;
        old = tag;
    }
    Ok(())
}

pub(super) async fn a_tag_never_comes_back(trial: &Trial) -> Verdict {
    let lifetime = trial.traffic().capabilities().request_lifetime;
    if !lifetime.is_zero() {
        let why = format!("it does not compare: a late call is waited for, {} s", lifetime.as_secs_f64());
        return Err(Failure::inapplicable(why));
    }
    let (first, second) = trial.two().await?;
    let mut tags = vec![trial.look().await?.tag];
    for made in [&first, &second, &first, &second] {
        let tag = trial.set(&trial.alone(made)).await?;
        require!(!tags.contains(&tag), "the tag {tag:?} came back: whoever decided on what it meant before would be believed");
        tags.push(tag);
    }
    // The weights are again what they were when the third tag was the pool's.
    trial.attached(&second.members).await?;
    let before = trial.look().await?;
    for old in tags.iter().rev().skip(1) {
        let answer = trial.route(&trial.op(), &trial.to(old, &trial.alone(&first))?).await;
        refused("a route decided on what has been since, and is again,", answer, &[ErrorKind::Conflict])?;
    }
    trial.unchanged(&before, "a route that was refused").await
}

pub(super) async fn a_route_to_an_unknown_generation_is_not_found(trial: &Trial) -> Verdict {
    let made = trial.attached_of(2).await?;
    let before = trial.look().await?;
    let unborn = [(GenerationId(7), trial.top())].into();
    let answer = trial.route(&trial.op(), &trial.to(&before.tag, &unborn)?).await;
    refused("a route to a generation that is not there", answer, &[ErrorKind::NotFound])?;
    trial.unchanged(&before, "a route to a generation that is not there").await?;
    trial.attached(&made.members).await
}

pub(super) async fn another_fleets_pool_is_taken(trial: &Trial) -> Verdict {
    let made = trial.attached_of(2).await?;
    let neighbour = trial.machines.neighbour();
    let theirs = trial.machines.make_of(of_fleet(trial.machines.spec(2)?, &neighbour), 1).await?;
    let before = trial.look().await?;
    let op = trial.machines.op_of(&neighbour);
    let answer = trial.route(&op, &trial.to(&before.tag, &trial.alone(&theirs))?).await;
    refused("a route of another fleet's pool", answer, &[ErrorKind::Taken])?;
    let leaving = made.members.iter().cloned().collect();
    let answer = trial.drain(&trial.machines.op_of(&neighbour), trial.pool(), &leaving).await;
    refused("a drain in another fleet's pool", answer, &[ErrorKind::Taken])?;
    trial.unchanged(&before, "what another fleet asked for").await?;
    require!(
        attached(&trial.look().await?) == made.members,
        "another fleet's machines are attached to the pool, or ours no longer"
    );
    Ok(())
}
