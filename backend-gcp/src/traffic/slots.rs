//! A pool as it is: the url map, its weights, and whose its services are.

use std::collections::BTreeMap;

use google_cloud_compute_v1::model::{BackendService, UrlMap};
use immutable_core::fleet::{GenerationId, RouteTag};
use immutable_core::{Digest, Error, ErrorKind, Result, Timestamp};

use super::map::Weights;
use super::whose::{Described, Whose};
use super::{Pool, UrlMapTraffic, map};
use crate::client::lacks;

/// What was read of a pool's url map.
#[derive(Clone, Debug)]
pub(super) struct Read {
    map: UrlMap,
    described: Described,
    pub(super) weights: Weights,
    pub(super) whose: Whose,
}

impl UrlMapTraffic {
    pub(super) async fn read(&self, pool: &Pool) -> Result<Read> {
        let found = self.gcp.url_map(&pool.scope(), &pool.map).await?;
        let read = || {
            let described = Described::read(found.description.as_deref())?;
            let weights = Weights::read(&found, pool.matcher.as_deref(), &self.urls(pool))?;
            let whose = described.at(pool.matcher.as_deref());
            Ok(Read { map: found.clone(), described, weights, whose })
        };
        read().map_err(|error: Error| error.with_resource(pool.map.as_str()))
    }

    /// The services of a pool, by their names.
    pub(super) async fn services(&self, pool: &Pool) -> Result<BTreeMap<String, BackendService>> {
        let scope = pool.scope();
        let all = pool.slots.iter().map(|slot| self.gcp.service(&scope, slot));
        let all: Result<Vec<BackendService>> = futures_util::future::join_all(all).await.into_iter().collect();
        Ok(pool.slots.iter().cloned().zip(all?).collect())
    }

    /// `projects/acme/global/backendServices/web-blue`.
    pub(super) fn url(&self, pool: &Pool, slot: &str) -> String {
        let project = self.gcp.project();
        match pool.regional {
            true => format!("projects/{project}/regions/{}/backendServices/{slot}", self.gcp.region()),
            false => format!("projects/{project}/global/backendServices/{slot}"),
        }
    }

    pub(super) fn urls(&self, pool: &Pool) -> Vec<String> {
        pool.slots.iter().map(|slot| self.url(pool, slot)).collect()
    }

    /// The generations that are attached, and their weights: not one whose service the map does not name, be it at weight 0, since nobody checks it.
    pub(super) fn weights(&self, pool: &Pool, read: &Read) -> BTreeMap<GenerationId, u16> {
        let weight = |(slot, generation): (&String, GenerationId)| Some((generation, read.weights.of(&self.url(pool, slot))?));
        read.whose.attached().filter(|(slot, _)| pool.slots.contains(slot)).filter_map(weight).collect()
    }

    /// Writes what a map does and whose its services are, and answers with the pool's tag from then on.
    pub(super) async fn write(
        &self,
        pool: &Pool,
        read: Read,
        weights: Option<&BTreeMap<String, u16>>,
        id: String,
    ) -> Result<RouteTag> {
        let Read { map, mut described, whose, .. } = read;
        let matcher = pool.matcher.as_deref();
        described.set(matcher, whose.clone());
        let map = match weights {
            Some(weights) => map::with_weights(map, matcher, weights),
            None => map,
        };
        let map = map::writable(map).set_description(described.write()?);
        let weights = Weights::read(&map, matcher, &self.urls(pool))?;
        self.gcp.update_url_map(&pool.scope(), &pool.map, map, id).await?;
        tag(&weights, &whose)
    }
}

impl Read {
    /// Stands for all that a route is decided on: weights, whose the services are, and which call set them, so that it does not come back. Not the map's own fingerprint, which
    /// is also of what other pools and other people have in the map.
    pub(super) fn tag(&self) -> Result<RouteTag> {
        tag(&self.weights, &self.whose)
    }

    /// Another text for each state that the whole map was in.
    pub(super) fn fingerprint(&self) -> Result<String> {
        let bytes = self.map.fingerprint.as_ref().ok_or_else(|| lacks("urlMaps.get", "fingerprint"))?;
        Ok(format!("{bytes:?}"))
    }
}

fn tag(weights: &Weights, whose: &Whose) -> Result<RouteTag> {
    let mut whose = whose.clone();
    // When a service was left is told by whichever copy of the call was first, and all of them answer the same.
    for left in whose.slots.values_mut().filter_map(|slot| slot.left.as_mut()) {
        *left = Timestamp::default();
    }
    let mut text = serde_json::to_string(&whose)
        .map_err(|error| Error::new(ErrorKind::Internal, "a tag could not be made").with_source(error))?;
    for (url, weight) in &weights.0 {
        text.push_str(&format!("\n{url}={weight}"));
    }
    let digest = Digest::of(text.as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    Ok(RouteTag(hex.get(..32).unwrap_or(hex).into()))
}
