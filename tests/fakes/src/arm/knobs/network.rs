//! Load balancers, profiles and metrics.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::FakeArm;
use super::super::asked::key;
use super::super::network::{Address, BALANCER, Rival};
use super::super::world::{World, millis};

const ADDRESS: &str = "Microsoft.Network/publicIPAddresses";
const PROFILE: &str = "Microsoft.Network/trafficManagerProfiles";

/// What there is.
impl FakeArm {
    /// A Standard load balancer with a rule for each name, from port 80 of a frontend of its own, `NAME-RULE`, to port 80 of no pool yet, and a probe that
    /// is asked every 5 s. Its id.
    pub fn load_balancer(&self, name: &str, rules: &[&str]) -> String {
        let id = self.id(BALANCER, name);
        let mut world = self.lock();
        let (mut frontends, mut said) = (Vec::new(), Vec::new());
        for rule in rules {
            let address = self.id(ADDRESS, &format!("{name}-{rule}"));
            let host = format!("{name}-{rule}.{}.cloudapp.azure.com", world.location);
            world.network.addresses.insert(key(&address), Address { host });
            frontends.push(json!({ "name": rule, "properties": { "publicIPAddress": { "id": address }, "privateIPAllocationMethod": "Dynamic" } }));
            said.push(json!({ "name": rule, "properties": {
                "frontendIPConfiguration": { "id": format!("{id}/frontendIPConfigurations/{rule}") },
                "backendAddressPools": [],
                "probe": { "id": format!("{id}/probes/alive") },
                "protocol": "Tcp",
                "frontendPort": 80,
                "backendPort": 80,
                "loadDistribution": "Default",
                "idleTimeoutInMinutes": 4,
                "enableFloatingIP": false,
                "enableTcpReset": true,
                "disableOutboundSnat": true,
            } }));
        }
        let probe = json!({ "protocol": "Http", "port": 80, "requestPath": "/alive", "intervalInSeconds": 5, "numberOfProbes": 1, "probeThreshold": 1 });
        let body = json!({
            "location": world.location,
            "tags": {},
            "sku": { "name": "Standard", "tier": "Regional" },
            "properties": {
                "frontendIPConfigurations": frontends,
                "backendAddressPools": [],
                "loadBalancingRules": said,
                "probes": [{ "name": "alive", "properties": probe }],
                "inboundNatRules": [],
                "inboundNatPools": [],
                "outboundRules": [],
            },
        });
        world.keep(&id, true, body);
        let now = world.now;
        world.in_force(&id, now);
        id
    }

    /// The id of the public address in front of a rule of such a load balancer.
    pub fn address(&self, balancer: &str, rule: &str) -> String {
        self.id(ADDRESS, &format!("{balancer}-{rule}"))
    }

    /// A Traffic Manager profile that divides by weights, with an endpoint for each name and target (a public address's id), of which the first is
    /// enabled, with weight 1. Answers live for a minute, and endpoints are asked every 10 s. Its id.
    pub fn traffic_manager(&self, name: &str, targets: &[(&str, &str)]) -> String {
        let id = self.id(PROFILE, name);
        let mut world = self.lock();
        let endpoints = targets.iter().enumerate().map(|(at, (endpoint, target))| {
            let host = world.network.addresses.get(&key(target)).map(|address| address.host.clone()).unwrap_or_default();
            json!({
                "id": format!("{id}/azureEndpoints/{endpoint}"),
                "name": endpoint,
                "type": format!("{PROFILE}/azureEndpoints"),
                "properties": {
                    "endpointStatus": if at == 0 { "Enabled" } else { "Disabled" },
                    "targetResourceId": target,
                    "target": host,
                    "weight": 1,
                    "priority": at + 1,
                    "endpointLocation": world.location,
                },
            })
        });
        let endpoints: Vec<Value> = endpoints.collect();
        let body = json!({
            "location": "global",
            "tags": {},
            "properties": {
                "profileStatus": "Enabled",
                "trafficRoutingMethod": "Weighted",
                "dnsConfig": { "relativeName": name, "ttl": 60 },
                "monitorConfig": { "protocol": "HTTP", "port": 80, "path": "/alive", "intervalInSeconds": 10, "timeoutInSeconds": 5, "toleratedNumberOfFailures": 1 },
                "endpoints": endpoints,
                "trafficViewEnrollmentStatus": "Disabled",
            },
        });
        let now = world.now;
        world.profiles.keep(&id, body, now);
        id
    }
}

