use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Subject;
use crate::artifact::Digest;
use crate::conformance::patience::{Busy, Patience};
use crate::conformance::suite::{Failure, Verdict, require};
use crate::error::Result;
use crate::fleet::{
    Coverage, Destroyed, Ensured, FleetId, GenerationId, GenerationSpec, GroupId, GroupSeen, GroupSpec, GroupState, Heals, Life,
    Observation, Op, Release, Resize, Resized, Ticket, TicketState, Upkeep,
};
use crate::id::{Epoch, InstanceKey, OpId};
use crate::provider::FleetProvider;
use crate::time::Timestamp;

/// What a case holds in its hands.
pub(in crate::conformance) struct Trial {
    pub(in crate::conformance) subject: Subject,
    pub(in crate::conformance) patience: Patience,
    ops: Cell<u64>,
    /// When the last change was answered: views are waited for that are not older.
    answered: Cell<Timestamp>,
}

/// A generation that was made: its spec, its group 0 and who is in it.
pub(in crate::conformance) struct Made {
    pub(in crate::conformance) spec: GenerationSpec,
    pub(in crate::conformance) group: GroupId,
    pub(in crate::conformance) members: Vec<InstanceKey>,
}

impl Trial {
    pub(in crate::conformance) fn new(subject: Subject) -> Self {
        let clock = subject.time.clock();
        let answered = Cell::new(clock.now());
        Self { patience: Patience::new(clock, subject.patience), subject, ops: Cell::new(0), answered }
    }

    pub(super) fn fleets(&self) -> &Arc<dyn FleetProvider> {
        &self.subject.fleets
    }

    pub(in crate::conformance) fn fleet(&self) -> FleetId {
        FleetId::new(self.subject.place.clone(), self.subject.fleet.clone())
    }

    /// A fleet whose name begins with the other's.
    pub(in crate::conformance) fn neighbour(&self) -> FleetId {
        FleetId::new(self.subject.place.clone(), format!("{}-2", self.subject.fleet))
    }

    /// A spec with one group, of the first image, kept up by nobody.
    pub(in crate::conformance) fn spec(&self, ordinal: u32) -> Verdict<GenerationSpec> {
        self.spec_of(ordinal, 0, 1)
    }

    /// A spec with so many groups (one or two), of the image of this number.
    pub(in crate::conformance) fn spec_of(&self, ordinal: u32, image: usize, groups: usize) -> Verdict<GenerationSpec> {
        let group = |(cell, placement)| GroupSpec { cell, placement, max: 8 };
        let parse = |text: &str| Failure::new(format!("`{text}` is neither a name nor a version"));
        let image = self.subject.images.get(image).ok_or_else(|| Failure::new("there is no such image"))?.clone();
        let artifact = Digest::of(image.to_string().as_bytes());
        Ok(GenerationSpec {
            fleet: self.fleet(),
            id: GenerationId(ordinal),
            name: "conformance/web".parse().map_err(|_| parse("conformance/web"))?,
            version: "1.0.0".parse().map_err(|_| parse("1.0.0"))?,
            release: Release { artifact, template: self.subject.template.digest() },
            image,
            template: self.subject.template.clone(),
            groups: (0..).zip(self.subject.placements.iter().cloned()).take(groups).map(group).collect(),
            pool: None,
            upkeep: Upkeep::NONE,
            labels: [("purpose".into(), "conformance".into())].into(),
        })
    }

    /// An op that was never used.
    pub(super) fn op(&self) -> Op {
        self.op_of(&self.fleet())
    }

    pub(in crate::conformance) fn op_of(&self, fleet: &FleetId) -> Op {
        self.ops.set(self.ops.get() + 1);
        Op::new(fleet, OpId(self.ops.get()), Epoch(1))
    }

    pub(super) fn note(&self) {
        self.answered.set(self.patience.clock.now());
    }

    /// Follows an accepted operation to its end; whether it did all that was asked.
    async fn follow(&self, ticket: &Ticket) -> Verdict<bool> {
        let deadline = self.patience.deadline();
        loop {
            match self.patience.drive(Busy::Wait, async || self.fleets().follow(ticket).await).await? {
                TicketState::Running => {}
                TicketState::Lost => return Err(Failure::new("what was accepted just now must not be Lost")),
                ended => {
                    self.note();
                    return Ok(ended == TicketState::Done);
                }
            }
            require!(self.patience.clock.now() < deadline, "what was accepted is still running after all patience");
            self.patience.pause().await;
        }
    }

    pub(super) async fn ensure(&self, op: &Op, spec: &GenerationSpec) -> Verdict<Result<Ensured>> {
        self.patience.quiet().await;
        let answer = self.patience.drive(Busy::Wait, async || self.fleets().ensure_generation(op, spec).await).await;
        self.note();
        if let Ok(Ensured::Created { echo_until, ticket }) = &answer {
            self.patience.echo_until(*echo_until);
            if let Some(ticket) = ticket {
                require!(self.follow(ticket).await?, "an accepted ensure must end Done");
            }
        }
        Ok(answer)
    }

