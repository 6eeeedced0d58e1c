//! The cloud of these stories: served as the examples' is (`examples/served.rs`), but what is sent to it may be held up on its way, or too old.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use immutable_core::fleet::FleetCapabilities;
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{Applied, Error, ErrorKind, MemoryCloud, Result};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::child::Broken;
use super::served::{Far, Road, hello, serve};
use super::wire::{Ask, Sent};
use super::{FACTOR, Random};

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

/// A cloud that other processes reach, until this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) at: SocketAddr,
    /// Hears of each call that would change something, when it arrives.
    pub(crate) calls: mpsc::Receiver<()>,
    _ends: oneshot::Sender<()>,
}

impl Served {
    pub(crate) fn new(cloud: &MemoryCloud, random: Random) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        let (sender, calls) = mpsc::channel();
        let (ends, ended) = oneshot::channel();
        let road = Arc::new(Bad { clock: cloud.clock(), calls: sender, random: Mutex::new(random) });
        let cloud = cloud.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("it is non-blocking");
                tokio::select! {
                    () = serve(cloud, listener, road) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self { at, calls, _ends: ends })
    }
}

/// A road on which every other call is held up, and what was sent too long ago turns back.
struct Bad {
    clock: Arc<dyn Clock>,
    calls: mpsc::Sender<()>,
    random: Mutex<Random>,
}

#[async_trait]
impl Road for Bad {
    async fn passes(&self, ask: &Ask) -> Result<()> {
        let Some(sent) = ask.sent() else { return Ok(()) };
        // Nobody may be listening.
        let _ = self.calls.send(());
        let held_up = {
            let mut random = self.random.lock().expect("nobody panics with it");
            if random.below(2) == 0 { random.millis(HELD_UP) } else { Duration::ZERO }
        };
        self.not_older(sent, SIGNED_FOR)?;
        self.clock.sleep_until(self.clock.now() + held_up).await;
        // On a busy machine it may have slept for longer.
        self.not_older(sent, SIGNED_FOR + Duration::from_millis(HELD_UP.end.into()))
    }
}

impl Bad {
    /// Refuses a call that was sent longer ago.
    fn not_older(&self, sent: &Sent, than: Duration) -> Result<()> {
        if self.clock.now().since(sent.at) > than {
            return Err(Error::new(ErrorKind::Unreachable, "its signature has expired").with_applied(Applied::No));
        }
        Ok(())
    }
}

/// The cloud that is served there, and its time.
pub(crate) async fn reach(at: SocketAddr, broken: Broken) -> Result<(Far, ScaledClock)> {
    let (mut best, mut far) = (Duration::MAX, None);
    // Whose clock lags behind is refused for ever: it is set by an answer that came at once.
    for _ in 0..50 {
        let asked = Instant::now();
        let hello = hello(at).await?;
        let (clock, took) = (ScaledClock::new(hello.now, FACTOR), asked.elapsed() * FACTOR);
        if took < best {
            (best, far) = (took, Some((clock, hello.capabilities())));
        }
        if best < LAG {
            break;
        }
    }
    let (clock, capabilities) = far.expect("it was asked");
    let request_lifetime = if broken == Broken::Forgets { Duration::ZERO } else { LIFETIME };
    let far = Far::new(at, Arc::new(clock.clone()), FleetCapabilities { request_lifetime, ..capabilities });
    Ok((far, clock))
}
