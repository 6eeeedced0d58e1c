//! The fake below an SDK: its HTTP client, with no network and by a clock of the caller's choice.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use immutable_core::time::Clock;

use super::{FakeAws, Outcome, Request};

/// How long a caller waits for an answer that does not come, unless it says itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an SDK's `http_client` can be.
///
/// A request takes effect after half of its latency, and is answered after the other half. It works under a
/// [`VirtualClock`](immutable_core::time::VirtualClock): nothing here waits for anything but the clock.
#[derive(Clone, Debug)]
pub struct Http {
    fake: FakeAws,
    clock: Arc<dyn Clock>,
    latency: Duration,
    patience: Duration,
}

impl Http {
    /// Requests take 20 ms.
    pub fn new(fake: FakeAws, clock: Arc<dyn Clock>) -> Self {
        Self { fake, clock, latency: Duration::from_millis(20), patience: PATIENCE }
    }

    /// How long a request takes to be answered.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let patience = settings.read_timeout().unwrap_or(self.patience);
        SharedHttpConnector::new(Self { patience, ..self.clone() })
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.clone();
        HttpConnectorFuture::new(async move {
            let sent = read(&request)?;
            http.clock.sleep_until(http.clock.now() + http.latency / 2).await;
            let now = u64::try_from(http.clock.now().as_millis()).unwrap_or(0);
            let outcome = http.fake.answer(&sent, now);
            let wait = match &outcome {
                Outcome::Silent => http.patience,
                // Whoever is tired of waiting hears nothing.
                Outcome::Reply(reply) if reply.takes >= http.patience => http.patience,
                Outcome::Reply(reply) => http.latency / 2 + reply.takes,
                Outcome::Refused | Outcome::Reset => http.latency / 2,
            };
            http.clock.sleep_until(http.clock.now() + wait).await;
            match outcome {
                Outcome::Reply(reply) if reply.takes < http.patience => {
                    let status = StatusCode::try_from(reply.status).map_err(|error| ConnectorError::other(error.into(), None))?;
                    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
                    for (name, value) in reply.headers {
                        response.headers_mut().insert(name, value);
                    }
                    Ok(response)
                }
                Outcome::Refused => Err(ConnectorError::io("connection refused".into()).never_connected()),
                Outcome::Reset => Err(ConnectorError::io("connection reset by peer".into())),
                Outcome::Silent | Outcome::Reply(_) => Err(ConnectorError::timeout("no answer in time".into())),
            }
        })
    }
}

fn read(request: &HttpRequest) -> Result<Request, ConnectorError> {
    let body =
        request.body().bytes().ok_or_else(|| ConnectorError::user("a body that is a stream is not understood here".into()))?;
    let mut read =
        Request { method: request.method().into(), uri: request.uri().into(), headers: Vec::new(), body: body.to_vec() };
    for (name, value) in request.headers().iter() {
        read.headers.push((name.into(), value.into()));
    }
    Ok(read)
}
