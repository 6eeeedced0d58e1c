//! The driver: looks, decides, appends, acts.
//!
//! A [`Controller`] makes plans and starts rollouts; a [`Rollout`] is a handle of one that is journaled, and can be driven from here or from any
//! other process. Dropping a future stops it at any await; driving again carries on.

mod able;
mod adopt;
mod commands;
mod driver;
mod events;
mod execute;
mod explain;
mod janitor;
mod judges;
mod keep;
mod lease;
mod load;
mod look;
mod news;
mod orphans;
mod timely;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::artifact::{Artifact, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{Fleet, FleetId, Follows, GenerationSpec};
use crate::id::{Actor, OwnerId, RolloutId, StreamVersion};
use crate::journal::Journal;
use crate::provider::{ImageSeen, ImageStage, Judge, Provider, SizeSource};
use crate::registry::{ImageRegistry, JournalRegistry, Status};
use crate::rollout::{Decision, Event, FleetState, MAX_VIEW_AGE, Outcome, Plan, PlanFor, Recorded, Seen, Strategy, Wanted, busy};
use crate::time::{Clock, SystemClock, Timestamp};

pub use events::{Events, Reports};
pub use janitor::Restored;
pub use orphans::Orphan;
use timely::Timely;

/// Plans rollouts, starts them and drives them. Clones share everything; so they do what was read of each fleet, of which only what is
/// new is read again.
///
/// ```
/// use immutable_core::memory::MemoryOptions;
/// use immutable_core::time::VirtualClock;
/// use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy};
///
/// let clock = VirtualClock::default();
/// let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
/// let web = cloud.bake("acmeinc/web", "1.0.0")?;
/// let controller = cloud.controller();
/// clock.run(async {
///     let plan = controller.plan(&Fleet::new("web", cloud.place()).size(3), &web, Strategy::rolling()).await?;
///     assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
///     Ok::<(), immutable_core::Error>(())
/// })?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Controller {
    providers: BTreeMap<Place, Provider>,
    journal: Timely,
    registry: Arc<dyn ImageRegistry>,
    /// Whether that is the one on the journal.
    own_registry: bool,
    clock: Arc<dyn Clock>,
    owner: OwnerId,
    poll: Duration,
    call_timeout: Duration,
    /// For how long a worker may send after a sign of life, and how many fleets of a place it has in hand at once.
    lease: Duration,
    at_once: usize,
    judges: BTreeMap<Arc<str>, Arc<dyn Judge>>,
    sizes: BTreeMap<Arc<str>, Arc<dyn SizeSource>>,
    decide: Decide,
    may_send: lease::MaySend,
    known: load::Known,
    news: news::Board,
}

#[cfg(feature = "simulation")]
pub(crate) use lease::{Lease, MaySend};

