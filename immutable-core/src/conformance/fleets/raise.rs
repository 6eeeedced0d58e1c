//! Raising: as many as asked for, once.

use super::trial::{Made, Trial, members, size, split};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{GroupId, Op, Resize};
use crate::id::Epoch;

pub(super) async fn a_raise_launches_exactly_as_many(trial: &Trial) -> Verdict {
    let made = trial.made(1, 2).await?;
    trial.raise(&made.spec.fleet, made.group, 2, 3).await?;
    let grown = trial.running(&made.spec.fleet, made.group, 3).await?;
    let stayed = made.members.iter().all(|member| grown.contains(member));
    require!(stayed, "a raise replaced members: {:?} became {grown:?}", made.members);
    Ok(())
}

pub(super) async fn a_raise_shows_in_the_next_view(trial: &Trial) -> Verdict {
    let spec = trial.spec(1)?;
    let group = trial.make(&spec).await?;
    for to in 1..=3 {
        trial.raise(&spec.fleet, group, to - 1, to).await?;
        let seen = trial.seen(&spec.fleet, group).await?;
        require!(size(&seen) == Some(to), "the view after a raise to {to} was answered shows {:?}", seen.state);
        require!(members(&seen).len() as u32 <= to, "a group of size {to} has more members: {:?}", seen.instances);
    }
    trial.running(&spec.fleet, group, 3).await.map(drop)
}

pub(super) async fn a_raise_launches_the_pinned_image(trial: &Trial) -> Verdict {
    for (ordinal, image) in [(1, 0), (2, 1)] {
        let made = trial.make_of(trial.spec_of(ordinal, image, 1)?, 1).await?;
        let seen = trial.seen(&made.spec.fleet, made.group).await?;
        for one in seen.instances.iter() {
            let other = one.runs.image().filter(|image| *image != made.spec.image.id());
            require!(other.is_none(), "{} runs {:?}, and its spec says {}", one.key, other, made.spec.image.id());
        }
    }
    Ok(())
}

/// An empty group, and a raise of it to 2.
async fn a_raise(trial: &Trial) -> Verdict<(GroupId, Op, Resize)> {
    let group = trial.make(&trial.spec(1)?).await?;
    Ok((group, trial.op(), Resize::Raise { group, from: 0, to: 2 }))
}

pub(super) async fn a_raise_sent_twice_launches_once(trial: &Trial) -> Verdict {
    let (group, op, raise) = a_raise(trial).await?;
    for _ in 0..2 {
        let resized = trial.resize(&op, &raise).await??;
        require!(resized.size == 2, "a raise to 2, sent again, must answer size 2, not {}", resized.size);
    }
    let members = trial.running(&trial.fleet(), group, 2).await?;
    trial.resize(&op, &raise).await??;
    trial.stays(&trial.fleet(), group, &members).await
}

pub(super) async fn two_copies_of_a_raise_at_once_launch_once(trial: &Trial) -> Verdict {
    let (group, op, raise) = a_raise(trial).await?;
    let copy = || trial.resize_now(Busy::Wait, &op, &raise);
    let (one, two) = futures_util::join!(copy(), copy());
    one??;
    two??;
    trial.running(&trial.fleet(), group, 2).await.map(drop)
}

pub(super) async fn a_raise_sent_again_by_a_new_owner_launches_once(trial: &Trial) -> Verdict {
    let (group, op, raise) = a_raise(trial).await?;
    trial.resize(&op, &raise).await??;
    let again = Op::new(&op.fleet, op.id, Epoch(2));
    trial.resize(&again, &raise).await??;
    trial.running(&trial.fleet(), group, 2).await.map(drop)
}

pub(super) async fn a_late_copy_of_a_raise_launches_nothing(trial: &Trial) -> Verdict {
    let (group, op, raise) = a_raise(trial).await?;
    trial.resize(&op, &raise).await??;
    let members = trial.running(&trial.fleet(), group, 2).await?;
    let (first, others) = split(&members)?;
    let lower = Resize::Lower { group, from: 2, leave: [first.clone()].into() };
    trial.resize(&trial.op(), &lower).await??;
    // Its first answer, if the provider remembers it; a conflict, if it compares.
    if let Err(error) = trial.resize(&op, &raise).await? {
        refused::<()>("a copy of a raise, now between its sizes,", Err(error), &[ErrorKind::Conflict])?;
    }
    trial.running(&trial.fleet(), group, 1).await?;
    trial.stays(&trial.fleet(), group, others).await
}

pub(super) async fn a_raise_to_the_size_that_is_changes_nothing(trial: &Trial) -> Verdict {
    let Made { spec, group, members } = trial.made(1, 2).await?;
    for from in [0, 1] {
        let resized = trial.resize(&trial.op(), &Resize::Raise { group, from, to: 2 }).await??;
        require!(resized.size == 2, "a raise to the size that is must be done, with size 2, not {}", resized.size);
    }
    trial.stays(&spec.fleet, group, &members).await
}

pub(super) async fn a_raise_from_another_size_conflicts(trial: &Trial) -> Verdict {
    let Made { spec, group, members } = trial.made(1, 2).await?;
    for (from, to) in [(0, 1), (1, 3), (3, 4)] {
        let answer = trial.resize(&trial.op(), &Resize::Raise { group, from, to }).await?;
        let error = refused(&format!("a raise from {from} to {to} of a group of 2"), answer, &[ErrorKind::Conflict])?;
        require!(error.found() == Some(2), "a conflict must tell the size found, 2, not {:?}", error.found());
    }
    trial.stays(&spec.fleet, group, &members).await
}
