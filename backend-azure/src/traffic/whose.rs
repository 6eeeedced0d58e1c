//! Whose a pool of a load balancer is, and which generations are attached to it.

use std::collections::BTreeMap;
use std::time::Duration;

use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::PoolId;
use immutable_core::{Result, Timestamp};

use super::tags::{self, Tags};

/// What stands in the tags of a load balancer for one pool, by its first rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// The fleet's name: a load balancer has no machines of another region.
    pub(super) fleet: String,
    /// The call that last changed it, so that what stood here never comes back.
    pub(super) op: String,
    /// Who is attached, and by which weight.
    pub(super) now: BTreeMap<GenerationId, u16>,
    /// Who is not any more, and since when: their connections may still be ending. In a tag of its own.
    #[serde(skip)]
    pub(super) left: BTreeMap<GenerationId, Timestamp>,
}

impl Whose {
    pub(super) fn read(tags: &Tags, rule: &str) -> Result<Self> {
        let mut whose: Self = tags::read(tags, &tag(rule))?.unwrap_or_default();
        let left: BTreeMap<GenerationId, i64> = tags::read(tags, &left_tag(rule))?.unwrap_or_default();
        whose.left = left.into_iter().map(|(generation, at)| (generation, Timestamp::from_millis(at))).collect();
        Ok(whose)
    }

    pub(super) fn write(&self, tags: &mut Tags, rule: &str) -> Result<()> {
        tags::remove(tags, &left_tag(rule));
        tags::write(tags, &tag(rule), self)?;
        if self.left.is_empty() {
            return Ok(());
        }
        let left: BTreeMap<GenerationId, i64> = self.left.iter().map(|(generation, at)| (*generation, at.as_millis())).collect();
        tags::write(tags, &left_tag(rule), &left)
    }

    /// Whether a fleet may change it.
    pub(super) fn ours(&self, pool: &PoolId, fleet: &FleetId, rule: &str) -> Result<()> {
        if self.now.is_empty() { Ok(()) } else { tags::not_ours(pool, &self.fleet, fleet, &tag(rule)) }
    }

    /// The same, of whom has left no longer ago than now.
    pub(super) fn left_by(mut self, now: Timestamp) -> Self {
        self.left.values_mut().for_each(|at| *at = (*at).max(now));
        self
    }

    /// What it is with these weights. Who left longer ago has nothing left to end.
    pub(super) fn with(
        &self,
        fleet: &FleetId,
        op: String,
        weights: &BTreeMap<GenerationId, u16>,
        now: Timestamp,
        drains_for: Duration,
    ) -> Self {
        let mut left = if self.fleet == fleet.name() { self.left.clone() } else { BTreeMap::new() };
        left.extend(self.now.keys().map(|generation| (*generation, now)));
        left.retain(|generation, at| !weights.contains_key(generation) && now < *at + drains_for);
        Self { fleet: fleet.name().to_owned(), op, now: weights.clone(), left }
    }
}

fn tag(rule: &str) -> String {
    format!("immutable-pool-{}", rule.to_ascii_lowercase())
}

fn left_tag(rule: &str) -> String {
    format!("immutable-left-{}", rule.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::{ErrorKind, Place};

    fn fleet(name: &str) -> FleetId {
        FleetId::new(Place::new("azure", "s", "westeurope").unwrap(), name)
    }

    #[test]
    fn who_is_no_longer_named_has_left() {
        let at = Timestamp::from_millis;
        let weights = |all: &[u32]| all.iter().map(|id| (GenerationId(*id), 1)).collect::<BTreeMap<_, _>>();
        let drains = Duration::from_millis(10);
        let first = Whose::default().with(&fleet("web"), "a".into(), &weights(&[1]), at(1), drains);
        assert!(first.left.is_empty());
        let second = first.with(&fleet("web"), "b".into(), &weights(&[2]), at(2), drains);
        assert_eq!(second.left, [(GenerationId(1), at(2))].into());
        let third = second.with(&fleet("web"), "c".into(), &weights(&[1, 2]), at(3), drains);
        assert!(third.left.is_empty(), "it is back");
        assert!(second.with(&fleet("web"), "c".into(), &weights(&[2]), at(12), drains).left.is_empty(), "all has ended");
        let mut tags = Tags::new();
        second.write(&mut tags, "HTTP").unwrap();
        assert_eq!((tags.len(), Whose::read(&tags, "http").unwrap()), (2, second));
        third.write(&mut tags, "http").unwrap();
        assert_eq!((tags.len(), Whose::read(&tags, "http").unwrap()), (1, third));
    }

    #[test]
    fn a_pool_is_its_fleets_as_long_as_somebody_is_attached() {
        let mut whose = Whose::default().with(
            &fleet("web"),
            "a".into(),
            &[(GenerationId(1), 1)].into(),
            Timestamp::default(),
            Duration::ZERO,
        );
        let pool = PoolId::new("front");
        assert!(whose.ours(&pool, &fleet("web"), "http").is_ok());
        let error = whose.ours(&pool, &fleet("api"), "http").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Taken);
        assert!(error.to_string().contains("immutable-pool-http"), "{error}");
        whose.now.clear();
        assert!(whose.ours(&pool, &fleet("api"), "http").is_ok());
    }
}
