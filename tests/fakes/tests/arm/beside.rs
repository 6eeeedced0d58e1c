//! What the wire needs for everything that is not a scale set.

use serde_json::{Value, json};

use crate::wire::{GROUP, Said, Wire};

/// The `api-version` of a path.
fn version(path: &str) -> &'static str {
    let known = [
        ("/locations/", ""),
        ("Microsoft.Insights", "2024-02-01"),
        ("Microsoft.Compute/skus", "2021-07-01"),
        ("/galleries/", "2026-03-03"),
        ("trafficManagerProfiles", "2026-09-01"),
        ("Microsoft.Network", "2026-03-01"),
    ];
    known.iter().find(|(part, _)| path.contains(part)).map_or("", |(_, version)| version)
}

impl Wire {
    /// A call, in the version of its path, with headers.
    pub(crate) fn call_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Said {
        let version = version(path);
        if version.is_empty() || path.contains("api-version=") {
            return self.with(method, path, headers, body);
        }
        let between = if path.contains('?') { '&' } else { '?' };
        self.with(method, &format!("{path}{between}api-version={version}"), headers, body)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: Value) -> Said {
        self.call_with(method, path, &[], body)
    }

    pub(crate) fn read(&self, path: &str) -> Value {
        self.call("GET", path, Value::Null).ok()
    }

    /// A call that must be accepted, and its operation when it is over.
    pub(crate) fn over(&self, method: &str, path: &str, body: Value) -> Value {
        let said = self.call(method, path, body);
        assert!(said.status < 300, "{method} {path}: {} {}", said.status, said.body);
        self.done(&said)
    }

    /// Makes a scale set whose machines join a pool, and waits until it is done: its id, and the names of its machines.
    pub(crate) fn behind(&self, name: &str, capacity: usize, pool: &str) -> (String, Vec<String>) {
        let address = json!({ "name": "ip", "properties": {
            "subnet": { "id": format!("{GROUP}/Microsoft.Network/virtualNetworks/net/subnets/web") },
            "loadBalancerBackendAddressPools": [{ "id": pool }],
        } });
        let interface = json!({ "name": "nic", "properties": { "primary": true, "ipConfigurations": [address] } });
        let field = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations";
        let id = self.scale_set(name, capacity, &[(field, json!([interface]))]);
        let mut names: Vec<String> =
            self.machines(&id).iter().map(|machine| machine["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        (id, names)
    }
}
