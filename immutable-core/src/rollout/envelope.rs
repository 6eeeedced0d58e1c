//! What a plan and each of its steps take: who is ready and who exists meanwhile, how much room, how many calls, how long.
//!
//! Bounds, not a forecast, and all of them for a rollout in which nothing fails. Whatever fails, the [budget](super::Budget) holds.

use std::fmt;
use std::time::Duration;

use crate::fleet::{Drains, Fleet, GenerationId, Release, Split, TrafficCapabilities};
use crate::rollout::budget::Budget;
use crate::rollout::plan::Wanted;
use crate::rollout::state::{FleetState, GenerationState};
use crate::rollout::strategy::{Analyse, Approve, Check, Goal, Step, Strategy};
use crate::time::{Human, human, human_option};

/// How often a controller looks if nothing else is said.
const LOOK: Duration = Duration::from_secs(5);

/// How long a machine may take from being terminated to being gone: what Compute Engine gives it to shut down.
const LEAVE: Duration = Duration::from_secs(90);

/// What a step, or a whole plan, takes while nothing fails and the fleet is not resized. What fails is replaced within the [budget](super::Budget), and costs more launches, calls and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Envelope {
    /// At least so many are ready all along, whoever they are, unless there were fewer when the plan was made. More than the fleet's size do not count.
    pub ready_at_least: u32,
    /// At most so many exist, starting and leaving ones included, and the spares that a [hedge](Strategy::hedge) may launch.
    pub live_at_most: u32,
    /// So many instances more than now must fit into quotas, networks and whatever else is short.
    #[serde(default)]
    pub headroom: u32,
    /// So many are launched, and spares besides. Fewer if there were more of the release than a step says, and the floor needs them.
    #[serde(default)]
    pub launches: u32,
    /// So many are terminated, or fewer likewise.
    #[serde(default)]
    pub terminations: u32,
    /// At most so many times a route is set.
    #[serde(default)]
    pub routes: u32,
    /// At most so many calls that change something, these routes included: one for each launch and each termination, one more for each that finishes its requests
    /// first; where all go at once, one for each group.
    #[serde(default)]
    pub calls: u32,
    /// How long.
    #[serde(default)]
    pub takes: Takes,
}

/// How long something takes while nothing fails.
///
/// With `n` launches, of which `s` may be on their way at once (`live_at_most` less `ready_at_least`), and the first one tried alone:
///
/// - at least `(1 + ⌈(n − 1) ÷ s⌉) × (boot + min_ready)`, as if to leave took no time; besides, once the time that a route needs to be in force;
/// - at most `(1 + ⌈(n − 1) ÷ (max_surge + max_unavailable)⌉) × (boot + min_ready + routes + drain deadline + 90 s + looks)`.
///
/// That is work over capacity: `n` jobs on `s` machines take no less than `⌈n ÷ s⌉` rounds, and greedily no more (R. L. Graham, Bounds for certain multiprocessing
/// anomalies, 1966). 90 s are what [Compute Engine](https://cloud.google.com/compute/docs/shutdownscript) gives a machine to shut down; a look is 5 s. Boots take
/// what the fleet [says](Fleet::typical_boot); if it does not, no time at least, and the boot deadline at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Takes {
    /// At least so long.
    #[serde(with = "human")]
    pub least: Duration,
    /// At most so long; `None` if people may take as long as they like.
    #[serde(default, with = "human_option", skip_serializing_if = "Option::is_none")]
    pub most: Option<Duration>,
}

impl Default for Takes {
    fn default() -> Self {
        Self::of(Duration::ZERO, Duration::ZERO)
    }
}

impl Takes {
    fn of(least: Duration, most: Duration) -> Self {
        Self { least, most: Some(most.max(least)) }
    }

    fn and(self, then: Self) -> Self {
        let most = self.most.zip(then.most).map(|(most, then)| most.saturating_add(then));
        Self { least: self.least.saturating_add(then.least), most }
    }
}

/// `4m 10s to 31m`
impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) => write!(f, "{} to {}", Human(self.least), Human(most)),
            None => write!(f, "{} at least, and as long as people take", Human(self.least)),
        }
    }
}

/// How many rounds so many launches need at least, if so many may be on their way at once; the first of them alone, if it is a probe.
pub(super) fn rounds(launches: u32, at_once: u32, probe: bool) -> u32 {
    let first = launches.min(u32::from(probe));
    first + (launches - first).div_ceil(at_once.max(1))
}

