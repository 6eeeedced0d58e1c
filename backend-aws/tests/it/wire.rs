//! The wire between a process and the fake: at one call that changes something, what is scripted happens, and the process may die of it.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use immutable_fakes::aws::{FakeAws, Fault};
use immutable_fakes::play::{Case, Script};

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
            let reads = action.starts_with("Describe") || action.starts_with("Get");
            match if reads { None } else { wire.script.turn(&action) } {
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
