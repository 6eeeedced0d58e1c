//! Engines with one rule replaced or one kind of sight falsified: whoever judges engines must catch each of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::proposal::Proposal;
use super::view::View;
use super::{Decision, RULES, Rule, decide_by};
use crate::fleet::{Coverage, Health, Life, Observation, Resize, Verdict};
use crate::rollout::event::Call;
use crate::rollout::seen::Seen;
use crate::rollout::state::FleetState;
use crate::time::Timestamp;

/// An engine, sound or not.
pub(crate) struct Engine {
    rules: Vec<(&'static str, Rule)>,
    falsify: fn(&mut Observation),
}

impl Engine {
    pub(crate) fn sound() -> Self {
        Self { rules: RULES.to_vec(), falsify: |_| {} }
    }

    /// The sound engine with another rule of that name.
    fn with(name: &str, rule: Rule) -> Self {
        let mut engine = Self::sound();
        let place = engine.rules.iter_mut().find(|(other, _)| *other == name).expect("there is such a rule");
        place.1 = rule;
        engine
    }

    /// The sound engine that takes what it sees for something else.
    fn seeing(falsify: fn(&mut Observation)) -> Self {
        Self { falsify, ..Self::sound() }
    }

    /// Every weakened engine, and the promise that it breaks.
    pub(crate) fn weakened() -> Vec<(&'static str, &'static str, Self)> {
        vec![
            ("no probe", "probe", Self::with("probe", |_, _| {})),
            ("refills beyond the ceiling", "ceiling", Self::with("refill", refill_all)),
            ("retires below the floor", "floor", Self::with("retire", retire_all)),
            ("removes what is left without a proof", "proof", Self::with("complete", end_at_once)),
            ("takes unknown for unhealthy", "floor", Self::seeing(unknown_is_ill)),
            ("takes booting for healthy", "floor", Self::seeing(booting_is_healthy)),
            ("does not see who is leaving", "ceiling", Self::seeing(leavers_are_gone)),
            ("takes a part for the whole", "ceiling", Self::seeing(part_is_whole)),
        ]
    }

    pub(crate) fn decide(
        &self,
        state: &FleetState,
        observed: &mut Observation,
        facts: &crate::rollout::Facts,
        now: Timestamp,
    ) -> Decision {
        (self.falsify)(observed);
        decide_by(&self.rules, state, &Seen::new(observed, now).facts(facts), now)
    }
}

fn refill_all(view: &View<'_>, proposal: &mut Proposal) {
    let Some((aim, wanted)) = proposal.aim.and_then(|aim| Some((aim, aim.wanted?))) else {
        return;
    };
    let missing = aim.goal.saturating_sub(view.sum(wanted, |group| group.promised())).min(proposal.probe.unwrap_or(u32::MAX));
    let Some((group, counted)) = view.generation(wanted).find(|(id, _)| missing > 0 && proposal.may_write(view, **id)) else {
        return;
    };
    let resize = Resize::Raise { group: *group, from: counted.size, to: counted.size + missing };
    proposal.call(view, Call::Resize(Arc::new(resize)));
}

fn retire_all(view: &View<'_>, proposal: &mut Proposal) {
    let Some(aim) = proposal.aim.filter(|_| proposal.probe.is_none()) else {
        return;
    };
    for (group, counted) in
        view.groups.iter().filter(|(id, _)| aim.leaves(id.generation) && proposal.may_write(view, **id)).collect::<Vec<_>>()
    {
        let leave: BTreeSet<_> = counted.ready.iter().chain(&counted.doubt).map(|key| (*key).clone()).collect();
        if !leave.is_empty() {
            proposal.call(view, Call::Resize(Arc::new(Resize::Lower { group: *group, from: counted.size, leave })));
        }
    }
}

/// Takes the first ready instance for the whole fleet.
fn end_at_once(view: &View<'_>, proposal: &mut Proposal) {
    use crate::rollout::event::Event;
    use crate::rollout::state::{Ending, Outcome, Phase};
    let Some(rollout) = view.rollout() else {
        return;
    };
    match &rollout.phase {
        Phase::Stepping { .. } if view.sum(rollout.wanted, |group| group.ready_count()) > 0 => {
            let evidence = crate::artifact::Digest::of(b"none");
            proposal.prove(Event::Proven { generation: rollout.wanted, instances: 1, evidence });
            proposal.move_to(Phase::Finishing { ending: Ending::Forward, give_up_at: view.now + Duration::from_secs(3600) });
        }
        Phase::Finishing { .. } if proposal.quiet(view) => proposal.end(Outcome::Succeeded),
        _ => {}
    }
}

fn each(observed: &mut Observation, change: impl Fn(&mut crate::fleet::Instance)) {
    for group in &mut observed.groups {
        Arc::make_mut(&mut group.instances).iter_mut().for_each(&change);
    }
}

fn unknown_is_ill(observed: &mut Observation) {
    each(observed, |instance| {
        if instance.health.iter().all(|health| health.verdict == Verdict::Unknown) {
            instance.health =
                instance.health.iter().map(|health| Health { verdict: Verdict::Unhealthy, ..health.clone() }).collect();
        }
    });
}

fn booting_is_healthy(observed: &mut Observation) {
    each(observed, |instance| {
        if matches!(instance.life, Life::Requested | Life::Booting | Life::Running) {
            instance.life = Life::Running;
            instance.health = [Health { source: "belief".into(), verdict: Verdict::Healthy }].into();
        }
    });
}

fn leavers_are_gone(observed: &mut Observation) {
    for group in &mut observed.groups {
        Arc::make_mut(&mut group.instances).retain(|instance| instance.life != Life::Leaving);
    }
}

fn part_is_whole(observed: &mut Observation) {
    for group in &mut observed.groups {
        group.coverage = Coverage::Whole;
    }
}
