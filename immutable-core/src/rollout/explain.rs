//! How a fleet stands, and why: for people, and as data.

use std::fmt;
use std::sync::Arc;

use crate::artifact::Digest;
use crate::fleet::{FleetId, GenerationId};
use crate::id::{Actor, Epoch, NativeRef, OpId, OwnerId, RolloutId, StepIx};
use crate::rollout::command::{AbortTo, Command, CommandId, What, command};
use crate::rollout::event::Event;
use crate::rollout::phase::{Hold, Need, Outcome, Phase};
use crate::rollout::plan::Subject;
use crate::rollout::report::Report;
use crate::rollout::state::{FleetState, RolloutState};
use crate::rollout::strategy::Step;
use crate::time::Timestamp;

/// How a fleet stands, and why. `Display` prints it for people, serde as JSON. See [`Controller::explain`](crate::Controller::explain).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Which fleet.
    pub fleet: FleetId,
    /// When it was asked.
    pub at: Timestamp,
    /// How many instances it should have.
    pub desired: u32,
    /// The release that it can go back to; `None` if none is proven.
    pub proven: Option<ProvenSince>,
    /// The group that is to become its first generation, by what the provider calls it, and that generation, while it is [being adopted](crate::Controller::adopt).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopting: Option<(NativeRef, GenerationId)>,
    /// The rollout that runs.
    pub rollout: Option<Running>,
    /// The last rollout that ended, and how.
    pub last: Option<(RolloutId, Outcome)>,
    /// The calls that are owed to the provider, the oldest first.
    pub owed: Vec<OwedCall>,
    /// Who owns it; `None` of a fleet that nobody has claimed.
    pub owner: Option<Ownership>,
}

/// A release that is proven in a fleet, and by what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct ProvenSince {
    /// What was proven.
    pub release: Subject,
    /// In which generation.
    pub generation: GenerationId,
    /// Since when.
    pub since: Timestamp,
    /// How many instances were read, every one of them ready and of its image.
    pub instances: u32,
    /// SHA-256 over their keys and images: see [`Event::Proven`](crate::rollout::Event::Proven).
    pub evidence: Digest,
}

/// A rollout that runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Running {
    /// Its number.
    pub id: RolloutId,
    /// When it began.
    pub since: Timestamp,
    /// What was proven when it began.
    pub from: Option<Subject>,
    /// What is wanted.
    pub to: Subject,
    /// Of how many steps.
    pub steps: u32,
    /// Where it is.
    pub phase: Phase,
    /// Since when it is there.
    pub phase_since: Timestamp,
    /// What it waits for, by a look taken when it was asked.
    pub report: Option<Report>,
    /// Why there was no look, if there was none.
    pub unseen: Option<Arc<str>>,
    /// What a person is asked, if one is.
    pub asks: Option<Need>,
    /// The commands that would be carried out now, and who may give each: nobody named means anybody.
    pub may: Vec<(What, Option<Actor>)>,
}

/// A call that is owed to a provider.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct OwedCall {
    /// Which.
    pub op: OpId,
    /// What is asked, in words.
    pub what: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// Whether a copy of it was sent, or may have been, whose result nobody knows.
    pub uncertain: bool,
    /// Whether the provider has accepted it, and works on it.
    pub accepted: bool,
}

/// Who owns a fleet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Ownership {
    /// By what name.
    pub owner: OwnerId,
    /// How often the fleet has been claimed.
    pub epoch: Epoch,
    /// When anything was written to the fleet's stream last. Whoever drives a rollout that moves writes at least once a minute.
    pub wrote: Timestamp,
}

impl Explanation {
    /// How a fleet stands by its journal, and, while a rollout runs, by a look at it: what [`decide`](crate::rollout::decide) reports, or why there was no look.
    pub fn of(state: &FleetState, look: Result<Report, Arc<str>>, now: Timestamp) -> Self {
        let (report, unseen) = match look {
            Ok(report) => (Some(report), None),
            Err(why) => (None, Some(why)),
        };
        let proven = state.proven().map(|proven| ProvenSince {
            release: Subject::of(&proven.spec),
            generation: proven.spec.id,
            since: proven.at,
            instances: proven.instances,
            evidence: proven.evidence,
        });
        let owed = state.owed().map(|(op, owed)| OwedCall {
            op,
            what: owed.call.to_string().into(),
            since: owed.since,
            uncertain: owed.uncertain,
            accepted: owed.ticket.is_some(),
        });
        let rollout = state.rollout().map(|running| Running {
            id: running.id,
            since: running.begun,
            from: running.baseline.as_ref().map(|proven| Subject::of(&proven.spec)),
            to: running.plan.to().clone(),
            steps: u32::from(running.plan.strategy().kept().0),
            phase: running.phase.clone(),
            phase_since: running.moved,
            report,
            unseen,
            asks: match &running.phase {
                Phase::Held { why: Hold::Needs(need), .. } => Some(need.clone()),
                _ => None,
            },
            may: may(state, running, now),
        });
        let owner = state.owner().map(|owner| Ownership { owner: owner.clone(), epoch: state.epoch(), wrote: state.at() });
        Self {
            fleet: state.fleet().clone(),
            at: now,
            desired: state.desired(),
            proven,
            adopting: state.adopting().map(|adopting| (adopting.native.clone(), adopting.spec.id)),
            rollout,
            last: state.last().cloned(),
            owed: owed.collect(),
            owner,
        }
    }
}

