//! Which answers can say that a copy of their call is still on its way.

use crate::fleet::{Destroyed, Ensured, Resized, Routed};
use crate::journal::Appended;
use crate::provider::{Deleted, Replica};
use crate::time::Timestamp;

/// Where an answer says that a copy of its call is still on its way.
pub(super) enum Echo<'a> {
    /// There.
    Said(&'a mut Option<Timestamp>),
    /// Nowhere, and such a copy could do harm.
    Unsaid,
    /// Nowhere, and no copy could do harm.
    Harmless,
}

pub(super) trait Answer: Send + 'static {
    fn echo(&mut self) -> Echo<'_>;
}

impl Answer for Resized {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Said(&mut self.echo_until)
    }
}

impl Answer for Routed {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Said(&mut self.echo_until)
    }
}

impl Answer for Ensured {
    fn echo(&mut self) -> Echo<'_> {
        match self {
            Self::Created { echo_until, .. } => Echo::Said(echo_until),
            // A copy that arrives after the generation was destroyed would make it again.
            Self::AlreadyOurs => Echo::Unsaid,
        }
    }
}

/// Ordinals are never reused: there is nothing that a second destroy could hit.
impl Answer for Destroyed {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Harmless
    }
}

/// A copy that arrives after the replica was deleted would make it again.
impl Answer for Replica {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Unsaid
    }
}

/// Some clouds let a deleted image's name be used again: a copy would hit what has it then.
impl Answer for Deleted {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Unsaid
    }
}

/// A write id is written once, and only at its version.
impl Answer for Appended {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Harmless
    }
}

/// Of a call that sets something which may have been set otherwise since.
pub(super) struct Set;

impl Answer for Set {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Unsaid
    }
}

/// Of a call that can be done again at any time.
impl Answer for () {
    fn echo(&mut self) -> Echo<'_> {
        Echo::Harmless
    }
}
