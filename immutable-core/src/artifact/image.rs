//! Where an artifact exists as a launchable image.

use std::fmt;
use std::sync::Arc;

use crate::error::{Result, from_leaf};
use crate::id::{ImageId, read_text};

/// One account's part of one region of one provider: `aws/123456789012/us-east-1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    provider: Arc<str>,
    scope: Arc<str>,
    region: Arc<str>,
}

impl Place {
    /// A place by its three parts; `scope` is the account, subscription or project.
    ///
    /// # Errors
    /// If a part is empty or has a `/` or white space in it.
    pub fn new(provider: &str, scope: &str, region: &str) -> Result<Self, PlaceError> {
        let wrong = |part: &str| part.is_empty() || part.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        if [provider, scope, region].into_iter().any(wrong) {
            return Err(PlaceError { text: format!("{provider}/{scope}/{region}") });
        }
        Ok(Self { provider: provider.into(), scope: scope.into(), region: region.into() })
    }

    /// Where the in-memory cloud is if nobody says otherwise: `memory/local/local`.
    pub(crate) fn memory() -> Self {
        Self { provider: "memory".into(), scope: "local".into(), region: "local".into() }
    }

    /// `aws`, `azure`, `gcp`, `memory`, or a name of your own.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The account, subscription or project.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The region; `global` for what is in all of them.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether what is here can be used there: it is the same place, or the region `global` of the same account.
    pub fn serves(&self, place: &Self) -> bool {
        self.provider == place.provider && self.scope == place.scope && [&*place.region, "global"].contains(&&*self.region)
    }
}

/// The text was not a place.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a place; write it as provider/scope/region, as in aws/123456789012/us-east-1")]
pub struct PlaceError {
    text: String,
}
from_leaf!(PlaceError);

impl std::str::FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(provider), Some(scope), Some(region), None) => Self::new(provider, scope, region),
            _ => Err(PlaceError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        [&self.provider, "/", &self.scope, "/", &self.region].into_iter().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, str::parse)
    }
}

/// A launchable image in a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "Written")]
pub struct ImageRef {
    place: Place,
    id: ImageId,
}

impl ImageRef {
    /// The image that the place knows by this id. Ids of Azure's resources are its whatever their case: here they are in lower case, so that one image has one id.
    pub fn new(place: Place, id: impl Into<Arc<str>>) -> Self {
        let id: Arc<str> = id.into();
        let id = if place.provider() == "azure" && id.starts_with('/') { id.to_ascii_lowercase().into() } else { id };
        Self { place, id: ImageId::new(id) }
    }

    /// Where.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the place calls it.
    pub fn id(&self) -> &ImageId {
        &self.id
    }
}

/// As it was written, perhaps by hand.
#[derive(serde::Deserialize)]
struct Written {
    place: Place,
    id: ImageId,
}

impl From<Written> for ImageRef {
    fn from(Written { place, id }: Written) -> Self {
        Self::new(place, id.as_str())
    }
}

/// `ami-87121651a2817ca72 in aws/123456789012/us-east-1`
impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.id, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_image_has_one_id() {
        let place = |provider| Place::new(provider, "5ub", "westeurope").unwrap();
        let id = "/subscriptions/5ub/resourceGroups/g/providers/Microsoft.Compute/images/Web";
        let azure = ImageRef::new(place("azure"), id);
        assert_eq!(azure.id().as_str(), id.to_lowercase());
        let written = serde_json::json!({ "place": "azure/5ub/westeurope", "id": id });
        assert_eq!(serde_json::from_value::<ImageRef>(written).unwrap(), azure);
        for (provider, id) in [("azure", "Canonical:ubuntu:server:24.04.1"), ("gcp", "/Web")] {
            assert_eq!(ImageRef::new(place(provider), id).id().as_str(), id);
        }
    }

    #[test]
    fn a_place_survives_its_text() {
        let place: Place = "aws/123456789012/us-east-1".parse().unwrap();
        assert_eq!(place.scope(), "123456789012");
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        for wrong in ["", "aws", "aws//us-east-1", "aws/1/us east", "aws/1/2/3"] {
            let error = wrong.parse::<Place>().unwrap_err().to_string();
            assert!(error.contains("provider/scope/region"), "{error}");
        }
    }
}