/// How load balancers behave.
impl FakeArm {
    /// How long after the end of an operation what it says is in force; 10 s.
    pub fn rules_settle(&self, takes: Duration) {
        self.lock().network.settle = millis(takes);
    }

    /// How long a connection goes on, whatever becomes of the rule; 4 min.
    pub fn connections_last(&self, last: Duration) {
        self.lock().network.flows = millis(last);
    }

    /// Whether `adminState` `Down` resets connections, as its docstring has it, or lets them go on, as the page about it has it; they go on.
    pub fn barring_resets(&self, resets: bool) {
        self.lock().network.resets = resets;
    }

    /// Whether whoever joins or leaves a pool gives its load balancer another etag; not. Who is in a pool is shown in the load balancer, and nothing
    /// that Microsoft says tells.
    pub fn members_change_etags(&self, count: bool) {
        self.lock().network.members_count = count;
    }

    /// Whether a load balancer cannot be written while a machine joins or leaves one of its pools: 429 `RetryableError` (tectonic-installer#1459); not.
    pub fn members_block_writes(&self, block: bool) {
        self.lock().network.members_block = block;
    }

    /// What becomes of a write to a load balancer while another goes on.
    pub fn rivals(&self, rival: Rival) {
        self.lock().network.rival = rival;
    }

    /// From now on probes of an external endpoint fail, or do not. It is named by its target.
    pub fn endpoint_is_ill(&self, target: &str, ill: bool) {
        let mut world = self.lock();
        let now = world.now;
        world.profiles.ill.entry(target.to_ascii_lowercase()).or_default().push((now, ill));
    }
}

/// What is measured.
impl FakeArm {
    /// A metric of a resource is known from now on: `metric(&set, "Percentage CPU", "Percent", &["VMName"])`.
    pub fn metric(&self, resource: &str, name: &str, unit: &str, dimensions: &[&str]) {
        self.lock().metrics.define(resource, name, unit, dimensions);
    }

    /// Every resource of a kind has a metric from its creation on, without dimensions, and it is this now and always was: once a minute, for a day.
    pub fn usual_metric(&self, kind: &str, name: &str, unit: &str, value: f64) {
        self.lock().metrics.usual(kind, name, unit, value);
    }

    /// A sample of a metric that is known, at a time in milliseconds.
    pub fn sample(&self, resource: &str, name: &str, dimensions: &[(&str, &str)], at_ms: u64, value: f64) {
        self.lock().metrics.sample(resource, name, dimensions, at_ms, value);
    }

    /// A metric is answered with a code and a message instead of data, while others are answered; or is not any more.
    pub fn metric_fails(&self, resource: &str, name: &str, failure: Option<(&str, &str)>) {
        let failure = failure.map(|(code, message)| (code.to_owned(), message.to_owned()));
        self.lock().metrics.fail(resource, name, failure);
    }

    /// How long a sample takes to be shown; at once.
    pub fn metrics_lag(&self, takes: Duration) {
        self.lock().metrics.lag = millis(takes);
    }
}

impl World {
    /// Somebody has changed a resource: what follows of it.
    pub(super) fn meddled(&mut self, id: &str) {
        self.reshelved(id);
        if self.find(id).is_some_and(|found| found.kind.eq_ignore_ascii_case(BALANCER)) {
            self.straighten(id);
            let now = self.now;
            self.in_force(id, now);
        }
    }
}
