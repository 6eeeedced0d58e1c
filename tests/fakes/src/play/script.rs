//! The wire between a process and a fake: at one call that changes something, what is scripted happens, and the process may die of it.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::fault::Fault;

/// What happens at a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Case {
    /// The process dies, and the call is not sent.
    DiesBefore,
    /// The process dies, and the call takes effect.
    DiesAfter,
    /// The process dies, and the call takes effect so much later.
    DiesAndLate(Duration),
    /// This goes wrong with the call, and the process lives.
    Fault(Fault),
    /// The call takes effect twice.
    Twice,
    /// The call takes effect, and so much later once more.
    TwiceAndLate(Duration),
}

/// What is to happen, and what did.
#[derive(Debug, Default)]
struct Plot {
    /// How many calls were made that change something.
    writes: usize,
    /// At which of them what happens.
    at: Option<(usize, Case)>,
    /// Which it happened to.
    hit: Option<String>,
    dead: bool,
    waker: Option<Waker>,
}

/// Shared by all processes of a world.
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<Plot>>);

impl Script {
    /// At this call that changes something, counted from 1, this happens.
    pub fn at(write: usize, case: Case) -> Self {
        let script = Self::default();
        script.lock().at = Some((write, case));
        script
    }

    /// How many calls were made so far that change something.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// Which call it happened to, if it has happened.
    pub fn hit(&self) -> Option<String> {
        self.lock().hit.clone()
    }

    /// Waits until the process dies, and buries it.
    pub fn death(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            let mut plot = self.lock();
            plot.waker = Some(context.waker().clone());
            if std::mem::take(&mut plot.dead) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// The process dies.
    pub fn die(&self) {
        let mut plot = self.lock();
        plot.dead = true;
        if let Some(waker) = plot.waker.take() {
            waker.wake();
        }
    }

    /// A call that changes something is made: what happens to it, if something does.
    pub fn turn(&self, call: &str) -> Option<Case> {
        let mut plot = self.lock();
        plot.writes += 1;
        let now = plot.writes;
        let case = plot.at.take_if(|(at, _)| *at == now).map(|(_, case)| case)?;
        plot.hit = Some(call.to_owned());
        Some(case)
    }

    fn lock(&self) -> MutexGuard<'_, Plot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
