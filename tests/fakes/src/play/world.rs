//! A world: a fleet on a fake, a journal that outlives processes, and who watches that no promise is broken.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use immutable_core::id::NativeRef;
use immutable_core::time::Clock;
use immutable_core::{Artifact, Controller, Error, Fleet, MemoryJournal, Outcome, Provider, Result, Strategy};

use super::{Dice, Script};
use crate::fault::Faults;

/// A cloud with room for one fleet, as it is known to who looks behind its API.
pub trait Stage {
    /// Its time.
    fn clock(&self) -> Arc<dyn Clock>;
    /// What a process calls that has just been started.
    fn provider(&self) -> impl Future<Output = Result<Provider>>;
    /// The fleet; from when on it has `served`, a new generation is attached before it is ready.
    fn fleet(&self, served: bool) -> Fleet;
    /// Everybody who runs, or is about to, at this moment.
    fn live(&self) -> Vec<Live>;
    /// How many machines were ever launched.
    fn launches(&self) -> usize;
    /// What is there that should not be, once an image runs and all is over.
    fn left_over(&self, image: &str) -> Option<String>;
    /// What was asked so far that changes something, for people.
    fn calls(&self) -> Vec<String>;
    /// What goes wrong between it and its callers.
    fn faults(&self) -> Faults;
    /// Boot times, and how late everything is shown, by chance.
    fn weather(&self, dice: &mut Dice);
    /// From now on who is launched from an image never works.
    fn spoil(&self, image: &str);
    /// Whether requests can be divided between two generations. Where they cannot, one takes them over from the other all at once.
    fn divides(&self) -> bool {
        true
    }
}

/// Somebody who runs, or is about to.
#[derive(Clone, Debug)]
pub struct Live {
    /// The image that it was launched from.
    pub image: String,
    /// Whether it serves.
    pub serves: bool,
    /// Who it is and how it is, for people.
    pub what: String,
}

/// How long a process that died is missed.
const DOWN: Duration = Duration::from_secs(30);

/// A fleet's life, by as many processes as it takes.
#[derive(Debug)]
pub struct World<S> {
    /// The cloud.
    pub stage: S,
    /// How many there are to be.
    pub size: u32,
    /// What happens on the wire.
    pub script: Script,
    /// What is deployed first.
    pub first: Artifact,
    /// What is deployed then.
    pub next: Artifact,
    journal: MemoryJournal,
    /// From when on nobody may be missing.
    served: bool,
}

impl<S: Stage> World<S> {
    /// Nothing is deployed yet.
    pub fn new(stage: S, size: u32, script: Script, [first, next]: [Artifact; 2]) -> Self {
        Self { stage, size, script, first, next, journal: MemoryJournal::new(), served: false }
    }

    /// A process.
    async fn controller(&self) -> Result<Controller> {
        let controller = Controller::new(self.stage.provider().await?, self.journal.clone());
        Ok(controller.with_clock(self.stage.clock()).poll(Duration::from_secs(15)))
    }

    /// Adopts what others made, which runs the first artifact, by as many processes as it takes.
    ///
    /// # Errors
    /// What keeps it from being adopted.
    pub async fn adopt(&mut self, native: &NativeRef) -> Result<()> {
        let fleet = self.stage.fleet(false);
        loop {
            let controller = self.controller().await?;
            let adopt = std::pin::pin!(controller.adopt(&fleet, native, &self.first, "ann"));
            let death = std::pin::pin!(self.script.death());
            use futures_util::future::{Either, select};
            match select(adopt, death).await {
                Either::Left((proven, _)) => break drop(proven?),
                Either::Right(_) => self.stage.clock().sleep_until(self.stage.clock().now() + DOWN).await,
            }
        }
        self.served = true;
        Ok(())
    }

    /// Deploys an artifact, by as many processes as it takes, under everybody's eyes.
    ///
    /// # Errors
    /// What keeps it from being deployed; a promise that is broken; that it never ends.
    pub async fn deploy(&mut self, artifact: &Artifact, strategy: Strategy) -> Result<Outcome> {
        let fleet = self.stage.fleet(self.served);
        let plan = self.controller().await?.plan(&fleet, artifact, strategy).await?;
        let ceiling = plan.budget().ceiling;
        self.controller().await?.start(plan).await?;
        let clock = self.stage.clock();
        let deadline = clock.now() + Duration::from_secs(24 * 3600);
        let outcome = loop {
            let controller = self.controller().await?;
            let Some(rollout) = controller.rollout(fleet.id()).await? else { return Err(Error::invalid("there is no rollout")) };
            let drive = std::pin::pin!(rollout.drive());
            let death = std::pin::pin!(self.script.death());
            let eyes = std::pin::pin!(self.watch(ceiling));
            let late = std::pin::pin!(clock.sleep_until(deadline));
            use futures_util::future::{Either, select};
            match select(select(drive, death), select(eyes, late)).await {
                Either::Left((Either::Left((outcome, _)), _)) => break outcome?,
                Either::Left((Either::Right(_), _)) => clock.sleep_until(clock.now() + DOWN).await,
                Either::Right((Either::Left((breach, _)), _)) => return Err(Error::invalid(breach)),
                Either::Right((Either::Right(_), _)) => {
                    let why = controller.explain(fleet.id()).await?;
                    return Err(Error::invalid(format!("it never ends: {why}")));
                }
            }
        };
        self.served |= outcome == Outcome::Succeeded;
        Ok(outcome)
    }

    /// Looks every five seconds, and returns with what is wrong.
    async fn watch(&self, ceiling: u32) -> String {
        let clock = self.stage.clock();
        loop {
            if let Some(breach) = self.breach(ceiling) {
                return format!("at {}: {breach}", clock.now());
            }
            clock.sleep_until(clock.now() + Duration::from_secs(5)).await;
        }
    }

    fn breach(&self, ceiling: u32) -> Option<String> {
        let live = self.stage.live();
        if live.len() > ceiling as usize {
            return Some(format!("{} exist, and at most {ceiling} may: {:?}", live.len(), said(&live)));
        }
        let serving = live.iter().filter(|one| one.serves).count();
        let missing = self.served && serving < self.size as usize;
        missing.then(|| format!("{serving} serve, and {} must: {:?}", self.size, said(&live)))
    }

    /// In the end: as many as there must be, all of one image, with nothing left over.
    ///
    /// # Errors
    /// What is otherwise.
    pub fn end(&self, artifact: &Artifact) -> Result<()> {
        let image = artifact.images().next().map(|image| image.id().to_string()).unwrap_or_default();
        let live = self.stage.live();
        if live.len() != self.size as usize || live.iter().any(|one| one.image != image) {
            return Err(Error::invalid(format!("{} of {image} must run: {:?}", self.size, said(&live))));
        }
        match self.stage.left_over(&image) {
            Some(left) => Err(Error::invalid(left)),
            None => Ok(()),
        }
    }

    /// What the journal tells, and what was asked of the cloud, for people.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn story(&self) -> Result<String> {
        let fleet = self.stage.fleet(self.served);
        let history = self.controller().await?.history(fleet.id()).await?;
        Ok(format!("{}\n{}", immutable_core::rollout::Story::of(&history), self.stage.calls().join("\n")))
    }
}

fn said(live: &[Live]) -> Vec<&str> {
    live.iter().map(|one| &*one.what).collect()
}
