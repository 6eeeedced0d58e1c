//! A rollout as data: what changes, how far each step goes, what it needs, and how it would be undone.

mod place;
mod print;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use self::place::{checked, groups, pool, stays, zones};
use crate::artifact::{Artifact, ArtifactName, Digest, ImageRef, Version};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{
    Finding, Fleet, FleetCapabilities, GenerationId, GenerationSpec, Heals, Release, Split, TemplateChange, TrafficCapabilities,
    Upkeep,
};
use crate::id::{PoolId, RolloutId};
use crate::rollout::budget::Budget;
use crate::rollout::envelope::{Course, Envelope};
use crate::rollout::keep::Amiss;
use crate::rollout::lint::{self, Warning};
use crate::rollout::report::Feasibility;
use crate::rollout::state::{FleetState, GenerationState, Proven, RolloutState};
use crate::rollout::strategy::{Step, Strategy, Supersede};

/// A rollout as data. `Display` prints it for review, serde as JSON with `"format": 1`.
///
/// It is bound to its [`Basis`]: what the fleet was when it was made. Started on anything else it is refused.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format: Format,
    fleet: Fleet,
    from: Option<Subject>,
    to: Subject,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    template_changes: Vec<TemplateChange>,
    wanted: Wanted,
    strategy: Strategy,
    steps: Vec<PlannedStep>,
    #[serde(default)]
    envelope: Envelope,
    rollback: Feasibility,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    basis: Basis,
    /// How its pool divides traffic, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    split: Option<Split>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sets_right: Vec<Arc<str>>,
}

/// The number 1, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Format;

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        1
    }
}

impl TryFrom<u32> for Format {
    type Error = String;

    fn try_from(format: u32) -> Result<Self, String> {
        if format == 1 { Ok(Self) } else { Err(format!("a plan of format {format}; this version reads format 1")) }
    }
}

/// An artifact, as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name.
    pub name: ArtifactName,
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Digest,
    /// Of what a plan leads to: why there is no way back from it without a person, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<Arc<str>>,
}

impl Subject {
    /// As a generation names it, which does not know whether there is a way back.
    pub(crate) fn of(spec: &GenerationSpec) -> Self {
        Self { name: spec.name.clone(), version: spec.version.clone(), digest: spec.release.artifact, irreversible: None }
    }
}

/// `acmeinc/web 1.1.0`
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The generation that gets the fleet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Wanted {
    /// One that is made.
    New(Arc<GenerationSpec>),
    /// One that is there, of the same release.
    Existing(GenerationId),
}

impl Wanted {
    /// Its ordinal.
    pub fn id(&self) -> GenerationId {
        match self {
            Self::New(spec) => spec.id,
            Self::Existing(id) => *id,
        }
    }
}

/// One step, and what the fleet may look like during it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// How many instances the wanted release has at its end.
    pub wanted: u32,
    /// How many the others have at its end.
    pub leaving: u32,
    /// Which part of how much of the traffic the wanted release has at its end; `None` of a fleet without a pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<(u32, u32)>,
    /// What it takes, and what holds all along.
    pub envelope: Envelope,
}

/// What the fleet was when the plan was made: what is proven, what exists, what is desired. Not its instances.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The proven release.
    pub proven: Option<Release>,
    /// The generations, and the digest of each one's spec.
    pub generations: BTreeMap<GenerationId, Digest>,
    /// The size.
    pub desired: u32,
    /// The ordinal of the next generation.
    pub next_generation: GenerationId,
    /// The rollout that runs, whose place the plan takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<RolloutId>,
}

impl Basis {
    /// What the fleet is.
    pub fn of(state: &FleetState) -> Self {
        Self {
            proven: state.proven.as_ref().map(|proven| proven.spec.release),
            generations: state.generations.iter().map(|(id, generation)| (*id, generation.spec.digest())).collect(),
            desired: state.desired,
            next_generation: GenerationId(state.next_generation),
            running: state.rollout.as_ref().map(|rollout| rollout.id),
        }
    }
}

