//! Rollouts from a seed each, over a wire on which everything goes wrong at once: throttles, lost and late replies, servers that fail before and after, views that lag,
//! processes that die.

use std::time::Duration;

use immutable_core::rollout::Percent;
use immutable_core::{Error, Outcome, Result, Strategy};

use super::sweep::plain;
use super::{Case, Script, Stage, World};
use crate::fault::Fault;

/// A sequence that a seed determines (SplitMix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(sides).unwrap_or(0)
    }

    /// The same, as a count.
    pub fn count(&mut self, sides: u32) -> u32 {
        u32::try_from(self.roll(sides.into())).unwrap_or(0)
    }

    /// A script in which a process dies at one of its first 40 calls that change something.
    pub fn death(&mut self) -> Script {
        let at = 1 + usize::try_from(self.roll(40)).unwrap_or(0);
        let case = match self.roll(3) {
            0 => Case::DiesBefore,
            1 => Case::DiesAfter,
            _ => Case::DiesAndLate(Duration::from_secs(60)),
        };
        Script::at(at, case)
    }
}

/// A first deployment, and a replacement in which everything goes wrong; in a pool, by any strategy, and of a bad image now and then.
///
/// # Errors
/// If it comes to anything but what it must, or leaves something over.
pub async fn storm<S: Stage>(world: &mut World<S>, pooled: bool, seed: u64, dice: &mut Dice) -> Result<()> {
    let kind = if world.stage.divides() { dice.roll(3) } else { 1 };
    let strategy = match kind {
        0 => Strategy::canary([Percent::new(50)?]).bake(Duration::from_secs(30)),
        1 if pooled => Strategy::blue_green().bake(Duration::from_secs(30)).keep_old(Duration::from_secs(60)),
        _ => Strategy::rolling().max_surge(1 + dice.count(2)),
    };
    let bad = dice.roll(4) == 0 && pooled;
    world.stage.weather(dice);
    let (first, next) = (world.first.clone(), world.next.clone());
    let outcome = world.deploy(&first, if world.stage.divides() { Strategy::rolling() } else { plain(&world.stage) }).await?;
    if outcome != Outcome::Succeeded {
        return Err(Error::invalid(format!("{first} came to {outcome}")));
    }
    let faults = world.stage.faults();
    faults.seed(seed);
    let wrong = [
        Fault::Throttled,
        Fault::LostReply,
        Fault::SilentReply,
        Fault::Refused,
        Fault::ServerErrorBefore(503),
        Fault::ServerErrorAfter(500),
        Fault::SlowReply { takes: Duration::from_secs(4) },
        Fault::LateEffect { after: Duration::from_secs(60) },
    ];
    for fault in wrong {
        faults.sometimes("*", 1 + dice.count(12), fault);
    }
    if bad && let Some(image) = next.images().next() {
        world.stage.spoil(image.id().as_str());
    }
    let outcome = world.deploy(&next, strategy).await?;
    let (wanted, runs) = if bad { (Outcome::RolledBack, &first) } else { (Outcome::Succeeded, &next) };
    if outcome != wanted {
        return Err(Error::invalid(format!("{next} came to {outcome}, and not to {wanted}")));
    }
    world.end(runs)
}

/// Plays `count` seeds from 0 on, or as many as the environment variable `SEEDS` says, or only that of `SEED`.
///
/// # Errors
/// What goes wrong, with the seed that plays it again, a line each.
pub fn seeds(count: u64, play: impl Fn(u64) -> Result<()>) -> Result<(), String> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let all = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    };
    let wrong: Vec<String> = all.filter_map(|seed| play(seed).err().map(|error| format!("SEED={seed}: {error}"))).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} go wrong:\n{}", wrong.len(), wrong.join("\n"))) }
}
