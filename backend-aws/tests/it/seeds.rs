//! Rollouts from a seed each, over a wire on which everything goes wrong at once. `SEEDS=500` plays more; a failure names its seed, and `SEED=N` plays that one alone and
//! tells its story.

use immutable_core::Result;
use immutable_core::time::VirtualClock;
use immutable_fakes::play::{self, Dice};

use crate::world::{Kind, world};

fn play(seed: u64) -> Result<()> {
    let mut dice = Dice::new(seed);
    let kind = [Kind::Groups, Kind::GroupsInPool, Kind::Plain][dice.roll(3) as usize];
    let size = 1 + dice.count(4);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let mut world = VirtualClock::default().run(world(kind, size, dice.death()))?;
    let clock = world.stage.clock.clone();
    let played = clock.run(play::storm(&mut world, kind == Kind::GroupsInPool, seed, &mut dice));
    if played.is_err() && std::env::var("SEED").is_ok() {
        println!("{}", clock.run(world.story())?);
    }
    played
}

#[test]
fn seeds() -> Result<(), String> {
    play::seeds(60, play)
}
