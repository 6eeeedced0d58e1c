//! What resolvers are answered, and what they still believe. All of it is a function of a time that is past.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::super::asked::key;
use super::super::world::World;
use super::profile::{Endpoint, Profile, enabled, endpoints, number, ttl};

/// What probes found: each is asked for many times, and found out once.
#[derive(Debug)]
pub(super) struct Probes<'a> {
    world: &'a World,
    /// By port, endpoint and time.
    known: RefCell<BTreeMap<(u64, String, u64), bool>>,
}

impl<'a> Probes<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        Self { world, known: RefCell::default() }
    }

    /// Whether a probe of an endpoint would have been answered at a time.
    fn answered(&self, endpoint: &Endpoint<'_>, port: u64, time: u64) -> bool {
        let probe = (port, endpoint.name.to_owned(), time);
        if let Some(known) = self.known.borrow().get(&probe) {
            return *known;
        }
        let answered = self.world.answers(endpoint, port, time);
        self.known.borrow_mut().insert(probe, answered);
        answered
    }
}

impl Profile {
    /// What is known of an endpoint at a time: EndpointMonitorStatus, and "Traffic Manager endpoint monitoring".
    pub(super) fn status(&self, probes: &Probes<'_>, endpoint: &Endpoint<'_>, time: u64) -> &'static str {
        let Some(said) = self.at(time) else { return "Inactive" };
        if !enabled(said) {
            return "Inactive";
        }
        if !endpoint.enabled {
            return "Disabled";
        }
        // "If Always Serve is enabled, probing for endpoint health will be disabled and endpoints will be included in the traffic routing method".
        if endpoint.always {
            return "Unmonitored";
        }
        let Some(since) = self.since(endpoint.name, time) else { return "Disabled" };
        let interval = number(said, "properties.monitorConfig.intervalInSeconds", 30).max(1) * 1000;
        // "The number of consecutive failed health check that Traffic Manager tolerates before declaring an endpoint in this profile Degraded after
        // the next failed health check": MonitorConfig.
        let failures = number(said, "properties.monitorConfig.toleratedNumberOfFailures", 3) + 1;
        let port = number(said, "properties.monitorConfig.port", 80);
        let count = (time - since) / interval;
        let mut failed = 0;
        for probe in (0..count).rev().take(usize::try_from(failures).unwrap_or(usize::MAX)) {
            if probes.answered(endpoint, port, since + (probe + 1) * interval) {
                return "Online";
            }
            failed += 1;
        }
        if failed >= failures { "Degraded" } else { "CheckingEndpoint" }
    }

    /// By endpoint, in what part of all answers it is the one at a time.
    pub(super) fn answers(&self, probes: &Probes<'_>, time: u64) -> BTreeMap<String, f64> {
        let Some(said) = self.at(time).filter(|said| enabled(said)) else { return BTreeMap::new() };
        let known: Vec<_> = endpoints(said).filter(|endpoint| endpoint.enabled).collect();
        let able = |endpoint: &&Endpoint<'_>| self.status(probes, endpoint, time) != "Degraded";
        let mut answering: Vec<&Endpoint<'_>> = known.iter().filter(able).collect();
        // "If all endpoints are degraded, all of them are considered to be returned in the query response".
        if answering.is_empty() {
            answering = known.iter().collect();
        }
        let whole: u64 = answering.iter().map(|endpoint| endpoint.weight).sum();
        answering.into_iter().map(|endpoint| (endpoint.name.to_owned(), part(endpoint.weight, whole))).collect()
    }

    /// By endpoint, what part of all requests goes there at a time, if resolvers ask again as their time to live is over, and no two at once: an
    /// answer is believed for `dnsConfig.ttl`.
    pub(super) fn believed(&self, probes: &Probes<'_>, time: u64) -> BTreeMap<String, f64> {
        let longest = self.history.iter().filter(|(from, _)| *from <= time).map(|(_, said)| ttl(said)).max().unwrap_or(0);
        let first = self.history.first().map_or(time, |(from, _)| *from);
        let step = (longest / 60).max(1000);
        let (mut shares, mut whole): (BTreeMap<String, f64>, f64) = (self.answers(probes, time), 1.0);
        let mut back = step;
        while back < longest && time.saturating_sub(back) >= first && back <= time {
            let then = time - back;
            if self.at(then).is_some_and(|said| back < ttl(said)) {
                for (name, share) in self.answers(probes, then) {
                    *shares.entry(name).or_default() += share;
                }
                whole += 1.0;
            }
            back += step;
        }
        shares.into_iter().map(|(name, share)| (name, share / whole)).collect()
    }
}

fn part(some: u64, whole: u64) -> f64 {
    let exact = |number: u64| u32::try_from(number).map_or(f64::from(u32::MAX), f64::from);
    if whole == 0 { 0.0 } else { exact(some) / exact(whole) }
}

impl World {
    /// Whether a probe of an endpoint would be answered at a time.
    fn answers(&self, endpoint: &Endpoint<'_>, port: u64, time: u64) -> bool {
        if endpoint.resource.is_empty() {
            let past = self.profiles.ill.get(&endpoint.target.to_ascii_lowercase());
            let known = past.and_then(|past| past.iter().rev().find(|(at, _)| *at <= time));
            return known.is_none_or(|(_, ill)| !ill);
        }
        self.address_serves(&key(endpoint.resource), port, time)
    }
}
