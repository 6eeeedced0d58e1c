//! What follows from one look: what was asked is heard, and what the engine decides is applied.

use super::*;

impl Driver {
    pub(super) fn decide(&mut self, asked: Timestamp, look: Look) -> Result<()> {
        let failed = [look.fleet.as_ref().err(), look.inbox.as_ref().err(), look.facts.as_ref().err(), look.pool.as_ref().err()];
        for error in failed.into_iter().flatten() {
            tracing::debug!(%error, fleet = %self.state.fleet(), "a look failed");
        }
        self.failed_looks = if look.fleet.is_err() { self.failed_looks + 1 } else { 0 };
        let unseen = look.fleet.as_ref().err().map(ToString::to_string);
        // Of a provider that is silent nothing is seen: nothing moves, and deadlines run.
        let mut fleet = look.fleet.unwrap_or_default();
        // A call that was answered while the look was under way may be missing from it.
        for seen in &mut fleet.groups {
            if self.answered.contains(&seen.group) {
                seen.age = seen.age.max(Duration::from_millis(1));
            }
        }
        let mut pool = look.pool.unwrap_or_default();
        if let Some(pool) = pool.as_mut().filter(|_| self.routed) {
            pool.age = pool.age.max(Duration::from_millis(1));
        }
        pool = pool.filter(|pool| self.pool_viewed <= asked - pool.age);
        self.pool_viewed = pool.as_ref().map_or(self.pool_viewed, |pool| asked - pool.age);
        // What was seen is not unseen by an older view that comes later: in its place stands the newest there was, unless a call has changed it since.
        fleet.groups.retain_mut(|seen| {
            let as_of = asked - seen.age;
            // Older than the claim is by another's clock, perhaps.
            let (newest, last) = self.viewed.entry(seen.group).or_insert((self.claimed_at, None));
            if as_of >= *newest {
                (*newest, *last) = (as_of, Some(seen.clone()));
                return true;
            }
            // Where what was seen since is only a part, it tells all the same how many there may be.
            if seen.coverage == Coverage::Whole
                && let Some((most, size)) = self.earlier.get_mut(&seen.group)
            {
                *most = (*most).max(live(seen, *size));
            }
            let stands = self.state.slots(seen.group).is_some_and(|slots| slots.settled_at < *newest);
            let Some(last) = last.as_ref().filter(|_| stands) else { return false };
            *seen = GroupSeen { age: asked.since(*newest), ..last.clone() };
            true
        });
        if let Ok(facts) = look.facts {
            self.facts = Some(facts);
        }
        self.hear(look.inbox.unwrap_or_default())?;
        let mut wake_at = None;
        for _ in 0..PHASES_A_LOOK {
            let seen = Seen::new(&fleet, asked)
                .earlier(&self.earlier)
                .in_flight(&self.in_flight)
                .heals(self.provider.fleets.capabilities().heals);
            let mut seen = match &self.facts {
                Some(facts) => seen.facts(facts),
                None => seen,
            };
            (seen.switch, seen.pool) = (self.provider.traffic.as_ref().map(|traffic| traffic.capabilities()), pool.as_ref());
            (seen.answer, seen.size) = (self.answer.as_ref(), look.size);
            seen.unseen = unseen.as_deref();
            let decision = (self.controller.decide)(&self.state, &seen, self.now());
            wake_at = decision.wake_at;
            let moved = decision.events.iter().any(|event| matches!(event, Event::Moved { .. } | Event::Resized { .. }));
            self.apply(decision.events)?;
            if !moved {
                self.controller.news.report(self.state.fleet(), decision.report);
                break;
            }
        }
        let owes = self.state.owed().next().is_some();
        let every = match self.state.rollout().map(|rollout| &rollout.phase) {
            // What nobody watches does not stand still any longer for it; to say something finds out whether another has the fleet.
            Some(Phase::Held { why, .. }) if !owes || matches!(why, Hold::Needs(_)) => MAX_VIEW_AGE * 10,
            _ => MAX_VIEW_AGE,
        };
        // Nothing is sent any more before it is certain that no other has the fleet.
        let late = owes && !self.wrote.holds(self.controller.clock.now());
        if late || self.now().since(self.state.at()) >= every {
            self.apply([Event::Watched])?;
        }
        for seen in fleet.groups.iter().filter(|seen| seen.coverage == Coverage::Whole) {
            let size = self.state.slots(seen.group).map_or(0, |slots| slots.size);
            self.earlier.insert(seen.group, (live(seen, size), size));
        }
        let known = |group: &GroupId| self.state.slots(*group).is_some();
        self.earlier.retain(|group, _| known(group));
        self.viewed.retain(|group, _| known(group));
        let now = self.now();
        let next = now + if self.failed_looks > 0 { backoff(self.failed_looks) } else { self.controller.poll };
        let next = wake_at.map_or(next, |wake| wake.min(next));
        // In time to say that somebody watches.
        let says = self.state.at() + MAX_VIEW_AGE;
        self.look_at = if says > now { next.min(says) } else { next };
        Ok(())
    }

    fn hear(&mut self, inbox: Vec<(StreamVersion, Record)>) -> Result<()> {
        for (version, record) in inbox.into_iter().filter(|(version, _)| *version > self.state.inbox_read()).collect::<Vec<_>>() {
            let events = match serde_json::from_slice::<Command>(&record) {
                Ok(asked) => command(&self.state, &asked, version, self.now()),
                Err(why) => vec![Event::Heard {
                    command: CommandId::of(&String::from_utf8_lossy(&record)),
                    by: Actor::new("unknown"),
                    inbox: version,
                    refused: Some(format!("it cannot be read: {why}").into()),
                }],
            };
            self.apply(events)?;
        }
        Ok(())
    }
}

/// How many there are at the most in a group of this size: whoever leaves may be replaced before it is gone.
fn live(seen: &GroupSeen, size: u32) -> u32 {
    let count = |of: fn(Life) -> bool| seen.instances.iter().filter(|instance| of(instance.life)).count();
    let members = count(|life| !matches!(life, Life::Leaving | Life::Gone));
    let leavers = count(|life| life == Life::Leaving);
    let reported = if let GroupState::Present { size, .. } = seen.state { size } else { 0 };
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    number(members).max(size).max(reported).saturating_add(number(leavers))
}
