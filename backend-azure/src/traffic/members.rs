//! The machines behind the rules of a load balancer: who they are, how they are, and how they are told to drain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use immutable_core::fleet::{Coverage, FleetId, GenerationId, Life, TargetSeen, TargetState, Verdict};
use immutable_core::id::{InstanceKey, PoolId};
use immutable_core::{Error, ErrorKind, Result, Timestamp};

use super::balancer::{Address, Balancer};
use super::pools::{self, overtaken};
use crate::client::Azure;
use crate::scale_sets::Machine;

/// How often a drain is begun anew because something else in the load balancer has changed meanwhile.
const TRIES: u8 = 5;

/// What pools of both kinds have in common.
#[derive(Clone, Debug)]
pub(super) struct Members {
    pub(super) azure: Azure,
    pub(super) warm_up: Duration,
    pub(super) drains_for: Duration,
    /// What this process remembers of the targets of each pool.
    known: Arc<Mutex<BTreeMap<PoolId, BTreeMap<InstanceKey, Known>>>>,
}

/// What this process remembers of a target.
#[derive(Clone, Copy, Debug)]
struct Known {
    since: Timestamp,
    was_healthy: bool,
    /// Since when it is seen to get no new connections, since somebody said so.
    down: Option<Timestamp>,
}

/// A generation whose machines are targets.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) generation: GenerationId,
    /// The rules that send to it.
    pub(super) rules: Vec<String>,
    pub(super) attached: bool,
}

/// What could be seen of targets.
pub(super) struct Targets {
    pub(super) seen: Vec<TargetSeen>,
    pub(super) coverage: Coverage,
}

/// A target, as long as not all of it is known.
struct Half {
    state: TargetState,
    down: bool,
    health: Verdict,
}

impl Members {
    pub(super) fn new(azure: &Azure) -> Self {
        let (warm_up, drains_for) = (Duration::from_secs(300), Duration::from_secs(120));
        Self { azure: azure.clone(), warm_up, drains_for, known: Arc::default() }
    }

