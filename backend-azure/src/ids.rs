//! What can be launched, by its id: images of galleries, managed images, VM applications, and images of the marketplace.

use immutable_core::{Error, Result};
use serde_json::{Value, json};

/// What a machine is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A managed image.
    Managed(String),
    /// A version of an image definition in a gallery.
    Version(String),
    /// A version of a VM application: what is installed on an image when a machine is made.
    Application(String),
    /// A version of an image of the marketplace.
    Market { publisher: String, offer: String, sku: String, version: String },
}

impl Source {
    /// Of the id of an image: a resource's, or a marketplace's URN.
    ///
    /// # Errors
    /// [`Invalid`](immutable_core::ErrorKind::Invalid) if it is neither, or is not one exact version.
    pub(crate) fn parse(id: &str) -> Result<Self> {
        let latest = || Error::invalid(format!("{id} is not one image: what is the latest changes; name a version, as in 1.2.0"));
        if let [publisher, offer, sku, version] = id.split(':').collect::<Vec<_>>()[..] {
            if version.eq_ignore_ascii_case("latest") || version.is_empty() {
                return Err(latest());
            }
            let [publisher, offer, sku, version] = [publisher, offer, sku, version].map(str::to_owned);
            return Ok(Self::Market { publisher, offer, sku, version });
        }
        let lower = id.to_ascii_lowercase();
        let exact = |version: &str| if version == "latest" || version.is_empty() { Err(latest()) } else { Ok(()) };
        match lower.split('/').collect::<Vec<_>>()[..] {
            ["", "subscriptions", _, "resourcegroups", _, "providers", "microsoft.compute", "images", _] => {
                Ok(Self::Managed(id.to_owned()))
            }
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
            ] => exact(version).map(|()| Self::Version(id.to_owned())),
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
                "applications",
                _,
                "versions",
                version,
            ] => exact(version).map(|()| Self::Application(id.to_owned())),
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
                "images" | "applications",
                _,
            ] => Err(latest()),
            _ => Err(Error::invalid(format!(
                "`{id}` is no image: it is as in /subscriptions/…/resourcegroups/…/providers/microsoft.compute/galleries/…/images/web/versions/1.2.0, or a managed image, or a version of \
                 a VM application, or publisher:offer:sku:version"
            ))),
        }
    }

    /// As a scale set names it. "ImageReference": an id, or the four parts.
    ///
    /// # Errors
    /// [`Invalid`](immutable_core::ErrorKind::Invalid) of an application, which boots nothing.
    pub(crate) fn reference(&self) -> Result<Value> {
        Ok(match self {
            Self::Managed(id) | Self::Version(id) => json!({ "id": id }),
            Self::Market { publisher, offer, sku, version } => {
                json!({ "publisher": publisher, "offer": offer, "sku": sku, "version": version })
            }
            Self::Application(id) => {
                return Err(Error::invalid(format!(
                    "{id} is an application, and no image; name the image that it is installed on"
                )));
            }
        })
    }
}

/// What a machine or a scale set says that it was made of, in the form of an image's id.
pub(crate) fn of_reference(reference: &Value) -> Option<String> {
    let text = |name: &str| reference.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(id) = text("id") {
        return Some(id.to_ascii_lowercase());
    }
    let version = text("exactVersion").or_else(|| text("version"))?;
    Some(format!("{}:{}:{}:{version}", text("publisher")?, text("offer")?, text("sku")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/acme/images/web/versions/1.2.0";

    #[test]
    fn what_is_one_image_and_what_is_not() {
        assert_eq!(Source::parse(VERSION).unwrap(), Source::Version(VERSION.into()));
        let application = VERSION.replace("/images/", "/applications/");
        assert_eq!(Source::parse(&application).unwrap(), Source::Application(application.clone()));
        assert!(Source::parse(&application).unwrap().reference().unwrap_err().to_string().contains("no image"));
        let managed = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/images/web";
        assert_eq!(Source::parse(managed).unwrap().reference().unwrap(), json!({"id": managed}));
        let urn = Source::parse("Canonical:ubuntu-24_04-lts:server:24.04.202601010").unwrap();
        assert_eq!(urn.reference().unwrap()["version"], "24.04.202601010");
        for (not, why) in [
            (VERSION.replace("1.2.0", "latest"), "name a version"),
            (VERSION.replace("/versions/1.2.0", ""), "name a version"),
            ("Canonical:ubuntu:server:latest".to_owned(), "name a version"),
            ("ami-1".to_owned(), "is no image"),
        ] {
            let error = Source::parse(&not).unwrap_err().to_string();
            assert!(error.contains(why), "{not}: {error}");
        }
    }

    #[test]
    fn a_reference_is_read_back() {
        assert_eq!(of_reference(&json!({"id": VERSION, "exactVersion": "1.2.0"})).unwrap(), VERSION.to_ascii_lowercase());
        let market =
            json!({"publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "latest", "exactVersion": "24.4.1"});
        assert_eq!(of_reference(&market).unwrap(), "Canonical:ubuntu:server:24.4.1");
        assert_eq!(of_reference(&Value::Null), None);
    }
}
