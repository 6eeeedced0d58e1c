//! What was journaled, for people: one line each.

use std::fmt::{self, Display, Formatter};

use crate::fleet::{GenerationSpec, GroupId, Resize, Upkeep};
use crate::id::{InstanceKey, StepIx};
use crate::rollout::command::{AbortTo, What};
use crate::rollout::event::{Call, Charge, Event, Noted, OpResult, Recorded, Refused};
use crate::rollout::phase::{Ending, Hold, Phase, StepState};

/// So many names are said, of more only how many there are.
const NAMES: usize = 3;

/// As people count.
fn number(step: StepIx) -> u32 {
    u32::from(step.0) + 1
}

/// `a, b, c and 4 more`
fn names<T: Display>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|name| name.to_string()).collect();
    match all.split_at_checked(NAMES) {
        Some((said, rest)) if rest.len() > 1 => format!("{} and {} more", said.join(", "), rest.len()),
        _ => all.join(", "),
    }
}

/// `2026-11-21T09:30:00.000Z call 3 is owed: raise group 0002.0 from 0 to 1`
impl Display for Recorded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.event)
    }
}

/// `call 3 is owed: raise group 0002.0 from 0 to 1`
impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claimed { owner, .. } => write!(f, "{owner} drives it from here on"),
            Self::Released => f.write_str("lets it go: others may drive it"),
            Self::Opened { rollout, plan } => {
                write!(f, "rollout {rollout} begins: ")?;
                match plan.from() {
                    Some(from) => write!(f, "{from} → {}", plan.to())?,
                    None => write!(f, "{}, the first", plan.to())?,
                }
                write!(f, ", {} instances", plan.fleet().desired())?;
                plan.sets_right().iter().try_for_each(|amiss| write!(f, "; it sets right: {amiss}"))
            }
            Self::Heard { by, refused: None, .. } => write!(f, "{by} was heard"),
            Self::Heard { by, refused: Some(why), .. } => write!(f, "{by} was heard and refused: {why}"),
            Self::Resized { desired } => write!(f, "it is to have {desired} instances"),
            Self::Owed { op, call, .. } => write!(f, "call {op} is owed: {call}"),
            Self::Renewed { op, .. } => write!(f, "call {op} was judged again and stands"),
            Self::Settled { op, result } => write!(f, "call {op} {result}"),
            Self::Noted(noted) => write!(f, "{noted}"),
            Self::Watched => f.write_str("nothing is new"),
            Self::Condemned { op, call, by } => write!(f, "{by} has call {op} made about what the journal does not know: {call}"),
            Self::Adopting { op, native, spec, by } => {
                let GenerationSpec { id, name, version, .. } = &**spec;
                write!(f, "{by} has call {op} made: adopt {native} as generation {id} of {name} {version}")
            }
            Self::Adopted { op, instances, evidence } => {
                write!(f, "what call {op} was to adopt is the fleet's own, and proven by {instances} instances ({evidence:#})")
            }
            Self::Judged { step, judgement, .. } => write!(f, "the judge of step {} says {judgement}", number(*step)),
            Self::Approved { step, by } => write!(f, "{by} approves step {}", number(*step)),
            Self::Moved { to } => write!(f, "{to}"),
            Self::Proven { generation, instances, evidence } => {
                write!(f, "generation {generation} is proven by {instances} instances ({evidence:#})")
            }
            Self::Ended { outcome } => write!(f, "the rollout ended: {outcome}"),
        }
    }
}

/// `raise group 0002.0 from 0 to 1`
impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ensure(spec) => write!(f, "make generation {} of {} {}", spec.id, spec.name, spec.version),
            Self::Resize(resize) => match &**resize {
                Resize::Raise { group, from, to } => write!(f, "raise group {group} from {from} to {to}"),
                Resize::Lower { group, from, leave } => {
                    write!(f, "terminate {} of group {group}, lower it from {from} to {}", names(leave), resize.to())
                }
                Resize::GiveUp { group, from, to } => {
                    write!(f, "give up what never came of group {group}, lower it from {from} to {to}")
                }
            },
            Self::Upkeep(generation, upkeep) => write!(f, "let the provider {} generation {generation}", may(upkeep)),
            Self::Destroy(generation) => write!(f, "remove generation {generation}"),
            Self::Route(route) => {
                let weights = route.weights().iter().map(|(generation, weight)| format!("{generation} with {weight}"));
                write!(f, "route pool {} to {}", route.pool(), weights.collect::<Vec<_>>().join(", "))
            }
            Self::Drain { pool, group, leaving } => write!(f, "drain {} of group {group} from pool {pool}", names(&**leaving)),
        }
    }
}

