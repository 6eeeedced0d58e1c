//! What to do next: one file per rule, over one view. A rule never calls another.

mod blame;
mod complete;
mod deadlines;
mod divide;
pub(super) mod drift;
mod follow;
mod gates;
mod give_up;
mod hedge;
mod prepare;
mod probe;
mod proposal;
mod refill;
mod rejudge;
mod retire;
mod rollback;
mod route;
mod shortage;
pub(super) mod sight;
mod stuck;
mod traffic;
mod unheal;
pub(super) mod view;
mod zones;

use std::time::Duration;

use crate::rollout::event::Event;
use crate::rollout::report::Report;
use crate::rollout::seen::Seen;
use crate::rollout::state::FleetState;
use crate::time::Timestamp;

pub(crate) use gates::{begun, onward};
use proposal::Proposal;
pub(crate) use rollback::{irreversible, revert, tear_down};
use view::View;

/// How old a view may be for anything to be decided on it, and how long an owed call may wait before it is judged again.
pub const MAX_VIEW_AGE: Duration = Duration::from_secs(60);

/// What to do next, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What to journal. What it makes owed is sent after that.
    pub events: Vec<Event>,
    /// When the same view would lead to another decision; always later than `now`. `None`: not before something else happens.
    pub wake_at: Option<Timestamp>,
    /// What is waited for.
    pub report: Report,
}

type Rule = fn(&View<'_>, &mut Proposal);

/// The rules, in the order in which they have their say. Once one has proposed another phase the rest wait for it.
const RULES: &[(&str, Rule)] = &[
    // Before all else: what is noted without a question is never asked about.
    ("drift", drift::rule),
    ("follow", follow::rule),
    ("rejudge", rejudge::rule),
    ("prepare", prepare::rule),
    ("rollback", rollback::rule),
    ("deadlines", deadlines::rule),
    ("gates", gates::rule),
    ("route", route::rule),
    ("probe", probe::rule),
    ("hedge", hedge::rule),
    ("unheal", unheal::rule),
    ("retire", retire::rule),
    ("give_up", give_up::rule),
    ("refill", refill::rule),
    ("complete", complete::rule),
];

/// Looks at a fleet and says what to do next. Pure: the same arguments give the same decision.
///
/// Decided from what is seen and what was promised, never from what was decided before: an event that is lost is decided again. After
/// a decision that moves to another phase, decide again on the same view.
pub fn decide(state: &FleetState, seen: &Seen<'_>, now: Timestamp) -> Decision {
    decide_by(RULES, |_| {}, state, seen, now)
}

/// By these rules, on a view that was changed after it was counted: which is how an engine is weakened.
fn decide_by(
    rules: &[(&str, Rule)],
    recount: impl FnOnce(&mut View<'_>),
    state: &FleetState,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Decision {
    let now = now.max(state.at);
    let mut view = View::of(state, seen, now);
    recount(&mut view);
    let mut proposal = Proposal::new(&view);
    for (_, rule) in rules {
        if proposal.moves() {
            break;
        }
        rule(&view, &mut proposal);
    }
    proposal.into_decision(view)
}

#[cfg(all(test, feature = "simulation"))]
pub(crate) mod naive;
#[cfg(all(test, feature = "simulation"))]
pub(crate) mod weakened;
