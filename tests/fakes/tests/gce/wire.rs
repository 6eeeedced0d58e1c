//! A client of no intelligence at all: it sends what it is told, at the time it is told.

use std::cell::Cell;

use immutable_fakes::gce::{FakeGce, Outcome, Request};
use serde_json::{Value, json};

pub(crate) const REGION: &str = "projects/acme/regions/us-central1";
pub(crate) const ZONE: &str = "projects/acme/zones/us-central1-a";
pub(crate) const GLOBAL: &str = "projects/acme/global";

/// The fake, what was made in it, and the time.
pub(crate) struct Wire {
    pub(crate) fake: FakeGce,
    now: Cell<u64>,
    pub(crate) image: String,
    sent: Cell<u64>,
    /// Whether a test sends what Google's schema does not know of.
    pub(crate) unlawful: Cell<bool>,
}

/// What is sent and what is answered is as Google's schema has it, unless a test says otherwise.
impl Drop for Wire {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.fake.violations().is_empty(), !self.unlawful.get(), "{:#?}", self.fake.violations());
        }
    }
}

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let fake = FakeGce::new("acme", "us-central1");
        fake.advance(1_700_000_000_000);
        let image = fake.image("web-1");
        Self { fake, now: Cell::new(1_700_000_000_000), image, sent: Cell::new(0), unlawful: Cell::new(false) }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds * 1000);
        self.fake.advance(self.now.get());
    }

    pub(crate) fn request(method: &str, path: &str, body: Value) -> Request {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Request { method: method.into(), uri: format!("/compute/v1/{path}"), headers: Vec::new(), body }
    }

    pub(crate) fn send(&self, request: &Request) -> Outcome {
        self.fake.answer(request, self.now.get())
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Value) -> Said {
        match self.send(&Self::request(method, path, body)) {
            Outcome::Reply(reply) => {
                Said { status: reply.status, body: serde_json::from_slice(&reply.body).expect("an answer is JSON") }
            }
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Said {
        self.ask("GET", path, Value::Null)
    }

    /// Another UUID.
    pub(crate) fn uuid(&self) -> String {
        self.sent.set(self.sent.get() + 1);
        format!("00000000-0000-4000-8000-{:012x}", self.sent.get())
    }

    /// Sends what changes something with a request id of its own, and waits until its operation is DONE: the operation.
    pub(crate) fn change(&self, method: &str, path: &str, body: Value) -> Value {
        let between = if path.contains('?') { '&' } else { '?' };
        let said = self.ask(method, &format!("{path}{between}requestId={}", self.uuid()), body).ok();
        self.done(&said)
    }

    /// An operation as it is when it is DONE.
    pub(crate) fn done(&self, operation: &Value) -> Value {
        let link = operation["selfLink"].as_str().expect("operations have links");
        let path = link.split_once("/compute/v1/").expect("links are whole").1;
        for _ in 0..10_000 {
            let now = self.get(path).ok();
            if now["status"] == "DONE" {
                return now;
            }
            self.wait(1);
        }
        panic!("{operation} is never done");
    }

    pub(crate) fn template(&self, name: &str) -> String {
        let properties = json!({
            "machineType": "e2-small",
            "disks": [{ "boot": true, "autoDelete": true, "initializeParams": { "sourceImage": self.image } }],
            "networkInterfaces": [{ "network": "global/networks/default" }],
        });
        let done = self.change("POST", &format!("{REGION}/instanceTemplates"), json!({ "name": name, "properties": properties }));
        assert_eq!(done.get("error"), None);
        format!("{REGION}/instanceTemplates/{name}")
    }

    /// A group in a zone or in the region, of a size; its path. More fields as in the body.
    pub(crate) fn group(&self, place: &str, name: &str, size: usize, more: Value) -> String {
        let template = format!("{REGION}/instanceTemplates/{name}");
        if !self.fake.truth().templates.contains_key(&template) {
            self.template(name);
        }
        let mut body = json!({
            "name": name,
            "baseInstanceName": name,
            "targetSize": size,
            "versions": [{ "instanceTemplate": template }],
            "updatePolicy": { "type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE" },
            "listManagedInstancesResults": "PAGINATED",
        });
        if place == REGION {
            body["updatePolicy"]["instanceRedistributionType"] = "NONE".into();
        }
        for (field, value) in more.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        let done = self.change("POST", &format!("{place}/instanceGroupManagers"), body);
        assert_eq!(done.get("error"), None, "{done}");
        format!("{place}/instanceGroupManagers/{name}")
    }

    /// What listManagedInstances says of a group.
    pub(crate) fn members(&self, group: &str) -> Vec<Value> {
        let said = self.ask("POST", &format!("{group}/listManagedInstances"), Value::Null).ok();
        said["managedInstances"].as_array().cloned().unwrap_or_default()
    }
}

impl Said {
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The error's status and reason; there must be one.
    pub(crate) fn error(&self) -> (u16, &str) {
        assert_ne!(self.status, 200, "{}", self.body);
        let inside = &self.body["error"];
        assert_eq!((&inside["code"], inside["errors"][0]["domain"].as_str()), (&json!(self.status), Some("global")));
        (self.status, inside["errors"][0]["reason"].as_str().unwrap())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap()
    }
}

/// A field of each.
pub(crate) fn each<'a>(values: &'a [Value], field: &str) -> Vec<&'a str> {
    values.iter().map(|value| value[field].as_str().unwrap_or_default()).collect()
}
