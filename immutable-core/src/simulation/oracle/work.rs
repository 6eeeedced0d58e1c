//! Rule 12, in part: nothing is done over and over. What a rollout did is bounded by what it had to do, and by what others did to it.

use super::truth::Change;
use super::{Scene, Verdict};
use crate::id::OpId;
use crate::memory::{Cause, What};
use crate::rollout::{Call, Event, Phase, Recorded};
use crate::time::Timestamp;

/// What was done in a rollout.
#[derive(Debug, Default)]
pub(super) struct Done {
    opened: Timestamp,
    /// Machines that were there at its beginning.
    initial: u32,
    /// Machines that were launched by its calls, or in the slots that they made.
    launched: u32,
    /// Machines that were launched by whomever.
    appeared: u32,
    /// Machines that its calls sent away, and of those the ones that were not ready, or were said not to be.
    sent_away: u32,
    unready: u32,
    /// Machines that others took.
    lost: u32,
    /// Slots that others made.
    added: u32,
    /// The size asked for last, and by how much it has grown, growth by growth.
    size: u32,
    grown: u32,
    /// How often it was turned round.
    reverts: u32,
    /// Calls that were journaled, besides routes.
    calls: u32,
    /// Routes that were set by its calls, and by others.
    routes: u32,
    foreign: u32,
    /// The newest call that was journaled, and that was when it began: what its predecessor has asked for is that one's.
    newest: OpId,
    inherited: OpId,
    /// How often somebody else changed whether an instance serves.
    flaps: u32,
    /// Machines of what is wanted that its calls sent away though they were ready.
    evened: u32,
}

impl Done {
    /// In a group of what is wanted, or not. Who is sent away was well since `since`, or was said not to be: `lied`.
    pub(super) fn happened(&mut self, change: &Change<'_>, wanted: bool, since: Timestamp, lied: bool) {
        self.flaps += u32::from(!change.ours() && matches!(change.effect.what, What::Judged(..)));
        if matches!(change.effect.what, What::Launched(_)) {
            self.appeared += 1;
        }
        match change.effect.what {
            What::Launched(_) if matches!(change.effect.by, Cause::Call(op) if op <= self.inherited) => self.added += 1,
            What::Launched(_) if change.ours() || wanted => self.launched += 1,
            // Another takes the place of who runs another image, whether that leaves by itself or not.
            What::Runs(..) if !change.ours() => self.added += 1,
            What::Sized { from, to } if !change.ours() => self.added += to.saturating_sub(from),
            _ if change.left() && change.ours() => {
                self.sent_away += 1;
                let unready = lied || !change.was.as_ref().is_some_and(|was| was.healthy_throughout(since));
                self.unready += u32::from(unready);
                self.evened += u32::from(wanted && !unready);
            }
            _ if change.left() => self.lost += 1,
            _ => {}
        }
    }

    /// A route was set.
    pub(super) fn rerouted(&mut self, by: Cause) {
        match by {
            Cause::Call(_) => self.routes += 1,
            _ => self.foreign += 1,
        }
    }

    pub(super) fn written(&mut self, recorded: &Recorded, there: u32) {
        match &recorded.event {
            Event::Opened { plan, .. } => {
                let (newest, inherited, size) = (self.newest, self.newest, plan.fleet().desired());
                *self = Self { opened: recorded.at, initial: there, newest, inherited, size, ..Self::default() };
            }
            Event::Resized { desired } => {
                self.grown += desired.saturating_sub(self.size);
                self.size = *desired;
            }
            Event::Owed { op, .. } if *op > self.newest => {
                self.newest = *op;
                self.written(recorded, there);
            }
            Event::Moved { to: Phase::Reverting { .. } } => self.reverts += 1,
            Event::Owed { call: Call::Route(_), .. } => {}
            Event::Owed { .. } => self.calls += 1,
            _ => {}
        }
    }
}

/// At the end no more was launched, sent away or called than there was cause for.
pub(super) fn bounded(scene: &Scene, recorded: &Recorded) -> Verdict {
    let (Event::Ended { .. }, Some(chapter)) = (&recorded.event, &scene.book.chapter) else { return Ok(()) };
    let Done {
        opened,
        initial,
        launched,
        appeared,
        sent_away,
        unready,
        lost,
        added,
        grown,
        reverts,
        calls,
        routes,
        foreign,
        flaps,
        evened,
        ..
    } = scene.done;
    // One that makes room for one in a zone that has too few is launched there.
    let evened = if chapter.plan.strategy().max_unavailable_per_zone.is_some() { evened } else { 0 };
    // Forth, and each time back, the fleet at its size; on top whoever failed or was lost.
    let goal = (chapter.desired.max(chapter.plan.fleet().desired()).max(1) + grown) * (1 + reverts);
    // Beside each that booted for too long, as far as anybody knew.
    let hedge = chapter.plan.strategy().hedge;
    let spares = hedge.map_or(0, |hedge| scene.truth.slow_since(opened, hedge.after));
    let most = goal + unready + lost + added + spares + evened;
    if launched > most {
        return Err(format!(
            "{launched} were launched, {most} had to be: {goal} in all, {unready} failed, {lost} lost, {added} of others"
        ));
    }
    if sent_away > initial + appeared {
        return Err(format!("{sent_away} were sent away, there were {initial} and {appeared} more"));
    }
    let groups = u32::try_from(scene.truth.groups.len() + 6).unwrap_or(u32::MAX);
    let minutes = u32::try_from(recorded.at.since(opened).as_secs() / 60).unwrap_or(u32::MAX);
    let most = 4 * groups + 2 * launched + 3 * sent_away + 2 * (lost + added) + groups.saturating_mul(minutes);
    if calls > most {
        return Err(format!("{calls} calls were journaled for {launched} launched and {sent_away} sent away in {minutes} min"));
    }
    // A share follows those who serve, one by one, forth and back.
    let steps = u32::try_from(chapter.plan.strategy().steps().len()).unwrap_or(u32::MAX);
    let most = 2 * (steps + reverts + 1) + 2 * (launched + sent_away + lost) + 2 * foreign + flaps;
    if routes > most {
        return Err(format!("{routes} routes were set, {most} had to be, with {foreign} of others"));
    }
    Ok(())
}
