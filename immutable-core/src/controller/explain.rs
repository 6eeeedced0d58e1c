//! Saying how a fleet stands, and why.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Controller;
use super::look::look;
use crate::error::Result;
use crate::fleet::FleetId;
use crate::rollout::{Explanation, FleetState, Report, Seen};
use crate::time::Timestamp;

impl Controller {
    /// Says how a fleet stands, and why: what is proven, which rollout runs and what it waits for, what a person is asked and what would answer, what is owed to
    /// the provider, and who owns it. Works in any process, whoever drives.
    ///
    /// While a rollout runs it looks at the fleet once, as whoever drives it does. Nothing is written, and nothing is changed.
    ///
    /// ```
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::time::VirtualClock;
    /// # use immutable_core::{Fleet, MemoryCloud, Strategy};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let (controller, fleet) = (cloud.controller(), Fleet::new("web", cloud.place()).size(3));
    /// # clock.run(async {
    /// # let web = cloud.bake("acmeinc/web", "1.0.0")?;
    /// # cloud.never_healthy(&web);
    /// # let plan = controller.plan(&fleet, &web, Strategy::rolling()).await?;
    /// # let _ = controller.start(plan).await?;
    /// let explanation = controller.explain(fleet.id()).await?;
    /// println!("{explanation}"); // for people; serde gives it as JSON
    /// for (what, by) in explanation.rollout.iter().flat_map(|running| &running.may) {
    ///     println!("{what} would be carried out now, given by {by:?}");
    /// }
    /// # assert!(explanation.to_string().contains("rollout 1 runs since"));
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the journal fails with; [`Corrupt`](crate::ErrorKind::Corrupt) if the fleet's stream cannot be read. A provider that is silent, or that this controller
    /// does not have, is no error: what the rollout waits for is then not known.
    pub async fn explain(&self, fleet: &FleetId) -> Result<Explanation> {
        let loaded = self.load(fleet).await?;
        let state = &loaded.state;
        let now = self.clock.now().max(state.at());
        let waits = match state.rollout() {
            Some(_) => self.report(state, now).await.map_err(|error| Arc::from(error.to_string())),
            None => Err("no rollout runs".into()),
        };
        Ok(Explanation::of(state, waits, self.clock.now().max(now)))
    }

    /// What whoever drives a rollout would report after a look taken now.
    async fn report(&self, state: &FleetState, asked: Timestamp) -> Result<Report> {
        let provider = self.provider(state.fleet().place())?;
        let look = look(self, &provider, state, None, asked).await;
        let fleet = look.fleet?;
        // Who drives sends what is owed: it is not judged here.
        let owed: BTreeSet<_> = state.owed().map(|(op, _)| op).collect();
        let mut seen = Seen::new(&fleet, asked).in_flight(&owed).heals(provider.fleets.capabilities().heals);
        let (facts, pool) = (look.facts.ok(), look.pool.ok().flatten());
        seen.facts = facts.as_ref();
        (seen.switch, seen.pool) = (provider.traffic.as_ref().map(|traffic| traffic.capabilities()), pool.as_ref());
        seen.size = look.size;
        Ok((self.decide)(state, &seen, self.clock.now().max(asked)).report)
    }
}
