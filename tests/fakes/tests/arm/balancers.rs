//! Load balancers: what is said of them. Who gets what by that is in `flows`.

use std::time::Duration;

use immutable_fakes::arm::Rival;
use serde_json::{Value, json};

use crate::wire::{GROUP, Said, Wire, each};

pub(crate) const FRONT: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/acme/providers/Microsoft.Network/loadBalancers/front";

pub(crate) fn pool(name: &str) -> String {
    format!("{FRONT}/backendAddressPools/{name}")
}

/// A load balancer with these rules and pools, and nobody behind.
pub(crate) fn front(rules: &[&str], pools: &[&str]) -> Wire {
    let wire = Wire::new();
    wire.fake.load_balancer("front", rules);
    for name in pools {
        wire.over("PUT", &pool(name), json!({ "properties": {} }));
    }
    wire
}

/// The whole of it, changed, and put again by the etag that it has.
pub(crate) fn put(wire: &Wire, change: impl FnOnce(&mut Value)) -> Said {
    let mut body = wire.read(FRONT);
    let etag = body["etag"].as_str().unwrap().to_owned();
    change(&mut body);
    wire.call_with("PUT", FRONT, &[("if-match", &etag)], body)
}

/// A rule leads to a pool, or to none.
pub(crate) fn lead(rule: usize, to: Option<&str>) -> impl Fn(&mut Value) {
    let pools: Vec<Value> = to.iter().map(|name| json!({ "id": pool(name) })).collect();
    move |body| {
        let properties = &mut body["properties"]["loadBalancingRules"][rule]["properties"];
        properties["backendAddressPools"] = json!(pools);
        properties.as_object_mut().unwrap().remove("backendAddressPool");
    }
}

/// `If-Match` is heeded, though no parameter: cloud-provider-azure#792.
#[test]
fn a_load_balancer_is_put_whole_by_its_etag() {
    let wire = front(&["web"], &["web-0001"]);
    let old = wire.read(FRONT);
    assert!(old["etag"].as_str().unwrap().starts_with("W/\""));
    let said = put(&wire, |body| body["tags"] = json!({ "immutable-op": "1" }));
    assert_eq!((said.status, said.body["properties"]["provisioningState"].as_str()), (200, Some("Updating")));
    assert_eq!(said.header("etag"), said.body["etag"].as_str());
    assert_ne!(said.body["etag"], old["etag"]);
    assert_eq!(wire.done(&said)["status"], "Succeeded");
    let stale = wire.call_with("PUT", FRONT, &[("if-match", old["etag"].as_str().unwrap())], old.clone());
    assert_eq!(stale.error(), (412, "PreconditionFailed"));
    assert_eq!(wire.read(FRONT)["tags"], json!({ "immutable-op": "1" }));
    // What it does not say is not there any more.
    let said = put(&wire, |body| _ = body.as_object_mut().unwrap().remove("tags"));
    wire.done(&said);
    assert_eq!(wire.read(FRONT)["tags"].as_object(), None);
    let new = FRONT.replace("front", "back");
    let body = json!({ "location": "westeurope", "sku": { "name": "Standard" }, "properties": {} });
    assert_eq!(wire.call_with("PUT", &new, &[("if-match", "*")], body.clone()).error(), (412, "PreconditionFailed"));
    let said = wire.call("PUT", &new, body);
    assert_eq!((said.status, said.body["properties"]["provisioningState"].as_str()), (201, Some("Creating")));
    let all = wire.read(&format!("{GROUP}/Microsoft.Network/loadBalancers"));
    assert_eq!(each(all["value"].as_array().unwrap(), "/name"), ["back", "front"]);
}

/// "Use tags to organize your Azure resources": values of at most 256 characters.
#[test]
fn tags_are_short() {
    let wire = front(&["web"], &[]);
    let tag = |length: usize| put(&wire, |body| body["tags"] = json!({ "immutable-state": "x".repeat(length) }));
    assert_eq!(tag(257).error(), (400, "InvalidTagValueLength"));
    let many: serde_json::Map<String, Value> = (0..51).map(|number| (number.to_string(), json!("x"))).collect();
    assert_eq!(put(&wire, |body| body["tags"] = json!(many)).error(), (400, "TooManyTags"));
    assert_eq!(tag(256).status, 200);
}

