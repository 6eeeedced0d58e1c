//! Looks at images.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{Applied, ErrorKind, ImageRef, Result, Timestamp};
use serde_json::Value;

use super::names::{Kind, Name, region};
use super::version::{DEPRECATED, Standing, Version, tags};
use crate::client::{Azure, Call};
use crate::operations::Stands;
use crate::preflight::GALLERY;
use crate::scale_sets::COMPUTE;

/// How many are asked about at a time: Azure has no call for several.
const AT_ONCE: usize = 8;
/// How often in a row something must not be there. What was just made Azure may deny and show by turns (azurerm#18268, #25758), and what is gone as well.
const LOOKS: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(1);

/// What there is of an image.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Managed(Value),
    Version(Version),
    Market(Value),
}

impl Found {
    fn body(kind: &Name, body: Value) -> Self {
        match kind {
            Name::Managed { .. } => Self::Managed(body),
            Name::Version { of, .. } => Self::Version(Version::new(of.kind, body)),
            Name::Market { .. } => Self::Market(body),
        }
    }
}

pub(super) async fn describe(azure: &Azure, images: &[ImageRef]) -> Result<Vec<ImageSeen>> {
    let here = azure.place();
    let of = |image: &ImageRef| Name::of(image).filter(|_| *image.place() == here);
    let names: BTreeMap<String, Name> = images.iter().filter_map(of).map(|name| (name.key(), name)).collect();
    let looks = names.into_iter().map(|(key, name)| async move { one(azure, &name).await.map(|found| Some((key, found?))) });
    let found: Vec<Option<(String, Found)>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let found: BTreeMap<String, Found> = found.into_iter().flatten().collect();
    let see = |image: &ImageRef| {
        let name = of(image);
        let found = name.as_ref().and_then(|name| found.get(&name.key()));
        seen(azure, image, name.as_ref(), found)
    };
    Ok(images.iter().map(see).collect())
}

