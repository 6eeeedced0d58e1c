//! What the engine says of itself: what it waits for, which number or time would unblock it, and what a rollback would be now.

use std::fmt;
use std::sync::Arc;

use crate::analysis::Says;
use crate::fleet::{FailureClass, Placement};
use crate::id::{Actor, InstanceKey, OpId, StepIx};
use crate::rollout::budget::Budget;
use crate::rollout::phase::Need;
use crate::rollout::plan::Subject;
use crate::rollout::state::{FleetState, GenerationLife, GenerationState};
use crate::time::{Human, Timestamp};

/// How a rollout stands. `Display` makes one sentence of it, serde JSON.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// When.
    pub at: Timestamp,
    /// What is wanted now: the plan's release, or the baseline if it is going back. `None` if nothing moves.
    pub toward: Option<Subject>,
    /// Why it is going back, if it is.
    pub back: Option<Arc<str>>,
    /// The numbers.
    pub counts: Counts,
    /// The budget.
    pub budget: Budget,
    /// What it waits for; empty if it goes on at once.
    pub waits: Vec<Blocker>,
    /// What a rollback would be now.
    pub rollback: Feasibility,
    /// Which part of how much of the traffic the wanted generation has; `None` without a pool, or while nobody has any.
    pub share: Option<(u32, u32)>,
    /// What still sends requests to a generation though its weight says otherwise, in the switch's words.
    pub residue: Option<Arc<str>>,
    /// What somebody else has changed, in words: what this look shows for the first time, and who runs another image or bears the fleet's mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Arc<str>>,
}

/// The numbers of a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// How many instances of the wanted generation exist, asked-for ones included.
    pub launched: u32,
    /// How many of them are ready.
    pub ready: u32,
    /// How many it will have.
    pub goal: u32,
    /// How many instances of other generations have not left.
    pub leaving: u32,
    /// How many instances are ready in all: the availability.
    pub available: u32,
    /// How many exist in all, asked-for and leaving ones included.
    pub live: u32,
}

/// Something that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Blocker {
    /// Instances of the wanted generation to become ready.
    Ready {
        /// How many are.
        ready: u32,
        /// How many must be.
        of: u32,
        /// The one that has waited longest, and its boot deadline.
        next: Option<(InstanceKey, Timestamp)>,
    },
    /// The first instance of a release that never ran here.
    Probe {
        /// Whether it is there.
        launched: bool,
        /// Until when it may take to be healthy, if it is not yet.
        until: Option<Timestamp>,
    },
    /// Instances to leave.
    Leaving {
        /// How many.
        instances: u32,
    },
    /// Room under the ceiling.
    Room {
        /// How many exist.
        live: u32,
        /// How many may.
        ceiling: u32,
    },
    /// An answer of the provider.
    Call {
        /// To which call.
        op: OpId,
    },
    /// A provider that refused a call.
    Backoff {
        /// Until when.
        until: Timestamp,
    },
    /// A pool that refused its route.
    Pool {
        /// Why, in its words.
        why: Arc<str>,
        /// When it is asked again.
        until: Timestamp,
    },
    /// A fresh, whole view of a group.
    View {
        /// Why there is none.
        why: Arc<str>,
    },
    /// The registry's word on the release.
    Registry,
    /// Machines: the provider had none to give.
    Capacity {
        /// How many were asked for and did not come.
        missing: u32,
    },
    /// The health of everything at once: nobody is charged for it.
    Environment,
    /// A route to be in force everywhere.
    Settling {
        /// Until when that may take.
        until: Timestamp,
    },
    /// Instances to finish the requests they have.
    Draining {
        /// How many.
        instances: u32,
        /// When the first of them is no longer waited for.
        until: Timestamp,
    },
    /// The wanted generation to have its share of the traffic.
    Share,
    /// A bake to be over.
    Bake {
        /// Which step.
        step: StepIx,
        /// When it is; `None` while it is to begin anew.
        until: Option<Timestamp>,
    },
    /// A judge.
    Judge {
        /// Of which step's gate.
        step: StepIx,
        /// Its name.
        judge: Arc<str>,
        /// What it said last, if it said anything.
        says: Option<Says>,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// People to approve.
    Approval {
        /// Of which step's gate: what an approval names.
        step: StepIx,
        /// How many more must.
        missing: u32,
        /// Who may, and has not.
        by: Vec<Actor>,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// The end of the time for which the old is kept.
    KeepsOld {
        /// As which step that counts: whoever promotes it lets them go now.
        step: StepIx,
        /// When that is.
        until: Timestamp,
    },
    /// A plan for another size: this one cannot be carried on at what the source says that the fleet follows.
    Size {
        /// Why.
        why: Arc<str>,
    },
    /// Somebody to resume it.
    Paused {
        /// Who has paused it.
        by: Actor,
    },
    /// A person.
    Person(Need),
    /// Instances that [boot for too long](crate::Strategy::hedge), or the spares beside them: whoever is ready first.
    Slow {
        /// How many boot for too long.
        booting: u32,
        /// How many spares there may be because of that, on top of the ceiling.
        spares: u32,
        /// How many there may be at the most.
        most: u32,
    },
    /// Machines in a zone that had none to give.
    Shortage {
        /// Where instances were asked for and did not come.
        from: Placement,
        /// How many it lacks of its share.
        missing: u32,
        /// Where more than their share is instead; empty if they are waited for.
        to: Vec<Placement>,
    },
}

/// Whether, and how, a rollout could be undone now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feasibility {
    /// The whole baseline still runs.
    Instant,
    /// Part of it does; the rest is launched again.
    Partial {
        /// How many run.
        running: u32,
        /// How many must.
        of: u32,
    },
    /// All of it is launched again.
    Replace,
    /// It cannot.
    Impossible(Arc<str>),
}

