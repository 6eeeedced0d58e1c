//! What other people have in a load balancer and in a profile, and do there.

use std::collections::BTreeSet;
use std::time::Duration;

use backend_azure::{LoadBalancerTraffic, Pool, TrafficManagerTraffic, WeightedPool};
use immutable_core::fleet::{Destroyed, GenerationId};
use immutable_core::id::InstanceKey;
use immutable_core::provider::{FleetProvider, TrafficSwitch};
use immutable_core::{Applied, ErrorKind};
use serde_json::{Value, json};

use crate::pools::front;
use crate::turns::{map, play, pool_of, rules, weights};

/// A load balancer's outbound rule, and the backend pool that it is of.
fn theirs(body: &mut Value, id: &str) {
    let pool = json!({"id": format!("{id}/backendAddressPools/theirs")});
    body["tags"] = json!({"team": "shop"});
    let properties = &mut body["properties"];
    properties["backendAddressPools"].as_array_mut().unwrap().push(json!({
        "name": "theirs", "properties": {"drainPeriodInSeconds": 30, "loadBalancerBackendAddresses": [
            {"name": "one", "properties": {"ipAddress": "10.0.0.200", "virtualNetwork": {"id": "/net"}, "adminState": "Up"}},
        ]},
    }));
    let frontend = properties["frontendIPConfigurations"][0]["name"].as_str().unwrap().to_owned();
    properties["outboundRules"] = json!([{"name": "out", "properties": {
        "backendAddressPool": pool, "protocol": "All", "allocatedOutboundPorts": 1024,
        "frontendIPConfigurations": [{"id": format!("{id}/frontendIPConfigurations/{frontend}")}],
    }}]);
    properties["loadBalancingRules"].as_array_mut().unwrap().push(json!({"name": "theirs", "properties": {
        "frontendIPConfiguration": {"id": format!("{id}/frontendIPConfigurations/{frontend}")},
        "backendAddressPool": pool, "backendAddressPools": [pool], "protocol": "Tcp", "frontendPort": 9000, "backendPort": 9000,
    }}));
}

#[test]
fn what_others_have_in_the_load_balancer_stays() {
    for (of, top) in [(rules as fn(&_) -> _, 1), (weights, 1000)] {
        play(of, async |turns| {
            let id = turns.front();
            turns.account.fake.by_hand(&id, |body| theirs(body, &id));
            let part = |of: &str, name: &str| {
                let body = turns.account.fake.body(&id);
                let all = body["properties"][of].as_array().unwrap().clone();
                all.into_iter().find(|one| one["name"] == name).unwrap()
            };
            let all =
                || [part("backendAddressPools", "theirs"), part("outboundRules", "out"), part("loadBalancingRules", "theirs")];
            let before = all();
            turns.make(1, 2).await.unwrap();
            turns.make(2, 1).await.unwrap();
            turns.set(&[(1, top)]).await.unwrap();
            let one: BTreeSet<InstanceKey> = turns.look().await.targets.iter().take(1).map(|target| target.key.clone()).collect();
            turns.traffic.drain(&turns.op(), &"web".into(), &one).await.unwrap();
            turns.set(&[(2, top)]).await.unwrap();
            turns.empty(1).await.unwrap();
            assert_eq!(turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap(), Destroyed::Gone);
            assert_eq!(all(), before);
            assert_eq!(turns.account.fake.body(&id)["tags"]["team"], "shop");
            assert_eq!(turns.account.fake.violations(), Vec::<String>::new());
        });
    }
}

