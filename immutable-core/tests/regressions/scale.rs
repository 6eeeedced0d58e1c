//! Cluster API's cases of a machine deployment that is scaled, or changed, or both, while it is rolled out: each under every budget of 0, 1 and 3, in
//! several worlds. Its own simulation tolerates that the surge is exceeded on the way down; here both bounds hold for each call, by the size that was
//! wanted when it was decided.

use std::collections::BTreeMap;

use immutable_core::fleet::Life;
use immutable_core::id::OpId;
use immutable_core::memory::{Cause, Delay, What};
use immutable_core::rollout::{Budget, Event, Supersede};
use immutable_core::{Outcome, Strategy, Timestamp};

use super::kit::{Lab, ON, Truth, seconds};

/// What somebody does in the middle.
#[derive(Clone, Copy, Debug)]
enum Change {
    Scale(u32),
    Spec,
    /// Another release, and that size in the same instant.
    Both(u32),
}
use Change::{Both, Scale, Spec};

/// A name, the size at the beginning, what is changed when half of it is done, and what after that, when as many are left or there.
const CASES: &[(&str, u32, &[Change])] = &[
    ("3 replicas", 3, &[]),
    ("6 replicas", 6, &[]),
    ("6 replicas, scale up to 12", 6, &[Scale(12)]),
    ("12 replicas, scale down to 6", 12, &[Scale(6)]),
    ("6 replicas, change spec", 6, &[Spec]),
    ("6 replicas, change spec and scale up to 12", 6, &[Both(12)]),
    ("12 replicas, change spec and scale down to 6", 12, &[Both(6)]),
    ("6 replicas, scale down to 1 and up to 8", 6, &[Scale(1), Scale(8)]),
    ("6 replicas, scale up to 9, then change spec", 6, &[Scale(9), Spec]),
    ("4 replicas, scale down to 0 and up to 4", 4, &[Scale(0), Scale(4)]),
];

fn strategy(surge: u32, unavailable: u32) -> Strategy {
    Strategy::rolling().max_surge(surge).max_unavailable(unavailable).supersede(Supersede::Replace)
}

/// By which size each call was decided.
fn desired(lab: &Lab) -> BTreeMap<OpId, u32> {
    let (mut desired, mut by) = (0, BTreeMap::new());
    for (_, recorded) in lab.clock.run(lab.controller.history(lab.fleet.id())).unwrap() {
        match recorded.event {
            Event::Opened { plan, .. } => desired = plan.fleet().desired(),
            Event::Resized { desired: size } => desired = size,
            Event::Owed { op, .. } | Event::Renewed { op, .. } => drop(by.insert(op, desired)),
            _ => {}
        }
    }
    by
}

/// The first call that broke a bound of the budget which it was decided under.
fn breach(lab: &Lab, since: Timestamp, budget: impl Fn(u32) -> Budget) -> Option<String> {
    let (mut truth, by) = (Truth::default(), desired(lab));
    for effect in lab.cloud.effects() {
        let before = truth.ready();
        truth.follow(&effect);
        let Cause::Call(op) = effect.by else { continue };
        let bounds = budget(by[&op]);
        match effect.what {
            _ if effect.at < since => {}
            What::Sized { from, to } if to > from && truth.live() > bounds.ceiling => {
                return Some(format!("{effect}: {} exist, {} may", truth.live(), bounds.ceiling));
            }
            What::Lives(_, Life::Leaving) if truth.ready() < before && truth.ready() < bounds.floor => {
                return Some(format!("{effect}: {} are ready, {} must be", truth.ready(), bounds.floor));
            }
            _ => {}
        }
    }
    None
}

fn play(name: &str, size: u32, changes: &[Change], (surge, unavailable): (u32, u32), seed: u64) {
    let case = format!("{name}, max surge {surge}, max unavailable {unavailable}, seed {seed}");
    let lab = Lab::seeded(seed, size, |options| {
        options.boot(Delay::Uniform(seconds(10), seconds(110))).drain(Delay::Uniform(seconds(0), seconds(60))).latency(seconds(1))
    });
    let (_, mut last) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut next = changes.iter();
    let (mut wanted, mut due) = (size, size / 2);
    let told = lab.watched(&last.clone(), strategy(surge, unavailable), async |rollout, report| {
        // Half of it is there; or, on the way to less, as few.
        let reached = if wanted == 0 { report.counts.live <= 1 } else { report.counts.ready >= due.max(1) };
        if !reached {
            return ON;
        }
        let Some(change) = next.next() else { return ON };
        let plan = match *change {
            Scale(size) => {
                wanted = size;
                rollout.resize(size, "ann").await.unwrap();
                None
            }
            Spec => Some(wanted),
            Both(size) => Some(size),
        };
        if let Some(size) = plan {
            wanted = size;
            last = lab.bake("1.2.0");
            let fleet = lab.fleet.clone().size(size);
            let plan = lab.controller.plan(&fleet, &last, strategy(surge, unavailable)).await.unwrap();
            lab.controller.start(plan).await.unwrap();
        }
        due = wanted / 2;
        ON
    });
    assert!(next.next().is_none(), "{case}: not all of it was done\n{told}");
    assert_eq!(breach(&lab, told.began, |desired| strategy(surge, unavailable).budget(desired)), None, "{case}\n{told}");
    assert_eq!(told.outcome(), &Outcome::Succeeded, "{case}\n{told}");
    lab.is_all(&last, wanted as usize);
}

#[test]
fn cluster_api_every_case_under_every_budget_in_three_worlds() {
    for (name, size, changes) in CASES {
        for surge in [0, 1, 3] {
            for unavailable in [0, 1, 3] {
                // Nothing can be replaced so: it is refused, see `proof`.
                if (surge, unavailable) == (0, 0) {
                    continue;
                }
                for seed in 1..=3 {
                    play(name, *size, changes, (surge, unavailable), seed);
                }
            }
        }
    }
}

/// As much as there is, and more.
#[test]
fn cluster_api_budgets_beyond_the_size() {
    for budget in [(10, 0), (0, 10), (10, 10)] {
        for (name, size, changes) in CASES {
            play(name, *size, changes, budget, 1);
        }
    }
}
