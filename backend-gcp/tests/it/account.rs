//! A project of a fake, what serves it over loopback, and what speaks to it.
//!
//! All of it is on one thread, in tokio's paused time: a call takes as long as the fake says, and time jumps to whatever comes next as soon as nothing is on the socket.

use std::sync::Arc;
use std::time::Duration;

use backend_gcp::{Gcp, Machine, MigTemplate};
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{ImageRef, LaunchTemplate, Place, Result, Timestamp};
use immutable_fakes::gce::http::Server;
use immutable_fakes::gce::{FakeGce, Outcome, Reply, Request};
use immutable_fakes::play::Script;
use serde_json::Value;

pub(crate) const PROJECT: &str = "acme";
pub(crate) const REGION: &str = "europe-west1";

/// When it all begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_233_600_000);

/// A project, its clock, and a client of it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) fake: FakeGce,
    pub(crate) clock: ScaledClock,
    pub(crate) gcp: Gcp,
}

impl Account {
    /// On the runtime of who asks, whose time stands still from now on.
    pub(crate) async fn new() -> Result<Self> {
        Self::of(FakeGce::new(PROJECT, REGION)).await
    }

    pub(crate) async fn of(fake: FakeGce) -> Result<Self> {
        Self::scripted(fake, Script::default()).await
    }

    /// Where something happens at one call.
    pub(crate) async fn scripted(fake: FakeGce, script: Script) -> Result<Self> {
        tokio::time::pause();
        let clock = ScaledClock::new(START, 1);
        fake.advance(now_ms(&clock));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(Server::new(fake.clone(), Arc::new(clock.clone())).script(script).serve(listener));
        let gcp = Gcp::builder(PROJECT, REGION).endpoint(endpoint).anonymous().clock(clock.clone()).connect().await?;
        Ok(Self { fake, clock, gcp })
    }

    pub(crate) fn place(&self) -> Place {
        self.gcp.place()
    }

    /// An image of this project, for use at once.
    pub(crate) fn image(&self, name: &str) -> ImageRef {
        self.fake.image(name);
        ImageRef::new(Place::new("gcp", PROJECT, "global").unwrap(), format!("projects/{PROJECT}/global/images/{name}"))
    }

    pub(crate) fn machine(&self) -> Machine {
        Machine::new("e2-small").startup_script("echo hello").tags(["web"])
    }

    pub(crate) fn template(&self) -> LaunchTemplate {
        LaunchTemplate::of(&MigTemplate::new(self.machine()).named_port("http", 8080)).unwrap()
    }

    /// How much has gone wrong in a group of the region, as Google tells it.
    pub(crate) fn errors(&self, group: &str) -> usize {
        let path = format!("projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/{group}/listErrors");
        self.read(&path)["items"].as_array().map_or(0, Vec::len)
    }

    /// Somebody reads a resource, by its path, changes it, and writes it back whole; it is done when this returns.
    pub(crate) fn by_hand(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut body = self.read(path);
        change(&mut body);
        for told in ["kind", "id", "creationTimestamp", "selfLink", "region"] {
            body.as_object_mut().unwrap().remove(told);
        }
        let answer = self.send("PUT", path, body.to_string().into_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        // Half of what an operation takes.
        self.fake.advance(self.now_ms() + 1000);
    }

    /// A resource, by its path, as anybody may read it.
    pub(crate) fn read(&self, path: &str) -> Value {
        let answer = self.send("GET", path, Vec::new());
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Reply {
        let request = Request { method: method.into(), uri: format!("/compute/v1/{path}"), headers: Vec::new(), body };
        match self.fake.answer(&request, self.now_ms()) {
            Outcome::Reply(reply) => reply,
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    pub(crate) async fn wait(&self, duration: Duration) {
        self.clock.sleep_until(self.clock.now() + duration).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        now_ms(&self.clock)
    }
}

fn now_ms(clock: &impl Clock) -> u64 {
    u64::try_from(clock.now().as_millis()).unwrap_or_default()
}
