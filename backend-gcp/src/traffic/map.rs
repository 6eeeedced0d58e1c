//! What a url map, or one of its path matchers, does by default, and how its weights are changed without touching the rest.

use std::collections::BTreeMap;

use google_cloud_compute_v1::model::{HttpRouteAction, UrlMap, WeightedBackendService};
use immutable_core::{Error, Result};

use crate::marks::{last, relative};

/// By what weights requests are divided, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Weights(pub(super) BTreeMap<String, u16>);

impl Weights {
    /// Of a map, or of one of its matchers; services by their URLs without what says which API they are of. A plain service that is one of `slots` has no weight: whoever
    /// is in it was put there by somebody else, and nobody is routed.
    pub(super) fn read(map: &UrlMap, matcher: Option<&str>, slots: &[String]) -> Result<Self> {
        let (service, redirects, action) = match matcher {
            None => (&map.default_service, map.default_url_redirect.is_some(), &map.default_route_action),
            Some(name) => {
                let known = map.path_matchers.iter().find(|known| known.name.as_deref() == Some(name));
                let known = known.ok_or_else(|| {
                    let all: Vec<&str> = map.path_matchers.iter().filter_map(|known| known.name.as_deref()).collect();
                    Error::new(
                        immutable_core::ErrorKind::NotFound,
                        format!("the url map has no path matcher {name} (it has: {}); make it first", all.join(", ")),
                    )
                })?;
                (&known.default_service, known.default_url_redirect.is_some(), &known.default_route_action)
            }
        };
        let what = matcher.map_or_else(|| "the url map".to_owned(), |name| format!("path matcher {name}"));
        let weighted = action.as_ref().map(|action| action.weighted_backend_services.as_slice()).unwrap_or_default();
        if !weighted.is_empty() {
            let weight = |one: &WeightedBackendService| {
                let weight = u16::try_from(one.weight.unwrap_or(0)).unwrap_or(u16::MAX);
                one.backend_service.as_deref().map(|url| (relative(url).to_owned(), weight))
            };
            return Ok(Self(weighted.iter().filter_map(weight).collect()));
        }
        match service.as_deref() {
            Some(url) if slots.iter().any(|slot| slot == relative(url)) => Ok(Self::default()),
            Some(url) => Err(Error::invalid(format!(
                "{what} sends all to {}, which is no service of the pool; have it send to one of those, or divide between it and them by weight",
                last(url)
            ))),
            None if redirects => Err(Error::invalid(format!(
                "{what} redirects by default, and has no weights; have it send to a backend service of the pool"
            ))),
            None => Err(Error::invalid(format!(
                "{what} sends to no service by default; have it send to a backend service of the pool"
            ))),
        }
    }

    pub(super) fn of(&self, slot: &str) -> Option<u16> {
        self.0.get(slot).copied()
    }
}

/// The same map with these weights for these services, and all others as they are.
pub(super) fn with_weights(mut map: UrlMap, matcher: Option<&str>, wanted: &BTreeMap<String, u16>) -> UrlMap {
    let (service, action) = match matcher {
        None => (&mut map.default_service, &mut map.default_route_action),
        Some(name) => match map.path_matchers.iter_mut().find(|known| known.name.as_deref() == Some(name)) {
            Some(known) => (&mut known.default_service, &mut known.default_route_action),
            None => return map,
        },
    };
    let action = action.get_or_insert_with(HttpRouteAction::new);
    for (slot, weight) in wanted {
        let is = |one: &&mut WeightedBackendService| one.backend_service.as_deref().map(relative) == Some(slot);
        match action.weighted_backend_services.iter_mut().find(is) {
            Some(known) => known.weight = Some((*weight).into()),
            None => {
                let url = format!("https://www.googleapis.com/compute/v1/{slot}");
                let new = WeightedBackendService::new().set_backend_service(url).set_weight(*weight);
                action.weighted_backend_services.push(new);
            }
        }
    }
    // "Only one of defaultUrlRedirect, defaultService or defaultRouteAction.weightedBackendService can be set."
    *service = None;
    map
}

