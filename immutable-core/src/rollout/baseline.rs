//! Whether a group that others made can be a fleet's baseline, as it is seen.

use crate::artifact::Digest;
use crate::fleet::{
    Coverage, GenerationSpec, GroupSeen, GroupState, Heals, HealthPolicy, Instance, Life, Upkeep, Verdict, Working,
};
use crate::id::{ImageId, InstanceKey};
use crate::rollout::decide::sight::verdict;

/// Who is in a group of which every one is healthy, of its image and a member, and nothing is under way; or why that is not so.
pub(crate) fn standing<'a>(
    seen: &'a GroupSeen,
    spec: &GenerationSpec,
    policy: HealthPolicy<'_>,
    heals: Heals,
) -> Result<Vec<&'a InstanceKey>, String> {
    if let Coverage::Part(why) = &seen.coverage {
        return Err(format!("it is seen in part alone: {why}"));
    }
    if let GroupState::Present { upkeep: Some(upkeep), .. } = &seen.state {
        let heal = if heals == Heals::Always { upkeep.heal } else { spec.upkeep.heal };
        if *upkeep != (Upkeep { heal, ..spec.upkeep }) {
            return Err(format!("its provider may do to it by itself: {upkeep:?}; it should be {:?}", spec.upkeep));
        }
    }
    let size = match &seen.state {
        GroupState::Absent => return Err("it is not shown yet".to_owned()),
        GroupState::Deleting => return Err("it is being deleted".to_owned()),
        GroupState::Present { working: Working::Busy, .. } => return Err("its provider is working on it".to_owned()),
        GroupState::Present { size: 0, .. } => return Err("it has no instance, and so proves nothing".to_owned()),
        GroupState::Present { size, .. } => *size,
    };
    let there: Vec<&Instance> = seen.instances.iter().filter(|instance| instance.life != Life::Gone).collect();
    for instance in &there {
        let key = &instance.key;
        if instance.life == Life::Leaving {
            return Err(format!("{key} is on its way out"));
        }
        if instance.life != Life::Running {
            return Err(format!("{key} does not run"));
        }
        match instance.runs.image() {
            Some(image) if image == spec.image.id() => {}
            Some(image) => return Err(format!("{key} runs {image}, and not {}", spec.image)),
            None => return Err(format!("nothing is known of what {key} runs")),
        }
        // What a pool says of it is not asked: it gets its requests by nothing that is known here.
        match verdict(instance, policy, || Verdict::Unknown) {
            Verdict::Healthy => {}
            Verdict::Unhealthy => return Err(format!("{key} is unhealthy")),
            Verdict::Starting => return Err(format!("{key} is starting")),
            Verdict::Unknown => return Err(format!("nothing is known of the health of {key}")),
        }
    }
    if u32::try_from(there.len()) != Ok(size) {
        return Err(format!("its size is {size}, and it has {}", there.len()));
    }
    Ok(there.into_iter().map(|instance| &instance.key).collect())
}

