//! Whatever happens to one call, at every call of a rollout that changes something, it ends the same. `SWEEP=whole` plays all of them.

use immutable_core::Result;
use immutable_fakes::play::{self, Played, Script};

use crate::world::world;

fn play(pooled: bool, size: u32, script: Script) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { play::twice(&mut world(pooled, size, script).await?).await })
}

#[test]
fn groups() -> Result<(), String> {
    play::sweep("groups", 4, 3, |script| play(false, 2, script))
}

#[test]
fn groups_in_a_pool() -> Result<(), String> {
    play::sweep("groups in a pool", 4, 5, |script| play(true, 2, script))
}
