//! Managed instance groups as Google has them: those of a zone and those of a region, which are asked by methods of two names and answer the same.

use google_cloud_compute_v1::model::{
    Autoscaler, AutoscalingPolicy, InstanceGroupManager, InstanceGroupManagersDeleteInstancesRequest, InstanceManagedByIgmError,
    ManagedInstance, RegionInstanceGroupManagersDeleteInstancesRequest,
};
use immutable_core::fleet::Coverage;
use immutable_core::{ErrorKind, Result};

use crate::client::{Gcp, lacks};
use crate::marks::last;
use crate::operations::{Scope, Stands};

/// How many of a list are asked for at once: the most that Google gives.
const PAGE: u32 = 500;

/// A group by its name, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

/// Reads by the zone's method or by the region's, which is told so; of the answers, which are of two types, what they have in common.
macro_rules! either {
    ($gcp:expr, $at:expr, $method:literal, $call:ident $(, $set:ident($value:expr))* => $read:expr) => {
        match &$at.scope {
            Scope::Zone(zone) => {
                let call = $gcp.clients().groups.$call().set_project($gcp.project()).set_zone(zone)
                    .set_instance_group_manager(&$at.name)$(.$set($value))*;
                $gcp.ask(concat!("instanceGroupManagers.", $method), || call.clone().send()).await.map($read)
            }
            _ => {
                let call = $gcp.clients().region_groups.$call().set_project($gcp.project()).set_region($gcp.region())
                    .set_instance_group_manager(&$at.name)$(.$set($value))*;
                $gcp.ask(concat!("regionInstanceGroupManagers.", $method), || call.clone().send()).await.map($read)
            }
        }
    };
}

/// The same of one that is answered with an operation.
macro_rules! operate {
    ($gcp:expr, $at:expr, $id:expr, $method:literal, $call:ident $(, $set:ident($value:expr))*) => {
        match &$at.scope {
            Scope::Zone(zone) => {
                let call = $gcp.clients().groups.$call().set_project($gcp.project()).set_zone(zone)
                    .set_instance_group_manager(&$at.name)$(.$set($value))*;
                let send = |id: String| call.clone().set_request_id(id).send();
                $gcp.operate(concat!("instanceGroupManagers.", $method), &$at.scope, $id, send).await
            }
            _ => {
                let call = $gcp.clients().region_groups.$call().set_project($gcp.project()).set_region($gcp.region())
                    .set_instance_group_manager(&$at.name)$(.$set($value))*;
                let send = |id: String| call.clone().set_request_id(id).send();
                $gcp.operate(concat!("regionInstanceGroupManagers.", $method), &$at.scope, $id, send).await
            }
        }
    };
}

