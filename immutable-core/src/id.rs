//! Identifiers. Each is its own type, so that one cannot be passed for another.

use std::fmt;
use std::sync::Arc;

/// Declares a cheap-to-clone string identifier.
macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(match text.rsplit_once('#') {
            None => Self::named(&*text),
            Some((name, incarnation)) => Self::named(name).incarnation(incarnation),
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

pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