    /// The machines that run of these generations, and are in their backend pools.
    pub(super) async fn targets(
        &self,
        id: &PoolId,
        balancer: &Balancer,
        fleet: &FleetId,
        parties: &[Party],
        settle: Duration,
    ) -> Result<Targets> {
        let mut missing = Vec::new();
        let (machines, health) = futures_util::join!(self.machines(fleet, parties), self.health(balancer, parties));
        let (mut halves, health) = (BTreeMap::new(), health?);
        for (rule, said) in &health {
            if let Err(error) = said {
                missing.push(format!("what the probe of rule {rule} has found: {error}"));
            }
        }
        for (at, group, found) in machines? {
            let Some(party) = parties.get(at) else { continue };
            let found = match found {
                Ok(found) => found,
                // It goes, or is gone.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    missing.push(format!("the machines of scale set {group}: {error}"));
                    continue;
                }
            };
            let addresses = balancer.addresses(&party.generation.name(fleet));
            for machine in &found {
                let (Some(key), Some(address)) = (machine.key(), addresses.iter().find(|address| has_nic(machine, &address.nic)))
                else {
                    continue;
                };
                let state = match machine.life() {
                    Life::Running if party.attached => TargetState::Attached,
                    // What it has ends when it does.
                    Life::Running | Life::Leaving => TargetState::Draining,
                    _ => continue,
                };
                let health =
                    if party.attached && !address.down { verdict(&health, party, &address.nic) } else { Verdict::Unknown };
                // Of a write that has failed nobody knows whether they get new connections.
                halves.insert(key, Half { state, down: address.down && !balancer.failed(), health });
            }
        }
        let coverage = match missing.as_slice() {
            [] => Coverage::Whole,
            missing => Coverage::Part(missing.join("; ").into()),
        };
        Ok(Targets { seen: self.remember(id, halves, settle, coverage == Coverage::Whole), coverage })
    }

    /// The machines of each group of some generations: which party's it is, its name, and who is in it.
    async fn machines(&self, fleet: &FleetId, parties: &[Party]) -> Result<Vec<(usize, String, Result<Vec<Machine>>)>> {
        if parties.is_empty() {
            return Ok(Vec::new());
        }
        let groups = self.azure.groups().await?;
        let of = |group: crate::scale_sets::Group| {
            let generation = group.id(fleet)?.generation;
            Some((parties.iter().position(|party| party.generation == generation)?, group))
        };
        let groups: Vec<_> = groups.into_iter().filter_map(of).collect();
        let found = join_all(groups.iter().map(|(_, group)| self.azure.machines(group))).await;
        let all = groups.into_iter().zip(found).map(|((at, group), found)| (at, group.name, found));
        all.map(|(at, name, found)| allowed(found).map(|found| (at, name, found))).collect()
    }

    /// What the probes of all rules have found by which somebody is attached.
    async fn health(&self, balancer: &Balancer, parties: &[Party]) -> Result<BTreeMap<String, Result<BTreeMap<String, bool>>>> {
        let rules: BTreeSet<&String> = parties.iter().filter(|party| party.attached).flat_map(|party| &party.rules).collect();
        let said = join_all(rules.iter().map(|rule| self.azure.rule_health(&balancer.name, rule))).await;
        rules.into_iter().cloned().zip(said).map(|(rule, said)| allowed(said).map(|said| (rule, said))).collect()
    }

    /// Tells who starts from who is ill, of whom Azure says the same, and who has drained from who does still.
    fn remember(&self, id: &PoolId, halves: BTreeMap<InstanceKey, Half>, settle: Duration, whole: bool) -> Vec<TargetSeen> {
        let now = self.azure.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(id.clone()).or_default();
        // Who is not seen now may be seen again.
        known.retain(|key, _| !whole || halves.contains_key(key));
        let seen = halves.into_iter().map(|(key, mut half)| {
            let of = known.entry(key.clone()).or_insert(Known { since: now, was_healthy: false, down: None });
            of.was_healthy |= half.health == Verdict::Healthy;
            if half.health == Verdict::Unhealthy && !of.was_healthy && now < of.since + self.warm_up {
                half.health = Verdict::Starting;
            }
            of.down = half.down.then(|| of.down.unwrap_or(now));
            if let Some(since) = of.down {
                half.state = if now < since + settle + self.drains_for { TargetState::Draining } else { TargetState::Drained };
            }
            TargetSeen { key, state: half.state, health: half.health }
        });
        seen.collect()
    }

    /// Gives the named no new connections, as far as they are targets of the generations that a load balancer is `attached` to. Answered when Azure has taken it: it shows from then on.
    pub(super) async fn drain(
        &self,
        load_balancer: &str,
        fleet: &FleetId,
        leaving: &BTreeSet<InstanceKey>,
        attached: impl Fn(&Balancer) -> Result<Vec<GenerationId>>,
    ) -> Result<()> {
        let _turn = self.azure.balancers().of(load_balancer).await;
        let (mut begun, mut conflicts, mut written) = (false, 0, 0);
        // Of each generation there is one write, and of one that has failed another.
        while conflicts < TRIES && written < usize::from(TRIES) + leaving.len() {
            match self.drain_some(load_balancer, fleet, leaving, &attached).await {
                Ok(true) => return Ok(()),
                Ok(false) => (begun, written) = (true, written + 1),
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    begun |= overtaken(&error);
                    conflicts += 1;
                }
                Err(error) => return Err(self.azure.half_done(begun, error)),
            }
        }
        Err(self.azure.half_done(begun, pools::busy(load_balancer)))
    }

    /// The same for one generation of those that have somebody left to be told; whether none has.
    async fn drain_some(
        &self,
        load_balancer: &str,
        fleet: &FleetId,
        leaving: &BTreeSet<InstanceKey>,
        attached: impl Fn(&Balancer) -> Result<Vec<GenerationId>>,
    ) -> Result<bool> {
        let balancer = self.azure.balancer(load_balancer).await?;
        let attached = attached(&balancer)?;
        if leaving.is_empty() {
            return Err(Error::invalid("nobody is named to drain; name who leaves"));
        }
        let parties: Vec<Party> =
            attached.into_iter().map(|generation| Party { generation, rules: Vec::new(), attached: true }).collect();
        let mut interfaces: BTreeMap<GenerationId, BTreeSet<String>> = BTreeMap::new();
        for (at, _, machines) in self.machines(fleet, &parties).await? {
            let Some(party) = parties.get(at) else { continue };
            let machines = match machines {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                machines => machines?,
            };
            let named = machines.iter().filter(|machine| machine.key().is_some_and(|key| leaving.contains(&key)));
            let named = named.flat_map(|machine| machine.interfaces.iter().map(|nic| nic.to_ascii_lowercase()));
            interfaces.entry(party.generation).or_default().extend(named);
        }
        for (generation, interfaces) in interfaces {
            let name = generation.name(fleet);
            if let Some(body) = balancer.pool_without(&name, &interfaces) {
                // Its etag is another from now on.
                return balancer.put_pool(&self.azure, &name, &body).await.map(|()| false);
            }
            let gets = |address: &Address| interfaces.contains(&address.nic) && !address.down;
            if balancer.addresses(&name).iter().any(gets) {
                let what = format!("backend pool {name} does not show all who are to drain yet; ask again");
                return Err(Error::new(ErrorKind::Busy, what));
            }
        }
        // What is said may not be so: it is said once more.
        if balancer.failed() {
            return balancer.clone().put(&self.azure).await.map(|()| false);
        }
        Ok(true)
    }
}

