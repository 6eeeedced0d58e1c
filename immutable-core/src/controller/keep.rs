//! Keeping a fleet: what is amiss while no rollout runs is set right by one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::Controller;
use super::driver::{Post, drive};
use super::lease::Rivals;
use super::load::{LoadedState, PATIENCE};
use super::look::look;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::fleet::{FleetId, GenerationSpec};
use crate::id::RolloutId;
use crate::registry::Status;
use crate::rollout::{FleetState, Found, Need, Outcome, Plan, Seen, Since, found, keeps_nothing};
use crate::time::Timestamp;

impl Controller {
    /// Keeps a fleet at its size and at its proven release, until this future is dropped or a person is asked: a rollout that runs is carried on, and
    /// where none does the fleet is looked at. What is [amiss](crate::rollout::amiss) for two looks, and for as long as a provider that heals has for it, is
    /// set right by a rollout of the proven release, under the same rules as any other, in the journal as any other. Each thing that is amiss has its own
    /// time; once one of them is due, all are set right. A fleet that [follows](crate::Fleet::follows) somebody is brought to the size they say. What follows
    /// when somebody else has changed something the fleet's terms [say](crate::Fleet::on_drift).
    ///
    /// A proven release that was revoked is kept for as long as nothing is amiss; then a person is asked, and nothing was begun. A registry that does not
    /// answer is waited for: what needs no launch is set right meanwhile.
    ///
    /// While somebody else drives a rollout, in this process or another, this stands by. It takes over once nobody has written to the fleet's stream for
    /// 2 minutes, of a rollout that is paused for 20, of one that asks for 1.
    ///
    /// While nothing is amiss nothing is written. Dropped and called again, here or elsewhere, it goes on; what is amiss then has its time from the first
    /// look on.
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
    /// [`Invalid`](ErrorKind::Invalid) if there is nothing that the fleet could be kept at: nothing is proven, or it was left mixed; as
    /// [`Rollout::drive`](super::Rollout::drive), but for [`Fenced`](ErrorKind::Fenced): that another controller has claimed the fleet is no error for who
    /// only keeps it; what the journal fails with for longer than 5 minutes. A provider's and a registry's failures are no errors here.
    pub async fn keep(&self, fleet: &FleetId) -> Result<Need> {
        let (mut keeper, rivals) = (Keeper::new(self, fleet), Rivals::default());
        let mut well_at = self.clock.now();
        loop {
            match keeper.beside(&rivals).await {
                Ok(Kept::Asks(need)) => return Ok(need),
                Ok(_) => well_at = self.clock.now(),
                Err(error) if is_final(&error, self.clock.now().since(well_at)) => return Err(error),
                Err(error) => tracing::debug!(%error, %fleet, "a fleet could not be looked after"),
            }
            self.clock.sleep_until(self.clock.now() + self.poll).await;
        }
    }
}

/// How a fleet was found, or left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing is amiss, or another has it.
    Well,
    /// Something is amiss, or cannot be told: it is looked at again soon.
    Watched,
    /// A rollout has ended, or was handed over.
    Ended,
    /// A person is asked.
    Asks(Need),
}

/// Looks after one fleet.
pub(super) struct Keeper {
    controller: Controller,
    fleet: FleetId,
    /// Since when what is amiss is so.
    since: Since,
    /// By how much whoever wrote last was ahead of this clock at the most.
    ahead: Duration,
    /// How many rollouts in a row have set nothing right, and when the next may be tried.
    in_vain: u32,
    not_before: Timestamp,
}

/// How long is waited after so many rollouts in a row that set nothing right: a minute, doubling up to an hour.
fn pause(in_vain: u32) -> Duration {
    Duration::from_secs(60 << in_vain.saturating_sub(1).min(6)).min(Duration::from_secs(3600))
}

/// Whether an error is not the passing trouble of a journal, or has not passed for so long.
fn is_final(error: &Error, since: Duration) -> bool {
    error.retry() == Retry::Never || since >= PATIENCE
}

impl Keeper {
    pub(super) fn new(controller: &Controller, fleet: &FleetId) -> Self {
        let (not_before, ahead) = (controller.clock.now(), Duration::ZERO);
        Self { controller: controller.clone(), fleet: fleet.clone(), since: Since::default(), ahead, in_vain: 0, not_before }
    }

    pub(super) fn controller(&self) -> &Controller {
        &self.controller
    }

    pub(super) fn fleet(&self) -> &FleetId {
        &self.fleet
    }

    /// As [`once`](Self::once), beside others who may drive what runs.
    async fn beside(&mut self, rivals: &Rivals) -> Result<Kept> {
        let loaded = self.controller.load(&self.fleet).await?;
        let driven = loaded.state.rollout().is_some()
            && (self.controller.news.is_driven(&self.fleet) || !rivals.leave(&self.controller, &loaded).await?);
        if driven {
            self.since = Since::default();
            return Ok(Kept::Well);
        }
        self.once(&loaded, Post::Alone).await
    }

