//! Draining: exactly the named, to the end, for good.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::future::Either;

use super::again::WAYS;
use super::trial::{Stage, Trial, attached, stage, text};
use crate::conformance::fleets::Made;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{Drains, TrafficSeen};
use crate::id::InstanceKey;
use crate::time::Timestamp;

/// An attached generation of 3, one of whom is to drain, and the others.
async fn one_of_three(trial: &Trial) -> Verdict<(Made, InstanceKey, Vec<InstanceKey>)> {
    let made = trial.attached_of(3).await?;
    let named = made.members.get(1).ok_or_else(|| Failure::new("a group of 3 has no second member"))?.clone();
    let others = made.members.iter().filter(|member| **member != named).cloned().collect();
    Ok((made, named, others))
}

fn in_flight_ends(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let cuts_off = || Failure::inapplicable("it cuts off what is in flight (drains is never)");
    (trial.traffic().capabilities().drains != Drains::Never).then_some(()).ok_or_else(cuts_off)
}

fn can_be_named(trial: &Trial) -> Verdict {
    let by_itself = || Failure::inapplicable("who leaves drains by itself, and nobody can be named (drains is leaving)");
    trial.names_who_drains().then_some(()).ok_or_else(by_itself)
}

/// Whether all that a drain may change is who drains.
fn routed_as(before: &TrafficSeen, seen: &TrafficSeen) -> Verdict {
    let same = (&seen.weights, &seen.foreign) == (&before.weights, &before.foreign);
    require!(same, "a drain changed the route: {} became {}", text(before), text(seen));
    Ok(())
}

/// The view after a drain was answered: whoever was named has begun, and nobody else.
async fn begun(trial: &Trial, before: &TrafficSeen, named: &[InstanceKey], others: &[InstanceKey]) -> Verdict {
    let seen = trial.look().await?;
    routed_as(before, &seen)?;
    let idle = named.iter().find(|key| stage(&seen, key) == Stage::Attached);
    require!(idle.is_none(), "{idle:?} was told to drain, and is attached: {:?}", seen.targets);
    require!(attached(&seen) == others, "{named:?} were told to drain; attached are {:?}, not {others:?}", attached(&seen));
    Ok(())
}

pub(super) async fn a_drain_of_nobody_is_invalid(trial: &Trial) -> Verdict {
    trial.attached_of(2).await?;
    let before = trial.look().await?;
    let answer = trial.drain(&trial.op(), trial.pool(), &BTreeSet::new()).await;
    refused("a drain of nobody", answer, &[ErrorKind::Invalid])?;
    trial.unchanged(&before, "a drain of nobody").await?;
    if can_be_named(trial).is_err() {
        let one = before.targets.iter().take(1).map(|target| target.key.clone()).collect();
        let answer = trial.drain(&trial.op(), trial.pool(), &one).await;
        refused("a drain where who leaves drains by itself", answer, &[ErrorKind::Invalid])?;
        trial.unchanged(&before, "a drain that was refused").await?;
    }
    Ok(())
}

pub(super) async fn a_drain_takes_exactly_the_named(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let (_, named, others) = one_of_three(trial).await?;
    let before = trial.look().await?;
    trial.drain_of([&named]).await?;
    begun(trial, &before, std::slice::from_ref(&named), &others).await?;
    trial.drained(&[named]).await?;
    trial.attached(&others).await
}

pub(super) async fn a_drain_is_answered_when_it_has_begun(trial: &Trial) -> Verdict {
    in_flight_ends(trial)?;
    let made = trial.attached_of(4).await?;
    for named in &made.members {
        trial.patience().quiet().await;
        // As long as a call takes that has nothing to wait for, and the time between two looks.
        let (nobody, asked) = ([InstanceKey::named("conformance-nobody-of-this-name")].into(), trial.now());
        trial.drain_now(&trial.op(), trial.pool(), &nobody).await?;
        let took = trial.now().since(asked);
        trial.patience().pause().await;
        let short = trial.now().since(asked) + took * 3;
        let (op, leaving) = (trial.op(), [named.clone()].into());
        let begun = Cell::new(None);
        let call = pin!(async {
            let answer = trial.traffic().drain(&op, trial.pool(), &leaving).await;
            (answer, begun.get().map(|begun| trial.now().since(begun)))
        });
        match futures_util::future::select(call, pin!(watch(trial, named, &begun))).await {
            Either::Left(((Ok(()), None), _)) => return Ok(()),
            Either::Left(((Ok(()), Some(late)), _)) => {
                require!(late <= short, "{named} was seen to drain, and the call was answered {late:?} later");
                return Ok(());
            }
            // Of a call that has to be sent again nothing can be said.
            Either::Left(((Err(_), _), _)) => trial.drain_now(&op, trial.pool(), &leaving).await?,
            Either::Right((failed, _)) => failed?,
        }
        trial.drained(std::slice::from_ref(named)).await?;
    }
    Ok(())
}

