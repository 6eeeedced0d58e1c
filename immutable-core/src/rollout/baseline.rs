//! Whether a group that others made can be a fleet's baseline, as it is seen.

use crate::artifact::Digest;
use crate::fleet::{Coverage, GenerationSpec, GroupSeen, GroupState, HealthPolicy, Instance, Life, Verdict, Working};
use crate::id::{ImageId, InstanceKey};
use crate::rollout::decide::sight::{is_foreign, verdict};

/// Who is in a group of which every one is healthy, of its image and a member, and nothing is under way; or why that is not so.
pub(crate) fn standing<'a>(
    seen: &'a GroupSeen,
    spec: &GenerationSpec,
    policy: HealthPolicy<'_>,
) -> Result<Vec<&'a InstanceKey>, String> {
    if let Coverage::Part(why) = &seen.coverage {
        return Err(format!("it is seen in part alone: {why}"));
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
        if is_foreign(instance, spec) {
            let image = instance.runs.image().map(ToString::to_string).unwrap_or_default();
            return Err(format!("{key} runs {image}, and not {}", spec.image));
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
