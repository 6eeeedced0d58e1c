//! Whatever happens to one call, at every call of a rollout that changes something, it ends the same.

use std::time::Duration;

use immutable_core::{Error, Outcome, Result, Strategy};

use super::{Case, Script, Stage, World};
use crate::fault::Fault;

/// What happened to a world: how many machines that took, and how many calls.
#[derive(Clone, Debug)]
pub struct Played {
    /// How many machines were launched.
    pub launches: usize,
    /// How many calls were made that change something.
    pub writes: usize,
    /// Which call the script's case happened to.
    pub hit: Option<String>,
}

/// A first deployment and a replacement.
///
/// # Errors
/// If either does not succeed, or leaves something over.
pub async fn twice<S: Stage>(world: &mut World<S>) -> Result<Played> {
    for artifact in [world.first.clone(), world.next.clone()] {
        let outcome = world.deploy(&artifact, plain(&world.stage)).await?;
        if outcome != Outcome::Succeeded {
            return Err(Error::invalid(format!("{artifact} came to {outcome}")));
        }
        world.end(&artifact)?;
    }
    Ok(Played { launches: world.stage.launches(), writes: world.script.writes(), hit: world.script.hit() })
}

/// The plainest strategy that a stage allows.
pub(super) fn plain(stage: &impl Stage) -> Strategy {
    if stage.divides() { Strategy::rolling().max_surge(1) } else { Strategy::blue_green().keep_old(Duration::from_secs(60)) }
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

/// Every call that changes something, of what `play` plays with machines so many in all. Each case at each `step`th of them, no two at the same ones; at all of them if
/// the environment variable `SWEEP` is `whole`. Prints how many there were.
///
/// # Errors
/// What goes wrong, a line each.
pub fn sweep(name: &str, launches: usize, step: usize, play: impl Fn(Script) -> Result<Played>) -> Result<(), String> {
    let step = if std::env::var("SWEEP").is_ok_and(|said| said == "whole") { 1 } else { step };
    let undisturbed = play(Script::default()).map_err(|error| format!("undisturbed: {error}"))?;
    if undisturbed.launches != launches {
        return Err(format!("undisturbed: {} launches, and {launches} are enough", undisturbed.launches));
    }
    let (mut wrong, mut runs) = (Vec::new(), 0_usize);
    for (first, case) in cases().into_iter().enumerate() {
        for at in (1..=undisturbed.writes).filter(|at| at % step == first % step) {
            runs += 1;
            match play(Script::at(at, case.clone())) {
                Ok(played) if played.launches == launches && played.hit.is_some() => {}
                Ok(played) => wrong.push(format!("{case:?} at {at} ({:?}): {} launches", played.hit, played.launches)),
                Err(error) => wrong.push(format!("{case:?} at {at}: {error}")),
            }
        }
    }
    println!("{name}: {} calls that change something, {runs} runs", undisturbed.writes);
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} of {runs} go wrong:\n{}", wrong.len(), wrong.join("\n"))) }
}
