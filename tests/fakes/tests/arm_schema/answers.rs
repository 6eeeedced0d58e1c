//! What is answered.

use immutable_fakes::arm_schema::{ArmSchema, Values};
use serde_json::{Value, json};

use crate::{COMPUTE, answer, ask, balancer, empty, made, refused, with, without};

#[test]
fn a_good_answer_passes() {
    answer("virtualMachineScaleSets.get", 200, &[("etag", "\"1\"")], &made()).unwrap();
    answer("virtualMachineScaleSets.list", 200, &[], &json!({"value": [made()], "nextLink": "https://x/?$skiptoken=1"})).unwrap();
    answer("loadBalancers.get", 200, &[], &balancer()).unwrap();
    answer("virtualMachineImages.list", 200, &[], &json!([{"name": "1.2.3", "location": "westeurope", "id": "/x"}])).unwrap();
    let metric = json!({
        "cost": 59,
        "timespan": "2026-11-20T00:00:00Z/2026-11-20T00:05:00Z",
        "interval": "PT1M",
        "value": [{
            "id": "/m",
            "type": "Microsoft.Insights/metrics",
            "name": {"value": "Percentage CPU", "localizedValue": "Percentage CPU"},
            "unit": "Percent",
            "timeseries": [{"metadatavalues": [], "data": [{"timeStamp": "2026-11-20T00:00:00Z", "average": 1.5}, {"timeStamp": "2026-11-20T00:01:00Z"}]}],
        }],
    });
    answer("metrics.list", 200, &[], &metric).unwrap();
    let point = "/value/0/timeseries/0/data/0/timeStamp";
    refused(answer("metrics.list", 200, &[], &with(metric.clone(), point, json!("noon"))), &["data[0].timeStamp", "RFC 3339"]);
    refused(answer("metrics.list", 200, &[], &with(metric, "/value/0/unit", json!("Apples"))), &["value[0].unit", "Percent"]);
}

#[test]
fn an_answer_that_azure_would_not_give_is_refused() {
    let get = |body: &Value| answer("virtualMachineScaleSets.get", 200, &[], body);
    refused(
        get(&with(made(), "/colour", json!("red"))),
        &["the answer to virtualMachineScaleSets.get", "body.colour", "no such field"],
    );
    refused(get(&with(made(), "/sku/capacity", json!("0"))), &["body.sku.capacity", "whole number"]);
    refused(get(&without(made(), "/location")), &["location is missing"]);
    refused(get(&with(made(), "/properties/orchestrationMode", json!("Loose"))), &["orchestrationMode", "\"Loose\" is no value"]);
    refused(get(&json!([])), &["body", "not an object"]);
    refused(empty("virtualMachineScaleSets.get", 200, &[]), &["body", "is missing"]);
    refused(answer("virtualMachineScaleSets.list", 200, &[], &json!([made()])), &["body", "not an object"]);
    refused(answer("virtualMachineScaleSets.list", 200, &[], &json!({"nextLink": "x"})), &["value is missing"]);
    refused(answer("virtualMachineScaleSets.get", 201, &[], &made()), &["201 is no status of it", "[200]"]);
    refused(answer("virtualMachineScaleSets.restart", 200, &[], &made()), &["no method virtualMachineScaleSets.restart"]);
    refused(answer("virtualMachineScaleSets.delete", 204, &[], &json!({})), &["body", "none is expected"]);
    refused(answer("virtualMachineScaleSets.get", 304, &[], &made()), &["304 is no status"]);
    // An `$expand`ed part of a network is not what is asked for.
    let shown =
        with(balancer(), "/properties/frontendIPConfigurations/0/properties/publicIPAddress", json!({"location": "westeurope"}));
    refused(answer("loadBalancers.get", 200, &[], &shown), &["publicIPAddress.location", "no such field"]);
}

#[test]
fn a_cloud_that_is_newer_may_answer_new_values_and_nothing_else() {
    let azure = ArmSchema::azure();
    let body = with(made(), "/properties/orchestrationMode", json!("Loose"));
    let judged =
        |body: &Value| azure.response_with("virtualMachineScaleSets.get", 200, &[], body.to_string().as_bytes(), Values::Any);
    judged(&body).unwrap();
    refused(judged(&with(body, "/colour", json!("red"))), &["body.colour"]);
}

