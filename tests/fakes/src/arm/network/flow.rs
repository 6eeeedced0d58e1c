//! Who gets what. All of it is a function of a time that is past, or is now.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::asked::{at, key, list, text};
use super::super::compute::machine::Machine;
use super::super::world::World;
use super::{BALANCER, reference, view};

/// What a rule's probe, or a person, has made of a member of its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Up,
    /// All are down, and `noHealthyBackendsBehavior` is `AllProbedUp`.
    AllDownIsUp,
    /// `adminState` is `Up`: "Load balancer ignores the health probe and always considers the backend instance as eligible for new connections".
    Forced,
    /// It was not probed for long enough.
    Fresh,
    Down,
    /// It is not there to answer.
    Silent,
    /// `adminState` is `Down`: "Load balancer ignores the health probe and doesn't allow new connections to the backend instance".
    Barred,
}

impl Turn {
    pub(super) fn up(self) -> bool {
        matches!(self, Self::Up | Self::AllDownIsUp | Self::Forced)
    }
}

impl Machine {
    /// Whether it ran at a time.
    fn ran(&self, time: u64) -> bool {
        let stopped = self.stopped_at.is_some_and(|at| at <= time) || self.leaving.is_some_and(|(at, _)| at <= time);
        !stopped && self.runs_at.is_some_and(|at| at <= time)
    }

    /// Whether its application was well at a time.
    fn fared_well(&self, time: u64) -> bool {
        self.ran(time) && self.health.iter().rev().find(|(at, _)| *at <= time).is_some_and(|(_, well)| *well)
    }

    /// Whether its network interface was there at a time.
    fn connected(&self, time: u64) -> bool {
        self.created <= time && self.leaving.is_none_or(|(_, gone)| gone > time)
    }
}

impl World {
    /// Who is in a pool at a time, by the key of the pool.
    pub(crate) fn members_at(&self, pool: &str, time: u64) -> Vec<&Machine> {
        let all = self.compute.machines.values().filter(|machine| machine.connected(time));
        all.filter(|machine| joins(&machine.profile, pool)).collect()
    }

    /// The ids of the scale sets whose machines join a pool, whether or not they have any.
    pub(super) fn pool_users(&self, pool: &str) -> Vec<String> {
        let sets =
            self.resources.values().filter(|found| found.kind.eq_ignore_ascii_case("Microsoft.Compute/virtualMachineScaleSets"));
        let joins = |body: &Value| at(body, "properties.virtualMachineProfile").is_some_and(|profile| joins(profile, pool));
        sets.filter(|found| joins(&found.body)).map(|found| found.id.clone()).collect()
    }

    /// What is in force of a load balancer at a time, and since when.
    fn forced(&self, balancer: &str, time: u64) -> Option<(u64, &Value)> {
        let past = self.network.history.get(&key(balancer))?;
        past.iter().rev().find(|(from, _)| *from <= time).map(|(from, body)| (*from, body))
    }

    /// Since when a rule has named its pool and its probe, in what is in force or about to be. Probes begin before it is in force.
    fn named_since(&self, balancer: &str, name: &str, time: u64) -> u64 {
        let Some(past) = self.network.history.get(&key(balancer)) else { return time };
        let pair = |body: &Value| {
            rule(body, name).map(|rule| (reference(rule, "properties.backendAddressPool"), reference(rule, "properties.probe")))
        };
        let Some(now) = past.iter().rev().find(|(from, _)| *from <= time).map(|(_, body)| pair(body)) else { return time };
        let same = past.iter().rev().filter(|(from, _)| *from <= time).take_while(|(_, body)| pair(body) == now);
        let from = same.last().map_or(time, |(from, _)| *from);
        from.saturating_sub(self.network.settle)
    }

