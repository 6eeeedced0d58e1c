//! Two workers, each a process of its own, work on one SQLite file. One is killed in the middle of a rollout; the other takes over, and carries it on to its end.
//! The cloud is in memory: it lives in the process that you start, and is served to the workers, so it needs nothing but Rust.
//!
//! ```text
//! cargo run --features sqlite --example worker
//! cargo run --features sqlite --example worker -- --size 12 --journal web.db
//! ```

mod served;
mod told;
mod walked;
mod wire;

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use immutable_core::time::SystemClock;
use immutable_core::{Controller, Error, Place, Provider, Result, SqliteJournal};
use tokio::sync::oneshot;

/// Kill a worker in the middle of a rollout, and watch another carry it on.
#[derive(Parser)]
struct Args {
    /// The file that the workers share, which must not be there yet and is kept. Without, one that is removed at the end.
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// How many instances the fleet has: 1 to 50.
    #[arg(long, value_name = "N", default_value = "6")]
    size: String,
    /// A worker that gives no sign of life for so many seconds has lost its fleets to others: 3 to 20.
    #[arg(long, value_name = "SECONDS", default_value = "4")]
    lease: String,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// What each of the two processes is that the walk starts.
    #[command(hide = true)]
    Work { name: String, journal: PathBuf, lease: u64, cloud: SocketAddr },
}

/// A worker: all that a program of yours would have, too, with the provider of its own cloud.
async fn work(name: &str, journal: &Path, lease: Duration, cloud: SocketAddr) -> Result<()> {
    let controller = Controller::new(reach(cloud).await?, SqliteJournal::open(journal)?);
    controller.owner(name).lease(lease).poll(Duration::from_millis(250)).work(shutdown()).await
}

/// The cloud, which lives in another process.
async fn reach(cloud: SocketAddr) -> Result<Provider> {
    let capabilities = served::hello(cloud).await?.capabilities();
    let far = served::Far::new(cloud, Arc::new(SystemClock::new()), capabilities);
    Ok(Provider::new(Place::new("memory", "local", "local")?, Arc::new(far)))
}

/// Completes when whoever started this process closes its standard input, or is gone itself. A service would wait for SIGTERM.
async fn shutdown() {
    let (closes, closed) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let ends = std::io::stdin().read_to_end(&mut Vec::new());
        drop((ends, closes));
    });
    drop(closed.await);
}

fn main() -> ExitCode {
    let args = Args::parse();
    let does = async {
        match args.part {
            Some(Part::Work { name, journal, lease, cloud }) => work(&name, &journal, Duration::from_secs(lease), cloud).await,
            None => walked::walk(args.journal, size(&args.size)?, lease(&args.lease)?).await,
        }
    };
    let done = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(does),
        Err(why) => Err(Error::invalid("no runtime could be started").with_source(why)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told::whole(&error));
            ExitCode::FAILURE
        }
    }
}

fn size(said: &str) -> Result<u32> {
    match said.parse() {
        Ok(size @ 1..=50) => Ok(size),
        _ => Err(Error::invalid(format!("`{said}` is no size for this walk; use 1 to 50"))),
    }
}

fn lease(said: &str) -> Result<Duration> {
    match said.parse() {
        Ok(seconds @ 3..=20) => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::invalid(format!("`{said}` is no lease for this walk; use 3 to 20 seconds"))),
    }
}
