//! What there is: an account's regions, and everything in them. Time is told, and only then does anything happen by itself.

pub(crate) mod balancer;
pub(crate) mod group;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod tags;

use std::collections::BTreeMap;

pub(crate) use crate::fault::scramble;

use super::access::Access;
use super::calls::Call;
use super::cloudwatch::Alarms;
use super::request::Request;
use super::ssm::Parameter;
use crate::fault::Faults;
use balancer::{Balancer, Listener, Rule, TargetGroup};
use group::Group;
use image::Image;
use instance::{Instance, Template};
pub(crate) use tags::Tags;

/// A second, in milliseconds.
pub(crate) const SECOND: u64 = 1000;
/// A minute.
pub(crate) const MINUTE: u64 = 60 * SECOND;

/// An account.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) account: String,
    pub(crate) now: u64,
    pub(crate) regions: BTreeMap<String, Region>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) access: Access,
    /// Requests whose senders were told of a broken connection, and when they arrive all the same: (when, number) → (region, request).
    pub(crate) late: BTreeMap<(u64, u64), (String, Request)>,
    pub(crate) requests: u64,
}

/// A subnet in its zone.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) zone: String,
    pub(crate) cidr: String,
    pub(crate) tags: Tags,
}

/// How the world of a region behaves. Milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) boot: u64,
    pub(crate) boot_spread: u64,
    pub(crate) shutdown: u64,
    pub(crate) copy: u64,
    /// How long a changed weight takes to come into force.
    pub(crate) settle: u64,
    /// How often a group looks at itself.
    pub(crate) tick: u64,
    /// How long a group that could not launch waits before it tries again.
    pub(crate) retry: u64,
    /// How long a deleted group's name stays taken.
    pub(crate) delete: u64,
    /// For how long a client token is remembered.
    pub(crate) token: u64,
    /// How long what is new is not shown: instances, groups, templates, tags.
    pub(crate) lag_instances: u64,
    pub(crate) lag_groups: u64,
    pub(crate) lag_templates: u64,
    pub(crate) lag_tags: u64,
    /// How many instances a zone has room for.
    pub(crate) capacity: BTreeMap<String, usize>,
    /// How many instances the account may have in the region.
    pub(crate) limit: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            boot: 20 * SECOND,
            boot_spread: 0,
            shutdown: 30 * SECOND,
            copy: 5 * MINUTE,
            settle: 10 * SECOND,
            tick: 5 * SECOND,
            retry: MINUTE,
            delete: 30 * SECOND,
            // The guide says no more than that requests should be retried with the same token; "Ensuring idempotency in EC2 API requests".
            token: 24 * 60 * MINUTE,
            lag_instances: 0,
            lag_groups: 0,
            lag_templates: 0,
            lag_tags: 0,
            capacity: BTreeMap::new(),
            limit: None,
        }
    }
}

/// What a client token was used for.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) at: u64,
    pub(crate) asked: BTreeMap<String, String>,
    /// Ids, or a reservation's id.
    pub(crate) made: String,
}

/// A region, and all that is in it.
#[derive(Debug, Default)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) now: u64,
    pub(crate) vpc: String,
    pub(crate) settings: Settings,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) templates: BTreeMap<String, Template>,
    pub(crate) instances: BTreeMap<String, Instance>,
    /// By (action, zone or nothing, token).
    pub(crate) tokens: BTreeMap<(String, String, String), Token>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// Activities of groups that are no more.
    pub(crate) past: Vec<group::Activity>,
    pub(crate) balancers: BTreeMap<String, Balancer>,
    pub(crate) listeners: BTreeMap<String, Listener>,
    pub(crate) rules: BTreeMap<String, Rule>,
    pub(crate) target_groups: BTreeMap<String, TargetGroup>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) alarms: Alarms,
    pub(crate) made: u64,
    seed: u64,
}

impl World {
    pub(crate) fn new(account: &str) -> Self {
        Self {
            account: account.into(),
            now: 0,
            regions: BTreeMap::new(),
            faults: Faults::default(),
            calls: Vec::new(),
            access: Access::default(),
            late: BTreeMap::new(),
            requests: 0,
        }
    }

    pub(crate) fn region(&mut self, name: &str) -> &mut Region {
        let (account, now) = (self.account.clone(), self.now);
        self.regions.entry(name.into()).or_insert_with(|| Region::new(name, &account, now))
    }

    /// Lets time pass up to `now`. Everything that is due happens at its own time, in that order: what arrives late, and what groups do.
    pub(crate) fn advance(&mut self, now: u64) {
        loop {
            let late = self.late.first_key_value().map(|((at, _), _)| *at);
            let group = self.regions.values().filter_map(Region::due).min();
            let Some(next) = late.into_iter().chain(group).min().filter(|next| *next <= now) else { break };
            self.now = self.now.max(next);
            self.regions.values_mut().for_each(|region| region.now = region.now.max(next));
            if group == Some(next) {
                self.regions.values_mut().for_each(Region::tick);
            } else if let Some((_, (region, request))) = self.late.pop_first() {
                super::dispatch::arrive_late(self, &region, &request);
            }
        }
        self.now = self.now.max(now);
        let now = self.now;
        self.regions.values_mut().for_each(|region| region.now = now);
    }
}

impl Region {
    fn new(name: &str, account: &str, now: u64) -> Self {
        let seed =
            name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut region = Self { name: name.into(), account: account.into(), now, seed, ..Self::default() };
        region.vpc = region.id("vpc");
        for (at, letter) in ["a", "b", "c"].into_iter().enumerate() {
            let id = region.id("subnet");
            let zone = format!("{name}{letter}");
            region.subnets.push(Subnet { id, zone, cidr: format!("10.0.{at}.0/24"), tags: Tags::default() });
        }
        region
    }

    /// A new id, as AWS writes them: seventeen hexadecimal digits, in no order.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-0{:016x}", scramble(self.seed ^ self.made))
    }

    /// The part that is unique in the names of load balancers and their like.
    pub(crate) fn hex(&mut self) -> String {
        self.made += 1;
        format!("{:016x}", scramble(self.seed ^ self.made))
    }

    pub(crate) fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.name, self.account)
    }

    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    /// A token that is still remembered.
    pub(crate) fn token(&self, action: &str, zone: &str, token: &str) -> Option<&Token> {
        let known = self.tokens.get(&(action.to_owned(), zone.to_owned(), token.to_owned()))?;
        (self.now.saturating_sub(known.at) < self.settings.token).then_some(known)
    }

    pub(crate) fn remember(&mut self, action: &str, zone: &str, token: &str, asked: BTreeMap<String, String>, made: &str) {
        let token_of = Token { at: self.now, asked, made: made.into() };
        self.tokens.insert((action.into(), zone.into(), token.into()), token_of);
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time as all of these services write it.
pub(crate) fn time(at: u64) -> String {
    immutable_core::time::Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX)).to_string()
}
