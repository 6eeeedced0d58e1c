//! What happens to a group's machines: they are launched, boot, are checked, fall ill, die, leave, and are replaced.

use std::sync::Arc;
use std::time::Duration;

use super::effects::{Cause, What};
use super::group::Group;
use super::random::exponential;
use super::world::{Env, Event};
use crate::fleet::{FailureClass, Incident, Life, Trouble, Verdict};

/// The next thing in a machine's life.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// There is something to show.
    Boot,
    /// It has booted, or should have.
    Run,
    /// Its health is checked for the first time.
    Check,
    /// The provider looks at whether it still ails.
    Heal,
    /// It has left.
    End,
    /// Another is launched under its name.
    Replace,
    /// It dies by chance, if that is still set as it was.
    Die(u32),
}

/// How many incidents a group tells of, and for how long.
const INCIDENTS: usize = 1000;
const INCIDENTS_SHOWN: Duration = Duration::from_secs(3600);

/// Keys of the random streams that are not an instance's boot.
const DEATHS: u64 = 1 << 48;
const HANGS: u64 = 1 << 49;

impl Group {
    /// Launches what the size lacks, as far as there is room.
    pub(super) fn fill(&mut self, env: &mut Env, by: Cause) {
        while !self.deleting && self.missing() > 0 {
            match self.room(env) {
                Ok(zone) => {
                    self.launch(env, zone, by);
                }
                Err(trouble) => return self.fall_short(env, trouble),
            }
        }
        self.shortfall = None;
    }

    /// What was promised and did not come, comes after all: it has been on its way for long.
    pub(super) fn arrive_late(&mut self, env: &mut Env) {
        for _ in 0..std::mem::take(&mut self.late).min(self.short) {
            self.short = self.short.saturating_sub(1);
            let launched = self.room(env).ok().and_then(|zone| self.launch(env, zone, Cause::Provider));
            if let Some(at) = launched.and_then(|(ordinal, incarnation)| self.find(ordinal, incarnation)) {
                self.set_life(env, at, Life::Booting, Cause::Provider);
            }
        }
    }

    /// Where the next machine goes: the zone with the fewest members of those with room.
    fn room(&self, env: &Env) -> Result<usize, Trouble> {
        let trouble = |class, code: &str, message: String| Trouble { class, code: code.into(), message: message.into() };
        if let Some(trouble) = env.unlaunchable(self.spec.image.id()) {
            return Err(trouble);
        }
        if !self.has_names() {
            let message = format!("group {} has launched as many as it can name", self.name);
            return Err(trouble(FailureClass::Quota, "NamesExhausted", message));
        }
        let free = |at: &usize| self.zones.get(*at).is_some_and(|(zone, _)| env.room.in_zone(*zone));
        let members = |at: &usize| self.zones.get(*at).map(|(_, members)| *members);
        let roomy = (0..self.zones.len()).filter(free).min_by_key(members);
        roomy.filter(|_| env.room.in_all()).ok_or_else(|| {
            let message = format!("there is no capacity for another machine of {}", self.name);
            trouble(FailureClass::Capacity, "InsufficientCapacity", message)
        })
    }

    fn fall_short(&mut self, env: &mut Env, trouble: Trouble) {
        if self.shortfall != Some(trouble.class) {
            self.shortfall = Some(trouble.class);
            self.shortfalls += 1;
            let id = format!("{}/short-{}", self.name, self.shortfalls);
            self.tell(env, Incident { id: id.into(), group: self.id, instance: None, trouble });
        }
        if !self.retrying {
            self.retrying = true;
            env.after(env.settings.capacity_retry, Event::Retry(self.handle));
        }
    }

    pub(super) fn retry(&mut self, env: &mut Env) {
        self.retrying = false;
        self.fill(env, Cause::Provider);
    }

    fn tell(&mut self, env: &mut Env, incident: Incident) {
        env.note(Cause::Provider, &self.spec.fleet, Some(self.id), || What::Troubled(incident.id.clone()));
        let old = |(at, _): &(_, _)| *at + INCIDENTS_SHOWN <= env.now;
        while self.incidents.len() >= INCIDENTS || self.incidents.front().is_some_and(old) {
            self.incidents.pop_front();
        }
        self.incidents.push_back((env.now, incident));
    }