/// What is said where another runs, and may not be replaced.
pub(crate) fn busy(state: &FleetState, running: &RolloutState) -> Error {
    let (id, to, fleet) = (running.id, &running.plan.to, &state.fleet);
    Error::new(
        ErrorKind::Busy,
        format!(
            "rollout {id} to {to} runs in fleet {fleet}; wait for its end, abort it, or take its place with `Strategy::supersede`"
        ),
    )
}

/// What is said where no rollout runs and there is nothing that the fleet could be kept at.
pub(crate) fn keeps_nothing(state: &FleetState) -> Error {
    let fleet = &state.fleet;
    let why = match &state.last {
        Some((id, outcome)) => format!("rollout {id} of fleet {fleet} ended as {outcome}"),
        None => format!("in fleet {fleet} nothing was rolled out"),
    };
    Error::invalid(format!("{why}: there is no release that it could be kept at; roll one out"))
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct PlanFor<'a> {
    /// What is wanted of the fleet.
    pub fleet: &'a Fleet,
    /// What it should run.
    pub artifact: &'a Artifact,
    /// How it gets there.
    pub strategy: &'a Strategy,
    /// What the provider can do.
    pub capabilities: &'a FleetCapabilities,
    /// What its traffic switch can do, if it has one.
    pub switch: Option<&'a TrafficCapabilities>,
}

/// Where a plan leads.
struct Target<'a> {
    fleet: &'a Fleet,
    strategy: &'a Strategy,
    to: Subject,
    image: ImageRef,
    release: Release,
    /// Of one that is kept the generation that keeps it, if one is there. Nothing is to be replaced but what is amiss then: a budget that could not replace a
    /// fleet of this size is no reason to do nothing.
    keeps: Option<Option<GenerationId>>,
}

impl Plan {
    /// Makes a plan from what is known of the fleet. Of a release that is proven nothing is tried: its plan has one step, whatever the strategy's.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it can never work, saying what would; [`Busy`](ErrorKind::Busy) if a rollout runs.
    pub fn new(state: &FleetState, wish: PlanFor<'_>) -> Result<Self> {
        let PlanFor { fleet, artifact, strategy, capabilities, switch } = wish;
        fleet.check()?;
        if let Some(rollout) = state.rollout.as_ref().filter(|_| strategy.supersede == Supersede::Reject) {
            return Err(busy(state, rollout));
        }
        let place = fleet.id().place();
        let image = artifact.image_in(place).ok_or_else(|| {
            let images: Vec<_> = artifact.images().map(|image| image.place().to_string()).collect();
            let has = if images.is_empty() { "no image at all".to_owned() } else { format!("images in {}", images.join(", ")) };
            Error::invalid(format!("{artifact} has no image in {place}, it has {has}; build or copy one there"))
        })?;
        let release = Release { artifact: artifact.digest(), template: fleet.launch_template().digest() };
        if let Some(failed) = state.given_up(release).filter(|_| !strategy.force) {
            return Err(Error::invalid(format!(
                "{artifact} was given up in fleet {} at {}: {}; build another version, or try it again with `Strategy::force`",
                state.fleet, failed.at, failed.why
            )));
        }
        let to = Subject {
            name: artifact.name().clone(),
            version: artifact.version().clone(),
            digest: artifact.digest(),
            irreversible: artifact.irreversible().map(Into::into),
        };
        let target = Target { fleet, strategy, to, image: image.clone(), release, keeps: None };
        Self::toward(state, target, capabilities, switch)
    }

