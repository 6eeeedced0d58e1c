//! The fake on a socket, in a time that stands still unless nobody has anything to do.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use immutable_core::time::{Clock, SystemClock};
use immutable_fakes::gce::{FakeGce, Fault, http};
use serde_json::Value;

struct Served {
    fake: FakeGce,
    address: std::net::SocketAddr,
}

impl Served {
    async fn new() -> Self {
        let fake = FakeGce::new("acme", "us-central1");
        let clock = SystemClock::new();
        fake.advance(u64::try_from(clock.now().as_millis()).unwrap());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(http::serve(fake.clone(), listener, Arc::new(clock)));
        Self { fake, address }
    }

    async fn ask(&self, method: &str, path: &str) -> Result<(u16, Value), hyper::Error> {
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let body = if method == "GET" { Empty::new().boxed() } else { Full::new(Bytes::from("{}")).boxed() };
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("/compute/v1/projects/acme/{path}"))
            .header("host", self.address.to_string())
            .body(body)
            .unwrap();
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn it_answers_by_its_clock() {
    let served = Served::new().await;
    served.fake.image("web-1");
    let before = tokio::time::Instant::now();
    let (status, body) = served.ask("GET", "global/images/web-1").await.unwrap();
    assert_eq!((status, body["name"].as_str()), (200, Some("web-1")));
    assert!(before.elapsed() >= Duration::from_millis(20));
    let slow = Fault::SlowReply { takes: Duration::from_secs(40) };
    served.fake.faults().next("images.get", slow);
    let before = tokio::time::Instant::now();
    served.ask("GET", "global/images/web-1").await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_waited_for_no_longer_than_it_takes_and_than_two_minutes() {
    let served = Served::new().await;
    served.fake.image("web-1");
    let resource = "global/images/web-1/deprecate";
    for (takes, least, most, status) in [(30, 29, 32, "DONE"), (300, 119, 122, "RUNNING")] {
        served.fake.operations_take(Duration::from_secs(takes));
        let (_, operation) = served.ask("POST", resource).await.unwrap();
        let before = tokio::time::Instant::now();
        let path = format!("global/operations/{}/wait", operation["name"].as_str().unwrap());
        let (_, after) = served.ask("POST", &path).await.unwrap();
        let waited = before.elapsed().as_secs();
        assert_eq!(after["status"], status);
        assert!((least..=most).contains(&waited), "{waited}");
    }
    served.fake.hasty_waits(true);
    let (_, operation) = served.ask("POST", resource).await.unwrap();
    let path = format!("global/operations/{}/wait", operation["name"].as_str().unwrap());
    assert_ne!(served.ask("POST", &path).await.unwrap().1["status"], "DONE");
}

#[tokio::test(start_paused = true)]
async fn connections_break_and_answers_never_come() {
    let served = Served::new().await;
    served.fake.image("web-1");
    served.fake.faults().next("images.get", Fault::Refused).next("images.get", Fault::LostReply);
    assert!(served.ask("GET", "global/images/web-1").await.is_err());
    assert!(served.ask("GET", "global/images/web-1").await.is_err());
    served.fake.faults().next("images.get", Fault::SilentReply);
    let patience = Duration::from_secs(3600);
    assert!(tokio::time::timeout(patience, served.ask("GET", "global/images/web-1")).await.is_err());
    assert_eq!(served.ask("GET", "global/images/web-1").await.unwrap().0, 200);
    assert_eq!(served.fake.count("images.get"), 4);
}
