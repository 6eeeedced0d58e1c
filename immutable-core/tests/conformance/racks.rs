//! The smallest provider that keeps the contract: machines that boot in 40 s and take 30 s to leave, on a virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::artifact::{ImageRef, Place};
use immutable_core::conformance::Time;
use immutable_core::conformance::fleets::Subject;
use immutable_core::fleet::*;
use immutable_core::id::{InstanceKey, NativeRef};
use immutable_core::provider::FleetProvider;
use immutable_core::time::{Clock, Timestamp, VirtualClock};
use immutable_core::{Error, ErrorKind, Result};

const LATENCY: Duration = Duration::from_millis(20);
const BOOT: Duration = Duration::from_secs(40);
const LEAVE: Duration = Duration::from_secs(30);
const WORK: Duration = Duration::from_secs(5);

pub(crate) struct Racks {
    clock: VirtualClock,
    capabilities: FleetCapabilities,
    /// Whether calls are only accepted, and to be followed.
    accepts: bool,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    groups: BTreeMap<(FleetId, GroupId), Group>,
    answers: BTreeMap<[u8; 16], Resized>,
    machines: u64,
}

struct Group {
    spec: GenerationSpec,
    upkeep: Upkeep,
    machines: Vec<Machine>,
}

struct Machine {
    key: InstanceKey,
    born: Timestamp,
    leaves: Option<Timestamp>,
}

impl Group {
    fn members(&self) -> usize {
        self.machines.iter().filter(|machine| machine.leaves.is_none()).count()
    }
}

pub(crate) fn place() -> Place {
    Place::new("racks", "cellar", "left").unwrap()
}

impl Racks {
    pub(crate) fn new(clock: VirtualClock, accepts: bool) -> Self {
        let capabilities = FleetCapabilities {
            group_size_max: 100,
            zonal: false,
            heals: Heals::Switchable,
            request_lifetime: Duration::ZERO,
            adopt: false,
        };
        Self { clock, capabilities, accepts, world: Mutex::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        let now = self.clock.now();
        let mut world = self.world.lock().unwrap();
        for group in world.groups.values_mut() {
            group.machines.retain(|machine| machine.leaves.is_none_or(|leaves| now < leaves + LEAVE));
        }
        world
    }

    /// The way there, or back.
    async fn travel(&self) {
        self.clock.sleep_until(self.clock.now() + LATENCY).await;
    }

    fn ticket(&self) -> Option<Ticket> {
        self.accepts.then(|| Ticket((self.clock.now() + WORK).to_string().into()))
    }

    fn do_resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let now = self.clock.now();
        let mut locked = self.world();
        let world = &mut *locked;
        if let Some(answer) = world.answers.get(&op.token) {
            return Ok(answer.clone());
        }
        let Some(group) = world.groups.get_mut(&(op.fleet.clone(), resize.group())) else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no group {}", resize.group())));
        };
        let size = group.members() as u32;
        let named = |leave: &BTreeSet<InstanceKey>, machine: &Machine| machine.leaves.is_none() && leave.contains(&machine.key);
        let still = match resize {
            Resize::Lower { leave, .. } => group.machines.iter().any(|machine| named(leave, machine)),
            _ => false,
        };
        let mut refused = Vec::new();
        if size == resize.to() && !still {
        } else if size != resize.from() {
            let text = format!("the size is {size}, neither {} nor {}", resize.from(), resize.to());
            return Err(Error::new(ErrorKind::Conflict, text).with_found(size));
        } else {
            match resize {
                Resize::Raise { from, to, .. } => {
                    for _ in *from..*to {
                        world.machines += 1;
                        let key = InstanceKey::named(format!("{}-{:06}", group.spec.full_name(), world.machines));
                        group.machines.push(Machine { key, born: now, leaves: None });
                    }
                }
                Resize::Lower { leave, .. } => {
                    for machine in group.machines.iter_mut().filter(|machine| named(leave, machine)) {
                        machine.leaves = Some(now);
                    }
                    let stranger = |key: &&InstanceKey| group.machines.iter().all(|machine| machine.key != **key);
                    refused = leave.iter().filter(stranger).map(|key| (key.clone(), Refusal::NotMember)).collect();
                }
                Resize::GiveUp { .. } => {
                    return Err(Error::new(ErrorKind::Conflict, "every slot has its machine").with_found(size));
                }
            }
        }
        let answer = Resized { size: group.members() as u32, refused, ticket: self.ticket(), echo_until: None };
        world.answers.insert(op.token, answer.clone());
        Ok(answer)
    }
}

