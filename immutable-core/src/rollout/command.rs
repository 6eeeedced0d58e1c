//! What a person asks of a rollout.

use std::fmt;
use std::sync::Arc;

use crate::artifact::sha256;
use crate::id::{Actor, RolloutId, StepIx, StreamVersion, read_hex, read_text, write_hex};
use crate::rollout::decide::{begun, irreversible, onward, revert, tear_down};
use crate::rollout::event::Event;
use crate::rollout::phase::{Ending, Hold, Need, Phase, RevertCause, StepState};
use crate::rollout::state::{FleetState, RolloutState};
use crate::rollout::strategy::Step;
use crate::time::Timestamp;

/// The id of one command; the same id again is the same command, sent again: for as long as its rollout runs it is carried out once. In text
/// and JSON 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId([u8; 16]);

impl CommandId {
    /// A function of whatever makes the command one: who gave it, when, what it says.
    pub fn of(what: &str) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(sha256(what.as_bytes())).for_each(|(to, from)| *to = from);
        Self(id)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl serde::Serialize for CommandId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> serde::Deserialize<'de> for CommandId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| {
            let bytes = read_hex(text).map(Self);
            bytes.ok_or_else(|| format!("`{text}` is not a command's id; write it as 32 hexadecimal digits"))
        })
    }
}

/// What a person asks, and about what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Who asks.
    pub by: Actor,
    /// About which rollout; if another runs by then, the command is refused.
    pub about: RolloutId,
    /// What is asked.
    pub what: What,
}

/// What is asked. What concerns a gate names its step, counted from 0: if another is waited for by then, it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// Begin nothing new: what is owed is carried on, deadlines stand still.
    Pause,
    /// Go on after a [pause](What::Pause).
    Resume,
    /// Open the gate of a step, whatever it waits for. The time for which the old are [kept](crate::Strategy::keep_old) counts as one more step,
    /// behind the last: promoted, they leave now.
    Promote(StepIx),
    /// Approve, where the gate of a step asks for it.
    Approve(StepIx),
    /// Try again what a person was asked about, with new deadlines, and what failed forgiven.
    Retry,
    /// Have another size, from now on or, where the strategy [says so](crate::rollout::OnResize::Freeze), from the rollout's end on.
    Resize(u32),
    /// Stop going on.
    Abort(AbortTo),
}

/// What an aborted rollout leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortTo {
    /// The baseline: it rolls back.
    Back,
    /// Whatever there is: nothing moves any more.
    Mixed,
    /// Nothing: only of a fleet that has no proven release.
    Nothing,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It was carried out.
    CarriedOut,
    /// It was refused, and nothing follows from it: why.
    Refused(Arc<str>),
    /// The rollout that it is about ended before anybody heard it.
    Unheard,
}

impl Fate {
    pub(crate) fn of(refused: Option<&Arc<str>>) -> Self {
        refused.map_or(Self::CarriedOut, |why| Self::Refused(why.clone()))
    }
}

/// `carried out`, `refused: it is not paused`
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CarriedOut => f.write_str("carried out"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unheard => f.write_str("not heard before the rollout ended"),
        }
    }
}

/// Turns a command, read from the inbox up to `inbox`, into events: it is heard, and either refused, with why, or carried out.
pub fn command(state: &FleetState, command: &Command, inbox: StreamVersion, now: Timestamp) -> Vec<Event> {
    let now = now.max(state.at);
    let heard = |refused: Option<String>| Event::Heard {
        command: command.id,
        by: command.by.clone(),
        inbox,
        refused: refused.map(Into::into),
    };
    match carry_out(state, command, now) {
        Ok(mut events) => {
            events.insert(0, heard(None));
            events
        }
        Err(why) => vec![heard(Some(why))],
    }
}

