//! Identifiers. Each is its own type, so that one cannot be passed for another.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Declares a cheap-to-clone string identifier.
macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer, |text| Ok::<_, fmt::Error>(Self::new(text)))
            }
        }

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    )* };
}

string_ids! {
    /// An image as its cloud names it: an AMI id, a gallery version, an image URL.
    ImageId,
    /// A name of a base image that moves, in its cloud's own words: an SSM parameter, `owner:name*`, `project/family`,
    /// `publisher:offer:sku`. Which there are, the cloud's catalog says.
    BaseQuery,
    /// A failure domain inside a region.
    Zone,
    /// What a health verdict comes from: `"boot"`, `"elb"`, `"consul"`.
    SourceId,
    /// A load balancer's pool, as its cloud names it.
    PoolId,
    /// A stream of the journal, such as `fleet/aws/123456789012/us-east-1/web`.
    StreamId,
    /// Who decided something: a person, a pipeline.
    Actor,
    /// Whoever drives a fleet: a process, by a name that differs from every other's.
    OwnerId,
    /// A machine's name as its cloud gives it. Clouds reuse names: see [`Incarnation`].
    InstanceName,
    /// What tells a machine from an earlier one of the same name.
    Incarnation,
    /// A cloud's own name of a thing that is not, or not yet, ours.
    NativeRef,
}

/// One member of a group: a name that its cloud may use again, and the incarnation that makes it unique.
///
/// Where a cloud never reuses names (EC2) the incarnation is `None`. In text it is `name` or `name#incarnation`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct InstanceKey {
    /// The cloud's name.
    pub name: InstanceName,
    /// Which machine of that name.
    pub incarnation: Option<Incarnation>,
}

impl InstanceKey {
    /// A key of a cloud that never reuses names.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: InstanceName::new(name), incarnation: None }
    }

    /// Adds the incarnation.
    #[must_use]
    pub fn incarnation(mut self, incarnation: impl Into<Arc<str>>) -> Self {
        self.incarnation = Some(Incarnation::new(incarnation));
        self
    }
}

/// By name, then by incarnation. Keys that share their text are equal without a look at it: views and states share theirs, and a large
/// fleet is compared at every look.
impl Ord for InstanceKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.incarnation, &other.incarnation) {
            (Some(one), Some(two)) if Arc::ptr_eq(&self.name.0, &other.name.0) && Arc::ptr_eq(&one.0, &two.0) => Ordering::Equal,
            (None, None) if Arc::ptr_eq(&self.name.0, &other.name.0) => Ordering::Equal,
            (one, two) => self.name.cmp(&other.name).then_with(|| one.cmp(two)),
        }
    }
}

impl PartialOrd for InstanceKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.incarnation {
            None => write!(f, "{}", self.name),
            Some(incarnation) => write!(f, "{}#{incarnation}", self.name),
        }
    }
}

impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for InstanceKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for InstanceKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| {
            Ok::<_, fmt::Error>(match text.rsplit_once('#') {
                None => Self::named(text),
                Some((name, incarnation)) => Self::named(name).incarnation(incarnation),
            })
        })
    }
}

/// Declares an identifier that is a number.
macro_rules! number_ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty)),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )* };
}

number_ids! {
    /// How many records a stream holds: the version after its `n`th record is `n`, of an empty stream 0.
    StreamVersion(u64),
    /// How often a fleet has been claimed. Records of an earlier epoch than the last claim's are illegal.
    Epoch(u64),
    /// An owed call, numbered within its fleet.
    OpId(u64),
    /// A rollout, numbered within its fleet.
    RolloutId(u32),
    /// A step of a strategy, counted from 0.
    StepIx(u16),
}

/// The id of one write. The same id again means the same write, sent again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub [u8; 16]);

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// Two lower-case digits a byte.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let digits: Vec<u8> = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
}

/// Reads so many bytes from two digits each, upper or lower case; `None` if it is anything else.
pub(crate) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Deserializes what is written as text, without a copy of it.
pub(crate) fn read_text<'de, D: serde::Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    struct Reader<F>(F);

    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> serde::de::Visitor<'_> for Reader<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<X: serde::de::Error>(self, text: &str) -> Result<T, X> {
            (self.0)(text).map_err(X::custom)
        }
    }
    deserializer.deserialize_str(Reader(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_key_survives_its_text() {
        for key in [InstanceKey::named("i-1"), InstanceKey::named("web-7").incarnation("42")] {
            let text = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<InstanceKey>(&text).unwrap(), key, "{text}");
        }
    }
}