    /// Resizes as an engine does: again when in doubt, and to the end.
    pub(super) async fn resize(&self, op: &Op, resize: &Resize) -> Verdict<Result<Resized>> {
        self.resize_unless(Busy::Wait, op, resize).await
    }

    pub(super) async fn resize_unless(&self, busy: Busy, op: &Op, resize: &Resize) -> Verdict<Result<Resized>> {
        self.patience.quiet().await;
        self.resize_now(busy, op, resize).await
    }

    /// Without waiting for what may still be on its way.
    pub(super) async fn resize_now(&self, busy: Busy, op: &Op, resize: &Resize) -> Verdict<Result<Resized>> {
        let mut answer = self.patience.drive(busy, async || self.fleets().resize(op, resize).await).await;
        self.note();
        if let Ok(resized) = &mut answer {
            self.patience.echo_until(resized.echo_until);
            if let Some(ticket) = resized.ticket.take() {
                let done = self.follow(&ticket).await?;
                require!(done || !resized.refused.is_empty(), "an accepted resize that refused nobody must end Done");
                // What was only accepted was answered with the size before it.
                let seen = self.seen(&op.fleet, resize.group()).await?;
                resized.size = size(&seen).unwrap_or(resized.size);
            }
        }
        Ok(answer)
    }

    pub(super) async fn set_upkeep(&self, generation: GenerationId, upkeep: Upkeep) -> Verdict {
        self.patience.quiet().await;
        let op = self.op();
        self.patience.drive(Busy::Wait, async || self.fleets().set_upkeep(&op, generation, upkeep).await).await?;
        self.note();
        Ok(())
    }

    pub(super) async fn destroy(&self, op: &Op, generation: GenerationId) -> Verdict<Destroyed> {
        self.patience.quiet().await;
        let send = async || self.fleets().destroy_generation(op, generation).await;
        let answer = self.patience.drive(Busy::Wait, send).await?;
        self.note();
        Ok(answer)
    }

    /// Makes a generation, one group, of size 0.
    pub(in crate::conformance) async fn make(&self, spec: &GenerationSpec) -> Verdict<GroupId> {
        self.ensure(&self.op_of(&spec.fleet), spec).await??;
        Ok(GroupId { generation: spec.id, cell: 0 })
    }

    /// Makes a generation and brings its group 0 to a size.
    pub(in crate::conformance) async fn make_of(&self, spec: GenerationSpec, size: u32) -> Verdict<Made> {
        let group = self.make(&spec).await?;
        self.raise(&spec.fleet, group, 0, size).await?;
        let members = self.running(&spec.fleet, group, size).await?;
        Ok(Made { spec, group, members })
    }

    /// Sends all of a generation's machines away, and removes it.
    pub(in crate::conformance) async fn retire(&self, made: &Made) -> Verdict {
        let (fleet, group) = (&made.spec.fleet, made.group);
        let size = made.members.len() as u32;
        if size > 0 {
            let lower = Resize::Lower { group, from: size, leave: made.members.iter().cloned().collect() };
            self.resize(&self.op_of(fleet), &lower).await??;
        }
        self.until(fleet, group, "be empty", |seen| present(seen).is_empty()).await?;
        self.destroy(&self.op_of(fleet), made.spec.id).await?;
        self.until(fleet, group, "be absent", |seen| seen.state == GroupState::Absent).await?;
        Ok(())
    }

    /// Makes a generation of the first image, with one group of a size.
    pub(super) async fn made(&self, ordinal: u32, size: u32) -> Verdict<Made> {
        self.make_of(self.spec(ordinal)?, size).await
    }

    pub(in crate::conformance) async fn raise(&self, fleet: &FleetId, group: GroupId, from: u32, to: u32) -> Verdict {
        let resized = self.resize(&self.op_of(fleet), &Resize::Raise { group, from, to }).await??;
        require!(resized.size == to, "a raise to {to}, where there is room, must answer size {to}, not {}", resized.size);
        Ok(())
    }

