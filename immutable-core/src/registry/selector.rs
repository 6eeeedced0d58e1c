//! How an artifact is named by those who want one.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::artifact::{Digest, Requirement, Version};
use crate::error::{Error, Result, from_leaf};

/// A channel's name: up to 50 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter, such as `production`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text was not a channel's name.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "`{text}` is not a channel's name; use up to 50 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter, as in production"
)]
pub struct ChannelNameError {
    text: String,
}
from_leaf!(ChannelNameError);

impl std::str::FromStr for ChannelName {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 50 && text.chars().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(ChannelNameError { text: text.to_owned() })
        }
    }
}

impl TryFrom<String> for ChannelName {
    type Error = ChannelNameError;

    fn try_from(text: String) -> Result<Self, ChannelNameError> {
        text.parse()
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which artifact of a name: `1.2.0`, `^1.2`, `sha256:…` or `@production`.
///
/// In text a whole version is exactly that version; anything less, such as `1.2`, is a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Exactly this version.
    Version(Version),
    /// The highest version that meets a requirement and is not revoked.
    Requirement(Requirement),
    /// The one of this digest.
    Digest(Digest),
    /// The one that a channel points to.
    Channel(ChannelName),
}

impl std::str::FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(channel) = text.strip_prefix('@') {
            return Ok(Self::Channel(channel.parse()?));
        }
        if text.starts_with("sha256:") {
            return Ok(Self::Digest(text.parse()?));
        }
        if let Ok(version) = text.parse() {
            return Ok(Self::Version(version));
        }
        text.parse().map(Self::Requirement).map_err(|_| {
            Error::invalid(format!(
                "`{text}` selects no artifact; write a version (1.2.0), a requirement (^1.2), a digest (sha256:…) or a channel (@production)"
            ))
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Requirement(requirement) => requirement.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Channel(channel) => write!(f, "@{channel}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_survives_its_text() {
        let digest = Digest::of(b"web").to_string();
        for (text, kind) in
            [("1.2.0", "Version("), ("^1.2", "Requirement("), ("*", "Requirement("), (&digest, "Digest("), ("@a-b.c", "Channel(")]
        {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.to_string(), text);
            assert!(format!("{selector:?}").starts_with(kind), "{selector:?}");
        }
        assert!(matches!("1.2".parse().unwrap(), Selector::Requirement(_)));
    }

    #[test]
    fn what_selects_nothing_says_what_would() {
        let error = |text: &str| text.parse::<Selector>().unwrap_err().to_string();
        assert_eq!(
            error("latest"),
            "`latest` selects no artifact; write a version (1.2.0), a requirement (^1.2), a digest (sha256:…) or a channel (@production)"
        );
        assert_eq!(
            error("@Prod"),
            "`Prod` is not a channel's name; use up to 50 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter, as in production"
        );
        assert_eq!(error("sha256:1"), "`sha256:1` is not a digest; write it as sha256: and 64 hexadecimal digits");
        assert!(serde_json::from_str::<ChannelName>("\"a b\"").is_err());
    }
}
