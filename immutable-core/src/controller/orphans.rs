//! What a provider has of a fleet and its journal does not know: told to whoever asks, and removed for whoever asks for that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Controller;
use super::able::lacks_switch;
use super::execute::execute;
use super::lease::{ALONE, Lease};
use super::load;
use super::timely::in_time;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::fleet::{Coverage, Fleet, GenerationId, GroupId, GroupSeen, GroupState, Instance, Life, Op, Resize};
use crate::id::Actor;
use crate::provider::Provider;
use crate::rollout::{Call, Event, FleetState, OpResult, Plan, backoff, busy};

/// For how long whoever removes an orphan waits until its instances are gone.
const TO_GO: Duration = Duration::from_secs(900);

/// A generation that a provider has of a fleet, by its own mark, and that the fleet's journal does not know: it was lost with a journal, or somebody has
/// copied what we had made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// The size of each of its groups.
    pub sizes: BTreeMap<GroupId, u32>,
    /// How many instances they have, those that are on their way out included.
    pub instances: usize,
    /// Which part it gets of the requests of the fleet's pool, in the pool's parts; 0 without a pool.
    pub weight: u16,
}

/// What was said to a call.
enum Said {
    /// It is done, or accepted, or nobody knows: that is seen.
    Yes,
    /// Why not now.
    NotNow(Arc<str>),
    /// Not under this number.
    Again,
}

impl Controller {
    /// What the provider has of a fleet that its journal does not know. Nothing is changed. No rollout touches it: it counts for nothing, and serves
    /// whatever it serves, until somebody has it [removed](Self::remove_orphan).
    ///
    /// Where the journal was lost it names no pool either: the fleet as it is given here does, if it has one.
    ///
    /// # Errors
    /// What the journal and the provider fail with; [`Unreachable`](ErrorKind::Unreachable) if a part of it cannot be seen now; [`Invalid`](ErrorKind::Invalid) if
    /// this controller lacks the traffic switch of its pool.
    pub async fn orphans(&self, fleet: &Fleet) -> Result<BTreeMap<GenerationId, Orphan>> {
        let provider = self.provider(fleet.id().place())?;
        let loaded = self.load(fleet.id()).await?;
        let found = self.found(&loaded.state, fleet, &provider).await?;
        let orphans = found.into_iter().map(|(id, (groups, weight))| {
            let sizes = groups.iter().map(|seen| (seen.group, size(seen))).collect();
            (id, Orphan { sizes, instances: groups.iter().map(|seen| there(seen).count()).sum(), weight })
        });
        Ok(orphans.collect())
    }

    /// Removes what the provider has of a fleet and its journal does not know: its instances are named to leave, and when they are gone the rest is removed. Each
    /// call is journaled before it is sent, with who has asked for it. It may be dropped at any await, and called again.
    ///
    /// ```
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::time::VirtualClock;
    /// # use immutable_core::{Fleet, MemoryCloud};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let (controller, fleet) = (cloud.controller(), Fleet::new("web", cloud.place()).size(3));
    /// # clock.run(async {
    /// for (generation, orphan) in controller.orphans(&fleet).await? {
    ///     println!("nobody knows of generation {generation}: {} instances", orphan.instances);
    ///     controller.remove_orphan(&fleet, generation, "ann").await?;
    /// }
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is none of this number; [`Invalid`](ErrorKind::Invalid) if it is the fleet's own, or gets requests of the
    /// pool that the journal, or the fleet as it is given here, names, or this controller lacks that pool's switch; [`Busy`](ErrorKind::Busy) while a rollout runs: nothing was changed then. [`Unreachable`](ErrorKind::Unreachable) if it is not gone after
    /// 15 minutes, saying what keeps it, and what the journal and the provider fail with: it may be there in part then.
    pub async fn remove_orphan(&self, fleet: &Fleet, generation: GenerationId, by: impl Into<Actor>) -> Result<()> {
        let (terms, fleet, by) = (fleet, fleet.id(), by.into());
        let provider = self.provider(fleet.place())?;
        let give_up_at = self.clock.now() + TO_GO;
        let (mut begun, mut refused, mut in_vain) = (false, None, 0);
        loop {
            let loaded = self.load(fleet).await?;
            let state = &loaded.state;
            if let Some(running) = state.rollout() {
                return Err(busy(state, running));
            }
            if state.generations().contains_key(&generation) {
                return Err(Error::invalid(format!("generation {generation} is fleet {fleet}'s own; a rollout removes it")));
            }
            let (groups, weight) = match self.found(state, terms, &provider).await?.remove(&generation) {
                Some(found) => found,
                None if begun => return Ok(()),
                None => {
                    let what = format!(
                        "{} has no generation {generation} of fleet {fleet} that its journal does not know",
                        fleet.place()
                    );
                    return Err(Error::new(ErrorKind::NotFound, what));
                }
            };
            if weight > 0 {
                let what = format!(
                    "generation {generation} gets requests of fleet {fleet}'s pool, in {weight} parts; take them away first"
                );
                return Err(Error::invalid(what));
            }
            if let Some(call) = next(generation, &groups) {
                let condemned = Event::Condemned { op: state.next_op, call: call.clone(), by: by.clone() };
                // If somebody else has written meanwhile, what is there is looked at again.
                if let Some(written) = load::write(self, &loaded, Duration::ZERO, vec![condemned]).await? {
                    begun = true;
                    match self.condemn(&provider, written.state.op(state.next_op), call).await? {
                        Said::Again => continue,
                        Said::Yes => (refused, in_vain) = (None, 0),
                        Said::NotNow(why) => (refused, in_vain) = (Some(why), in_vain + 1),
                    }
                }
            }
            if self.clock.now() >= give_up_at {
                let why = refused.unwrap_or_else(|| "its instances do not go".into());
                let what = format!("generation {generation} of fleet {fleet} is there still: {why}; ask again");
                return Err(Error::new(ErrorKind::Unreachable, what));
            }
            self.clock.sleep_until(self.clock.now() + backoff(in_vain).max(self.poll)).await;
        }
    }

