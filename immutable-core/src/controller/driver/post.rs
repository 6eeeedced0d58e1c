//! On whose behalf a rollout is driven.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use crate::controller::lease::Lease;
use crate::id::StreamVersion;

/// On whose behalf a rollout is driven.
#[derive(Clone)]
pub(in crate::controller) enum Post {
    /// Of whoever asked for it, whoever drove it before.
    Alone,
    /// Of a worker: by its lease, until it leaves, if nobody has written to the fleet's stream since the version by which it was judged.
    Worker(Hire),
}

/// What a worker drives a rollout by.
#[derive(Clone)]
pub(in crate::controller) struct Hire {
    pub(in crate::controller) lease: Lease,
    pub(in crate::controller) leaves: watch::Receiver<bool>,
    /// The version of the fleet's stream by which it was judged.
    pub(in crate::controller) judged: StreamVersion,
    /// Whether nothing moves for now: it is paused, or waits at a gate.
    pub(in crate::controller) rests: Arc<AtomicBool>,
}
