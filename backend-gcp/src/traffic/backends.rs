//! The backends of a service: whose each is stands in its description, and what bears no word of ours stays as it is.

use std::time::Duration;

use google_cloud_compute_v1::model::backend::BalancingMode;
use google_cloud_compute_v1::model::backend_service::SessionAffinity;
use google_cloud_compute_v1::model::{Backend, BackendService};
use immutable_core::fleet::GenerationId;

use crate::marks::relative;

/// What stands in the description of a backend of ours.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct BackendMark {
    /// With its place, since a service may be of all regions.
    pub(super) fleet: String,
    pub(super) generation: GenerationId,
    /// The call that last changed the backend, so that what a service was never comes back.
    pub(super) op: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Described {
    immutable: BackendMark,
}

impl BackendMark {
    pub(super) fn read(backend: &Backend) -> Option<Self> {
        let described = serde_json::from_str::<Described>(backend.description.as_deref()?);
        described.ok().map(|described| described.immutable)
    }

    fn write(&self) -> String {
        serde_json::to_string(&Described { immutable: self.clone() }).unwrap_or_default()
    }

    fn is_of(&self, other: &Self) -> bool {
        (&self.fleet, self.generation) == (&other.fleet, other.generation)
    }
}

/// The group of a backend, without what says which API its URL is of.
pub(super) fn group(backend: &Backend) -> &str {
    backend.group.as_deref().map(relative).unwrap_or_default()
}

/// Whether a backend gets nothing, whatever its service does.
fn is_drained(backend: &Backend) -> bool {
    // "The default value is 1".
    backend.capacity_scaler == Some(0.0)
}

/// Whether all these groups are backends of a generation, and get requests; and nobody else of ours is beside them.
pub(super) fn holds(service: &BackendService, mark: &BackendMark, groups: &[String]) -> bool {
    let mine = |backend: &&Backend| BackendMark::read(backend).is_some_and(|known| known.is_of(mark));
    let there = |url: &String| {
        service.backends.iter().filter(mine).any(|backend| group(backend) == relative(url) && !is_drained(backend))
    };
    let others = service.backends.iter().filter_map(BackendMark::read).any(|known| !known.is_of(mark));
    !others && groups.iter().all(there)
}

/// Whether all backends of ours were put there by this call.
pub(super) fn are_all_by(service: &BackendService, mark: &BackendMark) -> bool {
    service.backends.iter().filter_map(BackendMark::read).all(|known| known.op == mark.op)
}

/// The backends of a service that is given to a generation: its groups, for the ones that had it before, and what is foreign there. Backends that stay keep how they balance,
/// and new ones balance as those before did. If not all groups could be seen, those that are there stay.
pub(super) fn given(service: &BackendService, mark: &BackendMark, groups: &[String], all: bool) -> Vec<Backend> {
    let like = service.backends.iter().find(|backend| BackendMark::read(backend).is_some()).cloned();
    let mut backends: Vec<Backend> = Vec::with_capacity(service.backends.len() + groups.len());
    for backend in &service.backends {
        let named = groups.iter().any(|url| relative(url) == group(backend));
        let stays = match BackendMark::read(backend) {
            Some(known) => named || !all && known.is_of(mark),
            None => true,
        };
        if stays {
            backends.push(if named { gets(backend.clone(), mark) } else { backend.clone() });
        }
    }
    for url in groups {
        if !backends.iter().any(|backend| group(backend) == relative(url)) {
            let new = like.clone().unwrap_or_else(|| Backend::new().set_balancing_mode(BalancingMode::Utilization));
            backends.push(gets(new.set_group(url), mark));
        }
    }
    backends
}

fn gets(mut backend: Backend, mark: &BackendMark) -> Backend {
    if is_drained(&backend) || backend.capacity_scaler.is_none() {
        backend.capacity_scaler = Some(1.0);
    }
    backend.set_description(mark.write())
}

/// The backends of a service that a generation has left, of whom none gets anything any more; nothing if it is so already, or if Google would refuse it: "You cannot configure
/// a setting of 0 when there is only one backend attached to the backend service".
pub(super) fn left(service: &BackendService, mark: &BackendMark) -> Option<Vec<Backend>> {
    let mine = |backend: &Backend| BackendMark::read(backend).is_some_and(|known| known.is_of(mark)) && !is_drained(backend);
    if service.backends.len() < 2 || !service.backends.iter().any(mine) {
        return None;
    }
    let drained = |backend: &Backend| match mine(backend) {
        true => backend.clone().set_capacity_scaler(0.0_f32).set_description(mark.write()),
        false => backend.clone(),
    };
    Some(service.backends.iter().map(drained).collect())
}

