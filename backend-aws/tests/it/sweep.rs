//! Whatever happens to one call, at every call of a rollout that changes something, it ends the same.

use std::time::Duration;

use immutable_core::{Outcome, Result, Strategy};
use immutable_fakes::aws::Fault;

use crate::wire::{Case, Script};
use crate::world::{Kind, World};

/// What happened to a world: what it came to, how many machines that took, and how many calls.
struct Played {
    launches: usize,
    writes: usize,
    hit: Option<String>,
}

fn play(kind: Kind, size: u32, script: Script) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut world = {
        let _entered = runtime.enter();
        immutable_core::time::VirtualClock::default().run(World::new(kind, size, script.clone()))?
    };
    let clock = world.clock.clone();
    let _entered = runtime.enter();
    clock.run(async {
        for artifact in [world.first.clone(), world.next.clone()] {
            let outcome = world.deploy(&artifact, Strategy::rolling().max_surge(1)).await?;
            if outcome != Outcome::Succeeded {
                return Err(immutable_core::Error::invalid(format!("{artifact} came to {outcome}")));
            }
            world.end(&artifact)?;
        }
        Ok(Played { launches: world.launches(), writes: script.writes(), hit: script.hit() })
    })
}

fn cases() -> Vec<Case> {
    let late = Duration::from_secs(100);
    let faults = [
        Fault::LostReply,
        Fault::SilentReply,
        Fault::Refused,
        Fault::Throttled,
        Fault::ServerErrorBefore(500),
        Fault::ServerErrorAfter(503),
        Fault::LateEffect { after: late },
    ];
    let deaths = [Case::DiesBefore, Case::DiesAfter, Case::DiesAndLate(late), Case::Twice, Case::TwiceAndLate(late)];
    faults.into_iter().map(Case::Fault).chain(deaths).collect()
}

/// Every call that changes something, of a first deployment and a replacement of so many. Each case at each `step`th of them, no two at the same ones, unless
/// `AWS_SWEEP=whole`.
fn sweep(kind: Kind, size: u32, step: usize) {
    let step = if std::env::var("AWS_SWEEP").is_ok_and(|said| said == "whole") { 1 } else { step };
    let undisturbed = play(kind, size, Script::default()).unwrap();
    assert_eq!(undisturbed.launches, 2 * size as usize);
    let (mut wrong, mut runs) = (Vec::new(), 0);
    for (first, case) in cases().into_iter().enumerate() {
        for at in (1..=undisturbed.writes).filter(|at| at % step == first % step) {
            runs += 1;
            match play(kind, size, Script::at(at, case.clone())) {
                Ok(played) if played.launches == undisturbed.launches && played.hit.is_some() => {}
                Ok(played) => wrong.push(format!("{case:?} at {at} ({:?}): {} launches", played.hit, played.launches)),
                Err(error) => wrong.push(format!("{case:?} at {at}: {error}")),
            }
        }
    }
    println!("{kind:?}: {} calls that change something, {runs} runs", undisturbed.writes);
    assert!(wrong.is_empty(), "{} of {runs} go wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn groups() {
    sweep(Kind::Groups, 2, 3);
}

#[test]
fn groups_in_a_pool() {
    sweep(Kind::GroupsInPool, 2, 6);
}

#[test]
fn plain_instances() {
    sweep(Kind::Plain, 2, 3);
}
