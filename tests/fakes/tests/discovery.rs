//! Google's schema as a judge: what it lets pass, and each kind of thing that it refuses.

use std::collections::BTreeMap;

use immutable_fakes::discovery::{Discovery, EXCEPTIONS, Exception, Values};
use serde_json::{Value, json};

const ZONE: &str = "/compute/v1/projects/shop/zones/europe-west1-b";
const REGION: &str = "/compute/v1/projects/shop/regions/europe-west1";
const GLOBAL: &str = "/compute/v1/projects/shop/global";
const TOKEN: &str = "requestId=4b1f2d3c-0a5e-5c1d-9e2f-7a6b5c4d3e2f";

fn ask(verb: &str, uri: &str, body: &[u8]) -> Result<String, Vec<String>> {
    Discovery::compute().request(verb, uri, body).map(|found| found.id.to_owned())
}

fn insert(body: &Value) -> Result<String, Vec<String>> {
    ask("POST", &format!("{ZONE}/instanceGroupManagers?{TOKEN}"), body.to_string().as_bytes())
}

fn group() -> Value {
    json!({
        "name": "web-0007-0",
        "baseInstanceName": "web-0007-0",
        "description": "{\"fleet\":\"web\"}",
        "targetSize": 0,
        "versions": [{"instanceTemplate": "projects/shop/regions/europe-west1/instanceTemplates/web-0007-0-0123456789ab"}],
        "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE"},
        "instanceLifecyclePolicy": {"defaultActionOnFailure": "DO_NOTHING"},
        "autoHealingPolicies": [{"healthCheck": "global/healthChecks/up", "initialDelaySec": 60}],
        "listManagedInstancesResults": "PAGINATED",
    })
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

/// There is one thing wrong, and of this it tells.
#[track_caller]
fn refused<T: std::fmt::Debug>(judged: Result<T, Vec<String>>, words: &[&str]) {
    let wrong = judged.unwrap_err();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    for word in words {
        assert!(wrong[0].contains(word), "{word:?} is to be in {:?}", wrong[0]);
    }
}

#[test]
fn it_can_be_read_and_knows_every_method() {
    let google = Discovery::compute();
    assert_eq!(google.revision(), Some("20261106"));
    let listed =
        include_str!("../../gce/reduce.py").split("METHODS = \"\"\"").nth(1).and_then(|rest| rest.split("\"\"\"").next());
    let listed: std::collections::BTreeSet<&str> = listed.unwrap().split_whitespace().collect();
    assert!(listed.contains("regionInstanceGroupManagers.deleteInstances"));
    assert_eq!(google.methods().collect::<std::collections::BTreeSet<_>>(), listed);
}

