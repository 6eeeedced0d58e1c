//! Registering targets, deregistering them, and how they fare.

use super::super::error::{Result, refused};
use super::super::params::Params;
use super::super::world::Region;
use super::super::world::balancer::Health;
use super::super::world::instance::State;
use super::super::xml::Xml;
use super::target_groups::missing;

/// Instances, each with the port that it is to be reached at.
type Named = Vec<(String, Option<u16>)>;

/// Which target group a call is about, and whom it names.
fn named(region: &Region, params: &mut Params) -> Result<(String, Named)> {
    let arn = params.required("TargetGroupArn")?;
    let mut targets = Vec::new();
    for mut target in params.structs("Targets")? {
        targets.push((target.required("Id")?, target.number("Port")?));
        target.finish()?;
    }
    params.finish()?;
    if region.target_groups.contains_key(&arn) { Ok((arn, targets)) } else { Err(missing(&arn)) }
}

/// "The instance must be in the running state when you register it": InvalidTarget, of all; kubernetes-sigs/aws-load-balancer-controller#87.
pub(super) fn register(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (arn, targets) = named(region, params)?;
    for (id, _) in &targets {
        match region.instances.get(id).filter(|instance| !instance.forgotten(region.now)) {
            None => return Err(refused("InvalidTarget", format!("The following targets are not valid instances: '{id}'"))),
            Some(instance) if instance.state(region.now) != State::Running => {
                let message = format!("The following targets are not in a running state and cannot be registered: '{id}'");
                return Err(refused("InvalidTarget", message));
            }
            Some(_) => {}
        }
    }
    // "Targets per target group: 1,000": quotas.
    if region.target_groups.get(&arn).is_some_and(|group| group.targets.len() + targets.len() > 1000) {
        return Err(refused("TooManyTargets", "A target group can have 1000 targets".into()));
    }
    targets.iter().for_each(|(id, port)| region.register(&arn, id, *port));
    Ok(Xml::new())
}

pub(super) fn deregister(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (arn, targets) = named(region, params)?;
    targets.iter().for_each(|(id, _)| region.deregister(&arn, id));
    Ok(Xml::new())
}

pub(super) fn health(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (arn, asked) = named(region, params)?;
    let group = region.target_groups.get(&arn).ok_or_else(|| missing(&arn))?;
    let ids: Vec<_> =
        if asked.is_empty() { group.targets.keys().cloned().collect() } else { asked.into_iter().map(|(id, _)| id).collect() };
    let mut found = Vec::new();
    for id in ids {
        match region.health(group, &id) {
            Some(health) => found.push((id, health)),
            None if region.instances.get(&id).is_none_or(|instance| instance.forgotten(region.now)) => {
                return Err(refused("InvalidTarget", format!("The following targets are not valid instances: '{id}'")));
            }
            // Who is asked for by name and is no target is `unused`; otherwise it is not in the list.
            None => found.push((id, Health::NOT_REGISTERED)),
        }
    }
    let mut xml = Xml::new();
    xml.members("TargetHealthDescriptions", found, |xml, (id, health)| {
        let port = group.targets.get(&id).map_or(group.port(), |target| target.port);
        xml.node("Target", |xml| {
            xml.text("Id", &id);
            xml.text("Port", port);
        });
        xml.text("HealthCheckPort", port);
        xml.node("TargetHealth", |xml| {
            xml.text("State", health.state);
            xml.maybe("Reason", health.reason);
            xml.maybe("Description", health.description);
        });
    });
    Ok(xml)
}
