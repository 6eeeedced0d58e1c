//! Taking a group that goes out of load balancers: Google deletes none that a service still names.

use google_cloud_compute_v1::model::BackendService;
use immutable_core::{Error, ErrorKind, Result};

use super::backends::{BackendMark, group};
use super::look::at;
use crate::client::{Gcp, lacks};
use crate::marks::relative;
use crate::operations::{self, Scope};

/// How often a service that others change meanwhile is read again.
const TRIES: u8 = 5;

/// Takes an instance group, by its URL, out of every backend service where this library has put it. Whether it was in one: not while it has members, who may have requests, and
/// not where somebody else has put it.
pub(crate) async fn release(gcp: &Gcp, instance_group_url: &str) -> Result<bool> {
    let of =
        at(instance_group_url).ok_or_else(|| Error::invalid(format!("`{instance_group_url}` is no instance group's URL")))?;
    match gcp.members(&of).await {
        Ok(members) if !members.is_empty() => return Ok(false),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (services, _) = gcp.services().await?;
    let mut released = false;
    for (scope, service) in services {
        if names(&service, instance_group_url) {
            released |=
                take_out(gcp, &scope, service, instance_group_url).await.map_err(|error| gcp.half_done(released, error))?;
        }
    }
    Ok(released)
}

fn is(backend: &google_cloud_compute_v1::model::Backend, url: &str) -> bool {
    group(backend) == relative(url) && BackendMark::read(backend).is_some()
}

fn names(service: &BackendService, url: &str) -> bool {
    service.backends.iter().any(|backend| is(backend, url))
}

async fn take_out(gcp: &Gcp, scope: &Scope, mut service: BackendService, url: &str) -> Result<bool> {
    let name = service.name.clone().ok_or_else(|| lacks("backendServices.aggregatedList", "name of a service"))?;
    for _ in 0..TRIES {
        let fingerprint = service.fingerprint.clone().ok_or_else(|| lacks("backendServices.get", "fingerprint"))?;
        let id = operations::uuid(&format!("release {name} {} {fingerprint:?}", relative(url)));
        let rest: Vec<_> = service.backends.iter().filter(|backend| !is(backend, url)).cloned().collect();
        let answer = if rest.is_empty() {
            // A patch cannot say that there are none: the client leaves out what is empty.
            gcp.update_service(scope, &name, emptied(service)?, id).await
        } else {
            let body = BackendService::new().set_backends(rest).set_fingerprint(fingerprint);
            gcp.patch_service(scope, &name, body, id).await
        };
        match answer {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error),
        }
        service = gcp.service(scope, &name).await?;
        if !names(&service, url) {
            return Ok(true);
        }
    }
    Err(Error::new(ErrorKind::Busy, format!("backend service {name} is changed by others all the time; ask again")))
}

/// The whole of a service without its backends, and without what only Google says of it.
fn emptied(mut service: BackendService) -> Result<BackendService> {
    // "For security reasons, this value cannot be retrieved via the API": to write the service back would lose it.
    if service.iap.as_ref().is_some_and(|iap| iap.oauth_2_client_id.as_ref().is_some_and(|id| !id.is_empty())) {
        let name = service.name.unwrap_or_default();
        return Err(Error::invalid(format!(
            "backend service {name} has an OAuth client of its own for IAP, whose secret Google does not show, so its last backend cannot be taken \
             out here without losing that; do it by `gcloud compute backend-services remove-backend`"
        )));
    }
    service.backends.clear();
    (service.creation_timestamp, service.id, service.kind, service.region, service.self_link) = (None, None, None, None, None);
    service.used_by.clear();
    Ok(service)
}
