//! The cloud, served to other processes on this machine, and what they reach it by.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Observation, Op, Resize,
    Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{Applied, Error, ErrorKind, MemoryCloud, Result};
use serde::de::DeserializeOwned;
use serde_json::value::Serializer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::Random;
use super::child::Broken;
use super::wire::{Ask, Failed, Hello, Look, Sent, TheDestroyed, TheEnsured, TheResized, TheTicketState};

/// What was sent longer ago than this is refused, as of a cloud that wants each request signed anew.
const SIGNED_FOR: Duration = Duration::from_secs(4);

/// How far the clock of whoever sends should lag behind at the most.
const LAG: Duration = Duration::from_millis(500);

/// For how many milliseconds a call is held up on its way, as every other is.
const HELD_UP: Range<u32> = 4_000..12_000;

/// The most that the cloud itself takes for a call.
pub(crate) const LATENCY: Duration = Duration::from_millis(500);

/// What no call outlives that was sent: what it may be old, held up and worked on.
pub(crate) const LIFETIME: Duration = Duration::from_secs(17);

type Answer = std::result::Result<serde_json::Value, Failed>;

/// A cloud that other processes reach, until this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) at: SocketAddr,
    /// Hears of each call that would change something, when it arrives.
    pub(crate) calls: mpsc::Receiver<()>,
    _ends: oneshot::Sender<()>,
}

impl Served {
    pub(crate) fn new(cloud: &MemoryCloud, factor: u32, mut random: Random) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let (sender, calls) = mpsc::channel();
        let (ends, ended) = oneshot::channel();
        let cloud = cloud.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("it is non-blocking");
                let serves = async {
                    // Whoever asks may be dead by the time it is done: it is done all the same.
                    while let Ok((stream, _)) = listener.accept().await {
                        let held_up = if random.below(2) == 0 { random.millis(HELD_UP) } else { Duration::ZERO };
                        tokio::spawn(answer(stream, cloud.clone(), factor, sender.clone(), held_up));
                    }
                };
                tokio::select! {
                    () = serves => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { at, calls, _ends: ends })
    }
}

async fn answer(stream: TcpStream, cloud: MemoryCloud, factor: u32, calls: mpsc::Sender<()>, held_up: Duration) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // Of a question that was cut off nothing is done.
    let whole = stream.read_line(&mut line).await.is_ok() && line.ends_with('\n');
    let Some(ask) = whole.then(|| serde_json::from_str::<Ask>(&line).expect("it is a question")) else {
        return;
    };
    if ask.sent().is_some() {
        // Nobody may be listening.
        let _ = calls.send(());
    }
    let told = async {
        not_older(&cloud, &ask, SIGNED_FOR)?;
        if ask.sent().is_some() {
            let clock = cloud.clock();
            clock.sleep_until(clock.now() + held_up).await;
        }
        // On a busy machine it may have slept for longer.
        not_older(&cloud, &ask, SIGNED_FOR + Duration::from_millis(HELD_UP.end.into()))?;
        told(&cloud, factor, ask).await
    };
    let told = told.await.map_err(|error| Failed::from(&error));
    let told: Answer = told.map(|told| told.expect("it has a JSON form"));
    let told = serde_json::to_vec(&told).expect("it has a JSON form");
    drop(stream.write_all(&told).await);
}

/// Refuses a call that was sent longer ago.
fn not_older(cloud: &MemoryCloud, ask: &Ask, than: Duration) -> Result<()> {
    match ask.sent() {
        Some(sent) if cloud.clock().now().since(sent.at) > than => {
            Err(Error::new(ErrorKind::Unreachable, "its signature has expired").with_applied(Applied::No))
        }
        _ => Ok(()),
    }
}

async fn told(cloud: &MemoryCloud, factor: u32, ask: Ask) -> Result<serde_json::Result<serde_json::Value>> {
    let now = cloud.clock().now();
    let op = |Sent { fleet, op, epoch, .. }: Sent| Op::new(&fleet, op, epoch);
    Ok(match ask {
        Ask::Hello => serde_json::to_value(Hello::new(now, factor, FleetProvider::capabilities(cloud), LIFETIME)),
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

/// The cloud of another process.
#[derive(Debug)]
pub(crate) struct Far {
    at: SocketAddr,
    clock: ScaledClock,
    capabilities: FleetCapabilities,
}

impl Far {
    pub(crate) async fn new(at: SocketAddr, broken: Broken) -> Result<Self> {
        let (mut best, mut far) = (Duration::MAX, None);
        // Whose clock lags behind is refused for ever: it is set by an answer that came at once.
        for _ in 0..50 {
            let asked = Instant::now();
            let hello: Hello = serde_json::from_value(ask(at, &Ask::Hello).await?).expect("it says hello");
            let (clock, took) = (ScaledClock::new(hello.now, hello.factor), asked.elapsed() * hello.factor);
            if took < best {
                (best, far) = (took, Some(Self { at, clock, capabilities: hello.capabilities() }));
            }
            if best < LAG {
                break;
            }
        }
        let mut far = far.expect("it was asked");
        if broken == Broken::Forgets {
            far.capabilities.request_lifetime = Duration::ZERO;
        }
        Ok(far)
    }

    /// The cloud's time; it may lag behind by what the answer took.
    pub(crate) fn clock(&self) -> ScaledClock {
        self.clock.clone()
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