/// Whoever may not look sees nothing, and is told so.
fn allowed<T>(answer: Result<T>) -> Result<Result<T>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Denied => Err(error),
        answer => Ok(answer),
    }
}

fn has_nic(machine: &Machine, nic: &str) -> bool {
    machine.interfaces.iter().any(|known| known.eq_ignore_ascii_case(nic))
}

/// Healthy is who is up behind each of the rules that send to it.
fn verdict(health: &BTreeMap<String, Result<BTreeMap<String, bool>>>, party: &Party, nic: &str) -> Verdict {
    let said = party.rules.iter().map(|rule| match health.get(rule) {
        Some(Ok(found)) => found.get(nic).copied(),
        _ => None,
    });
    let said: Vec<Option<bool>> = said.collect();
    match said.as_slice() {
        [] => Verdict::Unknown,
        said if said.contains(&Some(false)) => Verdict::Unhealthy,
        said if said.contains(&None) => Verdict::Unknown,
        _ => Verdict::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_is_who_is_up_behind_all() {
        let party = |rules: &[&str]| Party {
            generation: GenerationId(1),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            attached: true,
        };
        let up = |all: &[(&str, bool)]| Ok(all.iter().map(|(nic, up)| ((*nic).to_owned(), *up)).collect());
        let health = BTreeMap::from([
            ("http".to_owned(), up(&[("a", true), ("b", true)])),
            ("https".to_owned(), up(&[("a", true), ("b", false)])),
            ("late".to_owned(), Err(Error::new(ErrorKind::Unreachable, "late"))),
        ]);
        assert_eq!(verdict(&health, &party(&["http", "https"]), "a"), Verdict::Healthy);
        assert_eq!(verdict(&health, &party(&["http", "https"]), "b"), Verdict::Unhealthy);
        assert_eq!(verdict(&health, &party(&["http", "https"]), "c"), Verdict::Unknown);
        assert_eq!(verdict(&health, &party(&["http", "late"]), "a"), Verdict::Unknown);
        assert_eq!(verdict(&health, &party(&[]), "a"), Verdict::Unknown, "nobody probes who is behind no rule");
    }
}
