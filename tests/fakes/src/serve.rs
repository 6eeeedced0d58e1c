//! A fake on a socket: HTTP/1.1, by a clock of the caller's choice.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use immutable_core::time::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fault::{Fault, Faults};
use crate::play::{Case, Script};
use crate::wire::{Outcome, Reply, Request};

/// How long `wait` waits at the most: "the request approaches the 2 minute deadline" (zoneOperations.wait).
const PATIENCE: Duration = Duration::from_secs(120);

/// What can be served. Clones share the world.
pub trait Service: Clone + fmt::Debug + Send + Sync + 'static {
    /// What comes of a request at a time, in milliseconds since 1970.
    fn answer(&self, request: &Request, now_ms: u64) -> Outcome;

    /// Which call a request is, if that changes something.
    fn changes(&self, request: &Request) -> Option<String>;

    /// What goes wrong.
    fn faults(&self) -> Faults;

    /// Whether a request is one that waits, and has to wait at this time.
    fn waits(&self, request: &Request, now_ms: u64) -> bool;
}

/// A fake that is served: a task for each connection, on the caller's runtime. It ends with the runtime, or when it is dropped; connections go on.
///
/// A request takes effect after half of its latency, and is answered after the other half. Nothing is waited for but the clock and the socket, so it
/// works under tokio's paused time.
#[derive(Clone, Debug)]
pub struct Server<F> {
    fake: F,
    clock: Arc<dyn Clock>,
    latency: Duration,
    script: Script,
}

impl<F: Service> Server<F> {
    /// Requests take 20 ms.
    pub fn new(fake: F, clock: Arc<dyn Clock>) -> Self {
        Self { fake, clock, latency: Duration::from_millis(20), script: Script::default() }
    }

    /// How long a request takes to be answered.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// What happens at one of the calls that change something.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Serves, in plain text.
    pub async fn serve(self, listener: TcpListener) {
        loop {
            // A connection that came to nothing is its client's affair.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            tokio::spawn(self.clone().connection(stream));
        }
    }

    /// Serves, over TLS.
    pub async fn serve_tls(self, listener: TcpListener, acceptor: TlsAcceptor) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let (server, accepted) = (self.clone(), acceptor.accept(stream));
            tokio::spawn(async move {
                // Who does not trust the certificate goes away.
                if let Ok(stream) = accepted.await {
                    server.connection(stream).await;
                }
            });
        }
    }

    async fn connection(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let answer = service_fn(|request| self.answer(request));
        // A broken connection is its client's affair, too, or was asked for.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Broken> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes().to_vec();
        let mut read = Request { method: head.method.to_string(), uri: head.uri.to_string(), headers: Vec::new(), body };
        for (name, value) in &head.headers {
            read.headers.push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
        self.pass(self.latency / 2).await;
        let start = self.clock.now();
        while self.clock.now().since(start) < PATIENCE && self.fake.waits(&read, self.now()) {
            self.pass(Duration::from_millis(250)).await;
        }
        match self.scripted(&read).await {
            Outcome::Reply(reply) => {
                self.pass(self.latency / 2 + reply.takes).await;
                response(reply)
            }
            Outcome::Silent => match std::future::pending::<Infallible>().await {},
            Outcome::Refused | Outcome::Reset => {
                self.pass(self.latency / 2).await;
                Err(Broken)
            }
        }
    }

    /// What comes of a request, if nothing happens to it or its sender that is in the script.
    async fn scripted(&self, request: &Request) -> Outcome {
        let Some(method) = self.fake.changes(request) else { return self.fake.answer(request, self.now()) };
        let once = || self.fake.answer(request, self.now());
        let late = |after| _ = self.fake.faults().next(&method, Fault::LateEffect { after });
        let dies = match self.script.turn(&method) {
            None => return once(),
            Some(Case::Fault(fault)) => {
                self.fake.faults().next(&method, fault);
                return once();
            }
            Some(Case::Twice) => {
                once();
                return once();
            }
            Some(Case::TwiceAndLate(after)) => {
                late(after);
                once();
                return once();
            }
            Some(dies) => dies,
        };
        match dies {
            Case::DiesAfter => drop(once()),
            Case::DiesAndLate(after) => {
                late(after);
                once();
            }
            _ => {}
        }
        self.script.die();
        Outcome::Silent
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap_or(0)
    }

    async fn pass(&self, time: Duration) {
        self.clock.sleep_until(self.clock.now() + time).await;
    }
}

fn response(reply: Reply) -> Result<hyper::Response<Full<Bytes>>, Broken> {
    let mut response = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(reply.body))).map_err(|_| Broken)
}

/// The connection breaks here.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection breaks here")
    }
}

impl std::error::Error for Broken {}
