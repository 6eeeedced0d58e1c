use std::future::Future;

use async_trait::async_trait;

use crate::analysis::Judgement;
use crate::artifact::{ArtifactName, Digest, Version};
use crate::error::Result;
use crate::fleet::{FleetId, GenerationId, GenerationSpec};
use crate::id::{InstanceKey, RolloutId, StepIx};
use crate::time::Timestamp;

/// Says whether a release is good enough to go on with.
///
/// [`ThresholdJudge`](super::ThresholdJudge) holds metrics against limits; [`judge_fn`] makes one of a function.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Judges one step of a rollout by what happened in its window.
    ///
    /// # Contract
    /// To ensure correctness, whatever implements this:
    /// - answers about the [window](Trial::since) of the trial and about the instances that it names, whenever it is asked: not about
    ///   the moment of asking;
    /// - may be asked the same again, since an answer is lost if the asker dies before it is journaled: it reads only, or does once what
    ///   it does for one fleet, rollout and step;
    /// - says [`Inconclusive`](crate::analysis::Says::Inconclusive) if it has no data, or part of it, and never
    ///   [`Pass`](crate::analysis::Says::Pass);
    /// - is safe to drop at any await.
    ///
    /// # Errors
    /// An error is no judgement, neither good nor bad: the same is asked again, later.
    async fn judge(&self, trial: &Trial) -> Result<Judgement>;
}

/// What is judged: the new generation of a rollout, beside the old one, over a window.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trial {
    /// Whose rollout.
    pub fleet: FleetId,
    /// Which of that fleet's rollouts.
    pub rollout: RolloutId,
    /// After which of its steps.
    pub step: StepIx,
    /// What is on trial.
    pub new: Side,
    /// What it is compared with, if there is anything.
    pub old: Option<Side>,
    /// When the window begins, by the clock of who asks: since then none of the new instances of an analysis was lost, or replaced. Of the old
    /// ones some may have been.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

impl Trial {
    /// A trial of a generation, with nothing to compare it with, over a window.
    pub fn new(fleet: FleetId, rollout: RolloutId, step: StepIx, new: Side, since: Timestamp, until: Timestamp) -> Self {
        Self { fleet, rollout, step, new, old: None, since, until }
    }

    /// With what it is compared with.
    #[must_use]
    pub fn old(mut self, old: Side) -> Self {
        self.old = Some(old);
        self
    }
}

/// One side of a trial: a generation, what it runs, and on which instances.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Side {
    /// Which generation.
    pub generation: GenerationId,
    /// The name of its artifact.
    pub name: ArtifactName,
    /// The version of its artifact.
    pub version: Version,
    /// The digest of its artifact.
    pub digest: Digest,
    /// Its instances that count, in ascending order of their keys.
    pub instances: Vec<InstanceKey>,
}

impl Side {
    /// A generation that runs this artifact, without instances.
    pub fn new(generation: GenerationId, name: ArtifactName, version: Version, digest: Digest) -> Self {
        Self { generation, name, version, digest, instances: Vec::new() }
    }

    /// A generation of this spec, without instances.
    pub fn of(spec: &GenerationSpec) -> Self {
        Self::new(spec.id, spec.name.clone(), spec.version.clone(), spec.release.artifact)
    }

    /// With these instances, instead of those it had.
    #[must_use]
    pub fn instances(mut self, instances: impl IntoIterator<Item = InstanceKey>) -> Self {
        self.instances = instances.into_iter().collect();
        self.instances.sort();
        self
    }
}

/// Makes a [`Judge`] of an async function. What [the contract](Judge::judge) asks of a judge it asks of the function.
///
/// ```
/// use immutable_core::analysis::Judgement;
/// use immutable_core::provider::{Judge, judge_fn};
///
/// let enough = judge_fn(|trial| async move {
///     Ok(match trial.new.instances.len() {
///         0 => Judgement::inconclusive("no instance is there to be judged"),
///         n if n < 3 => Judgement::fail(format!("only {n} instances are there")),
///         n => Judgement::pass(format!("{n} instances are there")),
///     })
/// });
/// # use immutable_core::{Digest, Place, Timestamp, fleet::{FleetId, GenerationId}};
/// # use immutable_core::{id::{InstanceKey, RolloutId, StepIx}, provider::{Side, Trial}};
/// # let fleet = FleetId::new(Place::new("memory", "local", "local")?, "web");
/// # let new = Side::new(GenerationId(2), "acmeinc/web".parse()?, "1.1.0".parse()?, Digest::of(b""));
/// # let new = new.instances([InstanceKey::named("i-1")]);
/// # let trial = Trial::new(fleet, RolloutId(1), StepIx(0), new, Timestamp::default(), Timestamp::default());
/// # immutable_core::time::VirtualClock::default().run(async {
/// let judgement = enough.judge(&trial).await?;
/// assert_eq!(judgement, Judgement::fail("only 1 instances are there"));
/// # Ok::<(), immutable_core::Error>(())
/// # })?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
pub fn judge_fn<F, Fut>(judge: F) -> impl Judge
where
    F: Fn(Trial) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Judgement>> + Send,
{
    Function(judge)
}

struct Function<F>(F);

#[async_trait]
impl<F, Fut> Judge for Function<F>
where
    F: Fn(Trial) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Judgement>> + Send,
{
    async fn judge(&self, trial: &Trial) -> Result<Judgement> {
        (self.0)(trial.clone()).await
    }
}
