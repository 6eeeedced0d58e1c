//! What holds of the whole provider, of its upkeep, and of the end of a generation.

use super::trial::{Trial, members, of_fleet, present, size};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{Destroyed, GenerationId, GroupId, GroupSeen, GroupState, Resize, Upkeep};
use crate::id::NativeRef;

pub(super) async fn capabilities_stay(trial: &Trial) -> Verdict {
    let before = trial.fleets().capabilities().clone();
    require!(before.group_size_max > 0, "group_size_max is 0: no group could have an instance");
    trial.made(1, 1).await?;
    let after = trial.fleets().capabilities();
    require!(before == *after, "capabilities changed from {before:?} to {after:?}");
    Ok(())
}

pub(super) async fn a_preflight_only_reads(trial: &Trial) -> Verdict {
    let spec = trial.spec(1)?;
    let findings = trial.patience.drive(Busy::Wait, async || trial.fleets().preflight(&spec, 4).await).await?;
    let blocks = findings.iter().find(|finding| finding.blocks);
    trial.absent(&spec.fleet, GroupId { generation: spec.id, cell: 0 }).await?;
    let made = trial.make_of(spec, 4).await?;
    require!(blocks.is_none(), "preflight said that what then worked could not: {blocks:?}");
    trial.patience.drive(Busy::Wait, async || trial.fleets().preflight(&made.spec, 4).await).await?;
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn an_inspection_only_reads(trial: &Trial) -> Verdict {
    let nothing = NativeRef::new("conformance-nothing-of-this-name");
    let answer = trial.patience.drive(Busy::Wait, async || trial.fleets().inspect(&nothing).await).await;
    let adopts = trial.fleets().capabilities().adopt;
    refused("an inspection of nothing", answer, &[if adopts { ErrorKind::NotFound } else { ErrorKind::Invalid }])?;
    Ok(())
}

pub(super) async fn upkeep_is_set_for_all_groups(trial: &Trial) -> Verdict {
    let spec = trial.spec_of(1, 0, 2)?;
    trial.make(&spec).await?;
    for upkeep in [Upkeep::default(), Upkeep::NONE, Upkeep::default()] {
        trial.set_upkeep(spec.id, upkeep).await?;
        for group in spec.group_ids() {
            let seen = trial.seen(&spec.fleet, group).await?;
            require!(trial.kept_up(&seen, upkeep), "the upkeep of {group} must be {upkeep:?}: {:?}", seen.state);
            require!(size(&seen) == Some(0), "set_upkeep changed the size of {group}: {:?}", seen.state);
        }
    }
    Ok(())
}

pub(super) async fn upkeep_set_again_changes_nothing(trial: &Trial) -> Verdict {
    let made = trial.made(1, 2).await?;
    for _ in 0..2 {
        trial.set_upkeep(made.spec.id, Upkeep::default()).await?;
        let seen = trial.seen(&made.spec.fleet, made.group).await?;
        require!(trial.kept_up(&seen, Upkeep::default()), "the upkeep must be {:?}: {:?}", Upkeep::default(), seen.state);
    }
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn a_destroy_with_members_does_nothing(trial: &Trial) -> Verdict {
    let made = trial.made(1, 2).await?;
    let answer = trial.destroy(&trial.op(), made.spec.id).await?;
    require!(answer == Destroyed::StillHas(2), "a destroy with 2 members must answer StillHas(2), not {answer:?}");
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn a_destroy_of_the_empty_ends_absent(trial: &Trial) -> Verdict {
    let spec = trial.spec_of(1, 0, 2)?;
    let group = trial.make(&spec).await?;
    trial.raise(&spec.fleet, group, 0, 1).await?;
    let leave = trial.running(&spec.fleet, group, 1).await?.into_iter().collect();
    trial.resize(&trial.op(), &Resize::Lower { group, from: 1, leave }).await??;
    trial.until(&spec.fleet, group, "be empty", |seen| present(seen).is_empty()).await?;
    let op = trial.op();
    let answer = trial.destroy(&op, spec.id).await?;
    require!(matches!(answer, Destroyed::Gone | Destroyed::Going), "an empty generation must be Gone or Going, not {answer:?}");
    for group in spec.group_ids() {
        let gone = |seen: &GroupSeen| seen.state == GroupState::Absent;
        if answer == Destroyed::Gone {
            trial.absent(&spec.fleet, group).await?;
        }
        let seen = trial.until(&spec.fleet, group, "become Absent", gone).await?;
        require!(members(&seen).is_empty(), "a group that is gone has members: {:?}", seen.instances);
    }
    for op in [op, trial.op()] {
        let again = trial.destroy(&op, spec.id).await?;
        require!(matches!(again, Destroyed::Gone | Destroyed::Going), "destroyed again, it must be Gone, not {again:?}");
    }
    Ok(())
}

pub(super) async fn a_destroy_of_the_absent_is_gone(trial: &Trial) -> Verdict {
    let made = trial.made(1, 1).await?;
    let answer = trial.destroy(&trial.op(), GenerationId(2)).await?;
    require!(answer == Destroyed::Gone, "a destroy of what is not there must answer Gone, not {answer:?}");
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn fleets_do_not_touch_each_other(trial: &Trial) -> Verdict {
    let ours = trial.made(1, 2).await?;
    let neighbour = trial.neighbour();
    trial.absent(&neighbour, ours.group).await?;
    let theirs = trial.make_of(of_fleet(trial.spec(1)?, &neighbour), 1).await?;
    let seen = trial.look(&neighbour, &[ours.group].into()).await?;
    let ours_seen = seen.groups.iter().flat_map(|group| group.instances.iter()).find(|one| ours.members.contains(&one.key));
    require!(ours_seen.is_none(), "one fleet's instance is shown in another's group: {ours_seen:?}");
    let leave = theirs.members.iter().cloned().collect();
    let op = trial.op_of(&neighbour);
    trial.resize(&op, &Resize::Lower { group: theirs.group, from: 1, leave }).await??;
    trial.until(&neighbour, theirs.group, "be empty", |seen| present(seen).is_empty()).await?;
    trial.destroy(&trial.op_of(&neighbour), theirs.spec.id).await?;
    let gone = |seen: &GroupSeen| seen.state == GroupState::Absent;
    trial.until(&neighbour, theirs.group, "become Absent", gone).await?;
    trial.stays(&ours.spec.fleet, ours.group, &ours.members).await
}
