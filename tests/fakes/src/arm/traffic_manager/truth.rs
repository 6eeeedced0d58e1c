//! What Traffic Manager really does.

use std::collections::BTreeMap;

use super::super::FakeArm;
use super::super::asked::{at, key};
use super::super::world::World;
use super::answers::Probes;
use super::profile::{Profile, endpoints, number};

/// A profile. Endpoints are named by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileTruth {
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The weights that were said last; 0 of those that are disabled.
    pub said: BTreeMap<String, u64>,
    /// What its probes have found: `Online`, `Degraded`, `Disabled`, and so on.
    pub monitored: BTreeMap<String, &'static str>,
    /// What part of new DNS answers each is.
    pub answers: BTreeMap<String, f64>,
    /// What part of requests goes to each: old answers are believed until their time to live is over.
    pub believed: BTreeMap<String, f64>,
    /// By the name of a machine, what part of requests it gets by that, as far as load balancers of this world lead there.
    pub serves: BTreeMap<String, f64>,
}

impl FakeArm {
    /// What the profiles really do, at the time of the latest call. By the id of the profile, in lower case.
    pub fn profiles(&self) -> BTreeMap<String, ProfileTruth> {
        let world = self.lock();
        world.profiles.known.iter().map(|(id, profile)| (id.clone(), truth(&world, profile))).collect()
    }
}

fn truth(world: &World, profile: &Profile) -> ProfileTruth {
    let (now, probes) = (world.now, Probes::new(world));
    let believed = profile.believed(&probes, now);
    let port = number(&profile.said, "properties.monitorConfig.port", 80);
    let mut serves: BTreeMap<String, f64> = BTreeMap::new();
    for endpoint in endpoints(&profile.said) {
        let part = believed.get(endpoint.name).copied().unwrap_or(0.0);
        let rules = world.rules_behind(&key(endpoint.resource), Some(port), now);
        let Some((balancer, rule)) = rules.first().filter(|_| part > 0.0) else { continue };
        for (number, share) in world.shares(balancer, rule, now) {
            *serves.entry(world.named(number)).or_default() += part * share;
        }
    }
    let tags = at(&profile.said, "tags").and_then(serde_json::Value::as_object);
    ProfileTruth {
        tags: tags
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        said: endpoints(&profile.said).map(|one| (one.name.to_owned(), if one.enabled { one.weight } else { 0 })).collect(),
        monitored: endpoints(&profile.said).map(|one| (one.name.to_owned(), profile.status(&probes, &one, now))).collect(),
        answers: profile.answers(&probes, now),
        believed,
        serves,
    }
}
