//! SHA-256 digests, and the canonical JSON that they are taken of.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result, from_leaf};
use crate::id::{read_hex, read_text, write_hex};

/// A SHA-256 digest. In text `sha256:` and 64 hexadecimal digits; `{:#}` shortens it to 12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }

    /// The digest of a value's canonical JSON.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) if the value has no JSON form.
    pub fn of_json(value: &impl serde::Serialize) -> Result<Self> {
        Ok(Self::of(canonical_json(value)?.as_bytes()))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// JSON with sorted keys and no white space: equal values give equal text, whatever features serde_json was built with.
pub(crate) fn canonical_json(value: &impl serde::Serialize) -> Result<String> {
    let no_form = |source| Error::invalid("the value has no JSON form").with_source(source);
    let mut value = serde_json::to_value(value).map_err(no_form)?;
    value.sort_all_objects();
    serde_json::to_string(&value).map_err(no_form)
}

/// The text was not a digest.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{text}` is not a digest; write it as sha256: and 64 hexadecimal digits")]
pub struct DigestError {
    text: String,
}
from_leaf!(DigestError);

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let bytes = text.strip_prefix("sha256:").and_then(read_hex);
        bytes.map(Self).ok_or_else(|| DigestError { text: text.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        let (short, rest) = self.0.split_at(6);
        write_hex(f, short)?;
        if f.alternate() { Ok(()) } else { write_hex(f, rest) }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_is_sha256_and_survives_its_text() {
        let digest = Digest::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(format!("{digest:#}"), "sha256:ba7816bf8f01");
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        for wrong in ["", "sha256:", "sha256:zz", &text[..70], &text.replace("sha256", "md5"), &text.replace('b', "+")] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn canonical_json_sorts_keys_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"\n"}],"a":null}"#).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), r#"{"a":null,"b":[{"a":"\n","z":1}]}"#);
    }
}
