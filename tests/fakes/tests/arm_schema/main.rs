//! Microsoft's models as a judge: what they let pass, and each kind of thing that they refuse.

mod answers;

use std::collections::BTreeSet;

use immutable_fakes::arm_schema::{ArmSchema, EXCEPTIONS, Exception};
use serde_json::{Value, json};

const GROUP: &str = "/subscriptions/6f0c1c39-9a3e-4b0a-8f3e-0a1b2c3d4e5f/resourceGroups/shop/providers";
const COMPUTE: &str = "api-version=2026-04-01";
const GALLERY: &str = "api-version=2026-03-03";
const NETWORK: &str = "api-version=2026-03-01";
const TRAFFIC: &str = "api-version=2026-09-01";
const JSON: (&str, &str) = ("Content-Type", "application/json");

type Headers<'a> = &'a [(&'a str, &'a str)];

fn owned(headers: Headers<'_>) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn ask(verb: &str, uri: &str, headers: Headers<'_>, body: &[u8]) -> Result<String, Vec<String>> {
    ArmSchema::azure().request(verb, uri, &owned(headers), body).map(|found| found.id.to_owned())
}

fn get(rest: &str) -> Result<String, Vec<String>> {
    ask("GET", &format!("{GROUP}/{rest}"), &[], b"")
}

fn send(verb: &str, rest: &str, body: &Value) -> Result<String, Vec<String>> {
    ask(verb, &format!("{GROUP}/{rest}"), &[JSON], body.to_string().as_bytes())
}

fn put(body: &Value) -> Result<String, Vec<String>> {
    send("PUT", &format!("Microsoft.Compute/virtualMachineScaleSets/web-0007-0?{COMPUTE}"), body)
}

fn answer(id: &str, status: u16, headers: Headers<'_>, body: &Value) -> Result<(), Vec<String>> {
    ArmSchema::azure().response(id, status, &owned(headers), body.to_string().as_bytes())
}

fn empty(id: &str, status: u16, headers: Headers<'_>) -> Result<(), Vec<String>> {
    ArmSchema::azure().response(id, status, &owned(headers), b"")
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(field.into(), value)),
        Value::Array(all) => all[field.parse::<usize>().unwrap()] = value,
        other => panic!("{other} has no fields"),
    }
    body
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    assert!(body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).is_some());
    body
}

/// There is one thing wrong, and of this it tells.
#[track_caller]
fn refused<T: std::fmt::Debug>(judged: Result<T, Vec<String>>, words: &[&str]) {
    let wrong = judged.unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    for word in words {
        assert!(wrong[0].contains(word), "{word:?} is to be in {:?}", wrong[0]);
    }
}

fn scale_set() -> Value {
    json!({
        "location": "westeurope",
        "tags": {"immutable-fleet": "web"},
        "sku": {"name": "Standard_B2s", "tier": "Standard", "capacity": 0},
        "zones": ["1"],
        "properties": {
            "orchestrationMode": "Flexible",
            "platformFaultDomainCount": 1,
            "singlePlacementGroup": false,
            "automaticRepairsPolicy": {"enabled": false},
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": {"id": format!("{GROUP}/Microsoft.Compute/galleries/g/images/web/versions/1.2.3")},
                    "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "StandardSSD_LRS"}},
                },
                "networkProfile": {
                    "networkApiVersion": "2022-11-01",
                    "networkInterfaceConfigurations": [{"name": "nic", "properties": {
                        "primary": true,
                        "ipConfigurations": [{"name": "ip", "properties": {
                            "subnet": {"id": format!("{GROUP}/Microsoft.Network/virtualNetworks/n/subnets/s")},
                            "loadBalancerBackendAddressPools": [{"id": format!("{GROUP}/Microsoft.Network/loadBalancers/front/backendAddressPools/web-0007")}],
                        }}],
                    }}],
                },
                "applicationProfile": {"galleryApplications": [{
                    "packageReferenceId": format!("{GROUP}/Microsoft.Compute/galleries/g/applications/web/versions/1.2.3"),
                    "enableAutomaticUpgrade": false,
                    "treatFailureAsDeploymentFailure": true,
                }]},
            },
        },
    })
}

fn made() -> Value {
    let id = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web-0007-0");
    let made = with(with(scale_set(), "/id", json!(id)), "/name", json!("web-0007-0"));
    let made = with(with(made, "/etag", json!("\"1\"")), "/type", json!("Microsoft.Compute/virtualMachineScaleSets"));
    with(made, "/properties/provisioningState", json!("Succeeded"))
}