fn carry_out(state: &FleetState, command: &Command, now: Timestamp) -> Result<Vec<Event>, String> {
    let Some(rollout) = &state.rollout else {
        return Err("no rollout runs".to_owned());
    };
    if rollout.id != command.about {
        return Err(format!("it is about rollout {}, rollout {} runs", command.about, rollout.id));
    }
    if let Some(fate) = rollout.heard.get(&command.id) {
        return Err(match fate {
            Fate::Refused(why) => format!("the same command was refused before: {why}"),
            _ => "the same command was carried out before; to have it again give another".to_owned(),
        });
    }
    let to = match command.what {
        What::Pause => pause(rollout, &command.by, now)?,
        What::Resume => match &rollout.phase {
            Phase::Held { why: Hold::Paused { .. }, resume, since } => resume.as_ref().clone().later(now.since(*since)),
            Phase::Held { why: Hold::Needs(need), .. } => {
                return Err(format!("it is not paused, it needs a decision: {need}; retry or abort it"));
            }
            _ => return Err("it is not paused".to_owned()),
        },
        What::Promote(step) => match &rollout.phase {
            Phase::Held { why: Hold::Paused { by }, .. } => return Err(format!("{by} has paused it; resume it first")),
            Phase::Held { why: Hold::Needs(need), .. } if !matches!(need, Need::Gate { .. }) => {
                return Err(format!("it is no gate that needs a decision: {need}; retry or abort it"));
            }
            Phase::Finishing { ending: Ending::Keep, .. } => let_go(rollout, step, now)?,
            _ => {
                waits_at(rollout, step)?;
                onward(rollout, step, now)
            }
        },
        What::Approve(step) => return approve(rollout, step, &command.by, now),
        What::Retry => match &rollout.phase {
            Phase::Held { why: Hold::Needs(_), resume, .. } => again(rollout, resume, now),
            _ => return Err("nothing needs a decision, it goes on by itself".to_owned()),
        },
        What::Resize(desired) => {
            if let Some(follows) = rollout.plan.fleet().follows_whom() {
                return Err(format!("its size is what `{}` says; have that say {desired}", follows.source));
            }
            resizable(state, rollout, desired)?;
            return Ok(vec![Event::Resized { desired }]);
        }
        What::Abort(to) => abort(state, rollout, to, now)?,
    };
    Ok(vec![Event::Moved { to }])
}

fn pause(rollout: &RolloutState, by: &Actor, now: Timestamp) -> Result<Phase, String> {
    match &rollout.phase {
        Phase::Held { why: Hold::Paused { by }, .. } => Err(format!("{by} has paused it already")),
        Phase::Held { why: Hold::Needs(need), .. } => Err(format!("nothing moves, it needs a decision: {need}")),
        phase => Ok(Phase::Held { why: Hold::Paused { by: by.clone() }, resume: Box::new(phase.clone()), since: now }),
    }
}

/// The old are kept no longer: that is waited for behind the last step, as another would be.
fn let_go(rollout: &RolloutState, step: StepIx, now: Timestamp) -> Result<Phase, String> {
    let strategy = rollout.plan.strategy();
    let kept = strategy.kept();
    if step != kept {
        let number = |step: StepIx| u32::from(step.0) + 1;
        return Err(format!("it is about the gate of step {}; the old are kept, which is step {}", number(step), number(kept)));
    }
    Ok(Phase::Finishing { ending: Ending::Forward, give_up_at: now + strategy.rollback_deadline })
}

/// The step whose gate is waited for, if it is that one.
fn waits_at(rollout: &RolloutState, step: StepIx) -> Result<&Step, String> {
    let number = |step: StepIx| u32::from(step.0) + 1;
    match rollout.phase.under() {
        Phase::Stepping { step: at, at: StepState::Gating { .. } | StepState::Lost { .. } } if *at == step => {
            rollout.plan.strategy().steps().get(usize::from(step.0)).ok_or_else(|| format!("there is no step {}", number(step)))
        }
        Phase::Stepping { step: at, at: StepState::Gating { .. } | StepState::Lost { .. } } => {
            Err(format!("it is about the gate of step {}, that of step {} is waited for", number(step), number(*at)))
        }
        _ => Err(format!("it is about the gate of step {}, and no gate is waited for", number(step))),
    }
}

fn approve(rollout: &RolloutState, step: StepIx, by: &Actor, now: Timestamp) -> Result<Vec<Event>, String> {
    let Step::Approve(gate) = waits_at(rollout, step)? else {
        return Err(format!("the gate of step {} waits for nobody's approval; promote it to open it", u32::from(step.0) + 1));
    };
    if !gate.by.contains(by) {
        let named: Vec<_> = gate.by.iter().map(ToString::to_string).collect();
        return Err(format!("{by} is not named to approve; {} may", named.join(", ")));
    }
    if rollout.gate.approved.contains(by) {
        return Err(format!("{by} has approved already"));
    }
    let mut events = vec![Event::Approved { step, by: by.clone() }];
    // Late, and yet: if that is what a person was asked about.
    let enough = rollout.gate.approved.len() + 1 >= usize::try_from(gate.least).unwrap_or(usize::MAX);
    if matches!(rollout.phase, Phase::Held { why: Hold::Needs(Need::Gate { .. }), .. }) && enough {
        events.push(Event::Moved { to: onward(rollout, step, now) });
    }
    Ok(events)
}

