//! Groups that others made, and how one of them becomes a fleet's.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::MemoryCloud;
use super::effects::{Cause, What};
use super::group::Group;
use super::world::World;
use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{FleetId, GenerationId, GenerationSpec, GroupId, GroupSpec, LaunchTemplate, Op, Placement, Release, Upkeep};
use crate::id::NativeRef;

impl MemoryCloud {
    /// Somebody else makes a group of so many machines of an artifact, which boot as any do. It is no fleet's until it is
    /// [adopted](crate::Controller::adopt).
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the artifact has no image here; [`Taken`](ErrorKind::Taken) if others have a group of that name.
    pub fn group_of_others(&self, name: impl Into<Arc<str>>, artifact: &Artifact, instances: u32) -> Result<NativeRef> {
        let native = NativeRef::new(name);
        let place = self.place();
        let missing = || Error::new(ErrorKind::NotFound, format!("{artifact} has no image in {place}"));
        let image = artifact.image_in(&place).ok_or_else(missing)?.clone();
        let mut world = self.world();
        if world.others.contains_key(&native) {
            return Err(Error::new(ErrorKind::Taken, format!("there is a group {native} already")));
        }
        let template = LaunchTemplate::default();
        let max = world.env.settings.group_size_max;
        let spec = Arc::new(GenerationSpec {
            fleet: FleetId::new(place, native.as_str()),
            id: GenerationId(1),
            name: artifact.name().clone(),
            version: artifact.version().clone(),
            release: Release { artifact: artifact.digest(), template: template.digest() },
            image,
            template,
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max }],
            pool: None,
            upkeep: Upkeep::default(),
            labels: BTreeMap::new(),
        });
        let handle = world.groups.len();
        let mut made = Group::new(handle, &spec, spec.digest(), 0, &world.env.settings);
        (made.since, made.name) = (world.env.now, native.as_str().into());
        world.groups.push(Some(made));
        world.others.insert(native.clone(), handle);
        world.with(handle, |group, env| group.resize_blindly(env, instances, Cause::Script));
        Ok(native)
    }
}

impl World {
    /// A group of others, if there is one of this name still.
    pub(super) fn other(&self, native: &NativeRef) -> Result<&Group> {
        let group = self.others.get(native).and_then(|handle| self.groups.get(*handle)?.as_ref());
        group.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no group {native} that others made")))
    }

    pub(super) fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        let group = self.other(native)?;
        Ok(GenerationSpec { upkeep: group.upkeep, ..(*group.spec).clone() })
    }

    pub(super) fn adopt(&mut self, op: &Op, native: &NativeRef, spec: &Arc<GenerationSpec>) -> Result<()> {
        if op.fleet != spec.fleet {
            let what = format!("op {} is of fleet {}, {} of {}", op.id, op.fleet, spec.full_name(), spec.fleet);
            return Err(Error::invalid(what));
        }
        if let Some(fault) = self.faults(spec).into_iter().next() {
            return Err(Error::invalid(fault));
        }
        let [placed] = &spec.groups[..] else {
            return Err(Error::invalid(format!("{native} is one group, and the spec has {}", spec.groups.len())));
        };
        let id = GroupId { generation: spec.id, cell: placed.cell };
        let (group, mark) = (self.other(native)?, spec.digest());
        let taken = |by: &str| Err(Error::new(ErrorKind::Taken, format!("{native} cannot be adopted as group {id}: {by}")));
        let ours = self.handles.values().any(|groups| groups.values().any(|handle| *handle == group.handle));
        if ours {
            if group.mark != mark || group.id != id {
                return taken("it is a group of ours already");
            }
            let handle = group.handle;
            self.with(handle, |group, env| group.keep(env, spec.upkeep, Cause::Call(op.id)));
            return Ok(());
        }
        if !self.generation(&spec.fleet, spec.id).is_empty() || self.strangers.contains_key(&(spec.fleet.clone(), spec.id)) {
            return taken("there is one of that name");
        }
        let was = group.spec.groups.first().map(|group| &group.placement);
        if group.spec.image != spec.image || group.spec.template != spec.template || was != Some(&placed.placement) {
            let what = format!("{native} is not what was read of it: it launches {}; inspect it again", group.spec.image);
            return Err(Error::new(ErrorKind::Conflict, what));
        }
        let handle = group.handle;
        self.handles.entry(spec.fleet.clone()).or_default().insert(id, handle);
        self.with(handle, |group, env| {
            (group.spec, group.id, group.mark, group.max) = (spec.clone(), id, mark, placed.max);
            group.keep(env, spec.upkeep, Cause::Call(op.id));
            env.note(Cause::Call(op.id), &spec.fleet, Some(id), || What::Adopted);
        });
        Ok(())
    }
}
