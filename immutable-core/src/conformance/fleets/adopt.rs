//! Groups that others made, and what becomes of them when they are adopted. A provider that adopts nothing says so.

use super::trial::{Made, Trial, present};
use crate::conformance::patience::Busy;
use crate::conformance::suite::{Failure, Verdict, refused, require};
use crate::error::{ErrorKind, Result};
use crate::fleet::{Destroyed, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupState, Op, Resize, Upkeep};
use crate::id::NativeRef;

/// A group of others, and what it is as a generation.
struct Other {
    native: NativeRef,
    spec: GenerationSpec,
}

impl Trial {
    /// A group of others with so many machines of the first image; `None` if the provider adopts nothing, which it then says.
    async fn other(&self, machines: u32) -> Verdict<Option<Other>> {
        if !self.fleets().capabilities().adopt {
            let (native, spec) = (NativeRef::new("conformance-by-hand"), self.spec(1)?);
            let answer = self.adopt(&self.op(), &native, &spec).await;
            refused("an adoption by a provider that adopts nothing", answer, &[ErrorKind::Invalid])?;
            return Ok(None);
        }
        let Some(others) = &self.subject.others else {
            return Err(Failure::new(
                "the provider adopts, and nobody makes anything to be adopted; say who, with Subject::others",
            ));
        };
        let native = others(machines).await?;
        let read = self.patience.drive(Busy::Wait, async || self.fleets().inspect(&native).await).await?;
        let [image, _] = &self.subject.images;
        let same = image.id().as_str().eq_ignore_ascii_case(read.image.id().as_str());
        require!(same, "{native} launches {image}, and was read as one that launches {}", read.image);
        require!(read.groups.len() == 1, "one group must be read as one, not as {:?}", read.groups);
        let GenerationSpec { name, version, release, image, labels, .. } = self.spec(1)?;
        let (fleet, id, upkeep) = (self.fleet(), GenerationId(1), Upkeep::NONE);
        Ok(Some(Other { native, spec: GenerationSpec { fleet, id, name, version, release, image, labels, upkeep, ..read } }))
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        let answer = self.patience.drive(Busy::Wait, async || self.fleets().adopt(op, native, spec).await).await;
        self.note();
        answer
    }

    /// A group of others with so many machines, adopted.
    async fn adopted(&self, machines: u32) -> Verdict<Option<(Other, Made)>> {
        let Some(other) = self.other(machines).await? else {
            return Ok(None);
        };
        self.adopt(&self.op(), &other.native, &other.spec).await?;
        let group = GroupId { generation: other.spec.id, cell: 0 };
        let members = self.running(&other.spec.fleet, group, machines).await?;
        let made = Made { spec: other.spec.clone(), group, members };
        Ok(Some((other, made)))
    }
}

pub(super) async fn a_group_of_others_is_adopted_as_it_is(trial: &Trial) -> Verdict {
    let Some(other) = trial.other(2).await? else {
        return Ok(());
    };
    let group = GroupId { generation: other.spec.id, cell: 0 };
    trial.absent(&other.spec.fleet, group).await?;
    trial.adopt(&trial.op(), &other.native, &other.spec).await?;
    // Its machines were there before: nothing boots now.
    let seen = trial.seen(&other.spec.fleet, group).await?;
    require!(present(&seen).len() == 2, "two machines must be there at once: {:?}", seen.instances);
    let members = trial.running(&other.spec.fleet, group, 2).await?;
    require!(present(&seen) == members, "the machines that were there must stay: {:?}, and then {members:?}", seen.instances);
    let marked = matches!(seen.state, GroupState::Present { spec: None, .. })
        || matches!(seen.state, GroupState::Present { spec: Some(mark), .. } if mark == other.spec.digest());
    require!(marked, "its mark must be the spec's: {:?}", seen.state);
    require!(trial.kept_up(&seen, Upkeep::NONE), "its provider must do nothing by itself: {:?}", seen.state);
    let look = trial.look(&other.spec.fleet, &[group].into()).await?;
    require!(look.strangers.is_empty(), "what is adopted is no stranger: {:?}", look.strangers);
    // Whose journal does not know it: somebody made it, and nobody removes it by its number.
    let look = trial.look(&other.spec.fleet, &[GroupId { generation: GenerationId(2), cell: 0 }].into()).await?;
    let strangers: Vec<_> = look.strangers.iter().map(|stranger| (stranger.claims, stranger.orphan)).collect();
    require!(strangers == [(Some(group.generation), None)], "what others made must be no orphan: {:?}", look.strangers);
    Ok(())
}

