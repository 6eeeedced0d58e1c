//! DescribeScalingActivities.

use super::super::error::{Result, invalid};
use super::super::params::{Params, page};
use super::super::world::group::Activity;
use super::super::world::{Region, time};
use super::super::xml::Xml;

/// Newest first; kept for six weeks: Auto Scaling API, DescribeScalingActivities.
pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let name = params.text("AutoScalingGroupName");
    let ids = params.list("ActivityIds")?;
    let deleted = params.flag("IncludeDeletedGroups")?.unwrap_or(false);
    let filters = params.filters()?;
    let (size, token) = super::paging(params, 100)?;
    params.finish()?;
    if let Some(name) = &name {
        let known = region.groups.get(name).is_some_and(|group| group.shown(region.now));
        let was = deleted && region.past.iter().any(|activity| activity.group == *name);
        if !(known || was) {
            return Err(super::no_such_group(name));
        }
    }
    let mut found: Vec<&Activity> = region.groups.values().flat_map(|group| &group.activities).collect();
    if deleted {
        found.extend(&region.past);
    }
    found.retain(|activity| {
        name.as_ref().is_none_or(|name| activity.group == *name) && (ids.is_empty() || ids.contains(&activity.id))
    });
    for filter in &filters {
        // "Filters: StartTimeLowerBound, StartTimeUpperBound, Status": Auto Scaling API, DescribeScalingActivities.
        let value = filter.values.first().map_or("", String::as_str);
        let moment = || -> Result<u64> {
            let at: immutable_core::time::Timestamp = value.parse().map_err(|_| invalid(format!("'{value}' is not a time")))?;
            Ok(u64::try_from(at.as_millis()).unwrap_or(0))
        };
        match filter.name.as_str() {
            "StartTimeLowerBound" => {
                let from = moment()?;
                found.retain(|activity| activity.start >= from);
            }
            "StartTimeUpperBound" => {
                let until = moment()?;
                found.retain(|activity| activity.start <= until);
            }
            "Status" => found.retain(|activity| filter.values.iter().any(|status| status == activity.status)),
            other => return Err(invalid(format!("Filter type '{other}' is not correct"))),
        }
    }
    // Of those that began together the one that was begun last comes first.
    found.reverse();
    found.sort_by_key(|activity| std::cmp::Reverse(activity.start));
    let (found, next) = page(found, size, token, "InvalidNextToken")?;
    let mut xml = Xml::new();
    xml.members("Activities", found, write);
    xml.maybe("NextToken", next);
    Ok(xml)
}

pub(super) fn write(xml: &mut Xml, activity: &Activity) {
    xml.text("ActivityId", &activity.id);
    xml.text("AutoScalingGroupName", &activity.group);
    xml.text("AutoScalingGroupARN", &activity.group_arn);
    xml.text("Description", &activity.description);
    xml.text("Cause", &activity.cause);
    xml.text("StartTime", time(activity.start));
    xml.maybe("EndTime", activity.end.map(time));
    xml.text("StatusCode", activity.status);
    xml.maybe("StatusMessage", activity.message.as_ref());
    xml.text("Progress", if activity.end.is_some() { 100 } else { 50 });
    xml.text("Details", &activity.details);
}
