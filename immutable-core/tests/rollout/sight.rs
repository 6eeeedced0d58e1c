//! Views, spelled; decisions, said in one line an event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use immutable_core::analysis::Judgement;
use immutable_core::fleet::{
    Coverage, Evidence, FailureClass, GenerationId, GroupId, GroupSeen, GroupState, Health, Held, Incident, Instance, Life,
    Observation, Resize, RouteTag, Stranger, TargetSeen, TargetState, TrafficSeen, Trouble, Upkeep, Verdict, Working,
};
use immutable_core::id::{NativeRef, OpId, StepIx};
use immutable_core::rollout::{
    Answer, Call, Decision, Ending, Event, Facts, Hold, Noted, OpResult, Phase, Seen, Standing, StepState, amiss, decide,
};
use immutable_core::{Digest, Timestamp};

use super::kit::{Stage, artifact, group, image, key, start};

/// One look.
#[derive(Clone)]
pub(super) struct Look {
    fleet: Observation,
    facts: Facts,
    earlier: BTreeMap<GroupId, (u32, u32)>,
    in_flight: BTreeSet<OpId>,
    age: Duration,
    pool: Option<TrafficSeen>,
    answer: Option<Answer>,
    size: Option<u32>,
    failed: Option<&'static str>,
}

/// A look at which the registry says that 1.0.0 and 1.1.0 are good.
pub(super) fn look() -> Look {
    let good = ["1.0.0", "1.1.0"].map(|version| artifact(version).digest());
    let facts = Facts { good: good.into(), ..Facts::default() };
    let earlier = BTreeMap::new();
    Look {
        fleet: Observation::default(),
        facts,
        earlier,
        in_flight: BTreeSet::new(),
        age: Duration::ZERO,
        pool: None,
        answer: None,
        size: None,
        failed: None,
    }
}

impl Look {
    /// A group as it is seen. An instance is spelled by its name and a sign: `a+` healthy, `a-` unhealthy, `a?` of unknown health, `a~` running
    /// and not checked yet, `a:` booting, `a!` stopped, `a<` leaving, `ax` gone, `a=` healthy and on standby, `a*` healthy and
    /// protected, `a%` healthy and of another image.
    pub(super) fn group(mut self, generation: u32, size: u32, instances: &str) -> Self {
        let image = image(if generation % 2 == 1 { "1.0.0" } else { "1.1.0" });
        let state = GroupState::Present { size, working: Working::Idle, spec: None, upkeep: None };
        let instances: Vec<_> = instances.split_whitespace().map(|spelled| instance(spelled, &image)).collect();
        self.fleet.groups.push(GroupSeen {
            group: group(generation),
            age: Duration::ZERO,
            coverage: Coverage::Whole,
            state,
            instances: Arc::new(instances),
        });
        self
    }

    /// The pool, with these weights; its targets are who is healthy in the groups so far.
    pub(super) fn pool(mut self, weights: &[(u32, u16)]) -> Self {
        let all = self.fleet.groups.iter().flat_map(|group| group.instances.iter());
        let serve = all.filter(|instance| instance.health.iter().any(|health| health.verdict == Verdict::Healthy));
        let target = |instance: &Instance| TargetSeen {
            key: instance.key.clone(),
            state: TargetState::Attached,
            health: Verdict::Healthy,
        };
        let mut targets: Vec<_> = serve.map(target).collect();
        targets.sort_by(|one, other| one.key.cmp(&other.key));
        self.pool = Some(TrafficSeen {
            pool: "web".into(),
            age: Duration::ZERO,
            coverage: Coverage::Whole,
            tag: RouteTag("now".into()),
            weights: weights.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect(),
            foreign: Vec::new(),
            targets,
            residue: None,
        });
        self
    }

    /// These targets of the pool are that far.
    pub(super) fn targets(mut self, names: &str, state: TargetState) -> Self {
        let named = super::kit::keys(names);
        let targets = &mut self.pool.as_mut().unwrap().targets;
        targets.iter_mut().filter(|target| named.contains(&target.key)).for_each(|target| target.state = state);
        self
    }

