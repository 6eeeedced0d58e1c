//! What anybody may tidy after whoever died, without carrying on what they were at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Controller;
use super::driver::fenced;
use super::execute::execute;
use super::lease::{ALONE, Lease, Rivals, left_of};
use super::load::{self, LoadedState, PATIENCE};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::fleet::{FleetId, GenerationId, Heals, Ticket, Upkeep};
use crate::id::OpId;
use crate::provider::Provider;
use crate::rollout::{Call, Event, MAX_VIEW_AGE, OpResult, Refused, backoff, settle, upkeep_taken};
use crate::time::Timestamp;

/// What [`Controller::restore_upkeep`] came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// What the provider may do again, to which generation.
    pub done: BTreeMap<GenerationId, Upkeep>,
    /// What it may still not do, and why. What is owed of it is carried on by whoever drives the rollout next.
    pub left: BTreeMap<GenerationId, Arc<str>>,
}

/// So often a call is made that is refused for the moment.
const TRIES: u32 = 5;

impl Controller {
    /// Gives back to the provider what a rollout has taken from it that nobody drives any more: while one runs, the provider does not replace who fails in
    /// what is new, nor in what must make room. Where its driver died and no [worker](Self::work) takes over, the fleet would stay without that for ever.
    ///
    /// What the fleet's terms [say](crate::Fleet::upkeep) is set again of the proven release; what is new and was ready once may heal, unless it is gone back from.
    /// Nothing else is done: no size, no traffic, and the rollout is where it was. Whoever drives it next takes back what it needs.
    ///
    /// First it watches until it is certain that nobody drives the rollout: a worker's lease, or 2 minutes without a word, of a rollout that is paused
    /// 20, of one that asks 1; and until no copy can arrive any more of what that driver had sent. Of a fleet without a rollout there is nothing to do: [`keep`](Self::keep) sees to its upkeep.
    ///
    /// ```
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::time::VirtualClock;
    /// # use immutable_core::{Fleet, MemoryCloud, Strategy};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let fleet = Fleet::new("web", cloud.place()).size(3);
    /// # clock.run(async {
    /// # let web = cloud.bake("acmeinc/web", "1.0.0")?;
    /// # let plan = cloud.controller().plan(&fleet, &web, Strategy::rolling()).await?;
    /// # let _ = cloud.controller().start(plan).await?;
    /// # let janitor = cloud.controller();
    /// let restored = janitor.restore_upkeep(fleet.id()).await?;
    /// for (generation, why) in &restored.left {
    ///     println!("generation {generation} is not healed: {why}");
    /// }
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Busy`](ErrorKind::Busy) if somebody drives it: they see to that; nothing was changed then. [`Fenced`](ErrorKind::Fenced) if somebody has claimed the
    /// fleet meanwhile, and what the journal fails with: some of it may have been given back then. A provider's failures are no errors, but in
    /// [`left`](Restored::left).
    pub async fn restore_upkeep(&self, fleet: &FleetId) -> Result<Restored> {
        let provider = self.provider(fleet.place())?;
        let heals = provider.fleets.capabilities().heals;
        if upkeep_taken(&self.load(fleet).await?.state, heals).is_empty() {
            return Ok(Restored::default());
        }
        let mut hand = self.unattended(fleet, &provider).await?;
        let restored = hand.restore(heals).await;
        // Whoever carries it on need not wait for this one.
        if let Err(error) = hand.write(vec![Event::Released]).await {
            tracing::debug!(%error, %fleet, "it was not let go");
        }
        restored
    }

    /// Claims a fleet once it is certain that nobody drives its rollout.
    async fn unattended(&self, fleet: &FleetId, provider: &Provider) -> Result<Hand<'_>> {
        let rivals = Rivals::default();
        let loaded = loop {
            let loaded = self.load(fleet).await?;
            let driven = self.news.is_driven(fleet);
            if !driven && rivals.leave(self, &loaded).await? {
                break loaded;
            }
            if driven || rivals.live() {
                let owner = loaded.state.owner().map_or("another controller", |owner| owner.as_str());
                let what = format!("{owner} drives the rollout of fleet {fleet}, and sees to its upkeep");
                return Err(Error::new(ErrorKind::Busy, what));
            }
            self.clock.sleep_until(self.clock.now() + self.poll).await;
        };
        let now = self.clock.now().max(loaded.state.at());
        let ahead = now.since(self.clock.now());
        let left = left_of(self, &loaded.state, now).await?;
        let echo_until = now + left + provider.fleets.capabilities().request_lifetime;
        let mut hand = Hand { controller: self, provider: provider.clone(), lease: Lease::default(), ahead, fleet: loaded };
        hand.write(vec![Event::Claimed { owner: self.owner.clone(), echo_until }]).await?;
        Ok(hand)
    }
}

/// Whoever has claimed a fleet, and sends single calls.
struct Hand<'a> {
    controller: &'a Controller,
    provider: Provider,
    lease: Lease,
    /// By how much the fleet's time is ahead of the clock.
    ahead: Duration,
    fleet: Arc<LoadedState>,
}

impl Hand<'_> {
    async fn restore(&mut self, heals: Heals) -> Result<Restored> {
        let mut restored = Restored::default();
        for (generation, upkeep) in upkeep_taken(&self.fleet.state, heals) {
            match self.give_back(generation, upkeep).await? {
                Ok(()) => drop(restored.done.insert(generation, upkeep)),
                Err(why) => drop(restored.left.insert(generation, why)),
            }
        }
        Ok(restored)
    }

    /// The fleet's time.
    fn now(&self) -> Timestamp {
        self.controller.clock.now() + self.ahead
    }

    async fn write(&mut self, events: Vec<Event>) -> Result<()> {
        let began = self.controller.clock.now();
        let written = load::write(self.controller, &self.fleet, self.ahead, events).await?;
        self.fleet = written.ok_or_else(|| fenced(self.fleet.state.fleet()))?;
        self.lease.lasts(began + ALONE);
        Ok(())
    }

    /// Has the provider do by itself what it should; what kept it from that, if something did.
    async fn give_back(&mut self, generation: GenerationId, upkeep: Upkeep) -> Result<Result<(), Arc<str>>> {
        // What another has sent of it may still come to pass: it is sent again, and then nothing else is until no copy of it can arrive any more.
        let owed =
            self.fleet.state.owed().find(|(_, owed)| owed.call.group().is_none() && owed.call.generation() == Some(generation));
        match owed.map(|(op, owed)| (op, owed.call.clone())) {
            Some((op, Call::Upkeep(..))) => {
                self.write(vec![Event::Renewed { op, basis: self.now() }]).await?;
                if let Err(refused) = self.send(op).await? {
                    return Ok(Err(refused.what));
                }
            }
            Some((op, call)) => return Ok(Err(format!("op {op} is owed, which may be about to {call}").into())),
            None => {}
        }
        self.quiet(generation).await?;
        let mut tries = 0;
        loop {
            let op = self.fleet.state.next_op;
            let call = Call::Upkeep(generation, upkeep);
            self.write(vec![Event::Owed { op, call, basis: self.now() }]).await?;
            tries += 1;
            match self.send(op).await? {
                Err(refused) if refused.retry != Retry::Never && tries < TRIES => self.rest(tries).await,
                sent => return Ok(sent.map_err(|refused| refused.what)),
            }
        }
    }

    /// Waits until no copy of what was sent about a generation can arrive any more, and says meanwhile that somebody has the fleet.
    async fn quiet(&mut self, generation: GenerationId) -> Result<()> {
        loop {
            let known = self.fleet.state.generations().get(&generation);
            let until = known.and_then(|known| known.groups.values().map(|slots| slots.quiet_until).max());
            let left = until.map_or(Duration::ZERO, |until| until.since(self.now()));
            if left.is_zero() {
                return Ok(());
            }
            let Controller { clock, .. } = self.controller;
            clock.sleep_until(clock.now() + left.min(MAX_VIEW_AGE)).await;
            self.write(vec![Event::Watched]).await?;
        }
    }

    /// Sends what is owed until it is answered, for a few minutes.
    async fn send(&mut self, op: OpId) -> Result<Result<(), Refused>> {
        let Controller { clock, call_timeout, .. } = self.controller;
        let (mut tries, give_up_at) = (0, clock.now() + PATIENCE);
        while let Some((call, ticket)) = self.owed(op) {
            if clock.now() >= give_up_at {
                let what = format!("op {op} was not answered; it stays owed").into();
                let (kind, retry) = (ErrorKind::Unreachable, Retry::Never);
                return Ok(Err(Refused { kind, retry, what, found: None, echo_until: None }));
            }
            tries += 1;
            let (provider, lease, sent) = (self.provider.clone(), self.lease.clone(), self.fleet.state.op(op));
            let may_send = move |now| lease.holds(now);
            let result = execute(provider, clock.clone(), *call_timeout, may_send, sent, call, ticket).await;
            let result = result.map(|result| result.later(self.ahead));
            let refused = if let Some(OpResult::Failed(refused)) = &result { Some(refused.clone()) } else { None };
            let events = result.map(|result| settle(&self.fleet.state, op, result, self.now())).unwrap_or_default();
            if !events.is_empty() {
                self.write(events).await?;
            }
            match refused {
                Some(refused) if self.owed(op).is_none() => return Ok(Err(refused)),
                _ if self.owed(op).is_some() => self.rest(tries).await,
                _ => {}
            }
        }
        Ok(Ok(()))
    }

    async fn rest(&self, tries: u32) {
        let Controller { clock, poll, .. } = self.controller;
        clock.sleep_until(clock.now() + backoff(tries).max(*poll)).await;
    }

    fn owed(&self, op: OpId) -> Option<(Call, Option<Ticket>)> {
        let (_, owed) = self.fleet.state.owed().find(|(id, _)| *id == op)?;
        Some((owed.call.clone(), owed.ticket.clone()))
    }
}
