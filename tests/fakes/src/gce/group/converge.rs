//! What groups do by themselves: they make what is missing, and take away what is too much.

use super::super::asked::{name_of, project_of};
use super::super::image::Resolved;
use super::super::place;
use super::super::world::World;
use super::super::world::instance::{Launch, Status};
use super::{Action, Group, Member, Trouble};
use crate::fault::scramble;

/// How many errors a group remembers.
const TROUBLES: usize = 100;

impl World {
    pub(crate) fn tick_groups(&mut self) {
        let due: Vec<String> = self
            .groups
            .values()
            .filter(|group| group.next.is_some_and(|at| at <= self.now))
            .map(|group| group.path.clone())
            .collect();
        for path in due {
            let Some(mut group) = self.groups.remove(&path) else { continue };
            group.next = None;
            self.converge(&mut group);
            if group.deleting && group.members.is_empty() {
                self.autoscalers.retain(|_, autoscaler| autoscaler.target != path);
                self.finish(&path, "delete", None);
            } else {
                self.groups.insert(path, group);
            }
        }
    }

    fn converge(&mut self, group: &mut Group) {
        let names: Vec<String> = group.members.keys().cloned().collect();
        for name in names {
            if let Some(mut member) = group.members.remove(&name)
                && self.step(group, &mut member)
            {
                group.members.insert(name, member);
            }
        }
        if group.deleting {
            let names: Vec<String> = group.members.keys().cloned().collect();
            names.iter().for_each(|name| self.take_away(group, name));
            return;
        }
        if let Some(size) = self.autoscaled(group) {
            group.target = size;
        }
        while group.counted() < group.target {
            self.add(group);
        }
        while group.counted() > group.target {
            let Some(victim) = self.victim(group) else { break };
            self.take_away(group, &victim);
        }
        self.redistribute(group);
    }

    /// What becomes of a member; `false`: it is none any more.
    fn step(&mut self, group: &mut Group, member: &mut Member) -> bool {
        let now = self.now;
        let machine = member.instance.and_then(|id| self.instances.get(&id)).cloned();
        let status = machine.as_ref().map_or(Status::Gone, |machine| machine.status(now));
        let runs_at = machine.as_ref().and_then(|machine| machine.runs_at);
        match (member.action, status) {
            (Action::Deleting, Status::Gone) => return false,
            (Action::Creating | Action::Recreating, Status::Gone) => {
                member.instance = None;
                if member.try_at > now {
                    group.stir(member.try_at);
                } else {
                    self.try_to_make(group, member);
                }
            }
            (_, Status::Stopping) => {
                if let Some((_, gone)) = machine.and_then(|machine| machine.leaving) {
                    group.stir(gone);
                }
            }
            (Action::Creating | Action::Recreating, Status::Running) => {
                // "Verification happens every time the instance is (re)created or restarted": until the health check knows it to be well, if there is one.
                member.action = if group.healing().is_some() { Action::Verifying } else { Action::None };
                member.problem = None;
                return self.step(group, member);
            }
            (Action::Creating | Action::Recreating, Status::Provisioning | Status::Staging) => {
                if let Some(at) = runs_at {
                    group.stir(at);
                }
            }
            (Action::Deleting, _) => {}
            _ => self.look_after(group, member, machine.as_ref()),
        }
        true
    }

    /// It is tried to make a virtual machine. "If the group fails to create this instance, it will try again until it is successful":
    /// `currentAction`. "Retrying the same zone is futile" (scylla-cluster-tests#14383), and that is what it does.
    fn try_to_make(&mut self, group: &mut Group, member: &mut Member) {
        match self.may_make(group, member) {
            Ok(image) => {
                let launch = Launch {
                    name: member.name.clone(),
                    project: project_of(&group.path).into(),
                    zone: member.zone.clone(),
                    template: member.template.clone(),
                    image,
                    group: group.path.clone(),
                };
                let id = self.launch(launch);
                member.instance = Some(id);
                if let Some(at) = self.instances.get(&id).and_then(|machine| machine.runs_at) {
                    group.stir(at);
                }
            }
            Err((code, message)) => {
                let trouble = Trouble {
                    at: self.now,
                    action: member.action,
                    instance: Self::instance_path(group, member),
                    template: member.template.clone(),
                    code: code.clone(),
                    message: message.clone(),
                };
                group.troubles.push(trouble);
                let old = group.troubles.len().saturating_sub(TROUBLES);
                group.troubles.drain(..old);
                member.problem = Some((code, message));
                member.try_at = self.now + self.settings.retry;
                group.stir(member.try_at);
            }
        }
    }

    /// The image that it would be made of, or why it cannot be: code, message.
    fn may_make(&self, group: &Group, member: &Member) -> Result<String, (String, String)> {
        let project = project_of(&group.path);
        let zone = format!("projects/{project}/zones/{}", member.zone);
        let template = self.templates.get(&member.template);
        let machine_type = template.map_or("", |template| template.machine_type());
        if !place::has_machine_type(machine_type) {
            let message = format!("The resource '{zone}/machineTypes/{machine_type}' was not found");
            return Err(("RESOURCE_NOT_FOUND".into(), message));
        }
        let named = template.and_then(|template| template.image()).unwrap_or_default();
        let image = match self.usable_image(&named) {
            Resolved::Usable(image) => image,
            Resolved::Missing => return Err(("RESOURCE_NOT_FOUND".into(), format!("The resource '{named}' was not found"))),
            Resolved::NotReady => return Err(("RESOURCE_NOT_READY".into(), format!("The resource '{named}' is not ready"))),
            // "Operations which use OBSOLETE or DELETED resources will be rejected and result in an error": DeprecationStatus.
            Resolved::Obsolete => {
                let message = format!("Invalid resource usage: 'The image {named} is obsolete or deleted.'.");
                return Err(("INVALID_USAGE".into(), message));
            }
        };
        // kubernetes/k8s.io#9834 quotes both the code and the words.
        if self.settings.capacity.get(&member.zone).is_some_and(|room| self.live(Some(&member.zone)) >= *room) {
            let message = format!(
                "The zone '{zone}' does not have enough resources available to fulfill the request.  '(resource type:compute)'."
            );
            return Err(("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS".into(), message));
        }
        if let Some(limit) = self.settings.quota.filter(|limit| self.live(None) >= *limit) {
            let message = format!("Quota 'INSTANCES' exceeded.  Limit: {limit}.0 in region {}.", self.region);
            return Err(("QUOTA_EXCEEDED".into(), message));
        }
        Ok(image)
    }

