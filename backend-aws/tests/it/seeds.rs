//! Rollouts from a seed each, over a wire on which everything goes wrong at once: throttles, lost and late replies, servers that fail before and after, views that lag,
//! processes that die.
//!
//! `AWS_SEEDS=500 cargo test ... --test aws seeds` plays more; a failure names its seed, `AWS_SEED=N` plays that one alone.

use std::time::Duration;

use immutable_core::rollout::Percent;
use immutable_core::{Outcome, Result, Strategy};
use immutable_fakes::aws::knobs::Lag;
use immutable_fakes::aws::{Fate, Fault};

use crate::wire::{Case, Script};
use crate::world::{Kind, World};

/// A sequence that a seed determines (SplitMix64, Steele et al. 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

fn play(seed: u64) -> Result<()> {
    let mut dice = Dice(seed);
    let kind = [Kind::Groups, Kind::GroupsInPool, Kind::Plain][dice.roll(3) as usize];
    let size = 1 + dice.roll(4) as u32;
    let deaths = [Case::DiesBefore, Case::DiesAfter, Case::DiesAndLate(Duration::from_secs(60))];
    let script = Script::at(1 + dice.roll(40) as usize, deaths[dice.roll(3) as usize].clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let mut world = immutable_core::time::VirtualClock::default().run(World::new(kind, size, script))?;
    let strategy = match dice.roll(3) {
        0 => Strategy::canary([Percent::new(50)?]).bake(Duration::from_secs(30)),
        1 if kind == Kind::GroupsInPool => Strategy::blue_green().bake(Duration::from_secs(30)).keep_old(Duration::from_secs(60)),
        _ => Strategy::rolling().max_surge(1 + dice.roll(2) as u32),
    };
    let bad = dice.roll(4) == 0 && kind == Kind::GroupsInPool;
    let fake = world.fake.clone();
    fake.reaction(Duration::from_secs(1 + dice.roll(15)));
    fake.boot_between(Duration::from_secs(5), Duration::from_secs(20 + dice.roll(60)));
    for of in [Lag::Instances, Lag::Groups, Lag::Templates, Lag::Tags] {
        fake.lag(of, Duration::from_secs(dice.roll(5)));
    }
    let clock = world.clock.clone();
    let played = clock.run(async {
        let (first, next) = (world.first.clone(), world.next.clone());
        let outcome = world.deploy(&first, Strategy::rolling()).await?;
        if outcome != Outcome::Succeeded {
            return Err(immutable_core::Error::invalid(format!("{first} came to {outcome}")));
        }
        let faults = fake.faults();
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
            faults.sometimes("*", 1 + dice.roll(12) as u32, fault);
        }
        if bad {
            fake.fate(next.images().next().unwrap().id().as_str(), Fate::Sick);
        }
        let outcome = world.deploy(&next, strategy).await?;
        let (wanted, runs) = if bad { (Outcome::RolledBack, &first) } else { (Outcome::Succeeded, &next) };
        if outcome != wanted {
            return Err(immutable_core::Error::invalid(format!("{next} came to {outcome}, and not to {wanted}")));
        }
        world.end(runs)
    });
    if played.is_err() && std::env::var("AWS_SEED").is_ok() {
        println!("{}", clock.run(world.story())?);
    }
    played
}

#[test]
fn seeds() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let all = match number("AWS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AWS_SEEDS").unwrap_or(60),
    };
    let wrong: Vec<String> = all.filter_map(|seed| play(seed).err().map(|error| format!("AWS_SEED={seed}: {error}"))).collect();
    assert!(wrong.is_empty(), "{} go wrong:\n{}", wrong.len(), wrong.join("\n"));
}
