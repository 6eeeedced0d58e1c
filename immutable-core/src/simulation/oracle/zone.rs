//! Rules 3 and 6 by zones: each keeps its floor, and none begins before its turn.

use super::traffic::Rerouted;
use super::truth::{Change, Machine};
use super::{Scene, Verdict};
use crate::fleet::{GenerationId, GroupId, Life, Placement};
use crate::id::InstanceKey;
use crate::memory::{Cause, What};

/// How many serve in a zone, of the machines of which this holds.
fn serve(scene: &Scene, zone: &Placement, of: impl Fn(&InstanceKey, &Machine) -> bool) -> u32 {
    let here = |(key, machine): &(&InstanceKey, &Machine)| {
        machine.ready() && of(key, machine) && scene.book.placed(machine.group) == Some(zone)
    };
    u32::try_from(scene.truth.machines.iter().filter(here).count()).unwrap_or(u32::MAX)
}

/// Whether what was wanted has a group in a zone, in which others could come in the place of those who leave.
fn has_place(scene: &Scene, wanted: Option<GenerationId>, zone: &Placement) -> bool {
    let here = |group: &GroupId| Some(group.generation) == wanted && scene.book.placed(*group) == Some(zone);
    scene.truth.groups.iter().any(|(group, there)| here(group) && !there.deleting)
}

/// Rule 3: whoever was ready when a call was decided, and leaves because of it, leaves enough behind in its zone, but for whom others took there since.
pub(super) fn floor(scene: &Scene, change: &Change<'_>) -> Verdict {
    let leaves = match change.effect.what {
        What::Lives(_, Life::Leaving | Life::Gone) => change.left(),
        What::Draining(..) => true,
        _ => false,
    };
    let (Cause::Call(op), true) = (change.effect.by, leaves) else { return Ok(()) };
    let was_ready =
        |since| change.was.as_ref().is_some_and(|was| was.ready() && was.healthy.is_some_and(|healthy| healthy < since));
    let Some(journaled) = scene.book.ops.get(&op).filter(|journaled| journaled.zone_floor > 0 && was_ready(journaled.fresh))
    else {
        return Ok(());
    };
    let Some(zone @ Placement::Zone(name)) = scene.book.placed(change.group) else { return Ok(()) };
    let here = scene.book.chapter.as_ref().is_some_and(|chapter| chapter.plan.fleet().placements().contains(zone));
    if !here || !has_place(scene, journaled.moves_to, zone) {
        return Ok(());
    }
    // Who gets which share now is not what this call rests on, if others have set it since.
    let told = if let What::Lives(key, _) = &change.effect.what { scene.book.drains.get(key).copied() } else { None };
    let since = told.map_or(journaled.pool, |told| told.min(journaled.pool));
    if scene.traffic.foreign_since(since) > 0 || scene.lied_to(journaled) {
        return Ok(());
    }
    let routes: Vec<_> = scene.traffic.maps_by(journaled.decided).collect();
    let id = change.group.generation;
    let gets = |of: GenerationId| routes.iter().filter(move |map| map.get(&of).is_some_and(|weight| *weight > 0));
    let lost = scene.truth.lost_in(|group| scene.book.placed(group) == Some(zone), journaled.fresh);
    let ready = if routes.is_empty() {
        Some(serve(scene, zone, |_, _| true))
    } else {
        gets(id).map(|map| serve(scene, zone, |_, of| map.get(&of.group.generation).is_some_and(|weight| *weight > 0))).min()
    };
    match ready {
        Some(ready) if ready.saturating_add(lost) < journaled.zone_floor => {
            Err(format!("{ready} ready in zone {name}, {} must be, and others have taken {lost} since", journaled.zone_floor))
        }
        _ => Ok(()),
    }
}