/// What decides: [`decide`](crate::rollout::decide).
pub(crate) type Decide = fn(&FleetState, &Seen<'_>, Timestamp) -> Decision;

impl Controller {
    /// A controller of one place. Its registry stands on the same journal; its clock is the system's.
    pub fn new(provider: impl Into<Provider>, journal: impl Journal + 'static) -> Self {
        let provider = provider.into();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let journal = Timely { journal: Arc::new(journal), clock: clock.clone() };
        Self {
            providers: BTreeMap::from([(provider.place.clone(), provider)]),
            registry: Arc::new(JournalRegistry::new(Arc::new(journal.clone()), clock.clone())),
            own_registry: true,
            owner: unique_owner(&*clock),
            journal,
            clock,
            poll: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            lease: Duration::from_secs(30),
            at_once: 64,
            judges: BTreeMap::new(),
            sizes: BTreeMap::new(),
            decide: crate::rollout::decide,
            may_send: lease::Lease::holds,
            known: load::Known::default(),
            news: news::Board::default(),
        }
    }

    /// Serves another place as well.
    #[must_use]
    pub fn and(mut self, provider: impl Into<Provider>) -> Self {
        let provider = provider.into();
        self.providers.insert(provider.place.clone(), provider);
        self
    }

    /// Runs on another clock; so does the registry, if it is the one on the journal.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.journal.clock = clock.clone();
        if self.own_registry {
            self.registry = Arc::new(JournalRegistry::new(Arc::new(self.journal.clone()), clock.clone()));
        }
        self.clock = clock;
        self
    }

    /// Asks another registry.
    #[must_use]
    pub fn with_registry(mut self, registry: Arc<dyn ImageRegistry>) -> Self {
        (self.registry, self.own_registry) = (registry, false);
        self
    }

    /// Claims fleets under this name, which must differ from every other controller's. By default one is made of the process and the
    /// time.
    #[must_use]
    pub fn owner(mut self, name: impl Into<Arc<str>>) -> Self {
        self.owner = OwnerId::new(name);
        self
    }

    /// Looks at a fleet at least this often. Default 5 s; at most [`MAX_VIEW_AGE`].
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every.clamp(Duration::from_millis(1), MAX_VIEW_AGE);
        self
    }

    /// After this long without an answer the result of a call is unknown. Default 30 s; at most half of [`MAX_VIEW_AGE`].
    #[must_use]
    pub fn call_timeout(mut self, after: Duration) -> Self {
        self.call_timeout = after.clamp(Duration::from_millis(1), MAX_VIEW_AGE / 2);
        self
    }

    /// A [worker](Self::work) that gives no sign of life for this long has lost its fleets to others. Default 30 s; from 3 s to 10 minutes.
    #[must_use]
    pub fn lease(mut self, lasts: Duration) -> Self {
        self.lease = lasts.clamp(Duration::from_secs(3), Duration::from_secs(600));
        self
    }

    /// A [worker](Self::work) drives the rollouts of so many fleets of a place at once, those not counted in which nothing moves, and looks at so many others.
    /// Default 64; at least 1.
    #[must_use]
    pub fn at_once(mut self, fleets: usize) -> Self {
        self.at_once = fleets.max(1);
        self
    }

    /// Asks this judge where a strategy names it.
    #[must_use]
    pub fn judge(mut self, name: impl Into<Arc<str>>, judge: impl Judge + 'static) -> Self {
        self.judges.insert(name.into(), Arc::new(judge));
        self
    }

    /// Asks this source for the size of the fleets that [follow](Fleet::follows) it by this name.
    #[must_use]
    pub fn sizes(mut self, name: impl Into<Arc<str>>, source: impl SizeSource + 'static) -> Self {
        self.sizes.insert(name.into(), Arc::new(source));
        self
    }

    /// Lets another engine decide: a simulation judges those that are weakened on purpose.
    #[cfg(feature = "simulation")]
    pub(crate) fn deciding(mut self, decide: Decide) -> Self {
        self.decide = decide;
        self
    }

    /// Lets calls leave by another look at the lease: as who does not look.
    #[cfg(feature = "simulation")]
    pub(crate) fn sending(mut self, may_send: lease::MaySend) -> Self {
        self.may_send = may_send;
        self
    }

    /// Takes over what somebody else has read of a fleet, up to this version of its stream.
    #[cfg(feature = "simulation")]
    pub(crate) fn hears(&self, state: FleetState, head: StreamVersion) {
        self.known.keep(&Arc::new(load::LoadedState { state, head, snapshot: StreamVersion::default() }));
    }

    /// The registry it asks.
    pub fn registry(&self) -> &dyn ImageRegistry {
        &*self.registry
    }

    /// What is known of a fleet.
    ///
    /// # Errors
    /// What the journal fails with; [`Corrupt`](ErrorKind::Corrupt) if the fleet's stream cannot be read.
    pub async fn state(&self, fleet: &FleetId) -> Result<FleetState> {
        Ok(self.load(fleet).await?.state.clone())
    }

    async fn load(&self, fleet: &FleetId) -> Result<Arc<load::LoadedState>> {
        load::state(&self.journal, &self.known, fleet).await
    }

    /// Makes a plan to have a fleet run an artifact, which is published if it is new. Changes nothing else.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it can never work, asks a judge that is not [there](Self::judge), or follows a source that is not
    /// [there](Self::sizes) or is silent, saying what would; or if the provider [finds](crate::fleet::Finding) that machines cannot be launched or its pool is not there;
    /// [`Denied`](ErrorKind::Denied) if the artifact is revoked; [`Busy`](ErrorKind::Busy) if a rollout runs; what the provider, the registry or the journal fail with.
    pub async fn plan(&self, fleet: &Fleet, artifact: &Artifact, strategy: Strategy) -> Result<Plan> {
        let fleet = &self.sized(fleet).await?;
        fleet.check()?;
        let provider = self.provider(fleet.id().place())?;
        self.has_judges(strategy.judges())?;
        self.recorded(artifact).await?;
        let loaded = self.load(fleet.id()).await?;
        let state = &loaded.state;
        let switch = provider.traffic.as_ref().map(|traffic| traffic.capabilities());
        let capabilities = provider.fleets.capabilities();
        let plan = Plan::new(state, PlanFor { fleet, artifact, strategy: &strategy, capabilities, switch })?;
        let spec = match plan.wanted() {
            Wanted::New(spec) => spec.clone(),
            Wanted::Existing(id) => match state.generations().get(id) {
                Some(generation) => generation.spec.clone(),
                None => return Ok(plan),
            },
        };
        launchable(&provider, &spec).await?;
        let mut findings = provider.fleets.preflight(&spec, plan.budget().ceiling).await?;
        if let (Some(pool), Some(traffic)) = (fleet.traffic_pool(), &provider.traffic) {
            findings.extend(traffic.preflight(pool).await?);
        }
        plan.with_findings(findings)
    }

    /// Begins a rollout: it is journaled from here on, and moves when it is [driven](Rollout::drive), here or elsewhere.
    ///
    /// # Errors
    /// [`Stale`](ErrorKind::Stale) if the fleet is not what it was when the plan was made; [`Busy`](ErrorKind::Busy) if a rollout
    /// runs; [`Denied`](ErrorKind::Denied) if the artifact was revoked meanwhile. Nothing was begun then.
    pub async fn start(&self, plan: Plan) -> Result<Rollout> {
        self.provider(plan.fleet().id().place())?;
        self.has_judges(plan.strategy().judges())?;
        let to = plan.to();
        if let Status::Known { revoked: Some(revocation) } = self.registry.view(&to.name).await?.status(to.digest) {
            return Err(Error::new(ErrorKind::Denied, format!("{to} is {revocation}; plan another version")));
        }
        self.begin(plan).await
    }

    /// As [`start`](Self::start), where the registry was asked.
    async fn begin(&self, plan: Plan) -> Result<Rollout> {
        let fleet = plan.fleet().id().clone();
        for _ in 0..load::TRIES {
            let loaded = self.load(&fleet).await?;
            let state = &loaded.state;
            // One that has begun since is not what the plan was to replace.
            if let Some(running) = state.rollout().filter(|running| plan.basis().running != Some(running.id)) {
                return Err(busy(state, running));
            }
            plan.check_basis(state)?;
            let rollout = state.next_rollout();
            let ended = state.rollout().map(|_| Event::Ended { outcome: Outcome::Superseded { by: rollout } });
            let opened = Event::Opened { rollout, plan: Box::new(plan.clone()) };
            if let Some(begun) = load::write(self, &loaded, Duration::ZERO, ended.into_iter().chain([opened]).collect()).await? {
                // Whoever drives the one that is replaced hears of it.
                self.news.command(&fleet);
                return Ok(Rollout { controller: self.clone(), fleet, id: rollout, since: begun.head });
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("fleet {fleet} is written to by too many; try again")))
    }

    /// Starts a rollout and drives it to its end.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`Rollout::drive`].
    pub async fn run(&self, plan: Plan) -> Result<Outcome> {
        self.start(plan).await?.drive().await
    }

    /// The rollout that runs in a fleet, begun here or elsewhere.
    ///
    /// # Errors
    /// What the journal fails with.
    pub async fn rollout(&self, fleet: &FleetId) -> Result<Option<Rollout>> {
        let loaded = self.load(fleet).await?;
        let id = loaded.state.rollout().map(|running| running.id);
        Ok(id.map(|id| Rollout { controller: self.clone(), fleet: fleet.clone(), id, since: loaded.head }))
    }

    /// Everything that was journaled of a fleet, with the version after each record. [`Story`](crate::rollout::Story) prints it for people.
    ///
    /// # Errors
    /// What the journal fails with; [`NotFound`](ErrorKind::NotFound) if old records were dropped.
    pub async fn history(&self, fleet: &FleetId) -> Result<Vec<(StreamVersion, Recorded)>> {
        load::records(&self.journal, &fleet.stream(), StreamVersion(0)).await
    }

    fn provider(&self, place: &Place) -> Result<Provider> {
        self.providers.get(place).cloned().ok_or_else(|| {
            let served: Vec<_> = self.providers.keys().map(ToString::to_string).collect();
            Error::invalid(format!("this controller does not serve {place}, it serves {}; add its provider", served.join(", ")))
        })
    }

    fn has_judges<'a>(&self, judges: impl IntoIterator<Item = &'a Arc<str>>) -> Result<()> {
        judges.into_iter().try_for_each(|judge| self.named(judge).map(drop))
    }

    /// The judge of this name.
    fn named(&self, judge: &str) -> Result<&Arc<dyn Judge>> {
        self.judges.get(judge).ok_or_else(|| {
            Error::invalid(format!(
                "the strategy asks judge `{judge}`, which this controller does not have; add it with `Controller::judge`"
            ))
        })
    }

    /// The source that says a fleet's size, if it follows one.
    fn has_sizes(&self, fleet: &Fleet) -> Result<Option<&Arc<dyn SizeSource>>> {
        let Some(Follows { source, .. }) = fleet.follows_whom() else {
            return Ok(None);
        };
        self.sizes.get(source).map(Some).ok_or_else(|| {
            let fleet = fleet.id();
            Error::invalid(format!(
                "fleet {fleet} follows `{source}`, which this controller does not have; add it with `Controller::sizes`"
            ))
        })
    }

    /// A fleet at the size that its source says, if it follows one that is not silent.
    async fn sized(&self, fleet: &Fleet) -> Result<Fleet> {
        let Some((follows, source)) = fleet.follows_whom().zip(self.has_sizes(fleet)?) else {
            return Ok(fleet.clone());
        };
        let late = self.clock.sleep_until(self.clock.now() + self.call_timeout);
        let says = match select(source.desired(fleet.id()), late).await {
            Either::Left((says, _)) => says,
            Either::Right(_) => Err(Error::new(ErrorKind::Unreachable, "no answer in time")),
        };
        match says {
            Ok(says) => Ok(fleet.clone().size(follows.size(says))),
            Err(_) if fleet.is_sized() => Ok(fleet.clone().size(follows.size(fleet.desired()))),
            Err(error) => Err(Error::new(
                error.kind(),
                format!(
                    "fleet {} follows `{}`, which is silent: {error}; try again, or say besides which size it has meanwhile",
                    fleet.id(),
                    follows.source
                ),
            )),
        }
    }

    /// Publishes an artifact that is new, and refuses one that is revoked.
    async fn recorded(&self, artifact: &Artifact) -> Result<()> {
        match self.registry.view(artifact.name()).await?.status(artifact.digest()) {
            Status::Known { revoked: Some(revocation) } => {
                Err(Error::new(ErrorKind::Denied, format!("{artifact} is {revocation}; plan another version")))
            }
            _ => self.registry.publish(artifact, &Actor::new(self.owner.as_str())).await.map(|_| ()),
        }
    }
}

