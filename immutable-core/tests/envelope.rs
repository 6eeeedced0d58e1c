//! What a plan says that it takes, and what it took: plans run in a cloud whose machines all boot alike, judged by what really happened.

use std::collections::BTreeMap;
use std::time::Duration;

use immutable_core::fleet::{Life, Split, Verdict};
use immutable_core::memory::{Delay, Effect, MemoryOptions, What};
use immutable_core::rollout::{AbortTo, Envelope, Event, Percent, Phase};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Fleet, MemoryCloud, Outcome, Plan, Strategy, Timestamp};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// From being asked for to running, and then to the first verdict.
const BOOT: Duration = seconds(60);
const CHECK: Duration = seconds(5);

const WEIGHTED: Option<Split> = Some(Split::Weighted { generations: 5, parts: 1000 });

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

/// A fleet that is replaced.
#[derive(Clone)]
struct Row {
    name: &'static str,
    /// How many it has, and is to have.
    sizes: [u32; 2],
    strategy: Strategy,
    split: Option<Split>,
    /// How long a machine takes to finish its requests, and then to go.
    leaves: Duration,
    boot: Delay,
    zones: &'static [&'static str],
    /// Whether a rollout to the same release was left half done before.
    left_mixed: bool,
}

/// What was so during a step, or all along.
#[derive(Clone, Debug, Default)]
struct Took {
    /// How many there were before.
    began: u32,
    ready: u32,
    live: u32,
    launches: u32,
    terminations: u32,
    routes: u32,
    calls: u64,
    time: Duration,
}

/// Who there is, by what really happened: in the order of time, ready from when they were healthy for `min_ready` until they are named.
fn turns(effects: &[Effect], min_ready: Duration) -> Vec<(Timestamp, i64, i64)> {
    let (mut healthy, mut turns) = (BTreeMap::new(), Vec::new());
    for effect in effects {
        match &effect.what {
            What::Launched(_) => turns.push((effect.at, 0, 1)),
            What::Judged(key, Verdict::Healthy) => drop(healthy.insert(key.clone(), effect.at + min_ready)),
            // Who leaves before has never been ready.
            What::Lives(key, Life::Leaving) | What::Draining(_, key) => {
                let ready = healthy.remove(key).filter(|ready| *ready <= effect.at);
                turns.extend(ready.into_iter().flat_map(|ready| [(ready, 1, 0), (effect.at, -1, 0)]));
            }
            What::Lives(_, Life::Gone) => turns.push((effect.at, 0, -1)),
            _ => {}
        }
    }
    turns.extend(healthy.into_values().map(|ready| (ready, 1, 0)));
    turns.sort_by_key(|(at, ready, _)| (*at, *ready));
    turns
}

fn count(effects: &[Effect], what: impl Fn(&What) -> bool) -> u32 {
    u32::try_from(effects.iter().filter(|effect| what(&effect.what)).count()).unwrap()
}

/// What happened from one moment until another.
fn took(effects: &[Effect], min_ready: Duration, from: Timestamp, until: Timestamp) -> Took {
    let (mut ready, mut live) = (0_i64, 0_i64);
    let mut took = Took { time: until.since(from), ..Took::default() };
    let (mut least, mut most) = (i64::MAX, 0);
    for (at, readier, more) in turns(effects, min_ready) {
        if at >= from && least == i64::MAX {
            (least, most) = (ready, live);
            took.began = u32::try_from(live).unwrap();
        }
        if at >= until {
            break;
        }
        (ready, live) = (ready + readier, live + more);
        if at >= from {
            (least, most) = (least.min(ready), most.max(live));
        }
    }
    if least == i64::MAX {
        (least, most) = (ready, live);
    }
    (took.ready, took.live) = (u32::try_from(least).unwrap(), u32::try_from(most).unwrap());
    let within: Vec<_> = effects.iter().filter(|effect| effect.at >= from && effect.at < until).cloned().collect();
    took.launches = count(&within, |what| matches!(what, What::Launched(_)));
    took.terminations = count(&within, |what| matches!(what, What::Lives(_, Life::Leaving)));
    took.routes = count(&within, |what| matches!(what, What::Routed(..)));
    took
}

