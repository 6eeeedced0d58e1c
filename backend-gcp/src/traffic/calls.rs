//! Url maps and backend services as Google has them: those of the region and global ones, which are asked by methods of two names.

use google_cloud_compute_v1::model::{BackendService, BackendServiceGroupHealth, ResourceGroupReference, UrlMap};
use immutable_core::fleet::Coverage;
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Gcp;
use crate::marks::last;
use crate::operations::Scope;

/// How many of a list are asked for at once: the most that Google gives.
const PAGE: u32 = 500;

impl Gcp {
    pub(crate) async fn url_map(&self, scope: &Scope, name: &str) -> Result<UrlMap> {
        let (clients, project) = (self.clients(), self.project());
        let found = match scope {
            Scope::Region => {
                let call = clients.region_url_maps.get().set_project(project).set_region(self.region()).set_url_map(name);
                self.ask("regionUrlMaps.get", || call.clone().send()).await
            }
            _ => {
                let call = clients.url_maps.get().set_project(project).set_url_map(name);
                self.ask("urlMaps.get", || call.clone().send()).await
            }
        };
        found.map_err(|error| absent(error, "url map", name))
    }

    /// Writes the whole of a url map, under the fingerprint that is in it.
    pub(crate) async fn update_url_map(&self, scope: &Scope, name: &str, body: UrlMap, id: String) -> Result<()> {
        let (clients, project) = (self.clients(), self.project());
        match scope {
            Scope::Region => {
                let call = clients.region_url_maps.update().set_project(project).set_region(self.region());
                let call = call.set_url_map(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("regionUrlMaps.update", scope, id, send).await
            }
            _ => {
                let call = clients.url_maps.update().set_project(project).set_url_map(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("urlMaps.update", scope, id, send).await
            }
        }
    }

    pub(crate) async fn service(&self, scope: &Scope, name: &str) -> Result<BackendService> {
        let (clients, project) = (self.clients(), self.project());
        let found = match scope {
            Scope::Region => {
                let call = clients.region_backend_services.get().set_project(project).set_region(self.region());
                let call = call.set_backend_service(name);
                self.ask("regionBackendServices.get", || call.clone().send()).await
            }
            _ => {
                let call = clients.backend_services.get().set_project(project).set_backend_service(name);
                self.ask("backendServices.get", || call.clone().send()).await
            }
        };
        found.map_err(|error| absent(error, "backend service", name))
    }

    pub(crate) async fn patch_service(&self, scope: &Scope, name: &str, body: BackendService, id: String) -> Result<()> {
        let (clients, project) = (self.clients(), self.project());
        match scope {
            Scope::Region => {
                let call = clients.region_backend_services.patch().set_project(project).set_region(self.region());
                let call = call.set_backend_service(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("regionBackendServices.patch", scope, id, send).await
            }
            _ => {
                let call = clients.backend_services.patch().set_project(project).set_backend_service(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("backendServices.patch", scope, id, send).await
            }
        }
    }

    pub(crate) async fn update_service(&self, scope: &Scope, name: &str, body: BackendService, id: String) -> Result<()> {
        let (clients, project) = (self.clients(), self.project());
        match scope {
            Scope::Region => {
                let call = clients.region_backend_services.update().set_project(project).set_region(self.region());
                let call = call.set_backend_service(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("regionBackendServices.update", scope, id, send).await
            }
            _ => {
                let call = clients.backend_services.update().set_project(project).set_backend_service(name).set_body(body);
                let send = |id: String| call.clone().set_request_id(id).send();
                self.complete("backendServices.update", scope, id, send).await
            }
        }
    }

    /// What a service's check says of the machines of a group, which must be one of its backends.
    pub(crate) async fn group_health(&self, scope: &Scope, name: &str, group: &str) -> Result<BackendServiceGroupHealth> {
        let (clients, project) = (self.clients(), self.project());
        let body = ResourceGroupReference::new().set_group(group);
        match scope {
            Scope::Region => {
                let call = clients.region_backend_services.get_health().set_project(project).set_region(self.region());
                let call = call.set_backend_service(name).set_body(body);
                self.ask("regionBackendServices.getHealth", || call.clone().send()).await
            }
            _ => {
                let call = clients.backend_services.get_health().set_project(project).set_backend_service(name).set_body(body);
                self.ask("backendServices.getHealth", || call.clone().send()).await
            }
        }
    }

    /// All backend services of the project, global and of this region, and whether all were seen.
    pub(crate) async fn services(&self) -> Result<(Vec<(Scope, BackendService)>, Coverage)> {
        use google_cloud_compute_v1::model::backend_services_scoped_list::warning::Code;
        let (mut found, mut coverage, mut token) = (Vec::new(), Coverage::Whole, String::new());
        loop {
            let call = self.clients().backend_services.aggregated_list().set_project(self.project()).set_max_results(PAGE);
            let call = call.set_page_token(&token);
            let answer = self.ask("backendServices.aggregatedList", || call.clone().send()).await?;
            for (place, list) in answer.items {
                let scope = match place.split_once('/') {
                    None if place == "global" => Scope::Global,
                    Some(("regions", region)) if region == self.region() => Scope::Region,
                    _ => continue,
                };
                if list.warning.and_then(|warning| warning.code) == Some(Code::Unreachable) {
                    coverage = Coverage::Part(format!("{place} does not answer").into());
                }
                found.extend(list.backend_services.into_iter().map(|service| (scope.clone(), service)));
            }
            if let Some(silent) = answer.unreachables.iter().find(|place| last(place) == self.region()) {
                coverage = Coverage::Part(format!("{silent} does not answer").into());
            }
            token = answer.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok((found, coverage));
            }
        }
    }
}

fn absent(error: Error, what: &str, name: &str) -> Error {
    match error.kind() {
        ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, format!("there is no {what} {name}; make it first")).with_source(error)
        }
        _ => error,
    }
}
