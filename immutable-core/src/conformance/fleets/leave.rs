//! Lowering: exactly the named. Giving up: nobody.

use std::collections::BTreeSet;

use super::trial::{Made, Trial, members, present, size, split};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::{ErrorKind, Result};
use crate::fleet::{GenerationId, GroupId, GroupState, Refusal, Resize, Resized};
use crate::id::InstanceKey;

/// A group of 3, one of whom is to leave, and the call for it.
async fn one_of_three(trial: &Trial) -> Verdict<(Made, InstanceKey, Vec<InstanceKey>, Resize)> {
    let made = trial.made(1, 3).await?;
    // Whom a provider would choose by itself is mostly the first or the last.
    let named = made.members.get(1).ok_or_else(|| Failure::new("a group of 3 has no second member"))?.clone();
    let others = made.members.iter().filter(|member| **member != named).cloned().collect();
    let lower = Resize::Lower { group: made.group, from: 3, leave: [named.clone()].into() };
    Ok((made, named, others, lower))
}

pub(super) async fn a_lower_terminates_exactly_the_named(trial: &Trial) -> Verdict {
    let (made, named, others, lower) = one_of_three(trial).await?;
    let resized = trial.resize(&trial.op(), &lower).await??;
    require!(resized.size == 2, "a lower of one of 3 must answer size 2, not {}", resized.size);
    require!(resized.refused.is_empty(), "a member that nothing holds was refused: {:?}", resized.refused);
    let seen = trial.seen(&made.spec.fleet, made.group).await?;
    require!(size(&seen) == Some(2), "the view after a lower to 2 was answered shows {:?}", seen.state);
    require!(members(&seen) == others, "{named} was named to leave; the members are {:?} now", members(&seen));
    trial.until(&made.spec.fleet, made.group, "lose the named", |seen| !present(seen).contains(&named)).await?;
    trial.stays(&made.spec.fleet, made.group, &others).await
}

pub(super) async fn a_lower_sent_twice_terminates_once(trial: &Trial) -> Verdict {
    let (made, _, others, lower) = one_of_three(trial).await?;
    let op = trial.op();
    for _ in 0..2 {
        let resized = trial.resize(&op, &lower).await??;
        require!(resized.size == 2, "a lower of one of 3, sent again, must answer size 2, not {}", resized.size);
    }
    trial.stays(&made.spec.fleet, made.group, &others).await
}

pub(super) async fn a_lower_already_done_changes_nothing(trial: &Trial) -> Verdict {
    let (made, named, others, lower) = one_of_three(trial).await?;
    trial.resize(&trial.op(), &lower).await??;
    trial.until(&made.spec.fleet, made.group, "lose the named", |seen| !present(seen).contains(&named)).await?;
    let resized = trial.resize(&trial.op(), &lower).await??;
    require!(resized.size == 2, "a lower that is done already must answer size 2, not {}", resized.size);
    trial.stays(&made.spec.fleet, made.group, &others).await
}

pub(super) async fn a_lower_from_another_size_conflicts(trial: &Trial) -> Verdict {
    let Made { spec, group, members } = trial.made(1, 2).await?;
    let (first, _) = split(&members)?;
    for from in [1, 4] {
        let lower = Resize::Lower { group, from, leave: [first.clone()].into() };
        let answer = trial.resize(&trial.op(), &lower).await?;
        let error = refused(&format!("a lower from {from} of a group of 2"), answer, &[ErrorKind::Conflict])?;
        require!(error.found() == Some(2), "a conflict must tell the size found, 2, not {:?}", error.found());
    }
    trial.stays(&spec.fleet, group, &members).await
}

/// Whether a lower refused the stranger. Sent again, it is between its sizes: a provider that compares may find a conflict.
fn left_one_out(answer: Result<Resized>, again: bool, stranger: &InstanceKey, left: u32) -> Verdict {
    match answer {
        Err(error) if again => {
            let error = refused::<()>("a lower, sent again,", Err(error), &[ErrorKind::Conflict])?;
            require!(error.found() == Some(left), "a conflict must tell the size found, {left}, not {:?}", error.found());
        }
        answer => {
            let resized = answer?;
            let named = [(stranger.clone(), Refusal::NotMember)];
            require!(resized.refused == named, "{stranger} must be refused as NotMember: {:?}", resized.refused);
            require!(resized.size == left, "a stranger must not count: size {left}, not {}", resized.size);
        }
    }
    Ok(())
}

