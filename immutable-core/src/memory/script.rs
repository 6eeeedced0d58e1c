//! What goes wrong in the world, on request. What goes wrong on the wire is not here: wrap the cloud for that.

use std::sync::Arc;
use std::time::Duration;

use super::MemoryCloud;
use super::effects::Cause;
use super::group::Group;
use super::view::{Lie, Partial, Whose};
use super::world::{Env, World};
use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{FleetId, GenerationId, GroupId, Held, Life, Upkeep, Verdict};
use crate::id::{InstanceName, NativeRef, Zone};

/// Images that do not work.
impl MemoryCloud {
    /// From now on, instances of this artifact run and are unhealthy from their first check on. Those that are healthy stay so.
    pub fn never_healthy(&self, artifact: &Artifact) {
        self.world().env.images.doom_health(artifact.digest());
    }

    /// From now on, instances of this artifact hang in their boot. Those that run, run on.
    pub fn never_boots(&self, artifact: &Artifact) {
        self.world().env.images.doom_boot(artifact.digest());
    }

    /// From now on, of a thousand boots so many hang by chance, whatever they boot; 0 ends it. Those that hang go on hanging.
    pub fn boots_hang(&self, of_a_thousand: u32) {
        self.world().env.boots_hang = of_a_thousand;
    }

    /// Ends [`never_healthy`](Self::never_healthy) and [`never_boots`](Self::never_boots): what hangs runs, what is ill is healthy, at once.
    pub fn healthy_again(&self, artifact: &Artifact) {
        let mut world = self.world();
        world.env.images.absolve(artifact.digest());
        world.each_group(|group, env| {
            if env.images.artifact(group.spec.image.id()) != Some(artifact.digest()) {
                return;
            }
            for at in (0..group.slots.len()).filter(|at| group.is_member(*at) && group.ails(*at)).collect::<Vec<_>>() {
                match group.life(at) {
                    Life::Booting => group.run(env, at),
                    _ => group.judge(env, at, Verdict::Healthy, Cause::Script),
                }
            }
        });
    }
}

/// Single machines.
impl MemoryCloud {
    /// Takes a machine's life, at once. Where the cloud heals, another comes under its name; elsewhere its group's size falls with it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there.
    pub fn kill(&self, name: &InstanceName) -> Result<()> {
        self.with_instance(name, |group, env, at| group.die(env, at, Cause::Script))
    }

    /// Makes a running machine unhealthy.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there.
    pub fn sicken(&self, name: &InstanceName) -> Result<()> {
        self.with_instance(name, |group, env, at| group.judge(env, at, Verdict::Unhealthy, Cause::Script))
    }

    /// Makes a running machine healthy.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there.
    pub fn cure(&self, name: &InstanceName) -> Result<()> {
        self.with_instance(name, |group, env, at| group.judge(env, at, Verdict::Healthy, Cause::Script))
    }

    /// Protects a machine from termination: who names it to leave is refused, and nobody chooses it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there.
    pub fn protect(&self, name: &InstanceName) -> Result<()> {
        self.with_instance(name, |group, _, at| group.hold(at, Some(Held::Protected)))
    }

    /// Ends [`protect`](Self::protect).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there.
    pub fn unprotect(&self, name: &InstanceName) -> Result<()> {
        self.with_instance(name, |group, env, at| {
            group.hold(at, None);
            if group.ails(at) {
                group.notice(env, at);
            }
        })
    }

    /// From now on machines that were checked once die by chance, each after an exponentially distributed time of this mean;
    /// `None` ends it.
    pub fn deaths(&self, mean_time: impl Into<Option<Duration>>) {
        let mut world = self.world();
        world.env.deaths = mean_time.into();
        world.env.deaths_set += 1;
        world.each_group(|group, env| {
            let checked = |group: &Group, at: &usize| {
                group.is_member(*at) && group.slots.get(*at).is_some_and(|slot| slot.verdict != Verdict::Starting)
            };
            for at in (0..group.slots.len()).filter(|at| checked(group, at)).collect::<Vec<_>>() {
                group.fear_death(env, at);
            }
        });
    }

