//! The only way a state changes: by one event, strictly.

mod adopt;
mod note;
mod order;
mod owe;
mod settled;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::fleet::{Drift, GenerationId};
use crate::id::{Epoch, StepIx};
use crate::rollout::command::Fate;
use crate::rollout::decide::MAX_VIEW_AGE;
use crate::rollout::event::{Event, Recorded};
use crate::rollout::phase::{Ending, Hold, Need, Outcome, Phase, RevertCause, StepState};
use crate::rollout::plan::Wanted;
use crate::rollout::pool::PoolState;
use crate::rollout::report::burns;
use crate::rollout::state::{Exit, FleetState, GateState, GenerationState, Proven, RolloutState};
use crate::rollout::strategy::OnResize;
use crate::time::Timestamp;

use order::{follows, same_place};
pub(crate) use settled::backoff;

/// An event that cannot follow on what the state says. The state is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal event: {why}")]
pub struct IllegalEvent {
    why: String,
}

impl From<IllegalEvent> for Error {
    fn from(illegal: IllegalEvent) -> Self {
        Self::new(ErrorKind::Corrupt, illegal.to_string())
    }
}

type Legal = Result<(), IllegalEvent>;

fn illegal(why: impl Into<String>) -> Legal {
    Err(IllegalEvent { why: why.into() })
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Legal {
    if holds { Ok(()) } else { illegal(why()) }
}

impl FleetState {
    /// Applies one event.
    ///
    /// # Errors
    /// If it cannot follow: an answer to nothing, a second call on a busy group, an earlier owner's event, a phase that does not
    /// come next. The state is then as it was.
    pub fn evolve(&mut self, recorded: &Recorded) -> Result<(), IllegalEvent> {
        let Recorded { v, at, epoch, event } = recorded;
        ensure(*v == Recorded::FORMAT, || format!("a record of format {v}; this version reads format {}", Recorded::FORMAT))?;
        ensure(*at >= self.at, || format!("it is of {at}, the event before it of {}", self.at))?;
        let claims = matches!(event, Event::Claimed { .. });
        let epoch_now = if claims { Epoch(self.epoch.0 + 1) } else { self.epoch };
        ensure(*epoch == epoch_now, || format!("it is of epoch {epoch}, the fleet is in epoch {epoch_now}"))?;
        match event {
            Event::Claimed { owner, echo_until } => {
                // A deadline that passed while nobody watched is not missed.
                let unwatched = unwatched(at.since(self.at));
                if let Some(ends_at) = self.rollout.as_mut().and_then(|rollout| rollout.phase.ends_at_mut()) {
                    *ends_at = *ends_at + unwatched;
                }
                // What stands still is given its time when it goes on.
                if self.rollout.as_ref().is_some_and(|rollout| !matches!(rollout.phase, Phase::Held { .. })) {
                    self.all_later(unwatched, *at);
                }
                if !unwatched.is_zero() {
                    self.as_quiet(*at);
                }
                self.epoch = *epoch;
                self.owner = Some(owner.clone());
                for owed in self.owed.values_mut() {
                    owed.echo_until = owed.echo_until.max(*echo_until);
                    owed.uncertain = true;
                }
            }
            Event::Opened { .. } => self.open(event, *at)?,
            Event::Watched => {}
            Event::Released => {
                ensure(self.owner.take().is_some(), || "it is let go, and nobody had it".to_owned())?;
            }
            Event::Resized { desired } => self.resized(*desired, *at)?,
            Event::Heard { command, inbox, refused, .. } => {
                ensure(*inbox > self.inbox, || format!("the inbox has been read up to {}, not {inbox}", self.inbox))?;
                self.inbox = *inbox;
                if let Some(rollout) = &mut self.rollout {
                    rollout.heard.entry(*command).or_insert_with(|| Fate::of(refused.as_ref()));
                }
            }
            Event::Owed { op, call, basis } => self.owe(*op, call, *basis, *at)?,
            Event::Renewed { op, basis } => match self.owed.get_mut(op) {
                Some(owed) => owed.basis = owed.basis.max(*basis),
                None => return illegal(format!("op {op} is renewed and not owed")),
            },
            Event::Condemned { op, call, .. } => self.condemned(*op, call)?,
            Event::Adopting { op, native, spec, .. } => self.adopt(*op, native, spec)?,
            Event::Adopted { op, instances, evidence } => self.adopted(*op, *instances, *evidence, *at)?,
            Event::Settled { op, result } => self.settled(*op, result, *at)?,
            Event::Noted(noted) => self.note(noted, *at)?,
            Event::Judged { step, asked, judgement } => {
                self.gate(*step)?.judged = Some((*asked, judgement.clone()));
            }
            Event::Approved { step, by } => {
                let new = self.gate(*step)?.approved.insert(by.clone());
                ensure(new, || format!("{by} approves step {step} again"))?;
            }
            Event::Moved { to } => self.moved(to, *at)?,
            Event::Proven { generation, instances, evidence } => {
                let proves = match self.rollout.as_ref().map(|rollout| (&rollout.phase, rollout.wanted)) {
                    Some((Phase::Stepping { .. }, wanted)) => wanted == *generation,
                    Some((Phase::Finishing { ending: Ending::Back { to }, .. }, _)) => to == generation,
                    _ => false,
                };
                let spec = self.generations.get(generation).map(|generation| generation.spec.clone());
                match spec.filter(|_| proves && *instances > 0) {
                    Some(spec) => {
                        self.failed.retain(|failed| failed.release != spec.release);
                        self.unread.retain(|group| group.generation != *generation);
                        self.proven = Some(Proven { spec, at: *at, instances: *instances, evidence: *evidence });
                    }
                    None => return illegal(format!("generation {generation} with {instances} instances cannot be proven now")),
                }
            }
            Event::Ended { outcome } => self.end(outcome)?,
        }
        self.at = *at;
        Ok(())
    }

    /// Whatever had to be left alone for a while at the last event has to be for as long from now on: that nobody wrote for so long may mean only that the
    /// clock is another.
    fn as_quiet(&mut self, at: Timestamp) {
        let last = self.at;
        let groups = self.generations.values_mut().flat_map(|generation| generation.groups.values_mut());
        let quiet = groups.map(|slots| &mut slots.quiet_until).chain(self.pool.iter_mut().map(|pool| &mut pool.quiet_until));
        quiet.filter(|until| **until > last).for_each(|until| *until = at + until.since(last));
    }

    fn open(&mut self, event: &Event, at: Timestamp) -> Legal {
        let Event::Opened { rollout, plan } = event else {
            return Ok(());
        };
        ensure(self.rollout.is_none(), || "a rollout opens while another runs".to_owned())?;
        ensure(rollout.0 == self.next_rollout, || format!("rollout {rollout} opens, the next is {}", self.next_rollout))?;
        ensure(*plan.fleet().id() == self.fleet, || {
            format!("the plan is of fleet {}, this is {}", plan.fleet().id(), self.fleet)
        })?;
        let wanted = plan.wanted().id();
        let fits = match plan.wanted() {
            Wanted::New(_) => wanted.0 == self.next_generation,
            Wanted::Existing(_) => self.generations.contains_key(&wanted),
        };
        ensure(fits, || format!("the plan wants generation {wanted}, which is neither there nor next"))?;
        // Who is gone is remembered for as long as an old view may still show them.
        let forgotten = at.since(self.at) > 2 * MAX_VIEW_AGE;
        for generation in self.generations.values_mut() {
            generation.charged.clear();
            (generation.asked, generation.appeared) = (0, 0);
            for slots in generation.groups.values_mut().filter(|_| forgotten) {
                slots.members.retain(|_, member| member.exit != Exit::Gone);
            }
        }
        // Of a generation that was there before, nobody is charged for who was in it.
        let there = self.generations.get_mut(&wanted);
        let launched = there.as_ref().is_some_and(|generation| generation.size() > 0);
        if let Some(generation) = there {
            generation.blame_nobody();
        }
        self.desired = plan.fleet().desired();
        self.adopting = None;
        if let Some(pool) = plan.fleet().traffic_pool().filter(|pool| self.pool.as_ref().is_none_or(|known| known.id != **pool)) {
            self.pool = Some(PoolState::new(pool.clone()));
        }
        self.next_rollout += 1;
        self.rollout = Some(RolloutState {
            id: *rollout,
            begun: at,
            plan: Arc::new((**plan).clone()),
            wanted,
            baseline: self.proven.clone(),
            phase: Phase::Preparing { give_up_at: at + plan.strategy().progress_deadline },
            moved: at,
            best: 0,
            launched,
            resized: None,
            gate: GateState::default(),
            heard: BTreeMap::new(),
            over_at: plan.strategy().rollout_deadline.map(|deadline| at + deadline),
            decided: self.strangers.clone(),
        });
        self.leave_anew(at);
        Ok(())
    }

    fn resized(&mut self, desired: u32, at: Timestamp) -> Legal {
        let Some(rollout) = &mut self.rollout else {
            return illegal("a size is changed without a rollout");
        };
        let strategy = rollout.plan.strategy();
        rollout.resized = Some(desired);
        if strategy.on_resize == OnResize::Freeze {
            return Ok(());
        }
        self.desired = desired;
        // What is asked for now has the time that any step has; what stands still has it from when it goes on.
        let (phase, from) = match &mut rollout.phase {
            Phase::Held { resume, since, .. } => (&mut **resume, *since),
            phase => (phase, at),
        };
        let least = match phase {
            Phase::Stepping { at: StepState::Moving { .. } | StepState::Lost { .. }, .. } => strategy.progress_deadline,
            Phase::Reverting { .. } => strategy.rollback_deadline,
            Phase::Finishing { ending, .. } if *ending != Ending::Keep => strategy.rollback_deadline,
            _ => return Ok(()),
        };
        if let Some(ends_at) = phase.ends_at_mut() {
            *ends_at = (*ends_at).max(from + least);
        }
        Ok(())
    }

    /// What is known of a step's gate, if that is waited for.
    fn gate(&mut self, step: StepIx) -> Result<&mut GateState, IllegalEvent> {
        let waited =
            |phase: &Phase| matches!(phase.under(), Phase::Stepping { step: at, at: StepState::Gating { .. } } if *at == step);
        match &mut self.rollout {
            Some(rollout) if waited(&rollout.phase) => Ok(&mut rollout.gate),
            _ => Err(IllegalEvent { why: format!("the gate of step {step} is not waited for") }),
        }
    }

    /// Whoever was never healthy has so much longer to boot, who is named to leave so much longer to go, and the rollout so much longer to succeed.
    fn all_later(&mut self, by: Duration, now: Timestamp) {
        if by.is_zero() {
            return;
        }
        let groups = self.generations.values_mut().flat_map(|generation| generation.groups.values_mut());
        for member in groups.flat_map(|slots| slots.members.values_mut()) {
            if !member.once {
                // Who came meanwhile has it from now on.
                member.seen = (member.seen + by).min(now);
            }
            member.named = member.named.map(|named| (named + by).min(now));
            member.draining = member.draining.map(|told| (told + by).min(now));
        }
        if let Some(over_at) = self.rollout.as_mut().and_then(|rollout| rollout.over_at.as_mut()) {
            *over_at = *over_at + by;
        }
    }

    /// Whoever is named to leave has all the time to go from now on, and whoever is told to finish the requests it has, to finish them.
    fn leave_anew(&mut self, at: Timestamp) {
        let groups = self.generations.values_mut().flat_map(|generation| generation.groups.values_mut());
        for member in groups.flat_map(|slots| slots.members.values_mut()).filter(|member| member.exit != Exit::Gone) {
            member.named = member.named.map(|_| at);
            member.draining = member.draining.map(|_| at);
        }
    }

    fn moved(&mut self, to: &Phase, at: Timestamp) -> Legal {
        let Some(rollout) = &mut self.rollout else {
            return illegal("a phase without a rollout");
        };
        let made_anew =
            |lost: GenerationId, to: GenerationId| to.0 == self.next_generation && !self.generations.contains_key(&lost);
        let next = follows(&rollout.phase, to, &made_anew);
        ensure(next, || format!("{to:?} does not follow {:?}", rollout.phase))?;
        let stood_still = if let Phase::Held { since, .. } = &rollout.phase { at.since(*since) } else { Duration::ZERO };
        let retried = matches!(rollout.phase, Phase::Held { why: Hold::Needs(_), .. });
        let mut forgiven = retried;
        if let Phase::Held { why: Hold::Needs(Need::Drift { found }), resume, .. } = &rollout.phase {
            // To go back, or to leave it, is no word on that.
            if same_place(resume, to) {
                rollout.decided.extend(found.iter().cloned());
            }
            forgiven = false;
        }
        if let (Phase::Stepping { step: from, .. }, Phase::Stepping { step, .. }) = (rollout.phase.under(), to) {
            // Whoever gets another chance is judged anew.
            if forgiven {
                rollout.gate.judged = None;
                if let Some(wanted) = self.generations.get_mut(&rollout.wanted) {
                    wanted.charged.clear();
                    wanted.appeared = wanted.appeared.max(wanted.asked);
                }
            }
            if from != step {
                rollout.gate = GateState::default();
            }
            // What was said was said of who is no more.
            if let Phase::Stepping { at: StepState::Lost { .. }, .. } = to {
                rollout.gate.judged = None;
            }
        }
        match to {
            Phase::Reverting { to: revert_to, .. } => {
                // Who is launched on the way back is judged, and nobody who was there before.
                if !matches!(rollout.phase.under(), Phase::Reverting { to, .. } if to == revert_to && !retried)
                    && let Some(back) = self.generations.get_mut(revert_to)
                {
                    back.blame_nobody();
                }
                // Of a plan that changes nothing but the size, the size is what is taken back, unless somebody has set another since.
                let settable = rollout.resized.is_none() && rollout.plan.fleet().follows_whom().is_none();
                if *revert_to == rollout.wanted && settable {
                    self.desired = rollout.plan.basis().desired;
                }
                rollout.best = 0;
            }
            Phase::Stepping { .. } => rollout.best = 0,
            _ => {}
        }
        let blamed = match to {
            Phase::Reverting { why: RevertCause::Failed(why) | RevertCause::Judged(why), .. } => Some(why.clone()),
            Phase::Finishing { ending: Ending::Nothing, .. } => Some("its first instances failed".into()),
            _ => None,
        };
        let wanted = self.generations.get(&rollout.wanted);
        let burnt = wanted.is_some_and(|wanted| wanted.charged.keys().any(|class| burns(*class)));
        let judged = matches!(to, Phase::Reverting { why: RevertCause::Judged(_), .. });
        (rollout.phase, rollout.moved) = (to.clone(), at);
        if let (Some(why), Some(release)) = (blamed.filter(|_| burnt || judged), wanted.map(GenerationState::release)) {
            self.note_failed(release, at, why);
        }
        self.all_later(stood_still, at);
        if retried {
            self.leave_anew(at);
            // Whoever decides that it goes on gives it the time that it has.
            if let Some(rollout) = self.rollout.as_mut().filter(|rollout| rollout.over_at.is_some()) {
                rollout.over_at = rollout.plan.strategy().rollout_deadline.map(|deadline| at + deadline);
            }
        }
        Ok(())
    }

    fn end(&mut self, outcome: &Outcome) -> Legal {
        let Some(rollout) = &self.rollout else {
            return illegal("an end without a rollout");
        };
        // What is owed is the fleet's: whoever takes its place judges it.
        let superseded = matches!(outcome, Outcome::Superseded { by } if by.0 == self.next_rollout);
        ensure(superseded || self.owed.is_empty(), || format!("an end with {} calls owed", self.owed.len()))?;
        let fits = match &rollout.phase {
            _ if superseded => true,
            Phase::Finishing { ending, .. } => match (ending, outcome) {
                (Ending::Forward, Outcome::Succeeded) => {
                    let wanted = self.generations.get(&rollout.wanted).map(GenerationState::release);
                    wanted.is_some() && self.proven.as_ref().map(|proven| proven.spec.release) == wanted
                }
                (Ending::Forward, Outcome::Unexercised) => self.desired == 0,
                (Ending::Back { .. }, Outcome::RolledBack) => true,
                (Ending::Mixed, Outcome::LeftMixed) | (Ending::Nothing, Outcome::TornDown) => true,
                (Ending::Refused { why }, Outcome::Refused(said)) => why == said,
                _ => false,
            },
            _ => false,
        };
        ensure(fits, || format!("it ends as {outcome:?} in {:?}", rollout.phase))?;
        let refused = matches!(outcome, Outcome::Refused(_));
        // What was never begun changes nothing.
        self.desired = rollout.resized.unwrap_or(if refused { rollout.plan.basis().desired } else { self.desired });
        self.last = Some((rollout.id, outcome.clone()));
        // What it went back from is proven no more, not even where the fleet is empty by then and proves nothing.
        let release = |proven: &Option<Proven>| proven.as_ref().map(|proven| proven.spec.release);
        if *outcome == Outcome::RolledBack && release(&self.proven) != release(&rollout.baseline) {
            self.proven.clone_from(&rollout.baseline);
        }
        self.strangers = rollout.decided.iter().filter(|decided| decided.drift == Drift::Stranger).cloned().collect();
        match outcome {
            Outcome::Succeeded | Outcome::RolledBack => {
                self.kept = Some(rollout.plan.clone());
                self.unread.clear();
            }
            // As it is it was left on request, or nobody knows what it would be kept at.
            Outcome::LeftMixed | Outcome::Unexercised | Outcome::TornDown => self.kept = None,
            _ => {}
        }
        self.rollout = None;
        self.unname_who_stay(self.at, |_, _| true);
        Ok(())
    }

    /// The generation that is wanted now, if one is.
    pub(crate) fn wanted_now(&self) -> Option<GenerationId> {
        let rollout = self.rollout.as_ref()?;
        match &rollout.phase {
            Phase::Preparing { .. } | Phase::Stepping { .. } => Some(rollout.wanted),
            Phase::Reverting { to, .. } => Some(*to),
            Phase::Finishing { ending, .. } => match ending {
                Ending::Forward | Ending::Keep => Some(rollout.wanted),
                Ending::Back { to } => Some(*to),
                Ending::Mixed | Ending::Nothing | Ending::Refused { .. } => None,
            },
            Phase::Held { .. } => None,
        }
    }
}

/// How much of a silence nobody watched. Whoever watches says so every [`MAX_VIEW_AGE`], and a short silence is nothing to tell by.
fn unwatched(silent: Duration) -> Duration {
    if silent > 2 * MAX_VIEW_AGE { silent - MAX_VIEW_AGE } else { Duration::ZERO }
}
