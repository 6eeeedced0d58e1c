//! Machines as EC2 shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, InstanceStateName, SummaryStatus};
use immutable_core::fleet::{FleetId, GenerationId, Life, Verdict};
use immutable_core::id::{ImageId, InstanceKey, Zone};
use immutable_core::{ErrorKind, Result};

use crate::client::Aws;
use crate::marks::{self, Mark};
use crate::templates::tag_filter;

/// The tag that Auto Scaling sets.
const GROUP_NAME: &str = "aws:autoscaling:groupName";

/// A machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) id: Arc<str>,
    pub(crate) image: Option<ImageId>,
    pub(crate) zone: Option<Zone>,
    pub(crate) life: Life,
    pub(crate) mark: Mark,
    /// The Auto Scaling group that launched it.
    pub(crate) group: Option<String>,
    /// Under which call it was launched.
    pub(crate) op: Option<String>,
    /// Why it is no more, if it says.
    pub(crate) reason: Option<(String, String)>,
}

impl Machine {
    fn read(instance: &aws_sdk_ec2::types::Instance) -> Option<Self> {
        let tag = |key: &str| {
            let tag = instance.tags().iter().find(|tag| tag.key() == Some(key));
            tag.and_then(|tag| tag.value()).map(str::to_owned)
        };
        let life = match instance.state().and_then(|state| state.name())? {
            InstanceStateName::Pending => Life::Booting,
            InstanceStateName::Running => Life::Running,
            InstanceStateName::ShuttingDown => Life::Leaving,
            InstanceStateName::Terminated => Life::Gone,
            InstanceStateName::Stopping | InstanceStateName::Stopped => Life::Stopped,
            _ => Life::Other,
        };
        let reason = instance.state_reason().and_then(|reason| Some((reason.code()?.to_owned(), reason.message()?.to_owned())));
        Some(Self {
            id: instance.instance_id()?.into(),
            image: instance.image_id().map(ImageId::new),
            zone: instance.placement().and_then(|placement| placement.availability_zone()).map(Zone::new),
            life,
            mark: Mark::read(instance.tags().iter().map(|tag| (tag.key(), tag.value()))),
            group: tag(GROUP_NAME),
            op: tag(marks::OP),
            reason,
        })
    }
}

pub(crate) async fn described(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<Machine>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = aws.again().ec2.describe_instances().set_filters(Some(filters.clone())).max_results(1000);
        let answer = aws.ask("ec2:DescribeInstances", call.set_next_token(next).send()).await?;
        found.extend(answer.reservations().iter().flat_map(|one| one.instances()).filter_map(Machine::read));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// All machines that bear a fleet's tag, for about an hour also those that are gone.
pub(crate) async fn of_fleet(aws: &Aws, fleet: &FleetId) -> Result<BTreeMap<Arc<str>, Machine>> {
    let found = described(aws, vec![tag_filter(marks::FLEET, fleet.name())]).await?;
    Ok(found.into_iter().map(|machine| (machine.id.clone(), machine)).collect())
}

/// Of these, those that an Auto Scaling group launched. A filter passes over an id that is not there, where a list of ids would fail.
pub(crate) async fn once_of(aws: &Aws, group: &str, keys: &[&InstanceKey]) -> Result<BTreeSet<Arc<str>>> {
    let mut found = BTreeSet::new();
    // "Filter": at most 200 values.
    for keys in keys.chunks(200) {
        let ids = keys.iter().map(|key| key.name.as_str().to_owned()).collect();
        let filters = vec![Filter::builder().name("instance-id").set_values(Some(ids)).build()];
        let machines = described(aws, filters).await?.into_iter();
        found.extend(machines.filter(|machine| machine.group.as_deref() == Some(group)).map(|machine| machine.id));
    }
    Ok(found)
}

/// Tags machines as told to drain, which whoever attaches their generation again must know.
pub(crate) async fn tell_to_drain(aws: &Aws, keys: &[InstanceKey]) -> Result<()> {
    let tag = aws_sdk_ec2::types::Tag::builder().key(marks::DRAIN).value("told").build();
    // "CreateTags": at most 1000 resources. The same tag twice is one.
    for keys in keys.chunks(500) {
        let ids = keys.iter().map(|key| key.name.as_str().to_owned()).collect();
        let call = aws.again().ec2.create_tags().set_resources(Some(ids)).tags(tag.clone());
        aws.ask("ec2:CreateTags", call.send()).await?;
    }
    Ok(())
}

/// Those of a generation who were told to drain, and are there.
pub(crate) async fn told_to_drain(aws: &Aws, fleet: &FleetId, generation: GenerationId) -> Result<BTreeSet<InstanceKey>> {
    let told = Filter::builder().name("tag-key").values(marks::DRAIN).build();
    let filters = vec![tag_filter(marks::FLEET, fleet.name()), tag_filter(marks::GENERATION, &generation.to_string()), told];
    let found = described(aws, filters).await?.into_iter();
    Ok(found.filter(|machine| machine.life != Life::Gone).map(|machine| InstanceKey::named(machine.id)).collect())
}

/// What EC2's own checks say of machines that run.
pub(crate) async fn checks(aws: &Aws, ids: &[Arc<str>]) -> Result<BTreeMap<String, Verdict>> {
    let mut found = BTreeMap::new();
    // "DescribeInstanceStatus": at most 100 ids, and then all in one page.
    for ids in ids.chunks(100) {
        match statuses(aws, ids, &mut found).await {
            // One that is not known there has the whole call refused.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => {
                other?;
                continue;
            }
        }
        for id in ids {
            match statuses(aws, std::slice::from_ref(id), &mut found).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(found)
}

async fn statuses(aws: &Aws, ids: &[Arc<str>], found: &mut BTreeMap<String, Verdict>) -> Result<()> {
    let ids = ids.iter().map(|id| id.to_string()).collect();
    let call = aws.again().ec2.describe_instance_status().set_instance_ids(Some(ids));
    let answer = aws.ask("ec2:DescribeInstanceStatus", call.send()).await?;
    for status in answer.instance_statuses() {
        let of = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| summary.and_then(|one| one.status()).cloned();
        if let Some(id) = status.instance_id() {
            found.insert(id.to_owned(), verdict(&[of(status.system_status()), of(status.instance_status())]));
        }
    }
    Ok(())
}

fn verdict(checks: &[Option<SummaryStatus>]) -> Verdict {
    let any = |status: SummaryStatus| checks.iter().any(|check| check.as_ref() == Some(&status));
    let all_ok = checks.iter().all(|check| check.as_ref() == Some(&SummaryStatus::Ok));
    match () {
        () if any(SummaryStatus::Impaired) => Verdict::Unhealthy,
        () if all_ok => Verdict::Healthy,
        () if any(SummaryStatus::Initializing) => Verdict::Starting,
        () => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_is_enough_and_only_all_are_health() {
        use SummaryStatus::{Impaired, Initializing, InsufficientData, Ok};
        let of = |one, other| verdict(&[Some(one), Some(other)]);
        assert_eq!(of(Ok, Ok), Verdict::Healthy);
        assert_eq!(of(Ok, Impaired), Verdict::Unhealthy);
        assert_eq!(of(Initializing, Ok), Verdict::Starting);
        assert_eq!(of(Ok, InsufficientData), Verdict::Unknown);
        assert_eq!(verdict(&[None, None]), Verdict::Unknown);
    }
}
