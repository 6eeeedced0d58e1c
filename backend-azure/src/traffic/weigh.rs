//! Routes and views of pools that Traffic Manager divides by weight: whose the slots are first, with where their rules send, under an etag; then the weights.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::error::Retry;
use immutable_core::fleet::{FleetId, GenerationId, Op, Route, RouteTag, Routed, Split, TrafficSeen};
use immutable_core::id::{NativeRef, PoolId};
use immutable_core::{Applied, Error, ErrorKind, Result, Timestamp};

use super::members::Party;
use super::pools::{busy, ended, overtaken};
use super::route::in_force;
use super::slots::{Slot, Slots};
use super::tags;
use super::traffic_manager::{Read, TrafficManagerTraffic, WeightedPool};
use crate::marks::same;

/// How often it is begun anew because something else in the load balancer has changed meanwhile.
const TRIES: u8 = 5;
/// For how long a time that a call has written holds for its copies.
const AGAIN: Duration = Duration::from_secs(30);

impl TrafficManagerTraffic {
    pub(super) async fn set_route(&self, op: &Op, route: &Route) -> Result<Routed> {
        let pool = self.known(route.pool())?;
        self.within(route)?;
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

    /// Whether a route is one that the pools can have.
    fn within(&self, route: &Route) -> Result<()> {
        let Split::Weighted { generations, parts } = self.capabilities.split else { return Ok(()) };
        let beyond = |why: String| Err(Error::invalid(format!("the route of pool {} {why}", route.pool())));
        if route.weights().len() > usize::from(generations) {
            return beyond(format!("names {} generations; at most {generations} are possible", route.weights().len()));
        }
        match route.weights().values().find(|weight| **weight > parts) {
            Some(weight) => beyond(format!("has the weight {weight}; at most {parts} is possible")),
            None => Ok(()),
        }
    }

    /// The tag that it has then; nothing if somebody else was quicker, or has overtaken this, or it has failed, and it is to be looked at again.
    async fn try_route(&self, op: &Op, route: &Route, pool: &WeightedPool, begun: &mut bool) -> Result<Option<RouteTag>> {
        let mut read = self.read(pool).await?;
        read.slots.ours(route.pool(), &op.fleet, &pool.profile)?;
        let unborn = route.weights().keys().find(|generation| !read.balancer.has_pool(&generation.name(&op.fleet)));
        if let Some(unborn) = unborn {
            let what = format!("load balancer {} has no backend pool of {}", pool.balancer, unborn.name(&op.fleet));
            return Err(Error::new(ErrorKind::NotFound, what));
        }
        let seen = tag(pool, &read)?;
        // What is here now may be the work of a copy of this call.
        let claimed = read.slots.op == op.uuid();
        let is = weights(&op.fleet, pool, &read)?;
        if is == *route.weights() && !read.balancer.failed() && read.slots.fleet == op.fleet.name() {
            let done = !claimed || ended(self.azure(), &pool.balancer).await?;
            return Ok(done.then_some(seen));
        }
        if is != *route.weights() && seen != *route.seen() && !claimed {
            let what = format!("pool {} has changed since it was looked at; look again", route.pool());
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        if let Some(wrong) = self.unfit(pool, &read).into_iter().next() {
            return Err(Error::invalid(format!("pool {}: {wrong}", route.pool())));
        }
        let places = self.place(op, route, pool, &read)?;
        let slots = self.slots(op, route, pool, &read, &places);
        let mut wanted: BTreeMap<&str, u16> = pool.endpoints().into_iter().map(|endpoint| (endpoint, 0)).collect();
        for (generation, rule) in &places {
            wanted.insert(pool.endpoint(rule), route.weights().get(generation).copied().unwrap_or(0));
        }
        // Where nobody of ours is, somebody may have enabled an endpoint: nobody is led there before they are to be.
        let serves = is.values().any(|weight| *weight > 0);
        let astray = |rule: &&String| {
            !attached(pool, &read).any(|(_, known)| known == *rule) && read.profile.weight(pool.endpoint(rule)) > 0
        };
        let astray: BTreeMap<&str, u16> = places.values().filter(astray).map(|rule| (pool.endpoint(rule), 0)).collect();
        if serves && !astray.is_empty() {
            read.profile = self.weigh(read.profile.with(&astray)).await?;
            *begun = true;
        }
        match self.claim(op, pool, &mut read, slots, &places).await {
            // What a copy of this call has claimed may still be on its way to the rules: nobody is led there before.
            Ok(false) => {
                if !ended(self.azure(), &pool.balancer).await? {
                    return Ok(None);
                }
            }
            Ok(true) => *begun = true,
            Err(error) if error.kind() == ErrorKind::Conflict => {
                *begun |= overtaken(&error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        read.profile = self.weigh(read.profile.with(&wanted)).await?;
        tag(pool, &read).map(Some)
    }

    /// Says in the load balancer whose the slots are, and has their rules send there. Whether that was still to be done.
    async fn claim(
        &self,
        op: &Op,
        pool: &WeightedPool,
        read: &mut Read,
        slots: Slots,
        places: &BTreeMap<GenerationId, String>,
    ) -> Result<bool> {
        let mut after = read.balancer.clone();
        let mut sends = true;
        for (generation, rule) in places {
            let to = after.pool_id(&generation.name(&op.fleet));
            let there = after.sends_to(rule)?;
            if there.len() != 1 || !there.iter().any(|known| same(known, &to)) {
                after.send(rule, Some(&to));
                sends = false;
            }
        }
        if sends && slots == read.slots && !read.balancer.failed() {
            return Ok(false);
        }
        let mut tags = read.balancer.tags();
        slots.write(&mut tags, &pool.profile)?;
        after.set_tags(&tags);
        after.put(self.azure()).await?;
        (read.balancer, read.slots) = (after, slots);
        Ok(true)
    }

    /// Writes weights. A profile has no etag: what is not answered may come late.
    async fn weigh(&self, profile: super::profile::Profile) -> Result<super::profile::Profile> {
        match profile.write(self.azure()).await {
            Ok(()) => Ok(profile),
            Err(error) if error.applied() == Applied::Unknown => {
                Err(error.with_echo_until(self.azure().now() + self.capabilities.request_lifetime))
            }
            Err(error) => Err(error),
        }
    }

    /// Which slot each generation gets, by its rule: the one that it has or had, or one that is free.
    fn place(&self, op: &Op, route: &Route, pool: &WeightedPool, read: &Read) -> Result<BTreeMap<GenerationId, String>> {
        let has = |generation: &GenerationId| Some((*generation, read.slots.rule_of(&op.fleet, *generation)?.clone()));
        let mut places: BTreeMap<GenerationId, String> = route.weights().keys().filter_map(has).collect();
        let new: Vec<GenerationId> = route.weights().keys().filter(|known| !places.contains_key(known)).copied().collect();
        let serves = attached(pool, read).next().is_some();
        for generation in new {
            let (mut free, mut soonest) = (Vec::new(), None::<Duration>);
            for rule in pool.rules().filter(|rule| !places.values().any(|placed| placed == rule)) {
                match read.slots.of.get(rule).map(|slot| (slot, slot.left())) {
                    // One that nobody is led to comes first; as long as nobody is attached, one where somebody may be led already.
                    None => free.push((None, (read.profile.weight(pool.endpoint(rule)) > 0) == serves, rule)),
                    Some((_, None)) => {}
                    // It is led there still, by a call that was not done to its end, or by somebody's hand.
                    Some((slot, Some(_))) if read.profile.weight(pool.endpoint(rule)) > 0 => {
                        let wait = self.ends_in(op, slot, self.azure().now(), read);
                        soonest = Some(soonest.map_or(wait, |known| known.min(wait)));
                    }
                    Some((slot, Some(left))) => match self.ends_in(op, slot, left, read) {
                        Duration::ZERO => free.push((Some(left), false, rule)),
                        wait => soonest = Some(soonest.map_or(wait, |known| known.min(wait))),
                    },
                }
            }
            // Of those that were left, the one that was left first: all of its connections have ended the longest ago.
            let Some((_, _, rule)) = free.into_iter().min_by_key(|(left, last, _)| (*left, *last)) else {
                return Err(full(route, pool, soonest));
            };
            places.insert(generation, rule.to_owned());
        }
        Ok(places)
    }

    /// How long requests may still go to a slot that was left, and go on there.
    fn ends_in(&self, op: &Op, slot: &Slot, left: Timestamp, read: &Read) -> Duration {
        let pool = read.balancer.pool_id(&slot.generation.name(&op.fleet));
        // Nobody is there any more who could have a connection.
        let drains = if read.balancer.is_inhabited(&pool) { self.members.drains_for } else { Duration::ZERO };
        (left + self.capabilities.settle + self.outlive + drains).since(self.azure().now())
    }

    /// Whose the slots are from now on.
    fn slots(&self, op: &Op, route: &Route, pool: &WeightedPool, read: &Read, places: &BTreeMap<GenerationId, String>) -> Slots {
        let now = self.azure().now();
        // A call that is sent again at once has told the time of it already.
        let told = |at: Timestamp| read.slots.op == op.uuid() && now < at + AGAIN;
        let mut slots = Slots { fleet: op.fleet.name().to_owned(), op: op.uuid(), of: read.slots.of.clone() };
        for (rule, slot) in slots.of.iter_mut().filter(|(rule, _)| !places.values().any(|placed| placed == *rule)) {
            let led = read.profile.weight(pool.endpoint(rule)) > 0;
            if slot.left().is_none_or(|left| led && !told(left)) {
                slot.leave(now);
            }
        }
        for (generation, rule) in places {
            let mut slot = Slot::new(&op.fleet, *generation);
            let before = read.slots.of.get(rule).filter(|before| before.generation == *generation);
            if let Some(before) = before {
                slot.keep_less(before);
                let had = read.profile.weight(pool.endpoint(rule));
                if !before.less().is_some_and(told) && route.weights().get(generation).is_some_and(|weight| *weight < had) {
                    slot.lose(now);
                }
            }
            slots.of.insert(rule.clone(), slot);
        }
        slots
    }

    pub(super) async fn look(&self, id: &PoolId) -> Result<TrafficSeen> {
        let pool = self.known(id)?;
        let read = self.read(pool).await?;
        let name = if read.slots.fleet.is_empty() { id.as_str() } else { read.slots.fleet.as_str() };
        let fleet = FleetId::new(self.azure().place(), name);
        let settle = self.capabilities.settle;
        let ends = settle + self.outlive + self.members.drains_for;
        let mut parties = Vec::new();
        for (rule, slot) in &read.slots.of {
            let attached = attached(pool, &read).any(|(_, known)| known == rule);
            if attached || slot.left().is_some_and(|left| self.azure().now() < left + ends) {
                let rules = if sends(&fleet, &read, rule, slot.generation)? { vec![rule.clone()] } else { Vec::new() };
                parties.push(Party { generation: slot.generation, rules, attached });
            }
        }
        let targets = self.members.targets(id, &read.balancer, &fleet, &parties, settle).await?;
        let mut foreign: Vec<(NativeRef, u16)> = Vec::new();
        foreign.extend(read.profile.others(&pool.endpoints()).into_iter().map(|(id, weight)| (NativeRef::new(id), weight)));
        Ok(TrafficSeen {
            pool: id.clone(),
            age: self.lag,
            coverage: targets.coverage,
            tag: tag(pool, &read)?,
            weights: in_force(weights(&fleet, pool, &read)?, &read.balancer),
            foreign,
            targets: targets.seen,
            residue: self.residue(&read),
        })
    }

    /// Who may still be led to a generation that has less than it had.
    fn residue(&self, read: &Read) -> Option<Arc<str>> {
        let now = self.azure().now();
        let believe = read.slots.of.values().filter_map(|slot| {
            let (generation, until) = (slot.generation, slot.less()? + self.capabilities.settle + self.outlive);
            (until > now).then(|| format!("DNS answers may lead to generation {generation} until {until}"))
        });
        let believe: Vec<String> = believe.collect();
        (!believe.is_empty()).then(|| believe.join("; ").into())
    }
}

/// Whether a rule sends to a generation.
fn sends(fleet: &FleetId, read: &Read, rule: &str, generation: GenerationId) -> Result<bool> {
    let to = read.balancer.pool_id(&generation.name(fleet));
    Ok(read.balancer.sends_to(rule)?.iter().any(|known| same(known, &to)))
}

/// Who is attached, and by which rule: also who has left and is led to still, as long as the weights are not yet written that a call is to write.
fn attached<'a>(pool: &'a WeightedPool, read: &'a Read) -> impl Iterator<Item = (GenerationId, &'a String)> {
    let attached = |(rule, slot): &(&String, &Slot)| slot.left().is_none() || read.profile.weight(pool.endpoint(rule)) > 0;
    read.slots.of.iter().filter(attached).map(|(rule, slot)| (slot.generation, rule))
}

/// The weights that are set, of those who are attached. One whose rule sends elsewhere has none, whatever leads there.
fn weights(fleet: &FleetId, pool: &WeightedPool, read: &Read) -> Result<BTreeMap<GenerationId, u16>> {
    let weight = |(generation, rule): (GenerationId, &String)| {
        let leads = sends(fleet, read, rule, generation)?;
        Ok((generation, if leads { read.profile.weight(pool.endpoint(rule)) } else { 0 }))
    };
    attached(pool, read).map(weight).collect()
}

fn timeless(slots: &Slots) -> Slots {
    Slots { of: slots.of.iter().map(|(rule, slot)| (rule.clone(), slot.timeless())).collect(), ..slots.clone() }
}

/// Stands for all that a route is decided on: whose the slots are, which call said so, so that it does not come back, where their rules send, and all weights of the profile.
fn tag(pool: &WeightedPool, read: &Read) -> Result<RouteTag> {
    let slots = timeless(&read.slots);
    let mut text = tags::text(&slots)?;
    for (endpoint, rule) in &pool.slots {
        let slot = slots.of.get(rule).map(tags::text).transpose()?.unwrap_or_default();
        text.push_str(&format!("\n{rule}={slot} {:?} {}", read.balancer.sends_to(rule)?, read.profile.weight(endpoint)));
    }
    for (id, weight) in read.profile.others(&pool.endpoints()) {
        text.push_str(&format!("\n{id}={weight}"));
    }
    Ok(tags::route_tag(&text))
}

/// Why no slot is free.
fn full(route: &Route, pool: &WeightedPool, soonest: Option<Duration>) -> Error {
    let (count, pool) = (pool.slots.len(), route.pool());
    match soonest {
        Some(wait) => {
            let what = format!(
                "of the {count} slots of pool {pool} none is free: in one that was left requests may go on for {} s; ask again, or give the pool one more",
                wait.as_secs()
            );
            Error::new(ErrorKind::Busy, what).with_retry(Retry::After(wait))
        }
        None => {
            let what =
                format!("all {count} slots of pool {pool} are in use; take a generation out first, or give the pool one more");
            Error::new(ErrorKind::Quota, what)
        }
    }
}