    /// Makes a call that is journaled, once.
    async fn condemn(&self, provider: &Provider, op: Op, call: Call) -> Result<Said> {
        let (lease, clock) = (Lease::default(), self.clock.clone());
        lease.lasts(clock.now() + ALONE);
        let (fleet, of) = (op.fleet.clone(), call.to_string());
        match execute(provider.clone(), clock, self.call_timeout, move |now| lease.holds(now), op, call, None).await {
            // The provider remembers a call of a journal that was lost by this number: the next has another.
            Some(OpResult::Failed(why)) if why.kind == ErrorKind::TokenMismatch => Ok(Said::Again),
            Some(OpResult::Failed(why)) if why.retry == Retry::Never => {
                Err(Error::new(why.kind, format!("{of}: {}", why.what)).with_resource(fleet.to_string()))
            }
            Some(OpResult::Failed(why)) => Ok(Said::NotNow(why.what)),
            Some(OpResult::Done { refused, .. }) if !refused.is_empty() => {
                let held: Vec<_> = refused.iter().map(|(key, _)| key.to_string()).collect();
                Ok(Said::NotNow(format!("{} may not be terminated", held.join(", ")).into()))
            }
            // What was accepted, and what nobody knows, is seen.
            _ => Ok(Said::Yes),
        }
    }

    /// What bears the fleet's mark and is not known, wholly seen: its groups, and what they get of the pools that the journal or these terms name.
    async fn found(
        &self,
        state: &FleetState,
        terms: &Fleet,
        provider: &Provider,
    ) -> Result<BTreeMap<GenerationId, (Vec<GroupSeen>, u16)>> {
        let until = self.clock.now() + self.call_timeout;
        let seen = in_time(&*self.clock, until, provider.fleets.observe(state.fleet(), &state.known_groups())).await?;
        // What has been made since is known by now.
        let known = self.load(state.fleet()).await?.state.known_groups();
        let orphans = seen.strangers.into_iter().filter_map(|stranger| stranger.orphan);
        let orphans: BTreeSet<GroupId> = orphans.filter(|group| !known.contains(group)).collect();
        if orphans.is_empty() {
            return Ok(BTreeMap::new());
        }
        let unseen = |what: &str, why: &str| Error::new(ErrorKind::Unreachable, format!("{what} is seen in part alone: {why}"));
        let mut weights: BTreeMap<GenerationId, u16> = BTreeMap::new();
        let running = state.rollout().map(|running| &*running.plan).or(state.kept()).map(Plan::fleet);
        let pools: BTreeSet<_> = [Some(terms), running].into_iter().flatten().filter_map(Fleet::traffic_pool).collect();
        for pool in pools.into_iter().chain(state.pool().map(|pool| &pool.id)) {
            let Some(traffic) = &provider.traffic else {
                return Err(lacks_switch(state.fleet(), pool));
            };
            let seen = in_time(&*self.clock, until, traffic.observe(pool)).await?;
            if let Coverage::Part(why) = &seen.coverage {
                return Err(unseen(&format!("pool {pool}"), why));
            }
            for (id, weight) in seen.weights {
                let most = weights.entry(id).or_default();
                *most = weight.max(*most);
            }
        }
        let seen = in_time(&*self.clock, until, provider.fleets.observe(state.fleet(), &orphans)).await?;
        let mut found = BTreeMap::new();
        for seen in seen.groups {
            if let Coverage::Part(why) = &seen.coverage {
                return Err(unseen(&format!("group {}", seen.group), why));
            }
            // It may have gone meanwhile.
            if !matches!(seen.state, GroupState::Absent) {
                let id = seen.group.generation;
                let weight = weights.get(&id).copied().unwrap_or(0);
                found.entry(id).or_insert_with(|| (Vec::new(), weight)).0.push(seen);
            }
        }
        Ok(found)
    }
}

fn size(seen: &GroupSeen) -> u32 {
    if let GroupState::Present { size, .. } = seen.state { size } else { 0 }
}

/// Who is there, also on the way out.
fn there(seen: &GroupSeen) -> impl Iterator<Item = &Instance> {
    seen.instances.iter().filter(|instance| instance.life != Life::Gone)
}

/// What is to be done next about an orphan: its members leave, slots that nobody fills are given up, and what is empty is removed.
fn next(generation: GenerationId, groups: &[GroupSeen]) -> Option<Call> {
    for seen in groups {
        let (group, from) = (seen.group, size(seen));
        let leave: BTreeSet<_> =
            there(seen).filter(|instance| instance.life != Life::Leaving).map(|instance| instance.key.clone()).collect();
        if !leave.is_empty() {
            return Some(Call::Resize(Arc::new(Resize::Lower { group, from, leave })));
        }
        if from > 0 {
            return Some(Call::Resize(Arc::new(Resize::GiveUp { group, from, to: 0 })));
        }
    }
    groups.iter().all(|seen| there(seen).next().is_none()).then_some(Call::Destroy(generation))
}
