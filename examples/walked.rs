//! The walk of the worker's example: it has the cloud and the workers' processes, asks for two rollouts, kills who drives the second, and tells what happens.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use immutable_core::controller::Events;
use immutable_core::fleet::{GenerationId, Life, Resize};
use immutable_core::id::{Epoch, OpId, OwnerId, StreamVersion};
use immutable_core::memory::{Delay, MemoryOptions};
use immutable_core::rollout::{Event, Recorded};
use immutable_core::{Artifact, Controller, Error, ErrorKind, Fleet, MemoryCloud, Outcome, Result, SqliteJournal, Strategy};
use tokio::net::TcpListener;

use super::served::{Road, serve};
use super::told;
use super::wire::Ask;

/// More than any walk takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// More than a worker that was told to stop takes.
const TO_LEAVE: Duration = Duration::from_secs(20);

/// How often it is looked whether there is something to tell.
const TICK: Duration = Duration::from_millis(100);

pub(super) async fn walk(journal: Option<PathBuf>, size: u32, lease: Duration) -> Result<()> {
    let (path, folder) = match journal {
        Some(path) if path.exists() => {
            let what = "is there already, and what it tells of this cloud does not know; name a file that is not there";
            return Err(Error::invalid(format!("{} {what}", path.display())));
        }
        Some(path) => (path, None),
        None => {
            let folder = Folder::new().map_err(failed("no folder could be made for the journal"))?;
            (folder.0.join("journal.db"), Some(folder))
        }
    };

    // The only world there is. A machine boots in about a second, and every call takes a tenth of one.
    let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
    let options = MemoryOptions::seeded(7).boot(Delay::Uniform(millis(500), millis(1500))).check(millis(300)).drain(millis(500));
    let cloud = MemoryCloud::with(options.latency(millis(100)));
    let [first, next] = [cloud.bake("acmeinc/web", "1.0.0")?, cloud.bake("acmeinc/web", "1.1.0")?];
    let fleet = Fleet::new("web", cloud.place()).size(size).min_ready(seconds(1));

    // Whoever plans rollouts drives none: they are journaled, and the workers find them there.
    let operator = Controller::new(&cloud, SqliteJournal::open(&path)?).owner("operator").poll(TICK);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed("the cloud cannot be served"))?;
    let at = listener.local_addr().map_err(failed("the cloud cannot be served"))?;
    let stage = Arc::new(Stage {
        start: Instant::now(),
        workers: Mutex::new(start(["worker-1", "worker-2"], &path, lease, at)?),
        cloud: cloud.clone(),
        operator,
        fleet,
        artifacts: [first, next],
        told: Mutex::default(),
        _folder: folder,
    });
    let serves = tokio::spawn(serve(cloud, listener, stage.clone()));
    let told = tokio::time::timeout(PATIENCE, stage.play(&path)).await;
    serves.abort();
    told.unwrap_or_else(|_| Err(Error::invalid(format!("it has not ended after {} s", PATIENCE.as_secs()))))
}

/// What goes on, and what has been told of it.
struct Stage {
    start: Instant,
    workers: Mutex<Workers>,
    cloud: MemoryCloud,
    operator: Controller,
    fleet: Fleet,
    artifacts: [Artifact; 2],
    told: Mutex<Told>,
    /// Goes last of all.
    _folder: Option<Folder>,
}

#[derive(Default)]
struct Told {
    /// How often each call has come.
    calls: BTreeMap<OpId, u32>,
    /// The last claim that was told.
    claim: Epoch,
    /// Who was killed, and when.
    killed: Option<(String, Instant)>,
    /// Who took over.
    heir: Option<String>,
    counts: String,
}

