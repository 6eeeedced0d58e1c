//! DescribeInstances, TerminateInstances and ModifyInstanceAttribute.

use std::collections::BTreeSet;

use super::super::error::{Result, refused};
use super::super::params::{Filter, Params};
use super::super::world::instance::{Instance, State};
use super::super::world::{Region, time};
use super::super::xml::Xml;

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("InstanceId")?;
    let filters = params.filters()?;
    let paging = super::paging(params, 5, 1000)?;
    super::ready(params)?;
    if !ids.is_empty() && (paging.0.is_some() || paging.1.is_some()) {
        return Err(refused(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults".into(),
        ));
    }
    known(region, &ids)?;
    let mut found: Vec<&Instance> = Vec::new();
    for instance in region.instances.values().filter(|instance| instance.shown(region.now)) {
        let mut wanted = ids.is_empty() || ids.contains(&instance.id);
        for filter in &filters {
            wanted &= admits(region, filter, instance)?;
        }
        if wanted {
            found.push(instance);
        }
    }
    // Pages are of whole reservations.
    let mut reservations: Vec<(&str, Vec<&Instance>)> = Vec::new();
    found.sort_by_key(|instance| (instance.launched, &instance.reservation, instance.index));
    for instance in found {
        match reservations.last_mut().filter(|(id, _)| *id == instance.reservation) {
            Some((_, members)) => members.push(instance),
            None => reservations.push((&instance.reservation, vec![instance])),
        }
    }
    let (reservations, next) = super::pages(reservations, paging)?;
    let mut xml = Xml::new();
    xml.items("reservationSet", reservations, |xml, (id, members)| write_reservation(region, xml, id, &members));
    xml.maybe("nextToken", next);
    Ok(xml)
}

/// "If you specify an instance ID that is not valid, an error is returned" for the call as a whole: EC2 API, DescribeInstances.
pub(super) fn known(region: &Region, ids: &[String]) -> Result<()> {
    let unknown = |id: &&String| !region.instances.get(*id).is_some_and(|instance| instance.shown(region.now));
    let missing: Vec<_> = ids.iter().filter(unknown).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(super::no_such_instance(&missing)) }
}

fn admits(region: &Region, filter: &Filter, instance: &Instance) -> Result<bool> {
    let state = instance.state(region.now);
    Ok(match filter.name.as_str() {
        "instance-id" => filter.admits(&instance.id),
        "instance-state-name" => filter.admits(state.name()),
        "instance-state-code" => filter.admits(&state.code().to_string()),
        "image-id" => filter.admits(&instance.image),
        "instance-type" => filter.admits(&instance.kind),
        "availability-zone" => filter.admits(&instance.zone),
        "subnet-id" => filter.admits(&instance.subnet),
        "vpc-id" => filter.admits(&region.vpc),
        "client-token" => filter.admits(&instance.token),
        "reservation-id" => filter.admits(&instance.reservation),
        _ => return filter.admits_tags(&instance.tags, region.now).ok_or_else(|| filter.unknown()),
    })
}

/// A reservation as RunInstances answers it.
pub(super) fn reservation(region: &Region, id: &str) -> Xml {
    let mut members: Vec<_> = region.instances.values().filter(|instance| instance.reservation == id).collect();
    members.sort_by_key(|instance| instance.index);
    let mut xml = Xml::new();
    write_reservation(region, &mut xml, id, &members);
    xml
}

fn write_reservation(region: &Region, xml: &mut Xml, id: &str, members: &[&Instance]) {
    xml.text("reservationId", id);
    xml.text("ownerId", &region.account);
    xml.items("instancesSet", members, |xml, instance| write(region, xml, instance));
}

fn write(region: &Region, xml: &mut Xml, instance: &Instance) {
    let state = instance.state(region.now);
    xml.text("instanceId", &instance.id);
    xml.text("imageId", &instance.image);
    write_state(xml, "instanceState", state);
    if let Some(stopping) = instance.stopping.as_ref().filter(|_| !state.live()) {
        xml.node("stateReason", |xml| {
            xml.text("code", stopping.code);
            xml.text("message", stopping.message);
        });
    }
    xml.maybe("keyName", instance.key_name.as_ref());
    xml.text("amiLaunchIndex", instance.index);
    xml.text("instanceType", &instance.kind);
    xml.text("launchTime", time(instance.launched));
    xml.node("placement", |xml| {
        xml.text("availabilityZone", &instance.zone);
        xml.text("tenancy", "default");
    });
    // A terminated instance has no network any more.
    if state != State::Terminated {
        xml.text("subnetId", &instance.subnet);
        xml.text("vpcId", &region.vpc);
        xml.text("privateIpAddress", &instance.address);
        xml.text("privateDnsName", format!("ip-{}.ec2.internal", instance.address.replace('.', "-")));
    }
    xml.text("architecture", "x86_64");
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", "/dev/xvda");
    xml.text("clientToken", &instance.token);
    if let Some(profile) = &instance.profile {
        xml.node("iamInstanceProfile", |xml| xml.text("arn", profile));
    }
    xml.items("groupSet", &instance.security_groups, |xml, id| xml.text("groupId", id));
    instance.tags.xml(xml, region.now);
}

pub(super) fn write_state(xml: &mut Xml, name: &str, state: State) {
    xml.node(name, |xml| {
        xml.text("code", state.code());
        xml.text("name", state.name());
    });
}

pub(super) fn terminate(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("InstanceId")?;
    super::ready(params)?;
    if ids.is_empty() {
        return Err(refused("MissingParameter", "The request must contain the parameter InstanceId".into()));
    }
    if ids.len() > 1000 {
        return Err(refused("InvalidParameterValue", "At most 1000 instances can be terminated at once".into()));
    }
    // "If you terminate multiple instances and one is not valid, none is terminated"; the rest of this from the same page, EC2 API,
    // TerminateInstances: with termination protection in an Availability Zone none of that zone is terminated, those of other zones are.
    known(region, &ids)?;
    let protected = |id: &&String| region.instances.get(*id).is_some_and(|one| one.protected && one.state(region.now).live());
    let guarded: Vec<_> = ids.iter().filter(protected).cloned().collect();
    let zones: BTreeSet<_> = guarded.iter().filter_map(|id| region.instances.get(id)).map(|one| one.zone.clone()).collect();
    let before: Vec<_> =
        ids.iter().filter_map(|id| region.instances.get(id)).map(|one| (one.id.clone(), one.state(region.now))).collect();
    for id in &ids {
        if region.instances.get(id).is_some_and(|one| !zones.contains(&one.zone)) {
            region.terminate(id);
        }
    }
    region.stir();
    if let Some(id) = guarded.first() {
        return Err(refused(
            "OperationNotPermitted",
            format!(
                "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
            ),
        ));
    }
    let mut xml = Xml::new();
    xml.items("instancesSet", before, |xml, (id, before)| {
        xml.text("instanceId", &id);
        write_state(xml, "currentState", region.instances.get(&id).map_or(State::Terminated, |one| one.state(region.now)));
        write_state(xml, "previousState", before);
    });
    Ok(xml)
}

pub(super) fn modify(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let id = params.required("InstanceId")?;
    let protect = params.flag("DisableApiTermination.Value")?;
    super::ready(params)?;
    known(region, std::slice::from_ref(&id))?;
    if let (Some(instance), Some(protect)) = (region.instances.get_mut(&id), protect) {
        instance.protected = protect;
    }
    Ok(super::yes())
}