/// Rule 3: a route that takes all from somebody leaves each zone enough of those who get requests, or no fewer than were known to serve there before.
pub(super) fn routed(scene: &Scene, route: &Rerouted<'_>) -> Verdict {
    let Cause::Call(op) = route.effect.by else { return Ok(()) };
    let (Some(journaled), Some(chapter)) = (scene.book.ops.get(&op), &scene.book.chapter) else { return Ok(()) };
    let gets = |map: &std::collections::BTreeMap<GenerationId, u16>, of: &Machine| {
        map.get(&of.group.generation).is_some_and(|weight| *weight > 0)
    };
    let (new, was) = (&scene.traffic.set, route.was());
    if journaled.zone_floor == 0 || scene.traffic.foreign_since(journaled.pool) > 0 || scene.lied_to(journaled) {
        return Ok(());
    }
    for zone in chapter.plan.fleet().placements().iter().filter(|zone| has_place(scene, journaled.moves_to, zone)) {
        let served = |key: &InstanceKey, of: &Machine| gets(was, of) && scene.known_ready(journaled, key, of);
        let loses = serve(scene, zone, |key, of| served(key, of) && !gets(new, of));
        let needed = journaled.zone_floor.min(serve(scene, zone, served));
        let ready = serve(scene, zone, |_, of| gets(new, of));
        let lost = scene.truth.lost_in(|group| scene.book.placed(group) == Some(zone), journaled.fresh);
        if loses > 0 && ready.saturating_add(lost) < needed {
            return Err(format!(
                "{ready} of those who get requests are ready in {zone:?}, {needed} must be, and others have taken {lost} since"
            ));
        }
    }
    Ok(())
}

/// Rule 6: nothing is launched in a zone before its turn, and of the others nobody who is ready leaves it, unless it has more than its part.
pub(super) fn turn(scene: &Scene, change: &Change<'_>) -> Verdict {
    let Cause::Call(op) = change.effect.by else { return Ok(()) };
    let (Some(journaled), Some(chapter)) = (scene.book.ops.get(&op), &scene.book.chapter) else { return Ok(()) };
    let Some(open) = journaled.open else { return Ok(()) };
    let placements = chapter.plan.fleet().placements();
    // Where others have deleted what there was in the first zones, it begins with the next.
    if !placements.iter().take(open.into()).any(|zone| has_place(scene, journaled.moves_to, zone)) {
        return Ok(());
    }
    let (Some(zone), Ok(of)) = (scene.book.placed(change.group), u16::try_from(placements.len())) else { return Ok(()) };
    let Some(nth) = (0..of).zip(&placements).find(|(_, other)| *other == zone).map(|(nth, _)| nth).filter(|nth| *nth >= open)
    else {
        return Ok(());
    };
    let raised = matches!(change.effect.what, What::Sized { from, to } if to > from);
    if raised && journaled.moves_to == Some(change.group.generation) {
        return Err(format!("{zone:?} is begun, and it is the turn of the first {open}"));
    }
    let goes = matches!(change.effect.what, What::Draining(..))
        || (change.left() && change.was.as_ref().is_some_and(|was| was.draining.is_none()));
    let was_ready =
        change.was.as_ref().is_some_and(|was| was.ready() && was.healthy.is_some_and(|healthy| healthy < journaled.fresh));
    if !goes || !was_ready || journaled.moves_to == Some(change.group.generation) || scene.lied_to(journaled) {
        return Ok(());
    }
    let stays =
        |machine: &&Machine| machine.member() && machine.draining.is_none() && scene.book.placed(machine.group) == Some(zone);
    let there = u32::try_from(scene.truth.machines.values().filter(stays).count()).unwrap_or(u32::MAX);
    // By the size that it had when that was decided: it may have another since.
    let part = chapter.part(nth, of).min(journaled.desired / u32::from(of));
    let others = scene.truth.added_since(journaled.fresh);
    if there.saturating_add(others) >= part {
        return Ok(());
    }
    Err(format!("{there} stay in {zone:?}, whose turn has not come, its part is {part}, and others have taken {others} since"))
}
