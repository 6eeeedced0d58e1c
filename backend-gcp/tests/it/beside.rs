//! What other people have in a url map and in backend services, and do there.

use std::collections::BTreeMap;
use std::time::Duration;

use backend_gcp::{Pool, UrlMapTraffic};
use immutable_core::ErrorKind;
use immutable_core::fleet::{Destroyed, GenerationId};
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use serde_json::json;

use crate::turns::{groups, play, weights};

#[test]
fn what_others_have_in_the_map_stays() {
    play(async |turns| {
        let theirs = turns.console.add("theirs", 7);
        let theirs = turns.account.fake.link(&theirs);
        turns.account.by_hand(&turns.console.map, |map| {
            map["description"] = json!("the shop\nask ann");
            map["hostRules"] = json!([{"hosts": ["api.example"], "pathMatcher": "api"}]);
            map["pathMatchers"] = json!([{
                "name": "api",
                "defaultService": theirs,
                "routeRules": [{
                    "priority": 1,
                    "matchRules": [{"prefixMatch": "/x"}],
                    "routeAction": {"weightedBackendServices": [{"backendService": theirs, "weight": 3}]},
                }],
            }]);
            map["defaultRouteAction"]["urlRewrite"] = json!({"hostRewrite": "shop.example"});
            map["headerAction"] = json!({"requestHeadersToRemove": ["x-debug"]});
        });
        let before = turns.map();
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let after = turns.map();
        for field in ["hostRules", "pathMatchers", "headerAction", "name"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        assert_eq!(after["defaultRouteAction"]["urlRewrite"], before["defaultRouteAction"]["urlRewrite"]);
        assert!(after["description"].as_str().unwrap().starts_with("the shop\nask ann\nimmutable: {"), "{after}");
        assert_eq!(turns.said(), weights(&[("front-0", 900), ("front-1", 100), ("theirs", 7)]));
        assert!(turns.account.fake.violations().is_empty(), "{:?}", turns.account.fake.violations());
    });
}

#[test]
fn somebody_who_changes_the_map_meanwhile_is_not_undone() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.make(2, 0).await.unwrap();
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let route = turns.to(&turns.look().await.tag, &[(1, 500), (2, 500)]);
        let op = turns.op();
        // Something that the route was not decided on, right after it was read.
        let meddle = async {
            turns.account.wait(Duration::from_millis(1)).await;
            turns.account.by_hand(&turns.console.map, |map| {
                map["headerAction"] = json!({"requestHeadersToRemove": ["x-debug"]});
            });
        };
        let (routed, ()) = futures_util::join!(turns.traffic.route(&op, &route), meddle);
        routed.unwrap();
        assert_eq!(turns.map()["headerAction"]["requestHeadersToRemove"][0], "x-debug");
        assert_eq!(turns.said(), weights(&[("front-0", 500), ("front-1", 500)]));
        // Something that it was decided on.
        let route = turns.to(&turns.look().await.tag, &[(1, 100), (2, 900)]);
        turns.console.add("theirs", 9);
        assert_eq!(turns.traffic.route(&turns.op(), &route).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(turns.said()["front-1"], 500);
    });
}

#[test]
fn a_path_matcher_is_a_place_of_its_own() {
    play(async |turns| {
        let slots = ["api-0", "api-1"].map(|name| turns.account.fake.backend_service(name, true, 10));
        turns.account.by_hand(&turns.console.map, |map| {
            map["hostRules"] = json!([{"hosts": ["api.example"], "pathMatcher": "api"}]);
            map["pathMatchers"] = json!([{"name": "api", "defaultService": turns.account.fake.link(&slots[0])}]);
        });
        let pool = Pool::url_map("front", ["api-0", "api-1"]).path_matcher("api");
        let traffic = UrlMapTraffic::new(&turns.account.gcp).pool("web", pool).unwrap();
        turns.make(1, 0).await.unwrap();
        let before = turns.map()["defaultRouteAction"].clone();
        let tag = traffic.observe(&"web".into()).await.unwrap().tag;
        traffic.route(&turns.op(), &turns.to(&tag, &[(1, 600)])).await.unwrap();
        let after = turns.map();
        assert_eq!(after["defaultRouteAction"], before);
        let said = &turns.account.fake.truth().routes[&format!("{}#api", turns.console.map)].said;
        assert_eq!(said.values().copied().collect::<Vec<_>>(), [600, 0]);
        assert_eq!(turns.look().await.weights, BTreeMap::new(), "the map's own pool has no route");
        let absent = Pool::url_map("front", ["api-0", "api-1"]).path_matcher("nothing");
        let traffic = UrlMapTraffic::new(&turns.account.gcp).pool("web", absent).unwrap();
        assert_eq!(traffic.observe(&"web".into()).await.unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_group_that_somebody_else_has_put_into_a_service_is_theirs_to_take_out() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.empty(1).await.unwrap();
        let truth = turns.account.fake.truth();
        let path = truth.groups.keys().next().unwrap().clone();
        let theirs = turns.account.fake.backend_service("theirs", true, 10);
        turns.account.fake.meddle_backends(&theirs, &[(&path, 1.0)]);
        let error = turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert_eq!(turns.account.fake.truth().services[&theirs].backends.len(), 1);
    });
}

#[test]
fn a_service_where_clients_stay_gets_nobody() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.account.by_hand(&turns.console.services[0], |service| service["sessionAffinity"] = json!("GENERATED_COOKIE"));
        let found = turns.traffic.preflight(&"web".into()).await.unwrap();
        assert!(matches!(&found[..], [finding] if finding.blocks && finding.what.contains("GENERATED_COOKIE")), "{found:?}");
        let error = turns.set(&[(1, 1000)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("front-0") && error.to_string().contains("GENERATED_COOKIE"), "{error}");
    });
}