    /// The pool that a rule names at a time, by key, and what has been made of each of its members. Nothing, if there is no such rule.
    pub(super) fn probed(&self, balancer: &str, name: &str, time: u64) -> Option<(String, Vec<(&Machine, Turn)>)> {
        let (_, body) = self.forced(balancer, time)?;
        let rule = rule(body, name)?;
        let Some(pool) = reference(rule, "properties.backendAddressPool") else { return Some((String::new(), Vec::new())) };
        let said = list(body, "properties.backendAddressPools").iter();
        let said = said.into_iter().find(|known| pool.ends_with(&format!("/{}", text(known, "name").to_ascii_lowercase())));
        let probe = reference(rule, "properties.probe").and_then(|probe| {
            let probes = list(body, "properties.probes").iter();
            probes.into_iter().find(|known| probe.ends_with(&format!("/{}", text(known, "name").to_ascii_lowercase())))
        });
        let since = self.named_since(balancer, name, time);
        let barred = said.filter(|said| !list(said, "properties.loadBalancerBackendAddresses").is_empty());
        let mut turns: Vec<(&Machine, Turn)> = self
            .members_at(&pool, time)
            .into_iter()
            .map(|machine| {
                let state = barred.map_or("None", |said| view::admin_state(said, &view::address_name(machine, &pool)));
                (machine, turn(machine, state, probe, since, time))
            })
            .collect();
        let behaviour = probe.map_or("", |probe| text(probe, "properties.noHealthyBackendsBehavior"));
        if behaviour == "AllProbedUp" && !turns.iter().any(|(_, turn)| turn.up()) {
            for (_, turn) in turns.iter_mut().filter(|(_, turn)| *turn != Turn::Barred) {
                *turn = Turn::AllDownIsUp;
            }
        }
        Some((pool, turns))
    }

    /// By machine, what part of a rule's new connections it gets at a time.
    pub(crate) fn shares(&self, balancer: &str, name: &str, time: u64) -> BTreeMap<u64, f64> {
        let Some((_, turns)) = self.probed(balancer, name, time) else { return BTreeMap::new() };
        let up: Vec<u64> = turns.iter().filter(|(_, turn)| turn.up()).map(|(machine, _)| machine.number).collect();
        let whole: f64 = up.iter().map(|_| 1.0).sum();
        up.into_iter().map(|number| (number, 1.0 / whole)).collect()
    }

    /// Machines that get no new connections by a rule, and have former ones that go on: for so long a connection lasts, or until the pool's
    /// `drainPeriodInSeconds` is over ("waits for before sending RESET to client and backend address"). Those that a person has barred, too:
    /// "Established TCP connections to the backend instance persists" ("Administrative State (Admin State) in Azure Load Balancer"). The docstring of
    /// `adminState` says "deny new connections and reset existing connections"; so it may be.
    pub(super) fn drains(&self, balancer: &str, name: &str, time: u64) -> BTreeSet<u64> {
        let now = self.shares(balancer, name, time);
        let step = (self.network.flows / 24).max(1000);
        let mut left = BTreeSet::new();
        let mut back = step;
        while back < self.network.flows && back <= time {
            let then = self.probed(balancer, name, time - back).unwrap_or_default();
            if self.drain_period(balancer, &then.0).is_none_or(|period| back < period) {
                left.extend(then.1.iter().filter(|(_, turn)| turn.up()).map(|(machine, _)| machine.number));
            }
            back += step;
        }
        let turns = self.probed(balancer, name, time).filter(|_| self.network.resets).map(|(_, turns)| turns);
        let barred = turns.unwrap_or_default();
        let barred: Vec<u64> =
            barred.iter().filter(|(_, turn)| *turn == Turn::Barred).map(|(machine, _)| machine.number).collect();
        let alive = |number: &u64| self.compute.machines.get(number).is_some_and(|machine| machine.ran(time));
        left.retain(|number| !now.contains_key(number) && !barred.contains(number) && alive(number));
        left
    }

    /// Of a pool, in milliseconds.
    fn drain_period(&self, balancer: &str, pool: &str) -> Option<u64> {
        let body = &self.find(balancer)?.body;
        let pools = list(body, "properties.backendAddressPools").iter();
        let known = pools.into_iter().find(|known| pool.ends_with(&format!("/{}", text(known, "name").to_ascii_lowercase())))?;
        at(known, "properties.drainPeriodInSeconds").and_then(Value::as_u64).map(|seconds| seconds.saturating_mul(1000))
    }

