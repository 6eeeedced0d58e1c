//! What a step moves to, also in a fleet that was resized meanwhile.

use super::{Budget, Old, OnResize, Step, Strategy, part_of_first};

/// What a step moves to, for a fleet of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// How many instances the wanted release has.
    pub(crate) wanted: u32,
    /// How many the others have.
    pub(crate) others: u32,
    /// Whether the others leave before anything is launched.
    pub(crate) first: bool,
    /// Which part of which whole of the traffic the wanted release gets.
    pub(crate) share: (u32, u32),
}

impl Strategy {
    /// What a step moves to, or keeps, in a fleet of this size.
    pub(crate) fn goal(&self, step: usize, desired: u32) -> Goal {
        let mut goal = Goal { wanted: 0, others: desired, first: false, share: (0, 1) };
        let mut shifted = None;
        for step in self.steps.iter().take(step + 1) {
            match step {
                Step::Scale { to, old } => {
                    goal.wanted = to.up(desired).min(desired);
                    goal.first = *old == Old::First;
                    match old {
                        Old::Follow => goal.others = desired - goal.wanted,
                        Old::Keep => {}
                        Old::First => goal.others = 0,
                    }
                }
                Step::EachZone(_) => (goal.wanted, goal.others) = (desired, 0),
                Step::Zone { nth, of, .. } => {
                    goal.wanted = part_of_first(desired, *nth, *of);
                    goal.others = desired - goal.wanted;
                }
                Step::Shift { to } => shifted = Some(*to),
                _ => {}
            }
        }
        goal.share = match shifted {
            Some(to) => (to.get(), 100),
            None if self.shifts() => (0, 100),
            // Of an empty fleet too nobody is tried before the first step that launches: a gate before it may say no.
            None if desired == 0 => (u32::from(self.steps.iter().take(step + 1).any(Step::launches)), 1),
            None => (goal.wanted, desired),
        };
        goal
    }

    /// What a step moves to in a fleet of this size, which had another when the rollout began.
    pub(crate) fn goal_of(&self, step: usize, began: u32, desired: u32) -> Goal {
        if self.on_resize != OnResize::NewFirst || began == desired {
            return self.goal(step, desired);
        }
        let then = self.goal(step, began);
        let others = then.others.saturating_sub(began.saturating_sub(desired));
        let wanted = then.wanted.saturating_add(desired.saturating_sub(began)).min(desired);
        let whole = self.goal(step, desired);
        if !self.shifts() {
            // Where nobody says who gets which traffic it follows the instances.
            let share = if desired == 0 { whole.share } else { (wanted, desired) };
            return Goal { wanted, others, share, ..then };
        }
        // Where it is said as many of the old stay as carry what they still have, and the new leave them room.
        let Budget { floor, ceiling, .. } = self.budget(desired);
        let (new, all) = then.share;
        let carry = (u64::from(all.saturating_sub(new)) * u64::from(floor)).div_ceil(u64::from(all));
        let carry = u32::try_from(carry).unwrap_or(u32::MAX);
        let others = others.max(whole.others.min(carry));
        let wanted = wanted.min(ceiling.saturating_sub(others.min(began))).max(whole.wanted);
        Goal { wanted, others, ..then }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::budget::Percent;

    #[test]
    fn what_is_added_is_of_the_new_as_far_as_each_carries_its_requests() {
        let [tenth, half, all] = [10, 50, 100].map(Percent::known);
        let beside = Strategy::new([Step::scale_beside(half), Step::shift(tenth), Step::scale_beside(all), Step::shift(all)])
            .max_surge(all);
        let shifts = Strategy::new([Step::scale(half), Step::shift(half), Step::scale(all), Step::shift(all)])
            .max_surge(1)
            .max_unavailable(half);
        let follows = Strategy::new([Step::scale(half), Step::scale(all)]);
        for (strategy, step, began, desired, (wanted, others), share) in [
            (&beside, 1, 10, 20, (15, 18), (10, 100)),
            (&beside, 1, 0, 5, (5, 5), (10, 100)),
            (&beside, 3, 10, 5, (5, 5), (100, 100)),
            (&shifts, 0, 4, 8, (5, 4), (0, 100)),
            (&shifts, 1, 4, 8, (6, 2), (50, 100)),
            (&shifts, 0, 8, 4, (3, 2), (0, 100)),
            (&shifts, 3, 4, 8, (8, 0), (100, 100)),
            (&follows, 0, 10, 20, (15, 5), (15, 20)),
            (&follows, 0, 10, 0, (0, 0), (1, 1)),
        ] {
            let goal = strategy.clone().on_resize(OnResize::NewFirst).goal_of(step, began, desired);
            assert_eq!((goal.wanted, goal.others, goal.share), (wanted, others, share), "step {step} of {began}, now {desired}");
        }
    }
}
