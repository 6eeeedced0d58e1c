//! Who calls, as it is on the wire.

use backend_gcp::{Builder, Gcp, MigFleet};
use immutable_core::ErrorKind;
use immutable_core::fleet::FleetId;
use immutable_core::provider::FleetProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::account::{Account, PROJECT, REGION};
use crate::hand::play;

/// The head of the first request that comes.
async fn head(account: &Account, sign: impl FnOnce(Builder) -> Builder) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 8192];
        let length = stream.read(&mut heard).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}").await.unwrap();
        String::from_utf8_lossy(&heard[..length]).to_lowercase()
    });
    let gcp = sign(Gcp::builder(PROJECT, REGION).endpoint(endpoint).clock(account.clock.clone())).connect().await.unwrap();
    let fleet = FleetId::new(account.place(), "web");
    MigFleet::new(&gcp).observe(&fleet, &[].into()).await.unwrap();
    heard.await.unwrap()
}

#[test]
fn a_token_is_asked_for_and_sent() {
    play(async |account: Account| {
        let head = head(&account, |builder| builder.access_token(|| async { Ok("t0ken".to_owned()) })).await;
        assert!(head.contains("\r\nauthorization: bearer t0ken\r\n"), "{head}");
        assert!(head.starts_with("get /compute/v1/projects/acme/aggregated/instancegroupmanagers?"), "{head}");
    });
}

#[test]
fn who_is_nobody_sends_none() {
    play(async |account: Account| {
        let head = head(&account, Builder::anonymous).await;
        assert!(!head.contains("authorization"), "{head}");
    });
}

#[test]
fn tls_has_what_it_needs() {
    play(async |account: Account| {
        // Whoever answers here speaks no TLS.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let gcp =
            Gcp::builder(PROJECT, REGION).endpoint(endpoint).anonymous().clock(account.clock.clone()).connect().await.unwrap();
        let fleet = FleetId::new(account.place(), "web");
        let error = MigFleet::new(&gcp).observe(&fleet, &[].into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        let mut causes = String::new();
        let mut source: Option<&dyn std::error::Error> = Some(&error);
        while let Some(cause) = source {
            causes.push_str(&format!("{cause}; "));
            source = cause.source();
        }
        assert!(causes.contains("InvalidContentType") || causes.to_lowercase().contains("corrupt message"), "{causes}");
    });
}