impl Stage {
    fn say(&self, what: &str) {
        println!("{:>6.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    async fn play(&self, path: &Path) -> Result<()> {
        let both = lock(&self.workers).0.iter().map(|(name, child)| format!("{name} (pid {})", child.id())).collect::<Vec<_>>();
        println!("{} work on {}", both.join(" and "), path.display());
        let [first, next] = &self.artifacts;
        let mut events = self.operator.events(self.fleet.id(), StreamVersion(0));

        println!("how many machines serve is told, how many more boot (+), and how many leave (-)");

        println!("\n== {first}, the first deployment of {}", self.fleet.desired());
        self.rolls_out(first, &mut events).await?;
        println!("\n== {next} takes its place, and whoever drives is killed half way");
        self.rolls_out(next, &mut events).await?;
        println!();
        self.is_right(next).await?;
        self.workers_leave().await
    }

    /// Starts a rollout, and watches until it has ended.
    async fn rolls_out(&self, artifact: &Artifact, events: &mut Events) -> Result<()> {
        let plan = self.operator.plan(&self.fleet, artifact, Strategy::rolling()).await?;
        let _ = self.operator.start(plan).await?;
        let outcome = loop {
            match select(events.next(), Box::pin(tokio::time::sleep(TICK))).await {
                Either::Left((Some(event), _)) => match event?.1 {
                    Recorded { epoch, event: Event::Claimed { owner, .. }, .. } => self.is_claimed(&owner, epoch),
                    Recorded { event: Event::Ended { outcome }, .. } => break outcome,
                    _ => {}
                },
                Either::Left((None, _)) => return Err(Error::invalid("the journal's events have ended")),
                Either::Right(_) => {}
            }
            self.count();
            lock(&self.workers).work()?;
        };
        self.count();
        self.say(&format!("the rollout ended: {outcome}"));
        told::expect(outcome, &Outcome::Succeeded)
    }

    fn is_claimed(&self, owner: &OwnerId, epoch: Epoch) {
        let (name, mut told) = (name(owner), self.told());
        if epoch <= told.claim {
            return;
        }
        told.claim = epoch;
        match &told.killed {
            Some((_, since)) if told.heir.is_none() => {
                self.say(&format!("{name} took it over after {:.1} s", since.elapsed().as_secs_f64()));
                told.heir = Some(name);
            }
            _ => self.say(&format!("{name} takes the fleet")),
        }
    }

    /// Tells how many machines of each artifact serve, how many are on their way there (`+`), and how many on their way out (`-`), if that is new.
    fn count(&self) {
        let (machines, running) = (self.cloud.instances(self.fleet.id()), self.cloud.running());
        let mut counts = String::new();
        for artifact in &self.artifacts {
            let of = |leave: bool| {
                let all = machines.iter().filter(|machine| machine.artifact == artifact.digest());
                all.filter(|machine| (machine.life == Life::Leaving) == leave).count()
            };
            let serve = running.get(&artifact.digest()).copied().unwrap_or(0);
            counts += &format!("   {} {serve}", artifact.version());
            for (sign, others) in [('+', of(false).saturating_sub(serve)), ('-', of(true))] {
                counts += &if others > 0 { format!("{sign}{others}") } else { "  ".to_owned() };
            }
        }
        let mut told = self.told();
        if told.counts != counts && !machines.is_empty() {
            self.say(counts.trim());
            told.counts = counts;
        }
    }

    /// Whether everything is as it should be.
    async fn is_right(&self, artifact: &Artifact) -> Result<()> {
        println!("{}, and {} there", told::proof(&self.operator, &self.cloud, &self.fleet, artifact).await?, self.alone()?);
        let (launched, needed) = (self.cloud.launched(), 2 * u64::from(self.fleet.desired()));
        if launched != needed {
            return Err(Error::invalid(format!("the cloud launched {launched} machines, and {needed} were needed")));
        }
        let times: Vec<u32> = self.told().calls.values().copied().collect();
        let again = times.iter().filter(|times| **times > 1).count();
        println!("of {} calls {again} came again; the cloud launched {launched} machines, as many as were needed", times.len());

        println!("\nwho drove, as the journal tells it:");
        let history = self.operator.history(self.fleet.id()).await?;
        let mut owners = Vec::new();
        for (version, recorded) in &history {
            match &recorded.event {
                Event::Opened { .. } => owners.clear(),
                Event::Claimed { owner, .. } => owners.push(name(owner)),
                Event::Ended { .. } => {}
                _ => continue,
            }
            println!("{version:>6}  {}  {}", recorded.at, recorded.event);
        }
        let Told { killed, heir, .. } = &*self.told();
        let (Some((killed, _)), Some(heir)) = (killed, heir) else {
            return Err(Error::invalid("nobody was killed, or nobody took over"));
        };
        // On a busy machine one may lose its lease without being killed, and take the fleet once more.
        owners.dedup();
        if killed == heir || !owners.ends_with(&[killed.clone(), heir.clone()]) {
            return Err(Error::invalid(format!(
                "two should have driven the last rollout, one after the other; it was {owners:?}"
            )));
        }
        Ok(())
    }

    /// That nothing is there but what should be.
    fn alone(&self) -> Result<&'static str> {
        match (self.cloud.instances(self.fleet.id()).len(), self.fleet.desired()) {
            (there, desired) if u32::try_from(there) == Ok(desired) => Ok("nothing else is"),
            (there, desired) => Err(Error::invalid(format!("{there} machines are there, and {desired} should be"))),
        }
    }