    /// The rules behind a public address: those of its port, or, if no rule is of that port, all.
    pub(crate) fn rules_behind(&self, address: &str, port: Option<u64>, time: u64) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for balancer in self.resources.values().filter(|known| known.kind.eq_ignore_ascii_case(BALANCER)) {
            let Some((_, body)) = self.forced(&balancer.id, time) else { continue };
            let frontends = list(body, "properties.frontendIPConfigurations").iter();
            let frontends = frontends.filter(|one| reference(one, "properties.publicIPAddress").as_deref() == Some(address));
            let frontends: BTreeSet<String> =
                frontends.map(|one| key(&format!("{}/frontendIPConfigurations/{}", balancer.id, text(one, "name")))).collect();
            let rules = list(body, "properties.loadBalancingRules").iter();
            for rule in rules
                .filter(|rule| reference(rule, "properties.frontendIPConfiguration").is_some_and(|one| frontends.contains(&one)))
            {
                let own = at(rule, "properties.frontendPort").and_then(Value::as_u64);
                found.push((balancer.id.clone(), text(rule, "name").to_owned(), own));
            }
        }
        let exact = found.iter().any(|(_, _, own)| *own == port && port.is_some());
        found.into_iter().filter(|(_, _, own)| !exact || *own == port).map(|(balancer, rule, _)| (balancer, rule)).collect()
    }

    /// Whether somebody behind a public address would answer at a time.
    pub(crate) fn address_serves(&self, address: &str, port: u64, time: u64) -> bool {
        self.rules_behind(address, Some(port), time).iter().any(|(balancer, rule)| {
            let shares = self.shares(balancer, rule, time);
            shares.keys().any(|number| self.compute.machines.get(number).is_some_and(|machine| machine.fared_well(time)))
        })
    }
}

/// Whether machines of a `virtualMachineProfile` join a pool, by the key of the pool.
fn joins(profile: &Value, pool: &str) -> bool {
    let interfaces = list(profile, "networkProfile.networkInterfaceConfigurations");
    let mut configurations = interfaces.iter().flat_map(|interface| list(interface, "properties.ipConfigurations"));
    configurations.any(|one| {
        let mut pools = list(one, "properties.loadBalancerBackendAddressPools").iter();
        pools.any(|known| text(known, "id").trim_end_matches('/').eq_ignore_ascii_case(pool))
    })
}

fn rule<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    list(body, "properties.loadBalancingRules").iter().find(|rule| text(rule, "name").eq_ignore_ascii_case(name))
}

/// "After failing the number of consecutive probes equal to this value, the endpoint will be taken out of rotation and require the same number of
/// successful consecutive probes to be placed back in rotation": ProbePropertiesFormat, `probeThreshold`. Without a probe all are up, and no person can say
/// otherwise: "Administrative State (Admin State) in Azure Load Balancer", design considerations.
fn turn(machine: &Machine, state: &str, probe: Option<&Value>, since: u64, time: u64) -> Turn {
    let Some(probe) = probe else { return Turn::Up };
    match state {
        "Up" => return Turn::Forced,
        "Down" => return Turn::Barred,
        _ => {}
    }
    let number = |field: &str, or: u64| at(probe, &format!("properties.{field}")).and_then(Value::as_u64).unwrap_or(or);
    let interval = number("intervalInSeconds", 15).max(1) * 1000;
    let threshold = number("probeThreshold", 0).max(number("numberOfProbes", 1)).max(1);
    let known = time.saturating_sub(since.max(machine.created)) / interval;
    // The newest probe first. Enough of the same kind in a row decide; what was before them, who knows.
    let mut run = (None, 0);
    for back in 0..known {
        let well = machine.fared_well(time - back * interval);
        run = match run {
            (Some(last), count) if last == well => (Some(well), count + 1),
            _ => (Some(well), 1),
        };
        if run.1 >= threshold {
            return match run.0 {
                Some(true) => Turn::Up,
                _ if machine.ran(time) => Turn::Down,
                _ => Turn::Silent,
            };
        }
    }
    Turn::Fresh
}
