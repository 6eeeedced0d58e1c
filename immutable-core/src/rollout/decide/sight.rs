//! What is seen of each instance, beside what is known of it: its class, and what is to be noted.

use std::cmp::Ordering;

use super::blame::accused;
use super::drift::replaces;
use super::view::{GroupView, View};
use crate::fleet::{FailureClass, GenerationSpec, GroupId, GroupSeen, HealthPolicy, Held, Instance, Life, POOL_CHECK, Verdict};
use crate::id::{InstanceKey, SourceId};
use crate::rollout::event::Charge;
use crate::rollout::state::{Exit, Member, RolloutState, Slots};
use crate::time::Timestamp;

impl<'a> View<'a> {
    /// Counts what is seen of a group beside what is known of it.
    pub(super) fn count_members(
        &mut self,
        id: GroupId,
        spec: &GenerationSpec,
        slots: &'a Slots,
        seen: Option<&'a GroupSeen>,
        rollout: &'a RolloutState,
        group: &mut GroupView<'a>,
    ) {
        let instances = seen.map_or(&[][..], |seen| &seen.instances[..]);
        if instances.is_sorted_by(|a, b| a.key < b.key) {
            return self.walk(id, spec, slots, instances.iter(), rollout, group);
        }
        // A provider that breaks the contract here must not make us count anything twice.
        let mut all: Vec<_> = instances.iter().collect();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all.dedup_by(|a, b| a.key == b.key);
        self.walk(id, spec, slots, all.into_iter(), rollout, group);
    }

