//! Whatever happens to one call, at every call of a rollout that changes something, it ends the same. `SWEEP=whole` plays all of them.

use immutable_core::Result;
use immutable_core::time::VirtualClock;
use immutable_fakes::play::{self, Played, Script};

use crate::world::{Kind, world};

fn play(kind: Kind, size: u32, script: Script) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let mut world = VirtualClock::default().run(world(kind, size, script))?;
    let clock = world.stage.clock.clone();
    clock.run(play::twice(&mut world))
}

fn sweep(kind: Kind, step: usize) -> Result<(), String> {
    play::sweep(&format!("{kind:?}"), 4, step, |script| play(kind, 2, script))
}

#[test]
fn groups() -> Result<(), String> {
    sweep(Kind::Groups, 3)
}

#[test]
fn groups_in_a_pool() -> Result<(), String> {
    sweep(Kind::GroupsInPool, 6)
}

#[test]
fn plain_instances() -> Result<(), String> {
    sweep(Kind::Plain, 3)
}
