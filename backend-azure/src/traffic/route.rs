//! Routes and views of pools that are rules of a load balancer.

use std::collections::{BTreeMap, BTreeSet};

use immutable_core::fleet::{FleetId, GenerationId, Op, Route, RouteTag, Routed, TrafficSeen};
use immutable_core::id::{NativeRef, PoolId};
use immutable_core::{Error, ErrorKind, Result};

use super::balancer::Balancer;
use super::load_balancer::{LoadBalancerTraffic, Pool};
use super::members::Party;
use super::pools::{busy, ended, overtaken};
use super::tags;
use super::whose::Whose;
use crate::marks::{last, same};

/// How often it is begun anew because something else in the load balancer has changed meanwhile.
const TRIES: u8 = 5;

/// What was read of a pool.
struct Read {
    balancer: Balancer,
    whose: Whose,
}

impl LoadBalancerTraffic {
    pub(super) async fn set_route(&self, op: &Op, route: &Route) -> Result<Routed> {
        let pool = self.known(route.pool())?;
        if route.weights().values().filter(|weight| **weight > 0).count() != 1 {
            let what = format!("the route of pool {} gives several generations a weight; one gets all here", route.pool());
            return Err(Error::invalid(what));
        }
        let _turn = self.azure().balancers().of(&pool.balancer).await;
        let mut begun = false;
        for _ in 0..TRIES {
            match self.try_route(op, route, pool, &mut begun).await {
                Ok(Some(tag)) => return Ok(Routed { tag, echo_until: None }),
                Ok(None) => {}
                Err(error) => return Err(self.azure().half_done(begun, error)),
            }
        }
        Err(self.azure().half_done(begun, busy(&pool.balancer)))
    }

