//! What load balancers really do.

use std::collections::{BTreeMap, BTreeSet};

use super::super::FakeArm;
use super::super::asked::{at, key, list, text};
use super::super::world::World;
use super::{BALANCER, reference};

/// A load balancer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BalancerTruth {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// `provisioningState`.
    pub state: String,
    /// By the name of a pool: the names of the machines that are in it.
    pub pools: BTreeMap<String, BTreeSet<String>>,
    /// By the name of a rule.
    pub rules: BTreeMap<String, RuleTruth>,
}

/// A rule of a load balancer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleTruth {
    /// The name of the pool that was said last, and is shown; nothing without one.
    pub said: String,
    /// The name of the pool that gets new connections.
    pub in_force: String,
    /// By the name of a machine, what part of the new connections it gets. Who is ill and not known to be so gets its part, too.
    pub serves: BTreeMap<String, f64>,
    /// The names of machines that get none, and have connections that go on.
    pub drains: BTreeSet<String>,
}

impl FakeArm {
    /// What the load balancers really do, at the time of the latest call. By the id of the load balancer, in lower case.
    pub fn balancers(&self) -> BTreeMap<String, BalancerTruth> {
        let world = self.lock();
        let known = world.resources.iter().filter(|(_, found)| found.kind.eq_ignore_ascii_case(BALANCER));
        known.map(|(id, _)| (id.clone(), truth(&world, id))).collect()
    }
}

fn truth(world: &World, id: &str) -> BalancerTruth {
    let Some(found) = world.find(id) else { return BalancerTruth::default() };
    let last = |id: Option<String>| id.map(|id| super::super::asked::name_of(&id).to_owned()).unwrap_or_default();
    let pools = list(&found.body, "properties.backendAddressPools").iter().map(|pool| {
        let name = text(pool, "name");
        let members = world.members_at(&key(&format!("{id}/backendAddressPools/{name}")), world.now);
        (name.to_owned(), members.into_iter().map(|machine| machine.name.clone()).collect())
    });
    let rules = list(&found.body, "properties.loadBalancingRules").iter().map(|rule| {
        let name = text(rule, "name");
        let in_force = world.probed(id, name, world.now).map(|(pool, _)| pool);
        let truth = RuleTruth {
            said: last(reference(rule, "properties.backendAddressPool")),
            in_force: last(in_force),
            serves: world.shares(id, name, world.now).into_iter().map(|(number, share)| (world.named(number), share)).collect(),
            drains: world.drains(id, name, world.now).into_iter().map(|number| world.named(number)).collect(),
        };
        (name.to_owned(), truth)
    });
    let tags = at(&found.body, "tags").and_then(serde_json::Value::as_object);
    BalancerTruth {
        tags: tags
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        state: found.state.into(),
        pools: pools.collect(),
        rules: rules.collect(),
    }
}

impl World {
    /// The name of a machine.
    pub(crate) fn named(&self, number: u64) -> String {
        self.compute.machines.get(&number).map(|machine| machine.name.clone()).unwrap_or_default()
    }

    /// The sizes of the machines that are there.
    pub(crate) fn sizes(&self) -> Vec<String> {
        let there = self.compute.machines.values().filter(|machine| machine.there(self.now));
        there.map(|machine| machine.size.clone()).collect()
    }
}
