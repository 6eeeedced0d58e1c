//! Providers that break their contract, each in one way, and the case that must see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use immutable_core::conformance::fleets::{self, Subject};
use immutable_core::fleet::*;
use immutable_core::id::{Epoch, InstanceKey, NativeRef, OpId};
use immutable_core::provider::FleetProvider;
use immutable_core::{ErrorKind, Result};

use crate::memory_cloud;
use crate::racks::{self, Racks};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    LaunchesOnEnsure,
    ResetsSizesOnEnsure,
    ResetsUpkeepOnEnsure,
    AdoptsWhatIsTaken,
    ClaimsToHaveMadeWhatIsTaken,
    HealsFromTheFirstMoment,
    LaunchesAgainOnACopy,
    LaunchesAgainForANewOwner,
    AddsToWhateverIsThere,
    AnswersWithoutTheSizeFound,
    LeavesItUnknownWhetherItConflicted,
    PicksVictims,
    TakesOneMoreForAStranger,
    TakesMembersOfOtherGroups,
    SaysNothingOfStrangers,
    GivesUpMembers,
    MakesWhatIsMissing,
    IgnoresUpkeep,
    KeepsUpOnlyTheFirstGroup,
    DestroysByForce,
    KeepsWhatItDestroys,
    FailsOnWhatIsDestroyed,
    LeavesAbsentGroupsOut,
    TellsNoOrphans,
    ShowsMoreThanAsked,
    ShowsThemBackwards,
    HidesThoseWhoLeave,
    ShowsOldViewsAsNew,
    NamesThemAgain,
    NamesThemAlikeInEachGroup,
    RunsAnotherImage,
    SeesEveryFleet,
    StopsHalfwayForGood,
    PreflightLaunches,
    InspectsNothingSuccessfully,
    CallsAShortageCertain,
    AdoptsByLaunching,
    AdoptsNothingInTruth,
    AdoptsWithItsUpkeep,
    AdoptsWhatIsAnothers,
    AdoptsWhateverItIs,
    RefusesTheSameAdoption,
    LetsWhatItAdoptsBe,
    TellsOrphansOfOthers,
}
use Flaw::*;