    /// A plan that sets right what is amiss with a fleet that is [kept](FleetState::kept): it gives it its proven release, in one step, and is as patient with
    /// instances that fail as a way back. It stays in the generation that has most of it, and in any case in the zones in which that release was proven.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if the fleet is kept at nothing, or this cannot work, saying what would; [`Busy`](ErrorKind::Busy) if a rollout runs.
    pub fn keeping(
        state: &FleetState,
        amiss: &Amiss,
        capabilities: &FleetCapabilities,
        switch: Option<&TrafficCapabilities>,
    ) -> Result<Self> {
        if let Some(rollout) = &state.rollout {
            return Err(busy(state, rollout));
        }
        let (Some(Proven { spec, .. }), Some(kept)) = (&state.proven, &state.kept) else {
            return Err(keeps_nothing(state));
        };
        let strategy = kept.strategy.keeping();
        let most = strategy.budget(amiss.fleet.desired()).most();
        let stays = state.generation_of(spec.release, |id, generation| !amiss.gone.contains(&id) && generation.holds(most));
        // The terms may be those of a release that was given up, and was to be elsewhere.
        let zones = zones(stays.map_or(spec, |(_, generation)| &generation.spec));
        let strategy = &if zones.is_empty() { strategy.in_no_zones() } else { strategy };
        let fleet = &amiss.fleet.clone().template(spec.template.clone()).zones(zones);
        fleet.check()?;
        let (to, image, release) = (Subject::of(spec), spec.image.clone(), spec.release);
        let target = Target { fleet, strategy, to, image, release, keeps: Some(stays.map(|(id, _)| id)) };
        let plan = Self::toward(state, target, capabilities, switch)?;
        Ok(Self { sets_right: amiss.what.clone(), ..plan })
    }

    fn toward(
        state: &FleetState,
        target: Target<'_>,
        capabilities: &FleetCapabilities,
        switch: Option<&TrafficCapabilities>,
    ) -> Result<Self> {
        let Target { fleet, strategy, to, image, release, keeps } = target;
        let health = fleet.health();
        let pool = pool(state, fleet, switch)?;
        let proven = state.proven.as_ref().map(|proven| &proven.spec);
        let strategy = &strategy.in_zones(fleet.zone_names(), fleet.id().name())?;
        let of_proven = proven.is_some_and(|proven| proven.release == release).then(|| strategy.of_proven());
        let strategy = of_proven.as_ref().unwrap_or(strategy);
        let others = state.generations.values().filter(|generation| generation.release() != release);
        let replaces = others.map(GenerationState::size).any(|size| size > 0);
        let switch = switch.filter(|_| pool.is_some());
        if keeps.is_none() {
            checked(state, fleet, strategy, switch)?;
            strategy.check(fleet.desired(), health.boot_deadline, health.min_ready, switch, replaces)?;
            let split = switch.map(|switch| switch.split).filter(|_| replaces);
            strategy.fits_zones(fleet.desired(), fleet.zone_names().len(), split)?;
        }
        let budget = strategy.budget(fleet.desired());
        let most = fleet.follows_whom().map_or(0, |follows| strategy.budget(follows.most).most());
        let groups = groups(fleet, most.max(budget.most()).max(1), capabilities)?;
        let spec = GenerationSpec {
            fleet: fleet.id().clone(),
            id: GenerationId(state.next_generation),
            name: to.name.clone(),
            version: to.version.clone(),
            release,
            image,
            template: fleet.launch_template().clone(),
            groups,
            pool: pool.cloned(),
            upkeep: fleet.specified_upkeep(),
            labels: BTreeMap::new(),
        };
        let room = |(id, generation): &(&GenerationId, &GenerationState)| {
            let placed = |spec: &GenerationSpec| spec.groups.iter().map(|group| group.placement.clone()).collect::<Vec<_>>();
            stays(state, **id) && generation.release() == release && placed(&generation.spec) == placed(&spec)
        };
        let there = || state.generations.iter().rev().find(room).map(|(id, _)| *id);
        let wanted = keeps.unwrap_or_else(there).map_or_else(|| Wanted::New(Arc::new(spec)), Wanted::Existing);
        let (envelopes, envelope) = Course { state, fleet, strategy, wanted: &wanted, release, switch }.envelopes();
        let steps = envelopes.into_iter().enumerate();
        let mut plan = Self {
            format: Format,
            from: proven.map(|spec| Subject::of(spec)),
            template_changes: proven.map(|spec| spec.template.changes_to(fleet.launch_template())).unwrap_or_default(),
            steps: steps.filter_map(|(at, envelope)| planned(strategy, at, fleet.desired(), pool, envelope)).collect(),
            envelope,
            rollback: match &to.irreversible {
                Some(mark) if proven.is_some_and(|proven| proven.release != release) => Feasibility::irreversible(mark),
                _ => Feasibility::planned(state, fleet.desired()),
            },
            findings: Vec::new(),
            warnings: Vec::new(),
            basis: Basis::of(state),
            split: switch.map(|switch| switch.split),
            sets_right: Vec::new(),
            fleet: fleet.clone(),
            to,
            wanted,
            strategy: strategy.clone(),
        };
        plan.warnings = lint::warnings(&plan, switch);
        Ok(plan)
    }

