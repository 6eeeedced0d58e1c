//! Making a generation: at size 0, ours or taken.

use std::collections::BTreeSet;

use super::trial::{Trial, members, size};
use crate::conformance::suite::{Verdict, refused, require};
use crate::error::ErrorKind;
use crate::fleet::{Ensured, GroupId, GroupState, Upkeep};

pub(super) async fn ensure_makes_all_groups_at_size_zero(trial: &Trial) -> Verdict {
    let spec = trial.spec_of(1, 0, 2)?;
    let answer = trial.ensure(&trial.op(), &spec).await??;
    let created = matches!(answer, Ensured::Created { .. });
    require!(created || trial.patience.resent(), "what was not there must be Created, not {answer:?}");
    let known: BTreeSet<GroupId> = spec.group_ids().collect();
    let seen = trial.look(&spec.fleet, &known).await?;
    require!(seen.groups.len() == 2, "a generation of 2 groups shows {}", seen.groups.len());
    for seen in &seen.groups {
        require!(size(seen) == Some(0), "a new group must be Present with size 0: {:?}", seen.state);
        if let GroupState::Present { spec: Some(mark), .. } = &seen.state {
            require!(*mark == spec.digest(), "the mark of a new group must be its spec's digest, not {mark}");
        }
    }
    Ok(())
}

pub(super) async fn ensure_launches_nothing(trial: &Trial) -> Verdict {
    let group = trial.make(&trial.spec(1)?).await?;
    trial.stays(&trial.fleet(), group, &[]).await
}

pub(super) async fn ensure_sets_upkeep_from_the_first_moment(trial: &Trial) -> Verdict {
    for (ordinal, upkeep) in [(1, Upkeep::NONE), (2, Upkeep::default())] {
        let mut spec = trial.spec(ordinal)?;
        spec.upkeep = upkeep;
        let group = trial.make(&spec).await?;
        let seen = trial.seen(&spec.fleet, group).await?;
        require!(trial.kept_up(&seen, upkeep), "a new group's upkeep must be its spec's, {upkeep:?}: {:?}", seen.state);
    }
    Ok(())
}

pub(super) async fn ensure_again_finds_ours(trial: &Trial) -> Verdict {
    let spec = trial.spec_of(1, 0, 2)?;
    let op = trial.op();
    trial.ensure(&op, &spec).await??;
    let again = trial.ensure(&op, &spec).await??;
    let same_call = matches!(again, Ensured::AlreadyOurs | Ensured::Created { .. });
    require!(same_call, "the same call again must succeed, not be {again:?}");
    let another = trial.ensure(&trial.op(), &spec).await??;
    require!(another == Ensured::AlreadyOurs, "another call for what is there must be AlreadyOurs, not {another:?}");
    Ok(())
}

pub(super) async fn ensure_again_keeps_sizes_and_upkeep(trial: &Trial) -> Verdict {
    let made = trial.made(1, 2).await?;
    trial.set_upkeep(made.spec.id, Upkeep::default()).await?;
    let again = trial.ensure(&trial.op(), &made.spec).await??;
    require!(again == Ensured::AlreadyOurs, "a spec that differs in upkeep alone is the same: AlreadyOurs, not {again:?}");
    let seen = trial.seen(&made.spec.fleet, made.group).await?;
    require!(trial.kept_up(&seen, Upkeep::default()), "to be found again changed a group's upkeep: {:?}", seen.state);
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn ensure_of_another_spec_is_taken(trial: &Trial) -> Verdict {
    let made = trial.made(1, 1).await?;
    let mut labelled = made.spec.clone();
    labelled.labels.insert("purpose".into(), "another".into());
    for (what, other) in [("another image", trial.spec_of(1, 1, 1)?), ("another label", labelled)] {
        let answer = trial.ensure(&trial.op(), &other).await?;
        refused(&format!("a spec with {what} under a name that is there"), answer, &[ErrorKind::Taken])?;
    }
    let seen = trial.seen(&made.spec.fleet, made.group).await?;
    if let GroupState::Present { spec: Some(mark), .. } = &seen.state {
        require!(*mark == made.spec.digest(), "what was taken bears another mark now: {mark}");
    }
    require!(members(&seen) == made.members, "what was taken has other members now: {:?}", seen.instances);
    Ok(())
}

pub(super) async fn a_taken_name_gets_no_more_groups(trial: &Trial) -> Verdict {
    trial.make(&trial.spec(1)?).await?;
    let wider = trial.spec_of(1, 0, 2)?;
    refused("a spec with one group more", trial.ensure(&trial.op(), &wider).await?, &[ErrorKind::Taken])?;
    trial.absent(&wider.fleet, GroupId { generation: wider.id, cell: 1 }).await
}