const CAUGHT: &[(Flaw, &str)] = &[
    (LaunchesOnEnsure, "ensure_launches_nothing"),
    (ResetsSizesOnEnsure, "ensure_again_keeps_sizes_and_upkeep"),
    (ResetsUpkeepOnEnsure, "ensure_again_keeps_sizes_and_upkeep"),
    (AdoptsWhatIsTaken, "ensure_of_another_spec_is_taken"),
    (ClaimsToHaveMadeWhatIsTaken, "a_taken_name_gets_no_more_groups"),
    (HealsFromTheFirstMoment, "ensure_sets_upkeep_from_the_first_moment"),
    (LaunchesAgainOnACopy, "a_raise_sent_twice_launches_once"),
    (LaunchesAgainOnACopy, "two_copies_of_a_raise_at_once_launch_once"),
    (LaunchesAgainOnACopy, "a_dropped_raise_sent_again_launches_once"),
    (LaunchesAgainForANewOwner, "a_raise_sent_again_by_a_new_owner_launches_once"),
    (AddsToWhateverIsThere, "a_raise_from_another_size_conflicts"),
    (AddsToWhateverIsThere, "a_raise_to_the_size_that_is_changes_nothing"),
    (AnswersWithoutTheSizeFound, "a_lower_from_another_size_conflicts"),
    (LeavesItUnknownWhetherItConflicted, "a_raise_from_another_size_conflicts"),
    (PicksVictims, "a_lower_terminates_exactly_the_named"),
    (TakesOneMoreForAStranger, "a_lower_refuses_a_stranger_and_lets_the_others_leave"),
    (TakesMembersOfOtherGroups, "a_lower_of_strangers_alone_changes_nothing"),
    (SaysNothingOfStrangers, "a_lower_refuses_a_stranger_and_lets_the_others_leave"),
    (GivesUpMembers, "a_give_up_never_takes_a_member"),
    (MakesWhatIsMissing, "a_resize_of_an_absent_group_makes_nothing"),
    (IgnoresUpkeep, "upkeep_set_again_changes_nothing"),
    (KeepsUpOnlyTheFirstGroup, "upkeep_is_set_for_all_groups"),
    (DestroysByForce, "a_destroy_with_members_does_nothing"),
    (KeepsWhatItDestroys, "a_destroy_of_the_empty_ends_absent"),
    (FailsOnWhatIsDestroyed, "a_destroy_of_the_absent_is_gone"),
    (LeavesAbsentGroupsOut, "observe_has_one_entry_for_each_group_known"),
    (LeavesAbsentGroupsOut, "an_unknown_group_is_absent"),
    (TellsNoOrphans, "what_was_made_and_is_not_known_is_an_orphan"),
    (ShowsMoreThanAsked, "observe_has_one_entry_for_each_group_known"),
    (ShowsThemBackwards, "instances_come_in_ascending_order"),
    (HidesThoseWhoLeave, "what_a_whole_view_leaves_out_is_gone"),
    (ShowsOldViewsAsNew, "a_raise_shows_in_the_next_view"),
    (NamesThemAgain, "an_incarnation_never_comes_back"),
    (NamesThemAlikeInEachGroup, "members_differ_between_groups"),
    (RunsAnotherImage, "a_raise_launches_the_pinned_image"),
    (SeesEveryFleet, "fleets_do_not_touch_each_other"),
    (StopsHalfwayForGood, "a_dropped_ensure_sent_again_makes_all_groups"),
    (PreflightLaunches, "a_preflight_only_reads"),
    (InspectsNothingSuccessfully, "an_inspection_only_reads"),
    (CallsAShortageCertain, "a_preflight_only_reads"),
];

/// What only a provider that adopts can get wrong.
const CAUGHT_OF_ADOPTION: &[(Flaw, &str)] = &[
    (AdoptsByLaunching, "a_group_of_others_is_adopted_as_it_is"),
    (AdoptsNothingInTruth, "a_group_of_others_is_adopted_as_it_is"),
    (AdoptsWithItsUpkeep, "a_group_of_others_is_adopted_as_it_is"),
    (RefusesTheSameAdoption, "what_is_adopted_again_stays_as_it_is"),
    (AdoptsWhatIsAnothers, "what_bears_other_marks_is_not_adopted"),
    (AdoptsWhateverItIs, "what_is_not_as_it_was_read_is_not_adopted"),
    (TellsOrphansOfOthers, "a_group_of_others_is_adopted_as_it_is"),
    (LetsWhatItAdoptsBe, "what_is_adopted_is_resized_and_removed_as_any_other"),
];

struct Broken {
    inner: Arc<dyn FleetProvider>,
    flaw: Flaw,
    ops: AtomicU64,
    seen: Mutex<State>,
}

#[derive(Default)]
struct State {
    tokens: BTreeMap<[u8; 16], Epoch>,
    began: BTreeSet<[u8; 16]>,
    upkeep: BTreeMap<GroupId, Upkeep>,
    last: Option<Observation>,
}

impl Broken {
    fn new(inner: Arc<dyn FleetProvider>, flaw: Flaw) -> Self {
        Self { inner, flaw, ops: AtomicU64::new(1_000_000), seen: Mutex::default() }
    }

    /// An op of its own.
    fn op(&self, fleet: &FleetId) -> Op {
        Op::new(fleet, OpId(self.ops.fetch_add(1, Ordering::Relaxed)), Epoch(0))
    }

    async fn members(&self, fleet: &FleetId, group: GroupId) -> Result<Vec<InstanceKey>> {
        let seen = self.inner.observe(fleet, &[group].into()).await?;
        let stays = |one: &&Instance| one.life != Life::Leaving;
        Ok(seen.groups[0].instances.iter().filter(stays).map(|one| one.key.clone()).collect())
    }

