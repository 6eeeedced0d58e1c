//! Rollouts from a seed each, over a wire on which everything goes wrong at once. `SEEDS=500` plays more; a failure names its seed, and `SEED=N` plays that one alone and
//! tells its story.

use immutable_core::Result;
use immutable_fakes::play::{self, Dice};

use crate::world::{Requests, world};

fn play(seed: u64) -> Result<()> {
    let mut dice = Dice::new(seed);
    let requests = [Requests::Somewhere, Requests::Rule, Requests::Profile][dice.roll(3) as usize];
    let size = 1 + dice.count(4);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = world(requests, size, dice.death()).await?;
        let played = play::storm(&mut world, requests != Requests::Somewhere, seed, &mut dice).await;
        if played.is_err() && std::env::var("SEED").is_ok() {
            println!("{}", world.story().await?);
        }
        played
    })
}

#[test]
fn seeds() -> Result<(), String> {
    play::seeds(60, play)
}
