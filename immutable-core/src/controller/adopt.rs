//! A group that others made becomes a fleet's first generation, and its baseline.

use std::sync::Arc;
use std::time::Duration;

use super::Controller;
use super::load;
use super::timely::in_time;
use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::fleet::{Fleet, GenerationId, GenerationSpec, GroupId, Release};
use crate::id::{Actor, InstanceKey, NativeRef};
use crate::provider::Provider;
use crate::rollout::{Adopting, Event, FleetState, Proven, busy, evidence, quiet, standing};
use crate::time::Timestamp;

impl Controller {
    /// Takes over a group that others made, such as an Auto Scaling group or a scale set, as the first generation of a fleet: a rollout then replaces it as it does any, and can go back
    /// to it. Its instances and its size stay as they are; it gets our marks, and its provider does nothing to it by itself any more. Once it is replaced it is
    /// removed, as any generation is.
    ///
    /// `native` is what the provider calls it, and `artifact` what it runs: the artifact's image in this place must be the one that the group launches. The fleet says when an
    /// instance counts as healthy. The group is waited for, up to the fleet's boot deadline, until every instance has been for as long as the fleet asks. Its size
    /// is what the fleet has then, whatever is said here.
    ///
    /// It may be dropped at any await, and called again. What was marked and is not adopted in the end is let be, by rollouts and by [`remove_orphan`](Self::remove_orphan): it is not ours.
    ///
    /// ```
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::time::VirtualClock;
    /// # use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let (controller, fleet) = (cloud.controller(), Fleet::new("web", cloud.place()).size(3));
    /// # let (v1, v2) = (cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?);
    /// let by_hand = cloud.group_of_others("web-by-hand", &v1, 3)?;
    /// # clock.run(async {
    /// let baseline = controller.adopt(&fleet, &by_hand, &v1, "ann").await?;
    /// assert_eq!(baseline.instances, 3);
    /// let plan = controller.plan(&fleet, &v2, Strategy::rolling()).await?;
    /// assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the provider adopts nothing, the group can be no baseline or launches another image, the fleet has generations already, or gets its requests from a
    /// pool; [`NotFound`](ErrorKind::NotFound) if there is no such group; [`Denied`](ErrorKind::Denied) if the artifact is revoked; [`Busy`](ErrorKind::Busy), naming the rollout,
    /// while one runs: nothing was changed then. [`Stale`](ErrorKind::Stale) if one has begun meanwhile; [`Busy`](ErrorKind::Busy) if the provider was changing the group until the boot
    /// deadline; [`Taken`](ErrorKind::Taken) if it bears other marks of ours; [`Conflict`](ErrorKind::Conflict) if it was changed meanwhile; [`Unreachable`](ErrorKind::Unreachable) if not all
    /// of it was healthy by the boot deadline, saying who was not, and what the journal and the provider fail with: it may bear our marks then.
    pub async fn adopt(&self, fleet: &Fleet, native: &NativeRef, artifact: &Artifact, by: impl Into<Actor>) -> Result<Proven> {
        fleet.check()?;
        let (id, by) = (fleet.id(), by.into());
        let provider = self.provider(id.place())?;
        if !provider.fleets.capabilities().adopt {
            let what = format!("{} takes over no groups that others made; let a first deployment replace {native}", id.place());
            return Err(Error::invalid(what));
        }
        if let Some(pool) = fleet.traffic_pool() {
            let what = format!(
                "{native} gets its requests as it did before, and not from pool {pool}; adopt it for a fleet without one"
            );
            return Err(Error::invalid(what));
        }
        let give_up_at = self.clock.now() + fleet.health().boot_deadline;
        let read = in_time(&*self.clock, self.until(), provider.fleets.inspect(native)).await?;
        let spec = spec_of(fleet, native, artifact, read, &provider)?;
        let loaded = self.load(id).await?;
        if let Some(running) = loaded.state.rollout() {
            return Err(busy(&loaded.state, running));
        }
        self.recorded(artifact).await?;
        let adopting = match self.adopting(native, spec, &by).await? {
            Begun::Before(proven) => return Ok(proven),
            Begun::Now(adopting) => adopting,
        };
        self.mark(&provider, fleet, &adopting, give_up_at).await?;
        let keys = self.stood(&provider, fleet, &adopting, give_up_at).await?;
        self.adopted(&adopting, &keys).await
    }

