//! A cloud in memory, served to other processes on this machine, and what they reach it by: so several processes have one world, as they have with a real
//! cloud. Not part of a program of yours, which has its cloud's own client here.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::time::Clock;
use immutable_core::{Error, ErrorKind, MemoryCloud, Result};
use serde::de::DeserializeOwned;
use serde_json::value::Serializer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Ask, Failed, Hello, Look, Sent, TheDestroyed, TheEnsured, TheResized, TheTicketState};

type Answer = std::result::Result<serde_json::Value, Failed>;

/// What happens to a question between its arrival and the cloud.
#[async_trait]
pub(crate) trait Road: Send + Sync + 'static {
    /// Lets it pass, at once or later, or refuses it.
    async fn passes(&self, ask: &Ask) -> Result<()>;
}

/// Serves a cloud for as long as this is polled.
pub(crate) async fn serve(cloud: MemoryCloud, listener: TcpListener, road: Arc<dyn Road>) {
    // Whoever asks may be dead by the time it is done: it is done all the same.
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, cloud.clone(), road.clone()));
    }
}

async fn answer(stream: TcpStream, cloud: MemoryCloud, road: Arc<dyn Road>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // Of a question that was cut off nothing is done.
    let whole = stream.read_line(&mut line).await.is_ok() && line.ends_with('\n');
    let Some(ask) = whole.then(|| serde_json::from_str::<Ask>(&line).expect("it is a question")) else {
        return;
    };
    let told = async {
        road.passes(&ask).await?;
        told(&cloud, ask).await
    };
    let told = told.await.map_err(|error| Failed::from(&error));
    let told: Answer = told.map(|told| told.expect("it has a JSON form"));
    let told = serde_json::to_vec(&told).expect("it has a JSON form");
    drop(stream.write_all(&told).await);
}

async fn told(cloud: &MemoryCloud, ask: Ask) -> Result<serde_json::Result<serde_json::Value>> {
    let op = |Sent { fleet, op, epoch, .. }: Sent| Op::new(&fleet, op, epoch);
    Ok(match ask {
        Ask::Hello => serde_json::to_value(Hello::new(cloud.clock().now(), FleetProvider::capabilities(cloud))),
        Ask::Ensure(sent, spec) => TheEnsured::serialize(&cloud.ensure_generation(&op(sent), &spec).await?, Serializer),
        Ask::Resize(sent, resize) => TheResized::serialize(&cloud.resize(&op(sent), &resize).await?, Serializer),
        Ask::Upkeep(sent, generation, upkeep) => serde_json::to_value(cloud.set_upkeep(&op(sent), generation, upkeep).await?),
        Ask::Destroy(sent, generation) => {
            TheDestroyed::serialize(&cloud.destroy_generation(&op(sent), generation).await?, Serializer)
        }
        Ask::Follow(ticket) => TheTicketState::serialize(&cloud.follow(&ticket).await?, Serializer),
        Ask::Observe(fleet, known) => serde_json::to_value(Look::from(FleetProvider::observe(cloud, &fleet, &known).await?)),
    })
}

/// What the cloud says of itself.
pub(crate) async fn hello(at: SocketAddr) -> Result<Hello> {
    Ok(serde_json::from_value(ask(at, &Ask::Hello).await?).expect("it says hello"))
}

/// The cloud of another process.
#[derive(Debug)]
pub(crate) struct Far {
    at: SocketAddr,
    clock: Arc<dyn Clock>,
    capabilities: FleetCapabilities,
}

impl Far {
    /// The one that is served there and can do this; the clock says when something is sent.
    pub(crate) fn new(at: SocketAddr, clock: Arc<dyn Clock>, capabilities: FleetCapabilities) -> Self {
        Self { at, clock, capabilities }
    }

    fn sent(&self, op: &Op) -> Sent {
        Sent { fleet: op.fleet.clone(), op: op.id, epoch: op.epoch, at: self.clock.now() }
    }

    async fn ask<T: DeserializeOwned>(&self, question: &Ask) -> Result<T> {
        Ok(serde_json::from_value(ask(self.at, question).await?).expect("it is the answer"))
    }
}

async fn ask(at: SocketAddr, question: &Ask) -> Result<serde_json::Value> {
    let mut line = serde_json::to_vec(question).expect("it has a JSON form");
    line.push(b'\n');
    let told = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(&line).await?;
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await?;
        io::Result::Ok(told)
    };
    let told = told.await.map_err(|why| Error::new(ErrorKind::Unreachable, "the cloud is not there").with_source(why))?;
    let told: Answer = serde_json::from_slice(&told)
        .map_err(|why| Error::new(ErrorKind::Unreachable, "the answer is cut off").with_source(why))?;
    told.map_err(Error::from)
}

/// What is read of a type that has no JSON form of its own.
macro_rules! the {
    ($wire:ident of $told:expr) => {
        Ok($wire::deserialize($told).expect("it is the answer"))
    };
}

#[async_trait]
impl FleetProvider for Far {
    fn capabilities(&self) -> &FleetCapabilities {
        &self.capabilities
    }

    async fn preflight(&self, _: &GenerationSpec, _: u32) -> Result<Vec<Finding>> {
        Err(Error::invalid("who drives plans nothing"))
    }

    async fn inspect(&self, _: &NativeRef) -> Result<GenerationSpec> {
        Err(Error::invalid("who drives adopts nothing"))
    }

    async fn adopt(&self, _: &Op, _: &NativeRef, _: &GenerationSpec) -> Result<()> {
        Err(Error::invalid("who drives adopts nothing"))
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        the!(TheEnsured of ask(self.at, &Ask::Ensure(self.sent(op), Box::new(spec.clone()))).await?)
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        the!(TheResized of ask(self.at, &Ask::Resize(self.sent(op), resize.clone())).await?)
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.ask(&Ask::Upkeep(self.sent(op), generation, upkeep)).await
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        the!(TheDestroyed of ask(self.at, &Ask::Destroy(self.sent(op), generation)).await?)
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        the!(TheTicketState of ask(self.at, &Ask::Follow(ticket.clone())).await?)
    }

    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        self.ask::<Look>(&Ask::Observe(fleet.clone(), known.clone())).await.map(Observation::from)
    }
}