    /// Tells those who are left to stop: their fleets are free for others at once.
    async fn workers_leave(&self) -> Result<()> {
        let until = Instant::now() + TO_LEAVE;
        loop {
            let left = lock(&self.workers).leave()?;
            match left {
                Some(names) => {
                    println!("\n{} was told to stop, and has left", names.join(" and "));
                    return Ok(());
                }
                None if Instant::now() < until => tokio::time::sleep(TICK).await,
                None => {
                    return Err(Error::invalid(format!("a worker has not left {} s after it was told to", TO_LEAVE.as_secs())));
                }
            }
        }
    }
}

/// Half way through the second rollout whoever drives it is killed while one of its calls is on its way: that takes effect, and nobody hears the answer.
#[async_trait]
impl Road for Stage {
    async fn passes(&self, ask: &Ask) -> Result<()> {
        let Some(sent) = ask.sent() else { return Ok(()) };
        let (times, killed) = {
            let mut told = self.told();
            let times = told.calls.entry(sent.op).or_default();
            *times += 1;
            (*times, told.killed.is_some())
        };
        let half = self.fleet.desired().div_ceil(2);
        let half_way =
            matches!(ask, Ask::Resize(_, Resize::Raise { group, to, .. }) if group.generation == GenerationId(2) && *to >= half);
        if times == 1 && (killed || !half_way) {
            return Ok(());
        }
        let state = self.operator.state(self.fleet.id()).await?;
        let call = state.owed().find(|(op, _)| *op == sent.op).map(|(_, owed)| owed.call.to_string());
        let (Some(owner), Some(call)) = (state.owner(), call) else {
            return Err(Error::invalid("a call came that the journal does not know of"));
        };
        if times > 1 {
            self.is_claimed(owner, state.epoch());
            self.say(&format!("call {} comes again, and the cloud knows it by its token: {call}", sent.op));
            return Ok(());
        }
        let name = name(owner);
        let pid = lock(&self.workers).kill(&name)?;
        self.say(&format!("killed {name} (pid {pid}), whose call {} has just come: {call}", sent.op));
        self.told().killed = Some((name, Instant::now()));
        Ok(())
    }
}

/// What a worker is called: in the journal something that no other has follows.
fn name(owner: &OwnerId) -> String {
    owner.as_str().split('.').next().unwrap_or_default().to_owned()
}

/// Their processes, this program again. None outlives this: they are killed when it is dropped, and if this process is, their standard input closes.
struct Workers(BTreeMap<String, Child>);

fn start<const N: usize>(names: [&str; N], journal: &Path, lease: Duration, cloud: SocketAddr) -> Result<Workers> {
    let program = std::env::current_exe().map_err(failed("this program is not to be found"))?;
    let mut workers = Workers(BTreeMap::new());
    for name in names {
        let mut worker = Command::new(&program);
        worker.args(["work", name]).arg(journal).args([lease.as_secs().to_string(), cloud.to_string()]);
        let child = worker.stdin(Stdio::piped()).spawn().map_err(failed("a worker cannot be started"))?;
        workers.0.insert(name.to_owned(), child);
    }
    Ok(workers)
}

impl Workers {
    /// Whether they do.
    fn work(&mut self) -> Result<()> {
        for (name, child) in &mut self.0 {
            if let Some(status) = child.try_wait().map_err(failed("a worker is not to be found"))? {
                return Err(Error::invalid(format!("{name} has ended by itself: {status}")));
            }
        }
        Ok(())
    }

    /// SIGKILL: no destructor runs, nothing is flushed, nobody is told. Returns when it is dead, with what its id was.
    fn kill(&mut self, name: &str) -> Result<u32> {
        let mut child = self.0.remove(name).ok_or_else(|| Error::invalid(format!("there is no worker {name}")))?;
        child.kill().and_then(|()| child.wait()).map_err(failed("a worker cannot be killed"))?;
        Ok(child.id())
    }

    /// Tells them to stop, and who they were once all have.
    fn leave(&mut self) -> Result<Option<Vec<String>>> {
        self.0.values_mut().for_each(|child| drop(child.stdin.take()));
        for (name, child) in &mut self.0 {
            match child.try_wait().map_err(failed("a worker is not to be found"))? {
                Some(status) if status.success() => {}
                Some(status) => return Err(Error::invalid(format!("{name} failed as it left: {status}"))),
                None => return Ok(None),
            }
        }
        Ok(Some(std::mem::take(&mut self.0).into_keys().collect()))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for child in self.0.values_mut() {
            // It may have ended.
            drop(child.kill().and_then(|()| child.wait()));
        }
    }
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("immutable-worker-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What could not be done with the machine that this runs on.
fn failed(what: &str) -> impl Fn(std::io::Error) -> Error {
    move |why| Error::new(ErrorKind::Unreachable, what.to_owned()).with_source(why)
}