pub(super) async fn what_is_adopted_is_resized_and_removed_as_any_other(trial: &Trial) -> Verdict {
    let Some((_, made)) = trial.adopted(2).await? else {
        return Ok(());
    };
    let (fleet, group) = (&made.spec.fleet, made.group);
    trial.raise(fleet, group, 2, 3).await?;
    let members = trial.running(fleet, group, 3).await?;
    require!(made.members.iter().all(|one| members.contains(one)), "a raise must keep who is there");
    let leave = made.members.iter().cloned().collect();
    trial.resize(&trial.op(), &Resize::Lower { group, from: 3, leave }).await??;
    let gone = |seen: &GroupSeen| !made.members.iter().any(|one| present(seen).contains(one));
    trial.until(fleet, group, "lose the named", gone).await?;
    let left = trial.running(fleet, group, 1).await?;
    require!(left.iter().all(|one| members.contains(one)), "who was not named must stay: {left:?}");
    let answer = trial.destroy(&trial.op(), made.spec.id).await?;
    require!(answer == Destroyed::StillHas(1), "a destroy with 1 member must answer StillHas(1), not {answer:?}");
    trial.retire(&Made { members: left, ..made }).await
}

pub(super) async fn what_is_adopted_again_stays_as_it_is(trial: &Trial) -> Verdict {
    let Some((other, made)) = trial.adopted(2).await? else {
        return Ok(());
    };
    let op = trial.op();
    for op in [&op, &op, &trial.op()] {
        trial.adopt(op, &other.native, &other.spec).await?;
    }
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn what_bears_other_marks_is_not_adopted(trial: &Trial) -> Verdict {
    let Some((other, made)) = trial.adopted(2).await? else {
        return Ok(());
    };
    let neighbour = trial.neighbour();
    let numbered = GenerationSpec { id: GenerationId(2), ..other.spec.clone() };
    let theirs = GenerationSpec { fleet: neighbour.clone(), ..other.spec.clone() };
    for spec in [numbered, theirs] {
        let answer = trial.adopt(&trial.op_of(&spec.fleet), &other.native, &spec).await;
        refused("an adoption of what bears other marks", answer, &[ErrorKind::Taken])?;
        trial.absent(&spec.fleet, GroupId { generation: spec.id, cell: 0 }).await?;
    }
    trial.stays(&made.spec.fleet, made.group, &made.members).await
}

pub(super) async fn what_is_not_as_it_was_read_is_not_adopted(trial: &Trial) -> Verdict {
    let Some(other) = trial.other(1).await? else {
        return Ok(());
    };
    let [_, image] = &trial.subject.images;
    let spec = GenerationSpec { image: image.clone(), ..other.spec.clone() };
    let answer = trial.adopt(&trial.op(), &other.native, &spec).await;
    refused("an adoption of what launches another image", answer, &[ErrorKind::Conflict])?;
    let nothing = NativeRef::new("conformance-nothing-of-this-name");
    let answer = trial.adopt(&trial.op(), &nothing, &other.spec).await;
    refused("an adoption of nothing", answer, &[ErrorKind::NotFound])?;
    trial.absent(&other.spec.fleet, GroupId { generation: other.spec.id, cell: 0 }).await
}
