//! How a version of a gallery reaches its regions: "Azure Compute Gallery", replication.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A version's regions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replication {
    /// By the region's name: `westeurope`.
    regions: BTreeMap<String, Region>,
}

/// A region that a version is in, or is to be.
#[derive(Clone, Debug)]
struct Region {
    began: u64,
    /// When the copy is there, or has failed.
    ended: u64,
    /// Why it fails.
    failure: Option<String>,
    /// When machines can be made of it there.
    usable: u64,
}

/// How long a copy takes, and what comes of it. Milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copying {
    pub(crate) takes: u64,
    /// How much longer until machines can be made of it.
    pub(crate) lag: u64,
    pub(crate) failure: Option<String>,
}

/// `West Europe` and `westeurope` are one region: examples in Microsoft's documentation have both.
pub(crate) fn region_key(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// As the service writes a region that it was told of in either way (ansible-collections/azure#2113 shows it).
pub(crate) fn region_name(name: &str) -> String {
    const KNOWN: [&str; 10] = [
        "East US",
        "East US 2",
        "Germany West Central",
        "North Europe",
        "Southeast Asia",
        "UK South",
        "West Europe",
        "West US",
        "West US 2",
        "West US 3",
    ];
    let key = region_key(name);
    KNOWN.iter().find(|known| region_key(known) == key).map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

impl Replication {
    /// The regions are these from now on. What is there stays, what is new is copied, what has failed is tried again.
    pub(crate) fn aim(&mut self, names: &[String], now: u64, copying: impl Fn(&str) -> Copying) {
        let wanted: Vec<String> = names.iter().map(|name| region_key(name)).collect();
        self.regions.retain(|name, region| wanted.contains(name) && !(region.failure.is_some() && region.ended <= now));
        for name in wanted {
            let Copying { takes, lag, failure } = copying(&name);
            let ended = now.saturating_add(takes);
            let usable = ended.saturating_add(lag);
            self.regions.entry(name).or_insert(Region { began: now, ended, failure, usable });
        }
    }

    /// When the last copy has ended, well or not.
    pub(crate) fn ends(&self) -> u64 {
        self.regions.values().map(|region| region.ended).max().unwrap_or(0)
    }

    /// Of a region whose copy has failed.
    pub(crate) fn failure(&self, now: u64) -> Option<(&str, &str)> {
        let failed =
            |(name, region): (&'_ String, &'_ Region)| region.ended <= now && region.failure.is_some() && !name.is_empty();
        let found = self.regions.iter().find(|(name, region)| failed((name, region)));
        found.and_then(|(name, region)| region.failure.as_deref().map(|why| (name.as_str(), why)))
    }

    /// Whether machines can be made of it in a region.
    pub(crate) fn usable_in(&self, region: &str, now: u64) -> bool {
        self.regions.get(&region_key(region)).is_some_and(|region| region.failure.is_none() && region.usable <= now)
    }

    /// By region: `Replicating`, `Completed`, `Failed`.
    pub(crate) fn states(&self, now: u64) -> BTreeMap<String, &'static str> {
        self.regions.iter().map(|(name, region)| (name.clone(), region.state(now))).collect()
    }

    /// "This is the aggregated replication status based on all the regional replication status flags": AggregatedReplicationState.
    fn aggregated(&self, now: u64) -> &'static str {
        let all: Vec<_> = self.regions.values().map(|region| region.state(now)).collect();
        if all.contains(&"Failed") {
            "Failed"
        } else if all.contains(&"Replicating") {
            "InProgress"
        } else {
            "Completed"
        }
    }

    /// ReplicationStatus.
    pub(crate) fn json(&self, now: u64) -> Value {
        let summary: Vec<Value> = self
            .regions
            .iter()
            .map(|(name, region)| {
                json!({
                    "region": region_name(name),
                    "state": region.state(now),
                    "details": region.failure.as_deref().filter(|_| region.ended <= now).unwrap_or_default(),
                    "progress": region.progress(now),
                })
            })
            .collect();
        json!({ "aggregatedState": self.aggregated(now), "summary": summary })
    }
}

impl Region {
    fn state(&self, now: u64) -> &'static str {
        match &self.failure {
            _ if now < self.ended => "Replicating",
            Some(_) => "Failed",
            None => "Completed",
        }
    }

    /// Percent.
    fn progress(&self, now: u64) -> u64 {
        let (done, whole) = (now.min(self.ended).saturating_sub(self.began), self.ended.saturating_sub(self.began));
        let percent = (done * 100).checked_div(whole).unwrap_or(100);
        if self.failure.is_some() { percent.min(99) } else { percent }
    }
}
