//! Rules 2, 3 and 7: engines that count too few, or allow themselves too much.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::view::{GroupView, View, count};
use super::super::{hedge, probe, refill};
use super::{Engine, Row, SOUND, engine};
use crate::fleet::{GroupState, Instance, Life, Resize, Verdict};
use crate::rollout::event::{Call, Event};
use crate::rollout::state::Exit;
use crate::rollout::strategy::Shortage;

/// Weakened engines: the rule, the name, the oracle that must speak.
pub(super) const ENGINES: &[Row] = &[
    (2, "counts only what is seen", "ceiling", engine!(view: only_seen)),
    (2, "forgets what was promised", "ceiling", engine!(view: |view| live(view, |group, _| group.members() + group.leavers))),
    (2, "counts leavers inside the largest", "ceiling", engine!(view: |view| live(view, leavers_inside))),
    (2, "forgets who leaves", "ceiling", engine!(view: |view| live(view, |group, reported| group.promised().max(reported)))),
    (2, "forgets what owed calls ask for", "ceiling", engine!(view: |view| live(view, unasked))),
    (2, "forgets the settled size", "ceiling", engine!(view: |view| live(view, unsettled))),
    (2, "forgets the reported size", "ceiling", engine!(view: unreported)),
    (2, "raises on partial views", "ceiling", engine!(view: part_is_enough)),
    (2, "forgets the earlier whole view", "ceiling", engine!(view: nothing_was_before)),
    (3, "takes unknown for down", "floor", engine!(view: unknown_is_down)),
    (3, "takes booting for ready", "floor", engine!(view: booting_serve)),
    (3, "names ready ones below the floor", "floor", engine!(view: |view| view.budget.floor = 0)),
    (3, "takes a broken floor for none", "floor", engine!(view: |view| view.budget.floor = view.budget.floor.min(view.ready))),
    (3, "names anybody", "floor", engine!(events: |state, events| anybody(state, events))),
    (3, "forgets the floor of a zone", "zone", engine!(view: |view| view.zone_floor = 0)),
    (7, "has no probe", "probe", engine!(rules: &[("probe", |_, _| {})])),
    (7, "probes with two at once", "probe", engine!(rules: &[("probe", two_at_once)])),
    (2, "counts a hedge twice", "ceiling", engine!(rules: &[("hedge", twice_as_many_spares)])),
    (2, "takes every boot for a slow one", "ceiling", engine!(view: every_boot_is_slow)),
    (2, "goes elsewhere where it is to wait", "balance", engine!(rules: &[("refill", elsewhere)])),
    (7, "hedges the probe", "probe", engine!(rules: &[("hedge", hedge_the_probe)])),
    (7, "makes room for more than a probe", "probe", engine!(rules: &[("probe", all_make_room)])),
];

/// Counts what exists in each group in another way, where it was counted from this view.
fn live(view: &mut View<'_>, of: fn(&GroupView<'_>, u32) -> u32) {
    for (id, group) in view.groups.iter_mut() {
        let seen = view.seen.fleet.groups.iter().find(|seen| seen.group == *id).map(|seen| &seen.state);
        let reported = if let Some(GroupState::Present { size, .. }) = seen { *size } else { 0 };
        let sound = group.promised().max(reported) + group.leavers;
        if group.live <= sound && !group.absent {
            group.live = of(group, reported);
        }
    }
    sum(view);
}

fn sum(view: &mut View<'_>) {
    view.live = view.groups.values().map(|group| group.live).sum();
    view.ready = view.groups.values().map(GroupView::ready_count).sum();
}

fn only_seen(view: &mut View<'_>) {
    for (id, group) in view.groups.iter_mut() {
        let seen = view.seen.fleet.groups.iter().filter(|seen| seen.group == *id).flat_map(|seen| seen.instances.iter());
        group.live = count(seen.filter(|instance| instance.life != Life::Gone).count());
    }
    sum(view);
}

fn leavers_inside(group: &GroupView<'_>, reported: u32) -> u32 {
    group.promised().max(reported).max(group.members() + group.leavers)
}