#[test]
fn an_operation_that_goes_on_says_where() {
    let location = ("Location", "https://management.azure.com/x/operationResults/1?api-version=2026-04-01");
    let operation = ("Azure-AsyncOperation", "https://management.azure.com/x/operations/1?api-version=2026-04-01");
    // A deletion has no body that could tell.
    empty("virtualMachineScaleSets.delete", 202, &[location]).unwrap();
    empty("virtualMachineScaleSets.delete", 202, &[operation]).unwrap();
    empty("virtualMachineScaleSets.delete", 204, &[]).unwrap();
    refused(empty("virtualMachineScaleSets.delete", 202, &[]), &["neither Azure-AsyncOperation nor Location"]);
    refused(empty("virtualMachineScaleSets.deleteInstances", 202, &[]), &["neither Azure-AsyncOperation nor Location"]);
    // A resource may tell itself.
    let creating = with(made(), "/properties/provisioningState", json!("Creating"));
    answer("virtualMachineScaleSets.createOrUpdate", 201, &[], &creating).unwrap();
    let silent = without(made(), "/properties/provisioningState");
    refused(answer("virtualMachineScaleSets.createOrUpdate", 201, &[], &silent), &["nor a provisioningState"]);
    answer("virtualMachineScaleSets.createOrUpdate", 201, &[operation], &silent).unwrap();
    // Where a result is read in the end, Location says.
    empty("loadBalancerLoadBalancingRules.health", 202, &[location, operation]).unwrap();
    empty("loadBalancerLoadBalancingRules.health", 202, &[location]).unwrap();
    refused(empty("loadBalancerLoadBalancingRules.health", 202, &[operation]), &["no Location says where its result will be"]);
    let plain = ("Location", "http://management.azure.com/x");
    refused(empty("virtualMachineScaleSets.delete", 202, &[plain]), &["header location", "no URL with https"]);
    refused(empty("virtualMachineScaleSets.delete", 202, &[location, ("Retry-After", "soon")]), &["retry-after", "soon"]);
}

#[test]
fn where_operations_are_polled_is_judged_by_hand() {
    let at = "/subscriptions/s/providers/Microsoft.Compute/locations/westeurope";
    assert_eq!(ask("GET", &format!("{at}/operations/1?{COMPUTE}"), &[], b"").unwrap(), "operations.get");
    assert_eq!(ask("GET", &format!("{at}/operationResults/1?api-version=2024-01-01"), &[], b"").unwrap(), "operationResults.get");
    refused(ask("GET", &format!("{at}/operations/1"), &[], b""), &["api-version is missing"]);
    refused(ask("GET", &format!("{at}/operations/1?api-version=new"), &[], b""), &["api-version new is not a day"]);
    let elsewhere = format!("{}/operations/1?{COMPUTE}", at.replace("Compute", "Storage"));
    refused(ask("GET", &elsewhere, &[], b""), &["parameter provider", "Microsoft.Compute Microsoft.Network"]);

    let status = json!({"name": "1", "status": "InProgress", "startTime": "2026-11-20T00:00:00Z"});
    answer("operations.get", 200, &[("retry-after", "10")], &status).unwrap();
    answer("operations.get", 200, &[], &with(status.clone(), "/status", json!("Contemplating"))).unwrap();
    let failed = json!({"status": "Failed", "error": {"code": "AllocationFailed", "message": "none left", "details": [{"code": "a", "message": "b"}]}});
    answer("operations.get", 200, &[], &failed).unwrap();
    refused(answer("operations.get", 200, &[], &without(failed, "/error/code")), &["body.error: code is missing"]);
    refused(answer("operations.get", 200, &[], &without(status.clone(), "/status")), &["status is missing"]);
    refused(answer("operations.get", 202, &[], &status), &["202 is no status of it"]);
    refused(answer("operations.get", 200, &[], &with(status, "/state", json!("x"))), &["body.state", "no such field"]);
    empty("operationResults.get", 202, &[]).unwrap();
    empty("operationResults.get", 204, &[]).unwrap();
    answer("operationResults.get", 200, &[], &made()).unwrap();
}

#[test]
fn an_error_is_of_resource_managers_form() {
    let error = json!({"error": {"code": "ResourceNotFound", "message": "none", "target": "web", "details": []}});
    answer("virtualMachineScaleSets.get", 404, &[], &error).unwrap();
    answer("virtualMachineScaleSets.get", 429, &[("Retry-After", "7")], &error).unwrap();
    let get = |body: &Value| answer("loadBalancers.get", 404, &[], body);
    get(&error).unwrap();
    refused(get(&json!({})), &["body: error is missing"]);
    refused(get(&without(error.clone(), "/error/code")), &["code is missing"]);
    refused(get(&with(error.clone(), "/error/message", json!(""))), &["body.error.message", "pattern"]);
    refused(get(&with(error.clone(), "/error/reason", json!("x"))), &["body.error.reason", "no such field"]);
    refused(empty("loadBalancers.get", 500, &[]), &["body", "null is not an object"]);
    // Azure Monitor has a form of its own, for what Resource Manager let pass.
    let bare = json!({"code": "BadRequest", "message": "no such metric"});
    answer("metrics.list", 400, &[], &bare).unwrap();
    answer("metrics.list", 404, &[], &error).unwrap();
    refused(answer("metrics.list", 400, &[], &with(bare.clone(), "/colour", json!("red"))), &["body.colour", "no such field"]);
    refused(get(&bare).map_err(|wrong| wrong.into_iter().take(1).collect()), &["body.code", "no such field"]);
    let oauth = json!({"error": "invalid_client", "error_description": "no", "error_codes": [7000215]});
    answer("token", 401, &[], &oauth).unwrap();
    refused(answer("token", 401, &[], &error), &["body.error", "not a text"]);
}