    /// Of these the pool's own check says this, whatever else is said.
    pub(super) fn target(mut self, names: &str, health: Verdict) -> Self {
        let named = super::kit::keys(names);
        let targets = &mut self.pool.as_mut().unwrap().targets;
        targets.retain(|target| !named.contains(&target.key));
        targets.extend(named.into_iter().map(|key| TargetSeen { key, state: TargetState::Attached, health }));
        targets.sort_by(|one, other| one.key.cmp(&other.key));
        self
    }

    /// Of this instance of the last group no source but the pool says anything.
    pub(super) fn silent(mut self, name: &str) -> Self {
        let instances = Arc::make_mut(&mut self.last().instances);
        instances.iter_mut().filter(|instance| instance.key == key(name)).for_each(|instance| instance.health = Arc::new([]));
        self
    }

    /// The pool's view is so old.
    pub(super) fn pool_aged(mut self, seconds: u64) -> Self {
        self.pool.as_mut().unwrap().age = Duration::from_secs(seconds);
        self
    }

    /// The pool was seen only in part.
    pub(super) fn pool_partly(mut self) -> Self {
        self.pool.as_mut().unwrap().coverage = Coverage::Part("a page failed".into());
        self
    }

    /// The judge of this step's gate was asked so long ago, and said this.
    pub(super) fn judged(mut self, step: u16, ago: u64, judgement: Judgement) -> Self {
        let asked = Timestamp::from_millis(-(Duration::from_secs(ago).as_millis() as i64));
        self.answer = Some(Answer { step: StepIx(step), asked, judgement });
        self
    }

    /// A group that is not there.
    pub(super) fn absent(mut self, generation: u32) -> Self {
        self = self.group(generation, 0, "");
        self.last().state = GroupState::Absent;
        self
    }

    /// The last group is another of its generation's.
    pub(super) fn cell(mut self, cell: u16) -> Self {
        self.last().group.cell = cell;
        self
    }

    fn last(&mut self) -> &mut GroupSeen {
        self.fleet.groups.last_mut().unwrap()
    }

    /// The last group was seen only in part.
    pub(super) fn partly(mut self) -> Self {
        self.last().coverage = Coverage::Part("a page failed".into());
        self
    }

    /// The provider works on the last group.
    pub(super) fn busy(mut self) -> Self {
        if let GroupState::Present { working, .. } = &mut self.last().state {
            *working = Working::Busy;
        }
        self
    }

    /// The last group's view is so old.
    pub(super) fn aged(mut self, seconds: u64) -> Self {
        self.last().age = Duration::from_secs(seconds);
        self
    }

    /// Of the last instance of the last group these sources say something.
    pub(super) fn says(mut self, sources: &[(&str, Verdict)]) -> Self {
        let health = sources.iter().map(|(source, verdict)| Health { source: (*source).into(), verdict: *verdict }).collect();
        let instances = Arc::make_mut(&mut self.last().instances);
        instances.last_mut().unwrap().health = health;
        self
    }

    /// The last instance of the last group failed by the fault of this class.
    pub(super) fn because(mut self, class: FailureClass) -> Self {
        let trouble = Trouble { class, code: "Code".into(), message: "in its words".into() };
        Arc::make_mut(&mut self.last().instances).last_mut().unwrap().trouble = Some(Arc::new(trouble));
        self
    }

    /// The last group runs this version.
    pub(super) fn runs(mut self, version: &str) -> Self {
        for instance in Arc::make_mut(&mut self.last().instances) {
            instance.runs = Evidence::Instance(image(version).as_str().into());
        }
        self
    }

    /// This instance of the last group runs this image.
    pub(super) fn runs_in(mut self, name: &str, image: &str) -> Self {
        let instances = Arc::make_mut(&mut self.last().instances);
        let named = instances.iter_mut().filter(|instance| instance.key == key(name));
        named.for_each(|instance| instance.runs = Evidence::Instance(image.into()));
        self
    }