impl Row {
    /// Runs it, by a plan for a fleet that says how long a boot takes, or does not: the plan, what each step took, and what all of it did.
    fn run(&self, typical: Option<Duration>) -> (Plan, Vec<Took>, Took) {
        let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
        let options =
            MemoryOptions::seeded(7).clock(clock.clone()).boot(self.boot).check(CHECK).drain(self.leaves).effects(1_000_000);
        let cloud = MemoryCloud::with(self.split.map_or(options.clone(), |split| options.split(split)));
        let fleet = Fleet::new("web", cloud.place()).size(self.sizes[0]).zones(self.zones.iter().map(|zone| (*zone).into()));
        let fleet = if self.split.is_some() { fleet.pool(cloud.pool("web")) } else { fleet };
        let fleet = typical.map_or(fleet.clone(), |typical| fleet.typical_boot(typical));
        let [first, next] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
        let controller = cloud.controller();
        clock.run(async {
            if self.sizes[0] > 0 {
                let everything = Strategy::rolling().max_surge(percent(100));
                let plan = controller.plan(&fleet, &first, everything).await.unwrap();
                assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
            }
            if self.left_mixed {
                let plan = controller.plan(&fleet, &next, Strategy::rolling()).await.unwrap();
                let rollout = controller.start(plan).await.unwrap();
                let soon = clock.sleep_until(clock.now() + seconds(240));
                drop(futures_util::future::select(std::pin::pin!(rollout.drive()), soon).await);
                rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
                assert_eq!(rollout.drive().await.unwrap(), Outcome::LeftMixed);
            }
            // Whoever was leaving is gone.
            clock.sleep_until(clock.now() + seconds(600)).await;
            let fleet = fleet.clone().size(self.sizes[1]);
            let plan = controller.plan(&fleet, &next, self.strategy.clone()).await.unwrap();
            let (begun, calls) = (clock.now(), cloud.calls().total());
            let rollout = controller.start(plan.clone()).await.unwrap();
            let outcome = rollout.drive().await.unwrap();
            let fine = outcome == Outcome::Succeeded || (self.sizes[1] == 0 && outcome == Outcome::Unexercised);
            assert!(fine, "{} {:?}: {outcome}", self.name, self.sizes);
            let ended = clock.now();
            let mut moves: Vec<(Timestamp, Option<usize>)> = Vec::new();
            for (_, recorded) in controller.history(fleet.id()).await.unwrap() {
                let step = match recorded.event {
                    Event::Moved { to: Phase::Stepping { step, .. } } if recorded.at >= begun => Some(usize::from(step.0)),
                    Event::Moved { to: Phase::Finishing { .. } } if recorded.at >= begun => None,
                    _ => continue,
                };
                if moves.last().is_none_or(|(_, last)| *last != step) {
                    moves.push((recorded.at, step));
                }
            }
            let (effects, min_ready) = (cloud.effects(), fleet.health().min_ready);
            let untils = moves.iter().skip(1).map(|(at, _)| *at).chain([ended]);
            let steps = moves.iter().zip(untils).filter(|((_, step), _)| step.is_some());
            let steps: Vec<_> = steps.map(|((from, _), until)| took(&effects, min_ready, *from, until)).collect();
            assert_eq!(steps.len(), plan.steps().len(), "{}", self.name);
            let mut all = took(&effects, min_ready, begun, ended + seconds(1));
            (all.time, all.calls) = (ended.since(begun), cloud.calls().total() - calls);
            (plan, steps, all)
        })
    }