fn balancer() -> Value {
    let id = |kind: &str, name: &str| json!({"id": format!("{GROUP}/Microsoft.Network/loadBalancers/front/{kind}/{name}")});
    json!({
        "location": "westeurope",
        "tags": {"immutable-fleet": "web"},
        "sku": {"name": "Standard", "tier": "Regional"},
        "properties": {
            "frontendIPConfigurations": [{"name": "public", "properties": {"publicIPAddress": {"id": format!("{GROUP}/Microsoft.Network/publicIPAddresses/p")}}}],
            "backendAddressPools": [{"name": "web-0007"}],
            "probes": [{"name": "up", "properties": {"protocol": "Http", "port": 80, "requestPath": "/up"}}],
            "loadBalancingRules": [{"name": "http", "properties": {
                "protocol": "Tcp",
                "frontendPort": 80,
                "backendPort": 80,
                "frontendIPConfiguration": id("frontendIPConfigurations", "public"),
                "backendAddressPool": id("backendAddressPools", "web-0007"),
                "backendAddressPools": [id("backendAddressPools", "web-0007")],
                "probe": id("probes", "up"),
            }}],
        },
    })
}

#[test]
fn it_can_be_read_and_knows_every_method() {
    let azure = ArmSchema::azure();
    let packages: Vec<_> = azure.packages().collect();
    let right = [
        ("azure-mgmt-compute", "39.0.0"),
        ("azure-mgmt-monitor", "7.0.0"),
        ("azure-mgmt-network", "33.1.0"),
        ("azure-mgmt-trafficmanager", "2.0.0"),
    ];
    assert_eq!(packages, right);
    let source = include_str!("../../../arm/reduce.py");
    let listed = source.split("METHODS = {").nth(1).and_then(|rest| rest.split("\n}\n").next()).unwrap();
    let listed = listed.split(|letter: char| !letter.is_alphanumeric() && letter != '.');
    let mut listed: BTreeSet<&str> =
        listed.filter(|word| word.contains('.') && word.len() > 1 && !word.starts_with('.')).collect();
    assert!(listed.contains("virtualMachineScaleSets.deleteInstances") && listed.contains("metrics.list"));
    listed.extend(["openidConfiguration", "operationResults.get", "operations.get", "token"]);
    assert_eq!(azure.methods().collect::<BTreeSet<_>>(), listed);
    assert_eq!(azure.methods().count(), listed.len(), "no two services have a method of one name");
    assert_eq!(azure.api_version("galleryImageVersions.get"), Some("2026-03-03"));
    assert_eq!(azure.api_version("token"), None);
}