/// Looks at a target until it drains, and from then on waits.
async fn watch(trial: &Trial, key: &InstanceKey, begun: &Cell<Option<Timestamp>>) -> Verdict {
    let deadline = trial.patience().deadline();
    while trial.now() < deadline {
        if begun.get().is_none() && stage(&trial.look().await?, key) != Stage::Attached {
            begun.set(Some(trial.now()));
        }
        trial.patience().pause().await;
    }
    Err(Failure::new(format!("within all patience the call that lets {key} drain was not answered")))
}

pub(super) async fn a_drain_passes_over_who_is_no_target(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let (first, second) = trial.first_of_two().await?;
    let before = trial.look().await?;
    let nobody = InstanceKey::named("conformance-nobody-of-this-name");
    let strangers: Vec<&InstanceKey> = second.members.iter().chain([&nobody]).collect();
    trial.drain_of(strangers.iter().copied()).await?;
    trial.unchanged(&before, "a drain of strangers alone").await?;
    let (named, others) = first.members.split_first().ok_or_else(|| Failure::new("a group of 2 has no members"))?;
    trial.drain_of(strangers.into_iter().chain([named])).await?;
    begun(trial, &before, std::slice::from_ref(named), others).await?;
    // It was of those in the pool at the time.
    trial.set(&trial.alone(&second)).await?;
    trial.attached(&second.members).await
}

pub(super) async fn a_drain_ends_in_order(trial: &Trial) -> Verdict {
    in_flight_ends(trial)?;
    let (_, named, others) = one_of_three(trial).await?;
    trial.drain_of([&named]).await?;
    trial.drained(std::slice::from_ref(&named)).await?;
    trial.attached(&others).await?;
    let (next, last) = others.split_first().ok_or_else(|| Failure::new("two of three are nobody"))?;
    trial.drain_of([next, &named]).await?;
    // Who has drained does not drain again because another does.
    let seen = trial.look().await?;
    require!(stage(&seen, &named) >= Stage::Drained, "{named} was drained, and is {:?}", stage(&seen, &named));
    trial.drained(std::slice::from_ref(next)).await?;
    trial.attached(last).await
}

pub(super) async fn a_drain_again_changes_nothing(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let (_, named, others) = one_of_three(trial).await?;
    let before = trial.look().await?;
    for op in [trial.op(), trial.op()] {
        for _ in 0..2 {
            let was = stage(&trial.look().await?, &named);
            trial.drain(&op, trial.pool(), &[named.clone()].into()).await?;
            begun(trial, &before, std::slice::from_ref(&named), &others).await?;
            let is = stage(&trial.look().await?, &named);
            require!(is >= was, "{named} was {was:?} and told to drain again; it is {is:?}");
        }
        trial.drained(std::slice::from_ref(&named)).await?;
    }
    trial.attached(&others).await
}

pub(super) async fn who_was_told_to_drain_gets_nothing_new(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let (made, named, others) = one_of_three(trial).await?;
    let second = trial.second(1).await?;
    trial.drain_of([&named]).await?;
    trial.drained(std::slice::from_ref(&named)).await?;
    // As it is, after a long while, after another drain, and after routes that name its generation.
    for _ in 0..4 {
        trial.patience().linger().await;
    }
    trial.attached(&others).await?;
    let (next, last) = others.split_first().ok_or_else(|| Failure::new("two of three are nobody"))?;
    trial.drain_of([next]).await?;
    trial.drained(std::slice::from_ref(next)).await?;
    trial.attached(last).await?;
    if let Ok(weights) = trial.less_of(&made, &second) {
        trial.set(&weights).await?;
        let both: Vec<_> = last.iter().chain(&second.members).cloned().collect();
        trial.attached(&both).await?;
        trial.set(&trial.alone(&made)).await?;
        trial.attached(last).await?;
    }
    Ok(())
}

pub(super) async fn two_copies_of_a_drain_at_once_are_one_drain(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let (_, named, others) = one_of_three(trial).await?;
    let before = trial.look().await?;
    let (op, leaving) = (trial.op(), [named.clone()].into());
    let copy = || trial.drain_now(&op, trial.pool(), &leaving);
    let (one, two) = futures_util::join!(copy(), copy());
    one?;
    two?;
    begun(trial, &before, std::slice::from_ref(&named), &others).await?;
    trial.drained(&[named]).await?;
    trial.attached(&others).await
}

pub(super) async fn a_dropped_drain_sent_again_drains(trial: &Trial) -> Verdict {
    can_be_named(trial)?;
    let made = trial.attached_of(WAYS.end).await?;
    let before = trial.look().await?;
    let mut members = &made.members[..];
    for way in WAYS {
        let (named, others) = members.split_first().ok_or_else(|| Failure::new("there is nobody left to drain"))?;
        let (op, leaving) = (trial.op(), [named.clone()].into());
        trial.patience().quiet().await;
        trial.patience().abandon(way, trial.traffic().drain(&op, trial.pool(), &leaving)).await;
        trial.drain_now(&op, trial.pool(), &leaving).await?;
        begun(trial, &before, std::slice::from_ref(named), others).await?;
        trial.drained(std::slice::from_ref(named)).await?;
        members = others;
    }
    Ok(())
}