#[test]
fn what_is_missing_is_named() {
    play(async |turns| {
        let of = |map: &str, services: [&str; 2]| {
            UrlMapTraffic::new(&turns.account.gcp).pool("web", Pool::url_map(map, services)).unwrap()
        };
        let error = of("nothing", ["front-0", "front-1"]).observe(&"web".into()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("url map nothing"), "{error}");
        let missing = [
            ("nothing", ["front-0", "front-1"], "url map nothing"),
            ("front", ["front-0", "front-7"], "backend service front-7"),
        ];
        for (map, services, what) in missing {
            let found = of(map, services).preflight(&"web".into()).await.unwrap();
            assert!(matches!(&found[..], [finding] if finding.blocks && finding.what.contains(what)), "{found:?}");
        }
        assert_eq!(of("front", ["front-0", "front-1"]).preflight(&"web".into()).await.unwrap(), []);
        turns.make(1, 0).await.unwrap();
        let traffic = of("front", ["front-0", "front-7"]);
        let route = turns.to(&turns.look().await.tag, &[(1, 1)]);
        let error = traffic.route(&turns.op(), &route).await.unwrap_err();
        assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("backend service front-7"), "{error}");
    });
}

#[test]
fn a_backend_that_is_theirs_stays_and_so_does_how_they_have_ours_balance() {
    play(async |turns| {
        for id in [1, 2, 3] {
            turns.make(id, 0).await.unwrap();
        }
        let path = |id: u32| {
            let truth = turns.account.fake.truth();
            truth.groups.keys().find(|path| path.ends_with(&format!("web-000{id}-0"))).unwrap().clone()
        };
        // They keep a group of their own in the service.
        turns.account.fake.meddle_backends(&turns.console.services[0], &[(&path(3), 0.5)]);
        turns.set(&[(1, 1000)]).await.unwrap();
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0), ("web-0003-0", 0.5)]));
        turns.account.by_hand(&turns.console.services[0], |service| {
            let ours = service["backends"].as_array_mut().unwrap().iter_mut();
            let ours = ours.filter(|backend| backend["group"].as_str().unwrap().ends_with("web-0001-0"));
            ours.for_each(|backend| backend["maxUtilization"] = json!(0.5));
        });
        turns.set(&[(2, 1000)]).await.unwrap();
        assert_eq!(
            turns.backends(0),
            groups(&[("web-0001-0", 0.0), ("web-0003-0", 0.5)]),
            "it is not the last, so it is drained"
        );
        turns.set(&[(1, 1000)]).await.unwrap();
        let service = turns.account.read(&turns.console.services[0]);
        let ours = service["backends"].as_array().unwrap().iter().find(|backend| backend["description"].is_string()).unwrap();
        assert_eq!((&ours["maxUtilization"], &ours["capacityScaler"]), (&json!(0.5), &json!(1.0)));
        turns.set(&[(2, 1000)]).await.unwrap();
        turns.empty(1).await.unwrap();
        assert_eq!(turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap(), Destroyed::Gone);
        assert_eq!(turns.backends(0), groups(&[("web-0003-0", 0.5)]));
    });
}

#[test]
fn backends_that_somebody_takes_out_are_put_back_by_the_same_weights() {
    play(async |turns| {
        turns.make(1, 2).await.unwrap();
        let routed = turns.set(&[(1, 1000)]).await.unwrap();
        turns.account.fake.meddle_backends(&turns.console.services[0], &[]);
        assert!(turns.look().await.targets.is_empty(), "who is not in the service is no target");
        let again = turns.set(&[(1, 1000)]).await.unwrap();
        assert_eq!(again.tag, routed.tag);
        assert_eq!(turns.backends(0), groups(&[("web-0001-0", 1.0), ("web-0001-1", 1.0)]));
    });
}

#[test]
fn a_description_that_somebody_has_spoiled_is_not_taken_for_none() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        let tag = turns.look().await.tag;
        turns.account.fake.meddle_description(&turns.console.map, "immutable: whatever");
        let error = turns.traffic.observe(&"web".into()).await.unwrap_err();
        assert_eq!((error.kind(), error.resource()), (ErrorKind::Corrupt, Some("web")), "{error}");
        let error = turns.traffic.route(&turns.op(), &turns.to(&tag, &[(1, 1)])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        // Gone altogether, nobody is attached, and whoever routes gets a service anew.
        turns.account.fake.meddle_description(&turns.console.map, "");
        assert!(turns.look().await.weights.is_empty());
        turns.set(&[(1, 1000)]).await.unwrap();
        assert_eq!(turns.said(), weights(&[("front-0", 1000), ("front-1", 0)]));
    });
}

#[test]
fn a_description_without_room_is_refused_before_anything_is_changed() {
    play(async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.account.fake.meddle_description(&turns.console.map, &"x".repeat(2000));
        let error = turns.set(&[(1, 1000)]).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, immutable_core::Applied::No), "{error}");
        assert_eq!(turns.backends(0), groups(&[]));
    });
}
