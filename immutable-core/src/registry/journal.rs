use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::event::{self, Event};
use super::state::State;
use super::{Ancestor, ImageRegistry, Publication, RegistryView, Revoke, SetChannel, rules};
use crate::artifact::{Artifact, ArtifactName, Digest, sha256};
use crate::error::{Applied, Error, ErrorKind, Result};
use crate::id::{Actor, StreamId, WriteId};
use crate::journal::{After, Append, Appended, Journal};
use crate::time::{Clock, Timestamp};

/// Streams of this prefix, one an artifact's name.
const PREFIX: &str = "registry/";
/// How often a write is decided anew because another came first. Each time somebody else succeeded.
const RACES: usize = 64;
/// How often one write is sent while its fate is unknown.
const SENDS: u32 = 5;
/// How long it waits before it is sent the second time; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(50);
/// How many stream ids are listed at a time.
const PAGE: usize = 1000;

/// A registry in a journal: one stream an artifact's name, `registry/acmeinc/web`.
///
/// Any number of them, in any number of processes, may stand on one journal: every write is a compare-and-set on the stream's
/// version, and its rule is checked again whenever another write came first. It keeps what it has read, so that a
/// [`view`](ImageRegistry::view) reads only what is new.
pub struct JournalRegistry {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    read: Mutex<BTreeMap<ArtifactName, Arc<State>>>,
}

impl JournalRegistry {
    /// On a journal; the clock dates what is written and paces what is sent again.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock, read: Mutex::default() }
    }

    /// Brings what was read of a name up to date.
    async fn read(&self, name: &ArtifactName) -> Result<(Arc<State>, Timestamp)> {
        let as_of = self.clock.now();
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let mut state = known.unwrap_or_else(|| Arc::new(State::new(name.clone())));
        let stream = stream(name);
        let loaded = self.journal.as_ref().load(&stream, After::Version(state.head)).await?;
        if !loaded.records.is_empty() {
            let folded = Arc::make_mut(&mut state);
            for record in loaded.records {
                let position = folded.head.0 + 1;
                event::decode(&record)
                    .and_then(|(at, event)| folded.apply(at, event))
                    .map_err(|why| Error::new(ErrorKind::Corrupt, format!("record {position} of {stream} {why}")))?;
            }
        }
        if state.head != loaded.head {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("{stream} says that it has {} records, but {} were read", loaded.head, state.head),
            ));
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.get(name).is_none_or(|known| known.head < state.head) {
            read.insert(name.clone(), state.clone());
        }
        Ok((state, as_of))
    }

    /// Reads, lets a rule decide, writes; and all over again whenever another write came first.
    async fn write<T: Send>(
        &self,
        name: &ArtifactName,
        rule: impl Fn(&State) -> Result<(Option<Event>, T)> + Send + Sync,
    ) -> Result<T> {
        for _ in 0..RACES {
            let (state, now) = self.read(name).await.map_err(|error| error.with_applied(Applied::No))?;
            let (event, answer) = rule(&state)?;
            let Some(event) = event else {
                return Ok(answer);
            };
            // A history in which time goes backwards could not be read; clocks of several machines differ.
            let record = event::encode(now.max(state.last), &event)?;
            let stream = stream(name);
            let write = write_id(&stream, state.head.0, &record);
            match self.send(Append { stream, expected: state.head, write, records: vec![record] }).await? {
                Appended::Done(_) => return Ok(answer),
                Appended::Conflict(_) => {}
            }
        }
        Err(Error::new(
            ErrorKind::Busy,
            format!("{name} was changed by others {RACES} times while this change was being written; try again"),
        ))
    }

    /// Appends, and finds out whether it did: a write of unknown fate is read back and sent again under the same id, which writes it
    /// once at most. A conflict settles it too: its version is taken by another.
    async fn send(&self, append: Append) -> Result<Appended> {
        let mut pause = PAUSE;
        let mut sent = 1;
        loop {
            let error = match self.journal.append(append.clone()).await {
                Ok(appended) => return Ok(appended),
                // An earlier sending may still arrive, so "no" is an answer only to the first.
                Err(error) if error.applied() == Applied::No && sent == 1 => return Err(error),
                Err(error) => error,
            };
            if let Ok(Some(version)) = self.journal.wrote(&append.stream, append.write).await {
                return Ok(Appended::Done(version));
            }
            if sent == SENDS {
                return Err(error.with_applied(Applied::Unknown));
            }
            sent += 1;
            self.clock.sleep_until(self.clock.now() + pause).await;
            pause *= 2;
        }
    }
}

fn stream(name: &ArtifactName) -> StreamId {
    StreamId::new([PREFIX, name.as_str()].concat())
}

/// The same write, at the same version, has the same id.
fn write_id(stream: &StreamId, expected: u64, record: &[u8]) -> WriteId {
    let expected = expected.to_be_bytes();
    let digest = sha256(&[stream.as_str().as_bytes(), &[0], &expected, record].concat());
    let mut id = [0; 16];
    id.iter_mut().zip(digest).for_each(|(byte, from)| *byte = from);
    WriteId(id)
}

#[async_trait]
impl ImageRegistry for JournalRegistry {
    async fn publish(&self, artifact: &Artifact, by: &Actor) -> Result<Publication> {
        self.write(artifact.name(), |state| rules::publish(state, artifact, by)).await
    }

    async fn set_channel(&self, request: SetChannel) -> Result<()> {
        self.write(&request.name, |state| rules::set_channel(state, &request)).await
    }

    async fn revoke(&self, request: Revoke) -> Result<()> {
        self.write(&request.name, |state| rules::revoke(state, &request)).await
    }

    async fn view(&self, name: &ArtifactName) -> Result<RegistryView> {
        let (state, as_of) = self.read(name).await?;
        Ok(RegistryView::new(state, as_of))
    }

    async fn names(&self) -> Result<Vec<ArtifactName>> {
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let page = self.journal.list(PREFIX, after.as_ref(), PAGE).await?;
            for stream in &page {
                let name = stream.as_str().strip_prefix(PREFIX).unwrap_or_default();
                names.push(name.parse().map_err(|why| {
                    Error::new(ErrorKind::Corrupt, format!("{stream} is not the stream of an artifact's name: {why}"))
                })?);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(names),
            }
        }
    }

    async fn ancestry(&self, digest: Digest) -> Result<Vec<Ancestor>> {
        let mut states = Vec::new();
        for name in self.names().await? {
            states.push(self.read(&name).await?.0);
        }
        let find = |digest: Digest| Ancestor {
            digest,
            entries: states.iter().flat_map(|state| state.of_digest(digest)).cloned().collect(),
        };
        let first = find(digest);
        if first.entries.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("{digest} is published under none of {} names", states.len())));
        }
        // A digest covers its base's, so the chain cannot close on itself.
        let base = |ancestor: &Ancestor| ancestor.entries.first().and_then(|entry| entry.artifact.provenance().base).map(find);
        Ok(std::iter::successors(Some(first), base).collect())
    }
}

impl fmt::Debug for JournalRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalRegistry").field("clock", &self.clock).finish_non_exhaustive()
    }
}
