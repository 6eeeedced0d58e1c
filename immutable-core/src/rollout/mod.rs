//! The engine: pure functions over a fleet's state. No clock, no I/O, no randomness; the [controller](crate::controller) drives it.
//!
//! - [`decide`] looks at the [state](FleetState) and at what was [seen](Seen), and says what to do next and why.
//! - [`settle`] turns the answer to a call into events, [`command`] what a person asks for.
//! - [`FleetState::evolve`] is the only thing that changes a state: by one [`Event`], strictly.
//!
//! What is owed to a provider is part of the state ([`FleetState::owed`]): events are journaled first, calls are sent after.
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::iter_over_hash_type)]

mod baseline;
mod budget;
mod command;
pub(crate) mod decide;
mod envelope;
mod event;
mod evolve;
mod explain;
mod keep;
#[cfg(test)]
pub(crate) mod kinds;
mod lint;
mod phase;
mod plan;
mod record;
mod report;
mod seen;
mod settle;
mod since;
mod state;
mod story;
mod strategy;
mod upkeep;
mod words;

pub(crate) use baseline::{evidence, standing};
pub use budget::{Amount, AmountError, Budget, Percent, PercentError};
pub use command::{AbortTo, Command, CommandId, Fate, What, command};
pub use decide::{Decision, MAX_VIEW_AGE, decide};
pub use envelope::{Envelope, Takes};
pub use event::{Call, Charge, Event, Noted, OpResult, Recorded, Refused};
pub use evolve::IllegalEvent;
pub(crate) use evolve::backoff;
pub use explain::{Explanation, OwedCall, Ownership, ProvenSince, Running};
pub use keep::{Amiss, Standing, amiss};
pub(crate) use keep::{Found, found};
pub use lint::{Lint, Warning};
pub use phase::{Ending, Hold, Need, Outcome, Phase, RevertCause, StepState};
pub use plan::{Basis, Plan, PlanFor, PlannedStep, Subject, Wanted};
pub(crate) use plan::{busy, keeps_nothing, quiet};
pub(crate) use record::Unreadable;
pub use report::{Blocker, Counts, Feasibility, Report};
pub use seen::{Answer, Facts, Seen};
pub use settle::settle;
pub(crate) use since::Since;
pub use state::{
    Adopting, Exit, Failed, FleetState, GateState, GenerationLife, GenerationState, Member, Owed, PoolState, Proven,
    RolloutState, Slots,
};
pub use story::Story;
pub use strategy::{
    Analyse, Approve, Check, EachZone, Old, OnFirstFailure, OnResize, Otherwise, Shortage, Step, Strategy, Supersede,
};
pub use upkeep::upkeep_taken;
