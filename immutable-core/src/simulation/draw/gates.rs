//! Gates that somebody must open: a judge, or people.

use std::time::Duration;

use super::pick;
use crate::analysis::Says;
use crate::memory::Random;
use crate::rollout::{Analyse, Approve, Check, Otherwise, Step};
use crate::simulation::judge::JUDGE;
use crate::simulation::script::{Disturbance, Judging, Script, Trouble};
use crate::simulation::stage::PEOPLE;

/// One or two gates between the steps, what their judge says, and who approves when.
pub(super) fn gates(random: &mut Random, script: &mut Script) {
    for _ in 0..=random.below(2) {
        let gate = gate(random);
        let steps = &mut script.strategy.steps;
        let at = 1 + random.below(u32::try_from(steps.len()).unwrap_or(u32::MAX));
        steps.insert(usize::try_from(at).unwrap_or(0).min(steps.len()), gate);
    }
    let from = script.first_disturbed() + usize::try_from(random.below(2)).unwrap_or(0);
    let says = pick(random, &[Says::Pass, Says::Pass, Says::Fail, Says::Inconclusive]);
    let (after, errors) = (random.below(3), pick(random, &[0, 0, 2, 3]));
    script.judge = Some(Judging { after, errors, ..Judging::new(from, says) });
    // Somebody does not, once in a while.
    let silent = random.below(12);
    for rollout in 0..script.rollouts.len() {
        for nth in 0..2 {
            let at = u64::from(random.below(600));
            if silent != nth || rollout != script.first_disturbed() {
                script.disturbances.push(Disturbance::new(rollout, at, Trouble::Approve(nth)));
            }
        }
    }
}

fn gate(random: &mut Random) -> Step {
    let otherwise = pick(random, &[Otherwise::Hold, Otherwise::Back]);
    let every = Duration::from_secs(pick(random, &[20, 30]));
    let lasting = every * (6 + random.below(4));
    match random.below(3) {
        0 => Check::by(JUDGE).within(Duration::from_secs(600)).otherwise(otherwise).into(),
        1 => {
            let analyse = Analyse::by(JUDGE).every(every).lasting(lasting).otherwise(otherwise);
            analyse.extend(if random.below(2) == 0 { Duration::ZERO } else { every }).into()
        }
        _ => {
            let within = Duration::from_secs(300 + u64::from(random.below(600)));
            Approve::by(PEOPLE).least(1 + random.below(2)).within(within).otherwise(otherwise).into()
        }
    }
}