    fn with_instance(&self, name: &InstanceName, act: impl FnOnce(&mut Group, &mut Env, usize)) -> Result<()> {
        let mut world = self.world();
        let exists = |group: &Group| group.named(name).filter(|at| group.life(*at) != Life::Gone);
        let found = world.groups.iter().flatten().find_map(|group| Some((group.handle, exists(group)?)));
        let (handle, at) = found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no machine {name}")))?;
        world.with(handle, |group, env| act(group, env, at));
        Ok(())
    }
}

/// What the provider cannot give.
impl MemoryCloud {
    /// Limits how many machines there may be in all; `None` ends it. What is above it already, stays.
    pub fn capacity(&self, machines: impl Into<Option<u32>>) {
        self.world().env.room.most = machines.into();
    }

    /// Limits how many machines there may be in a zone; `None` ends it. What is above it already, stays.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such zone.
    pub fn zone_capacity(&self, zone: impl Into<Zone>, machines: impl Into<Option<u32>>) -> Result<()> {
        let (zone, mut world) = (zone.into(), self.world());
        let at = world.env.settings.zones.iter().position(|known| *known == zone);
        match at.and_then(|at| world.env.room.zones.get_mut(at)) {
            Some((_, most)) => *most = machines.into(),
            None => return Err(no_zone(&zone, &world)),
        }
        Ok(())
    }

    /// Of the next raise so many launches never come, and nothing tells of it: its size is as asked for, its group idle.
    pub fn launches_come_short(&self, by: u32) {
        self.world().env.launches_short = by;
    }

    /// Of the next raise so many launches do not come, and nothing tells of it; they do the moment that they are given up.
    pub fn launches_come_late(&self, by: u32) {
        self.world().env.launches_late = by;
    }

    /// The next so many operations that are [only accepted](super::MemoryOptions::operations_take) take so long.
    pub fn operations_hang(&self, operations: u32, duration: Duration) {
        self.world().env.operations_hang = (operations, duration);
    }

    /// The next so many copies of images from here fail when they should be there.
    pub fn copies_fail(&self, copies: u32) {
        self.world().env.copies_fail = copies;
    }

    /// The next raise is done for so many fewer, and says so.
    pub fn raises_come_short(&self, by: u32) {
        self.world().env.raises_short = by;
    }
}

/// What cannot be seen, or is seen wrongly. The truth stays what it is.
impl MemoryCloud {
    /// For this long nothing is known of any instance's health.
    pub fn black_out(&self, duration: Duration) {
        self.lie(Verdict::Unknown, duration);
    }

    /// For this long nothing is known of the health of this artifact's instances.
    pub fn black_out_of(&self, artifact: &Artifact, duration: Duration) {
        let mut world = self.world();
        let until = world.env.now + duration;
        world.distortions.health.push(Lie { until, of: Whose::Of(artifact.digest()), says: Verdict::Unknown });
    }

    /// For this long nothing is known of the health of any other artifact's instances.
    pub fn black_out_but(&self, artifact: &Artifact, duration: Duration) {
        let mut world = self.world();
        let until = world.env.now + duration;
        world.distortions.health.push(Lie { until, of: Whose::But(artifact.digest()), says: Verdict::Unknown });
    }

    /// For this long the same is said of every running instance's health, true or not.
    pub fn lie(&self, verdict: Verdict, duration: Duration) {
        let mut world = self.world();
        let until = world.env.now + duration;
        world.distortions.health.push(Lie { until, of: Whose::All, says: verdict });
    }

    /// For this long views lack the second half of each group, and say that they are partial, and why.
    pub fn partial_views(&self, why: &str, duration: Duration) {
        let mut world = self.world();
        let until = world.env.now + duration;
        world.distortions.partial.push(Partial { until, zone: None, why: why.into() });
    }

    /// For this long every other look is answered by a replica that lags behind, and says that it shows but a part: a group that was made, or began to be
    /// deleted, less than 40 s ago is not there; of others the second half is missing, and who was sent away healthy less than 40 s ago
    /// is there still.
    pub fn flicker(&self, duration: Duration) {
        let mut world = self.world();
        world.distortions.flickers_until = world.env.now + duration;
    }