    fn until(&self) -> Timestamp {
        self.clock.now() + self.call_timeout
    }

    /// Journals what is to be adopted, unless that is so already.
    async fn adopting(&self, native: &NativeRef, spec: GenerationSpec, by: &Actor) -> Result<Begun> {
        let fleet = spec.fleet.clone();
        for _ in 0..load::TRIES {
            let loaded = self.load(&fleet).await?;
            let state = &loaded.state;
            if let Some(running) = state.rollout() {
                return Err(busy(state, running));
            }
            if let Some(proven) = of_before(state, &spec) {
                return Ok(Begun::Before(proven));
            }
            if let Some(there) = state.generations().keys().next() {
                return Err(Error::invalid(format!(
                    "fleet {fleet} has generation {there}, and a fleet begins with what it adopts; adopt {native} for another"
                )));
            }
            let again = state.adopting().filter(|known| known.native == *native && is(&known.spec, &spec));
            if let Some(again) = again {
                return Ok(Begun::Now(again.clone()));
            }
            let spec = Arc::new(GenerationSpec { id: GenerationId(state.next_generation), ..spec.clone() });
            let adopting = Event::Adopting { op: state.next_op, native: native.clone(), spec: spec.clone(), by: by.clone() };
            let op = state.next_op;
            if load::write(self, &loaded, Duration::ZERO, vec![adopting]).await?.is_some() {
                return Ok(Begun::Now(Adopting { op, native: native.clone(), spec }));
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("fleet {fleet} is written to by too many; try again")))
    }

    /// Has the provider mark it, again where nobody knows whether that was done: the same again changes nothing.
    async fn mark(&self, provider: &Provider, fleet: &Fleet, adopting: &Adopting, give_up_at: Timestamp) -> Result<()> {
        let Adopting { op, native, spec } = adopting;
        loop {
            let state = self.load(fleet.id()).await?;
            still(&state.state, adopting)?;
            let op = state.state.op(*op);
            let marked = provider.fleets.adopt(&op, native, spec);
            match in_time(&*self.clock, self.until(), marked).await {
                Ok(()) => return Ok(()),
                Err(error) if error.retry() == Retry::Never || self.clock.now() >= give_up_at => return Err(error),
                Err(error) => tracing::debug!(%error, %native, "it is marked again"),
            }
            self.clock.sleep_until(self.clock.now() + self.poll).await;
        }
    }

    /// Waits until every instance has been healthy for as long as the fleet asks.
    async fn stood(
        &self,
        provider: &Provider,
        fleet: &Fleet,
        adopting: &Adopting,
        give_up_at: Timestamp,
    ) -> Result<Vec<InstanceKey>> {
        let Adopting { native, spec, .. } = adopting;
        let (known, heals) = (spec.group_ids().collect(), provider.fleets.capabilities().heals);
        let mut since: Option<(Timestamp, Vec<InstanceKey>)> = None;
        loop {
            let asked = self.clock.now();
            let seen = in_time(&*self.clock, self.until(), provider.fleets.observe(fleet.id(), &known)).await;
            let stands = match &seen {
                Ok(seen) => {
                    let group = seen.groups.iter().find(|seen| known.contains::<GroupId>(&seen.group));
                    group.map_or_else(|| Err("it is not shown".to_owned()), |seen| standing(seen, spec, fleet.health(), heals))
                }
                Err(error) => Err(error.to_string()),
            };
            let why = match stands {
                Ok(keys) => {
                    let keys: Vec<InstanceKey> = keys.into_iter().cloned().collect();
                    // Whoever came meanwhile has it from now on.
                    let (from, keys) = since.take().filter(|(_, before)| *before == keys).unwrap_or((asked, keys));
                    if asked.since(from) >= fleet.health().min_ready {
                        return Ok(keys);
                    }
                    since = Some((from, keys));
                    "not for long enough".to_owned()
                }
                Err(why) => {
                    since = None;
                    why
                }
            };
            if self.clock.now() >= give_up_at {
                let what =
                    format!("{native} bears our marks, and is not adopted, since not all of it is healthy: {why}; ask again");
                return Err(Error::new(ErrorKind::Unreachable, what));
            }
            self.clock.sleep_until(self.clock.now() + self.poll).await;
        }
    }

