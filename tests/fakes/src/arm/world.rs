//! What there is. Time is told, and only then does anything happen by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::asked::key;
use super::calls::Call;
use super::compute::Compute;
use super::error::ArmError;
use super::gallery::Shelf;
use super::market::Market;
use super::metrics::Metrics;
use super::network::Network;
use super::operation::{Operation, Tracking};
use super::resource::Resource;
use super::throttle::Throttle;
use super::token::Tokens;
use super::traffic_manager::Profiles;
use crate::fault::{Faults, scramble};
use crate::wire::Request;

/// A second, in milliseconds.
pub(crate) const SECOND: u64 = 1000;
/// A minute.
pub(crate) const MINUTE: u64 = 60 * SECOND;

/// How Resource Manager behaves. Milliseconds, unless it says so.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How long what is new, or gone, is not agreed on.
    pub(crate) lag: u64,
    /// How long what was before a change is shown by turns.
    pub(crate) stale: u64,
    /// How long lists show what was before a change, and whether they do so by turns.
    pub(crate) late_lists: u64,
    pub(crate) lists_take_turns: bool,
    /// How many are on a page.
    pub(crate) page: usize,
    /// How long a short operation takes.
    pub(crate) operation: u64,
    /// How long an operation that is over is known.
    pub(crate) operation_life: u64,
    pub(crate) tracking: Tracking,
    /// Whether who is told of an operation is told by its resource that it is over.
    pub(crate) hasty_state: bool,
    /// What the status of an operation is that goes on.
    pub(crate) running: String,
    /// `Retry-After` of what goes on, in seconds.
    pub(crate) poll: Option<u64>,
    /// `Retry-After` of what was too much, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether the end of an operation gives its resource another etag.
    pub(crate) restless_etags: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lag: 0,
            stale: 0,
            late_lists: 0,
            lists_take_turns: false,
            page: 100,
            operation: 5 * SECOND,
            operation_life: 60 * MINUTE,
            tracking: Tracking::Both,
            hasty_state: false,
            running: "InProgress".into(),
            poll: Some(10),
            retry_after: None,
            restless_etags: false,
        }
    }
}

/// The one caller, by calls: `virtualMachineScaleSets.update`.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) denied: BTreeSet<String>,
    pub(crate) only: Option<BTreeSet<String>>,
}

impl Access {
    pub(crate) fn allows(&self, call: &str) -> bool {
        !self.denied.contains(call) && self.only.as_ref().is_none_or(|only| only.contains(call))
    }
}

/// What happens at a time.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A request arrives whose sender was told of a broken connection.
    Late(Request),
    /// An operation is looked at.
    Step(String),
    /// This is done, of a resource.
    Act(fn(&mut World, &str), String),
}

/// Everything. Keys are resource ids in lower case.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) subscription: String,
    /// In lower case.
    pub(crate) groups: BTreeSet<String>,
    pub(crate) location: String,
    pub(crate) zones: Vec<String>,
    pub(crate) now: u64,
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) tokens: Tokens,
    pub(crate) throttle: Throttle,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) requests: u64,
    /// What nobody should have sent.
    pub(crate) violations: Vec<String>,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// How many lists were shown.
    pub(crate) lists: u64,
    /// What is gone, and since when.
    pub(crate) gone: BTreeMap<String, (Resource, u64)>,
    pub(crate) revisions: u64,
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Operations whose URLs are not known any more.
    pub(crate) forgotten: BTreeSet<String>,
    /// What the next operation of a call fails with.
    pub(crate) failing: Vec<(String, ArmError)>,
    pub(crate) compute: Compute,
    pub(crate) shelf: Shelf,
    pub(crate) market: Market,
    pub(crate) network: Network,
    pub(crate) profiles: Profiles,
    pub(crate) metrics: Metrics,
    /// By (when, number).
    due: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
}

impl World {
    pub(crate) fn new(subscription: &str, group: &str, location: &str) -> Self {
        Self {
            subscription: subscription.into(),
            groups: [key(group)].into(),
            location: location.into(),
            zones: ["1", "2", "3"].map(String::from).into(),
            now: 0,
            settings: Settings::default(),
            access: Access::default(),
            tokens: Tokens::default(),
            throttle: Throttle::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            requests: 0,
            violations: Vec::new(),
            resources: BTreeMap::new(),
            lists: 0,
            gone: BTreeMap::new(),
            revisions: 0,
            operations: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            failing: Vec::new(),
            compute: Compute::default(),
            shelf: Shelf::default(),
            market: Market::default(),
            network: Network::default(),
            profiles: Profiles::default(),
            metrics: Metrics::default(),
            due: BTreeMap::new(),
            scheduled: 0,
        }
    }

    /// Something is to happen.
    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.due.insert((at, self.scheduled), event);
    }

    /// Lets time pass up to `now`. Everything that is due happens at its own time, in that order.
    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(next) = self.due.first_entry().filter(|next| next.key().0 <= now) {
            let ((at, _), event) = next.remove_entry();
            self.now = self.now.max(at);
            match event {
                Event::Late(request) => super::dispatch::arrive_late(self, &request),
                Event::Step(operation) => self.step(&operation),
                Event::Act(act, id) => act(self, &id),
            }
        }
        self.now = self.now.max(now);
    }

    /// The UUID of a number.
    pub(crate) fn uuid(&self, number: u64) -> String {
        let (high, low) = (scramble(number), scramble(!number));
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
        format!("{a:08x}-{b:04x}-4{c:03x}-8{:03x}-{:012x}", low >> 52, low & 0xffff_ffff_ffff)
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time, in RFC 3339.
pub(crate) fn time(at: u64) -> String {
    immutable_core::time::Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX)).to_string()
}