    /// Walks what is seen and what is known side by side: both are sorted by key.
    fn walk(
        &mut self,
        id: GroupId,
        spec: &GenerationSpec,
        slots: &'a Slots,
        mut seen_iter: impl Iterator<Item = &'a Instance>,
        rollout: &'a RolloutState,
        group: &mut GroupView<'a>,
    ) {
        let policy = rollout.plan.fleet().health();
        let mut known_iter = slots.members.iter();
        let (mut instance, mut known) = (seen_iter.next(), known_iter.next());
        loop {
            let order = match (instance, known) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(instance), Some((key, _))) => instance.key.cmp(key),
            };
            match order {
                Ordering::Less => {
                    if let Some(instance) = instance {
                        self.sight(id, spec, instance, None, policy, rollout, group);
                    }
                    instance = seen_iter.next();
                }
                Ordering::Equal => {
                    if let (Some(instance), Some((_, member))) = (instance, known) {
                        self.sight(id, spec, instance, Some(member), policy, rollout, group);
                    }
                    instance = seen_iter.next();
                    known = known_iter.next();
                }
                Ordering::Greater => {
                    if let Some((key, member)) = known {
                        self.unseen(id, key, member, rollout, group);
                    }
                    known = known_iter.next();
                }
            }
        }
    }

    /// An instance that is known and was not seen: gone if the view is whole and newer than its first sight, in doubt if not.
    fn unseen(&mut self, id: GroupId, key: &'a InstanceKey, member: &Member, rollout: &RolloutState, group: &mut GroupView<'a>) {
        match self.exit(id, member, group) {
            Exit::Gone => {}
            _ if group.whole && group.as_of >= member.seen => self.gone(id, key, Some(member), None, rollout),
            Exit::Named => group.leavers += 1,
            Exit::None if member.draining.is_some() => group.draining.extend(member.draining.map(|since| (key, since))),
            Exit::None => {
                group.doubts(key, member.healthy.is_some());
                group.unseen = (group.unseen.0 + 1, group.unseen.1 + u32::from(member.once));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one walk, and all of it is needed")]
    fn sight(
        &mut self,
        id: GroupId,
        spec: &GenerationSpec,
        instance: &'a Instance,
        member: Option<&Member>,
        policy: HealthPolicy<'_>,
        rollout: &RolloutState,
        group: &mut GroupView<'a>,
    ) {
        let key = &instance.key;
        if member.is_some_and(|member| member.exit == Exit::Gone) {
            return; // a stale view brings nobody back
        }
        if instance.life == Life::Gone {
            // Of the wanted generation also one that was never seen alive is noted; who was gone before the first step is nobody's failure.
            if member.is_some() || rollout.wanted == id.generation {
                if member.is_none() {
                    self.noted.appeared.entry(id).or_default().push(key.clone());
                }
                self.gone(id, key, member, Some(instance), rollout);
            }
            return;
        }
        let fresh = Member::new(self.now);
        let mut known = member.copied().unwrap_or_else(|| {
            self.noted.appeared.entry(id).or_default().push(key.clone());
            fresh
        });
        known.exit = self.exit(id, &known, group);
        let pool = || self.traffic.as_ref().map_or(Verdict::Unknown, |traffic| traffic.says(&instance.key));
        let verdict = verdict(instance, policy, pool);
        self.heard |= verdict != Verdict::Unknown;
        let was_healthy = known.healthy.is_some();
        match verdict {
            Verdict::Healthy if !was_healthy => {
                self.noted.healthy.entry(id).or_default().push(key.clone());
                (known.healthy, known.once) = (Some(self.now), true);
            }
            Verdict::Unhealthy if was_healthy => {
                self.noted.unhealthy.entry(id).or_default().push(key.clone());
                known.healthy = None;
            }
            _ => {}
        }
        let deadline = || known.seen + policy.boot_deadline;
        // One bad look is noted; a later one makes it an illness.
        let again = !known.once || known.ill.is_some_and(|noted| group.as_of > noted);
        let ill = verdict == Verdict::Unhealthy && !was_healthy && again;
        let heard = is_heard(instance, verdict);
        let late = !known.once && heard && self.now >= deadline();
        let stopped = instance.life == Life::Stopped;
        if let Some(held) = instance.held {
            group.holding.push((key, held));
        }
        if let Some(told) = known.told() {
            group.told.push((key, told));
        }
        if leaves(instance, Some(&known)) {
            group.leavers += 1;
            group.unnamed += u32::from(known.exit == Exit::None);
            if instance.life != Life::Leaving && group.free && group.fresh {
                let stray = if ill || late || stopped { &mut group.stray_down } else { &mut group.stray };
                stray.push(key);
                // No copy of the call that named it can arrive any more, and nobody was asked for since: the group's size counts it.
                let slots = self.state.slots(id).filter(|slots| group.whole && group.as_of >= slots.quiet_until);
                let in_vain = slots.zip(known.named).is_some_and(|(slots, named)| named > slots.raised_at);
                group.in_vain += u32::from(in_vain);
            }
            return;
        }
        if let Some(since) = known.draining {
            return group.draining.push((key, since));
        }
        // A call that was taken for failed was done: it gets no more requests, and cannot be given any.
        if let Some(since) = self.traffic.as_ref().and_then(|traffic| traffic.drains(id.generation, key)) {
            return group.draining.push((key, since));
        }
        let protected = instance.held == Some(Held::Protected);
        if stands_by(instance) {
            group.held += 1;
            return;
        }
        group.well += u32::from(verdict == Verdict::Healthy && instance.life == Life::Running);
        group.sick += u32::from(verdict == Verdict::Unhealthy);
        if known.once {
            group.stood.0 += 1;
            group.stood.1 += u32::from(verdict == Verdict::Healthy);
        }
        let of_the_image = instance.runs.image().is_some_and(|image| image == spec.image.id());
        let drifted = is_foreign(instance, spec);
        let replaced = drifted && replaces(rollout, key);
        if drifted {
            group.drifted.push(key);
            // What was of its image is somebody else's change; what never was is what it was launched as.
            if member.is_none_or(|member| !member.once) {
                self.charge(id, key, &known, Some(instance), FailureClass::Image, "it runs another image", rollout);
            }
        }
        let serves =
            instance.life == Life::Running && verdict == Verdict::Healthy && of_the_image && !is_perhaps_taken(member, group);
        match known.healthy {
            Some(since) if serves && self.now.since(since) >= policy.min_ready => {
                // Who is protected serves, and would stay if named.
                let ready = if protected { &mut group.kept } else { &mut group.ready };
                return ready.push(key);
            }
            Some(since) if serves => self.wake(since + policy.min_ready),
            _ => {}
        }
        if protected {
            group.held += 1;
            group.suspended += u32::from(known.healthy.is_some());
        } else if replaced && heard && !known.once {
            // It has never served, and has no chance to.
            group.down.push(key);
            group.failed.push(key);
        } else if ill || late || stopped {
            group.down.push(key);
            if (ill && known.once) || late || stopped {
                group.failed.push(key);
                let what = match (late, stopped) {
                    (_, true) => "it stopped",
                    (true, _) => "it was not healthy by its boot deadline",
                    _ => "it was healthy and is not any more",
                };
                // One that does not even come up fails whatever is heard of anybody's health.
                let up = instance.life == Life::Running;
                let class = if up || stopped { FailureClass::Health } else { FailureClass::Image };
                // What it has become is no fault of the release.
                if !drifted {
                    self.charge(id, key, &known, Some(instance), class, what, rollout);
                }
            } else {
                group.unfit.push(key);
                self.boots(deadline(), key, group);
                self.hedged(id, &known, true, rollout, group);
            }
        } else {
            group.doubts(key, known.healthy.is_some());
            group.replaced.extend(replaced.then_some(key));
            if !known.once {
                self.boots(deadline(), key, group);
                self.hedged(id, &known, heard, rollout, group);
            }
        }
    }

    /// Where one is on its way out: nowhere, if it was named and [stays](Member::stays).
    fn exit(&self, id: GroupId, member: &Member, group: &GroupView<'_>) -> Exit {
        let quiet = || self.state.slots(id).is_some_and(|slots| group.as_of >= slots.quiet_until);
        if member.exit == Exit::Named && member.stays(quiet()) { Exit::None } else { member.exit }
    }

    /// One that was never healthy, and of which something is heard, may be given a spare once it has booted for long.
    fn hedged(&mut self, id: GroupId, known: &Member, heard: bool, rollout: &RolloutState, group: &mut GroupView<'a>) {
        let Some(hedge) = rollout.plan.strategy().hedge.filter(|_| self.state.wanted_now() == Some(id.generation)) else {
            return;
        };
        let slow_at = known.seen + hedge.after;
        if self.now < slow_at {
            self.wake(slow_at);
        } else if heard && !known.charged {
            group.slow += 1;
        }
    }

    fn boots(&mut self, deadline: Timestamp, key: &'a InstanceKey, group: &mut GroupView<'a>) {
        self.wake(deadline);
        if group.booting.is_none_or(|(other, _)| deadline < other) {
            group.booting = Some((deadline, key));
        }
    }

    fn gone(
        &mut self,
        id: GroupId,
        key: &InstanceKey,
        member: Option<&Member>,
        instance: Option<&Instance>,
        rollout: &RolloutState,
    ) {
        self.noted.gone.entry(id).or_default().push(key.clone());
        let fresh = Member::new(self.now);
        let member = member.unwrap_or(&fresh);
        self.departed |= member.exit == Exit::Named;
        if member.exit == Exit::None && member.healthy.is_none() && !member.once {
            self.charge(id, key, member, instance, FailureClass::Unknown, "it was gone before it was healthy", rollout);
        }
    }

    /// Notes a failure of the wanted generation, once.
    #[expect(clippy::too_many_arguments, reason = "what a charge says")]
    fn charge(
        &mut self,
        group: GroupId,
        key: &InstanceKey,
        member: &Member,
        instance: Option<&Instance>,
        class: FailureClass,
        what: &str,
        rollout: &RolloutState,
    ) {
        if member.charged || accused(rollout) != Some(group.generation) {
            return;
        }
        let trouble = instance.and_then(|instance| instance.trouble.as_ref());
        let (class, what) = match trouble {
            Some(trouble) => (trouble.class, format!("{what}: {}", trouble.message).into()),
            None => (class, what.into()),
        };
        self.noted.charged.push(Charge { group, instance: Some(key.clone()), incident: None, class, what });
    }
}

/// Whether an instance is on its way out.
pub(in crate::rollout) fn leaves(instance: &Instance, member: Option<&Member>) -> bool {
    member.is_some_and(|member| member.exit == Exit::Named) || instance.life == Life::Leaving
}

/// Whether a call that failed may have taken one that is seen, and not on its way out: a part may show what was before, as an older view does.
fn is_perhaps_taken(member: Option<&Member>, group: &GroupView<'_>) -> bool {
    let Some(Member { exit, named, .. }) = member else { return false };
    // Who is named still stays by now.
    let may_be = named.is_some() || *exit == Exit::Named;
    may_be && (!group.whole || named.is_some_and(|since| group.as_of < since))
}

/// Whether something holds an instance that keeps it from serving as well: it is neither counted ready nor named.
pub(in crate::rollout) fn stands_by(instance: &Instance) -> bool {
    instance.held.is_some_and(|held| held != Held::Protected)
}

/// Whether an instance runs another image than its generation's, and another could take its place: who is protected would stay.
pub(in crate::rollout) fn is_foreign(instance: &Instance, spec: &GenerationSpec) -> bool {
    instance.held.is_none() && instance.runs.image().is_some_and(|image| image != spec.image.id())
}

/// Whether of one that was never healthy anything is heard: of one that runs and of whose health nothing is heard nothing is known.
pub(in crate::rollout) fn is_heard(instance: &Instance, verdict: Verdict) -> bool {
    verdict != Verdict::Unknown || instance.life != Life::Running
}

/// Every source that must be heard says healthy: healthy. Any says unhealthy: unhealthy. A missing one is unknown.
pub(in crate::rollout) fn verdict(instance: &Instance, policy: HealthPolicy<'_>, of_pool: impl Fn() -> Verdict) -> Verdict {
    let required = policy.required_sources;
    let of_the_pool = |source: &SourceId| source.as_str() == POOL_CHECK;
    let heard = |source: &SourceId| of_the_pool(source) || instance.health.iter().any(|health| health.source == *source);
    let missing = if required.is_empty() { instance.health.is_empty() } else { !required.iter().all(heard) };
    let mut all = if missing { Verdict::Unknown } else { Verdict::Healthy };
    let told = instance.health.iter().filter(|health| required.is_empty() || required.contains(&health.source));
    // What the pool says of itself counts, not what others say in its name.
    let told = told.filter(|health| required.is_empty() || !of_the_pool(&health.source)).map(|health| health.verdict);
    let pool = required.iter().any(of_the_pool).then(of_pool);
    for verdict in told.chain(pool) {
        all = match (all, verdict) {
            (Verdict::Unhealthy, _) | (_, Verdict::Unhealthy) => Verdict::Unhealthy,
            (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
            (Verdict::Starting, _) | (_, Verdict::Starting) => Verdict::Starting,
            (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
        };
    }
    all
}