impl Gcp {
    /// A group, if it is there.
    pub(crate) async fn group(&self, at: &At) -> Result<Option<InstanceGroupManager>> {
        match either!(self, at, "get", get => |group| group) {
            Ok(group) => Ok(Some(group)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn insert_group(&self, at: &At, group: InstanceGroupManager, id: String) -> Result<Stands> {
        match &at.scope {
            Scope::Zone(zone) => {
                let call = self.clients().groups.insert().set_project(self.project()).set_zone(zone).set_body(group);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("instanceGroupManagers.insert", &at.scope, id, send).await
            }
            _ => {
                let call = self.clients().region_groups.insert().set_project(self.project()).set_region(self.region());
                let call = call.set_body(group);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("regionInstanceGroupManagers.insert", &at.scope, id, send).await
            }
        }
    }

    pub(crate) async fn patch_group(&self, at: &At, change: InstanceGroupManager, id: String) -> Result<Stands> {
        operate!(self, at, id, "patch", patch, set_body(change.clone()))
    }

    /// Has a group be of this size: more are made, and fewer are of Google's choice.
    pub(crate) async fn resize_group(&self, at: &At, size: u32, id: String) -> Result<Stands> {
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        operate!(self, at, id, "resize", resize, set_size(size))
    }

    pub(crate) async fn delete_group(&self, at: &At, id: String) -> Result<Stands> {
        operate!(self, at, id, "delete", delete)
    }

    /// Has the named go, by their URLs, and the size with them. At most 1000.
    pub(crate) async fn delete_members(&self, at: &At, urls: Vec<String>, id: String) -> Result<Stands> {
        match &at.scope {
            Scope::Zone(zone) => {
                let body = InstanceGroupManagersDeleteInstancesRequest::new()
                    .set_instances(urls)
                    .set_skip_instances_on_validation_error(true);
                let call = self.clients().groups.delete_instances().set_project(self.project()).set_zone(zone);
                let call = call.set_instance_group_manager(&at.name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("instanceGroupManagers.deleteInstances", &at.scope, id, send).await
            }
            _ => {
                let body = RegionInstanceGroupManagersDeleteInstancesRequest::new()
                    .set_instances(urls)
                    .set_skip_instances_on_validation_error(true);
                let call = self.clients().region_groups.delete_instances().set_project(self.project()).set_region(self.region());
                let call = call.set_instance_group_manager(&at.name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("regionInstanceGroupManagers.deleteInstances", &at.scope, id, send).await
            }
        }
    }

    /// Who a group manages: also who is still to be made, and who is on the way out.
    pub(crate) async fn members(&self, at: &At) -> Result<Vec<ManagedInstance>> {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = either!(self, at, "listManagedInstances", list_managed_instances, set_max_results(PAGE), set_page_token(&token) =>
                |answer| (answer.managed_instances, answer.next_page_token))?;
            found.extend(page);
            token = next.unwrap_or_default();
            if token.is_empty() {
                return Ok(found);
            }
        }
    }

    /// What went wrong in a group lately. The newest come first, and more than a page is not asked for.
    pub(crate) async fn group_errors(&self, at: &At) -> Result<Vec<InstanceManagedByIgmError>> {
        either!(self, at, "listErrors", list_errors, set_max_results(PAGE) => |answer| answer.items)
    }

    /// All groups of the project in this region and its zones whose names begin so, and whether all were seen.
    pub(crate) async fn groups_named(&self, begin: &str) -> Result<(Vec<(At, InstanceGroupManager)>, Coverage)> {
        use google_cloud_compute_v1::model::instance_group_managers_scoped_list::warning::Code;
        let (mut found, mut coverage, mut token) = (Vec::new(), Coverage::Whole, String::new());
        loop {
            let call = self.clients().groups.aggregated_list().set_project(self.project()).set_max_results(PAGE);
            let call = call.set_filter(format!("name eq {begin}.*")).set_page_token(&token);
            let answer = self.ask("instanceGroupManagers.aggregatedList", || call.clone().send()).await?;
            for (place, list) in answer.items {
                let scope = match place.split_once('/') {
                    Some(("zones", zone)) if self.has_zone(zone) => Scope::Zone(zone.to_owned()),
                    Some(("regions", region)) if region == self.region() => Scope::Region,
                    _ => continue,
                };
                if list.warning.and_then(|warning| warning.code) == Some(Code::Unreachable) {
                    coverage = Coverage::Part(format!("{place} does not answer").into());
                }
                for group in list.instance_group_managers {
                    let name =
                        group.name.clone().ok_or_else(|| lacks("instanceGroupManagers.aggregatedList", "name of a group"))?;
                    found.push((At { scope: scope.clone(), name }, group));
                }
            }
            for place in answer.unreachables {
                if self.has_zone(last(&place)) || last(&place) == self.region() {
                    coverage = Coverage::Part(format!("{place} does not answer").into());
                }
            }
            token = answer.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok((found, coverage));
            }
        }
    }

    /// Whether a zone is of this region: its name is the region's, and a letter.
    pub(crate) fn has_zone(&self, zone: &str) -> bool {
        zone.rsplit_once('-').is_some_and(|(region, _)| region == self.region())
    }

    /// Whether a group's autoscaler changes its size.
    pub(crate) async fn autoscales(&self, at: &At, url: &str) -> Result<bool> {
        use google_cloud_compute_v1::model::autoscaling_policy::Mode;
        let (name, project) = (last(url), self.project());
        let found = match &at.scope {
            Scope::Zone(zone) => {
                let call = self.clients().autoscalers.get().set_project(project).set_zone(zone).set_autoscaler(name);
                self.ask("autoscalers.get", || call.clone().send()).await
            }
            _ => {
                let call =
                    self.clients().region_autoscalers.get().set_project(project).set_region(self.region()).set_autoscaler(name);
                self.ask("regionAutoscalers.get", || call.clone().send()).await
            }
        };
        match found {
            Ok(found) => Ok(found.autoscaling_policy.and_then(|policy| policy.mode) != Some(Mode::Off)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets a group's autoscaler change its size, or not.
    pub(crate) async fn set_autoscales(&self, at: &At, url: &str, on: bool, id: String) -> Result<Stands> {
        use google_cloud_compute_v1::model::autoscaling_policy::Mode;
        let (name, project) = (last(url), self.project());
        let body =
            Autoscaler::new().set_autoscaling_policy(AutoscalingPolicy::new().set_mode(if on { Mode::On } else { Mode::Off }));
        match &at.scope {
            Scope::Zone(zone) => {
                let call =
                    self.clients().autoscalers.patch().set_project(project).set_zone(zone).set_autoscaler(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("autoscalers.patch", &at.scope, id, send).await
            }
            _ => {
                let call = self.clients().region_autoscalers.patch().set_project(project).set_region(self.region());
                let call = call.set_autoscaler(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.operate("regionAutoscalers.patch", &at.scope, id, send).await
            }
        }
    }
}