/// The commands that would be carried out now: each is tried on the state, and forgotten.
fn may(state: &FleetState, running: &RolloutState, now: Timestamp) -> Vec<(What, Option<Actor>)> {
    let steps = (0..=running.plan.strategy().kept().0).map(StepIx);
    let approves = running.plan.strategy().steps().iter().zip(0..).filter_map(|(step, nth)| match step {
        Step::Approve(gate) => Some(gate.people().iter().map(move |by| (What::Approve(StepIx(nth)), Some(by.clone())))),
        _ => None,
    });
    let gates = approves.flatten().chain(steps.map(|step| (What::Promote(step), None)));
    let ends = [What::Abort(AbortTo::Back), What::Abort(AbortTo::Nothing), What::Abort(AbortTo::Mixed), What::Pause];
    let plain = |what| (what, None);
    let all = [What::Retry, What::Resume].map(plain).into_iter().chain(gates).chain(ends.map(plain));
    all.filter(|(what, by)| {
        let by = by.clone().unwrap_or_else(|| Actor::new("anybody"));
        let asked = Command { id: CommandId::of("what if"), by, about: running.id, what: *what };
        let heard = command(state, &asked, state.inbox_read(), now);
        !heard.iter().any(|event| matches!(event, Event::Heard { refused: Some(_), .. }))
    })
    .collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "fleet {}, {} instances, at {}", self.fleet, self.desired, self.at)?;
        match &self.proven {
            Some(ProvenSince { release, generation, since, instances, evidence }) => writeln!(
                f,
                "proven: {release} in generation {generation} since {since}, by {instances} instances, each ready and of its image ({evidence:#})"
            )?,
            None => writeln!(f, "proven: nothing")?,
        }
        if let Some((native, generation)) = &self.adopting {
            writeln!(f, "being adopted: {native}, as generation {generation}")?;
        }
        match (&self.rollout, &self.last) {
            (Some(running), _) => write!(f, "{running}")?,
            (None, Some((id, outcome))) => writeln!(f, "no rollout runs; rollout {id}, the last, ended: {outcome}")?,
            (None, None) => writeln!(f, "no rollout runs, and none ever did")?,
        }
        for OwedCall { op, what, since, uncertain, accepted } in &self.owed {
            let stands = match (accepted, uncertain) {
                (true, _) => "the provider works on it",
                (false, true) => "nobody knows whether it took effect",
                (false, false) => "not answered yet",
            };
            writeln!(f, "owed since {since}: call {op}, {what}; {stands}")?;
        }
        match &self.owner {
            Some(Ownership { owner, epoch, wrote }) => {
                write!(f, "owned by {owner}, by claim {epoch}; last written to at {wrote}")
            }
            None => f.write_str("owned by nobody"),
        }
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, since, from, to, steps, phase, phase_since, report, unseen, asks, may } = self;
        write!(f, "rollout {id} runs since {since}: ")?;
        match from {
            Some(from) => write!(f, "{from} → {to}")?,
            None => write!(f, "{to}, the first")?,
        }
        writeln!(f, ", in {steps} steps")?;
        writeln!(f, "  {phase}, since {phase_since}")?;
        match (report, unseen) {
            (None, Some(why)) if asks.is_some() => writeln!(f, "  and it cannot be seen now: {why}")?,
            // It would say what is asked once more.
            _ if asks.is_some() => {}
            (Some(report), _) => writeln!(f, "  {report}")?,
            (None, Some(why)) => writeln!(f, "  what it waits for is not known: {why}")?,
            (None, None) => {}
        }
        let mut said: Vec<String> = Vec::new();
        for (what, by) in may {
            said.push(match by {
                Some(by) => format!("{what} (by {by})"),
                None => what.to_string(),
            });
        }
        writeln!(f, "  {} {}", if asks.is_some() { "what answers it:" } else { "what can be asked of it:" }, said.join("; "))
    }
}