/// Whether the place says that an image can be launched, if it says anything.
async fn launchable(provider: &Provider, spec: &GenerationSpec) -> Result<()> {
    let Some(images) = &provider.images else {
        return Ok(());
    };
    for seen in images.describe(std::slice::from_ref(&spec.image)).await? {
        let image = seen.image.clone();
        if let Some(why) = unlaunchable(seen) {
            return Err(Error::invalid(format!("{} {} cannot be launched, {image}: {why}", spec.name, spec.version)));
        }
    }
    Ok(())
}

/// Why an image cannot be launched, if it cannot.
fn unlaunchable(seen: ImageSeen) -> Option<Arc<str>> {
    match (seen.stage, seen.unlaunchable) {
        (ImageStage::Active | ImageStage::Deprecated, None) => None,
        (_, Some(why)) => Some(why),
        (stage, None) => Some(format!("it is {stage:?}").to_lowercase().into()),
    }
}

/// A name that no other controller has: of the process, the time and a count.
fn unique_owner(clock: &dyn Clock) -> OwnerId {
    static MADE: AtomicU64 = AtomicU64::new(0);
    OwnerId::new(format!("{}-{}-{}", std::process::id(), clock.now().as_millis(), MADE.fetch_add(1, Ordering::Relaxed)))
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { providers, owner, poll, call_timeout, clock, .. } = self;
        f.debug_struct("Controller")
            .field("places", &providers.keys())
            .field("owner", owner)
            .field("poll", poll)
            .field("call_timeout", call_timeout)
            .field("clock", clock)
            .finish_non_exhaustive()
    }
}