/// By what a release is proven: SHA-256 over the keys of instances and the image of each, as a JSON array.
pub(crate) fn evidence(keys: &[&InstanceKey], image: Option<&ImageId>) -> Digest {
    let each: Vec<_> = keys.iter().map(|key| (key, image)).collect();
    // Keys and ids are text: they always have a JSON form.
    Digest::of_json(&each).unwrap_or_else(|_| Digest::of(format!("{each:?}").as_bytes()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::artifact::{ImageRef, Place};
    use crate::fleet::{Evidence, Fleet, GenerationId, GroupId, GroupSpec, Health, LaunchTemplate, Placement, Release};

    pub(in crate::rollout) fn spec() -> GenerationSpec {
        let place = Place::memory();
        let fleet = Fleet::new("web", place.clone());
        GenerationSpec {
            fleet: fleet.id().clone(),
            id: GenerationId(1),
            name: "acmeinc/web".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            release: Release { artifact: Digest::of(b"a"), template: Digest::of(b"t") },
            image: ImageRef::new(place, "web-1"),
            template: LaunchTemplate::default(),
            groups: vec![GroupSpec { cell: 0, placement: Placement::Region, max: 9 }],
            pool: None,
            upkeep: Upkeep::NONE,
            labels: BTreeMap::new(),
        }
    }

    /// One that runs, is well, and is alone.
    fn seen(change: impl FnOnce(&mut GroupSeen, &mut Instance)) -> Result<usize, String> {
        seen_by(Heals::Switchable, change)
    }

    fn seen_by(heals: Heals, change: impl FnOnce(&mut GroupSeen, &mut Instance)) -> Result<usize, String> {
        let mut one = Instance {
            key: InstanceKey::named("a"),
            zone: None,
            runs: Evidence::Instance(ImageId::new("web-1")),
            life: Life::Running,
            held: None,
            health: Arc::from([Health { source: "check".into(), verdict: Verdict::Healthy }]),
            trouble: None,
        };
        let state = GroupState::Present { size: 1, working: Working::Idle, spec: None, upkeep: Some(Upkeep::NONE) };
        let group = GroupId { generation: GenerationId(1), cell: 0 };
        let instances = Arc::default();
        let mut group = GroupSeen { group, age: Duration::ZERO, coverage: Coverage::Whole, state, instances };
        change(&mut group, &mut one);
        group.instances = Arc::new(vec![one]);
        let fleet = Fleet::new("web", Place::memory());
        standing(&group, &spec(), fleet.health(), heals).map(|keys| keys.len())
    }

    #[test]
    fn whoever_is_well_stands() {
        assert_eq!(seen(|_, _| {}), Ok(1));
        let unsaid = |group: &mut GroupSeen, upkeep| {
            group.state = GroupState::Present { size: 1, working: Working::Unsaid, spec: None, upkeep };
        };
        assert_eq!(seen(|group, _| unsaid(group, None)), Ok(1), "what a provider cannot say is believed");
        let heal = Upkeep { heal: true, ..Upkeep::NONE };
        let mends = |heals| seen_by(heals, |group, _| set(group, 1, Working::Idle, heal)).is_ok();
        assert_eq!([Heals::Always, Heals::Switchable].map(mends), [true, false], "who always heals may");
        type Change = fn(&mut GroupSeen, &mut Instance);
        let each: [(Change, &str); 14] = [
            (|group, _| group.coverage = Coverage::Part("a page is missing".into()), "a page is missing"),
            (|group, _| group.state = GroupState::Absent, "not shown yet"),
            (|group, _| group.state = GroupState::Deleting, "being deleted"),
            (|group, _| set(group, 1, Working::Busy, Upkeep::NONE), "is working on it"),
            (|group, _| set(group, 0, Working::Idle, Upkeep::NONE), "has no instance"),
            (|group, _| set(group, 2, Working::Idle, Upkeep::NONE), "its size is 2, and it has 1"),
            (|group, _| set(group, 1, Working::Idle, Upkeep::default()), "may do to it by itself"),
            (|_, one| one.life = Life::Leaving, "on its way out"),
            (|_, one| one.life = Life::Stopped, "does not run"),
            (|_, one| one.runs = Evidence::None, "nothing is known of what"),
            (|_, one| one.runs = Evidence::Instance(ImageId::new("web-2")), "runs web-2"),
            (|_, one| says(one, Verdict::Unhealthy), "is unhealthy"),
            (|_, one| says(one, Verdict::Starting), "is starting"),
            (|_, one| says(one, Verdict::Unknown), "nothing is known of the health"),
        ];
        for (change, why) in each {
            let said = seen(change).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let said = seen(|_, one| one.life = Life::Gone).unwrap_err();
        assert!(said.contains("it has 0"), "{said}");
    }

    fn set(group: &mut GroupSeen, size: u32, working: Working, upkeep: Upkeep) {
        group.state = GroupState::Present { size, working, spec: None, upkeep: Some(upkeep) };
    }

    fn says(one: &mut Instance, verdict: Verdict) {
        one.health = Arc::from([Health { source: "check".into(), verdict }]);
    }
}