/// spinnaker#6736 quotes the code.
#[test]
fn both_fields_of_a_rules_pool_say_the_same() {
    let wire = front(&["web"], &["web-0001", "web-0002"]);
    wire.done(&put(&wire, lead(0, Some("web-0001"))));
    let rule = wire.read(FRONT)["properties"]["loadBalancingRules"][0]["properties"].clone();
    assert_eq!(
        (&rule["backendAddressPool"]["id"], &rule["backendAddressPools"][0]["id"]),
        (&json!(pool("web-0001")), &json!(pool("web-0001")))
    );
    let one = |field: &'static str, value: Value| {
        put(&wire, |body| body["properties"]["loadBalancingRules"][0]["properties"][field] = value)
    };
    let code = "LoadBalancingRuleBackendAdressPoolAndBackendAddressPoolsCannotBeSetAtTheSameTimeWithDifferentValue";
    assert_eq!(one("backendAddressPool", json!({ "id": pool("web-0002") })).error(), (400, code));
    assert_eq!(one("backendAddressPools", json!([{ "id": pool("web-0002") }])).error(), (400, code));
    let said = put(&wire, |body| {
        let rule = &mut body["properties"]["loadBalancingRules"][0]["properties"];
        rule["backendAddressPool"] = json!({ "id": pool("web-0002") });
        rule["backendAddressPools"] = json!([{ "id": pool("WEB-0002") }]);
    });
    assert_eq!(said.status, 200);
}

/// pulumi-azure-native#3601 quotes the code.
#[test]
fn what_a_rule_names_is_in_the_same_body() {
    let wire = front(&["web"], &["web-0001"]);
    assert_eq!(put(&wire, lead(0, Some("none"))).error(), (400, "InvalidResourceReference"));
    for field in ["probe", "frontendIPConfiguration"] {
        let said = put(&wire, |body| {
            body["properties"]["loadBalancingRules"][0]["properties"][field] = json!({ "id": format!("{FRONT}/probes/none") })
        });
        assert_eq!(said.error(), (400, "InvalidResourceReference"), "{field}");
    }
    let said = put(&wire, |body| {
        lead(0, Some("web-0001"))(body);
        body["properties"]["backendAddressPools"] = json!([]);
    });
    assert_eq!(said.error(), (400, "InvalidResourceReference"));
}

/// "RulesUseSameBackendPortProtocolAndPool": MicrosoftDocs/azure-docs#94673.
#[test]
fn two_rules_lead_to_the_same_port_of_two_pools() {
    let wire = front(&["one", "two"], &["web-0001", "web-0002"]);
    wire.done(&put(&wire, lead(0, Some("web-0001"))));
    let refused = put(&wire, lead(1, Some("web-0001")));
    assert_eq!(refused.error(), (400, "RulesUseSameBackendPortProtocolAndPool"));
    assert_eq!(put(&wire, lead(1, Some("web-0002"))).status, 200);
    // A rule may lead nowhere.
    let said = put(&wire, |body| {
        lead(0, None)(body);
        lead(1, Some("web-0001"))(body);
    });
    assert_eq!(said.status, 200);
    let same = put(&wire, |body| {
        body["properties"]["loadBalancingRules"][1]["properties"]["frontendIPConfiguration"] =
            json!({ "id": format!("{FRONT}/frontendIPConfigurations/one") })
    });
    assert_eq!(same.error(), (400, "RulesUseSameFrontendPortProtocolAndFrontendIPConfig"));
}