/// What a provider may do to a generation by itself.
fn may(upkeep: &Upkeep) -> String {
    let Upkeep { heal, rebalance, autoscale } = *upkeep;
    let words = [(heal, "heal"), (rebalance, "rebalance"), (autoscale, "autoscale")];
    let words: Vec<_> = words.into_iter().filter_map(|(may, word)| may.then_some(word)).collect();
    if words.is_empty() { "leave alone".to_owned() } else { words.join(" and ") }
}

/// `was done`
impl Display for OpResult {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { removed: Some(false), .. } => f.write_str("was answered: it still has members, nothing was done"),
            Self::Done { size, refused, .. } => {
                f.write_str("was done")?;
                if let Some(size) = size {
                    write!(f, ", the size is {size}")?;
                }
                if refused.is_empty() {
                    return Ok(());
                }
                write!(f, "; who stays: {}", names(refused.iter().map(|(key, _)| key)))
            }
            Self::Accepted { ticket, .. } => write!(f, "was accepted as {}", ticket.0),
            Self::Failed(Refused { what, .. }) => write!(f, "failed: {what}"),
            Self::Unknown { .. } => f.write_str("was not answered: nobody knows whether it took effect"),
        }
    }
}

/// `healthy: web-0002-a; 1 charged to health: web-0002-b is unhealthy`
impl Display for Noted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { appeared, healthy, unhealthy, gone, sizes, weights, upkeep, told, charged, exercised, absent, progress } =
            self;
        let mut said = Vec::new();
        for (what, of) in [("appeared", appeared), ("healthy", healthy), ("unhealthy", unhealthy), ("gone", gone)] {
            let who: Vec<&InstanceKey> = of.values().flatten().collect();
            if !who.is_empty() {
                said.push(format!("{what}: {}", names(who)));
            }
        }
        let sizes = sizes.iter().map(|(group, size): (&GroupId, _)| format!("group {group} has size {size}"));
        said.extend(sizes);
        if let Some(weights) = weights {
            let weights = weights.iter().map(|(generation, weight)| format!("{generation} with {weight}"));
            said.push(format!("the pool routes to {}", weights.collect::<Vec<_>>().join(", ")));
        }
        said.extend(upkeep.iter().map(|(of, upkeep)| format!("the provider may {} generation {of}", may(upkeep))));
        said.extend(told.iter().map(|(of, incidents)| format!("told before of generation {of}: {}", names(incidents))));
        said.extend(charged.iter().map(|Charge { class, what, .. }| format!("charged to {class}: {what}")));
        said.extend(exercised.iter().map(|generation| format!("generation {generation} has its first ready instance")));
        said.extend(absent.iter().map(|generation| format!("generation {generation} is no more")));
        said.extend(progress.map(|most| format!("progress: {most} ready")));
        f.write_str(&said.join("; "))
    }
}

/// `step 2: its gate is waited for until 2026-11-21T09:40:00.000Z`
impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preparing { .. } => f.write_str("the generation is prepared"),
            Self::Stepping { step, at } => match at {
                StepState::Moving { .. } => write!(f, "step {}: on the way to its goal", number(*step)),
                StepState::Gating { until, .. } => {
                    write!(f, "step {}: its gate is waited for", number(*step))?;
                    until.map_or(Ok(()), |until| write!(f, " until {until}"))
                }
                StepState::Lost { .. } => write!(f, "step {}: an instance was lost, all are waited for again", number(*step)),
            },
            Self::Reverting { why, to, .. } => write!(f, "going back to generation {to}: {why}"),
            Self::Finishing { ending, give_up_at } => match ending {
                Ending::Forward => f.write_str("finishing: what is left over is removed, and the end is proven"),
                Ending::Keep => write!(f, "finishing: the old are kept until {give_up_at}"),
                Ending::Back { to } => write!(f, "finishing: back in generation {to}"),
                Ending::Mixed => f.write_str("finishing: all is left as it is"),
                Ending::Nothing => f.write_str("finishing: what was launched is removed"),
                Ending::Refused { why } => write!(f, "finishing: nothing was launched: {why}"),
            },
            Self::Held { why, .. } => write!(f, "{why}"),
        }
    }
}

