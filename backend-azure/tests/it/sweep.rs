//! Whatever happens to one call, at every call of a rollout that changes something, it ends the same. `SWEEP=whole` plays all of them.

use immutable_core::Result;
use immutable_fakes::play::{self, Played, Script};

use crate::world::{Requests, world};

fn play(requests: Requests, size: u32, script: Script) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { play::twice(&mut world(requests, size, script).await?).await })
}

#[test]
fn groups() -> Result<(), String> {
    play::sweep("groups", 4, 3, |script| play(Requests::Somewhere, 2, script))
}

#[test]
fn groups_behind_a_rule() -> Result<(), String> {
    play::sweep("groups behind a rule", 4, 4, |script| play(Requests::Rule, 2, script))
}

#[test]
fn groups_behind_a_profile() -> Result<(), String> {
    play::sweep("groups behind a profile", 4, 5, |script| play(Requests::Profile, 2, script))
}
