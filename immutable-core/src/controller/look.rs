//! One look: the provider's view of a fleet, the registry's word on its artifacts, and the inbox, all at once.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, join5, poll_fn, select};

use super::{Controller, unlaunchable};
use crate::artifact::{ArtifactName, Digest};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{Fleet, GenerationSpec, Observation, TrafficSeen};
use crate::id::StreamVersion;
use crate::journal::{After, Journal, Record};
use crate::provider::{ImageCatalog, Provider};
use crate::registry::{ImageRegistry, Status};
use crate::rollout::{Facts, FleetState, Plan};
use crate::time::{Clock, Timestamp};

/// How often the registry is asked again at the most.
const FACTS_LAST: Duration = Duration::from_secs(20);

/// What one look brought. Each part may be missing: a silent provider must not keep a command from being heard.
pub(super) struct Look {
    pub(super) fleet: Result<Observation>,
    pub(super) inbox: Result<Vec<(StreamVersion, Record)>>,
    pub(super) facts: Result<Facts>,
    /// Of a fleet that gets its requests from a pool.
    pub(super) pool: Result<Option<TrafficSeen>>,
    /// What is said of its size, of a fleet that follows somebody.
    pub(super) size: Option<u32>,
}

/// Begins a look, asked for now. What it needs of the state it takes with it.
pub(super) fn look(
    controller: &Controller,
    provider: &Provider,
    state: &FleetState,
    known: Option<&Facts>,
    asked: Timestamp,
) -> impl Future<Output = Look> + Send + 'static {
    let (fleet, groups, inbox) = (state.fleet().clone(), state.known_groups(), state.inbox_read());
    let known = known.filter(|facts| asked.since(facts.as_of) < FACTS_LAST).cloned();
    let names = if known.is_some() { BTreeMap::new() } else { artifacts(state) };
    let Controller { clock, journal, registry, call_timeout, .. } = controller;
    let (clock, journal, registry, fleets) = (clock.clone(), journal.clone(), registry.clone(), provider.fleets.clone());
    let (traffic, images) = (provider.traffic.clone(), provider.images.clone());
    let baseline = state.rollout().and_then(|rollout| rollout.baseline.as_ref()).filter(|_| known.is_none());
    let specs: Vec<_> = baseline.map(|proven| proven.spec.clone()).into_iter().collect();
    let terms = state.rollout().map(|rollout| &*rollout.plan).or(state.kept()).map(Plan::fleet);
    let pool = terms.and_then(Fleet::traffic_pool).cloned();
    let source = terms.and_then(Fleet::follows_whom).and_then(|follows| controller.sizes.get(&follows.source)).cloned();
    let until = clock.now() + *call_timeout;
    async move {
        let stream = fleet.inbox();
        let observed = in_time(&*clock, until, fleets.observe(&fleet, &groups));
        let heard = in_time(&*clock, until, journal.load(&stream, After::Version(inbox)));
        let facts = in_time(&*clock, until, async {
            match known {
                Some(facts) => Ok(facts),
                None => {
                    Ok(Facts { unlaunchable: lost(images.as_deref(), &specs).await, ..facts(&*registry, &names, asked).await? })
                }
            }
        });
        let pool = in_time(&*clock, until, async {
            match (&pool, &traffic) {
                (Some(pool), Some(traffic)) => traffic.observe(pool).await.map(Some),
                _ => Ok(None),
            }
        });
        let size = in_time(&*clock, until, async {
            match &source {
                Some(source) => source.desired(&fleet).await.map(Some),
                None => Ok(None),
            }
        });
        // One alarm for all five.
        let all = pin!(join5(observed, heard, facts, pool, size));
        let (seen, heard, facts, pool, size) = match select(clock.sleep_until(until), all).await {
            Either::Left(((), late)) => late.await,
            Either::Right((read, _)) => read,
        };
        let numbered = |records: Vec<Record>| {
            records.into_iter().zip(inbox.0 + 1..).map(|(record, version)| (StreamVersion(version), record))
        };
        let size = size.inspect_err(|error| tracing::debug!(%error, %fleet, "nothing was heard of its size")).unwrap_or_default();
        Look { fleet: seen, inbox: heard.map(|heard| numbered(heard.records).collect()), facts, pool, size }
    }
}

/// The artifacts whose standing matters: the wanted one and the baseline's.
fn artifacts(state: &FleetState) -> BTreeMap<ArtifactName, BTreeSet<Digest>> {
    let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    if let Some(rollout) = state.rollout() {
        names.entry(rollout.plan.to().name.clone()).or_default().insert(rollout.plan.to().digest);
        if let Some(baseline) = &rollout.baseline {
            names.entry(baseline.spec.name.clone()).or_default().insert(baseline.spec.release.artifact);
        }
    }
    names
}

/// What cannot be launched any more of these, if the place says so: its silence changes nothing.
async fn lost(images: Option<&dyn ImageCatalog>, specs: &[Arc<GenerationSpec>]) -> BTreeMap<Digest, Arc<str>> {
    let wanted: Vec<_> = specs.iter().map(|spec| spec.image.clone()).collect();
    let seen = match images {
        Some(images) if !wanted.is_empty() => images.describe(&wanted).await,
        _ => return BTreeMap::new(),
    };
    let seen = seen.inspect_err(|error| tracing::debug!(%error, "nothing was heard of images")).unwrap_or_default();
    let lost = seen.into_iter().zip(specs).filter_map(|(seen, spec)| Some((spec.release.artifact, unlaunchable(seen)?)));
    lost.collect()
}

async fn facts(
    registry: &dyn ImageRegistry,
    names: &BTreeMap<ArtifactName, BTreeSet<Digest>>,
    asked: Timestamp,
) -> Result<Facts> {
    let mut facts = Facts { as_of: asked, ..Facts::default() };
    for (name, digests) in names {
        let view = registry.view(name).await?;
        for digest in digests {
            match view.status(*digest) {
                Status::Known { revoked: None } => {
                    facts.good.insert(*digest);
                }
                Status::Known { revoked: Some(revocation) } => {
                    facts.revoked.insert(*digest, Arc::from(revocation.why.as_ref()));
                }
                Status::Unknown => {}
            }
        }
    }
    Ok(facts)
}

/// What is read, if it is by then. Somebody else sees to it that this is polled then.
async fn in_time<T>(clock: &dyn Clock, until: Timestamp, read: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let mut read = pin!(read);
    let no_answer = || Error::new(ErrorKind::Unreachable, "no answer in time");
    poll_fn(|context| match read.as_mut().poll(context) {
        Poll::Pending if clock.now() >= until => Poll::Ready(Err(no_answer())),
        read => read,
    })
    .await
}
