//! Rules 9 and 14: what stands between the engine and the world, weakened.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Simulation, Weak};
use crate::error::{Applied, Error, Result};
use crate::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Ticket, TicketState, Upkeep,
};
use crate::id::{NativeRef, StreamId, StreamVersion, WriteId};
use crate::journal::{After, Append, Appended, Compact, Journal, Loaded};
use crate::provider::FleetProvider;

pub(super) fn weakened(simulation: impl Fn() -> Simulation) -> [Weak; 3] {
    let quiet = |port: Arc<dyn FleetProvider>| -> Arc<dyn FleetProvider> {
        let capabilities = FleetCapabilities { request_lifetime: Duration::ZERO, ..port.capabilities().clone() };
        Arc::new(Weakened { port, capabilities, how: How::NoEcho })
    };
    let stranger = |port: Arc<dyn FleetProvider>| -> Arc<dyn FleetProvider> {
        let capabilities = port.capabilities().clone();
        Arc::new(Weakened { port, capabilities, how: How::AnyName })
    };
    let mut behind = simulation();
    behind.journal = |journal| Arc::new(WriteBehind { journal, held: Mutex::default() });
    let change = |_: &mut super::Script| {};
    [
        Weak { name: "acts before it has appended", rule: 9, caught_by: "once", simulation: behind, change },
        Weak { name: "waits for no echo", rule: 9, caught_by: "once", simulation: simulation().provider(quiet), change },
        Weak {
            name: "makes what it never journaled",
            rule: 14,
            caught_by: "ours",
            simulation: simulation().provider(stranger),
            change,
        },
    ]
}

enum How {
    /// Says of no call that a copy of it may still arrive.
    NoEcho,
    /// Where a name is taken, takes the next.
    AnyName,
}

struct Weakened {
    port: Arc<dyn FleetProvider>,
    capabilities: FleetCapabilities,
    how: How,
}

impl Weakened {
    /// The same error, and not a word on copies of its call.
    fn forgets<T>(&self, answer: Result<T>, forget: impl FnOnce(&mut T)) -> Result<T> {
        let How::NoEcho = self.how else { return answer };
        match answer {
            Ok(mut done) => {
                forget(&mut done);
                Ok(done)
            }
            Err(error) => {
                let same = Error::new(error.kind(), error.message()).with_applied(error.applied()).with_retry(error.retry());
                let found = error.found().filter(|_| error.applied() == Applied::No);
                Err(match found {
                    Some(size) => same.with_found(size),
                    None => same,
                })
            }
        }
    }
}

#[async_trait]
impl FleetProvider for Weakened {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.port.preflight(spec, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.port.inspect(native).await
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        self.port.adopt(op, native, spec).await
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        let next = match self.how {
            How::AnyName => GenerationSpec { id: GenerationId(spec.id.0 + 1), ..spec.clone() },
            How::NoEcho => spec.clone(),
        };
        self.forgets(self.port.ensure_generation(op, &next).await, |ensured| {
            if let Ensured::Created { echo_until, .. } = ensured {
                *echo_until = None;
            }
        })
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        self.forgets(self.port.resize(op, resize).await, |resized| resized.echo_until = None)
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.forgets(self.port.set_upkeep(op, generation, upkeep).await, |()| {})
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.forgets(self.port.destroy_generation(op, generation).await, |_| {})
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.port.follow(ticket).await
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.port.observe(fleet, known).await
    }
}

/// Says that an append of calls is written, and writes it with the next one; a process that begins anew never sees it.
struct WriteBehind {
    journal: Arc<dyn Journal>,
    held: Mutex<Option<Append>>,
}

impl WriteBehind {
    fn held(&self) -> std::sync::MutexGuard<'_, Option<Append>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for WriteBehind {
    async fn load(&self, stream: &StreamId, after: After) -> Result<Loaded> {
        self.held().take_if(|held| held.stream == *stream);
        self.journal.load(stream, after).await
    }

    async fn append(&self, append: Append) -> Result<Appended> {
        let before = self.held().take_if(|held| held.stream == append.stream);
        if let Some(before) = before {
            self.journal.append(before).await?;
        }
        let calls = |record: &Arc<[u8]>| record.windows(8).any(|bytes| bytes == b"\"owed\":{");
        if append.records.iter().any(calls) {
            let head = StreamVersion(append.expected.0 + append.records.len() as u64);
            *self.held() = Some(append);
            return Ok(Appended::Done(head));
        }
        self.journal.append(append).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> Result<Option<StreamVersion>> {
        self.journal.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> Result<()> {
        self.journal.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.journal.list(prefix, after, limit).await
    }
}