#[test]
fn a_good_request_tells_its_method_and_its_parameters() {
    assert_eq!(insert(&group()).unwrap(), "instanceGroupManagers.insert");
    let uri = format!("{REGION}/instanceGroupManagers/web-0007-0/resize?size=3&{TOKEN}&$alt=json&%24apiVersion=2026-09-01");
    let found = Discovery::compute().request("POST", &uri, b"{}").unwrap();
    assert_eq!(found.id, "regionInstanceGroupManagers.resize");
    let expected = [
        ("instanceGroupManager", "web-0007-0"),
        ("project", "shop"),
        ("region", "europe-west1"),
        ("requestId", "4b1f2d3c-0a5e-5c1d-9e2f-7a6b5c4d3e2f"),
        ("size", "3"),
    ];
    assert_eq!(found.parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn a_path_is_of_the_method_with_the_most_fixed_words() {
    let of = |verb: &str, rest: &str| ask(verb, &format!("/compute/v1/projects/shop/{rest}"), b"");
    assert_eq!(of("GET", "global/images/family/web").unwrap(), "images.getFromFamily");
    assert_eq!(of("GET", "global/images/web-1").unwrap(), "images.get");
    assert_eq!(of("DELETE", "global/images/web-1").unwrap(), "images.delete");
    assert_eq!(
        of("GET", "aggregated/instanceGroupManagers?includeAllScopes=true").unwrap(),
        "instanceGroupManagers.aggregatedList"
    );
    assert_eq!(of("POST", "zones/europe-west1-b/operations/op-1/wait").unwrap(), "zoneOperations.wait");
}

#[test]
fn what_is_decoded_is_what_is_judged() {
    let uri = format!("{ZONE}/instanceGroupManagers?filter=name%20eq%20%22web-.%2A%22&pageToken=a%2Bb");
    let found = Discovery::compute().request("GET", &uri, b"").unwrap();
    assert_eq!(found.parameters["filter"], "name eq \"web-.*\"");
    assert_eq!(found.parameters["pageToken"], "a+b");
    let uri = "/compute/v1/projects/example.com%3Ashop/global/images";
    assert_eq!(Discovery::compute().request("GET", uri, b"").unwrap().parameters["project"], "example.com:shop");
}

#[test]
fn an_unknown_path_or_verb_is_refused() {
    refused(ask("GET", &format!("{ZONE}/instances"), b""), &["no method has the path", "zones/europe-west1-b/instances"]);
    refused(ask("POST", &format!("{ZONE}/instanceGroupManagers/web/recreateInstances"), b""), &["no method has the path"]);
    refused(ask("GET", "/compute/beta/projects/shop/global/images", b""), &["no method has the path"]);
    refused(ask("PATCH", &format!("{GLOBAL}/images"), b"{}"), &["PATCH", "POST for images.insert", "GET for images.list"]);
}

#[test]
fn a_parameter_that_is_unknown_missing_or_twice_is_refused() {
    let resize = |query: &str| ask("POST", &format!("{ZONE}/instanceGroupManagers/web/resize?{query}"), b"");
    refused(resize("size=1&sizes=1"), &["no parameter sizes", "requestId size"]);
    refused(resize(TOKEN), &["parameter size is missing"]);
    refused(resize("size=1&size=2"), &["parameter size is there twice"]);
    refused(resize("size=1&project=other"), &["parameter project is there twice"]);
}

#[test]
fn a_parameter_of_another_type_format_or_pattern_is_refused() {
    let resize = |query: &str| ask("POST", &format!("{ZONE}/instanceGroupManagers/web/resize?{query}"), b"");
    refused(resize("size=many"), &["parameter size", "\"many\" is not a whole number"]);
    refused(resize("size=1.5"), &["parameter size", "1.5 is not a whole number"]);
    refused(resize("size=4294967296"), &["parameter size", "is more than 2147483647"]);
    let negative = ask("POST", &format!("{REGION}/instanceGroupManagers/web/resize?size=-1"), b"");
    refused(negative, &["parameter size", "-1 is less than 0"]);
    refused(resize("size=1&requestId=7"), &["parameter requestId", "UUID"]);
    refused(resize("size=1&requestId=00000000-0000-0000-0000-000000000000"), &["parameter requestId", "UUID"]);
    refused(ask("GET", &format!("{GLOBAL}/images/Web"), b""), &["parameter image", "\"Web\" is not of the pattern"]);
    refused(ask("GET", &format!("{GLOBAL}/images?prettyPrint=yes"), b""), &["prettyPrint", "true or false"]);
    refused(ask("GET", &format!("{GLOBAL}/images?maxResults=-1"), b""), &["maxResults", "less than 0"]);
    refused(
        ask("GET", &format!("{GLOBAL}/images?alt=xml"), b""),
        &["parameter alt", "\"xml\" is no value of it", "json media proto"],
    );
    refused(ask("GET", "/compute/v1/projects/SHOP/global/images", b""), &["parameter project", "pattern"]);
}

#[test]
fn a_body_is_there_where_one_is_expected_and_nowhere_else() {
    refused(
        ask("POST", &format!("{ZONE}/instanceGroupManagers?{TOKEN}"), b""),
        &["body", "missing", "takes a InstanceGroupManager"],
    );
    refused(ask("POST", &format!("{ZONE}/instanceGroupManagers?{TOKEN}"), b"<xml/>"), &["body", "is not JSON"]);
    refused(ask("POST", &format!("{ZONE}/instanceGroupManagers?{TOKEN}"), b"[]"), &["body", "[] is not an object"]);
    refused(ask("GET", &format!("{GLOBAL}/images"), b"{}"), &["body", "none is expected"]);
    refused(
        ask("POST", &format!("{ZONE}/instanceGroupManagers/web/resize?size=1"), b"{\"size\":1}"),
        &["body", "none is expected"],
    );
    ask("POST", &format!("{ZONE}/instanceGroupManagers/web/listManagedInstances?pageToken="), b"{}").unwrap();
}

#[test]
fn a_field_that_is_unknown_or_missing_is_refused_at_any_depth() {
    refused(
        insert(&with(group(), "/labels", json!({}))),
        &["body.labels", "no such field", "InstanceGroupManager has", "targetSize"],
    );
    refused(insert(&with(group(), "/versions/0/template", json!("t"))), &["body.versions[0].template", "instanceTemplate name"]);
    let mut nameless = group();
    nameless.as_object_mut().unwrap().remove("targetSize");
    refused(insert(&nameless), &["body: targetSize is missing"]);
    // The same field in a patch may be left out.
    ask("PATCH", &format!("{ZONE}/instanceGroupManagers/web?{TOKEN}"), b"{\"description\":\"new\"}").unwrap();
}

#[test]
fn a_value_of_another_type_format_enum_or_pattern_is_refused() {
    for (pointer, value, words) in [
        ("/targetSize", json!("3"), ["body.targetSize", "\"3\" is not a whole number"]),
        ("/targetSize", json!(2.5), ["body.targetSize", "2.5 is not a whole number"]),
        ("/targetSize", json!(2_147_483_648_u32), ["body.targetSize", "more than 2147483647"]),
        ("/targetSize", json!(u64::MAX), ["body.targetSize", "is not a whole number"]),
        ("/targetSize", Value::Null, ["body.targetSize", "null is not a whole number"]),
        ("/name", json!(7), ["body.name", "7 is not a text"]),
        ("/name", json!("Web_7"), ["body.name", "not of the pattern"]),
        ("/name", json!("-web"), ["body.name", "not of the pattern"]),
        ("/baseInstanceName", json!("web_"), ["body.baseInstanceName", "not of the pattern"]),
        ("/versions", json!({}), ["body.versions", "{} is not a list"]),
        ("/versions/0", json!("t"), ["body.versions[0]", "is not an object"]),
        ("/updatePolicy/type", json!("opportunistic"), ["body.updatePolicy.type", "OPPORTUNISTIC PROACTIVE"]),
        ("/listManagedInstancesResults", json!("ALL"), ["body.listManagedInstancesResults", "PAGELESS PAGINATED"]),
        ("/fingerprint", json!("abc"), ["body.fingerprint", "base64"]),
        ("/fingerprint", json!("42WmSpB8rS!="), ["body.fingerprint", "base64"]),
        ("/fingerprint", json!("ha9VAg+MJ5M="), ["body.fingerprint", "the alphabet for URLs"]),
    ] {
        refused(insert(&with(group(), pointer, value)), &words);
    }
    insert(&with(group(), "/fingerprint", json!("ha9VAg-MJ5M="))).unwrap();
    insert(&with(group(), "/baseInstanceName", json!("web-##[10]"))).unwrap();
    let disk = |size: Value| json!({"name": "t", "properties": {"machineType": "e2-small", "disks": [{"boot": true, "initializeParams": {"diskSizeGb": size}}]}});
    let template = |size| ask("POST", &format!("{REGION}/instanceTemplates"), disk(size).to_string().as_bytes());
    assert_eq!(template(json!("10")).unwrap(), "regionInstanceTemplates.insert");
    refused(template(json!(10)), &["disks[0].initializeParams.diskSizeGb", "10 is not a text"]);
    refused(template(json!("ten")), &["disks[0].initializeParams.diskSizeGb", "\"ten\" is not a whole number of 64 bits"]);
}

#[test]
fn several_faults_are_told_together() {
    let body = with(with(group(), "/colour", json!("red")), "/name", json!("Web"));
    let wrong = ask("POST", &format!("{ZONE}/instanceGroupManagers?colour=red"), body.to_string().as_bytes()).unwrap_err();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
}

#[test]
fn what_is_only_ever_answered_is_refused_in_a_request() {
    refused(insert(&with(group(), "/id", json!("7"))), &["body.id", "only ever in an answer"]);
    refused(insert(&with(group(), "/selfLink", json!("x"))), &["body.selfLink", "only ever in an answer"]);
    refused(insert(&with(group(), "/status", json!({"isStable": true}))), &["body.status", "only ever"]);
    let map = json!({"name": "web", "id": "7", "kind": "compute#urlMap", "selfLink": "x", "creationTimestamp": "t", "fingerprint": "42WmSpB8rSM="});
    let map =
        |verb: &str, body: &Value| ask(verb, &format!("{GLOBAL}/urlMaps/web"), body.to_string().as_bytes()).map(|_| map.clone());
    let whole = map("PUT", &json!({})).unwrap();
    map("PUT", &whole).unwrap();
    assert_eq!(map("PATCH", &whole).unwrap_err().len(), 4);
    refused(map("PUT", &with(whole, "/status", json!({}))), &["body.status", "only ever"]);
    // What is echoed is judged all the same, and so is what is deeper than the body's own fields.
    refused(map("PUT", &json!({"id": 7})), &["body.id", "is not a text"]);
    refused(map("PUT", &json!({"kind": "compute#image"})), &["body.kind", "\"compute#urlMap\" is right"]);
}

#[test]
fn exceptions_are_of_what_the_document_does_not_allow() {
    let google = Discovery::compute();
    for one in EXCEPTIONS {
        match one {
            Exception::Parameter { name, why, .. } => {
                assert!(!why.is_empty());
                let uri = format!("{GLOBAL}/images?{}=other", name.replace('$', "%24"));
                refused(google.request("GET", &uri, b""), &["there is no parameter", name]);
            }
            Exception::EmptyObject { verbs, why } => {
                assert!(!why.is_empty() && *verbs == ["POST", "PUT"]);
                refused(ask("DELETE", &format!("{GLOBAL}/images/web-1"), b"{}"), &["none is expected"]);
            }
            Exception::Answered { methods, fields, why } => {
                assert!(!why.is_empty());
                assert!(methods.iter().all(|id| google.methods().any(|known| known == *id)), "{methods:?}");
                assert!(!fields.is_empty());
            }
            other => panic!("{other:?} is not tested"),
        }
    }
    // Named ports are the one field that the document has wrong; where it stands in an answer it always passed.
    insert(&with(group(), "/namedPorts", json!([{"name": "http", "port": 8080}]))).unwrap();
}

fn operation() -> Value {
    json!({
        "kind": "compute#operation",
        "id": "4611686018427387904",
        "name": "operation-1",
        "operationType": "insert",
        "status": "RUNNING",
        "progress": 0,
        "targetId": "7",
        "insertTime": "2026-11-06T10:00:00.000-08:00",
    })
}

fn answer(id: &str, status: u16, body: &Value) -> Result<(), Vec<String>> {
    Discovery::compute().response(id, status, body.to_string().as_bytes())
}

#[test]
fn a_good_answer_passes() {
    answer("instanceGroupManagers.insert", 200, &operation()).unwrap();
    let members = json!({"managedInstances": [{
        "instance": "projects/shop/zones/europe-west1-b/instances/web-0007-0-x1y2",
        "id": "7",
        "currentAction": "CREATING",
        "lastAttempt": {"errors": {"errors": [{
            "code": "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
            "message": "none left",
            "errorDetails": [{"errorInfo": {"reason": "stockout", "domain": "compute.googleapis.com", "metadatas": {"zone": "b"}}}],
        }]}},
    }]});
    answer("regionInstanceGroupManagers.listManagedInstances", 200, &members).unwrap();
    let found = json!({"kind": "compute#instanceGroupManagerAggregatedList", "items": {
        "zones/europe-west1-b": {"instanceGroupManagers": [group()]},
        "regions/europe-west1": {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "none", "data": [{"key": "scope", "value": "x"}]}},
    }});
    answer("instanceGroupManagers.aggregatedList", 200, &found).unwrap();
}

#[test]
fn an_answer_that_google_would_not_give_is_refused() {
    for (pointer, value, words) in [
        ("/done", json!(true), ["body.done", "no such field"]),
        ("/id", json!(7), ["body.id", "7 is not a text"]),
        ("/id", json!("-7"), ["body.id", "not below 0"]),
        ("/id", json!("007"), ["body.id", "not below 0"]),
        ("/progress", json!("0"), ["body.progress", "is not a whole number"]),
        ("/status", json!("FINISHED"), ["body.status", "DONE PENDING RUNNING"]),
        ("/kind", json!("compute#image"), ["body.kind", "\"compute#operation\" is right"]),
        ("/warnings", json!([{"code": 7}]), ["body.warnings[0].code", "is not a text"]),
    ] {
        refused(
            answer("instanceGroupManagers.insert", 200, &with(operation(), pointer, value)),
            &[words[0], words[1], "the answer to"],
        );
    }
    let deep = json!({"items": {"zones/b": {"instanceGroupManagers": [{"targetSize": "3"}]}}});
    refused(
        answer("instanceGroupManagers.aggregatedList", 200, &deep),
        &["body.items.zones/b.instanceGroupManagers[0].targetSize"],
    );
    refused(answer("instanceGroupManagers.start", 200, &operation()), &["there is no method"]);
    refused(Discovery::compute().response("images.get", 200, b""), &["body", "is not JSON"]);
}

#[test]
fn a_cloud_that_is_newer_may_answer_new_values_and_nothing_else() {
    let new = with(operation(), "/status", json!("PAUSED"));
    let with_any =
        |body: &Value| Discovery::compute().response_with("images.insert", 200, body.to_string().as_bytes(), Values::Any);
    with_any(&new).unwrap();
    refused(with_any(&with(new, "/id", json!(7))), &["body.id"]);
}

#[test]
fn an_error_is_of_googles_form() {
    let error = json!({"error": {
        "code": 404,
        "message": "The resource 'projects/shop/global/images/web-1' was not found",
        "errors": [{"domain": "global", "reason": "notFound", "message": "The resource was not found"}],
        "status": "NOT_FOUND",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "x"}],
    }});
    let judged = |body: &Value| answer("images.get", 404, body);
    judged(&error).unwrap();
    refused(answer("images.get", 409, &error), &["body.error.code", "409 is right"]);
    for (pointer, value, words) in [
        ("/error/code", json!("404"), ["body.error.code", "404 is right"]),
        ("/error/message", json!(""), ["body.error.message", "is not a text"]),
        ("/error/errors", json!([]), ["body.error.errors", "at least one"]),
        ("/error/errors/0/reason", json!(1), ["body.error.errors[0].reason", "is not a text"]),
        ("/error/errors/0/cause", json!("x"), ["body.error.errors[0].cause", "no such field"]),
        ("/error/status", json!("GONE"), ["body.error.status", "NOT_FOUND"]),
        ("/error/details/0/@type", json!("ErrorInfo"), ["body.error.details[0]", "@type"]),
        ("/error/reason", json!("notFound"), ["body.error.reason", "no such field"]),
        ("/errors", json!([]), ["body.errors", "no such field"]),
        ("/error", json!("notFound"), ["body.error", "is not an object"]),
    ] {
        refused(judged(&with(error.clone(), pointer, value)), &words);
    }
    refused(judged(&json!({})), &["body", "has no error"]);
    let mut bare = error;
    bare["error"].as_object_mut().unwrap().remove("errors");
    refused(judged(&bare), &["body.error", "has no errors"]);
}

#[test]
fn every_mutation_of_a_group_takes_a_token() {
    let google = Discovery::compute();
    let mut refusing = BTreeMap::new();
    for (verb, rest, body) in [
        ("POST", "instanceGroupManagers", Some(group())),
        ("DELETE", "instanceGroupManagers/web", None),
        ("POST", "instanceGroupManagers/web/deleteInstances", Some(json!({"instances": ["x"]}))),
        ("PATCH", "instanceGroupManagers/web", Some(json!({}))),
    ] {
        for place in [ZONE, REGION] {
            let body = body.as_ref().map(Value::to_string).unwrap_or_default();
            let judged = google.request(verb, &format!("{place}/{rest}?{TOKEN}"), body.as_bytes());
            if let Err(wrong) = judged {
                refusing.insert(format!("{verb} {place}/{rest}"), wrong);
            }
        }
    }
    assert_eq!(refusing, BTreeMap::new());
}
