//! The fake on a socket: HTTP/1.1, by a clock of the caller's choice.

use std::sync::Arc;

use immutable_core::time::Clock;
use tokio::net::TcpListener;

use super::{FakeGce, Faults, Outcome, Request};
use crate::serve::Service;

pub use crate::serve::Server;

/// Serves a fake on a listener, on the caller's runtime, as [`Server`] says. Requests take 20 ms.
pub async fn serve(fake: FakeGce, listener: TcpListener, clock: Arc<dyn Clock>) {
    Server::new(fake, clock).serve(listener).await;
}

impl Service for FakeGce {
    fn answer(&self, request: &Request, now_ms: u64) -> Outcome {
        FakeGce::answer(self, request, now_ms)
    }

    fn changes(&self, request: &Request) -> Option<String> {
        FakeGce::changes(self, request)
    }

    fn faults(&self) -> Faults {
        FakeGce::faults(self)
    }

    fn waits(&self, request: &Request, now_ms: u64) -> bool {
        FakeGce::waits(self, request, now_ms)
    }
}
