//! Where the requests of a fleet come from: load balancers, and Traffic Manager in front of one.

mod balancer;
mod health;
mod load_balancer;
mod members;
pub(crate) mod pools;
mod profile;
mod route;
mod slots;
mod tags;
mod traffic_manager;
mod turns;
mod weigh;
mod whose;

pub use load_balancer::{LoadBalancerTraffic, Pool};
pub use traffic_manager::{TrafficManagerTraffic, WeightedPool};
pub(crate) use turns::Turns;

use immutable_core::id::PoolId;
use immutable_core::{Error, ErrorKind};

/// That a switch has no such pool.
fn unknown<'a>(id: &PoolId, known: impl Iterator<Item = &'a PoolId>, add: &str) -> Error {
    let known: Vec<&str> = known.map(PoolId::as_str).collect();
    Error::new(ErrorKind::NotFound, format!("there is no pool {id} (known: {}); add it with `{add}`", known.join(", ")))
}