/// A map without what only Google says of it.
pub(super) fn writable(mut map: UrlMap) -> UrlMap {
    (map.creation_timestamp, map.id, map.kind, map.region, map.self_link) = (None, None, None, None, None);
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_compute_v1::model::{HostRule, HttpRedirectAction, PathMatcher, UrlRewrite};
    use immutable_core::ErrorKind;

    const BLUE: &str = "projects/acme/global/backendServices/web-blue";
    const GREEN: &str = "projects/acme/global/backendServices/web-green";
    const THEIRS: &str = "projects/acme/global/backendServices/theirs";

    fn slots() -> Vec<String> {
        vec![BLUE.to_owned(), GREEN.to_owned()]
    }

    fn full(name: &str) -> String {
        format!("https://www.googleapis.com/compute/v1/{name}")
    }

    fn weighted(weights: &[(&str, u32)]) -> HttpRouteAction {
        let one =
            |(name, weight): &(&str, u32)| WeightedBackendService::new().set_backend_service(full(name)).set_weight(*weight);
        HttpRouteAction::new()
            .set_weighted_backend_services(weights.iter().map(one))
            .set_url_rewrite(UrlRewrite::new().set_host_rewrite("shop"))
    }

    #[test]
    fn only_the_weights_that_are_named_change() {
        let matcher = PathMatcher::new().set_name("api").set_default_service(full(THEIRS));
        let map = UrlMap::new()
            .set_default_route_action(weighted(&[(THEIRS, 7), (BLUE, 1)]))
            .set_host_rules([HostRule::new().set_hosts(["api.example"]).set_path_matcher("api")])
            .set_path_matchers([matcher]);
        let read = Weights::read(&map, None, &slots()).unwrap();
        assert_eq!((read.of(BLUE), read.of(GREEN), read.of(THEIRS)), (Some(1), None, Some(7)));
        let wanted = [(BLUE.to_owned(), 0), (GREEN.to_owned(), 1000)].into();
        let after = with_weights(map.clone(), None, &wanted);
        let read = Weights::read(&after, None, &slots()).unwrap();
        assert_eq!((read.of(BLUE), read.of(GREEN), read.of(THEIRS)), (Some(0), Some(1000), Some(7)));
        assert_eq!((&after.host_rules, &after.path_matchers), (&map.host_rules, &map.path_matchers));
        let rewrite = |map: &UrlMap| map.default_route_action.as_ref().and_then(|action| action.url_rewrite.clone());
        assert_eq!(rewrite(&after), rewrite(&map));
    }

    #[test]
    fn what_google_adds_to_its_models_is_kept() {
        let json = serde_json::json!({
            "defaultRouteAction": {"weightedBackendServices": [{"backendService": full(BLUE), "weight": 1, "newer": {"a": 1}}], "newest": 2},
            "hostRules": [{"hosts": ["x"], "pathMatcher": "api", "later": true}],
            "new": [1, 2],
        });
        let map: UrlMap = serde_json::from_value(json).unwrap();
        let after = serde_json::to_value(with_weights(map, None, &[(BLUE.to_owned(), 5)].into())).unwrap();
        assert_eq!(after["new"], serde_json::json!([1, 2]));
        assert_eq!(after["hostRules"][0]["later"], true);
        assert_eq!(after["defaultRouteAction"]["newest"], 2);
        assert_eq!(after["defaultRouteAction"]["weightedBackendServices"][0]["newer"]["a"], 1);
        assert_eq!(after["defaultRouteAction"]["weightedBackendServices"][0]["weight"], 5);
    }

    #[test]
    fn a_plain_service_becomes_weights() {
        let map = UrlMap::new().set_default_service(full(BLUE));
        assert_eq!(Weights::read(&map, None, &slots()).unwrap(), Weights::default());
        let after = with_weights(map, None, &[(BLUE.to_owned(), 1), (GREEN.to_owned(), 0)].into());
        assert_eq!(after.default_service, None);
        assert_eq!(Weights::read(&after, None, &slots()).unwrap().of(GREEN), Some(0));
    }

    #[test]
    fn a_path_matcher_is_changed_and_nothing_beside_it() {
        let matcher = |name: &str| PathMatcher::new().set_name(name).set_default_service(full(BLUE));
        let map = UrlMap::new().set_default_service(full(THEIRS)).set_path_matchers([matcher("api"), matcher("shop")]);
        let after = with_weights(map.clone(), Some("api"), &[(BLUE.to_owned(), 3)].into());
        assert_eq!(Weights::read(&after, Some("api"), &slots()).unwrap().of(BLUE), Some(3));
        assert_eq!(after.default_service, map.default_service);
        assert_eq!(after.path_matchers[1], map.path_matchers[1]);
        let absent = Weights::read(&map, Some("web"), &slots()).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        assert!(absent.to_string().contains("api, shop"), "{absent}");
    }

    #[test]
    fn what_sends_elsewhere_is_refused() {
        let no = |map: UrlMap| Weights::read(&map, None, &slots()).unwrap_err().to_string();
        assert!(no(UrlMap::new().set_default_service(full(THEIRS))).contains("sends all to theirs"));
        assert!(no(UrlMap::new().set_default_url_redirect(HttpRedirectAction::new())).contains("redirects"));
        assert!(no(UrlMap::new()).contains("no service by default"));
    }
}
