//! Instance templates of the region: made once, never changed, and removed last.

use google_cloud_compute_v1::model::{InstanceProperties, InstanceTemplate};
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Gcp;
use crate::marks::Mark;
use crate::operations::Scope;
use crate::template;

/// A template of the region, if it is there.
pub(crate) async fn find(gcp: &Gcp, name: &str) -> Result<Option<InstanceTemplate>> {
    let call = gcp.clients().templates.get().set_project(gcp.project()).set_region(gcp.region()).set_instance_template(name);
    match gcp.ask("regionInstanceTemplates.get", || call.clone().send()).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What of a template that is there differs from what would be made, if anything does.
pub(crate) async fn difference(gcp: &Gcp, name: &str, wanted: &InstanceProperties) -> Result<Option<&'static str>> {
    let found = find(gcp, name).await?;
    Ok(match found.and_then(|found| found.properties) {
        Some(found) => template::difference(wanted, &found),
        None => Some("whole of it, which is not there,"),
    })
}

/// Makes a template, unless it is there, and says whether it did.
pub(crate) async fn ensure(gcp: &Gcp, name: &str, mark: &str, properties: InstanceProperties, id: String) -> Result<bool> {
    let other = |what: &str| {
        let what = format!(
            "the name {name} belongs to another instance template, whose {what} differs; delete it, or name the fleet otherwise"
        );
        Error::new(ErrorKind::Taken, what).with_resource(name.to_owned())
    };
    if find(gcp, name).await?.is_some() {
        return match difference(gcp, name, &properties).await? {
            Some(what) => Err(other(what)),
            None => Ok(false),
        };
    }
    let body = InstanceTemplate::new().set_name(name).set_description(mark).set_properties(properties.clone());
    let call = gcp.clients().templates.insert().set_project(gcp.project()).set_region(gcp.region()).set_body(body);
    let send = |id: String| call.clone().set_request_id(id).send();
    match gcp.complete("regionInstanceTemplates.insert", &Scope::Region, id, send).await {
        Ok(()) => Ok(true),
        // A copy of this call came first, or somebody else did: what is there now tells.
        Err(error) if error.kind() == ErrorKind::Taken => match difference(gcp, name, &properties).await? {
            Some(what) => Err(other(what)),
            None => Ok(false),
        },
        Err(error) => Err(error),
    }
}

/// The marked templates of this region whose names begin so, of those that are wanted.
pub(crate) async fn marked(gcp: &Gcp, begin: &str, wanted: impl Fn(&str, &Mark) -> bool) -> Result<Vec<(String, Mark)>> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let call = gcp.clients().templates.list().set_project(gcp.project()).set_region(gcp.region()).set_max_results(500_u32);
        let call = call.set_filter(format!("name eq {begin}.*")).set_page_token(&token);
        let answer = gcp.ask("regionInstanceTemplates.list", || call.clone().send()).await?;
        let read = |one: InstanceTemplate| Some((one.name?, Mark::read(one.description.as_ref())?));
        found.extend(answer.items.into_iter().filter_map(read).filter(|(name, mark)| wanted(name, mark)));
        token = answer.next_page_token.unwrap_or_default();
        if token.is_empty() {
            return Ok(found);
        }
    }
}

/// Deletes a template; one that is not there is deleted.
pub(crate) async fn delete(gcp: &Gcp, name: &str, id: String) -> Result<()> {
    let call = gcp.clients().templates.delete().set_project(gcp.project()).set_region(gcp.region()).set_instance_template(name);
    let send = |id: String| call.clone().set_request_id(id).send();
    match gcp.complete("regionInstanceTemplates.delete", &Scope::Region, id, send).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
