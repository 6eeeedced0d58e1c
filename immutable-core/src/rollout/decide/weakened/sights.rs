//! Rules 4, 8 and 13: engines that take what they see for something else.

use std::sync::Arc;

use super::{Engine, Row, SOUND, engine};
use crate::fleet::{Coverage, Evidence, Health, Instance, Life, Observation, Verdict};
use crate::rollout::seen::Facts;
use crate::rollout::state::{Exit, FleetState};

/// Weakened engines: the rule, the name, the oracle that must speak.
pub(super) const ENGINES: &[Row] = &[
    (4, "takes any image for its own", "proof", engine!(sight: |state, seen| each(state, seen, of_the_image))),
    (8, "charges the unknown", "unknown", engine!(sight: |state, seen| each(state, seen, unknown_is_ill))),
    (8, "takes a part for the whole", "unknown", engine!(sight: part_is_whole)),
    (8, "takes a name for a machine", "unknown", engine!(sight: |state, seen| each(state, seen, as_it_was_called))),
    (4, "asks nobody about what others have changed", "drift", engine!(rules: &[("drift", |_, _| {})])),
    (13, "raises what was revoked", "evidence", engine!(facts: nothing_is_revoked)),
];

fn each(state: &FleetState, seen: &mut Observation, change: fn(&FleetState, crate::fleet::GroupId, &mut Instance)) {
    for group in &mut seen.groups {
        let id = group.group;
        Arc::make_mut(&mut group.instances).iter_mut().for_each(|instance| change(state, id, instance));
    }
}

fn of_the_image(state: &FleetState, group: crate::fleet::GroupId, instance: &mut Instance) {
    if let Some(generation) = state.generations.get(&group.generation) {
        instance.runs = Evidence::Instance(generation.spec.image.id().clone());
    }
}

fn unknown_is_ill(_: &FleetState, _: crate::fleet::GroupId, instance: &mut Instance) {
    if instance.life == Life::Running && instance.health.iter().all(|health| health.verdict == Verdict::Unknown) {
        let ill = |health: &Health| Health { verdict: Verdict::Unhealthy, ..health.clone() };
        instance.health = instance.health.iter().map(ill).collect();
    }
}

/// Whoever bears the name of one who was not seen to go is that one.
fn as_it_was_called(state: &FleetState, group: crate::fleet::GroupId, instance: &mut Instance) {
    let members = state.slots(group).into_iter().flat_map(|slots| &slots.members);
    let mut known = members.filter(|(key, member)| key.name == instance.key.name && member.exit != Exit::Gone);
    if let Some((key, _)) = known.next() {
        instance.key = key.clone();
    }
}

fn part_is_whole(_: &FleetState, seen: &mut Observation) {
    seen.groups.iter_mut().for_each(|group| group.coverage = Coverage::Whole);
}

fn nothing_is_revoked(facts: &mut Facts) {
    facts.good.extend(std::mem::take(&mut facts.revoked).into_keys());
}
