//! How a group repairs its members: "About repairing VMs for high availability in MIGs".

use super::super::world::World;
use super::super::world::instance::{Instance, Status};
use super::{Action, Group, Member};

impl World {
    /// A member that has been made, and perhaps runs.
    pub(super) fn look_after(&mut self, group: &mut Group, member: &mut Member, machine: Option<&Instance>) {
        let (now, check) = (self.now, self.settings.check);
        let running = machine.filter(|machine| machine.status(now) == Status::Running);
        let Some(machine) = running else {
            // "A failed VM": it stopped, or is not there any more, and the group has not done that. `defaultActionOnFailure` is REPAIR unless said.
            if member.action == Action::Verifying {
                member.action = Action::None;
            }
            if group.setting("instanceLifecyclePolicy.defaultActionOnFailure") != "DO_NOTHING" {
                self.recreate_member(group, member);
            }
            return;
        };
        let Some((_, delay)) = group.healing() else {
            member.action = Action::None;
            return;
        };
        if let Some(at) = machine.next_seen(now, check) {
            group.stir(at);
        }
        let first = machine.runs_at.unwrap_or(now) + check;
        match machine.seen(now, check) {
            Some(true) => member.action = Action::None,
            // "During a VM's initial delay period, the MIG ignores unsuccessful health checks": `initialDelaySec`.
            Some(false) if now >= machine.created + delay => {
                member.action = Action::None;
                if group.heals_sick() {
                    self.recreate_member(group, member);
                }
            }
            Some(false) => group.stir(machine.created + delay),
            None => group.stir(first.max(now + 1)),
        }
    }

    /// The same name, another machine: "recreating", ManagedInstance, `currentAction`. Its root disk is made anew, from the template that it had
    /// (`forceUpdateOnRepair` NO).
    pub(crate) fn recreate_member(&mut self, group: &mut Group, member: &mut Member) {
        member.action = Action::Recreating;
        member.try_at = self.now + self.settings.reaction.max(1);
        let gone = member.instance.and_then(|id| {
            self.delete_instance(id, 0);
            self.instances.get(&id).and_then(|machine| machine.leaving)
        });
        group.stir(gone.map_or(member.try_at, |(_, gone)| gone.max(member.try_at)));
    }
}

impl Group {
    /// `onFailedHealthCheck`: DEFAULT_ACTION is what is done with those that fail.
    fn heals_sick(&self) -> bool {
        match self.setting("instanceLifecyclePolicy.onFailedHealthCheck") {
            "DO_NOTHING" => false,
            "REPAIR" => true,
            _ => self.setting("instanceLifecyclePolicy.defaultActionOnFailure") != "DO_NOTHING",
        }
    }
}
