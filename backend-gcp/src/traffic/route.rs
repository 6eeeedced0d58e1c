//! Setting a route: who is new is given a service first, under a claim, and becomes its backends; then the weights, and whose the services are, in one write; then who is no
//! longer named gets nothing any more.

use std::collections::BTreeMap;
use std::time::Duration;

use google_cloud_compute_v1::model::{Backend, BackendService};
use immutable_core::error::Retry;
use immutable_core::fleet::{Coverage, FleetId, GenerationId, Op, Route, RouteTag, Routed, Split};
use immutable_core::{Error, ErrorKind, Result};

use super::backends::{self, BackendMark};
use super::slots::Read;
use super::whose::Slot;
use super::{Pool, UrlMapTraffic};
use crate::client::lacks;
use crate::mig::Group;
use crate::operations::request_id;

/// How often it is begun anew because something else in the same url map or service has changed meanwhile.
const TRIES: u8 = 5;

/// What a route is set by: all that was read before anything is changed. The services come first, so that whoever is given one between the two reads is seen in the map, or
/// has changed the service.
struct Before {
    fleet: FleetId,
    services: BTreeMap<String, BackendService>,
    read: Read,
    groups: Vec<(GenerationId, Group)>,
    /// Whether all groups of the fleet were seen.
    all: Coverage,
}

/// Who gets which service, and who is new there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places {
    of: BTreeMap<GenerationId, String>,
    fresh: BTreeMap<String, GenerationId>,
}