/// How long requests may take to end once their backend gets no more: `connectionDraining.drainingTimeoutSec`, which is 0 if nothing is said.
pub(super) fn ends_within(service: &BackendService) -> Duration {
    let seconds = service.connection_draining.as_ref().and_then(|draining| draining.draining_timeout_sec).unwrap_or(0);
    Duration::from_secs(seconds.try_into().unwrap_or(0))
}

/// By what clients stay with a machine of this service, if they do.
pub(super) fn affinity(service: &BackendService) -> Option<&str> {
    service
        .session_affinity
        .as_ref()
        .filter(|affinity| **affinity != SessionAffinity::None)
        .map(|affinity| affinity.name().unwrap_or("unknown"))
}

/// What to say of a service that clients stay with.
pub(super) fn no_affinity(slot: &str, affinity: &str) -> String {
    format!("backend service {slot} has the session affinity {affinity}, with which Google wants no weights; set it to NONE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(name: &str) -> String {
        format!("https://www.googleapis.com/compute/v1/projects/acme/zones/europe-west1-b/instanceGroups/{name}")
    }

    fn mark(generation: u32) -> BackendMark {
        BackendMark {
            fleet: "gcp/acme/europe-west1/web".into(),
            generation: GenerationId(generation),
            op: format!("op-{generation}"),
        }
    }

    fn service(backends: Vec<Backend>) -> BackendService {
        BackendService::new().set_backends(backends)
    }

    fn theirs() -> Backend {
        Backend::new().set_group(url("theirs")).set_description("ann's").set_capacity_scaler(0.5_f32)
    }

    #[test]
    fn a_service_is_given_from_one_generation_to_another_and_what_is_foreign_stays() {
        let first = service(given(&service(vec![theirs()]), &mark(1), &[url("web-0001-0"), url("web-0001-1")], true));
        assert_eq!(first.backends.iter().map(group).filter(|group| group.contains("/web-0001-")).count(), 2);
        assert!(holds(&first, &mark(1), &[url("web-0001-0"), url("web-0001-1")]));
        let second = service(given(&first, &mark(2), &[url("web-0002-0")], true));
        assert_eq!(second.backends.len(), 2);
        assert_eq!(second.backends[0], theirs());
        assert!(holds(&second, &mark(2), &[url("web-0002-0")]));
        assert!(!holds(&second, &mark(1), &[url("web-0001-0")]));
    }

    #[test]
    fn how_somebody_has_it_balance_goes_on() {
        let mut before = service(given(&service(Vec::new()), &mark(1), &[url("web-0001-0")], true));
        before.backends[0] =
            before.backends[0].clone().set_balancing_mode(BalancingMode::Rate).set_max_rate_per_instance(50.0_f32);
        let after = given(&before, &mark(2), &[url("web-0002-0")], true);
        assert_eq!((after.len(), after[0].max_rate_per_instance), (1, Some(50.0)));
        assert_eq!(group(&after[0]), relative(&url("web-0002-0")));
    }

    #[test]
    fn a_group_that_could_not_be_seen_stays() {
        let groups = [url("web-0001-0"), url("web-0001-1")];
        let before = service(given(&service(Vec::new()), &mark(1), &groups, true));
        assert_eq!(given(&before, &mark(1), &groups[..1], false).len(), 2);
        assert_eq!(given(&before, &mark(1), &groups[..1], true).len(), 1);
        assert_eq!(given(&before, &mark(2), &[url("web-0002-0")], false).len(), 1, "another generation's go");
    }

    #[test]
    fn the_last_backend_is_never_drained() {
        let one = service(given(&service(Vec::new()), &mark(1), &[url("web-0001-0")], true));
        assert_eq!(left(&one, &mark(1)), None);
        let two = service(given(&service(vec![theirs()]), &mark(1), &[url("web-0001-0")], true));
        let drained = service(left(&two, &mark(1)).unwrap());
        assert_eq!(drained.backends[0], theirs());
        assert_eq!(drained.backends[1].capacity_scaler, Some(0.0));
        assert_eq!(left(&drained, &mark(1)), None, "once is enough");
        assert!(!holds(&drained, &mark(1), &[url("web-0001-0")]));
        let back = given(&drained, &mark(1), &[url("web-0001-0")], true);
        assert_eq!(back[1].capacity_scaler, Some(1.0));
    }
}