/// Whether the plan can be carried on at this size: its budget and its steps find room, and so do the groups.
pub(crate) fn resizable(state: &FleetState, rollout: &RolloutState, desired: u32) -> Result<(), String> {
    let strategy = rollout.plan.strategy();
    if rollout.resized.unwrap_or(state.desired) == desired {
        return Err(format!("its size is {desired} already"));
    }
    let fits = strategy.resizes(desired, rollout.plan.split());
    let fits = fits.and_then(|()| strategy.fits_zones(desired, rollout.plan.fleet().zone_names().len(), rollout.plan.split()));
    fits.map_err(|why| format!("it cannot have {desired} instances: {why}"))?;
    let (ceiling, spec) = (u64::from(strategy.budget(desired).most()), state.generations.get(&rollout.wanted));
    let most = spec.map_or(u64::MAX, |generation| generation.spec.groups.iter().map(|group| u64::from(group.max)).sum());
    if ceiling > most {
        return Err(format!(
            "it cannot have {desired} instances, {ceiling} with those on their way: generation {} holds at most {most}; plan it anew at that size",
            rollout.wanted
        ));
    }
    Ok(())
}

/// The same phase, with all the time there is.
fn again(rollout: &RolloutState, phase: &Phase, now: Timestamp) -> Phase {
    let strategy = rollout.plan.strategy();
    let (progress, rollback) = (now + strategy.progress_deadline, now + strategy.rollback_deadline);
    match phase.clone() {
        Phase::Preparing { .. } => Phase::Preparing { give_up_at: progress },
        Phase::Stepping { step, at: StepState::Moving { .. } } => {
            Phase::Stepping { step, at: StepState::Moving { give_up_at: progress } }
        }
        Phase::Stepping { step, .. } => Phase::Stepping { step, at: begun(strategy, step, now) },
        Phase::Reverting { why, to, .. } => Phase::Reverting { why, to, at: StepState::Moving { give_up_at: rollback } },
        Phase::Finishing { ending: Ending::Keep, .. } => {
            Phase::Finishing { ending: Ending::Keep, give_up_at: now + strategy.keep_old }
        }
        Phase::Finishing { ending, .. } => Phase::Finishing { ending, give_up_at: rollback },
        held @ Phase::Held { .. } => held,
    }
}

fn abort(state: &FleetState, rollout: &RolloutState, to: AbortTo, now: Timestamp) -> Result<Phase, String> {
    let phase = match &rollout.phase {
        Phase::Held { why: Hold::Paused { .. }, resume, .. } => resume,
        phase => phase,
    };
    let finishing = matches!(phase, Phase::Finishing { ending, .. } if *ending != Ending::Keep);
    let reverting = matches!(phase, Phase::Reverting { .. });
    match to {
        _ if finishing => Err("it is finishing, there is nothing left to abort".to_owned()),
        AbortTo::Back if reverting => Err("it is rolling back already".to_owned()),
        AbortTo::Back if rollout.baseline.is_none() => {
            Err("no release is proven to go back to; abort to nothing, or leave it mixed".to_owned())
        }
        AbortTo::Back => match (irreversible(state, rollout), &rollout.phase) {
            (Some(mark), Phase::Held { why: Hold::Paused { by }, .. }) => {
                Err(format!("there is no way back, {mark}; to go back all the same resume it first, {by} has paused it"))
            }
            // A person is asked once; who is asked about this has decided.
            (Some(mark), phase) if !matches!(phase, Phase::Held { why: Hold::Needs(Need::Irreversible { .. }), .. }) => {
                let need = Need::Irreversible { mark, why: RevertCause::Asked.to_string().into() };
                Ok(Phase::Held { why: Hold::Needs(need), resume: Box::new(phase.under().clone()), since: now })
            }
            _ => Ok(revert(state, &[], rollout, RevertCause::Asked, now)),
        },
        AbortTo::Mixed => {
            Ok(Phase::Finishing { ending: Ending::Mixed, give_up_at: now + rollout.plan.strategy().rollback_deadline })
        }
        AbortTo::Nothing if state.proven.is_some() || matches!(phase, Phase::Finishing { .. }) => {
            Err("the fleet has a proven release, which this would remove; abort back, or leave it mixed".to_owned())
        }
        AbortTo::Nothing => Ok(tear_down(rollout, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_command_is_said() {
        for (fate, says) in [
            (Fate::CarriedOut, "carried out"),
            (Fate::Refused("it is not paused".into()), "refused: it is not paused"),
            (Fate::Unheard, "not heard before the rollout ended"),
        ] {
            assert_eq!(fate.to_string(), says);
        }
    }
}