impl UrlMapTraffic {
    pub(super) async fn set_route(&self, op: &Op, route: &Route) -> Result<Routed> {
        let pool = self.known(route.pool())?;
        self.within(route)?;
        let mut begun = false;
        for _ in 0..TRIES {
            match self.try_route(op, route, pool, &mut begun).await {
                Ok(Some(tag)) => return Ok(Routed { tag, echo_until: None }),
                Ok(None) => {}
                Err(error) => return Err(self.gcp.half_done(begun, error)),
            }
        }
        let what =
            format!("url map {}, or a service of pool {}, is changed by others all the time; ask again", pool.map, route.pool());
        Err(self.gcp.half_done(begun, Error::new(ErrorKind::Busy, what)))
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

    /// The tag that it has then; nothing if what it was decided on has changed while it was being done, and it is to be looked at again.
    async fn try_route(&self, op: &Op, route: &Route, pool: &Pool, begun: &mut bool) -> Result<Option<RouteTag>> {
        let mut before = self.before(&op.fleet, pool).await?;
        before.read.whose.ours(route.pool(), &op.fleet)?;
        self.there(&op.fleet, route, &before)?;
        let tag = before.read.tag()?;
        if self.weights(pool, &before.read) == *route.weights() {
            // Somebody may have taken backends out, and of this very call the last step may be missing.
            let places = Places { of: self.places(route, pool, &before), ..Places::default() };
            let done = self.attach(op, pool, &places, &before, begun).await?;
            if done && before.read.whose.op == op.uuid() {
                let left = before.read.whose.slots.iter().filter(|(_, slot)| slot.left.is_some());
                self.drain(op, pool, &before, left).await?;
            }
            return Ok(done.then_some(tag));
        }
        // A copy of this call may have claimed services, and then what is here now is its work.
        let claimed = before.read.whose.op == op.uuid() && !before.read.whose.claims.is_empty();
        if tag != *route.seen() && !claimed {
            let what = format!("pool {} has changed since it was looked at; look again", route.pool());
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        let places = self.place(op, route, pool, &before)?;
        if !claimed && !places.fresh.is_empty() && !self.claim(op, pool, &places, &mut before, begun).await? {
            return Ok(None);
        }
        if !self.attach(op, pool, &places, &before, begun).await? {
            return Ok(None);
        }
        let tag = match self.set_weights(op, route, pool, &places, &before).await {
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(None),
            other => other?,
        };
        *begun = true;
        let left = before.read.whose.slots.iter().filter(|(slot, _)| !places.of.values().any(|placed| placed == *slot));
        self.drain(op, pool, &before, left).await?;
        Ok(Some(tag))
    }

    /// Says in the map who is about to get which service, before that is changed: of two calls that were decided on the same map one is refused here. Whether it is said, and not
    /// overtaken.
    async fn claim(&self, op: &Op, pool: &Pool, places: &Places, before: &mut Before, begun: &mut bool) -> Result<bool> {
        let mut read = before.read.clone();
        read.whose.claims = places.fresh.clone();
        read.whose.slots.retain(|slot, _| !places.fresh.contains_key(slot));
        read.whose.op = op.uuid();
        read.whose.give_to(&op.fleet);
        let id = request_id(op, format!("claim {}", read.fingerprint()?));
        match self.write(pool, read, None, id).await {
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
            other => other?,
        };
        *begun = true;
        // For its new fingerprint.
        before.read = self.read(pool).await?;
        Ok(before.read.whose.op == op.uuid() && before.read.whose.claims == places.fresh)
    }

    /// Makes the groups of each generation backends of its service. Whether nobody else changed one of them meanwhile.
    async fn attach(&self, op: &Op, pool: &Pool, places: &Places, before: &Before, begun: &mut bool) -> Result<bool> {
        for (generation, slot) in &places.of {
            let service = before.services.get(slot).ok_or_else(|| lacks("backendServices.get", "service"))?;
            let (mark, urls) = (mark(op, *generation), before.urls(*generation));
            // One that is new there is always written, so that whoever read the service before cannot write it any more.
            let written = !places.fresh.contains_key(slot) || backends::are_all_by(service, &mark);
            if written && backends::holds(service, &mark, &urls) {
                continue;
            }
            let given = backends::given(service, &mark, &urls, before.all == Coverage::Whole);
            match self.set_backends(op, pool, slot, service, given).await {
                Ok(()) => *begun = true,
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    async fn before(&self, fleet: &FleetId, pool: &Pool) -> Result<Before> {
        let services = self.services(pool).await?;
        let (found, all) = self.gcp.groups_named(&format!("{}-", fleet.name())).await?;
        let read = self.read(pool).await?;
        let group = |(at, group)| {
            let group = Group::read(at, &group);
            group.url.as_ref()?;
            Some((group.id(fleet)?.generation, group))
        };
        let groups = found.into_iter().filter_map(group).collect();
        Ok(Before { fleet: fleet.clone(), services, read, groups, all })
    }

    /// Whether the groups are there of who is named.
    fn there(&self, fleet: &FleetId, route: &Route, before: &Before) -> Result<()> {
        for generation in route.weights().keys() {
            let known = before.groups.iter().any(|(known, _)| known == generation);
            let attached = before.read.whose.is_of(fleet) && before.read.whose.of(*generation).is_some();
            match &before.all {
                // What is attached stays so, whichever zone is silent.
                Coverage::Part(why) if !attached => {
                    let what = format!("not all groups of {} can be seen: {why}; ask again", generation.name(fleet));
                    return Err(Error::new(ErrorKind::Unreachable, what).with_applied(immutable_core::Applied::No));
                }
                Coverage::Whole if !known => {
                    let what = format!("there is no managed instance group of {}", generation.name(fleet));
                    return Err(Error::new(ErrorKind::NotFound, what));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The services that generations of a route have, or had.
    fn places(&self, route: &Route, pool: &Pool, before: &Before) -> BTreeMap<GenerationId, String> {
        let slot = |generation: &GenerationId| {
            let slot = before.read.whose.of(*generation).filter(|slot| pool.slots.contains(slot))?;
            before.read.whose.is_of(&before.fleet).then(|| (*generation, slot.clone()))
        };
        route.weights().keys().filter_map(slot).collect()
    }

    /// Which service each generation gets: the one that it has or had, or one that is free.
    fn place(&self, op: &Op, route: &Route, pool: &Pool, before: &Before) -> Result<Places> {
        let whose = &before.read.whose;
        let claims = if whose.op == op.uuid() { whose.claims.clone() } else { BTreeMap::new() };
        let mut places = Places { of: self.places(route, pool, before), ..Places::default() };
        for (slot, generation) in claims.into_iter().filter(|(_, generation)| route.weights().contains_key(generation)) {
            places.of.insert(generation, slot.clone());
            places.fresh.insert(slot, generation);
        }
        let new: Vec<GenerationId> = route.weights().keys().filter(|known| !places.of.contains_key(known)).copied().collect();
        for generation in new {
            let (mut free, mut soonest) = (Vec::new(), None::<Duration>);
            for slot in pool.slots.iter().filter(|slot| !places.of.values().any(|placed| placed == *slot)) {
                match whose.slots.get(slot) {
                    None => free.push((None, slot)),
                    Some(Slot { left: None, .. }) => {}
                    Some(Slot { left: Some(left), generation }) => match self.ends_in(op, slot, *left, *generation, before) {
                        Duration::ZERO => free.push((Some(*left), slot)),
                        wait => soonest = Some(soonest.map_or(wait, |known| known.min(wait))),
                    },
                }
            }
            // Of those that were left, the one that was left first: all of its requests have ended the longest ago.
            let Some((_, slot)) = free.into_iter().min_by_key(|(left, _)| *left) else {
                return Err(full(route, pool, soonest));
            };
            if let Some(affinity) = before.services.get(slot).and_then(backends::affinity) {
                return Err(Error::invalid(backends::no_affinity(slot, affinity)));
            }
            places.of.insert(generation, slot.clone());
            places.fresh.insert(slot.clone(), generation);
        }
        Ok(places)
    }

    /// How long requests may still go on in a service that was left.
    fn ends_in(
        &self,
        op: &Op,
        slot: &str,
        left: immutable_core::Timestamp,
        generation: GenerationId,
        before: &Before,
    ) -> Duration {
        let mut groups = before.groups.iter().filter(|(known, _)| *known == generation);
        let is_of = before.read.whose.is_of(&op.fleet) && before.all == Coverage::Whole;
        let drains = match is_of && groups.all(|(_, group)| group.target == 0) {
            // Nobody is there any more who could have a request to end; who was there may still be sent some by a weight of before.
            true => Duration::ZERO,
            false => before.services.get(slot).map(backends::ends_within).unwrap_or_default(),
        };
        (left + self.capabilities.settle + drains).since(self.gcp.now())
    }

    async fn set_backends(
        &self,
        op: &Op,
        pool: &Pool,
        slot: &str,
        service: &BackendService,
        backends: Vec<Backend>,
    ) -> Result<()> {
        let fingerprint = service.fingerprint.clone().ok_or_else(|| lacks("backendServices.get", "fingerprint"))?;
        let id = request_id(op, format!("backends {slot} {fingerprint:?}"));
        let body = BackendService::new().set_backends(backends).set_fingerprint(fingerprint);
        self.gcp.patch_service(&pool.scope(), slot, body, id).await
    }

    /// The weights, and whose the services are from now on.
    async fn set_weights(&self, op: &Op, route: &Route, pool: &Pool, places: &Places, before: &Before) -> Result<RouteTag> {
        let mut read = before.read.clone();
        let mut weights: BTreeMap<String, u16> = self.urls(pool).into_iter().map(|url| (url, 0)).collect();
        let now = self.gcp.now();
        read.whose.claims.clear();
        for slot in read.whose.slots.values_mut().filter(|slot| slot.left.is_none()) {
            slot.left = Some(now);
        }
        for (generation, slot) in &places.of {
            read.whose.slots.insert(slot.clone(), Slot { generation: *generation, left: None });
            weights.insert(self.url(pool, slot), route.weights().get(generation).copied().unwrap_or(0));
        }
        read.whose.op = op.uuid();
        read.whose.give_to(&op.fleet);
        let id = request_id(op, format!("weights {}", read.fingerprint()?));
        self.write(pool, read, Some(&weights), id).await
    }

    /// Has services that were left give their backends nothing. That they have no weight is enough for what comes through this url map; if a service has changed meanwhile
    /// it is left as it is, since it may be somebody's again.
    async fn drain(&self, op: &Op, pool: &Pool, before: &Before, left: impl Iterator<Item = (&String, &Slot)>) -> Result<()> {
        for (slot, known) in left {
            let Some(service) = before.services.get(slot) else { continue };
            let Some(drained) = backends::left(service, &mark(op, known.generation)) else { continue };
            match self.set_backends(op, pool, slot, service, drained).await {
                Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Before {
    /// The instance groups of a generation.
    fn urls(&self, generation: GenerationId) -> Vec<String> {
        self.groups.iter().filter(|(known, _)| *known == generation).filter_map(|(_, group)| group.url.clone()).collect()
    }
}

fn mark(op: &Op, generation: GenerationId) -> BackendMark {
    BackendMark { fleet: op.fleet.to_string(), generation, op: op.uuid() }
}

/// Why no service is free.
fn full(route: &Route, pool: &Pool, soonest: Option<Duration>) -> Error {
    let (count, pool) = (pool.slots.len(), route.pool());
    match soonest {
        Some(wait) => {
            let what = format!(
                "of the {count} backend services of pool {pool} none is free: in one that was left requests may go on for {} s; ask again, or give \
                 the pool one more",
                wait.as_secs()
            );
            Error::new(ErrorKind::Busy, what).with_retry(Retry::After(wait))
        }
        None => {
            let what = format!(
                "all {count} backend services of pool {pool} are in use; take a generation out first, or give the pool one more"
            );
            Error::new(ErrorKind::Quota, what)
        }
    }
}