impl Feasibility {
    /// Before anything moves.
    pub(crate) fn planned(state: &FleetState, desired: u32) -> Self {
        let Some(proven) = &state.proven else {
            return Self::no_baseline();
        };
        let running = state
            .generations
            .values()
            .filter(|generation| generation.life == GenerationLife::Present && generation.release() == proven.spec.release);
        match running.map(GenerationState::size).max() {
            Some(size) => Self::of(size, desired),
            None => Self::Replace,
        }
    }

    pub(crate) fn of(running: u32, of: u32) -> Self {
        match running {
            _ if running >= of => Self::Instant,
            0 => Self::Replace,
            _ => Self::Partial { running, of },
        }
    }

    pub(crate) fn irreversible(mark: &str) -> Self {
        Self::Impossible(format!("there is no way back from it, {mark}").into())
    }

    pub(crate) fn no_baseline() -> Self {
        Self::Impossible("no release is proven".into())
    }
}

impl fmt::Display for Feasibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant => f.write_str("instant"),
            Self::Partial { running, of } => write!(f, "partial, {running} of {of} still run"),
            Self::Replace => f.write_str("by launching it again"),
            Self::Impossible(why) => write!(f, "impossible: {why}"),
        }
    }
}

impl Report {
    /// A blocker as words.
    fn blocker(&self, f: &mut fmt::Formatter<'_>, blocker: &Blocker) -> fmt::Result {
        let left = |until: &Timestamp| Human(std::time::Duration::from_secs(until.since(self.at).as_secs()));
        match blocker {
            Blocker::Ready { ready, of, next } => {
                write!(f, "{} of {of} to be ready", of.saturating_sub(*ready))?;
                match next {
                    Some((key, until)) => write!(f, " ({key}, boot deadline in {})", left(until)),
                    None => Ok(()),
                }
            }
            Blocker::Probe { until: Some(until), .. } => {
                write!(f, "the first instance to be ready (boot deadline in {})", left(until))
            }
            Blocker::Probe { launched: true, until: None } => {
                f.write_str("the first instance to have been healthy for long enough")
            }
            Blocker::Probe { launched: false, until: None } => f.write_str("the first instance to be launched"),
            Blocker::Leaving { instances } => write!(f, "{instances} to leave"),
            Blocker::Room { live, ceiling } => write!(f, "room: {live} of at most {ceiling} exist"),
            Blocker::Call { op } => write!(f, "the provider's answer to call {op}"),
            Blocker::Backoff { until } => write!(f, "the provider to take calls again (in {})", left(until)),
            Blocker::Pool { why, until } => write!(f, "the pool to take its route (again in {}; it said: {why})", left(until)),
            Blocker::View { why } => write!(f, "a whole view ({why})"),
            Blocker::Registry => f.write_str("the registry's word on the release"),
            Blocker::Capacity { missing } => write!(f, "capacity: {missing} asked for did not come"),
            Blocker::Environment => f.write_str("the health of the whole fleet, old and new"),
            Blocker::Settling { until } => write!(f, "the route to be in force everywhere (in {})", left(until)),
            Blocker::Draining { instances, until } => {
                write!(f, "{instances} to finish their requests (at most {})", left(until))
            }
            Blocker::Share => f.write_str("its share of the traffic"),
            Blocker::Bake { until: Some(until), .. } => write!(f, "the bake to be over (in {})", left(until)),
            Blocker::Bake { until: None, .. } => f.write_str("the bake to begin anew"),
            Blocker::Judge { judge, says, until, .. } => {
                let said = match says {
                    None => "",
                    Some(Says::Pass) => ", pass so far",
                    Some(Says::Fail) => ", fail",
                    Some(Says::Inconclusive) => ", inconclusive so far",
                };
                write!(f, "the judge `{judge}`{said}")?;
                until.as_ref().map_or(Ok(()), |until| write!(f, " (for {})", left(until)))
            }
            Blocker::Approval { missing, by, until, .. } => {
                let by: Vec<_> = by.iter().map(ToString::to_string).collect();
                write!(f, "{missing} of {} to approve", by.join(", "))?;
                until.as_ref().map_or(Ok(()), |until| write!(f, " (for {})", left(until)))
            }
            Blocker::KeepsOld { until, .. } => write!(f, "the old to be let go (in {})", left(until)),
            Blocker::Size { why } => write!(f, "a plan for another size: {why}"),
            Blocker::Paused { by } => write!(f, "{by}, who has paused it"),
            Blocker::Person(need) => write!(f, "a person: {need}"),
            Blocker::Slow { booting, spares, most } => {
                write!(f, "{booting} that boot for too long, or a spare ({spares} of at most {most} may be beside them)")
            }
            Blocker::Shortage { from, missing, to } if to.is_empty() => {
                write!(f, "{}, which has no machines for {missing}: nothing goes elsewhere", placed(from))
            }
            Blocker::Shortage { from, missing, to } => {
                let to: Vec<_> = to.iter().map(placed).collect();
                write!(f, "{missing} that {} has no machines for: they go to {}", placed(from), to.join(" and "))
            }
        }
    }
}

