//! Calls whose caller went away, sent again under the same token.

use std::collections::BTreeSet;

use super::trial::{Trial, present, size, split};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Verdict, require};
use crate::fleet::{Destroyed, GroupSeen, GroupState, Resize};

/// Ways to drop a call: before it began, where it first waits, and later.
const WAYS: std::ops::Range<u32> = 0..5;

pub(super) async fn a_dropped_ensure_sent_again_makes_all_groups(trial: &Trial) -> Verdict {
    for (ordinal, way) in (1..).zip(WAYS) {
        let spec = trial.spec_of(ordinal, 0, 2)?;
        let op = trial.op();
        trial.patience.abandon(way, trial.fleets().ensure_generation(&op, &spec)).await;
        trial.ensure(&op, &spec).await??;
        trial.patience.linger().await;
        for group in spec.group_ids() {
            let seen = trial.seen(&spec.fleet, group).await?;
            require!(size(&seen) == Some(0), "{group} must be Present with size 0: {:?}", seen.state);
        }
    }
    Ok(())
}

pub(super) async fn a_dropped_raise_sent_again_launches_once(trial: &Trial) -> Verdict {
    let group = trial.make(&trial.spec(1)?).await?;
    for (to, way) in (1..).zip(WAYS) {
        let raise = Resize::Raise { group, from: to - 1, to };
        let op = trial.op();
        trial.patience.quiet().await;
        trial.patience.abandon(way, trial.fleets().resize(&op, &raise)).await;
        // At once: nobody has told until when the first copy may arrive, and it is the same call.
        let resized = trial.resize_now(Busy::Wait, &op, &raise).await??;
        require!(resized.size == to, "a raise to {to}, dropped and sent again, must answer size {to}, not {}", resized.size);
        trial.running(&trial.fleet(), group, to).await?;
    }
    Ok(())
}

pub(super) async fn a_dropped_lower_sent_again_terminates_the_named(trial: &Trial) -> Verdict {
    let made = trial.made(1, WAYS.end).await?;
    let mut members = made.members;
    for way in WAYS {
        let (first, others) = split(&members)?;
        let from = members.len() as u32;
        let lower = Resize::Lower { group: made.group, from, leave: [first.clone()].into() };
        let op = trial.op();
        trial.patience.quiet().await;
        trial.patience.abandon(way, trial.fleets().resize(&op, &lower)).await;
        let resized = trial.resize_now(Busy::Wait, &op, &lower).await??;
        require!(resized.size == from - 1, "one of {from} was named, and the size is {}", resized.size);
        let gone = |seen: &GroupSeen| !present(seen).contains(first);
        trial.until(&made.spec.fleet, made.group, "lose the named", gone).await?;
        trial.stays(&made.spec.fleet, made.group, others).await?;
        members = others.to_vec();
    }
    Ok(())
}

pub(super) async fn a_dropped_destroy_sent_again_ends_absent(trial: &Trial) -> Verdict {
    let kept = trial.made(100, 1).await?;
    for (ordinal, way) in (1..).zip(WAYS) {
        let spec = trial.spec_of(ordinal, 0, 2)?;
        trial.make(&spec).await?;
        let op = trial.op();
        trial.patience.quiet().await;
        trial.patience.abandon(way, trial.fleets().destroy_generation(&op, spec.id)).await;
        let answer = trial.destroy(&op, spec.id).await?;
        require!(!matches!(answer, Destroyed::StillHas(_)), "an empty generation must be Gone or Going, not {answer:?}");
        let known: BTreeSet<_> = spec.group_ids().collect();
        for group in known {
            let gone = |seen: &GroupSeen| seen.state == GroupState::Absent;
            trial.until(&spec.fleet, group, "become Absent", gone).await?;
        }
    }
    trial.stays(&kept.spec.fleet, kept.group, &kept.members).await
}