    /// Journals that it is the fleet's.
    async fn adopted(&self, adopting: &Adopting, keys: &[InstanceKey]) -> Result<Proven> {
        let Adopting { op, spec, .. } = adopting;
        let keys: Vec<&InstanceKey> = keys.iter().collect();
        let instances = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        for _ in 0..load::TRIES {
            let loaded = self.load(&spec.fleet).await?;
            // Somebody else has asked for the same.
            if let Some(proven) = of_before(&loaded.state, spec) {
                return Ok(proven);
            }
            still(&loaded.state, adopting)?;
            let adopted = Event::Adopted { op: *op, instances, evidence: evidence(&keys, Some(spec.image.id())) };
            if let Some(written) = load::write(self, &loaded, Duration::ZERO, vec![adopted]).await?
                && let Some(proven) = written.state.proven()
            {
                return Ok(proven.clone());
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("fleet {} is written to by too many; try again", spec.fleet)))
    }
}

/// Whether an adoption was to be begun.
enum Begun {
    Now(Adopting),
    /// It is the fleet's baseline.
    Before(Proven),
}

/// The spec of what is adopted: as it was read, for this fleet, of this artifact.
fn spec_of(
    fleet: &Fleet,
    native: &NativeRef,
    artifact: &Artifact,
    read: GenerationSpec,
    provider: &Provider,
) -> Result<GenerationSpec> {
    let place = fleet.id().place();
    let image = artifact.image_in(place).ok_or_else(|| Error::invalid(format!("{artifact} has no image in {place}")))?;
    // Some places do not tell names apart by their case.
    if !image.id().as_str().eq_ignore_ascii_case(read.image.id().as_str()) {
        return Err(Error::invalid(format!(
            "{native} launches {}, and {artifact} is {image}; name the artifact that it runs",
            read.image
        )));
    }
    let release = Release { artifact: artifact.digest(), template: read.template.digest() };
    let (name, version) = (artifact.name().clone(), artifact.version().clone());
    let spec = GenerationSpec { fleet: fleet.id().clone(), name, version, release, image: image.clone(), ..read };
    Ok(quiet(&spec, provider.fleets.capabilities().heals))
}

/// Whether two specs are of the same, whatever their numbers.
fn is(known: &GenerationSpec, spec: &GenerationSpec) -> bool {
    GenerationSpec { id: known.id, ..spec.clone() } == *known
}

/// What is proven of what was adopted before.
fn of_before(state: &FleetState, spec: &GenerationSpec) -> Option<Proven> {
    let proven = state.proven().filter(|proven| is(&proven.spec, spec))?;
    state.generations().contains_key(&proven.spec.id).then(|| proven.clone())
}

/// Whether what is being adopted is still what the fleet is to begin with.
fn still(state: &FleetState, adopting: &Adopting) -> Result<()> {
    if state.adopting() == Some(adopting) {
        return Ok(());
    }
    let what = format!("fleet {} has gone on without {}: look at it again", state.fleet(), adopting.native);
    Err(Error::new(ErrorKind::Stale, what))
}