#[test]
fn a_good_request_tells_its_method_and_its_parameters() {
    assert_eq!(put(&scale_set()).unwrap(), "virtualMachineScaleSets.createOrUpdate");
    let filter = format!("'virtualMachineScaleSet/id' eq '{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web-0007-0'");
    let escaped = percent_encoding::utf8_percent_encode(&filter, percent_encoding::NON_ALPHANUMERIC);
    let uri = format!("{GROUP}/Microsoft.Compute/virtualMachines?{COMPUTE}&$expand=instanceView&%24filter={escaped}");
    let found = ArmSchema::azure().request("GET", &uri, &[], b"").unwrap();
    assert_eq!(found.id, "virtualMachines.list");
    let expected = [
        ("$expand", "instanceView"),
        ("$filter", filter.as_str()),
        ("resourceGroupName", "shop"),
        ("subscriptionId", "6f0c1c39-9a3e-4b0a-8f3e-0a1b2c3d4e5f"),
    ];
    assert_eq!(found.parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let named = json!({"instanceIds": ["web-0007-0_1a2b3c4d"]});
    let delete = format!("Microsoft.Compute/virtualMachineScaleSets/web-0007-0/delete?{COMPUTE}");
    assert_eq!(send("POST", &delete, &named).unwrap(), "virtualMachineScaleSets.deleteInstances");
}

#[test]
fn paths_are_compared_without_case_and_names_keep_theirs() {
    let uri = format!("/SUBSCRIPTIONS/S/resourcegroups/Shop/Providers/microsoft.compute/VIRTUALMACHINESCALESETS/Web?{COMPUTE}");
    let found = ArmSchema::azure().request("GET", &uri, &[], b"").unwrap();
    assert_eq!((found.id, found.parameters["vmScaleSetName"].as_str()), ("virtualMachineScaleSets.get", "Web"));
}

#[test]
fn metrics_are_of_a_resource_of_whatever_depth() {
    let resource = "subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web_1";
    let uri = format!("/{resource}/providers/Microsoft.Insights/metrics?api-version=2024-02-01&metricnames=Percentage%20CPU");
    let found = ArmSchema::azure().request("GET", &uri, &[], b"").unwrap();
    assert_eq!((found.id, found.parameters["resourceUri"].as_str()), ("metrics.list", resource));
    let none = ask("GET", "/providers/Microsoft.Insights/metrics?api-version=2024-02-01", &[], b"");
    refused(none, &["no method has the path"]);
    refused(ask("GET", &format!("{uri}&top=ten"), &[], b""), &["parameter top", "not a whole number"]);
}

#[test]
fn an_unknown_path_or_verb_is_refused() {
    refused(get(&format!("Microsoft.Compute/disks/d?{COMPUTE}")), &["no method has the path", "tests/arm/reduce.py"]);
    refused(
        get(&format!("Microsoft.Compute/virtualMachineScaleSets/web/delete?{COMPUTE}")),
        &["POST for virtualMachineScaleSets.deleteInstances"],
    );
    let restart = format!("Microsoft.Compute/virtualMachineScaleSets/web/restart?{COMPUTE}");
    refused(send("POST", &restart, &json!({})), &["no method has the path"]);
}

#[test]
fn another_version_of_the_api_or_none_is_refused() {
    let image = "Microsoft.Compute/galleries/g/images/web/versions/1.2.3";
    get(&format!("{image}?{GALLERY}&$expand=ReplicationStatus")).unwrap();
    refused(get(&format!("{image}?{COMPUTE}")), &["api-version 2026-04-01", "2026-03-03 is right"]);
    refused(get(image), &["api-version is missing"]);
    refused(get(&format!("{image}?{GALLERY}&{GALLERY}")), &["api-version is there twice"]);
    let token = "grant_type=client_credentials&client_id=c&scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let uri = format!("/t/oauth2/v2.0/token?{COMPUTE}");
    refused(ask("POST", &uri, &form, token.as_bytes()), &["api-version is there, and none is expected"]);
}

#[test]
fn a_parameter_that_is_unknown_twice_or_of_another_value_is_refused() {
    let vms = format!("Microsoft.Compute/virtualMachines?{COMPUTE}");
    refused(get(&format!("{vms}&$top=1")), &["no parameter $top", "$expand $filter"]);
    refused(get(&format!("{vms}&$expand=instanceview")), &["parameter $expand", "no value of it", "instanceView"]);
    refused(get(&format!("{vms}&$filter=a&$filter=b")), &["$filter is there twice"]);
    // A name of the path is none of the query, and is not taken from there.
    assert_eq!(get(&format!("{vms}&resourceGroupName=other")).unwrap_err().len(), 2);
    let set = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web?{COMPUTE}");
    assert_eq!(ask("DELETE", &format!("{set}&forceDeletion=true"), &[], b"").unwrap(), "virtualMachineScaleSets.delete");
    refused(ask("DELETE", &format!("{set}&forceDeletion=yes"), &[], b""), &["forceDeletion", "true or false"]);
}

#[test]
fn a_body_is_there_where_one_is_expected_and_nowhere_else() {
    let set = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web?{COMPUTE}");
    refused(ask("PUT", &set, &[JSON], b""), &["body", "is missing"]);
    refused(ask("PUT", &set, &[JSON], b"<xml/>"), &["body", "is not JSON"]);
    refused(ask("PUT", &set, &[JSON], b"[]"), &["body", "[] is not an object"]);
    refused(ask("GET", &set, &[], b"{}"), &["body", "none is expected"]);
    refused(ask("PUT", &set, &[], scale_set().to_string().as_bytes()), &["content-type says nothing", "application/json"]);
    refused(
        ask("PUT", &set, &[("content-type", "text/json")], scale_set().to_string().as_bytes()),
        &["content-type says text/json"],
    );
    let charset = [("content-type", "application/json; charset=utf-8")];
    ask("PUT", &set, &charset, scale_set().to_string().as_bytes()).unwrap();
}

#[test]
fn a_field_that_is_unknown_or_missing_is_refused_at_any_depth() {
    refused(
        put(&with(scale_set(), "/labels", json!({}))),
        &["body.labels", "no such field", "VirtualMachineScaleSet has", "tags"],
    );
    refused(put(&with(scale_set(), "/properties/mode", json!("Flexible"))), &["body.properties.mode", "no such field"]);
    let application = "/properties/virtualMachineProfile/applicationProfile/galleryApplications/0";
    refused(
        put(&with(scale_set(), &format!("{application}/version"), json!("1.2.3"))),
        &["galleryApplications[0].version", "packageReferenceId"],
    );
    refused(put(&without(scale_set(), "/location")), &["body: location is missing"]);
    refused(put(&without(scale_set(), &format!("{application}/packageReferenceId"))), &["packageReferenceId is missing"]);
    let delete = format!("Microsoft.Compute/virtualMachineScaleSets/web/delete?{COMPUTE}");
    refused(send("POST", &delete, &json!({})), &["body: instanceIds is missing"]);
    // In a patch the same fields may be left out.
    let patch = format!("Microsoft.Compute/virtualMachineScaleSets/web?{COMPUTE}");
    assert_eq!(send("PATCH", &patch, &json!({"sku": {"capacity": 3}})).unwrap(), "virtualMachineScaleSets.update");
    // But not whatever the models have as required: a version's storage profile is, even of a patch that leaves it as it is.
    let version = format!("Microsoft.Compute/galleries/g/images/web/versions/1.2.3?{GALLERY}");
    let profile = json!({"properties": {"publishingProfile": {"excludeFromLatest": true}}});
    refused(send("PATCH", &version, &profile), &["body.properties: storageProfile is missing"]);
    send("PATCH", &version, &with(profile, "/properties/storageProfile", json!({}))).unwrap();
}

#[test]
fn a_value_of_another_type_format_or_enum_is_refused() {
    for (pointer, value, words) in [
        ("/sku/capacity", json!("3"), ["body.sku.capacity", "\"3\" is not a whole number"]),
        ("/sku/capacity", json!(2.5), ["body.sku.capacity", "2.5 is not a whole number"]),
        ("/sku/capacity", Value::Null, ["body.sku.capacity", "null is not a whole number"]),
        ("/zones", json!("1"), ["body.zones", "is not a list"]),
        ("/zones/0", json!(1), ["body.zones[0]", "1 is not a text"]),
        ("/tags/immutable-fleet", json!(7), ["body.tags.immutable-fleet", "7 is not a text"]),
        ("/properties/orchestrationMode", json!("Loose"), ["orchestrationMode", "Flexible Uniform"]),
        ("/properties/singlePlacementGroup", json!("false"), ["singlePlacementGroup", "is not true or false"]),
        (
            "/properties/virtualMachineProfile/storageProfile/osDisk/createOption",
            json!("fromImage"),
            ["createOption", "FromImage"],
        ),
    ] {
        refused(put(&with(scale_set(), pointer, value)), &words);
    }
    let version = |end: &str| {
        let profile = json!({"endOfLifeDate": end, "targetRegions": [{"name": "westeurope", "regionalReplicaCount": 1}]});
        let body = json!({"location": "westeurope", "properties": {"publishingProfile": profile, "storageProfile": {"source": {"id": "/i"}}}});
        send("PUT", &format!("Microsoft.Compute/galleries/g/images/web/versions/1.2.3?{GALLERY}"), &body)
    };
    assert_eq!(version("2027-01-01T00:00:00Z").unwrap(), "galleryImageVersions.createOrUpdate");
    refused(version("2027-01-01"), &["endOfLifeDate", "RFC 3339"]);
    let profile = |weight: Value| {
        let endpoint = json!({"name": "green", "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints", "properties": {"target": "1.2.3.4", "weight": weight}});
        let uri = format!("Microsoft.Network/trafficmanagerprofiles/web?{TRAFFIC}");
        send("PATCH", &uri, &json!({"properties": {"endpoints": [endpoint]}}))
    };
    assert_eq!(profile(json!(1000)).unwrap(), "profiles.update");
    refused(profile(json!("1000")), &["endpoints[0].properties.weight", "whole number"]);
}

#[test]
fn several_faults_are_told_together() {
    let body = with(with(scale_set(), "/colour", json!("red")), "/sku/capacity", json!("3"));
    let uri = "Microsoft.Compute/virtualMachineScaleSets/web?api-version=2024-07-01&colour=red";
    assert_eq!(send("PUT", uri, &body).unwrap_err().len(), 4);
}

#[test]
fn what_is_only_ever_answered_is_refused_in_a_request() {
    refused(put(&with(scale_set(), "/etag", json!("\"1\""))), &["body.etag", "only ever in an answer"]);
    refused(put(&with(scale_set(), "/properties/provisioningState", json!("Succeeded"))), &["provisioningState", "only ever"]);
    refused(put(&with(scale_set(), "/properties/uniqueId", json!("u"))), &["uniqueId", "only ever"]);
    // A load balancer is sent back as it was read.
    let uri = format!("Microsoft.Network/loadBalancers/front?{NETWORK}");
    let echo = with(with(balancer(), "/etag", json!("W/\"1\"")), "/properties/provisioningState", json!("Succeeded"));
    let echo = with(echo, "/properties/backendAddressPools/0/etag", json!("W/\"1\""));
    assert_eq!(send("PUT", &uri, &echo).unwrap(), "loadBalancers.createOrUpdate");
    // What is echoed is judged all the same.
    refused(send("PUT", &uri, &with(echo, "/etag", json!(1))), &["body.etag", "1 is not a text"]);
}

#[test]
fn conditions_are_those_that_the_service_knows() {
    let body = scale_set().to_string();
    let set = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web?{COMPUTE}");
    ask("PUT", &set, &[JSON, ("if-none-match", "*")], body.as_bytes()).unwrap();
    ask("PATCH", &set, &[JSON, ("If-Match", "\"1\"")], b"{\"sku\":{\"capacity\":3}}").unwrap();
    refused(ask("DELETE", &set, &[("If-Match", "\"1\"")], b""), &["header If-Match is none of its conditions"]);
    refused(ask("PUT", &set, &[JSON, ("If-Modified-Since", "x")], body.as_bytes()), &["If-Modified-Since", "If-None-Match"]);
    let balancer_uri = format!("{GROUP}/Microsoft.Network/loadBalancers/front?{NETWORK}");
    let put = |condition| ask("PUT", &balancer_uri, &[JSON, condition], balancer().to_string().as_bytes());
    assert_eq!(put(("If-Match", "W/\"1\"")).unwrap(), "loadBalancers.createOrUpdate");
    refused(put(("If-None-Match", "*")), &["header If-None-Match"]);
    let profile = format!("{GROUP}/Microsoft.Network/trafficmanagerprofiles/web?{TRAFFIC}");
    let weights = json!({"properties": {}}).to_string();
    refused(ask("PATCH", &profile, &[JSON, ("If-Match", "x")], weights.as_bytes()), &["header If-Match"]);
}

#[test]
fn exceptions_are_of_what_the_models_do_not_allow() {
    let azure = ArmSchema::azure();
    for one in EXCEPTIONS {
        let (methods, why) = match one {
            Exception::Condition { methods, why, .. }
            | Exception::Parameter { methods, why, .. }
            | Exception::Echoed { methods, why } => (*methods, why),
            Exception::Undescribed { method, place, why } => {
                let of = |id: &str| answer(id, 200, &[], &json!([{"name": "1.2.3", "location": "westeurope", "properties": {}}]));
                assert_eq!(*place, "].properties");
                of(method).unwrap();
                assert!(of("virtualMachineImages.get").is_err());
                (&[][..], why)
            }
            Exception::Unlisted { place, why } => (if place.starts_with('.') { &[][..] } else { panic!("{place}") }, why),
            other => panic!("{other:?} is not tested"),
        };
        assert!(!why.is_empty() && methods.iter().all(|id| azure.methods().any(|known| known == *id)), "{one:?}");
    }
    // Pages: of lists alone.
    let page = |rest: &str| get(&format!("Microsoft.Compute/{rest}?{COMPUTE}&$skiptoken=abc"));
    assert_eq!(page("virtualMachines").unwrap(), "virtualMachines.list");
    assert_eq!(get(&format!("Microsoft.Compute/virtualMachines?{COMPUTE}&$skipToken=abc")).unwrap(), "virtualMachines.list");
    refused(page("virtualMachineScaleSets/web"), &["no parameter $skiptoken"]);
}

#[test]
fn a_form_is_judged_as_a_query_is() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let good = "grant_type=client_credentials&client_id=c&client_secret=s&scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let token = |body: &str| ask("POST", "/tenant/oauth2/v2.0/token", &form, body.as_bytes());
    assert_eq!(token(good).unwrap(), "token");
    refused(token(&format!("{good}&colour=red")), &["no parameter colour"]);
    refused(token(&good.replace("client_credentials", "password")), &["grant_type", "client_credentials"]);
    refused(token(&good.replace("%2F.default", "")), &["scope", "pattern"]);
    refused(token(&good.replace("client_id=c&", "")), &["client_id is missing"]);
    refused(ask("POST", "/tenant/oauth2/v2.0/token", &[JSON], good.as_bytes()), &["content-type says application/json"]);
}