fn unasked(group: &GroupView<'_>, reported: u32) -> u32 {
    group.members().max(group.size).max(reported) + group.leavers
}

fn unsettled(group: &GroupView<'_>, _: u32) -> u32 {
    group.members().max(group.asked) + group.leavers
}

fn unreported(view: &mut View<'_>) {
    view.groups.values_mut().for_each(|group| group.reported = 0);
    live(view, |group, _| group.promised() + group.leavers);
}

fn part_is_enough(view: &mut View<'_>) {
    view.groups.values_mut().for_each(|group| group.whole = group.fresh);
    nothing_was_before(view);
}

fn nothing_was_before(view: &mut View<'_>) {
    view.blind = None;
    view.groups.values_mut().filter(|group| !group.absent).for_each(|group| group.live = group.promised() + group.leavers);
    sum(view);
}

/// Of whoever runs and of whose health nothing is known it thinks the worst.
fn unknown_is_down(view: &mut View<'_>) {
    let unknown = |instance: &&Instance| {
        instance.life == Life::Running && instance.health.iter().all(|health| health.verdict == Verdict::Unknown)
    };
    let all = view.seen.fleet.groups.iter().flat_map(|group| group.instances.iter());
    let unknown: BTreeSet<_> = all.filter(unknown).map(|instance| &instance.key).collect();
    for group in view.groups.values_mut() {
        let (down, doubt): (Vec<_>, Vec<_>) = group.doubt.iter().partition(|key| unknown.contains(*key));
        group.doubt = doubt;
        group.failed.extend(&down);
        group.down.extend(down);
    }
}

fn booting_serve(view: &mut View<'_>) {
    view.ready += view.groups.values().map(|group| count(group.doubt.len())).sum::<u32>();
}

/// As many as should leave, and whoever comes first.
fn anybody(state: &crate::rollout::FleetState, events: &mut [Event]) {
    let gone = events.iter().flat_map(|event| if let Event::Noted(noted) = event { Some(&noted.gone) } else { None });
    let gone: BTreeSet<_> = gone.flat_map(|gone| gone.values().flatten()).cloned().collect();
    for event in events {
        let Event::Owed { call: Call::Resize(resize), .. } = event else { continue };
        let Resize::Lower { group, from, leave } = &**resize else { continue };
        let Some(slots) = state.slots(*group) else { continue };
        let members = slots
            .members
            .iter()
            .filter(|(key, member)| member.exit == Exit::None && !gone.contains(*key))
            .map(|(key, _)| key.clone());
        let first: BTreeSet<_> = members.take(leave.len()).collect();
        if first.len() == leave.len() {
            *resize = Arc::new(Resize::Lower { group: *group, from: *from, leave: first });
        }
    }
}

fn two_at_once(view: &View<'_>, proposal: &mut super::super::proposal::Proposal) {
    probe::rule(view, proposal);
    proposal.probe = proposal.probe.map(|probe| probe * 2);
}

fn all_make_room(view: &View<'_>, proposal: &mut super::super::proposal::Proposal) {
    probe::rule(view, proposal);
    proposal.spare_for_probe = None;
}

fn twice_as_many_spares(view: &View<'_>, proposal: &mut super::super::proposal::Proposal) {
    hedge::rule(view, proposal);
    proposal.spares *= 2;
}

fn every_boot_is_slow(view: &mut View<'_>) {
    let wanted = view.state.wanted_now();
    for (_, group) in view.groups.iter_mut().filter(|(id, _)| Some(id.generation) == wanted) {
        group.slow = count(group.doubt.len() + group.unfit.len());
    }
}

fn hedge_the_probe(view: &View<'_>, proposal: &mut super::super::proposal::Proposal) {
    hedge::rule(view, proposal);
    let slow = view.groups.values().any(|group| group.slow > 0);
    if proposal.probe.is_some() && slow {
        (proposal.probe, proposal.spares) = (Some(1), view.budget.spares);
    }
}

fn elsewhere(view: &View<'_>, proposal: &mut super::super::proposal::Proposal) {
    refill::fill(view, proposal, Shortage::Elsewhere);
}