    /// Tells what is wrong with an instance, if anything is.
    fn tell_of(&mut self, env: &mut Env, at: usize) {
        if let Some(instance) = self.instances.get(at)
            && let Some(trouble) = &instance.trouble
        {
            let (key, trouble) = (instance.key.clone(), (**trouble).clone());
            let id = format!("{key}/{}", trouble.code);
            self.tell(env, Incident { id: id.into(), group: self.id, instance: Some(key), trouble });
        }
    }

    fn later(&self, env: &mut Env, at: usize, delay: Duration, step: Step) {
        if let Some(slot) = self.slots.get(at) {
            let (ordinal, incarnation) = (slot.ordinal, slot.incarnation);
            env.after(delay, Event::Step { group: self.handle, ordinal, incarnation, step });
        }
    }

    /// Starts a machine just launched: the first twentieth of its boot there is nothing to show.
    pub(super) fn boot(&mut self, env: &mut Env, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            // Never none: else whatever is launched again and again would be so in one moment without end.
            let boot = env.settings.boot.draw(&mut slot.random).max(Duration::from_millis(1));
            let asked = boot / 20;
            self.later(env, at, asked, Step::Boot);
            self.later(env, at, boot, Step::Run);
        }
    }

    pub(super) fn step(&mut self, env: &mut Env, ordinal: u32, incarnation: u64, step: Step) {
        let Some(at) = self.find(ordinal, incarnation) else {
            return;
        };
        match (step, self.life(at)) {
            (Step::Boot, Life::Requested) => self.set_life(env, at, Life::Booting, Cause::Provider),
            (Step::Run, Life::Booting) if env.images.never_boots(self.spec.image.id()) || self.hangs(env, at) => {
                self.hang(env, at)
            }
            (Step::Run, Life::Booting) => self.run(env, at),
            (Step::Check, Life::Running) => self.check(env, at),
            (Step::Heal, Life::Running | Life::Booting) => self.heal(env, at),
            (Step::End, Life::Leaving) => self.end(env, at),
            (Step::Replace, Life::Gone) => self.replace(env, at),
            (Step::Die(set), life) if life != Life::Gone && set == env.deaths_set => self.die(env, at, Cause::Machine),
            _ => {}
        }
    }

    pub(super) fn run(&mut self, env: &mut Env, at: usize) {
        self.set_life(env, at, Life::Running, Cause::Machine);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.hangs = false;
            let check = env.settings.check.draw(&mut slot.random);
            self.later(env, at, check, Step::Check);
        }
    }

    /// Whether it is one of those whose boot hangs by chance.
    fn hangs(&self, env: &Env, at: usize) -> bool {
        self.slots.get(at).is_some_and(|slot| slot.random.fork(HANGS).below(1000) < env.boots_hang)
    }

    fn hang(&mut self, env: &mut Env, at: usize) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.hangs = true;
            slot.since = env.now;
            self.notice(env, at);
        }
    }

    fn check(&mut self, env: &mut Env, at: usize) {
        if self.slots.get(at).is_some_and(|slot| slot.verdict == Verdict::Starting) {
            let ill = env.images.is_never_healthy(self.spec.image.id());
            self.judge(env, at, if ill { Verdict::Unhealthy } else { Verdict::Healthy }, Cause::Machine);
            self.fear_death(env, at);
        }
    }

    /// Makes a running machine healthy or not.
    pub(super) fn judge(&mut self, env: &mut Env, at: usize, verdict: Verdict, by: Cause) {
        let ill = verdict == Verdict::Unhealthy;
        let trouble = ill.then(|| env.words.ill.clone());
        self.set_verdict(env, at, verdict, trouble, by);
        let moving = self.is_moving(at);
        if moving {
            self.moving = None;
            self.trim(env, ill.then_some(at));
        } else if ill {
            self.notice(env, at);
        }
    }

    /// Has the provider look again at an instance that ails, after as long as it bears with it.
    pub(super) fn notice(&mut self, env: &mut Env, at: usize) {
        if self.heals(env) {
            self.later(env, at, self.patience(env, at), Step::Heal);
        }
    }

    fn patience(&self, env: &Env, at: usize) -> Duration {
        let hangs = self.slots.get(at).is_some_and(|slot| slot.hangs);
        if hangs { env.settings.boot_grace } else { env.settings.heal_after }
    }

    pub(super) fn ails(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(|slot| slot.hangs || slot.verdict == Verdict::Unhealthy)
    }

    fn heal(&mut self, env: &mut Env, at: usize) {
        let long = self.slots.get(at).is_some_and(|slot| slot.since + self.patience(env, at) <= env.now);
        if !self.heals(env) || !self.ails(at) || !long || self.is_held(at) {
            return;
        }
        if self.slots.get(at).is_some_and(|slot| slot.hangs) {
            let hangs = env.words.hangs.clone();
            self.set_verdict(env, at, Verdict::Unhealthy, Some(hangs), Cause::Provider);
        }
        self.tell_of(env, at);
        self.mark(at, true);
        self.leave(env, at, Cause::Provider);
    }

    /// Says whether another is to come under an instance's name.
    pub(super) fn mark(&mut self, at: usize, replace: bool) {
        if let Some(slot) = self.slots.get_mut(at)
            && std::mem::replace(&mut slot.replace, replace) != replace
        {
            if replace { self.count.replacing += 1 } else { self.count.replacing -= 1 }
        }
    }

    /// Sends a member on its way out.
    pub(super) fn leave(&mut self, env: &mut Env, at: usize, by: Cause) {
        self.set_life(env, at, Life::Leaving, by);
        if self.is_moving(at) {
            self.moving = None;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            slot.sent_away = matches!(by, Cause::Call(_));
            let drain = env.settings.drain.draw(&mut slot.random);
            if drain.is_zero() {
                self.end(env, at);
            } else {
                self.later(env, at, drain, Step::End);
            }
        }
    }

    fn end(&mut self, env: &mut Env, at: usize) {
        self.bury(env, at, Cause::Machine);
        self.replace(env, at);
        self.rebalance(env);
    }

    fn bury(&mut self, env: &mut Env, at: usize, by: Cause) {
        self.set_life(env, at, Life::Gone, by);
        if let (Some(slot), Some(instance)) = (self.slots.get_mut(at), Arc::make_mut(&mut self.instances).get_mut(at)) {
            slot.last = std::mem::replace(&mut slot.verdict, Verdict::Unknown);
            slot.since = env.now;
            instance.health = env.words.of(Verdict::Unknown);
        }
        self.sweep_after(env, env.settings.gone_shown);
    }

    /// Takes a machine's life, whatever it was doing. Where nothing heals, the size falls with it.
    pub(super) fn die(&mut self, env: &mut Env, at: usize, by: Cause) {
        let member = self.is_member(at);
        let moving = self.is_moving(at);
        if let Some(instance) = Arc::make_mut(&mut self.instances).get_mut(at) {
            instance.trouble = Some(env.words.died.clone());
            instance.held = None;
        }
        self.bury(env, at, by);
        if moving {
            self.moving = None;
        } else if member && self.heals(env) {
            self.mark(at, true);
            self.later(env, at, env.settings.heal_after, Step::Replace);
        } else if member && !self.deleting {
            self.set_size(env, self.size.saturating_sub(1), Cause::Provider);
        } else if self.slots.get(at).is_some_and(|slot| slot.replace) {
            self.later(env, at, env.settings.heal_after, Step::Replace);
        }
        if member {
            self.tell_of(env, at);
        }
        self.rebalance(env);
    }

    fn replace(&mut self, env: &mut Env, at: usize) {
        if !self.slots.get(at).is_some_and(|slot| slot.replace) {
            return;
        }
        self.mark(at, false);
        if !self.heals(env) {
            return self.set_size(env, self.size.saturating_sub(1), Cause::Provider);
        }
        let zone = self.slots.get(at).and_then(|slot| self.zones.get(slot.zone)).map(|(zone, _)| *zone);
        let room = env.room.in_all() && zone.is_some_and(|zone| env.room.in_zone(zone));
        if room && env.unlaunchable(self.spec.image.id()).is_none() {
            self.relaunch(env, at);
        } else {
            self.fill(env, Cause::Provider);
        }
    }

    /// Draws when a machine dies by chance.
    pub(super) fn fear_death(&mut self, env: &mut Env, at: usize) {
        if let (Some(mean), Some(slot)) = (env.deaths, self.slots.get(at)) {
            let mut random = slot.random.fork(DEATHS + u64::from(env.deaths_set));
            self.later(env, at, exponential(mean, &mut random), Step::Die(env.deaths_set));
        }
    }
}