pub(super) async fn a_lower_refuses_a_stranger_and_lets_the_others_leave(trial: &Trial) -> Verdict {
    let other = trial.make_of(trial.spec_of(2, 1, 1)?, 1).await?;
    let Made { spec, group, members } = trial.made(1, 3).await?;
    let (first, others) = split(&members)?;
    let (elsewhere, _) = split(&other.members)?;
    let lower = Resize::Lower { group, from: 3, leave: [first.clone(), elsewhere.clone()].into() };
    let op = trial.op();
    for again in [false, true] {
        let answer = trial.resize(&op, &lower).await?;
        left_one_out(answer, again || trial.patience.resent(), elsewhere, 2)?;
    }
    trial.until(&spec.fleet, group, "lose the member", |seen| !present(seen).contains(first)).await?;
    trial.stays(&spec.fleet, group, others).await?;
    trial.stays(&other.spec.fleet, other.group, &other.members).await
}

pub(super) async fn a_lower_of_strangers_alone_changes_nothing(trial: &Trial) -> Verdict {
    let other = trial.make_of(trial.spec_of(2, 1, 1)?, 1).await?;
    let Made { spec, group, members } = trial.made(1, 2).await?;
    let (elsewhere, _) = split(&other.members)?;
    let lower = Resize::Lower { group, from: 2, leave: [elsewhere.clone()].into() };
    let resized = trial.resize(&trial.op(), &lower).await??;
    let named = [(elsewhere.clone(), Refusal::NotMember)];
    require!(resized.refused == named, "{elsewhere} must be refused as NotMember: {:?}", resized.refused);
    require!(resized.size == 2, "a stranger must not count: size 2, not {}", resized.size);
    trial.stays(&spec.fleet, group, &members).await?;
    trial.stays(&other.spec.fleet, other.group, &other.members).await
}

pub(super) async fn a_give_up_never_takes_a_member(trial: &Trial) -> Verdict {
    let spec = trial.spec(1)?;
    let group = trial.make(&spec).await?;
    trial.raise(&spec.fleet, group, 0, 2).await?;
    let give_up = Resize::GiveUp { group, from: 2, to: 1 };
    // Still booting, and then running: neither is a slot that never came. Where nothing has come yet it may be given up.
    let first = trial.resize_unless(Busy::Tell, &trial.op(), &give_up).await?;
    if let Ok(resized) = first {
        require!(resized.size == 1, "a give up to 1 was answered with size {}", resized.size);
        trial.running(&spec.fleet, group, 1).await?;
        trial.raise(&spec.fleet, group, 1, 2).await?;
    }
    let members = trial.running(&spec.fleet, group, 2).await?;
    let answer = trial.resize_unless(Busy::Tell, &trial.op(), &give_up).await?;
    refused("a give up of a slot that has a member", answer, &[ErrorKind::Conflict, ErrorKind::Busy])?;
    trial.stays(&spec.fleet, group, &members).await
}

pub(super) async fn a_give_up_already_done_changes_nothing(trial: &Trial) -> Verdict {
    let Made { spec, group, members } = trial.made(1, 2).await?;
    let resized = trial.resize(&trial.op(), &Resize::GiveUp { group, from: 3, to: 2 }).await??;
    require!(resized.size == 2, "a give up to the size that is must be done, with size 2, not {}", resized.size);
    trial.stays(&spec.fleet, group, &members).await
}

pub(super) async fn a_give_up_from_another_size_changes_nothing(trial: &Trial) -> Verdict {
    let Made { spec, group, members } = trial.made(1, 2).await?;
    for (from, to) in [(5, 4), (1, 0)] {
        let give_up = Resize::GiveUp { group, from, to };
        let answer = trial.resize_unless(Busy::Tell, &trial.op(), &give_up).await?;
        refused(&format!("a give up from {from} of a group of 2"), answer, &[ErrorKind::Conflict, ErrorKind::Busy])?;
    }
    trial.stays(&spec.fleet, group, &members).await
}

pub(super) async fn a_resize_of_an_absent_group_makes_nothing(trial: &Trial) -> Verdict {
    let made = trial.made(1, 1).await?;
    let unborn = GroupId { generation: GenerationId(2), cell: 0 };
    let beside = GroupId { generation: GenerationId(1), cell: 1 };
    let leave: BTreeSet<InstanceKey> = made.members.iter().cloned().collect();
    for group in [unborn, beside] {
        for resize in [
            Resize::Raise { group, from: 0, to: 1 },
            Resize::Lower { group, from: 1, leave: leave.clone() },
            Resize::GiveUp { group, from: 1, to: 0 },
        ] {
            let answer = trial.resize(&trial.op(), &resize).await?;
            refused(&format!("{resize:?} of a group that is not there"), answer, &[ErrorKind::NotFound])?;
            let seen = trial.seen(&made.spec.fleet, group).await?;
            require!(seen.state == GroupState::Absent, "a resize made {group}: {:?}", seen.state);
        }
    }
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}
