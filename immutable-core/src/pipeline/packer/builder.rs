//! The builders that are understood, and what their artifacts' ids mean.

use std::collections::BTreeSet;

use super::Places;
use super::run::Build;
use crate::artifact::{ImageRef, Place};
use crate::error::{Error, Result};

/// One builder: the type that templates and manifests name it by, and the id that `-machine-readable` output does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Builder {
    pub(super) kind: &'static str,
    id: &'static str,
    product: Product,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Amis,
    AzureImage,
    GcpImage,
    Files,
    Nothing,
}

/// Those of Amazon's builders that make AMIs; `amazon-ebsvolume` makes volumes.
const BUILDERS: [Builder; 8] = [
    Builder { kind: "amazon-ebs", id: "mitchellh.amazonebs", product: Product::Amis },
    Builder { kind: "amazon-ebssurrogate", id: "mitchellh.amazon.ebssurrogate", product: Product::Amis },
    Builder { kind: "amazon-chroot", id: "mitchellh.amazon.chroot", product: Product::Amis },
    Builder { kind: "amazon-instance", id: "mitchellh.amazon.instance", product: Product::Amis },
    Builder { kind: "azure-arm", id: "Azure.ResourceManagement.VMImage", product: Product::AzureImage },
    Builder { kind: "googlecompute", id: "packer.googlecompute", product: Product::GcpImage },
    Builder { kind: "file", id: "packer.file", product: Product::Files },
    Builder { kind: "null", id: "fnoeding.null", product: Product::Nothing },
];

impl Builder {
    /// By its type: `amazon-ebs`.
    pub(super) fn of_kind(kind: &str) -> Option<&'static Self> {
        BUILDERS.iter().find(|builder| builder.kind == kind)
    }

    /// By its id: `mitchellh.amazonebs`.
    pub(super) fn of_id(id: &str) -> Option<&'static Self> {
        BUILDERS.iter().find(|builder| builder.id == id)
    }

    /// The types that are understood, for a message.
    pub(super) fn kinds() -> String {
        BUILDERS.map(|builder| builder.kind).join(", ")
    }

    /// The images that a build made, or what is missing to know them.
    pub(super) fn images(&self, build: &Build, places: &Places) -> Result<Vec<ImageRef>, String> {
        match self.product {
            Product::Nothing => Ok(Vec::new()),
            Product::Files if build.files.is_empty() => Err("has no files".to_owned()),
            Product::Files => Ok(Vec::new()),
            Product::Amis => amis(&build.artifact_id, places),
            Product::AzureImage => azure(&build.artifact_id, places),
            Product::GcpImage => gcp(&build.artifact_id, places),
        }
    }
}

/// `us-east-1:ami-a,us-west-2:ami-b`
fn amis(id: &str, places: &Places) -> Result<Vec<ImageRef>, String> {
    let account = places.aws_account.as_deref().ok_or("made AMIs, whose ids don't say whose they are; give aws_account(..)")?;
    let image = |part: &str| {
        let (region, ami) = part.split_once(':').filter(|(_, ami)| ami.len() > 4 && ami.starts_with("ami-"))?;
        Some(place("aws", account, region).map(|place| ImageRef::new(place, ami)))
    };
    let wrong = || format!("has the artifact id `{id}`, which is not like us-east-1:ami-a,us-west-2:ami-b");
    id.split(',').map(|part| image(part).ok_or_else(wrong)?).collect()
}

/// `/subscriptions/…/providers/Microsoft.Compute/images/web`, or `…/galleries/images/images/web/versions/1.0.0`. The letters' case
/// does not count: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>.
fn azure(id: &str, places: &Places) -> Result<Vec<ImageRef>, String> {
    let lower = id.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split('/').collect();
    let managed = match parts.as_slice() {
        ["", "subscriptions", _, "resourcegroups", _, "providers", "microsoft.compute", "images", _] => true,
        [
            "",
            "subscriptions",
            _,
            "resourcegroups",
            _,
            "providers",
            "microsoft.compute",
            "galleries",
            _,
            "images",
            _,
            "versions",
            version,
        ] if *version != "latest" => false,
        _ => {
            return Err(format!(
                "has the artifact id `{id}`, which is neither a managed image (/subscriptions/…/images/web) nor a gallery's version (/subscriptions/…/galleries/…/images/web/versions/1.0.0)"
            ));
        }
    };
    let regions: BTreeSet<&str> = places.azure_regions.iter().map(String::as_str).collect();
    if regions.is_empty() {
        return Err("made an Azure image, whose id does not say in which region it is; give azure_regions([..])".to_owned());
    }
    if managed && regions.len() > 1 {
        return Err(format!(
            "made a managed image, which is in one region and not in {}; publish it to a gallery to have it in several",
            regions.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }
    let subscription = parts.get(2).copied().unwrap_or_default();
    regions.into_iter().map(|region| Ok(ImageRef::new(place("azure", subscription, region)?, id))).collect()
}

/// `web-1700000000`: an image's name in its project.
fn gcp(id: &str, places: &Places) -> Result<Vec<ImageRef>, String> {
    let project =
        places.gcp_project.as_deref().ok_or("made a GCP image, whose name does not say whose it is; give gcp_project(..)")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(plain) {
        return Err(format!("has the artifact id `{id}`, which is not a GCP image's name, such as web-1700000000"));
    }
    let url = format!("projects/{project}/global/images/{id}");
    Ok(vec![ImageRef::new(place("gcp", project, "global")?, url)])
}

fn place(provider: &str, scope: &str, region: &str) -> Result<Place, String> {
    Place::new(provider, scope, region).map_err(|why| format!("has an image in no possible place: {why}"))
}

/// Says of a build, by the name of what it was read from, what is wrong with it.
pub(super) fn refused(source: &str, build: &str, why: &str) -> Error {
    Error::invalid(format!("build {build} of {source} {why}"))
}