    /// Adds what the provider found.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if any of it blocks.
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Result<Self> {
        let blocking: Vec<_> = findings.iter().filter(|finding| finding.blocks).map(|finding| &*finding.what).collect();
        if !blocking.is_empty() {
            return Err(Error::invalid(format!(
                "{} cannot be launched in {}: {}",
                self.to,
                self.fleet.id(),
                blocking.join("; ")
            )));
        }
        self.findings = findings;
        Ok(self)
    }

    /// Whether the fleet is still what the plan was made for.
    ///
    /// # Errors
    /// [`Stale`](ErrorKind::Stale), naming what has changed.
    pub fn check_basis(&self, state: &FleetState) -> Result<()> {
        let (then, now) = (&self.basis, Basis::of(state));
        let changed = if then.proven != now.proven {
            "another release is proven"
        } else if then.generations != now.generations || then.next_generation != now.next_generation {
            "its generations are others"
        } else if then.desired != now.desired {
            "its size is another"
        } else if then.running != now.running {
            "the rollout whose place it was to take has ended"
        } else if matches!(self.wanted, Wanted::Existing(id) if !stays(state, id)) {
            "the generation that it wants is being removed"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Stale,
            format!("fleet {} has changed since the plan was made: {changed}; plan again", state.fleet),
        ))
    }

    /// How its pool divides traffic, if it has one.
    pub(crate) fn split(&self) -> Option<Split> {
        self.split
    }

    /// Of which fleet.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The release that is proven now, if one is.
    pub fn from(&self) -> Option<&Subject> {
        self.from.as_ref()
    }

    /// What the fleet should run.
    pub fn to(&self) -> &Subject {
        &self.to
    }

    /// The generation that gets the fleet.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// How it gets there.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The steps.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.steps
    }

    /// What all of it takes while nothing fails, from the moment it is started to its end.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// How many of the old there still are behind the last step: those that leave in none.
    pub(super) fn kept(&self) -> u32 {
        let in_steps = self.steps.iter().map(|step| step.envelope.terminations).fold(0, u32::saturating_add);
        self.envelope.terminations.saturating_sub(in_steps)
    }

    /// What it sets right, of one that [keeps](Self::keeping) a fleet.
    pub fn sets_right(&self) -> &[Arc<str>] {
        &self.sets_right
    }

    /// What is possible, and unwise. Nothing is refused for it.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What changes in the launch template.
    pub fn template_changes(&self) -> &[TemplateChange] {
        &self.template_changes
    }

    /// Whether, and how, it could be undone.
    pub fn rollback(&self) -> &Feasibility {
        &self.rollback
    }

    /// What the fleet was when the plan was made.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The budget.
    pub fn budget(&self) -> Budget {
        self.strategy.budget(self.fleet.desired())
    }

    /// SHA-256 of the plan's canonical JSON.
    ///
    /// # Errors
    /// Never in practice: a plan is text, numbers and maps keyed by text.
    pub fn digest(&self) -> Result<Digest> {
        Digest::of_json(self)
    }
}

/// A spec as it is first made: as much upkeep switched off as can be.
pub(crate) fn quiet(spec: &GenerationSpec, heals: Heals) -> GenerationSpec {
    let heal = heals == Heals::Always && spec.upkeep.heal;
    GenerationSpec { upkeep: Upkeep { heal, ..Upkeep::NONE }, ..spec.clone() }
}

fn planned(strategy: &Strategy, at: usize, desired: u32, pool: Option<&PoolId>, envelope: Envelope) -> Option<PlannedStep> {
    let goal = strategy.goal(at, desired);
    Some(PlannedStep {
        step: strategy.steps.get(at)?.clone(),
        wanted: goal.wanted,
        leaving: goal.others,
        share: pool.map(|_| goal.share),
        envelope,
    })
}
