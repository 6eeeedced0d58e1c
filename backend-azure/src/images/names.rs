//! How images are named: one exactly, or what moves.

use std::fmt;

use immutable_core::ImageRef;

use crate::client::Azure;

/// What a gallery has versions of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Image,
    Application,
}

impl Kind {
    /// As it is called in ids.
    fn plural(self) -> &'static str {
        match self {
            Self::Image => "images",
            Self::Application => "applications",
        }
    }
}

/// Of what there are versions in a gallery: an image definition, or a VM application. In lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Definition {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) gallery: String,
    pub(super) kind: Kind,
    pub(super) name: String,
}

impl Definition {
    pub(super) fn version(&self, version: &str) -> Name {
        Name::Version { of: self.clone(), version: version.to_owned() }
    }

    pub(super) fn path(&self) -> String {
        let Self { subscription, group, gallery, kind, name } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/galleries/{gallery}/{}/{name}",
            kind.plural()
        )
    }
}

/// An image of the marketplace, of which there are versions. As somebody wrote it: Microsoft's names have capitals, which do not count.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) publisher: String,
    pub(super) offer: String,
    pub(super) sku: String,
}

impl Offer {
    pub(super) fn version(&self, version: &str) -> Name {
        Name::Market { of: self.clone(), version: version.to_owned() }
    }

    /// The path of its versions in a region.
    pub(super) fn path(&self, subscription: &str, region: &str) -> String {
        let Self { publisher, offer, sku } = self;
        format!(
            "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{region}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions"
        )
    }
}

/// `Canonical:ubuntu-24_04-lts:server`
impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.publisher, self.offer, self.sku)
    }
}

/// One image, or one version of an application.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Managed { subscription: String, group: String, name: String },
    Version { of: Definition, version: String },
    Market { of: Offer, version: String },
}

impl Name {
    /// The name that an id is.
    pub(super) fn of(image: &ImageRef) -> Option<Self> {
        Self::read(image.id().as_str())
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        match Source::read(text)? {
            Source::One(name) => Some(name),
            Source::Newest(_) | Source::NewestOffered(_) => None,
        }
    }

    /// Where it is read and written.
    pub(super) fn path(&self, azure: &Azure) -> String {
        match self {
            Self::Managed { subscription, group, name } => {
                format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/images/{name}")
            }
            Self::Version { of, version } => format!("{}/versions/{version}", of.path()),
            Self::Market { of, version } => format!("{}/{version}", of.path(azure.subscription(), azure.region())),
        }
    }

    /// Whether it is in this subscription.
    pub(super) fn is_ours(&self, azure: &Azure) -> bool {
        match self {
            Self::Managed { subscription, .. } | Self::Version { of: Definition { subscription, .. }, .. } => {
                subscription.eq_ignore_ascii_case(azure.subscription())
            }
            Self::Market { .. } => false,
        }
    }

    /// By what it is known: the same however it is written.
    pub(super) fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }
}

/// As ids are: `/subscriptions/…/galleries/acme/images/web/versions/1.2.0`, in lower case; `Canonical:ubuntu-24_04-lts:server:24.04.202601010`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = match self {
            Self::Managed { subscription, group, name } => {
                format!("/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.compute/images/{name}")
            }
            Self::Version { of, version } => format!("{}/versions/{version}", of.path()).to_ascii_lowercase(),
            Self::Market { of, version } => format!("{of}:{version}"),
        };
        f.write_str(&id)
    }
}

/// What somebody names: one, or what moves.
#[derive(Clone, Debug)]
pub(super) enum Source {
    One(Name),
    /// The latest version in a gallery.
    Newest(Definition),
    /// The latest version in the marketplace.
    NewestOffered(Offer),
}