    /// What the last group may do by itself is reported: it heals, or does not.
    pub(super) fn heals(self, heal: bool) -> Self {
        self.may(Upkeep { heal, ..Upkeep::NONE })
    }

    /// What the last group may do by itself is reported.
    pub(super) fn may(mut self, may: Upkeep) -> Self {
        if let GroupState::Present { upkeep, .. } = &mut self.last().state {
            *upkeep = Some(may);
        }
        self
    }

    /// There was a last whole view of a group, of so many.
    pub(super) fn earlier(mut self, generation: u32, instances: u32) -> Self {
        self.earlier.insert(group(generation), (instances, instances));
        self
    }

    /// The provider tells of a failure.
    pub(super) fn incident(mut self, id: &str, generation: u32, name: Option<&str>, class: FailureClass) -> Self {
        let trouble = Trouble { class, code: "Code".into(), message: "in its words".into() };
        self.fleet.incidents.push(Incident { id: id.into(), group: group(generation), instance: name.map(key), trouble });
        self
    }

    pub(super) fn revoked(self, version: &str) -> Self {
        self.revoked_as(artifact(version).digest())
    }

    pub(super) fn revoked_as(mut self, digest: Digest) -> Self {
        self.facts.good.remove(&digest);
        self.facts.revoked.insert(digest, "it leaks".into());
        self
    }

    /// The registry has this one too.
    pub(super) fn good(mut self, version: &str) -> Self {
        self.facts.good.insert(artifact(version).digest());
        self
    }

    pub(super) fn unheard(mut self, version: &str) -> Self {
        self.facts.good.remove(&artifact(version).digest());
        self
    }

    /// The source that the fleet follows says so many.
    pub(super) fn follows(mut self, size: u32) -> Self {
        self.size = Some(size);
        self
    }

    /// Something else bears the fleet's mark.
    pub(super) fn stranger(mut self, name: &str) -> Self {
        self.fleet.strangers.push(Stranger { what: NativeRef::new(name), claims: None, orphan: None });
        self
    }

    pub(super) fn in_flight(mut self, op: u64) -> Self {
        self.in_flight.insert(OpId(op));
        self
    }

    /// The look itself failed, for this reason; what it shows is from before.
    pub(super) fn failed(mut self, why: &'static str) -> Self {
        self.failed = Some(why);
        self
    }

    /// The whole look was asked for so long ago.
    pub(super) fn asked(mut self, seconds_ago: u64) -> Self {
        self.age = Duration::from_secs(seconds_ago);
        self
    }

    pub(super) fn decide(&self, stage: &Stage) -> Decision {
        let as_of = Timestamp::from_millis(stage.now.as_millis() - self.age.as_millis() as i64);
        let facts = Facts { as_of, ..self.facts.clone() };
        let mut seen = Seen::new(&self.fleet, as_of).facts(&facts).earlier(&self.earlier).in_flight(&self.in_flight);
        let asked = |answer: &Answer| Timestamp::from_millis(stage.now.as_millis() + answer.asked.as_millis());
        let answer = self.answer.as_ref().map(|answer| Answer { asked: asked(answer), ..answer.clone() });
        (seen.switch, seen.pool, seen.answer) = (stage.switch.as_ref(), self.pool.as_ref(), answer.as_ref());
        (seen.size, seen.unseen) = (self.size, self.failed);
        decide(&stage.state, &seen.heals(stage.heals), stage.now)
    }

    /// How the fleet stands at this look while no rollout runs.
    pub(super) fn standing(&self, stage: &Stage) -> Standing {
        let as_of = Timestamp::from_millis(stage.now.as_millis() - self.age.as_millis() as i64);
        let mut seen = Seen::new(&self.fleet, as_of).heals(stage.heals);
        (seen.switch, seen.pool, seen.size) = (stage.switch.as_ref(), self.pool.as_ref(), self.size);
        amiss(&stage.state, &seen, stage.now)
    }