    /// One more, in the zone that has fewest: "Regional MIGs", shape EVEN. "The MIG appends a hyphen and a random four-character string to the base
    /// instance name": `baseInstanceName`.
    fn add(&mut self, group: &mut Group) {
        let Some(zone) = group.spread().into_iter().next().map(|(_, zone)| zone) else { return };
        self.add_in(group, zone);
    }

    fn add_in(&mut self, group: &mut Group, zone: String) {
        let base = group.setting("baseInstanceName").to_owned();
        let name = loop {
            const LETTERS: &[u8; 32] = b"0123456789bcdfghjklmnpqrstvwxz49";
            group.draws += 1;
            let mut draw = scramble(group.id ^ group.draws);
            let mut name = format!("{base}-");
            for _ in 0..4 {
                let letter = usize::try_from(draw % 32).ok().and_then(|at| LETTERS.get(at));
                name.push(char::from(*letter.unwrap_or(&b'0')));
                draw /= 32;
            }
            let taken = self.instances.values().any(|machine| machine.name == name && machine.status(self.now) != Status::Gone);
            if !taken && !group.members.contains_key(&name) {
                break name;
            }
        };
        let mut member = Member {
            name: name.clone(),
            zone,
            action: Action::Creating,
            instance: None,
            template: group.template.clone(),
            try_at: self.now,
            problem: None,
            shown_at: self.now + self.settings.lag_members,
        };
        self.try_to_make(group, &mut member);
        group.members.insert(name, member);
    }

    /// Who is to go when a group is made smaller, is the group's choice: "If you decrease the size, the group deletes one or more instances"
    /// (resize). Those that do not run go first, then of the zone that has most, anybody.
    fn victim(&mut self, group: &mut Group) -> Option<String> {
        let unborn = group.members.values().find(|member| matches!(member.action, Action::Creating | Action::Recreating));
        if let Some(member) = unborn {
            return Some(member.name.clone());
        }
        let zone = group.spread().pop().map(|(_, zone)| zone)?;
        let here = |member: &&Member| member.action != Action::Deleting;
        let mut able: Vec<&Member> = group.members.values().filter(here).filter(|member| member.zone == zone).collect();
        if able.is_empty() {
            able = group.members.values().filter(here).collect();
        }
        group.draws += 1;
        let draw = scramble(group.id ^ group.draws) % u64::try_from(able.len().max(1)).unwrap_or(1);
        able.get(usize::try_from(draw).unwrap_or(0)).map(|member| member.name.clone())
    }

    /// A member begins to leave. It drains first, if it is behind a backend service that lets it ("Enable connection draining").
    pub(crate) fn take_away(&mut self, group: &mut Group, name: &str) {
        let drains = self.backing(group).into_iter().map(|(_, drain)| drain).max().unwrap_or(0);
        let Some(member) = group.members.get_mut(name).filter(|member| member.action != Action::Deleting) else { return };
        member.action = Action::Deleting;
        let machine =
            member.instance.filter(|id| self.instances.get(id).is_some_and(|machine| machine.status(self.now) != Status::Gone));
        match machine {
            Some(id) => {
                self.delete_instance(id, drains);
                let gone = self.instances.get(&id).and_then(|machine| machine.leaving).map(|(_, gone)| gone);
                group.stir(gone.unwrap_or(self.now));
            }
            None => {
                group.members.remove(name);
            }
        }
    }

    /// "PROACTIVE (default): The group attempts to maintain an even distribution of VM instances across zones in the region":
    /// InstanceGroupManagerUpdatePolicy, `instanceRedistributionType`. It deletes where there are most; the next look makes another where there are
    /// fewest.
    fn redistribute(&mut self, group: &mut Group) {
        let off = group.setting("updatePolicy.instanceRedistributionType") == "NONE";
        if !group.regional() || off || group.members.values().any(|member| member.action != Action::None) {
            return;
        }
        let spread = group.spread();
        if let (Some((fewest, to)), Some((most, from))) = (spread.first(), spread.last())
            && most >= &(fewest + 2)
        {
            let victim = group.members.values().find(|member| member.zone == *from).map(|member| member.name.clone());
            if let Some(victim) = victim {
                self.take_away(group, &victim);
                self.add_in(group, to.clone());
            }
        }
    }
}

impl Group {
    /// Those who are there, or are to be.
    pub(crate) fn counted(&self) -> usize {
        self.members.values().filter(|member| member.action != Action::Deleting).count()
    }

    /// How many are in each zone, the emptiest first.
    fn spread(&self) -> Vec<(usize, String)> {
        let count = |zone: &String| {
            self.members.values().filter(|member| member.action != Action::Deleting && member.zone == name_of(zone)).count()
        };
        let mut spread: Vec<_> = self.zones.iter().map(|zone| (count(zone), zone.clone())).collect();
        spread.sort();
        spread
    }
}