    async fn take(&self, fleet: &FleetId, group: GroupId, leave: BTreeSet<InstanceKey>) -> Result<Resized> {
        let from = self.members(fleet, group).await?.len() as u32;
        self.inner.resize(&self.op(fleet), &Resize::Lower { group, from, leave }).await
    }

    async fn add(&self, fleet: &FleetId, group: GroupId, more: u32) -> Result<Resized> {
        let from = self.members(fleet, group).await?.len() as u32;
        self.inner.resize(&self.op(fleet), &Resize::Raise { group, from, to: from + more }).await
    }

    fn came_before(&self, op: &Op) -> Option<Epoch> {
        self.seen.lock().unwrap().tokens.insert(op.token, op.epoch)
    }
}

#[async_trait]
impl FleetProvider for Broken {
    fn capabilities(&self) -> &FleetCapabilities {
        self.inner.capabilities()
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        if self.flaw == PreflightLaunches {
            self.inner.ensure_generation(&self.op(&spec.fleet), spec).await?;
        }
        if self.flaw == CallsAShortageCertain {
            return Ok(vec![Finding { what: "there may be no machines".into(), blocks: true }]);
        }
        self.inner.preflight(spec, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        let answer = self.inner.inspect(native).await;
        if self.flaw == InspectsNothingSuccessfully {
            return Err(immutable_core::Error::new(ErrorKind::Unreachable, "no answer").with_applied(immutable_core::Applied::No));
        }
        answer
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        let group = GroupId { generation: spec.id, cell: 0 };
        let before = self.came_before(op);
        let answer = match self.flaw {
            AdoptsNothingInTruth => return Ok(()),
            AdoptsWithItsUpkeep => {
                let spec = GenerationSpec { upkeep: Upkeep::default(), ..spec.clone() };
                return self.inner.adopt(op, native, &spec).await;
            }
            RefusesTheSameAdoption if before.is_some() => {
                return Err(immutable_core::Error::new(ErrorKind::Taken, "it is ours"));
            }
            AdoptsWhateverItIs => {
                let read = self.inner.inspect(native).await?;
                self.inner.adopt(op, native, &GenerationSpec { image: read.image, ..spec.clone() }).await
            }
            _ => self.inner.adopt(op, native, spec).await,
        };
        match (self.flaw, &answer) {
            (AdoptsByLaunching, Ok(())) => drop(self.add(&spec.fleet, group, 1).await?),
            (AdoptsWhatIsAnothers, Err(error)) if error.kind() == ErrorKind::Taken => return Ok(()),
            _ => {}
        }
        answer
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let group = GroupId { generation: spec.id, cell: 0 };
        let mut spec = spec.clone();
        match self.flaw {
            HealsFromTheFirstMoment => spec.upkeep = Upkeep::default(),
            RunsAnotherImage => spec.image = immutable_core::ImageRef::new(spec.image.place().clone(), "latest"),
            StopsHalfwayForGood if !self.seen.lock().unwrap().began.insert(op.token) => return Ok(Ensured::AlreadyOurs),
            _ => {}
        }
        let answer = self.inner.ensure_generation(op, &spec).await;
        match (self.flaw, &answer) {
            (LaunchesOnEnsure, Ok(Ensured::Created { .. })) => drop(self.add(&spec.fleet, group, 1).await?),
            (ResetsSizesOnEnsure, Ok(Ensured::AlreadyOurs)) => {
                let all = self.members(&spec.fleet, group).await?.into_iter().collect();
                self.take(&spec.fleet, group, all).await?;
            }
            (ResetsUpkeepOnEnsure, Ok(Ensured::AlreadyOurs)) => {
                self.inner.set_upkeep(&self.op(&spec.fleet), spec.id, spec.upkeep).await?;
            }
            (AdoptsWhatIsTaken, Err(error)) if error.kind() == ErrorKind::Taken => return Ok(Ensured::AlreadyOurs),
            (ClaimsToHaveMadeWhatIsTaken, Err(error)) if error.kind() == ErrorKind::Taken => {
                return Ok(Ensured::Created { echo_until: None, ticket: None });
            }
            _ => {}
        }
        answer
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        let (fleet, group) = (&op.fleet, resize.group());
        let before = self.came_before(op);
        let raise = matches!(resize, Resize::Raise { .. });
        match (self.flaw, resize) {
            (LaunchesAgainOnACopy, _) if raise && before.is_some() => {
                return self.add(fleet, group, resize.to() - resize.from()).await;
            }
            (LaunchesAgainForANewOwner, _) if raise && before.is_some_and(|epoch| epoch != op.epoch) => {
                return self.add(fleet, group, resize.to() - resize.from()).await;
            }
            (LetsWhatItAdoptsBe, Resize::Lower { from, .. }) => return Ok(Resized { size: *from, ..Resized::default() }),
            (AddsToWhateverIsThere, Resize::Raise { from, to, .. }) => return self.add(fleet, group, to - from).await,
            (PicksVictims, Resize::Lower { leave, from, .. }) => {
                let leave = self.members(fleet, group).await?.into_iter().take(leave.len()).collect();
                return self.inner.resize(op, &Resize::Lower { group, from: *from, leave }).await;
            }
            (GivesUpMembers, Resize::GiveUp { from, to, .. }) => {
                let leave = self.members(fleet, group).await?.into_iter().take((from - to) as usize).collect();
                return self.take(fleet, group, leave).await;
            }
            _ => {}
        }
        let mut answer = self.inner.resize(op, resize).await;
        match (self.flaw, resize, &mut answer) {
            (AnswersWithoutTheSizeFound, _, Err(error)) if error.kind() == ErrorKind::Conflict => {
                return Err(immutable_core::Error::new(ErrorKind::Conflict, "412"));
            }
            (LeavesItUnknownWhetherItConflicted, _, Err(error)) if error.kind() == ErrorKind::Conflict => {
                return Err(immutable_core::Error::new(ErrorKind::Conflict, "412")
                    .with_found(error.found().unwrap())
                    .with_applied(immutable_core::Applied::Unknown));
            }
            (MakesWhatIsMissing, _, Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(Resized::default()),
            (TakesOneMoreForAStranger, _, Ok(resized)) if !resized.refused.is_empty() => {
                let leave = self.members(fleet, group).await?.into_iter().take(resized.refused.len()).collect();
                let refused = std::mem::take(&mut resized.refused);
                return Ok(Resized { refused, ..self.take(fleet, group, leave).await? });
            }
            (TakesMembersOfOtherGroups, Resize::Lower { leave, .. }, Ok(resized)) if !resized.refused.is_empty() => {
                let other = GroupId { generation: GenerationId(2), cell: 0 };
                self.take(fleet, other, leave.clone()).await?;
            }
            (SaysNothingOfStrangers, _, Ok(resized)) => resized.refused.clear(),
            _ => {}
        }
        answer
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.seen.lock().unwrap().upkeep.entry(GroupId { generation, cell: 1 }).or_insert(Upkeep::NONE);
        if self.flaw == IgnoresUpkeep { Ok(()) } else { self.inner.set_upkeep(op, generation, upkeep).await }
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        let group = GroupId { generation, cell: 0 };
        if self.flaw == DestroysByForce {
            let all: BTreeSet<_> = self.members(&op.fleet, group).await?.into_iter().collect();
            if !all.is_empty() {
                self.take(&op.fleet, group, all).await?;
                return Ok(Destroyed::Going);
            }
        }
        if self.flaw == KeepsWhatItDestroys {
            return Ok(Destroyed::Gone);
        }
        if self.flaw == FailsOnWhatIsDestroyed {
            let seen = self.inner.observe(&op.fleet, &[group].into()).await?;
            if seen.groups[0].state == GroupState::Absent {
                return Err(immutable_core::Error::new(ErrorKind::NotFound, "404"));
            }
        }
        self.inner.destroy_generation(op, generation).await
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.inner.follow(ticket).await
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let mut known = known.clone();
        if self.flaw == ShowsMoreThanAsked {
            known.insert(GroupId { generation: GenerationId(1), cell: 0 });
        }
        let first = FleetId::new(fleet.place().clone(), "web");
        let mut seen = self.inner.observe(if self.flaw == SeesEveryFleet { &first } else { fleet }, &known).await?;
        let mut state = self.seen.lock().unwrap();
        if self.flaw == LeavesAbsentGroupsOut {
            seen.groups.retain(|group| group.state != GroupState::Absent);
        }
        if self.flaw == TellsOrphansOfOthers {
            let orphan = |stranger: &mut Stranger| {
                stranger.orphan = stranger.claims.map(|generation| GroupId { generation, cell: 0 });
            };
            seen.strangers.iter_mut().for_each(orphan);
        }
        if self.flaw == TellsNoOrphans {
            seen.strangers.iter_mut().for_each(|stranger| stranger.orphan = None);
        }
        for group in &mut seen.groups {
            let instances = Arc::make_mut(&mut group.instances);
            match self.flaw {
                ShowsThemBackwards => instances.reverse(),
                HidesThoseWhoLeave => instances.retain(|one| one.life != Life::Leaving),
                NamesThemAgain => {
                    (1..).zip(instances).for_each(|(nth, one)| one.key = InstanceKey::named(format!("{}-{nth}", group.group)));
                }
                NamesThemAlikeInEachGroup => {
                    (1..).zip(instances).for_each(|(nth, one)| one.key = InstanceKey::named(format!("{nth}")))
                }
                KeepsUpOnlyTheFirstGroup => {
                    let other = state.upkeep.get(&group.group).copied();
                    if let (GroupState::Present { upkeep, .. }, Some(other)) = (&mut group.state, other) {
                        *upkeep = Some(other);
                    }
                }
                _ => {}
            }
        }
        let last = state.last.replace(seen.clone());
        Ok(last.filter(|last| self.flaw == ShowsOldViewsAsNew && last.groups.len() == seen.groups.len()).unwrap_or(seen))
    }
}

/// The flaws of a provider made of this one that their cases do not see.
fn missed(all: &'static [(Flaw, &'static str)], fresh: impl Fn(Flaw) -> Result<Subject>) -> Vec<&'static (Flaw, &'static str)> {
    let passes = |(flaw, case): &&(Flaw, &str)| {
        let caught = fleets::run(case, async || fresh(*flaw), &[]);
        if let Err(failure) = &caught {
            println!("{flaw:?}: {failure}");
        }
        caught.is_ok()
    };
    all.iter().filter(passes).collect()
}

#[test]
fn each_flaw_of_a_provider_is_caught_by_its_case() {
    let missed = missed(CAUGHT, |flaw| {
        let clock = crate::clock();
        let racks = Arc::new(Racks::new(clock.clone(), false));
        Ok(racks::subject(Arc::new(Broken::new(racks, flaw)), clock))
    });
    assert!(missed.is_empty(), "these cases pass over what is broken so: {missed:?}");
}

#[test]
fn each_flaw_of_a_cloud_is_caught_by_its_case() {
    let fresh = |flaw| {
        let mut subject = memory_cloud::fresh(memory_cloud::slow(), None)?;
        subject.fleets = Arc::new(Broken::new(subject.fleets, flaw));
        Ok(subject)
    };
    let missed: Vec<_> = missed(CAUGHT, fresh).into_iter().chain(missed(CAUGHT_OF_ADOPTION, fresh)).collect();
    // The cloud makes all groups at once, also for a caller who is gone: there is no half way to stop at.
    let there = missed.iter().filter(|(flaw, _)| *flaw != StopsHalfwayForGood).collect::<Vec<_>>();
    assert!(there.is_empty(), "these cases pass over what is broken so: {there:?}");
}