    /// The tag that it has then; nothing if somebody else was quicker, or has overtaken this, or it has failed, and it is to be looked at again.
    async fn try_route(&self, op: &Op, route: &Route, pool: &Pool, begun: &mut bool) -> Result<Option<RouteTag>> {
        let Read { balancer, whose } = self.read(pool).await?;
        whose.ours(route.pool(), &op.fleet, pool.first())?;
        let unborn = route.weights().keys().find(|generation| !balancer.has_pool(&generation.name(&op.fleet)));
        if let Some(unborn) = unborn {
            let what = format!("load balancer {} has no backend pool of {}", pool.balancer, unborn.name(&op.fleet));
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let tag = tag(pool, &balancer, &whose)?;
        let done = weights(&op.fleet, pool, &balancer, &whose)? == *route.weights() && whose.fleet == op.fleet.name();
        if done && !balancer.failed() {
            let done = whose.op != op.uuid() || ended(self.azure(), &pool.balancer).await?;
            return Ok(done.then_some(tag));
        }
        if !done && tag != *route.seen() {
            let what = format!("pool {} has changed since it was looked at; look again", route.pool());
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        if let Some(wrong) = pool.rules.iter().flat_map(|rule| balancer.unfit(self.azure(), rule)).next() {
            return Err(Error::invalid(format!("pool {}: {wrong}", route.pool())));
        }
        if let Some((_, what)) = self.of_others(pool, &balancer, &whose, Some(&op.fleet))?.into_iter().next() {
            return Err(Error::invalid(what));
        }
        let mut after = balancer.clone();
        let whose = match done {
            // What is said already is said once more: what came of it nobody knows, and who has left may get requests until now.
            true => whose.left_by(self.azure().now()),
            false => {
                let ends = self.capabilities.settle + self.members.drains_for;
                whose.with(&op.fleet, op.uuid(), route.weights(), self.azure().now(), ends)
            }
        };
        let mut tags = balancer.tags();
        whose.write(&mut tags, pool.first())?;
        after.set_tags(&tags);
        for (generation, _) in route.weights().iter().filter(|(_, weight)| **weight > 0) {
            let to = balancer.pool_id(&generation.name(&op.fleet));
            pool.rules.iter().for_each(|rule| after.send(rule, Some(&to)));
        }
        match after.put(self.azure()).await {
            Ok(()) => self::tag(pool, &after, &whose).map(Some),
            Err(error) if error.kind() == ErrorKind::Conflict => {
                *begun |= overtaken(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn read(&self, pool: &Pool) -> Result<Read> {
        let balancer = self.azure().balancer(&pool.balancer).await?;
        let whose = Whose::read(&balancer.tags(), pool.first()).map_err(|error| error.with_resource(pool.balancer.as_str()))?;
        Ok(Read { balancer, whose })
    }

    pub(super) async fn look(&self, id: &PoolId) -> Result<TrafficSeen> {
        let pool = self.known(id)?;
        let Read { balancer, whose } = self.read(pool).await?;
        let place = self.azure().place();
        let fleet = FleetId::new(place, if whose.fleet.is_empty() { id.as_str() } else { whose.fleet.as_str() });
        let mut parties = Vec::new();
        for generation in whose.now.keys() {
            let to = balancer.pool_id(&generation.name(&fleet));
            let rules = sending(pool, &balancer, &to)?;
            parties.push(Party { generation: *generation, rules, attached: true });
        }
        let ends = self.capabilities.settle + self.members.drains_for;
        let left = whose.left.iter().filter(|(_, at)| self.azure().now() < **at + ends);
        parties.extend(left.map(|(generation, _)| Party { generation: *generation, rules: Vec::new(), attached: false }));
        let targets = self.members.targets(id, &balancer, &fleet, &parties, self.capabilities.settle).await?;
        Ok(TrafficSeen {
            pool: id.clone(),
            age: self.lag,
            coverage: targets.coverage,
            tag: tag(pool, &balancer, &whose)?,
            weights: in_force(weights(&fleet, pool, &balancer, &whose)?, &balancer),
            foreign: self.of_others(pool, &balancer, &whose, None)?.into_iter().map(|(theirs, _)| (theirs, 1)).collect(),
            targets: targets.seen,
            // "Source IP affinity" is a hash over the pool that the rule sends to: it keeps nobody in another.
            residue: None,
        })
    }

    /// Backend pools with somebody in them that rules send to, and that are no attached generation's; nor, if one is named, a generation's of this fleet.
    pub(super) fn of_others(
        &self,
        pool: &Pool,
        balancer: &Balancer,
        whose: &Whose,
        fleet: Option<&FleetId>,
    ) -> Result<Vec<(NativeRef, String)>> {
        let owner = FleetId::new(self.azure().place(), whose.fleet.as_str());
        let ours: BTreeSet<String> = whose.now.keys().map(|generation| balancer.pool_id(&generation.name(&owner))).collect();
        let mut found: Vec<(NativeRef, String)> = Vec::new();
        for rule in &pool.rules {
            for id in balancer.sends_to(rule)? {
                let mine = fleet.is_some_and(|fleet| is_generation(fleet, last(&id)));
                if mine || ours.iter().any(|known| same(known, &id)) || !balancer.is_inhabited(&id) {
                    continue;
                }
                let what = format!(
                    "rule {rule} of load balancer {} sends to backend pool {}, in which there are machines of somebody else; have it send to an empty one first",
                    balancer.name,
                    last(&id)
                );
                if found.iter().all(|(known, _)| known.as_str() != id) {
                    found.push((NativeRef::new(id), what));
                }
            }
        }
        Ok(found)
    }
}

/// Whether this is the name of a generation of a fleet.
pub(super) fn is_generation(fleet: &FleetId, name: &str) -> bool {
    let number = name.rsplit('-').next().and_then(|number| number.parse().ok()).map(GenerationId);
    number.is_some_and(|generation| generation.name(fleet).eq_ignore_ascii_case(name))
}

/// The rules of a pool that send to a backend pool.
fn sending(pool: &Pool, balancer: &Balancer, to: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for rule in &pool.rules {
        if balancer.sends_to(rule)?.iter().any(|known| same(known, to)) {
            found.push(rule.clone());
        }
    }
    Ok(found)
}

/// The weights that are set: of those who are attached, who has a rule send to it has its own. Who is to have all, and of whose rules one sends to nobody who is attached, has none: so it is
/// seen that somebody has changed it.
fn weights(fleet: &FleetId, pool: &Pool, balancer: &Balancer, whose: &Whose) -> Result<BTreeMap<GenerationId, u16>> {
    let mut rules: BTreeMap<GenerationId, usize> = BTreeMap::new();
    for generation in whose.now.keys() {
        rules.insert(*generation, sending(pool, balancer, &balancer.pool_id(&generation.name(fleet)))?.len());
    }
    let all = rules.values().sum::<usize>() >= pool.rules.len();
    let each = whose.now.iter().map(|(generation, weight)| {
        let has = rules.get(generation).is_some_and(|rules| *rules > 0) && (all || *weight == 0);
        (*generation, if has { (*weight).max(1) } else { 0 })
    });
    Ok(each.collect())
}

/// What of these weights may be told: of a load balancer whose last write has failed nobody knows where its rules send, so nobody has all. Whoever sees that has it written once more.
pub(super) fn in_force(weights: BTreeMap<GenerationId, u16>, balancer: &Balancer) -> BTreeMap<GenerationId, u16> {
    if balancer.failed() { weights.into_keys().map(|generation| (generation, 0)).collect() } else { weights }
}

/// Stands for all that a route is decided on: whom the rules are for, which call said so, so that it does not come back, and where they send. Not the load balancer's own etag, which is
/// also of what others do in it.
fn tag(pool: &Pool, balancer: &Balancer, whose: &Whose) -> Result<RouteTag> {
    let mut text = tags::text(whose)?;
    for rule in &pool.rules {
        for to in balancer.sends_to(rule)? {
            text.push_str(&format!("\n{rule}={to}"));
        }
    }
    Ok(tags::route_tag(&text))
}