#[async_trait]
impl FleetProvider for Racks {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, _: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.travel().await;
        Ok((most_live > 100).then(|| Finding { what: "there are 100 slots".into(), blocks: true }).into_iter().collect())
    }

    async fn inspect(&self, _: &NativeRef) -> Result<GenerationSpec> {
        Err(Error::invalid("racks adopts nothing"))
    }

    async fn adopt(&self, _: &Op, _: &NativeRef, _: &GenerationSpec) -> Result<()> {
        Err(Error::invalid("racks adopts nothing"))
    }

    async fn ensure_generation(&self, _: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let mut made = false;
        self.travel().await;
        if self
            .world()
            .groups
            .iter()
            .any(|((fleet, id), group)| (fleet, id.generation) == (&spec.fleet, spec.id) && group.spec.digest() != spec.digest())
        {
            return Err(Error::new(ErrorKind::Taken, format!("{} is there, and another", spec.full_name())));
        }
        for group in spec.group_ids() {
            self.travel().await;
            let new = || {
                made = true;
                Group { spec: spec.clone(), upkeep: spec.upkeep, machines: Vec::new() }
            };
            self.world().groups.entry((spec.fleet.clone(), group)).or_insert_with(new);
        }
        self.travel().await;
        Ok(if made { Ensured::Created { echo_until: None, ticket: self.ticket() } } else { Ensured::AlreadyOurs })
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        self.travel().await;
        let answer = self.do_resize(op, resize);
        self.travel().await;
        answer
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.travel().await;
        for ((fleet, id), group) in &mut self.world().groups {
            if (fleet, id.generation) == (&op.fleet, generation) {
                group.upkeep = upkeep;
            }
        }
        self.travel().await;
        Ok(())
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.travel().await;
        let ours = |key: &(FleetId, GroupId)| (&key.0, key.1.generation) == (&op.fleet, generation);
        let left: usize = self.world().groups.iter().filter(|(key, _)| ours(key)).map(|(_, group)| group.machines.len()).sum();
        if left == 0 {
            self.world().groups.retain(|key, _| !ours(key));
        }
        self.travel().await;
        Ok(if left == 0 { Destroyed::Gone } else { Destroyed::StillHas(left as u32) })
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.travel().await;
        let done: Timestamp = ticket.0.parse()?;
        Ok(if self.clock.now() < done { TicketState::Running } else { TicketState::Done })
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.travel().await;
        let now = self.clock.now();
        let world = self.world();
        let life = |machine: &Machine| match machine.leaves {
            Some(_) => Life::Leaving,
            None if now < machine.born + BOOT => Life::Booting,
            None => Life::Running,
        };
        let see = |id: &GroupId| {
            let group = world.groups.get(&(fleet.clone(), *id));
            let state = group.map_or(GroupState::Absent, |group| GroupState::Present {
                size: group.members() as u32,
                working: Working::Idle,
                spec: Some(group.spec.digest()),
                upkeep: Some(group.upkeep),
            });
            let instance = |group: &Group, machine: &Machine| Instance {
                key: machine.key.clone(),
                zone: None,
                runs: Evidence::Instance(group.spec.image.id().clone()),
                life: life(machine),
                held: None,
                health: [].into(),
                trouble: None,
            };
            let instances = group.map_or(Vec::new(), |group| group.machines.iter().map(|one| instance(group, one)).collect());
            GroupSeen { group: *id, age: Duration::ZERO, coverage: Coverage::Whole, state, instances: Arc::new(instances) }
        };
        let unknown = world.groups.keys().filter(|(of, id)| of == fleet && !known.contains(id));
        let strangers = unknown.map(|(_, id)| {
            let (what, claims) = (NativeRef::new(id.to_string()), Some(id.generation));
            Stranger { what, claims, orphan: Some(*id) }
        });
        Ok(Observation { groups: known.iter().map(see).collect(), strangers: strangers.collect(), ..Observation::default() })
    }
}

/// A subject made of a provider, on a clock.
pub(crate) fn subject(fleets: Arc<dyn FleetProvider>, clock: VirtualClock) -> Subject {
    let image = |id: &str| ImageRef::new(place(), id);
    Subject::new(fleets, Time::Virtual(clock), place(), [image("web-1"), image("web-2")])
}