/// A rollout that is journaled.
#[derive(Clone, Debug)]
pub struct Rollout {
    controller: Controller,
    fleet: FleetId,
    id: RolloutId,
    /// The version of the stream when it was known to run: its end comes after that.
    since: StreamVersion,
}

impl Rollout {
    /// Of which fleet.
    pub fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// Its number within the fleet.
    pub fn id(&self) -> RolloutId {
        self.id
    }

    /// Claims the fleet and drives the rollout until it ends, or [needs](Outcome::Needs) a person.
    ///
    /// May be dropped at any await and called again, here or in another process: what was journaled is carried on, and nothing is done
    /// twice. Of two that drive at once the later one goes on: it takes the other to send nothing more 110 s after what that wrote last. That is told by both
    /// machines' clocks; between [workers](Controller::work) none is compared.
    ///
    /// What happens meanwhile is inside of a `tracing` span, `rollout`, that names fleet and rollout, at level `INFO`; each call to a provider is inside of one
    /// more, `call`, that names generation and op and says what is asked, at level `DEBUG`.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if this controller lacks the traffic switch of the fleet's pool, or a [judge](Controller::judge) of a step
    /// that is still to come; [`Fenced`](ErrorKind::Fenced) if another controller has claimed the fleet; what the journal fails with for longer than
    /// 5 minutes. A provider's failures are no errors here: the engine deals with them.
    pub async fn drive(&self) -> Result<Outcome> {
        let ended = driver::drive(&self.controller, &self.fleet, self.id, driver::Post::Alone).await?;
        ended.ok_or_else(|| {
            Error::new(ErrorKind::Internal, "it was handed over, and there is nobody to hand it to; please report this")
        })
    }
}