    /// For this long views lack the second half of each pool's targets, and say that they are partial, and why.
    pub fn partial_pool_views(&self, why: &str, duration: Duration) {
        let mut world = self.world();
        let until = world.env.now + duration;
        world.distortions.partial_pools.push(Partial { until, zone: None, why: why.into() });
    }

    /// For this long every other look at a pool is answered by a replica that lags behind, and says so: tag, weights and what is not ours are those of
    /// 40 s ago, of the targets the second half is missing, and nothing is known of a residue.
    pub fn flicker_pools(&self, duration: Duration) {
        let mut world = self.world();
        world.distortions.pools_flicker_until = world.env.now + duration;
    }

    /// For this long views lack what is in a zone, and say that they are partial.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such zone.
    pub fn silence(&self, zone: impl Into<Zone>, duration: Duration) -> Result<()> {
        let (zone, mut world) = (zone.into(), self.world());
        if !world.env.settings.zones.contains(&zone) {
            return Err(no_zone(&zone, &world));
        }
        let until = world.env.now + duration;
        let why: Arc<str> = format!("zone {zone} does not answer").into();
        world.distortions.partial.push(Partial { until, zone: Some(zone), why });
        Ok(())
    }
}

/// What other people do.
impl MemoryCloud {
    /// Somebody else makes a machine run another artifact, under its own name.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if no machine of this name is there, or the artifact has no image here.
    pub fn swap(&self, name: &InstanceName, artifact: &Artifact) -> Result<()> {
        let image = artifact.image_in(&self.place()).map(|image| image.id().clone());
        let image =
            image.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{artifact} has no image in {}", self.place())))?;
        self.with_instance(name, |group, env, at| group.run_other(env, at, image))
    }

    /// Somebody else sets a group's size. Whom it takes when there are too many, the provider chooses.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such group.
    pub fn set_size(&self, fleet: &FleetId, group: GroupId, size: u32) -> Result<()> {
        let mut world = self.world();
        let handle = world.handle(fleet, group)?;
        world.with(handle, |group, env| group.resize_blindly(env, size, Cause::Script));
        Ok(())
    }

    /// Somebody else changes what the provider may do to a group by itself.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such group.
    pub fn change_upkeep(&self, fleet: &FleetId, group: GroupId, upkeep: Upkeep) -> Result<()> {
        let mut world = self.world();
        let handle = world.handle(fleet, group)?;
        world.with(handle, |group, env| group.keep(env, upkeep, Cause::Script));
        Ok(())
    }

    /// Somebody else deletes a group with all that is in it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such group.
    pub fn delete_group(&self, fleet: &FleetId, group: GroupId) -> Result<()> {
        let mut world = self.world();
        let handle = world.handle(fleet, group)?;
        world.delete(&[handle], Cause::Script);
        Ok(())
    }

    /// Somebody else has something of the name that a generation would have: to make it fails with [`Taken`](ErrorKind::Taken), and
    /// looks at the fleet show a stranger.
    ///
    /// # Errors
    /// [`Taken`](ErrorKind::Taken) if the generation exists.
    pub fn take_name(&self, fleet: &FleetId, generation: GenerationId) -> Result<()> {
        let mut world = self.world();
        let name = generation.name(fleet);
        if !world.generation(fleet, generation).is_empty() {
            return Err(Error::new(ErrorKind::Taken, format!("the name {name} belongs to a generation already")));
        }
        world.strangers.insert((fleet.clone(), generation), NativeRef::new(name));
        Ok(())
    }
}

impl World {
    fn handle(&self, fleet: &FleetId, group: GroupId) -> Result<usize> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no group {group} of fleet {fleet}"));
        self.handles.get(fleet).and_then(|groups| groups.get(&group)).copied().ok_or_else(missing)
    }

    fn each_group(&mut self, mut act: impl FnMut(&mut Group, &mut Env)) {
        for handle in 0..self.groups.len() {
            self.with(handle, &mut act);
        }
    }
}

fn no_zone(zone: &Zone, world: &World) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no zone {zone} in {}", world.env.settings.place))
}