    /// What is decided at this look, a line an event.
    pub(super) fn says_decide(&self, stage: &Stage) -> String {
        let decision = self.decide(stage);
        let mut after = stage.clone();
        decision.events.iter().for_each(|event| after.apply(event.clone()));
        decision.events.iter().map(said).collect::<Vec<_>>().join("\n")
    }
}

fn instance(spelled: &str, image: &str) -> Instance {
    let (name, sign) = spelled.split_at(spelled.len() - 1);
    let (life, verdict) = match sign {
        "+" | "=" | "%" | "*" => (Life::Running, Verdict::Healthy),
        "-" => (Life::Running, Verdict::Unhealthy),
        "?" => (Life::Running, Verdict::Unknown),
        "~" => (Life::Running, Verdict::Starting),
        ":" => (Life::Booting, Verdict::Starting),
        "!" => (Life::Stopped, Verdict::Unknown),
        "<" => (Life::Leaving, Verdict::Unknown),
        "x" => (Life::Gone, Verdict::Unknown),
        other => panic!("{other} of {spelled} is no sign"),
    };
    let image = if sign == "%" { "img-other" } else { image };
    Instance {
        key: key(name),
        zone: None,
        runs: Evidence::Instance(image.into()),
        life,
        held: match sign {
            "=" => Some(Held::Standby),
            "*" => Some(Held::Protected),
            _ => None,
        },
        health: Arc::new([Health { source: "check".into(), verdict }]),
        trouble: None,
    }
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millis() - start().as_millis();
    if millis % 1000 == 0 { format!("+{}s", millis / 1000) } else { format!("+{millis}ms") }
}

/// One event in one line.
pub(super) fn said(event: &Event) -> String {
    match event {
        Event::Noted(noted) => format!("noted{}", noted_said(noted)),
        Event::Owed { op, call, .. } => format!("owed {op} {}", call_said(call)),
        Event::Renewed { op, basis } => format!("renewed {op} {}", seconds(*basis)),
        Event::Settled { op, result } => format!("settled {op} {}", result_said(result)),
        Event::Moved { to } => format!("moved {}", phase_said(to)),
        Event::Proven { generation, instances, .. } => format!("proven {generation} of {instances}"),
        Event::Ended { outcome } => format!("ended {outcome}"),
        Event::Heard { refused, .. } => format!("heard {}", refused.as_deref().unwrap_or("and carried out")),
        Event::Opened { rollout, .. } => format!("opened {rollout}"),
        Event::Resized { desired } => format!("resized to {desired}"),
        Event::Claimed { owner, .. } => format!("claimed by {owner}"),
        Event::Judged { step, judgement, .. } => format!("judged {step} {:?}: {}", judgement.says, judgement.why).to_lowercase(),
        Event::Approved { step, by } => format!("approved {step} by {by}"),
        other => panic!("{other:?}"),
    }
}

fn noted_said(noted: &Noted) -> String {
    let Noted { appeared, healthy, unhealthy, gone, sizes, weights, upkeep, told, charged, exercised, absent, progress } = noted;
    let mut said = String::new();
    for (what, keys) in [("appeared", appeared), ("healthy", healthy), ("unhealthy", unhealthy), ("gone", gone)] {
        for (group, keys) in keys {
            let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
            said += &format!(" {what} {group} {}", keys.join(","));
        }
    }
    sizes.iter().for_each(|(group, size)| said += &format!(" size {group} {size}"));
    upkeep
        .iter()
        .for_each(|(id, upkeep)| said += &format!(" upkeep {id} {}", if upkeep.heal { "heals" } else { "does not heal" }));
    weights.iter().for_each(|weights| said += &format!(" weights {}", weights_said(weights)));
    told.iter().for_each(|(id, incidents)| said += &format!(" told {id} {}", incidents.join(",")));
    for charge in charged {
        let whom =
            charge.instance.as_ref().map_or_else(|| charge.incident.as_deref().unwrap_or("").to_owned(), ToString::to_string);
        said += &format!(" charged {} {whom} {}", charge.group, charge.class);
    }
    exercised.iter().for_each(|id| said += &format!(" exercised {id}"));
    absent.iter().for_each(|id| said += &format!(" absent {id}"));
    progress.iter().for_each(|ready| said += &format!(" progress {ready}"));
    said
}