    /// Whether it was within what was planned.
    fn holds(&self, plan: &Plan, steps: &[Took], all: &Took) {
        let planned = plan.steps().iter().map(|step| step.envelope).chain([*plan.envelope()]);
        let (mut named, mut may) = (0, 0);
        for (at, (planned, took)) in planned.zip(steps.iter().chain([all])).enumerate() {
            let Envelope { ready_at_least, live_at_most, headroom, launches, terminations, routes, calls, takes, .. } = planned;
            // Who finishes its requests may do so into the next step.
            (named, may) = (named + took.terminations, may + terminations);
            let within = took.ready.min(plan.budget().desired) >= ready_at_least
                && took.live <= live_at_most
                && took.live.saturating_sub(all.began) <= headroom
                && (took.launches == launches || (self.left_mixed && took.launches < launches))
                && (named <= may || at == steps.len())
                && (took.terminations == terminations
                    || at < steps.len()
                    || (self.left_mixed && took.terminations < terminations))
                && took.routes <= routes
                && took.calls <= u64::from(calls)
                && took.time >= takes.least
                && takes.most.is_some_and(|most| took.time <= most);
            assert!(within, "{} {:?} {:?}, step {}: {planned:?}\nwas {took:?}", self.name, self.sizes, self.split, at + 1);
        }
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name, sizes, strategy, split, leaves| {
        let boot = Delay::Constant(BOOT);
        rows.push(Row { name, sizes, strategy, split, leaves: seconds(leaves), boot, zones: &[], left_mixed: false });
    };
    let canary = || Strategy::canary([percent(10), percent(50)]);
    for leaves in [10, 90] {
        let patient = seconds(leaves + 10);
        for size in [1, 3, 12, 40] {
            add("rolling", [size; 2], Strategy::rolling(), None, leaves);
            add("one by one", [size; 2], Strategy::rolling().max_surge(1), None, leaves);
            add("canary", [size; 2], canary(), None, leaves);
            add("recreate", [size; 2], Strategy::recreate(), None, leaves);
            for split in [WEIGHTED, Some(Split::Pooled)] {
                add("rolling", [size; 2], Strategy::rolling().drain_deadline(patient), split, leaves);
                add("canary", [size; 2], canary().drain_deadline(patient), split, leaves);
                add("blue/green", [size; 2], Strategy::blue_green().drain_deadline(patient), split, leaves);
                add("recreate", [size; 2], Strategy::recreate().drain_deadline(patient), split, leaves);
            }
            add("blue/green", [size; 2], Strategy::blue_green().drain_deadline(patient), Some(Split::Binary), leaves);
            let twice = Strategy::rolling().max_surge(percent(100)).drain_deadline(patient);
            add("rolling, all at once", [size; 2], twice, Some(Split::Binary), leaves);
        }
        add("no surge", [12; 2], Strategy::rolling().max_surge(0).max_unavailable(2), None, leaves);
        add("both", [12; 2], Strategy::rolling().max_surge(2).max_unavailable(2), None, leaves);
        add("first", [0, 12], Strategy::rolling(), None, leaves);
        add("first", [0, 12], Strategy::blue_green(), WEIGHTED, leaves);
        add("grows", [3, 12], Strategy::rolling(), None, leaves);
        add("shrinks", [12, 5], Strategy::rolling(), None, leaves);
        add("shrinks", [12, 5], Strategy::rolling().drain_deadline(patient), WEIGHTED, leaves);
    }
    rows
}

#[test]
fn it_holds_zone_by_zone_and_where_zones_have_floors() {
    let patient = seconds(20);
    for sizes in [[12; 2], [13; 2], [5; 2], [2; 2], [12, 20], [12, 6]] {
        for (surge, unavailable, per_zone) in [(3, 0, None), (1, 0, Some(0)), (0, 4, Some(1)), (2, 6, Some(1)), (12, 0, Some(0))]
        {
            // Where nobody need be ready nothing waits for a route.
            let by_zone = [false, true].into_iter().filter(|_| unavailable < sizes[1]);
            for by_zone in by_zone {
                for (zones, split) in [(&["a", "b", "c"][..], None), (&["a", "b"], WEIGHTED), (&["a", "b"], Some(Split::Pooled))]
                {
                    let strategy = if by_zone { Strategy::zone_by_zone(seconds(60)) } else { Strategy::rolling() };
                    let strategy = strategy.max_surge(surge).max_unavailable(unavailable).drain_deadline(patient);
                    let strategy = per_zone.map_or(strategy.clone(), |fewer| strategy.max_unavailable_per_zone(fewer));
                    let (name, boot) = (if by_zone { "zone by zone" } else { "zones" }, Delay::Constant(BOOT));
                    let row = Row { name, sizes, strategy, split, leaves: seconds(10), boot, zones, left_mixed: false };
                    let (plan, steps, all) = row.run(Some(BOOT + CHECK));
                    row.holds(&plan, &steps, &all);
                }
            }
        }
    }
}

/// How much wider than what really was a bound may be: the time, and what is called.
///
/// That machines leave at once is what the least time supposes, and that they take 90 s the most: each is measured where it is so.
const WIDER: f64 = 1.9;

#[test]
fn what_is_planned_holds_and_is_no_wider_than_it_must_be() {
    for row in rows() {
        let (plan, steps, all) = row.run(Some(BOOT + CHECK));
        row.holds(&plan, &steps, &all);
        let (envelope, name) = (plan.envelope(), format!("{} {:?} {:?}", row.name, row.sizes, row.split));
        let exact = (envelope.ready_at_least, envelope.live_at_most);
        assert_eq!(exact, (all.ready.min(row.sizes[1]), all.live), "{name}");
        assert_eq!(envelope.headroom, all.live - all.began, "{name}");
        for (step, took) in plan.steps().iter().zip(&steps).filter(|(step, _)| step.envelope.launches > 0) {
            let exact = (step.envelope.ready_at_least, step.envelope.live_at_most);
            assert_eq!(exact, (took.ready.min(row.sizes[1]), took.live), "{name}: {}", step.step);
        }
        let ratio = |wide: Duration, narrow: Duration| wide.as_secs_f64() / narrow.as_secs_f64();
        let shrinks = row.sizes[0] > row.sizes[1];
        if row.leaves == seconds(10) && !shrinks {
            assert!(ratio(all.time, envelope.takes.least) < WIDER, "{name}: {} took {:?}", envelope.takes, all.time);
        } else if row.leaves == seconds(90) {
            let most = envelope.takes.most.unwrap();
            assert!(ratio(most, all.time) < WIDER, "{name}: {} took {:?}", envelope.takes, all.time);
        }
        // Where several go at once they are one call.
        let (slack, calls) = (f64::from(plan.budget().slack().min(row.sizes[1])), f64::from(envelope.calls));
        assert!(calls <= all.calls as f64 * (WIDER - 1.0 + slack).max(WIDER), "{name}: {calls} calls, {} were made", all.calls);
        assert!(
            f64::from(envelope.routes) <= f64::from(all.routes) * slack.max(WIDER + 0.2),
            "{name}: {envelope:?}, was {all:?}"
        );
    }
}

#[test]
fn without_a_typical_boot_it_is_a_range_up_to_the_boot_deadline() {
    for row in rows().into_iter().filter(|row| row.sizes == [12; 2] && row.leaves == seconds(10)) {
        let varies = Row { boot: Delay::LogNormal { median: BOOT, sigma: 0.5 }, ..row.clone() };
        let (plan, steps, all) = varies.run(None);
        varies.holds(&plan, &steps, &all);
        let (told, ..) = row.run(Some(BOOT + CHECK));
        let (wide, narrow) = (plan.envelope().takes, told.envelope().takes);
        assert!(wide.least < narrow.least && wide.most > narrow.most, "{wide}, and {narrow}");
    }
}

#[test]
fn of_an_empty_fleet_one_is_tried_if_there_is_room() {
    for sizes in [[0, 0], [5, 0]] {
        for (surge, split) in [(0, None), (1, None), (1, WEIGHTED), (1, Some(Split::Pooled))] {
            let strategy = Strategy::rolling().max_surge(surge).max_unavailable(percent(100)).drain_deadline(seconds(20));
            let (boot, leaves) = (Delay::Constant(BOOT), seconds(10));
            let row = Row { name: "empty", sizes, strategy, split, leaves, boot, zones: &[], left_mixed: false };
            let (plan, steps, all) = row.run(Some(BOOT + CHECK));
            row.holds(&plan, &steps, &all);
            assert_eq!(plan.envelope().launches, surge);
        }
    }
}

#[test]
fn it_holds_in_zones_with_coarse_weights_and_of_what_was_left_half_done() {
    let coarse = Some(Split::Weighted { generations: 5, parts: 10 });
    let (patient, canary) = (seconds(20), Strategy::canary([percent(10), percent(50)]));
    for sizes in [[12; 2], [40; 2], [12, 20], [12, 6]] {
        for strategy in
            [Strategy::rolling(), Strategy::rolling().max_surge(0).max_unavailable(2), canary.clone(), Strategy::recreate()]
        {
            let strategy = strategy.drain_deadline(patient);
            for (zones, split, left_mixed) in
                [(&["a", "b", "c"][..], None, false), (&[], coarse, false), (&[], WEIGHTED, true), (&["a", "b"], None, true)]
            {
                let boot = Delay::Constant(BOOT);
                let row =
                    Row { name: "other", sizes, strategy: strategy.clone(), split, leaves: seconds(10), boot, zones, left_mixed };
                let (plan, steps, all) = row.run(Some(BOOT + CHECK));
                row.holds(&plan, &steps, &all);
            }
        }
    }
}
