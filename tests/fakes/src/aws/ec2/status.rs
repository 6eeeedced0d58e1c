//! DescribeInstanceStatus: the checks of hardware and of the operating system.

use super::super::error::{Result, refused};
use super::super::params::Params;
use super::super::world::instance::{Instance, State};
use super::super::world::{MINUTE, Region, time};
use super::super::xml::Xml;

/// "Status checks are performed every minute"; it takes some to the first result: EC2 guide, "Status checks for your instances".
const FIRST: u64 = 2 * MINUTE;

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("InstanceId")?;
    let all = params.flag("IncludeAllInstances")?.unwrap_or(false);
    let filters = params.filters()?;
    let paging = super::paging(params, 5, 1000)?;
    super::ready(params)?;
    if !ids.is_empty() && (paging.0.is_some() || paging.1.is_some()) {
        return Err(refused(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults".into(),
        ));
    }
    super::instances::known(region, &ids)?;
    let mut found = Vec::new();
    for instance in region.instances.values().filter(|instance| instance.shown(region.now)) {
        let state = instance.state(region.now);
        // "By default, only running instances are described": EC2 API, DescribeInstanceStatus.
        let mut wanted = (all || state == State::Running) && (ids.is_empty() || ids.contains(&instance.id));
        for filter in &filters {
            wanted &= match filter.name.as_str() {
                "instance-state-name" => filter.admits(state.name()),
                "availability-zone" => filter.admits(&instance.zone),
                "instance-status.status" | "system-status.status" => filter.admits(status(instance, region.now)),
                _ => return Err(filter.unknown()),
            };
        }
        if wanted {
            found.push(instance.clone());
        }
    }
    let (found, next) = super::pages(found, paging)?;
    let mut xml = Xml::new();
    xml.items("instanceStatusSet", found, |xml, instance| {
        xml.text("instanceId", &instance.id);
        xml.text("availabilityZone", &instance.zone);
        super::instances::write_state(xml, "instanceState", instance.state(region.now));
        for name in ["systemStatus", "instanceStatus"] {
            // It is the instance, not the hardware below it, that is made to fail.
            let status = match status(&instance, region.now) {
                "impaired" if name == "systemStatus" => "ok",
                other => other,
            };
            xml.node(name, |xml| {
                xml.text("status", status);
                let detail = match status {
                    "ok" => "passed",
                    "impaired" => "failed",
                    "initializing" => "initializing",
                    _ => return,
                };
                xml.items("details", [detail], |xml, detail| {
                    xml.text("name", "reachability");
                    xml.text("status", detail);
                    xml.maybe("impairedSince", instance.impaired_since.filter(|_| detail == "failed").map(time));
                });
            });
        }
    });
    xml.maybe("nextToken", next);
    Ok(xml)
}

pub(crate) fn status(instance: &Instance, now: u64) -> &'static str {
    if instance.state(now) != State::Running {
        return "not-applicable";
    }
    match instance.impaired_since {
        Some(since) if now >= since => "impaired",
        _ if instance.runs_at.is_some_and(|at| now < at.saturating_add(FIRST)) => "initializing",
        _ => "ok",
    }
}
