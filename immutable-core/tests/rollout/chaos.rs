//! What happens to a rollout while it is driven: machines die, views lack something, and whoever drives it is gone.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};
use immutable_core::fleet::FleetId;
use immutable_core::memory::MemoryCloud;
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, Outcome};

use super::world::{Drop, Fog};

/// Machines die, each at its time.
pub(super) async fn kill(cloud: &MemoryCloud, clock: &VirtualClock, fleet: &FleetId, kills: &[(u64, usize)]) {
    let start = clock.now();
    let mut kills = kills.to_vec();
    kills.sort_unstable();
    for (at, which) in kills {
        clock.sleep_until(start + Duration::from_secs(at)).await;
        let machines = cloud.instances(fleet);
        if !machines.is_empty() {
            cloud.kill(&machines[which % machines.len()].key.name).unwrap();
        }
    }
    std::future::pending::<()>().await;
}

/// Views lack something, each time for a while.
pub(super) async fn fogs(cloud: &MemoryCloud, clock: &VirtualClock, new: &Artifact, fogs: &[(u64, u64, Fog)]) {
    let start = clock.now();
    let mut fogs = fogs.to_vec();
    fogs.sort_unstable_by_key(|(at, ..)| *at);
    for (at, seconds, fog) in fogs {
        clock.sleep_until(start + Duration::from_secs(at)).await;
        let long = Duration::from_secs(seconds);
        match fog {
            Fog::Health => cloud.black_out(long),
            Fog::NewHealth => cloud.black_out_of(new, long),
            Fog::Half => cloud.partial_views("fog", long),
            Fog::Zone => cloud.silence("b", long).unwrap(),
        }
    }
    std::future::pending::<()>().await;
}

/// Drives, and at each drop lets another controller carry on.
pub(super) async fn drive(
    cloud: &MemoryCloud,
    clock: &VirtualClock,
    first: immutable_core::Rollout,
    drops: &[Drop],
) -> immutable_core::Result<Outcome> {
    let fleet = first.fleet().clone();
    let mut rollout = first.clone();
    for drop in drops {
        let outcome = match drop {
            Drop::Seconds(seconds) => {
                let until = clock.sleep_until(clock.now() + Duration::from_secs(u64::from(*seconds)));
                match select(pin!(rollout.drive()), until).await {
                    Either::Left((outcome, _)) => Some(outcome),
                    Either::Right(_) => None,
                }
            }
            Drop::Polls(polls) => at_most(*polls, rollout.drive()).await,
        };
        if let Some(outcome) = outcome {
            return outcome;
        }
        let other: Controller = cloud.controller();
        match other.rollout(&fleet).await? {
            Some(running) => rollout = running,
            None => break, // it had just ended
        }
    }
    rollout.drive().await
}

/// Polls a future so often, then drops it.
async fn at_most<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // Polled again in any case, so that it is dropped here and not at its next waking.
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Every stream of a cloud's journal, as bytes.
pub(super) async fn journal_of(cloud: &MemoryCloud) -> Vec<(String, Vec<u8>)> {
    use immutable_core::id::StreamVersion;
    use immutable_core::journal::{After, Journal};
    let journal = cloud.journal();
    let mut streams = Vec::new();
    for stream in journal.list("", None, 1000).await.unwrap() {
        let loaded = journal.load(&stream, After::Version(StreamVersion(0))).await.unwrap();
        let bytes = loaded.records.iter().flat_map(|record| record.iter().copied().chain([b'\n'])).collect();
        streams.push((stream.to_string(), bytes));
    }
    streams
}