/// azurerm#10178, azure-cli#21156, azurerm#25417, AzureTRE#2222.
#[test]
fn of_two_writes_at_a_time_the_former_is_canceled_or_the_latter_refused() {
    let wire = front(&["web"], &["web-0001"]);
    let first = put(&wire, |body| body["tags"] = json!({ "op": "1" }));
    let second = put(&wire, |body| body["tags"] = json!({ "op": "2" }));
    let over = wire.done(&first);
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Canceled"), Some("Canceled")));
    let detail = &over["error"]["details"][0];
    assert_eq!(detail["code"], "CanceledAndSupersededDueToAnotherOperation");
    assert!(detail["message"].as_str().unwrap().starts_with("Operation PutLoadBalancerOperation ("));
    assert_eq!(wire.done(&second)["status"], "Succeeded");
    // A pool's is one, too: aztfmod/terraform-azurerm-caf#389.
    let first = wire.call("PUT", &pool("web-0002"), json!({ "properties": {} }));
    put(&wire, |body| body["tags"] = json!({ "op": "3" }));
    let detail = wire.done(&first)["error"]["details"][0]["message"].as_str().unwrap().to_owned();
    assert!(detail.contains("PutLoadBalancerBackendAddressPoolOperation"), "{detail}");
    wire.wait(60);
    for (rival, code) in [(Rival::Retryable, "RetryableError"), (Rival::InProgress, "AnotherOperationInProgress")] {
        wire.fake.rivals(rival);
        let first = put(&wire, |body| body["tags"] = json!({ "op": "4" }));
        assert_eq!(put(&wire, |body| body["tags"] = json!({ "op": "5" })).error(), (429, code));
        assert_eq!(wire.done(&first)["status"], "Succeeded");
        assert_eq!(wire.read(FRONT)["tags"]["op"], "4");
    }
}

/// What is said is shown at once, whatever becomes of the operation.
#[test]
fn a_write_that_fails_is_shown_and_never_in_force() {
    let wire = front(&["web"], &["web-0001"]);
    wire.fake.operation_fails("loadBalancers.createOrUpdate", "InternalServerError", "An error occurred.");
    let over = wire.done(&put(&wire, lead(0, Some("web-0001"))));
    assert_eq!((over["status"].as_str(), over["error"]["code"].as_str()), (Some("Failed"), Some("InternalServerError")));
    wire.wait(60);
    assert_eq!(wire.read(FRONT)["properties"]["provisioningState"], "Failed");
    let truth = wire.fake.balancers()[&FRONT.to_lowercase()].rules["web"].clone();
    assert_eq!((truth.said.as_str(), truth.in_force.as_str()), ("web-0001", ""));
}

/// Who is in a pool is there by the network interface: "Backend pool management". azurerm#29775 shows a name.
#[test]
fn a_pool_shows_who_joined_it_and_a_put_removes_nobody() {
    let wire = front(&["web"], &["web-0001"]);
    let (set, names) = wire.behind("web-0001-0", 2, &pool("web-0001"));
    let shown = wire.read(&pool("web-0001"))["properties"].clone();
    let addresses = shown["loadBalancerBackendAddresses"].as_array().unwrap();
    let configurations = each(addresses, "/properties/networkInterfaceIPConfiguration/id");
    assert!(
        configurations
            .iter()
            .all(|id| id.ends_with("/ipConfigurations/ip") && names.iter().any(|name| id.contains(name.as_str())))
    );
    assert_eq!(each(shown["backendIPConfigurations"].as_array().unwrap(), "/id"), configurations);
    assert_eq!(each(addresses, "/properties/adminState"), ["None"; 2]);
    let members = |wire: &Wire| wire.fake.balancers()[&FRONT.to_lowercase()].pools["web-0001"].clone();
    // A body without them, and one that echoes them.
    for echoes in [false, true] {
        let said = put(&wire, |body| {
            if !echoes {
                body["properties"]["backendAddressPools"] = json!([{ "name": "web-0001", "properties": {} }]);
            }
        });
        wire.done(&said);
        assert_eq!(members(&wire).len(), 2);
    }
    // An echo without its name is taken for another: azurerm#7691.
    let said = put(&wire, |body| {
        let address = &mut body["properties"]["backendAddressPools"][0]["properties"]["loadBalancerBackendAddresses"][0];
        address.as_object_mut().unwrap().remove("name");
    });
    assert_eq!(said.error(), (400, "DuplicateIpConfigurationReferenceOnBackendAddressPool"));
    wire.done(&wire.ask("DELETE", &set, Value::Null));
    assert_eq!(members(&wire).len(), 0);
}

