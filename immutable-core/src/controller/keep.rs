//! Keeping a fleet: what is amiss while no rollout runs is set right by one.

use std::time::Duration;

use super::Controller;
use super::load::PATIENCE;
use super::look::look;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::FleetId;
use crate::rollout::{Amiss, FleetState, Need, Outcome, Plan, Seen, amiss, keeps_nothing};
use crate::time::Timestamp;

impl Controller {
    /// Keeps a fleet at its size and at its proven release, until this future is dropped or a person is asked: a rollout that runs is carried on, and
    /// where none does the fleet is looked at. What is [amiss] for two looks, and for as long as a provider that heals has for it, is
    /// set right by a rollout of the proven release, under the same rules as any other, in the journal as any other. A fleet that
    /// [follows](crate::Fleet::follows) somebody is brought to the size they say. What follows when somebody else has changed something the fleet's terms
    /// [say](crate::Fleet::on_drift).
    ///
    /// While nothing is amiss nothing is written. Dropped and called again, here or elsewhere, it goes on.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use futures_util::future::select;
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::time::{Clock, VirtualClock};
    /// # use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let web = cloud.bake("acmeinc/web", "1.0.0")?;
    /// # let (controller, fleet) = (cloud.controller(), Fleet::new("web", cloud.place()).size(3));
    /// # clock.run(async {
    /// # let plan = controller.plan(&fleet, &web, Strategy::rolling()).await?;
    /// assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
    /// let group = *cloud.sizes(fleet.id()).keys().next().expect("it has one");
    /// cloud.set_size(fleet.id(), group, 1)?; // somebody in a console
    ///
    /// let an_hour = clock.sleep_until(clock.now() + Duration::from_secs(3600));
    /// select(Box::pin(controller.keep(fleet.id())), an_hour).await;
    /// assert_eq!(cloud.running(), [(web.digest(), 3)].into());
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if there is nothing that the fleet could be kept at: nothing is proven, or it was left mixed;
    /// [`Fenced`](ErrorKind::Fenced) if another controller has claimed it; as [`Rollout::drive`](super::Rollout::drive); what the journal fails with for longer
    /// than 5 minutes. A provider's failures are no errors here.
    pub async fn keep(&self, fleet: &FleetId) -> Result<Need> {
        let now = self.clock.now();
        let mut keeper = Keeper { controller: self, fleet, since: None, well_at: now, in_vain: 0, not_before: now };
        loop {
            match keeper.once().await {
                Ok(Some(need)) => return Ok(need),
                Ok(None) => keeper.well_at = self.clock.now(),
                Err(error) if keeper.is_final(&error) => return Err(error),
                Err(error) => tracing::debug!(%error, %fleet, "a fleet could not be looked after"),
            }
            self.clock.sleep_until(self.clock.now() + self.poll).await;
        }
    }
}

struct Keeper<'a> {
    controller: &'a Controller,
    fleet: &'a FleetId,
    /// Since when something is amiss.
    since: Option<Timestamp>,
    /// When all went well last.
    well_at: Timestamp,
    /// How many rollouts in a row have set nothing right, and when the next may be tried.
    in_vain: u32,
    not_before: Timestamp,
}

/// How long is waited after so many rollouts in a row that set nothing right: a minute, doubling up to an hour.
fn pause(in_vain: u32) -> Duration {
    Duration::from_secs(60 << in_vain.saturating_sub(1).min(6)).min(Duration::from_secs(3600))
}

impl Keeper<'_> {
    /// Carries on what runs, or looks once, and begins what sets right what is amiss. A need, if a person is asked.
    async fn once(&mut self) -> Result<Option<Need>> {
        let controller = self.controller;
        if let Some(rollout) = controller.rollout(self.fleet).await? {
            self.since = None;
            return match rollout.drive().await? {
                Outcome::Needs(need) => Ok(Some(need)),
                Outcome::Succeeded => {
                    self.in_vain = 0;
                    Ok(None)
                }
                _ => {
                    self.in_vain += 1;
                    self.not_before = controller.clock.now() + pause(self.in_vain);
                    Ok(None)
                }
            };
        }
        let loaded = controller.load(self.fleet).await?;
        let state = &loaded.state;
        let Some(kept) = state.kept().filter(|_| state.proven().is_some()) else {
            return Err(keeps_nothing(state));
        };
        controller.has_sizes(kept.fleet())?;
        let asked = controller.clock.now().max(state.at());
        let amiss = match self.look(state, asked).await? {
            Some(Some(amiss)) => amiss,
            Some(None) => {
                self.since = None;
                return Ok(None);
            }
            // What is not seen is neither well nor amiss.
            None => return Ok(None),
        };
        // One bad look is none, and a provider that heals has its time.
        let since = *self.since.get_or_insert(asked);
        if since == asked || asked.since(since) < amiss.patience || asked < self.not_before {
            return Ok(None);
        }
        tracing::info!(fleet = %self.fleet, amiss = amiss.what.join("; "), "it is set right");
        let provider = controller.provider(self.fleet.place())?;
        let switch = provider.traffic.as_ref().map(|traffic| traffic.capabilities());
        let plan = Plan::keeping(state, &amiss, provider.fleets.capabilities(), switch)?;
        match controller.start(plan).await {
            Ok(_) => Ok(None),
            // Somebody was faster.
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Stale) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is amiss, if anything is; nothing of a look that failed.
    async fn look(&self, state: &FleetState, asked: Timestamp) -> Result<Option<Option<Amiss>>> {
        let provider = self.controller.provider(self.fleet.place())?;
        let seen = look(self.controller, &provider, state, None, asked).await;
        let (Ok(fleet), Ok(pool)) = (&seen.fleet, &seen.pool) else {
            return Ok(None);
        };
        let mut what = Seen::new(fleet, asked).heals(provider.fleets.capabilities().heals);
        (what.pool, what.size) = (pool.as_ref(), seen.size);
        Ok(Some(amiss(state, &what, self.controller.clock.now().max(state.at()))))
    }

    /// Whether an error is not the passing trouble of a journal.
    fn is_final(&self, error: &Error) -> bool {
        let mends = error.retry() != crate::error::Retry::Never;
        !mends || self.controller.clock.now().since(self.well_at) >= PATIENCE
    }
}
