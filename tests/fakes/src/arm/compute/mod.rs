//! `Microsoft.Compute`: scale sets and virtual machines.

mod converge;
mod health;
pub(crate) mod machine;
pub(crate) mod model;
mod repair;
pub(crate) mod scale_set;
mod source;
pub(crate) mod virtual_machine;

use std::collections::{BTreeMap, BTreeSet};

pub use machine::Fate;
use machine::Machine;

use super::world::{MINUTE, SECOND};

/// Of virtual machines, scale sets and managed images.
pub(crate) const VERSIONS: &[&str] = &["2026-04-01"];

/// What the provider keeps beside resources, and how it behaves. Milliseconds.
#[derive(Debug)]
pub(crate) struct Compute {
    /// By number; all that there ever were.
    pub(crate) machines: BTreeMap<u64, Machine>,
    /// What becomes of whoever is made of an image version or has an application version, by its key.
    pub(crate) fates: BTreeMap<String, Fate>,
    pub(crate) boot: u64,
    pub(crate) boot_spread: u64,
    /// How long an application takes to be installed.
    pub(crate) install: u64,
    pub(crate) shutdown: u64,
    /// How long after a change a scale set looks at itself.
    pub(crate) reaction: u64,
    /// How long the service waits for a machine to boot.
    pub(crate) patience: u64,
    /// How long until the health extension has seen what is.
    pub(crate) check: u64,
    /// How many machines a zone has room for, and what the service says when there is no more. The zone of a regional one is nothing.
    pub(crate) room: BTreeMap<String, usize>,
    pub(crate) shortage: Option<String>,
    /// How many machines there may be in the location.
    pub(crate) quota: Option<usize>,
    /// Whether too much for the quota is refused when it is asked for.
    pub(crate) strict_quota: bool,
    /// Whether an operation succeeds, although there is no room for all.
    pub(crate) content_with_fewer: bool,
    /// Whether a machine that there was no room for is left behind, failed.
    pub(crate) wrecks: bool,
    /// The keys of scale sets that look at their members, to repair them.
    pub(crate) watched: BTreeSet<String>,
    /// Whether a scale set's capacity stays when members are deleted.
    pub(crate) capacity_stays: bool,
    /// Whether the numbers of members that are gone are given again.
    pub(crate) numbers_again: bool,
    /// Whether another deletion of members is refused while one goes on.
    pub(crate) one_deletion: bool,
}

impl Default for Compute {
    fn default() -> Self {
        Self {
            machines: BTreeMap::new(),
            fates: BTreeMap::new(),
            boot: 20 * SECOND,
            boot_spread: 0,
            install: 10 * SECOND,
            shutdown: 30 * SECOND,
            reaction: 2 * SECOND,
            patience: 20 * MINUTE,
            check: 10 * SECOND,
            room: BTreeMap::new(),
            shortage: None,
            quota: None,
            strict_quota: false,
            content_with_fewer: false,
            wrecks: false,
            watched: BTreeSet::new(),
            capacity_stays: false,
            numbers_again: false,
            one_deletion: false,
        }
    }
}