/// `paused by ann`
impl Display for Hold {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(need) => write!(f, "a person is asked: {need}"),
            Self::Paused { by } => write!(f, "paused by {by}"),
        }
    }
}

/// `promote step 2`
impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause => f.write_str("pause"),
            Self::Resume => f.write_str("resume"),
            Self::Promote(step) => write!(f, "promote step {}", number(*step)),
            Self::Approve(step) => write!(f, "approve step {}", number(*step)),
            Self::Retry => f.write_str("retry"),
            Self::Resize(desired) => write!(f, "resize to {desired}"),
            Self::Abort(AbortTo::Back) => f.write_str("abort, back to what is proven"),
            Self::Abort(AbortTo::Mixed) => f.write_str("abort, and leave it as it is"),
            Self::Abort(AbortTo::Nothing) => f.write_str("abort, and remove what was launched"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fleet::GenerationId;
    use crate::id::{Actor, Epoch, OpId};
    use crate::rollout::phase::Need;

    #[test]
    fn each_fact_is_a_line() {
        let group = GroupId { generation: GenerationId(2), cell: 0 };
        let keys = |count: usize| (0..count).map(|nth| InstanceKey::named(format!("i-{nth}")));
        let lower = |count| Call::Resize(Resize::Lower { group, from: 7, leave: keys(count).collect() }.into());
        let appeared = BTreeMap::from([(group, keys(1).collect())]);
        let noted = Noted { appeared, sizes: [(group, 2)].into(), progress: Some(1), ..Noted::default() };
        for (event, line) in [
            (
                Event::Owed { op: OpId(3), call: lower(1), basis: Default::default() },
                "call 3 is owed: terminate i-0 of group 0002.0, lower it from 7 to 6",
            ),
            (
                Event::Owed { op: OpId(3), call: lower(5), basis: Default::default() },
                "call 3 is owed: terminate i-0, i-1, i-2 and 2 more of group 0002.0, lower it from 7 to 2",
            ),
            (
                Event::Owed { op: OpId(4), call: Call::Upkeep(GenerationId(2), Upkeep::NONE), basis: Default::default() },
                "call 4 is owed: let the provider leave alone generation 0002",
            ),
            (
                Event::Settled { op: OpId(3), result: OpResult::Unknown { echo_until: None } },
                "call 3 was not answered: nobody knows whether it took effect",
            ),
            (Event::Noted(Box::new(noted)), "appeared: i-0; group 0002.0 has size 2; progress: 1 ready"),
            (Event::Approved { step: StepIx(1), by: Actor::new("ann") }, "ann approves step 2"),
            (
                Event::Moved {
                    to: Phase::Held {
                        why: Hold::Needs(Need::ProviderSilent),
                        resume: Box::new(Phase::Preparing { give_up_at: Default::default() }),
                        since: Default::default(),
                    },
                },
                "a person is asked: for too long nothing was heard of the fleet's health",
            ),
        ] {
            assert_eq!(event.to_string(), line);
        }
        let recorded = Recorded { v: Recorded::FORMAT, at: Default::default(), epoch: Epoch(3), event: Event::Watched };
        assert_eq!(recorded.to_string(), "1970-01-01T00:00:00.000Z nothing is new");
        assert_eq!(What::Promote(StepIx(1)).to_string(), "promote step 2");
        assert_eq!(names(keys(4)), "i-0, i-1, i-2, i-3", "one more is said as well as counted");
    }
}