fn weights_said(weights: &BTreeMap<GenerationId, u16>) -> String {
    weights.iter().map(|(id, weight)| format!("{id}:{weight}")).collect::<Vec<_>>().join(",")
}

fn call_said(call: &Call) -> String {
    match call {
        Call::Ensure(spec) => format!("ensure {} of {} heal {}", spec.id, spec.version, spec.upkeep.heal),
        Call::Upkeep(id, upkeep) => format!("upkeep {id} heal {}", upkeep.heal),
        Call::Destroy(id) => format!("destroy {id}"),
        Call::Resize(resize) => match &**resize {
            Resize::Raise { group, from, to } => format!("raise {group} {from} to {to}"),
            Resize::GiveUp { group, from, to } => format!("give up {group} {from} to {to}"),
            Resize::Lower { group, from, leave } => {
                let leave: Vec<_> = leave.iter().map(ToString::to_string).collect();
                format!("lower {group} {from} by {}", leave.join(","))
            }
        },
        Call::Route(route) => format!("route {}", weights_said(route.weights())),
        Call::Drain { group, leaving, .. } => {
            let leaving: Vec<_> = leaving.iter().map(ToString::to_string).collect();
            format!("drain {group} {}", leaving.join(","))
        }
        other => panic!("{other:?}"),
    }
}

fn result_said(result: &OpResult) -> String {
    match result {
        OpResult::Done { size, .. } => format!("done {size:?}"),
        OpResult::Failed(why) => format!("failed {:?} found {:?}: {}", why.kind, why.found, why.what),
        other => format!("{other:?}"),
    }
}

fn phase_said(phase: &Phase) -> String {
    let until = phase.give_up_at().map_or_else(String::new, |until| format!(" until {}", seconds(until)));
    match phase {
        Phase::Preparing { .. } => format!("preparing{until}"),
        Phase::Stepping { step, at: StepState::Moving { .. } } => format!("step {step}{until}"),
        Phase::Stepping { step, at: StepState::Lost { .. } } => format!("lost at gate {step}{until}"),
        Phase::Stepping { step, at: StepState::Gating { until, .. } } => {
            format!("gate {step}{}", until.map_or_else(String::new, |until| format!(" until {}", seconds(until))))
        }
        Phase::Reverting { why, to, .. } => format!("back to {to}{until}: {why}"),
        Phase::Finishing { ending, .. } => match ending {
            Ending::Forward => format!("finishing forward{until}"),
            Ending::Keep => format!("finishing and keeping{until}"),
            Ending::Back { to } => format!("finishing back to {to}{until}"),
            Ending::Mixed => format!("finishing mixed{until}"),
            Ending::Nothing => format!("finishing with nothing{until}"),
            Ending::Refused { why } => format!("finishing refused{until}: {why}"),
            other => panic!("{other:?}"),
        },
        Phase::Held { why: Hold::Needs(need), .. } => format!("held: {need}"),
        Phase::Held { why: Hold::Paused { by }, resume, .. } => format!("paused by {by} in {}", phase_said(resume)),
        other => panic!("{other:?}"),
    }
}

/// One row: on this stage, at this look, exactly this is decided.
#[track_caller]
pub(super) fn row(what: &str, stage: &Stage, look: &Look, decided: &str) {
    let expected: Vec<_> = decided.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(look.says_decide(stage), expected.join("\n"), "{what}");
}

/// One row: on this stage, at this look, this is said, and it is looked again at that time.
#[track_caller]
pub(super) fn tells(what: &str, stage: &Stage, look: &Look, report: &str, wake_at: &str) {
    let decision = look.decide(stage);
    let wake = decision.wake_at.map_or_else(|| "never".to_owned(), seconds);
    assert_eq!((&*decision.report.to_string(), &*wake), (report, wake_at), "{what}");
}