/// All of these, one after the other.
fn sum(times: impl IntoIterator<Item = Duration>) -> Duration {
    times.into_iter().fold(Duration::ZERO, Duration::saturating_add)
}

/// How a pool is told who gets what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Routing {
    None,
    /// Who is in it.
    Membership,
    /// Who is in it, and that is one.
    Switch,
    /// Who gets all of it.
    Flip,
    /// Who gets how much.
    Weights,
}

/// What the envelopes of a plan are made of.
pub(super) struct Course<'a> {
    pub(super) state: &'a FleetState,
    pub(super) fleet: &'a Fleet,
    pub(super) strategy: &'a Strategy,
    pub(super) wanted: &'a Wanted,
    pub(super) release: Release,
    /// If the fleet has a pool.
    pub(super) switch: Option<&'a TrafficCapabilities>,
}

impl Course<'_> {
    /// The envelope of each step, and that of all of the plan: with what comes before the first and after the last.
    pub(super) fn envelopes(&self) -> (Vec<Envelope>, Envelope) {
        let id = self.wanted.id();
        let others = || self.state.generations.iter().filter(|(other, _)| **other != id);
        let old = others().map(|(_, generation)| generation.size()).fold(0, u32::saturating_add);
        let mine = self.state.generations.get(&id).map_or(0, GenerationState::size);
        let now = old.saturating_add(mine);
        let sharing = others().filter(|(_, generation)| generation.size() > 0).count() + 1;
        // Where one gets everything, and that is the wanted one already, nobody waits for who else is there.
        let alone = matches!(self.routing(), Routing::Switch | Routing::Flip) && !self.detached();
        let mut at = At {
            mine,
            old,
            began: old,
            live: now,
            ready: if alone { mine } else { now },
            now,
            sharing,
            probe: !self.exercised(),
            detached: self.detached(),
            others: others().next().is_some(),
            share: (mine == 0).then_some(0),
            surplus: false,
            leaving: 0,
        };
        let steps: Vec<_> =
            self.strategy.steps.iter().enumerate().map(|(number, step)| self.step(&mut at, number, step)).collect();

        let shells = u32::try_from(others().count()).unwrap_or(u32::MAX);
        let mut all = Envelope { ready_at_least: at.ready, ..self.before() };
        for envelope in steps.iter().copied().chain([self.after(&at, shells)]) {
            all = Envelope {
                ready_at_least: all.ready_at_least.min(envelope.ready_at_least),
                live_at_most: all.live_at_most.max(envelope.live_at_most),
                headroom: all.headroom.max(envelope.headroom),
                launches: all.launches.saturating_add(envelope.launches),
                terminations: all.terminations.saturating_add(envelope.terminations),
                routes: all.routes.saturating_add(envelope.routes),
                calls: all.calls.saturating_add(envelope.calls),
                takes: all.takes.and(envelope.takes),
            };
        }
        (steps, all)
    }

    /// Whether the release was ever ready in this fleet: then none is tried alone.
    fn exercised(&self) -> bool {
        let ready = |generation: &GenerationState| generation.release() == self.release && generation.first_ready.is_some();
        self.is_proven() || self.state.generations.values().any(ready)
    }

    fn routing(&self) -> Routing {
        match self.switch.map(|switch| switch.split) {
            None => Routing::None,
            Some(Split::Pooled) if !self.strategy.shifts() => Routing::Membership,
            Some(Split::Pooled) => Routing::Switch,
            Some(Split::Binary) => Routing::Flip,
            Some(Split::Weighted { .. }) => Routing::Weights,
        }
    }

    /// Whether each instance that is ready makes a difference to the weights: where fewer may carry all of it, the last ones make none.
    fn each_counts(&self, budget: Budget) -> bool {
        let parts = match self.switch.map(|switch| switch.split) {
            Some(Split::Weighted { parts, .. }) => u32::from(parts),
            _ => 0,
        };
        budget.floor == budget.desired && parts >= budget.desired
    }

    fn settle(&self) -> Duration {
        self.switch.map_or(Duration::ZERO, |switch| switch.settle)
    }

    fn drains(&self) -> bool {
        self.switch.is_some_and(|switch| switch.drains == Drains::Named)
    }

    /// From being named to leave to being gone, at most.
    fn leaving(&self) -> Duration {
        let finish = if self.drains() { self.strategy.drain_deadline } else { Duration::ZERO };
        sum([finish, LEAVE, 2 * LOOK])
    }

    /// How many calls so many terminations take, of all at once or one after the other.
    fn retiring(&self, instances: u32, at_once: bool) -> u32 {
        let calls = if at_once { instances.min(self.groups()) } else { instances };
        // Each goes when it has finished.
        if self.drains() { calls.saturating_add(instances) } else { calls }
    }

    /// How many groups a generation has.
    fn groups(&self) -> u32 {
        let here = match self.wanted {
            Wanted::New(spec) => spec.groups.len(),
            Wanted::Existing(_) => 0,
        };
        let there = self.state.generations.values().map(|generation| generation.groups.len());
        u32::try_from(there.fold(here, usize::max)).unwrap_or(u32::MAX)
    }

    /// How many routes it takes at most for the requests to follow the instances in a step that begins with so many of the wanted.
    fn follow(&self, routing: Routing, launches: u32, (number, before): (usize, u32), first: bool) -> u32 {
        match routing {
            // What was shifted before is taken back.
            Routing::Weights if self.strategy.shifts() => u32::from(number == 0 && before > 0),
            _ if self.strategy.shifts() => 0,
            Routing::Flip => 1,
            // What is lost to rounding is made good once there is a larger share to give, and so is what was left half done.
            Routing::Weights => {
                let more = if before > 0 { 1 + u32::from(number == 0) } else { 0 };
                if first { more } else { launches.saturating_add(more) }
            }
            _ => 0,
        }
    }

    /// Whether the wanted generation gets nothing, attached or not.
    fn detached(&self) -> bool {
        self.state.pool.as_ref().and_then(|pool| pool.weights.get(&self.wanted.id())).is_none_or(|weight| *weight == 0)
    }

    fn boot(&self) -> Takes {
        let typical = self.fleet.boots_in();
        Takes::of(typical.unwrap_or_default(), typical.unwrap_or(self.fleet.health().boot_deadline))
    }

    /// The wanted generation is made, and attached where it gets nothing yet.
    fn before(&self) -> Envelope {
        let id = self.wanted.id();
        let proven = self.state.proven.as_ref().map(|proven| proven.spec.release);
        // Who leaves is not replaced by the provider, nor is who was never ready here; what is proven is until it has left.
        let leaves =
            |other: GenerationId, release: Release| if other == id { !self.exercised() } else { proven != Some(release) };
        let heal = |(other, generation): &(&GenerationId, &GenerationState)| {
            generation.upkeep.heal && leaves(**other, generation.release())
        };
        let quiets = u32::try_from(self.state.generations.iter().filter(heal).count()).unwrap_or(u32::MAX);
        let calls = quiets.saturating_add(u32::from(matches!(self.wanted, Wanted::New(_))));
        Envelope { calls, takes: Takes::of(Duration::ZERO, sum([self.settle(), 2 * LOOK])), ..Envelope::default() }
    }

    fn step(&self, at: &mut At, number: usize, step: &Step) -> Envelope {
        let desired = self.fleet.desired();
        let budget = self.strategy.budget(desired);
        let Goal { wanted, others, first, share: (share, whole) } = self.strategy.goal(number, desired);
        // Of an empty fleet one is tried.
        let tried = desired == 0 && budget.ceiling > 0 && share > 0 && !self.is_proven();
        let (wanted, old) = (wanted.max(u32::from(tried)), others.min(at.old));
        let launches = wanted.saturating_sub(at.mine);
        let terminations = at.mine.saturating_sub(wanted).saturating_add(at.old - old);
        let start = at.mine.saturating_add(at.old);
        at.surplus |= at.mine > wanted;

        let most = match first {
            // Who stays because the floor needs them is one more, and so is who leaves.
            _ if at.surplus => budget.ceiling,
            true => wanted,
            false => budget.ceiling.min(wanted.saturating_add(at.began)),
        };
        // Where some are there already one of these may be the one that is tried.
        let by_itself = at.probe && at.mine == 0;
        // Beside one that is tried alone there is no spare.
        let most = if launches > u32::from(by_itself) { most.saturating_add(budget.spares) } else { most };
        let live = if launches > 0 { at.live.max(most) } else { at.live };
        let stay = wanted.min(at.mine).saturating_add(old).min(desired);
        let held = self.held(budget.floor, at.sharing);
        // Where some more stay for the floor others may go in their place, and who is to get fewer requests is not needed for them.
        let ready = if at.surplus { held.min(stay) } else { held.max(stay) }.min(at.ready).min(desired);

        let probe = at.probe && wanted > 0;
        let room = match first {
            true => wanted,
            false => budget.ceiling.saturating_sub(start.min(desired.max(at.mine.saturating_add(old)))),
        };
        let rest = launches.saturating_sub(u32::from(probe));
        let at_once = room.saturating_sub(u32::from(probe));
        // Those for whom there is room, and then as others leave.
        let fits = rest <= at_once;
        let slack = self.slack(number, budget).max(1);
        let turns = rest.div_ceil(slack).min(1 + rest.saturating_sub(at_once).div_ceil(slack));
        // What somebody else had is theirs at once.
        let has = if old == 0 { whole } else { share };
        let shifts = at.began > 0 && desired > 0 && at.share.is_some_and(|before| before != has);
        let last = number + 1 == self.strategy.steps.len();
        let leaving = sum([self.leaving(), self.settle(), self.settle()]);
        // At the end all are waited for who were let go before.
        let behind = if last && terminations == 0 && at.leaving > 0 { leaving } else { Duration::ZERO };
        let routing = self.routing();
        let routes = match step {
            Step::Shift { .. } => 1,
            _ if routing == Routing::None => 0,
            // The first one attaches, also if it only waits.
            _ if number > 0 && !step.launches() => 0,
            _ => {
                // Whoever is the first gets everything, and that not before the end.
                let now = routing == Routing::Membership || at.began > 0 || share == whole;
                let attached = at.detached && now && routing != Routing::Switch;
                at.detached &= !attached;
                // Who has nobody left is not attached any more, and what they had is taken over.
                let lost = match routing {
                    _ if !at.others || old > 0 => 0,
                    Routing::Weights if launches == 0 => 2,
                    _ if self.strategy.shifts() => 2,
                    _ => 1,
                };
                at.others &= old > 0;
                let follow = if at.began > 0 { self.follow(routing, launches, (number, at.mine), first) } else { 0 };
                follow.saturating_add(u32::from(attached) + lost)
            }
        };
        let moves = || {
            let (boot, settle) = (self.boot(), self.settle());
            let min_ready = self.fleet.health().min_ready;
            let one = sum([boot.most.unwrap_or_default(), min_ready, settle, settle, 4 * LOOK]);
            let boots = turns + u32::from(probe);
            // Who is in the way leaves before, and who is let go behind it, also of those who stayed for the floor.
            let crowded = rest.saturating_add(at.leaving) > at_once;
            let leave = if fits { u32::from(terminations > 0) + u32::from(crowded) } else { boots }
                + u32::from(start > desired)
                + u32::from(at.surplus);
            let routed = if launches > 0 { Duration::ZERO } else { settle.saturating_mul(routes) };
            let longest = sum([one.saturating_mul(boots), leaving.saturating_mul(leave), routed, 2 * LOOK]);
            let rounds = if at.surplus { 0 } else { rounds(launches, live - ready.min(live), by_itself) };
            let in_force = if shifts && self.each_counts(budget) { settle } else { Duration::ZERO };
            Takes::of(sum([boot.least, min_ready]).saturating_mul(rounds).saturating_add(in_force), longest)
        };
        let takes = match step {
            Step::Scale { .. } | Step::EachZone(_) | Step::Zone { .. } => Takes::default(),
            Step::Shift { .. } => {
                let least = if shifts { self.settle() } else { Duration::ZERO };
                Takes::of(least, sum([self.settle(), self.settle(), 4 * LOOK]))
            }
            Step::Bake { lasting } => Takes::of(*lasting, lasting.saturating_add(2 * LOOK)),
            Step::Check(Check { timeout, .. }) => Takes::of(Duration::ZERO, timeout.saturating_add(2 * LOOK)),
            Step::Analyse(Analyse { lasting, every, extend, .. }) => {
                let longest = lasting.saturating_add(*extend).saturating_add(every.saturating_mul(2));
                Takes::of(*lasting, longest.saturating_add(2 * LOOK))
            }
            Step::Approve(Approve { timeout, .. }) => {
                Takes { least: Duration::ZERO, most: timeout.map(|timeout| timeout.saturating_add(2 * LOOK)) }
            }
        };
        let moved = match step {
            Step::Shift { .. } => tried,
            _ => step.launches() || routes > 0,
        };
        let takes = if moved { moves().and(takes) } else { takes }.and(Takes::of(Duration::ZERO, behind));
        // All for whom there is room are asked for at once, in each group.
        let raises = if fits { u32::from(probe) + rest.min(self.groups()) } else { launches };
        let retires = self.retiring(terminations, first);
        (at.mine, at.old, at.live, at.share) = (wanted, old, live, at.share.map(|_| has));
        at.leaving = match step {
            Step::Bake { lasting } if *lasting >= leaving => 0,
            _ => at.leaving.max(terminations),
        };
        at.ready = wanted.saturating_add(old).min(desired);
        at.probe &= !probe;
        Envelope {
            ready_at_least: ready,
            live_at_most: live,
            headroom: live.saturating_sub(at.now),
            launches,
            terminations,
            routes,
            calls: raises.saturating_add(retires).saturating_add(routes),
            takes,
        }
    }

    /// Who was kept is let go, what has nobody left is removed, and what the provider may do by itself is set.
    fn after(&self, at: &At, shells: u32) -> Envelope {
        let desired = self.fleet.desired();
        let kept = at.old;
        let terminations = kept.saturating_add(at.mine.saturating_sub(desired));
        let routes = u32::from(kept > 0 && !matches!(self.routing(), Routing::None | Routing::Switch));
        let keep = if kept > 0 { self.strategy.keep_old } else { Duration::ZERO };
        let leaving = if terminations > 0 { self.leaving() } else { Duration::ZERO };
        let longest = sum([keep, leaving, self.settle(), self.settle(), 6 * LOOK]);
        Envelope {
            ready_at_least: at.ready,
            live_at_most: at.live,
            headroom: 0,
            launches: 0,
            terminations,
            routes,
            calls: 1_u32.saturating_add(self.retiring(terminations, true)).saturating_add(routes).saturating_add(shells),
            takes: Takes::of(keep, longest),
        }
    }

    /// How many may be on their way at once: where zones have floors, in those that are replaced.
    fn slack(&self, number: usize, budget: Budget) -> u32 {
        let (zones, strategy) = (self.fleet.zone_names().len(), self.strategy);
        let part = budget.desired.checked_div(u32::try_from(zones).unwrap_or(u32::MAX)).unwrap_or(0);
        let each = part - strategy.zone_floor(budget.desired, zones).min(part);
        if each == part {
            return budget.slack();
        }
        let at_once = if strategy.open_zones(number).is_some() { 1 } else { u32::try_from(zones).unwrap_or(u32::MAX) };
        budget.slack().min((budget.ceiling - budget.desired).saturating_add(each.saturating_mul(at_once)))
    }

    fn is_proven(&self) -> bool {
        self.state.proven.as_ref().is_some_and(|proven| proven.spec.release == self.release)
    }

    /// The floor, less what is lost to shares that come in whole parts only: of each that shares the requests up to one part.
    fn held(&self, floor: u32, sharing: usize) -> u32 {
        match self.switch.map(|switch| switch.split) {
            Some(Split::Weighted { parts, .. }) => {
                let lost = u64::from(floor) * u64::try_from(sharing).unwrap_or(u64::MAX) / u64::from(parts.max(1));
                floor.saturating_sub(u32::try_from(lost).unwrap_or(u32::MAX))
            }
            _ => floor,
        }
    }
}

/// How far it is.
struct At {
    /// How many of the wanted there are.
    mine: u32,
    /// How many of the others.
    old: u32,
    /// How many of the others there were when it began.
    began: u32,
    /// How many there may be in all, those included that are still leaving.
    live: u32,
    /// How many are ready.
    ready: u32,
    /// How many there are now.
    now: u32,
    /// How many generations share the requests.
    sharing: usize,
    /// Whether one is still to be tried alone.
    probe: bool,
    /// Whether there are more of the wanted than a step says: some stay if the floor needs them.
    surplus: bool,
    /// Whether the wanted are still to be attached.
    detached: bool,
    /// Whether others may be attached, if only such as have nobody left.
    others: bool,
    /// Which part of the requests the wanted have, of a whole that is the same all along, if that is known.
    share: Option<u32>,
    /// How many may still be leaving who were let go before.
    leaving: u32,
}
