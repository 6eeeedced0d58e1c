//! The wire between a process and the fake: at one call that changes something, what is scripted happens, and the process may die of it.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use immutable_fakes::aws::{FakeAws, Fault};

/// What happens at a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Case {
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
    /// Which action it happened to.
    hit: Option<String>,
    dead: bool,
    waker: Option<Waker>,
}

/// Shared by all processes of a world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<Plot>>);

impl Script {
    pub(crate) fn at(write: usize, case: Case) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().at = Some((write, case));
        script
    }

    pub(crate) fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    pub(crate) fn hit(&self) -> Option<String> {
        self.0.lock().unwrap().hit.clone()
    }

    /// Waits until the process dies, and buries it.
    pub(crate) fn death(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            let mut plot = self.0.lock().unwrap();
            plot.waker = Some(context.waker().clone());
            if std::mem::take(&mut plot.dead) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn die(&self) {
        let mut plot = self.0.lock().unwrap();
        plot.dead = true;
        if let Some(waker) = plot.waker.take() {
            waker.wake();
        }
    }

    /// What happens at this call, if something does.
    fn turn(&self, action: &str) -> Option<Case> {
        let mut plot = self.0.lock().unwrap();
        if action.starts_with("Describe") || action.starts_with("Get") {
            return None;
        }
        plot.writes += 1;
        let now = plot.writes;
        let case = plot.at.take_if(|(at, _)| *at == now).map(|(_, case)| case)?;
        plot.hit = Some(action.to_owned());
        Some(case)
    }
}

/// An HTTP client over another.
#[derive(Clone, Debug)]
pub(crate) struct Wire<H> {
    pub(crate) inner: H,
    pub(crate) fake: FakeAws,
    pub(crate) script: Script,
}

impl<H: HttpClient + Clone + 'static> HttpClient for Wire<H> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Wire { inner, fake: self.fake.clone(), script: self.script.clone() })
    }
}

impl HttpConnector for Wire<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
            let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("GetSomething").to_owned();
            let (inner, faults) = (&wire.inner, wire.fake.faults());
            let copy = || request.try_clone().expect("a body of bytes can be sent twice");
            match wire.script.turn(&action) {
                None => inner.call(request).await,
                Some(Case::Fault(fault)) => {
                    faults.next(&action, fault);
                    inner.call(request).await
                }
                Some(Case::Twice) => {
                    let _ = inner.call(copy()).await;
                    inner.call(request).await
                }
                Some(Case::TwiceAndLate(after)) => {
                    faults.next(&action, Fault::LateEffect { after });
                    let _ = inner.call(copy()).await;
                    inner.call(request).await
                }
                Some(dies) => {
                    match dies {
                        Case::DiesAfter => drop(inner.call(request).await),
                        Case::DiesAndLate(after) => {
                            faults.next(&action, Fault::LateEffect { after });
                            drop(inner.call(request).await);
                        }
                        _ => {}
                    }
                    wire.script.die();
                    std::future::pending().await
                }
            }
        })
    }
}
