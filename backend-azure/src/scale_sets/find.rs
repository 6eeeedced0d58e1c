//! Which scale set a group is: the one of its name, or, if it was adopted, the one whose tags say so.

use std::sync::PoisonError;
use std::time::Duration;

use immutable_core::Result;
use immutable_core::fleet::{FleetId, GroupId};

use super::seen::Group;
use super::{LOOKS, VmssFleet};
use crate::marks;

impl VmssFleet {
    /// The scale set of a group; somebody else's, if that is what has its name; or that there is none, after several looks.
    pub(super) async fn find(&self, fleet: &FleetId, id: GroupId) -> Result<Option<Group>> {
        let is_it = |group: &Group| group.id(fleet) == Some(id);
        let known = self.known(fleet, id);
        let name = known.clone().unwrap_or_else(|| marks::name(fleet, id));
        let mut other = None;
        for turn in 0..LOOKS {
            if turn > 0 {
                self.azure.pause(Duration::from_secs(1)).await;
            }
            match self.azure.group(&name).await? {
                Some(found) if is_it(&found) => return Ok(Some(found)),
                found => other = found.or(other),
            }
            // What was adopted is the only group of its generation, and its name is told by the list alone.
            if known.is_some() || id.cell > 0 {
                continue;
            }
            if let Some(listed) = self.azure.groups().await?.into_iter().find(is_it) {
                self.know(fleet, &listed);
                // What is listed may be gone already, and has no etag.
                if let Some(found) = self.certainly(&listed.name).await?.filter(is_it) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(other)
    }

    /// The name of a group that was adopted, if this process has seen it: a list that is behind the times does not hide it again.
    pub(super) fn known(&self, fleet: &FleetId, id: GroupId) -> Option<String> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner).get(&(fleet.name().to_owned(), id)).cloned()
    }

    /// Remembers a group that was adopted.
    pub(super) fn know(&self, fleet: &FleetId, group: &Group) {
        if let Some(id) = group.id(fleet).filter(|_| group.is_adopted()) {
            let mut adopted = self.adopted.lock().unwrap_or_else(PoisonError::into_inner);
            adopted.insert((fleet.name().to_owned(), id), group.name.clone());
        }
    }

    /// Forgets a group that is not there any more: the name that it had, if it was adopted.
    pub(super) fn forget(&self, fleet: &FleetId, id: GroupId) -> Option<String> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner).remove(&(fleet.name().to_owned(), id))
    }
}