impl Source {
    /// Reads an id of a resource, whatever its case, and what the marketplace is asked by: `publisher:offer:sku:version`. `latest` is no version.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let [publisher, offer, sku, version] = text.split(':').collect::<Vec<_>>()[..] {
            let plain = [publisher, offer, sku, version].into_iter().all(is_plain);
            let of = Offer { publisher: publisher.to_owned(), offer: offer.to_owned(), sku: sku.to_owned() };
            let moves = version.eq_ignore_ascii_case("latest");
            return plain.then(|| if moves { Self::NewestOffered(of) } else { Self::One(of.version(version)) });
        }
        let lower = text.to_ascii_lowercase();
        let rest = lower.strip_prefix("/subscriptions/")?;
        let (subscription, rest) = rest.split_once("/resourcegroups/")?;
        let (group, rest) = rest.split_once("/providers/microsoft.compute/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        if ![subscription, group].into_iter().chain(parts.iter().copied()).all(is_plain) {
            return None;
        }
        let (subscription, group) = (subscription.to_owned(), group.to_owned());
        let (gallery, kind, name, version) = match parts[..] {
            ["images", name] => {
                return Some(Self::One(Name::Managed { subscription, group, name: name.to_owned() }));
            }
            ["galleries", gallery, "images", name] => (gallery, Kind::Image, name, None),
            ["galleries", gallery, "images", name, "versions", version] => (gallery, Kind::Image, name, Some(version)),
            ["galleries", gallery, "applications", name] => (gallery, Kind::Application, name, None),
            ["galleries", gallery, "applications", name, "versions", version] => {
                (gallery, Kind::Application, name, Some(version))
            }
            _ => return None,
        };
        let of = Definition { subscription, group, gallery: gallery.to_owned(), kind, name: name.to_owned() };
        Some(match version.filter(|version| *version != "latest") {
            Some(version) => Self::One(of.version(version)),
            None => Self::Newest(of),
        })
    }
}

/// "Naming rules and restrictions for Azure resources": of all of these, and nothing that would mean something in a URL.
pub(super) fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.()".contains(c)) && !text.starts_with("..")
}

/// `West Europe` and `westeurope` are one region: the first is what people are shown.
pub(super) fn region(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}

/// The order of versions: by their numbers, first to last. "Store and share images in an Azure Compute Gallery": "the latest image is chosen based on the highest MajorVersion, then
/// MinorVersion, then Patch". What is no number comes before all numbers.
pub(super) fn rank(version: &str) -> Vec<Option<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GALLERY: &str = "/subscriptions/S/resourceGroups/Images/providers/Microsoft.Compute/galleries/Acme";

    #[test]
    fn one_image_is_known_by_its_id_whatever_its_case() {
        for kind in ["images", "applications"] {
            let id = format!("{GALLERY}/{kind}/Web/versions/1.2.0");
            let name = Name::read(&id).unwrap();
            assert_eq!(name.to_string(), id.to_ascii_lowercase());
            assert_eq!(name.key(), Name::read(&name.to_string()).unwrap().key());
        }
        let managed = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/Web-1";
        assert_eq!(Name::read(managed).unwrap().to_string(), managed.to_ascii_lowercase());
        let market = Name::read("Canonical:ubuntu-24_04-lts:server:24.04.1").unwrap();
        assert_eq!(market.to_string(), "Canonical:ubuntu-24_04-lts:server:24.04.1");
        assert_eq!(market.key(), Name::read("canonical:Ubuntu-24_04-lts:server:24.04.1").unwrap().key());
    }

    #[test]
    fn what_moves_is_told_apart() {
        for text in [format!("{GALLERY}/images/web"), format!("{GALLERY}/images/web/versions/Latest")] {
            assert!(
                matches!(Source::read(&text), Some(Source::Newest(of)) if of.kind == Kind::Image && of.name == "web"),
                "{text}"
            );
            assert!(Name::read(&text).is_none());
        }
        assert!(
            matches!(Source::read(&format!("{GALLERY}/applications/web")), Some(Source::Newest(of)) if of.kind == Kind::Application)
        );
        assert!(matches!(Source::read("Canonical:ubuntu:server:latest"), Some(Source::NewestOffered(of)) if of.sku == "server"));
    }

    #[test]
    fn what_is_no_name_is_not_read() {
        for wrong in [
            "",
            "web",
            "ami-1",
            "a:b:c",
            "a:b:c:",
            "a:b:c?x:1",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/a?b",
            "/subscriptions/s/resourceGroups/../providers/Microsoft.Compute/images/a",
            "/subscriptions//resourceGroups/g/providers/Microsoft.Compute/images/a",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/acme",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/acme/images/web/versions/",
        ] {
            assert!(Source::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let mut versions = ["1.10.0", "1.9.0", "24.04.202511130", "1.9.0-rc", "24.04.20241002", "1.2.30"];
        versions.sort_by_key(|version| rank(version));
        assert_eq!(versions, ["1.2.30", "1.9.0-rc", "1.9.0", "1.10.0", "24.04.20241002", "24.04.202511130"]);
        assert_eq!(region("West Europe"), region("westeurope"));
    }
}
