//! The fake on a socket, over TLS: clients of Azure send tokens over nothing else.

use std::sync::Arc;

use immutable_core::time::Clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{FakeArm, Faults, Outcome, Request};
use crate::serve::Service;

pub use crate::serve::Server;

/// A certificate authority made for the occasion, and a server that it vouches for: as `localhost` and as `127.0.0.1`.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What a client is to trust, and nothing else.
    pub ca_pem: String,
    /// What [`serve`] needs.
    pub server: Arc<ServerConfig>,
}

/// Makes an authority, of new keys. An error is one of the cryptography below it.
pub fn authority() -> std::io::Result<Authority> {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Not of the name that certificates have if nothing is said: OpenSSL takes one whose issuer is of its own name for self-signed.
    ca.distinguished_name.push(DnType::CommonName, "fake-arm authority");
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(std::io::Error::other)?;
    let root = ca.self_signed(&key).map_err(std::io::Error::other)?;
    let issuer = Issuer::new(ca, key);
    let server_key = KeyPair::generate().map_err(std::io::Error::other)?;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server =
        CertificateParams::new(names).and_then(|params| params.signed_by(&server_key, &issuer)).map_err(std::io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivatePkcs8KeyDer::from(server_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], private.into())
        .map_err(std::io::Error::other)?;
    Ok(Authority { ca_pem: root.pem(), server: Arc::new(config) })
}

/// Serves a fake on a listener, on the caller's runtime, as [`Server`] says. Requests take 20 ms.
pub async fn serve(fake: FakeArm, listener: TcpListener, authority: &Authority, clock: Arc<dyn Clock>) {
    Server::new(fake, clock).serve_tls(listener, TlsAcceptor::from(authority.server.clone())).await;
}

impl Service for FakeArm {
    fn answer(&self, request: &Request, now_ms: u64) -> Outcome {
        FakeArm::answer(self, request, now_ms)
    }

    fn changes(&self, request: &Request) -> Option<String> {
        FakeArm::changes(self, request)
    }

    fn faults(&self) -> Faults {
        FakeArm::faults(self)
    }

    /// No call of Resource Manager waits.
    fn waits(&self, _: &Request, _: u64) -> bool {
        false
    }
}
