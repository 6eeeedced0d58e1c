//! The one error type of this crate and of every port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

/// What this crate's calls return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, whether the call may have taken effect, and whether to try again.
///
/// The message names the thing, what is wrong with it and what would be right; the source, if any, is the next link of the chain.
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    applied: Applied,
    retry: Retry,
    message: String,
    operation: Option<&'static str>,
    place: Option<Arc<str>>,
    resource: Option<Arc<str>>,
    found: Option<u32>,
    echo_until: Option<Timestamp>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller sent too many requests.
    Throttled,
    /// What was just made cannot be read yet.
    NotYetVisible,
    /// There is no such thing.
    NotFound,
    /// It is not in the state that the call expected: another size, another stream version.
    Conflict,
    /// The name belongs to something else.
    Taken,
    /// It is being changed by something else now.
    Busy,
    /// The provider has no machine to give.
    Capacity,
    /// The account may not have more.
    Quota,
    /// The caller may not do this.
    Denied,
    /// The request can never work as it is.
    Invalid,
    /// A token's result is no longer known.
    TokenSpent,
    /// A token was used with other parameters before.
    TokenMismatch,
    /// No answer.
    Unreachable,
    /// What was planned is no longer what is.
    Stale,
    /// Another owner has claimed the fleet.
    Fenced,
    /// Stored data cannot be read, or contradicts itself.
    Corrupt,
    /// Anything else, a provider's own fault included.
    Internal,
}

/// Whether a failed call took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It did not, and never will.
    No,
    /// It did.
    Yes,
    /// It may have, or may yet.
    Unknown,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same call can never succeed.
    Never,
    /// Later, with growing pauses.
    Backoff,
    /// After this long.
    After(Duration),
}

impl Error {
    /// An error of a kind, with what that kind implies: [`Unreachable`](ErrorKind::Unreachable) and
    /// [`Internal`](ErrorKind::Internal) may have been applied, no other was; throttles and passing states may be tried again.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        use ErrorKind::*;
        let applied = match kind {
            Unreachable | Internal => Applied::Unknown,
            _ => Applied::No,
        };
        let retry = match kind {
            Throttled | NotYetVisible | Busy | Capacity | Quota | Unreachable | Internal => Retry::Backoff,
            _ => Retry::Never,
        };
        Self(Box::new(Inner {
            kind,
            applied,
            retry,
            message: message.into(),
            operation: None,
            place: None,
            resource: None,
            found: None,
            echo_until: None,
            source: None,
        }))
    }

    /// Something the caller gave can never work.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// States whether the call took effect.
    #[must_use]
    pub fn with_applied(mut self, applied: Applied) -> Self {
        self.0.applied = applied;
        self
    }

    /// States whether to try again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Names the operation: `"resize"`.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = Some(operation);
        self
    }

    /// Names the place: `aws/123456789012/us-east-1`.
    #[must_use]
    pub fn with_place(mut self, place: impl fmt::Display) -> Self {
        self.0.place = Some(place.to_string().into());
        self
    }

    /// Names the resource.
    #[must_use]
    pub fn with_resource(mut self, resource: impl Into<Arc<str>>) -> Self {
        self.0.resource = Some(resource.into());
        self
    }

    /// Of a conflict over a size: the size found.
    #[must_use]
    pub fn with_found(mut self, size: u32) -> Self {
        self.0.found = Some(size);
        self
    }

    /// Until when a copy of this call may still arrive and take effect.
    #[must_use]
    pub fn with_echo_until(mut self, until: Timestamp) -> Self {
        self.0.echo_until = Some(until);
        self
    }

    /// What caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the call took effect.
    pub fn applied(&self) -> Applied {
        self.0.applied
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The operation that failed, if it was a provider's or a journal's.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The place it failed in.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// The resource it was about.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// Of a conflict over a size: the size found.
    pub fn found(&self) -> Option<u32> {
        self.0.found
    }

    /// Until when a copy of the call may still arrive and take effect.
    pub fn echo_until(&self) -> Option<Timestamp> {
        self.0.echo_until
    }

    /// The message, without operation, place and resource.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}")?;
            if let Some(resource) = &self.0.resource {
                write!(f, " of {resource}")?;
            }
            if let Some(place) = &self.0.place {
                write!(f, " in {place}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Leaf errors of parsing: the text is wrong, nothing was done.
macro_rules! from_leaf {
    ($($leaf:ty),* $(,)?) => { $(
        impl From<$leaf> for $crate::Error {
            fn from(error: $leaf) -> Self {
                Self::invalid(error.to_string())
            }
        }
    )* };
}
pub(crate) use from_leaf;

from_leaf!(crate::time::TimestampError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_stays_one_word() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn it_reads_as_a_sentence_and_keeps_its_source_apart() {
        let error = Error::new(ErrorKind::Conflict, "size is 5, expected 4; plan again")
            .with_operation("resize")
            .with_resource("web-0002")
            .with_place("memory/local/local")
            .with_source("412");
        assert_eq!(error.to_string(), "resize of web-0002 in memory/local/local: size is 5, expected 4; plan again");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "412");
        assert_eq!(error.applied(), Applied::No);
    }
}