/// vm-scale-sets#53, pulumi-azure-native#3601.
#[test]
fn a_pool_that_somebody_uses_is_not_deleted() {
    let wire = front(&["web"], &["web-0001", "web-0002"]);
    let delete = |name: &str| wire.call("DELETE", &pool(name), Value::Null);
    wire.done(&put(&wire, lead(0, Some("web-0001"))));
    assert_eq!(delete("web-0001").error(), (400, "InvalidResourceReference"));
    wire.done(&put(&wire, lead(0, None)));
    let (set, _) = wire.behind("web-0001-0", 0, &pool("web-0001"));
    let refused = delete("web-0001");
    assert_eq!(refused.status, 400);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("in use by virtual machine scale set"));
    // Nor by a PUT of the whole.
    let without = put(&wire, |body| body["properties"]["backendAddressPools"] = json!([]));
    assert_eq!(without.status, 400);
    wire.done(&wire.ask("DELETE", &set, Value::Null));
    let said = delete("web-0001");
    assert_eq!(said.status, 202);
    wire.done(&said);
    assert_eq!(wire.call("GET", &pool("web-0001"), Value::Null).error(), (404, "NotFound"));
    assert_eq!(delete("web-0001").status, 204);
    assert_eq!(each(wire.read(FRONT)["properties"]["backendAddressPools"].as_array().unwrap(), "/name"), ["web-0002"]);
}

/// The load balancer's etag is its pools', and another with each write to any of them.
#[test]
fn a_pool_is_put_by_the_etag_of_its_load_balancer() {
    let wire = front(&["web"], &["web-0001"]);
    let etag = wire.read(&pool("web-0001"))["etag"].as_str().unwrap().to_owned();
    assert_eq!(wire.read(FRONT)["etag"], etag.as_str());
    wire.fake.operations_take(Duration::from_secs(1));
    assert_eq!(wire.over("PUT", &pool("web-0002"), json!({ "properties": {} }))["status"], "Succeeded");
    let stale = wire.call_with("PUT", &pool("web-0001"), &[("if-match", &etag)], json!({ "properties": {} }));
    assert_eq!(stale.error(), (412, "PreconditionFailed"));
    let none = wire.call("PUT", &pool("web-0003").replace("front", "none"), json!({ "properties": {} }));
    assert_eq!(none.error(), (404, "ResourceNotFound"));
    // The answer that comes of the operation is the pool.
    let said = wire.call("PUT", &pool("web-0003"), json!({ "properties": { "drainPeriodInSeconds": 30 } }));
    wire.done(&said);
    let result = wire.get(&Wire::path_of(said.header("location").unwrap())).ok();
    assert_eq!((&result["name"], &result["properties"]["drainPeriodInSeconds"]), (&json!("web-0003"), &json!(30)));
}

/// coreos/tectonic-installer#1459 quotes it.
#[test]
fn who_joins_a_pool_may_stand_in_the_way() {
    let wire = front(&["web"], &["web-0001"]);
    let (set, _) = wire.behind("web-0001-0", 1, &pool("web-0001"));
    wire.fake.members_block_writes(true);
    let tag = |wire: &Wire| put(wire, |body| body["tags"] = json!({ "op": "1" }));
    wire.done(&tag(&wire));
    wire.patch_capacity(&set, 2);
    wire.wait(5);
    let refused = tag(&wire);
    assert_eq!(refused.error(), (429, "RetryableError"));
    assert_eq!(refused.body["error"]["details"][0]["code"], "ReferencedResourceNotProvisioned");
    wire.wait(60);
    assert_eq!(tag(&wire).status, 200);
}

#[test]
fn who_joins_a_pool_may_change_the_etag() {
    for changes in [false, true] {
        let wire = front(&["web"], &["web-0001"]);
        wire.fake.members_change_etags(changes);
        let etag = wire.read(FRONT)["etag"].as_str().unwrap().to_owned();
        let body = wire.read(FRONT);
        wire.behind("web-0001-0", 1, &pool("web-0001"));
        assert_eq!(wire.read(FRONT)["etag"] != etag.as_str(), changes);
        assert_eq!(wire.call_with("PUT", FRONT, &[("if-match", &etag)], body).status == 412, changes);
        assert_eq!(put(&wire, |_| {}).status, 200);
    }
}