#[test]
fn somebody_who_changes_the_load_balancer_meanwhile_is_not_undone() {
    for (of, first, then) in
        [(rules as fn(&_) -> _, vec![(1, 1)], vec![(2, 1)]), (weights, vec![(1, 900), (2, 100)], vec![(1, 500), (2, 500)])]
    {
        play(of, async |turns| {
            turns.make(1, 1).await.unwrap();
            turns.make(2, 1).await.unwrap();
            turns.set(&first).await.unwrap();
            let (op, route) = (turns.op(), turns.to(&turns.look().await.tag, &then));
            // Something that the route was not decided on, right after it was read.
            let meddle = async {
                turns.account.wait(Duration::from_millis(25)).await;
                turns.account.fake.meddle_tag(&turns.front(), "team", Some("shop"));
            };
            let (routed, ()) = futures_util::join!(turns.traffic.route(&op, &route), meddle);
            routed.unwrap();
            assert_eq!(turns.look().await.weights, *route.weights());
            assert_eq!(turns.account.fake.body(&turns.front())["tags"]["team"], "shop");
            // Something that it was decided on.
            let route = turns.to(&turns.look().await.tag, &first);
            turns.account.fake.by_hand(&turns.front(), |body| {
                let rule = &mut body["properties"]["loadBalancingRules"][0]["properties"];
                rule["backendAddressPool"] = Value::Null;
                rule["backendAddressPools"] = json!([]);
            });
            let error = turns.traffic.route(&turns.op(), &route).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Conflict, Applied::No), "{error}");
            // It is seen, and put right.
            assert_ne!(turns.look().await.weights, then.iter().map(|(id, weight)| (GenerationId(*id), *weight)).collect());
            turns.set(&then).await.unwrap();
            assert!(turns.said().values().all(|pool| !pool.is_empty()), "{:?}", turns.said());
        });
    }
}

#[test]
fn a_rule_that_sends_to_machines_of_others_is_not_taken_from_them() {
    play(rules, async |turns| {
        let id = turns.front();
        turns.account.fake.by_hand(&id, |body| theirs(body, &id));
        let send = |to: &str| {
            let pool = json!({"id": format!("{id}/backendAddressPools/{to}")});
            turns.account.fake.by_hand(&id, |body| {
                let rule = &mut body["properties"]["loadBalancingRules"][0]["properties"];
                (rule["backendAddressPool"], rule["backendAddressPools"]) = (pool.clone(), json!([pool]));
            });
        };
        turns.make(1, 1).await.unwrap();
        send("theirs");
        let seen = turns.look().await;
        assert!(matches!(&seen.foreign[..], [(what, 1)] if what.as_str().ends_with("/theirs")), "{:?}", seen.foreign);
        let found = turns.traffic.preflight(&"web".into()).await.unwrap();
        assert!(matches!(&found[..], [one] if one.blocks && one.what.contains("machines of somebody else")), "{found:?}");
        let error = turns.set(&[(1, 1)]).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No), "{error}");
        assert_eq!(turns.said()["web"], "theirs");
        // An empty one is nobody's.
        turns.account.fake.by_hand(&id, |body| {
            body["properties"]["backendAddressPools"].as_array_mut().unwrap().push(json!({"name": "empty", "properties": {}}));
        });
        send("empty");
        assert!(turns.look().await.foreign.is_empty());
        turns.set(&[(1, 1)]).await.unwrap();
        assert_eq!(turns.said()["web"], "web-0001");
    });
}

#[test]
fn of_two_rules_that_send_to_different_generations_neither_is_hidden() {
    play(
        |account| {
            account.fake.load_balancer("front", &["web", "more"]);
            let id = account.fake.id("Microsoft.Network/loadBalancers", "front");
            account
                .fake
                .by_hand(&id, |body| body["properties"]["loadBalancingRules"][1]["properties"]["backendPort"] = json!(81));
            let pool = Pool::load_balancer("front", ["web", "more"]);
            std::sync::Arc::new(LoadBalancerTraffic::new(&account.azure).pool("web", pool).unwrap())
        },
        async |turns| {
            for id in [1, 2, 3] {
                turns.make(id, 1).await.unwrap();
            }
            turns.set(&[(1, 1), (2, 0)]).await.unwrap();
            assert_eq!(turns.said(), map(&[("web", "web-0001".to_owned()), ("more", "web-0001".to_owned())]));
            let send = |to: &str| {
                let pool = json!({"id": format!("{}/backendAddressPools/{to}", turns.front())});
                turns.account.fake.by_hand(&turns.front(), |body| {
                    let rule = &mut body["properties"]["loadBalancingRules"][1]["properties"];
                    (rule["backendAddressPool"], rule["backendAddressPools"]) = (pool.clone(), json!([pool]));
                });
            };
            send("web-0002");
            assert_eq!(turns.look().await.weights, [(GenerationId(1), 1), (GenerationId(2), 1)].into());
            send("web-0003");
            let seen = turns.look().await;
            assert_eq!(seen.weights, [(GenerationId(1), 0), (GenerationId(2), 0)].into());
            assert_eq!(seen.foreign.len(), 1, "who is not attached and gets some");
            turns.set(&[(1, 1), (2, 0)]).await.unwrap();
            assert_eq!(turns.said(), map(&[("web", "web-0001".to_owned()), ("more", "web-0001".to_owned())]));
        },
    );
}

