//! A client of no intelligence at all: it sends what it is told, at the time it is told.

use std::cell::{Cell, RefCell};

use immutable_fakes::arm::{FakeArm, Outcome, Reply, Request};
use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/acme/providers";
pub(crate) const COMPUTE: &str = "2026-04-01";

/// The fake, what was made in it, and the time.
pub(crate) struct Wire {
    pub(crate) fake: FakeArm,
    now: Cell<u64>,
    token: RefCell<String>,
    /// An image version of a gallery, and the next.
    pub(crate) image: String,
    pub(crate) next: String,
    /// Whether a test sends what nobody should.
    pub(crate) unlawful: Cell<bool>,
}

/// Nobody sends what there is not, unless a test says otherwise.
impl Drop for Wire {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.fake.violations().is_empty(), !self.unlawful.get(), "{:#?}", self.fake.violations());
        }
    }
}

pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Wire {
    pub(crate) fn new() -> Self {
        let fake = FakeArm::new(SUBSCRIPTION, "acme", "westeurope");
        fake.advance(1_700_000_000_000);
        fake.tokens_last(std::time::Duration::from_secs(86_400));
        let token = fake.token();
        let image = format!("{GROUP}/Microsoft.Compute/galleries/base/images/web/versions/1.0.0");
        let next = format!("{GROUP}/Microsoft.Compute/galleries/base/images/web/versions/1.1.0");
        let region = json!({ "properties": { "publishingProfile": { "targetRegions": [{ "name": "West Europe" }] } } });
        fake.resource(&image, &region);
        fake.resource(&next, &region);
        let application = format!("{GROUP}/Microsoft.Compute/galleries/base/applications/web-app/versions/1.0.0");
        fake.resource(&application, &region);
        Self { fake, now: Cell::new(1_700_000_000_000), token: RefCell::new(token), image, next, unlawful: Cell::new(false) }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.now.set(self.now.get() + seconds * 1000);
        self.fake.advance(self.now.get());
    }

    /// With another token from now on.
    pub(crate) fn sign(&self, token: &str) {
        token.clone_into(&mut self.token.borrow_mut());
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Request {
        let between = if path.contains('?') { '&' } else { '?' };
        let version = if path.contains("api-version=") || path.contains("/.well-known/") {
            String::new()
        } else {
            format!("{between}api-version={COMPUTE}")
        };
        let mut request = Request { method: method.into(), uri: format!("{path}{version}"), ..Request::default() };
        request.headers.push(("host".into(), "management.azure.com".into()));
        request.headers.push(("authorization".into(), format!("Bearer {}", self.token.borrow())));
        for (name, value) in headers {
            request.headers.push(((*name).into(), (*value).into()));
        }
        if !body.is_null() {
            request.headers.push(("content-type".into(), "application/json".into()));
            request.body = body.to_string().into_bytes();
        }
        request
    }

    pub(crate) fn send(&self, request: &Request) -> Outcome {
        self.fake.answer(request, self.now.get())
    }

    pub(crate) fn with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Said {
        match self.send(&self.request(method, path, headers, &body)) {
            Outcome::Reply(reply) => Said::of(reply),
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Value) -> Said {
        self.with(method, path, &[], body)
    }

    pub(crate) fn get(&self, path: &str) -> Said {
        self.ask("GET", path, Value::Null)
    }

    /// The path of what an absolute URL names.
    pub(crate) fn path_of(url: &str) -> String {
        url.strip_prefix("https://management.azure.com").expect("URLs are of who was asked").to_owned()
    }

    /// An operation as it is when it is over.
    pub(crate) fn done(&self, said: &Said) -> Value {
        let path = Self::path_of(said.header("azure-asyncoperation").expect("an operation can be tracked"));
        for _ in 0..10_000 {
            let now = self.get(&path).ok();
            if now["endTime"].is_string() {
                return now;
            }
            self.wait(1);
        }
        panic!("{path} is never over");
    }

    /// Makes a scale set and waits until it is done: its id. More fields as in the body.
    pub(crate) fn scale_set(&self, name: &str, capacity: usize, more: &[(&str, Value)]) -> String {
        let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/{name}");
        let said = self.ask("PUT", &id, self.model(capacity, more));
        assert_eq!(said.status, 201, "{}", said.body);
        assert_eq!(self.done(&said)["status"], "Succeeded");
        id
    }

    /// The body of a flexible scale set, without the fields that are null.
    pub(crate) fn model(&self, capacity: usize, more: &[(&str, Value)]) -> Value {
        let address = json!({ "name": "ip", "properties": { "subnet": { "id": format!("{GROUP}/Microsoft.Network/virtualNetworks/net/subnets/web") } } });
        let mut body = json!({
            "location": "westeurope",
            "tags": { "immutable-fleet": "web" },
            "sku": { "name": "Standard_D2s_v5", "tier": "Standard", "capacity": capacity },
            "properties": {
                "orchestrationMode": "Flexible",
                "platformFaultDomainCount": 1,
                "singlePlacementGroup": false,
                "virtualMachineProfile": {
                    "storageProfile": {
                        "imageReference": { "id": self.image },
                        "osDisk": { "createOption": "FromImage", "managedDisk": { "storageAccountType": "Premium_LRS" } },
                    },
                    "networkProfile": {
                        "networkApiVersion": "2020-11-01",
                        "networkInterfaceConfigurations": [{ "name": "nic", "properties": { "primary": true, "ipConfigurations": [address] } }],
                    },
                },
            },
        });
        for (field, value) in more {
            *pointer(&mut body, field) = value.clone();
            if value.is_null() {
                without(&mut body, field);
            }
        }
        body
    }

    /// The health extension of this version.
    pub(crate) fn extension(version: &str) -> (&'static str, Value) {
        let extension = json!({ "name": "health", "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": version,
            "autoUpgradeMinorVersion": true,
            "settings": { "protocol": "http", "port": 80, "requestPath": "/", "gracePeriod": 60 },
        } });
        ("properties.virtualMachineProfile.extensionProfile", json!({ "extensions": [extension] }))
    }

    /// The application, pinned; whether its failure is the machine's.
    pub(crate) fn application(matters: bool) -> (&'static str, Value) {
        let id = format!("{GROUP}/Microsoft.Compute/galleries/base/applications/web-app/versions/1.0.0");
        let application =
            json!({ "packageReferenceId": id, "treatFailureAsDeploymentFailure": matters, "enableAutomaticUpgrade": false });
        ("properties.virtualMachineProfile.applicationProfile", json!({ "galleryApplications": [application] }))
    }

    pub(crate) fn patch_capacity(&self, id: &str, capacity: usize) -> Said {
        self.ask("PATCH", id, json!({ "sku": { "capacity": capacity } }))
    }

    /// The machines of a scale set, with their view.
    pub(crate) fn machines(&self, id: &str) -> Vec<Value> {
        let filter = format!("$filter=%27virtualMachineScaleSet/id%27%20eq%20%27{id}%27&$expand=instanceView");
        let said = self.get(&format!("{GROUP}/Microsoft.Compute/virtualMachines?{filter}")).ok();
        said["value"].as_array().cloned().expect("a list")
    }

    pub(crate) fn capacity(&self, id: &str) -> u64 {
        self.get(id).ok()["sku"]["capacity"].as_u64().expect("a number")
    }
}

/// A field of a field, which is made.
pub(crate) fn pointer<'a>(body: &'a mut Value, field: &str) -> &'a mut Value {
    field.split('.').fold(body, |body, part| &mut body[part])
}

fn without(body: &mut Value, field: &str) {
    let (above, name) = field.rsplit_once('.').unwrap_or(("", field));
    let above = if above.is_empty() { body } else { pointer(body, above) };
    above.as_object_mut().expect("an object").remove(name);
}

impl Said {
    pub(crate) fn of(reply: Reply) -> Self {
        let body =
            if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).expect("an answer is JSON") };
        Self { status: reply.status, headers: reply.headers, body }
    }

    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The error's status and code; there must be one.
    pub(crate) fn error(&self) -> (u16, &str) {
        assert!(self.status >= 400, "{} {}", self.status, self.body);
        (self.status, self.body["error"]["code"].as_str().expect("an error has a code"))
    }
}

/// A text of each.
pub(crate) fn each<'a>(values: &'a [Value], pointer: &str) -> Vec<&'a str> {
    values.iter().map(|value| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()).collect()
}