    /// Carries on what runs, or looks once, and begins what sets right what is amiss.
    pub(super) async fn once(&mut self, loaded: &LoadedState, post: Post) -> Result<Kept> {
        let controller = self.controller.clone();
        let state = &loaded.state;
        if let Some(running) = state.rollout() {
            return self.drive(running.id, !running.plan.sets_right().is_empty(), post).await;
        }
        let Some((kept, proven)) = state.kept().zip(state.proven()) else {
            return Err(keeps_nothing(state));
        };
        controller.has_sizes(kept.fleet())?;
        let here = controller.clock.now();
        self.ahead = self.ahead.max(state.at().since(here));
        let asked = here + self.ahead;
        // Of a look that failed nothing is known.
        let Some(found) = self.look(state, asked).await? else {
            return Ok(Kept::Watched);
        };
        // One bad look is none, and a provider that heals has its time.
        let due = self.since.is_due(&found, asked);
        let well = found.amiss.is_none();
        let Some(amiss) = found.amiss.filter(|_| due && here >= self.not_before) else {
            return Ok(if well { Kept::Well } else { Kept::Watched });
        };
        if let Some(need) = self.is_revoked(&proven.spec).await {
            return Ok(Kept::Asks(need));
        }
        if matches!(&post, Post::Worker(hire) if *hire.leaves.borrow()) {
            return Ok(Kept::Watched);
        }
        tracing::info!(fleet = %self.fleet, amiss = amiss.what.join("; "), "it is set right");
        let provider = controller.provider(self.fleet.place())?;
        let switch = provider.traffic.as_ref().map(|traffic| traffic.capabilities());
        let plan = Plan::keeping(state, &amiss, provider.fleets.capabilities(), switch)?;
        match controller.begin(plan).await {
            // It is driven by the hand for that.
            Ok(_) if matches!(post, Post::Worker(..)) => Ok(Kept::Ended),
            Ok(rollout) => self.drive(rollout.id, true, post).await,
            // Somebody was faster.
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Stale) => Ok(Kept::Watched),
            Err(error) => Err(error),
        }
    }

    async fn drive(&mut self, rollout: RolloutId, keeps: bool, post: Post) -> Result<Kept> {
        self.since = Since::default();
        match drive(&self.controller, &self.fleet, rollout, post).await {
            Ok(Some(Outcome::Needs(need))) => return Ok(Kept::Asks(need)),
            Ok(Some(Outcome::Succeeded)) => self.in_vain = 0,
            Ok(Some(_)) if keeps => {
                self.in_vain += 1;
                self.not_before = self.controller.clock.now() + pause(self.in_vain);
            }
            Ok(_) => {}
            // Somebody else drives it from here, or has ended it.
            Err(error) if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(Kept::Ended)
    }

    /// What a look shows; nothing of one that failed. A pool that is not seen hides nothing of the fleet.
    async fn look(&self, state: &FleetState, asked: Timestamp) -> Result<Option<Found>> {
        let provider = self.controller.provider(self.fleet.place())?;
        let seen = look(&self.controller, &provider, state, None, asked).await;
        let Ok(fleet) = &seen.fleet else {
            return Ok(None);
        };
        let mut what = Seen::new(fleet, asked).heals(provider.fleets.capabilities().heals);
        (what.pool, what.size) = (seen.pool.as_ref().ok().and_then(Option::as_ref), seen.size);
        Ok(Some(found(state, &what, self.controller.clock.now() + self.ahead)))
    }

    /// What a person is asked of a proven release that was revoked. Of a registry that is silent nothing is known: launches wait for its word.
    async fn is_revoked(&self, spec: &GenerationSpec) -> Option<Need> {
        let Controller { clock, registry, call_timeout, .. } = &self.controller;
        let late = clock.sleep_until(clock.now() + *call_timeout);
        let status = match select(registry.view(&spec.name), late).await {
            Either::Left((Ok(view), _)) => view.status(spec.release.artifact),
            Either::Left((Err(error), _)) => {
                tracing::debug!(%error, fleet = %self.fleet, "nothing was heard of its release");
                return None;
            }
            Either::Right(_) => return None,
        };
        let Status::Known { revoked: Some(revocation) } = status else {
            return None;
        };
        let why: Arc<str> = format!("{} {} is {revocation}; plan another version", spec.name, spec.version).into();
        Some(Need::BaselineUnlaunchable { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repair_that_was_in_vain_is_followed_by_a_pause_of_up_to_an_hour() {
        for (in_vain, minutes) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            assert_eq!(pause(in_vain), Duration::from_secs(60 * minutes), "{in_vain}");
        }
    }

    #[test]
    fn what_passes_is_no_end_before_its_time() {
        let wrong = Error::invalid("no release");
        let silent = Error::new(ErrorKind::Unreachable, "no journal");
        let seconds = Duration::from_secs;
        for (what, error, since, is) in [
            ("what is wrong stays wrong", &wrong, seconds(0), true),
            ("a journal fails", &silent, seconds(0), false),
            ("for a while", &silent, seconds(299), false),
            ("for too long", &silent, seconds(300), true),
        ] {
            assert_eq!(is_final(error, since), is, "{what}");
        }
    }
}