#[test]
fn what_is_missing_is_named() {
    play(rules, async |turns| {
        let of = |balancer: &str, rule: &str| {
            LoadBalancerTraffic::new(&turns.account.azure).pool("web", Pool::load_balancer(balancer, [rule])).unwrap()
        };
        let id = turns.front();
        for (balancer, rule, what) in
            [("nothing", "web", "no load balancer nothing"), ("front", "https", "no rule https (it has: web)")]
        {
            let found = of(balancer, rule).preflight(&"web".into()).await.unwrap();
            assert!(matches!(&found[..], [one] if one.blocks && one.what.contains(what)), "{found:?}");
            let error = of(balancer, rule).observe(&"web".into()).await.unwrap_err();
            assert_eq!((error.kind(), error.resource()), (ErrorKind::NotFound, Some("web")), "{error}");
        }
        assert_eq!(turns.traffic.preflight(&"web".into()).await.unwrap(), []);
        turns.make(1, 1).await.unwrap();
        for (pointer, value, what) in [
            ("/sku/name", json!("Basic"), "has to be Standard"),
            ("/location", json!("northeurope"), "is in northeurope"),
            ("/properties/loadBalancingRules/0/properties/probe", Value::Null, "has no probe"),
        ] {
            let before = turns.account.fake.body(&id).pointer(pointer).unwrap().clone();
            turns.account.fake.by_hand(&id, |body| *body.pointer_mut(pointer).unwrap() = value);
            let found = turns.traffic.preflight(&"web".into()).await.unwrap();
            assert!(matches!(&found[..], [one] if one.blocks && one.what.contains(what)), "{found:?}");
            let error = turns.set(&[(1, 1)]).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(what), "{error}");
            turns.account.fake.by_hand(&id, |body| *body.pointer_mut(pointer).unwrap() = before);
        }
        turns.set(&[(1, 1)]).await.unwrap();
    });
}

#[test]
fn what_keeps_a_profile_from_dividing_is_named() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        let id = turns.profile();
        let now = |pool: WeightedPool| TrafficManagerTraffic::new(&turns.account.azure).pool("web", pool).unwrap();
        let crossed = now(pool_of(&[("blue", "web-green"), ("green", "web-blue")]));
        let found = crossed.preflight(&"web".into()).await.unwrap();
        assert!(found.len() == 2 && found[0].blocks && found[0].what.contains("endpoint blue"), "{found:?}");
        let absent = now(pool_of(&[("blue", "web-blue"), ("red", "web-green")])).preflight(&"web".into()).await.unwrap();
        assert!(matches!(&absent[..], [one] if one.blocks && one.what.contains("no endpoint red")), "{absent:?}");
        for (pointer, value, what) in [
            ("/properties/trafficRoutingMethod", json!("Priority"), "routes by Priority"),
            ("/properties/profileStatus", json!("Disabled"), "is disabled"),
            ("/properties/dnsConfig/ttl", json!(300), "live for 300 s"),
        ] {
            let before = turns.profile_body().pointer(pointer).unwrap().clone();
            turns.account.fake.by_hand(&id, |body| *body.pointer_mut(pointer).unwrap() = value);
            let found = turns.traffic.preflight(&"web".into()).await.unwrap();
            assert!(matches!(&found[..], [one] if one.blocks && one.what.contains(what)), "{found:?}");
            assert_eq!(turns.set(&[(1, 1000)]).await.unwrap_err().kind(), ErrorKind::Invalid);
            turns.account.fake.by_hand(&id, |body| *body.pointer_mut(pointer).unwrap() = before);
        }
        assert_eq!(turns.traffic.preflight(&"web".into()).await.unwrap(), []);
        turns.set(&[(1, 1000)]).await.unwrap();
    });
}

