//! Who keeps a rollout from its end, by name: those that were told to leave and have not, those that something holds, and the calls that nobody answers.

use std::sync::Arc;

use super::proposal::Aim;
use super::view::{GroupView, View, count};
use crate::fleet::{GenerationId, GroupId, Held};
use crate::id::InstanceKey;
use crate::rollout::event::Call;
use crate::time::{Human, Timestamp};

/// So many are named of each kind.
const NAMED: usize = 5;

/// Why what should leave does not.
pub(super) fn stuck(view: &View<'_>, aim: Option<Aim>) -> Arc<str> {
    said(reasons(view, aim, None))
}

/// Why what is gone back to is not there yet.
pub(super) fn late(view: &View<'_>, aim: Option<Aim>) -> Arc<str> {
    let back = aim.and_then(|aim| Some((aim.goal, aim.wanted?)));
    let short = back.map(|(goal, wanted)| (view.sum(wanted, GroupView::ready_count), goal, wanted));
    let short = short.filter(|(ready, goal, _)| ready < goal);
    let short = short.map(|(ready, goal, wanted)| format!("{ready} of {goal} of generation {wanted} are ready"));
    said(short.into_iter().chain(reasons(view, aim, aim.and_then(|aim| aim.wanted))).collect())
}

fn said(reasons: Vec<String>) -> Arc<str> {
    if reasons.is_empty() { "nobody says why".into() } else { reasons.join("; ").into() }
}

/// Of the wanted, if they are concerned, who is held: another can take nobody's place who stays.
fn reasons(view: &View<'_>, aim: Option<Aim>, wanted: Option<GenerationId>) -> Vec<String> {
    let concerned = |id: GenerationId| aim.is_none_or(|aim| aim.leaves(id));
    let mut all = Vec::new();
    for (id, group) in view.groups.iter() {
        let leaves = concerned(id.generation);
        let holds = leaves || wanted == Some(id.generation);
        let mut of_it = Vec::new();
        for (held, is) in [
            (Held::Protected, "protected from termination"),
            (Held::Standby, "on standby"),
            (Held::Hook, "waiting for a hook"),
            (Held::Retained, "kept after their end"),
        ] {
            let keys: Vec<_> = group.holding.iter().filter(|(_, by)| holds && *by == held).map(|(key, _)| *key).collect();
            of_it.extend(named(&keys).map(|keys| format!("{is}: {keys}")));
        }
        let told: Vec<_> = group.told.iter().filter(|(key, _)| !group.holding.iter().any(|(held, _)| held == key)).collect();
        if let Some(since) = told.iter().map(|(_, since)| *since).min() {
            let keys: Vec<_> = told.iter().map(|(key, _)| *key).collect();
            let long = Human(view.now.since(since));
            of_it.extend(named(&keys).map(|keys| format!("still there {long} after they were told to leave: {keys}")));
        }
        if leaves && group.unnamed > 0 {
            of_it.push(format!("on their way out, by no call of ours: {}", group.unnamed));
        }
        let lacking = group.size.saturating_sub(group.members());
        if leaves && of_it.is_empty() && lacking > 0 {
            of_it.push(format!("its size is {}, and {} are in it", group.size, group.members()));
        }
        if !of_it.is_empty() {
            all.push(format!("of group {id} {}", of_it.join(", ")));
        }
    }
    all.extend(view.state.owed().map(|(op, owed)| {
        let since = Human(view.now.since(owed.since));
        format!("no answer to call {op}, {}, for {since}", about(&owed.call))
    }));
    all.extend(view.seen.unseen.map(|why| format!("the fleet cannot be seen: {why}")));
    all
}

/// What a call is for.
fn about(call: &Call) -> String {
    match call {
        Call::Resize(resize) => format!("group {} from {} to {}", resize.group(), resize.from(), resize.to()),
        Call::Ensure(spec) => format!("generation {} to be made", spec.id),
        Call::Destroy(id) => format!("generation {id} to be removed"),
        Call::Upkeep(id, _) => format!("the upkeep of generation {id}"),
        Call::Route(route) => format!("a route of pool {}", route.pool()),
        Call::Drain { group, .. } => format!("some of group {group} to finish their requests"),
    }
}

/// The first of them by name, and how many more there are.
fn named(keys: &[&InstanceKey]) -> Option<String> {
    let mut first: Vec<_> = keys.iter().take(NAMED).map(ToString::to_string).collect();
    let more = keys.len().saturating_sub(NAMED);
    if more > 0 {
        first.push(format!("{more} more"));
    }
    (!first.is_empty()).then(|| first.join(", "))
}

impl View<'_> {
    /// Since when whoever was told to leave, and is longest in doing so, is told.
    pub(super) fn told_first(&self) -> Option<Timestamp> {
        self.groups.values().flat_map(|group| &group.told).map(|(_, told)| *told).min()
    }

    /// Whether nobody is left to go but those that something holds.
    pub(super) fn only_held(&self, aim: &Aim) -> bool {
        let of = |of: fn(&GroupView<'_>) -> u32| self.sum_where(|id| aim.leaves(id), of);
        let held = of(|group| group.held + count(group.kept.len()));
        let whole = |id: &GroupId, group: &GroupView<'_>| !aim.leaves(id.generation) || group.whole;
        let members = of(|group| group.members());
        members > aim.others
            && members == held
            && of(|group| group.leavers) == 0
            && self.groups.iter().all(|(id, group)| whole(id, group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Resize, Upkeep};

    #[test]
    fn a_call_is_named_by_what_it_is_for() {
        let (id, group) = (GenerationId(2), GroupId { generation: GenerationId(2), cell: 0 });
        let raise = Call::Resize(Arc::new(Resize::Raise { group, from: 1, to: 3 }));
        let drain = Call::Drain { pool: "web".into(), group, leaving: Arc::new([InstanceKey::named("a")].into()) };
        for (call, says) in [
            (raise, "group 0002.0 from 1 to 3"),
            (Call::Destroy(id), "generation 0002 to be removed"),
            (Call::Upkeep(id, Upkeep::NONE), "the upkeep of generation 0002"),
            (drain, "some of group 0002.0 to finish their requests"),
        ] {
            assert_eq!(about(&call), says);
        }
    }
}