/// An image, if it is there: it is not if it was not several times.
pub(super) async fn one(azure: &Azure, name: &Name) -> Result<Option<Found>> {
    for look in 0..LOOKS {
        if look > 0 {
            azure.pause(BETWEEN).await;
        }
        if let Some(found) = glance(azure, name).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Changes what was seen: where Azure says that it is not there, it is asked again.
pub(super) async fn order(azure: &Azure, call: &Call) -> Result<Stands> {
    for _ in 1..LOOKS {
        match azure.operate(call, false).await {
            Err(error) if error.kind() == ErrorKind::NotFound && error.applied() == Applied::No => azure.pause(BETWEEN).await,
            answer => return answer,
        }
    }
    azure.operate(call, false).await
}

/// Whether it is certain that it is there no more.
pub(super) async fn is_gone(azure: &Azure, name: &Name) -> Result<bool> {
    Ok(one(azure, name).await?.is_none())
}

/// An image, if Azure says at this moment that it is there.
async fn glance(azure: &Azure, name: &Name) -> Result<Option<Found>> {
    let path = name.path(azure);
    let call = match name {
        Name::Managed { .. } => Call::get("images.get", &path, COMPUTE),
        // Without being asked to, Azure says nothing of regions: azure-libraries-for-net#998.
        Name::Version { of, .. } => Call::get(call(of.kind, Verb::Get), &path, GALLERY).query("$expand", "ReplicationStatus"),
        Name::Market { .. } => Call::get("virtualMachineImages.get", &path, COMPUTE),
    };
    match azure.ask(&call).await {
        Ok(answer) => Ok(Some(Found::body(name, answer.body))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is done with a version.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    Get,
    List,
    Put,
    Patch,
    Delete,
}

/// The id of a call.
pub(super) fn call(kind: Kind, verb: Verb) -> &'static str {
    match (kind, verb) {
        (Kind::Image, Verb::Get) => "galleryImageVersions.get",
        (Kind::Image, Verb::List) => "galleryImageVersions.listByGalleryImage",
        (Kind::Image, Verb::Put) => "galleryImageVersions.createOrUpdate",
        (Kind::Image, Verb::Patch) => "galleryImageVersions.update",
        (Kind::Image, Verb::Delete) => "galleryImageVersions.delete",
        (Kind::Application, Verb::Get) => "galleryApplicationVersions.get",
        (Kind::Application, Verb::List) => "galleryApplicationVersions.listByGalleryApplication",
        (Kind::Application, Verb::Put) => "galleryApplicationVersions.createOrUpdate",
        (Kind::Application, Verb::Patch) => "galleryApplicationVersions.update",
        (Kind::Application, Verb::Delete) => "galleryApplicationVersions.delete",
    }
}

/// Where it is in its life, in a region, and why it cannot be launched there, if it cannot.
pub(super) fn stage(found: &Found, here: &str, now: Timestamp) -> (ImageStage, Option<String>) {
    match found {
        Found::Managed(body) => managed(body, here),
        Found::Version(version) => of_version(version, here, now),
        Found::Market(body) => market(body),
    }
}

fn managed(body: &Value, here: &str) -> (ImageStage, Option<String>) {
    let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let location = region(text("/location"));
    if location != here {
        return (ImageStage::Gone, Some(format!("it is in {location}, and a managed image is of use in its own region only")));
    }
    match text("/properties/provisioningState").to_ascii_lowercase().as_str() {
        "succeeded" | "updating" => (ImageStage::Active, None),
        "creating" => (ImageStage::Pending, Some("it is still being made".to_owned())),
        "deleting" => (ImageStage::Gone, Some("it is being deleted".to_owned())),
        other => (ImageStage::Failed, Some(format!("it is `{other}`"))),
    }
}

/// What its region says of it, if it is not about to go. A copy elsewhere that is under way or has failed is none of this region's business.
fn of_version(version: &Version, here: &str, now: Timestamp) -> (ImageStage, Option<String>) {
    if version.is("Deleting") {
        return (ImageStage::Gone, Some("it is being deleted".to_owned()));
    }
    match version.standing(here) {
        Standing::Missing => (ImageStage::Gone, Some(format!("it is not replicated to {here}"))),
        Standing::Failed(why) => (ImageStage::Failed, Some(format!("its replication to {here} failed: {why}"))),
        Standing::Copying(_) if version.is("Failed") => (ImageStage::Failed, Some("its making failed".to_owned())),
        Standing::Copying(progress) => {
            let how_far = progress.map(|percent| format!(", {percent} % of it is there")).unwrap_or_default();
            (ImageStage::Pending, Some(format!("it is being replicated to {here}{how_far}")))
        }
        // "End-of-life dates are informational; users will still be able to create VMs from versions past the end-of-life date."
        Standing::There if version.is_past(now) => (ImageStage::Deprecated, None),
        Standing::There => (ImageStage::Active, None),
    }
}

/// "Deprecated images in Azure Marketplace": of what is deprecated nobody can make machines any more, and scale sets do not grow.
fn market(body: &Value) -> (ImageStage, Option<String>) {
    let state = body.pointer("/properties/imageDeprecationStatus/imageState").and_then(Value::as_str).unwrap_or_default();
    if state.eq_ignore_ascii_case("Deprecated") {
        return (
            ImageStage::Disabled,
            Some("its publisher has deprecated it, and nothing is launched of it any more".to_owned()),
        );
    }
    let plan = body.pointer("/properties/plan").filter(|plan| !plan.is_null());
    let why = plan.map(|_| "it has a plan, which is bought, and a template has no place for one; make an image of it".to_owned());
    (ImageStage::Active, why)
}

/// What is seen of an image, whether it was found or not.
pub(super) fn seen(azure: &Azure, image: &ImageRef, name: Option<&Name>, found: Option<&Found>) -> ImageSeen {
    let gone = |why: String| ImageSeen {
        image: image.clone(),
        stage: ImageStage::Gone,
        unlaunchable: Some(why.into()),
        ours: false,
        labels: BTreeMap::new(),
    };
    let Some((name, found)) = name.zip(found) else {
        return gone(format!("it is no image that can be seen from {}", azure.place()));
    };
    match stage(found, azure.region(), azure.now()) {
        (ImageStage::Gone, why) => gone(why.unwrap_or_default()),
        (stage, why) => ImageSeen {
            image: image.clone(),
            stage,
            unlaunchable: why.map(Arc::from),
            ours: name.is_ours(azure),
            labels: labels(found),
        },
    }
}

/// Its tags, but for what we remember there.
fn labels(found: &Found) -> BTreeMap<Arc<str>, Arc<str>> {
    let all = match found {
        Found::Managed(body) | Found::Market(body) => tags(body),
        Found::Version(version) => version.tags(),
    };
    let all = all.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(DEPRECATED));
    all.map(|(name, value)| (name.into(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn of(state: &str, region: Option<&str>, end: Option<&str>) -> ImageStage {
        let summary: Vec<Value> = region.map(|state| json!({ "region": "West Europe", "state": state })).into_iter().collect();
        let body = json!({ "location": "westeurope", "properties": {
            "provisioningState": state,
            "publishingProfile": { "targetRegions": [{ "name": "West Europe" }], "endOfLifeDate": end },
            "replicationStatus": { "summary": summary },
        } });
        let (stage, why) = stage(&Found::Version(Version::new(Kind::Image, body)), "westeurope", now());
        assert_eq!(why.is_none(), matches!(stage, ImageStage::Active | ImageStage::Deprecated), "{why:?}");
        stage
    }

    #[test]
    fn its_region_decides_of_a_version() {
        assert_eq!(of("Succeeded", Some("Completed"), None), ImageStage::Active);
        assert_eq!(
            of("Succeeded", Some("Replicating"), None),
            ImageStage::Pending,
            "AgentBaker#8373: the operation is over before"
        );
        assert_eq!(of("Succeeded", None, None), ImageStage::Pending, "nothing is said of the region");
        assert_eq!(of("Succeeded", Some("Unknown"), None), ImageStage::Pending);
        assert_eq!(of("Succeeded", Some("Failed"), None), ImageStage::Failed);
        assert_eq!(of("Updating", Some("Completed"), None), ImageStage::Active, "it is copied elsewhere");
        assert_eq!(of("Failed", Some("Completed"), None), ImageStage::Active, "a copy elsewhere failed");
        assert_eq!(of("Failed", None, None), ImageStage::Failed);
        assert_eq!(of("Deleting", Some("Completed"), None), ImageStage::Gone);
        assert_eq!(of("Succeeded", Some("Completed"), Some("2026-11-22T12:00:00Z")), ImageStage::Deprecated);
        assert_eq!(of("Succeeded", Some("Completed"), Some("2026-11-22T12:00:01Z")), ImageStage::Active);
    }

    #[test]
    fn a_managed_image_is_of_its_region_only() {
        let image = |location: &str, state: &str| {
            let body = json!({ "location": location, "properties": { "provisioningState": state } });
            managed(&body, "westeurope").0
        };
        assert_eq!(image("West Europe", "Succeeded"), ImageStage::Active);
        assert_eq!(image("northeurope", "Succeeded"), ImageStage::Gone);
        assert_eq!(image("westeurope", "Creating"), ImageStage::Pending);
        assert_eq!(image("westeurope", "Deleting"), ImageStage::Gone);
        assert_eq!(image("westeurope", "Resting"), ImageStage::Failed, "what is not known is not launched");
    }

    #[test]
    fn what_a_publisher_has_deprecated_is_launched_no_more() {
        let of = |state: &str, plan: Value| {
            market(&json!({ "properties": { "imageDeprecationStatus": { "imageState": state }, "plan": plan } }))
        };
        assert_eq!(of("Active", Value::Null), (ImageStage::Active, None));
        assert_eq!(of("ScheduledForDeprecation", Value::Null), (ImageStage::Active, None));
        assert_eq!(of("Deprecated", Value::Null).0, ImageStage::Disabled);
        assert!(of("Active", json!({ "name": "x" })).1.is_some_and(|why| why.contains("plan")));
    }
}
