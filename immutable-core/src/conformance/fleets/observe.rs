//! Views: of what was asked about, in order, and certain in what they leave out.

use std::collections::BTreeSet;

use super::trial::{Trial, members, present, split};
use crate::conformance::suite::{Verdict, require};
use crate::fleet::{Destroyed, GenerationId, GroupId, GroupSeen, GroupState, Resize};
use crate::id::InstanceKey;

pub(super) async fn observe_has_one_entry_for_each_group_known(trial: &Trial) -> Verdict {
    let wide = trial.spec_of(1, 0, 2)?;
    trial.make(&wide).await?;
    let other = trial.made(2, 1).await?;
    let unborn = GroupId { generation: GenerationId(3), cell: 0 };
    let all: Vec<GroupId> = wide.group_ids().chain([other.group, unborn]).collect();
    for known in [&all[..], all.get(..1).unwrap_or_default(), all.get(1..3).unwrap_or_default(), &[]] {
        let known: BTreeSet<GroupId> = known.iter().copied().collect();
        let seen = trial.look(&wide.fleet, &known).await?;
        let mut shown: Vec<GroupId> = seen.groups.iter().map(|seen| seen.group).collect();
        shown.sort();
        require!(shown.iter().eq(&known), "asked about {known:?}, it shows {shown:?}");
    }
    Ok(())
}

pub(super) async fn what_was_made_and_is_not_known_is_an_orphan(trial: &Trial) -> Verdict {
    let wide = trial.spec_of(1, 0, 2)?;
    trial.make(&wide).await?;
    let other = trial.made(2, 1).await?;
    let all: BTreeSet<GroupId> = wide.group_ids().chain([other.group]).collect();
    for known in [all.clone(), wide.group_ids().collect(), [other.group].into(), BTreeSet::new()] {
        let deadline = trial.patience.deadline();
        loop {
            let seen = trial.look(&wide.fleet, &known).await?;
            let orphans: BTreeSet<GroupId> = seen.strangers.iter().filter_map(|stranger| stranger.orphan).collect();
            let unknown: BTreeSet<GroupId> = all.difference(&known).copied().collect();
            if orphans == unknown {
                break;
            }
            let told = "a group that was made and is not among the known must be told as a stranger, with which group it is";
            require!(trial.patience.clock.now() < deadline, "{told}: of {unknown:?} it tells {orphans:?}");
            trial.patience.pause().await;
        }
    }
    Ok(())
}

pub(super) async fn an_unknown_group_is_absent(trial: &Trial) -> Verdict {
    trial.make(&trial.spec(1)?).await?;
    for (generation, cell) in [(2, 0), (1, 1), (11, 0)] {
        trial.absent(&trial.fleet(), GroupId { generation: GenerationId(generation), cell }).await?;
    }
    Ok(())
}

pub(super) async fn instances_come_in_ascending_order(trial: &Trial) -> Verdict {
    let spec = trial.spec(1)?;
    let group = trial.make(&spec).await?;
    let ascends = |seen: &GroupSeen| seen.instances.is_sorted_by(|one, next| one.key < next.key);
    for to in 1..=6 {
        trial.raise(&spec.fleet, group, to - 1, to).await?;
        let seen = trial.seen(&spec.fleet, group).await?;
        require!(ascends(&seen), "instances must come in ascending order of their keys, each once: {:?}", seen.instances);
    }
    trial.running(&spec.fleet, group, 6).await?;
    let seen = trial.seen(&spec.fleet, group).await?;
    require!(ascends(&seen), "instances must come in ascending order of their keys, each once: {:?}", seen.instances);
    Ok(())
}

pub(super) async fn what_a_whole_view_leaves_out_is_gone(trial: &Trial) -> Verdict {
    let made = trial.made(1, 2).await?;
    let leave: BTreeSet<InstanceKey> = made.members.iter().cloned().collect();
    trial.resize(&trial.op(), &Resize::Lower { group: made.group, from: 2, leave }).await??;
    let deadline = trial.patience.deadline();
    let mut gone: BTreeSet<InstanceKey> = BTreeSet::new();
    loop {
        let seen = trial.seen(&made.spec.fleet, made.group).await?;
        let back = present(&seen).into_iter().find(|key| gone.contains(key));
        require!(back.is_none(), "{back:?} was gone, and is there again");
        gone = made.members.iter().filter(|member| !present(&seen).contains(member)).cloned().collect();
        let left = members(&seen);
        require!(left.is_empty(), "those who were named to leave are members still: {left:?}");
        // Who is gone for certain cannot keep a generation from being removed.
        if gone.len() == made.members.len() {
            let answer = trial.destroy(&trial.op(), made.spec.id).await?;
            let empty = matches!(answer, Destroyed::Gone | Destroyed::Going);
            require!(empty, "a whole view showed nobody, and destroy answers {answer:?}");
            return Ok(());
        }
        require!(trial.patience.clock.now() < deadline, "within all patience the named must go: {:?}", seen.instances);
        trial.patience.pause().await;
    }
}

pub(super) async fn an_incarnation_never_comes_back(trial: &Trial) -> Verdict {
    let spec = trial.spec(1)?;
    let group = trial.make(&spec).await?;
    let mut before: Vec<InstanceKey> = Vec::new();
    for _ in 0..3 {
        trial.raise(&spec.fleet, group, 0, 1).await?;
        let members = trial.running(&spec.fleet, group, 1).await?;
        let (key, _) = split(&members)?;
        require!(!before.contains(key), "{key} left, and its name and incarnation were given again");
        before.push(key.clone());
        let lower = Resize::Lower { group, from: 1, leave: [key.clone()].into() };
        trial.resize(&trial.op(), &lower).await??;
        trial.until(&spec.fleet, group, "be empty", |seen| present(seen).is_empty()).await?;
    }
    Ok(())
}

pub(super) async fn members_differ_between_groups(trial: &Trial) -> Verdict {
    let mut known = BTreeSet::new();
    for (ordinal, image) in [(1, 0), (2, 1)] {
        known.insert(trial.make_of(trial.spec_of(ordinal, image, 1)?, 2).await?.group);
    }
    let seen = trial.look(&trial.fleet(), &known).await?;
    let mut keys = BTreeSet::new();
    for group in &seen.groups {
        require!(matches!(group.state, GroupState::Present { .. }), "{} must be Present: {:?}", group.group, group.state);
        for key in members(group) {
            require!(keys.insert(key.clone()), "{key} is a member of two groups");
        }
    }
    require!(keys.len() == 4, "two groups of 2 have {} members", keys.len());
    Ok(())
}