/// `waiting for 2 of 5 to be ready (web-0007-c, boot deadline in 41s); rollback now would be instant`
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.waits.as_slice(), &self.toward) {
            (_, Some(toward)) if self.back.is_some() => write!(f, "going back to {toward}")?,
            ([], Some(toward)) => write!(f, "going on to {toward}")?,
            ([], None) => f.write_str("finishing")?,
            _ => {}
        }
        match (&self.back, self.waits.as_slice()) {
            (None, []) => {}
            (Some(why), []) => write!(f, " ({why})")?,
            (back, waits) => {
                if back.is_some() {
                    f.write_str(", ")?;
                }
                f.write_str("waiting for ")?;
                for (index, blocker) in waits.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    self.blocker(f, blocker)?;
                }
            }
        }
        for drift in &self.drift {
            write!(f, "; somebody else has changed it: {drift}")?;
        }
        if self.back.is_some() { Ok(()) } else { write!(f, "; rollback now would be {}", self.rollback) }
    }
}

fn placed(placement: &Placement) -> String {
    match placement {
        Placement::Zone(zone) => format!("zone {zone}"),
        Placement::Region => "the region".to_owned(),
    }
}

/// Whether a failure of this class is the release's fault.
pub(crate) fn burns(class: FailureClass) -> bool {
    !matches!(class, FailureClass::Capacity | FailureClass::Quota | FailureClass::Platform)
}
