//! What the provider does to a group by its own choice: whom it takes when nobody is named, and where it moves machines.

use super::effects::Cause;
use super::group::Group;
use super::world::Env;

/// The key of the random stream that victims are drawn from.
const PICKS: u64 = 1 << 49;

impl Group {
    /// Sets the size as somebody would who names nobody: launches what lacks, or takes what is too much, of the provider's choice.
    pub(super) fn resize_blindly(&mut self, env: &mut Env, to: u32, by: Cause) {
        self.set_size(env, to, by);
        self.short = self.short.min(to);
        let filled = |group: &Self| group.count.members + group.count.replacing + group.short;
        self.short -= self.short.min(filled(self).saturating_sub(to));
        let mut over = filled(self).saturating_sub(to);
        let waiting: Vec<_> = self.slots.iter().enumerate().filter(|(_, slot)| slot.replace).map(|(at, _)| at).collect();
        for at in waiting.into_iter().take(over as usize) {
            self.mark(at, false);
            over -= 1;
        }
        self.take_any(env, over, None);
        self.fill(env, Cause::Provider);
        self.rebalance(env);
    }

    /// Takes so many members, of a zone or of all, sparing those that are held.
    fn take_any(&mut self, env: &mut Env, count: u32, zone: Option<usize>) {
        if count == 0 {
            return;
        }
        let of = |slot: &super::group::Slot| zone.is_none_or(|zone| slot.zone == zone);
        let mut willing: Vec<usize> = self.slots.iter().enumerate().filter(|(_, slot)| of(slot)).map(|(at, _)| at).collect();
        willing.retain(|at| self.is_member(*at) && !self.is_held(*at));
        let mut random = self.random.fork(PICKS + self.picks);
        for _ in 0..count.min(u32::try_from(willing.len()).unwrap_or(u32::MAX)) {
            self.picks += 1;
            let at = random.below(u32::try_from(willing.len()).unwrap_or(u32::MAX));
            let victim = willing.swap_remove(at as usize);
            self.leave(env, victim, Cause::Provider);
        }
    }

    /// Where zones differ by more than one, launches one in the emptiest; when it is healthy, takes one from the fullest.
    pub(super) fn rebalance(&mut self, env: &mut Env) {
        if !self.upkeep.rebalance || self.deleting || self.moving.is_some() || !self.has_names() {
            return;
        }
        let members = |at: &usize| self.zones.get(*at).map_or(0, |(_, members)| *members);
        let (Some(least), Some(most)) = ((0..self.zones.len()).min_by_key(members), (0..self.zones.len()).max_by_key(members))
        else {
            return;
        };
        let free = self.zones.get(least).is_some_and(|(zone, _)| env.room.in_zone(*zone)) && env.room.in_all();
        let launchable = env.unlaunchable(self.spec.image.id()).is_none();
        if members(&most) - members(&least) > 1 && free && launchable && self.missing() == 0 {
            self.moving = self.launch(env, least, Cause::Provider);
        }
    }

    /// Ends a move: takes the one over the size, the moved one itself if it came to nothing.
    pub(super) fn trim(&mut self, env: &mut Env, failed: Option<usize>) {
        let over = (self.count.members + self.count.replacing).saturating_sub(self.size);
        match failed {
            Some(at) => self.leave(env, at, Cause::Provider),
            None => {
                let most = (0..self.zones.len()).max_by_key(|at| self.zones.get(*at).map(|(_, members)| *members));
                self.take_any(env, over, most);
                self.rebalance(env);
            }
        }
    }
}