#[test]
fn who_is_led_to_a_slot_by_hand_is_not_led_to_the_next_generation_at_once() {
    play(weights, async |turns| {
        turns.make(1, 1).await.unwrap();
        turns.make(2, 1).await.unwrap();
        turns.set(&[(1, 1000)]).await.unwrap();
        let enable = |body: &mut Value| body["properties"]["endpoints"][1]["properties"]["endpointStatus"] = json!("Enabled");
        turns.account.fake.by_hand(&turns.profile(), enable);
        let calls = turns.account.fake.calls().len();
        turns.set(&[(1, 900), (2, 100)]).await.unwrap();
        let calls: Vec<String> = turns.account.fake.calls().into_iter().skip(calls).map(|call| call.method).collect();
        let writes: Vec<&str> = calls
            .iter()
            .map(String::as_str)
            .filter(|call| ["profiles.update", "loadBalancers.createOrUpdate"].contains(call))
            .collect();
        assert_eq!(writes, ["profiles.update", "loadBalancers.createOrUpdate", "profiles.update"]);
        assert_eq!(turns.weights(), map(&[("blue", 900), ("green", 100)]));
    });
}

#[test]
fn tags_that_somebody_has_spoiled_are_not_taken_for_none() {
    for (of, tag, top) in [(rules as fn(&_) -> _, "immutable-pool-web", 1), (weights, "immutable-slot-web-blue", 1000)] {
        play(of, async |turns| {
            turns.make(1, 1).await.unwrap();
            turns.set(&[(1, top)]).await.unwrap();
            let seen = turns.look().await.tag;
            assert!(front(&turns.account).tags.contains_key(tag), "{:?}", front(&turns.account).tags);
            assert!(turns.account.fake.meddle_tag(&turns.front(), tag, Some("whatever")));
            let error = turns.traffic.observe(&"web".into()).await.unwrap_err();
            assert_eq!((error.kind(), error.resource()), (ErrorKind::Corrupt, Some("web")), "{error}");
            let error = turns.traffic.route(&turns.op(), &turns.to(&seen, &[(1, 1)])).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            // Gone altogether, nobody is attached, and whoever routes begins anew.
            turns.account.fake.meddle_tag(&turns.front(), tag, None);
            assert!(turns.look().await.weights.is_empty());
            turns.set(&[(1, top)]).await.unwrap();
            assert!(turns.said().values().any(|pool| pool == "web-0001"));
        });
    }
}

#[test]
fn a_load_balancer_without_room_for_a_tag_is_left_as_it_is() {
    play(rules, async |turns| {
        turns.make(1, 1).await.unwrap();
        for number in 0..50 {
            turns.account.fake.meddle_tag(&turns.front(), &format!("tag-{number}"), Some("x"));
        }
        let error = turns.set(&[(1, 1)]).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No), "{error}");
        assert_eq!(turns.said()["web"], "");
    });
}

#[test]
fn a_pool_in_which_somebody_else_is_stays() {
    play(rules, async |turns| {
        turns.make(1, 0).await.unwrap();
        turns.account.fake.by_hand(&turns.front(), |body| {
            body["properties"]["backendAddressPools"][0]["properties"]["loadBalancerBackendAddresses"] =
                json!([{"name": "one", "properties": {"ipAddress": "10.0.0.200", "virtualNetwork": {"id": "/net"}}}]);
        });
        let error = turns.fleets.destroy_generation(&turns.op(), GenerationId(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(
            error.to_string().contains("somebody is in it") && front(&turns.account).pools.contains_key("web-0001"),
            "{error}"
        );
    });
}