    /// Looks until every group was seen whole, and not from before the last change.
    pub(super) async fn look(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Verdict<Observation> {
        let deadline = self.patience.deadline();
        loop {
            let asked = self.patience.clock.now();
            let seen = self.patience.drive(Busy::Wait, async || self.fleets().observe(fleet, known).await).await?;
            let new_enough = |group: &GroupSeen| asked >= self.answered.get() + group.age;
            let whole = |group: &GroupSeen| group.coverage == Coverage::Whole;
            if seen.groups.iter().all(|group| new_enough(group) && whole(group)) {
                return Ok(seen);
            }
            require!(self.patience.clock.now() < deadline, "no view was whole and new enough within all patience: {seen:?}");
            self.patience.pause().await;
        }
    }

    /// Looks at one group.
    pub(super) async fn seen(&self, fleet: &FleetId, group: GroupId) -> Verdict<GroupSeen> {
        let seen = self.look(fleet, &[group].into()).await?;
        let mut groups = seen.groups.into_iter();
        match (groups.next(), groups.next()) {
            (Some(seen), None) if seen.group == group => Ok(seen),
            (first, second) => Err(Failure::new(format!("asked about {group} alone, it was shown {first:?}, {second:?}"))),
        }
    }

    /// Looks at a group until it is as it must become.
    pub(super) async fn until(
        &self,
        fleet: &FleetId,
        group: GroupId,
        becomes: &str,
        is: impl Fn(&GroupSeen) -> bool,
    ) -> Verdict<GroupSeen> {
        let deadline = self.patience.deadline();
        loop {
            let seen = self.seen(fleet, group).await?;
            if is(&seen) {
                return Ok(seen);
            }
            let late = self.patience.clock.now() >= deadline;
            require!(!late, "within all patience {group} must {becomes}; it is {:?} of {:?}", seen.state, seen.instances);
            self.patience.pause().await;
        }
    }

    /// Waits until so many run and nobody else is there, and sees that it stays so.
    pub(in crate::conformance) async fn running(&self, fleet: &FleetId, group: GroupId, count: u32) -> Verdict<Vec<InstanceKey>> {
        let all = |seen: &GroupSeen| {
            let all_run = seen.instances.iter().all(|one| matches!(one.life, Life::Running | Life::Gone));
            size(seen) == Some(count) && members(seen).len() as u32 == count && all_run
        };
        let members = members(&self.until(fleet, group, &format!("have {count} that run, and no other"), all).await?);
        self.stays(fleet, group, &members).await?;
        Ok(members)
    }

    /// For a while, the group must have these members and no other, and the size that goes with them.
    pub(in crate::conformance) async fn stays(&self, fleet: &FleetId, group: GroupId, wanted: &[InstanceKey]) -> Verdict {
        for _ in 0..2 {
            let seen = self.seen(fleet, group).await?;
            require!(size(&seen) == Some(wanted.len() as u32), "{group} must stay of size {}: {:?}", wanted.len(), seen.state);
            require!(members(&seen) == wanted, "the members of {group} must stay {wanted:?}; they are {:?}", members(&seen));
            self.patience.linger().await;
        }
        Ok(())
    }

    pub(super) async fn absent(&self, fleet: &FleetId, group: GroupId) -> Verdict {
        let seen = self.seen(fleet, group).await?;
        require!(seen.state == GroupState::Absent, "{group} must be Absent, not {:?}", seen.state);
        Ok(())
    }

    /// Whether a group's upkeep is as it was set; a provider that cannot say is believed.
    pub(super) fn kept_up(&self, seen: &GroupSeen, wanted: Upkeep) -> bool {
        let heal = self.fleets().capabilities().heals != Heals::Switchable;
        match &seen.state {
            GroupState::Present { upkeep: Some(upkeep), .. } => {
                *upkeep == Upkeep { heal: if heal { upkeep.heal } else { wanted.heal }, ..wanted }
            }
            GroupState::Present { upkeep: None, .. } => true,
            _ => false,
        }
    }
}

/// The size a group is set to; `None` if it is not present.
pub(super) fn size(seen: &GroupSeen) -> Option<u32> {
    match &seen.state {
        GroupState::Present { size, .. } => Some(*size),
        GroupState::Deleting | GroupState::Absent => None,
    }
}

/// Those who neither left nor are leaving.
pub(super) fn members(seen: &GroupSeen) -> Vec<InstanceKey> {
    let stays = |life| !matches!(life, Life::Leaving | Life::Gone);
    seen.instances.iter().filter(|one| stays(one.life)).map(|one| one.key.clone()).collect()
}

/// Those who are not gone.
pub(super) fn present(seen: &GroupSeen) -> Vec<InstanceKey> {
    seen.instances.iter().filter(|one| one.life != Life::Gone).map(|one| one.key.clone()).collect()
}

/// The same spec for another fleet.
pub(in crate::conformance) fn of_fleet(spec: GenerationSpec, fleet: &FleetId) -> GenerationSpec {
    GenerationSpec { fleet: fleet.clone(), ..spec }
}

/// The first member, and the others.
pub(super) fn split(members: &[InstanceKey]) -> Verdict<(&InstanceKey, &[InstanceKey])> {
    members.split_first().ok_or_else(|| Failure::new("a group that was raised has no members"))
}
