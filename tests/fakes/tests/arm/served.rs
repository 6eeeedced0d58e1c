//! The fake on a socket, over TLS, in a time that stands still unless nobody has anything to do.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use immutable_core::time::{Clock, SystemClock};
use immutable_fakes::arm::{FakeArm, Fault, https};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::wire::{COMPUTE, GROUP, SUBSCRIPTION};

struct Served {
    fake: FakeArm,
    address: std::net::SocketAddr,
    tls: tokio_rustls::TlsConnector,
}

/// Who trusts these, and nobody else.
fn trusting(pem: &str) -> tokio_rustls::TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
}

impl Served {
    async fn new() -> Self {
        let fake = FakeArm::new(SUBSCRIPTION, "acme", "westeurope");
        let clock = SystemClock::new();
        fake.advance(u64::try_from(clock.now().as_millis()).unwrap());
        fake.tokens_last(Duration::from_secs(86_400));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = https::authority().unwrap();
        let served = fake.clone();
        let tls = trusting(&authority.ca_pem);
        tokio::spawn(async move { https::serve(served, listener, &authority, Arc::new(clock)).await });
        Self { fake, address, tls }
    }

    async fn ask(&self, name: &str) -> Result<(u16, Value), Box<dyn std::error::Error>> {
        let stream = tokio::net::TcpStream::connect(self.address).await?;
        let stream = self.tls.connect(ServerName::try_from(name.to_owned())?, stream).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = hyper::Request::builder()
            .uri(format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets?api-version={COMPUTE}"))
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", self.fake.token()))
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body)?))
    }
}

#[tokio::test(start_paused = true)]
async fn it_answers_by_its_clock_under_both_of_its_names() {
    let served = Served::new().await;
    for name in ["127.0.0.1", "localhost"] {
        let before = tokio::time::Instant::now();
        let (status, body) = served.ask(name).await.unwrap();
        assert_eq!((status, body["value"].as_array().map(Vec::len)), (200, Some(0)));
        assert!(before.elapsed() >= Duration::from_millis(20));
    }
    let slow = Fault::SlowReply { takes: Duration::from_secs(40) };
    served.fake.faults().next("virtualMachineScaleSets.list", slow);
    let before = tokio::time::Instant::now();
    served.ask("localhost").await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn nobody_else_vouches_for_it() {
    let mut served = Served::new().await;
    assert!(served.ask("example.com").await.is_err());
    served.tls = trusting(&https::authority().unwrap().ca_pem);
    assert!(served.ask("localhost").await.is_err());
    assert_eq!(served.fake.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_break_and_answers_never_come() {
    let served = Served::new().await;
    served
        .fake
        .faults()
        .next("virtualMachineScaleSets.list", Fault::Refused)
        .next("virtualMachineScaleSets.list", Fault::LostReply);
    assert!(served.ask("localhost").await.is_err());
    assert!(served.ask("localhost").await.is_err());
    served.fake.faults().next("virtualMachineScaleSets.list", Fault::SilentReply);
    let patience = Duration::from_secs(3600);
    assert!(tokio::time::timeout(patience, served.ask("localhost")).await.is_err());
    assert_eq!(served.ask("localhost").await.unwrap().0, 200);
    assert_eq!(served.fake.count("virtualMachineScaleSets.list"), 4);
}
