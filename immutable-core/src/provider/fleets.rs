use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::error::Result;
use crate::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Ticket, TicketState, Upkeep,
};
use crate::id::NativeRef;

/// Groups of machines that are launched and retired, and never changed.
///
/// # Contract
/// To ensure correctness, whatever implements this:
/// - **never modifies an instance**: no recreate, reimage, restart, refresh;
/// - **touches only what is ours**: what it made for this fleet under the names and marks of its specs;
/// - treats the same [`Op`] token again as the same call, sent again: it does not do it twice, also if the first copy is still
///   under way or arrives later, and also after the token has been forgotten, by comparing what is with what is asked;
/// - says in every error whether the call [may have taken effect](crate::Applied), and until when a copy of it
///   [may still arrive](crate::Error::echo_until);
/// - does not retry by itself a call whose twin could do harm, or reports `echo_until` counted from its first try;
/// - is safe to drop at any await: a call then may or may not take effect.
#[async_trait]
pub trait FleetProvider: Send + Sync {
    /// What it can do. The same for as long as the process lives.
    fn capabilities(&self) -> &FleetCapabilities;

    /// Looks for what would keep a generation from reaching `most_live` instances: image, quota, template, limits.
    ///
    /// # Contract
    /// Reads only. A [`Finding`] that blocks means that a launch would certainly fail.
    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>>;

    /// Reads a group that somebody else made as if it were a generation, for [adoption](Self::adopt). The fleet, its number and the artifact's name and version are made up.
    ///
    /// # Contract
    /// Reads only. [`NotFound`](crate::ErrorKind::NotFound) if there is none; [`Invalid`](crate::ErrorKind::Invalid) if
    /// [`adopt`](FleetCapabilities::adopt) is false.
    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec>;

    /// Takes over a group that somebody else made, as the only group of a generation: from here on it bears our marks.
    ///
    /// # Contract
    /// - No instance is changed, launched or terminated, and the size stays.
    /// - What is there must be what `spec` says in its image, template and placement, as [`inspect`](Self::inspect) read them: otherwise
    ///   [`Conflict`](crate::ErrorKind::Conflict), and nothing is changed.
    /// - What the provider may do to it by itself is as in the spec's upkeep from then on.
    /// - The same again is done, and changes nothing but what the provider has been let do since. What bears other marks of ours is [`Taken`](crate::ErrorKind::Taken); what is not there is
    ///   [`NotFound`](crate::ErrorKind::NotFound).
    /// - Once it was answered, [`observe`](Self::observe) shows it as that group, and it is resized and destroyed as any other.
    /// - [`Invalid`](crate::ErrorKind::Invalid) if [`adopt`](FleetCapabilities::adopt) is false, or if it can be no baseline, saying why.
    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()>;

    /// Makes all groups of a generation, at size 0.
    ///
    /// # Contract
    /// - If they are there and equal, [`Ensured::AlreadyOurs`]: equal is the mark of our [spec digest](GenerationSpec::digest) *and* the
    ///   fields that decide what is launched. Nothing is changed then, sizes and upkeep included.
    /// - If a name is there and not equal: [`Taken`](crate::ErrorKind::Taken). Never adopted.
    /// - If some groups are there, the others are made.
    /// - Upkeep is as in the spec from the first moment on; nothing launches.
    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured>;

    /// Changes the size of one group.
    ///
    /// # Contract
    /// - A group that has the size `to`, with nobody named still a member: done, nothing changes.
    /// - A group that has neither `from` nor `to`: [`Conflict`](crate::ErrorKind::Conflict) with
    ///   [`found`](crate::Error::found); nothing changes.
    /// - `Raise` may come short: then the size returned is less than `to`, and that is final.
    /// - `Lower` terminates exactly the named, then checks that the size is `to`; it never sets a smaller size to make it so. A named
    ///   one that is held, or not a member, is in [`refused`](Resized::refused), and the size lowered by the others alone.
    /// - `GiveUp` changes nothing unless the group is idle and has at most `to` members: else `Conflict`, or
    ///   [`Busy`](crate::ErrorKind::Busy).
    /// - A group that is not there: [`NotFound`](crate::ErrorKind::NotFound); it is not made.
    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized>;

    /// Sets what the provider may do by itself to all groups of a generation.
    ///
    /// # Contract
    /// Absolute; the same again changes nothing. Where [`Heals`](crate::fleet::Heals) is not switchable, `heal` is ignored.
    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()>;

    /// Removes all groups of a generation that has no members, with whatever was made for it.
    ///
    /// # Contract
    /// Never forces: with members left nothing is done, [`Destroyed::StillHas`]. A generation that is not there is
    /// [`Destroyed::Gone`].
    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed>;

    /// Asks how an accepted operation stands.
    ///
    /// # Contract
    /// Reads only; works in any process. Done means that the operation's effect can be seen by `observe`.
    async fn follow(&self, ticket: &Ticket) -> Result<TicketState>;

    /// Looks at groups of a fleet.
    ///
    /// # Contract
    /// - Every group in `known` has one entry, and no other group has one.
    /// - Whatever else bears the fleet's name or mark is a [stranger](crate::fleet::Stranger); of a group that
    ///   [`ensure_generation`](Self::ensure_generation) has made it says [which](crate::fleet::Stranger::orphan), for as long as it is there, and of none that others made.
    /// - A view of [age](crate::fleet::GroupSeen::age) zero shows every effect of calls that were answered before it was asked for.
    /// - `Absent`, and an instance left out of a whole view, are certain: as long as the provider might only not show it, the view is
    ///   partial. An incarnation once gone never comes back.
    /// - Instances come in ascending order of their keys, with everything that exists or was asked for: also what is on its way out.
    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation>;
}
