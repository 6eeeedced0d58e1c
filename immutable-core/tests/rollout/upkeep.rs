//! What a rollout has taken from the provider, and would leave taken if nobody drove it on.

use immutable_core::fleet::{GenerationId, Heals, Upkeep};
use immutable_core::rollout::{Call, Ending, OpResult, Phase, RevertCause, StepState, Strategy, upkeep_taken};

use super::kit::{MINUTE, Stage, done, paused};

const HEALS: Upkeep = Upkeep { heal: true, ..Upkeep::NONE };
const ALL: Upkeep = Upkeep { heal: true, rebalance: true, autoscale: false };

#[track_caller]
fn taken(what: &str, stage: &Stage, heals: Heals, expected: &[(u32, Upkeep)]) {
    let taken: Vec<_> = upkeep_taken(&stage.state, heals).into_iter().collect();
    let expected: Vec<_> = expected.iter().map(|(id, upkeep)| (GenerationId(*id), *upkeep)).collect();
    assert_eq!(taken, expected, "{what}");
}

/// On the way to 1.1.0, of which `d` is ready, of a fleet whose proven instances may be moved between zones, too.
fn rolling() -> Stage {
    let fleet = Stage::fleet(3);
    let mut stage = Stage::proven_of(fleet.clone(), Strategy::rolling());
    stage.fleet = fleet.upkeep(ALL);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.ready(2, "d");
    stage
}

fn upkeep(stage: &mut Stage, generation: u32, upkeep: Upkeep) {
    stage.owe(Call::Upkeep(GenerationId(generation), upkeep));
    stage.settle(done(None));
}

#[test]
fn what_is_proven_has_all_of_it_back_and_what_serves_is_healed() {
    use Heals::{Always, Never, Switchable};
    taken("no rollout", &Stage::proven_of(Stage::fleet(3), Strategy::rolling()), Switchable, &[]);
    let mut stage = rolling();
    let both = [(1, ALL), (2, HEALS)];
    taken("the proven, and what was ready once", &stage, Switchable, &both);
    // Whether these are healed is not in anybody's hand.
    for heals in [Always, Never] {
        taken("the rest of the proven", &stage, heals, &[(1, ALL)]);
    }
    upkeep(&mut stage, 1, Upkeep::NONE);
    taken("what has been taken since", &stage, Switchable, &both);
    taken("but for what nobody can give", &stage, Never, &[(1, Upkeep { heal: false, ..ALL })]);
    stage.gone(2, "d");
    taken("nobody of it is there now", &stage, Switchable, &both);
    upkeep(&mut stage, 1, ALL);
    upkeep(&mut stage, 2, HEALS);
    taken("all has been given back", &stage, Switchable, &[]);

    let mut never = Stage::rolling(Strategy::rolling());
    taken("what was never ready is nobody's loss", &never, Switchable, &[]);
    never.owe(Call::Upkeep(GenerationId(1), Upkeep::NONE));
    taken("what is owed may have been taken", &never, Switchable, &[(1, HEALS)]);
    never.settle(OpResult::Unknown { echo_until: None });
    taken("and what nobody knows of", &never, Switchable, &[(1, HEALS)]);
    never.settle(done(None));
    taken("and what was", &never, Switchable, &[(1, HEALS)]);
}

#[test]
fn what_is_gone_back_from_is_not_healed() {
    let by = |stage: &Stage| stage.now + 60 * MINUTE;
    let proven = [(1, ALL)];
    let both = [(1, ALL), (2, HEALS)];
    let back = |stage: &mut Stage| {
        let at = StepState::Moving { give_up_at: by(stage) };
        stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    };
    let mut reverts = rolling();
    back(&mut reverts);
    taken("on the way back", &reverts, Heals::Switchable, &proven);
    let held =
        Phase::Held { why: paused(), resume: Box::new(reverts.state.rollout().unwrap().phase.clone()), since: reverts.now };
    reverts.moved(held);
    taken("and while that is held", &reverts, Heals::Switchable, &proven);
    let mut held = rolling();
    let resume = Box::new(held.state.rollout().unwrap().phase.clone());
    held.moved(Phase::Held { why: paused(), resume, since: held.now });
    taken("held on the way there", &held, Heals::Switchable, &both);

    for (ending, expected) in [
        (Ending::Mixed, &both[..]),
        (Ending::Back { to: GenerationId(1) }, &proven),
        (Ending::Nothing, &proven),
        (Ending::Refused { why: "no".into() }, &proven),
    ] {
        let mut ends = rolling();
        if let Ending::Back { .. } = ending {
            back(&mut ends);
        }
        ends.moved(Phase::Finishing { ending: ending.clone(), give_up_at: by(&ends) });
        taken(&format!("{ending:?}"), &ends, Heals::Switchable, expected);
    }
}
