//! Names and versions of artifacts.

use std::fmt;
use std::sync::Arc;

use crate::error::{Result, from_leaf};
use crate::id::read_text;

/// An artifact's name: lower-case parts joined by `/`, such as `acmeinc/web`; up to 200 characters.
///
/// A part begins with a letter or digit and goes on with letters, digits, `.`, `_` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName(Arc<str>);

impl ArtifactName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text was not an artifact's name.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "`{text}` is not an artifact's name; use lower-case letters, digits, `.`, `_`, `-` in parts joined by `/`, as in acmeinc/web"
)]
pub struct NameError {
    text: String,
}

impl std::str::FromStr for ArtifactName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let part = |part: &str| part.starts_with(plain) && part.chars().all(|c| plain(c) || ".-_".contains(c));
        if text.len() <= 200 && text.split('/').all(part) {
            Ok(Self(text.into()))
        } else {
            Err(NameError { text: text.to_owned() })
        }
    }
}

/// A semantic version, <https://semver.org>.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

impl Version {
    /// Whether it is a pre-release, as `1.2.0-rc.1` is.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// Whether it meets a requirement such as `^1.2`. Of pre-releases only those that the requirement names by
    /// `major.minor.patch-pre` can.
    pub fn matches(&self, requirement: &Requirement) -> bool {
        requirement.0.matches(&self.0)
    }
}

/// The text was not a semantic version.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a semantic version: {why}; write it as 1.2.0")]
pub struct VersionError {
    text: String,
    why: String,
}

impl std::str::FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        match semver::Version::parse(text) {
            Ok(version) => Ok(Self(version)),
            Err(why) => Err(VersionError { text: text.to_owned(), why: why.to_string() }),
        }
    }
}

/// What a version must meet: `^1.2`, `>=1.2.0, <2.0.0`, `*`. A bare `1.2` means `^1.2`; pre-releases are met only where one is named.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Requirement(semver::VersionReq);

/// The text was not a requirement.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a version requirement: {why}; write it as ^1.2 or >=1.2.0, <2.0.0")]
pub struct RequirementError {
    text: String,
    why: String,
}

impl std::str::FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        match semver::VersionReq::parse(text) {
            Ok(requirement) => Ok(Self(requirement)),
            Err(why) => Err(RequirementError { text: text.to_owned(), why: why.to_string() }),
        }
    }
}

from_leaf!(NameError, VersionError, RequirementError);

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer, str::parse)
            }
        }
    )* };
}
as_text!(ArtifactName, Version, Requirement);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_paths() {
        for right in ["web", "acmeinc/web", "a/b.c_d-e/0"] {
            assert_eq!(right.parse::<ArtifactName>().unwrap().as_str(), right);
        }
        for wrong in ["", "/web", "web/", "a//b", "Web", "a b", "-web", &"a".repeat(201)] {
            assert!(wrong.parse::<ArtifactName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        assert!("1.10.0".parse::<Version>().unwrap() > "1.9.0".parse().unwrap());
        assert!("1.0.0-rc.1".parse::<Version>().unwrap().is_prerelease());
        let error = "v1".parse::<Version>().unwrap_err().to_string();
        assert!(error.starts_with("`v1` is not a semantic version"), "{error}");
    }

    #[test]
    fn requirements_take_prereleases_only_where_they_name_one() {
        let meets = |version: &str, requirement: &str| {
            version.parse::<Version>().unwrap().matches(&requirement.parse::<Requirement>().unwrap())
        };
        assert!(meets("1.3.0", "^1.2"));
        assert!(!meets("2.0.0", "1.2"));
        assert!(!meets("1.3.0-rc.1", "*"));
        assert!(meets("1.3.0-rc.1", ">=1.3.0-rc.0, <2.0.0"));
        let error = "latest".parse::<Requirement>().unwrap_err().to_string();
        assert!(error.ends_with("write it as ^1.2 or >=1.2.0, <2.0.0"), "{error}");
    }
}
