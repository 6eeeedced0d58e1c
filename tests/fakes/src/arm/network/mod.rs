//! `Microsoft.Network`: Standard load balancers, their rules and backend pools, and who gets what by them. "What is Azure Load Balancer?", and the
//! docstrings of azure-mgmt-network.

mod balancer;
mod flow;
mod health;
mod pool;
mod rules;
pub(crate) mod truth;
mod view;

use std::collections::BTreeMap;

use serde_json::Value;

use super::asked::{Asked, at, text};
use super::error::{ArmError, Result, bad, error};
use super::table::Row;
use super::world::{MINUTE, SECOND, World};

pub(crate) const BALANCER: &str = "Microsoft.Network/loadBalancers";
const VERSIONS: &[&str] = &["2026-03-01"];
const ONE: &str = "G/Microsoft.Network/loadBalancers/*";
const POOL: &str = "G/Microsoft.Network/loadBalancers/*/backendAddressPools/*";

pub(crate) const CALLS: &[Row] = &[
    Row::new("loadBalancers.get", "GET", ONE, VERSIONS, balancer::get).query(&["$expand", "detailLevel"]),
    Row::new("loadBalancers.list", "GET", "G/Microsoft.Network/loadBalancers", VERSIONS, balancer::list),
    Row::new("loadBalancers.createOrUpdate", "PUT", ONE, VERSIONS, balancer::create),
    Row::new("loadBalancerBackendAddressPools.get", "GET", POOL, VERSIONS, pool::get),
    Row::new("loadBalancerBackendAddressPools.createOrUpdate", "PUT", POOL, VERSIONS, pool::create),
    Row::new("loadBalancerBackendAddressPools.delete", "DELETE", POOL, VERSIONS, pool::delete),
    Row::new(
        "loadBalancerLoadBalancingRules.health",
        "POST",
        "G/Microsoft.Network/loadBalancers/*/loadBalancingRules/*/health",
        VERSIONS,
        health::health,
    )
    .reads(),
];

/// What becomes of a write to a load balancer while another goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rival {
    /// The former is canceled: `CanceledAndSupersededDueToAnotherOperation` (azurerm#10178, azure-cli#21156).
    #[default]
    Supersedes,
    /// The new one is refused: 429 `RetryableError` (azurerm#25417).
    Retryable,
    /// The new one is refused: 429 `AnotherOperationInProgress` (AzureTRE#2222).
    InProgress,
}

/// What is kept of networks beside resources. Milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Public addresses, by key.
    pub(crate) addresses: BTreeMap<String, Address>,
    /// By the key of a load balancer: what is in force, and from when on; the newest last.
    pub(crate) history: BTreeMap<String, Vec<(u64, Value)>>,
    /// How long after the end of an operation it is in force.
    pub(crate) settle: u64,
    /// How long a connection goes on.
    pub(crate) flows: u64,
    /// Whether connections with a machine that a person has barred are reset.
    pub(crate) resets: bool,
    pub(crate) rival: Rival,
    /// Whether whoever joins or leaves a pool gives the load balancer another etag.
    pub(crate) members_count: bool,
    /// Whether a load balancer cannot be written while somebody joins or leaves one of its pools.
    pub(crate) members_block: bool,
}

/// A public address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// `front-0.westeurope.cloudapp.azure.com`.
    pub(crate) host: String,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            addresses: BTreeMap::new(),
            history: BTreeMap::new(),
            settle: 10 * SECOND,
            flows: 4 * MINUTE,
            resets: false,
            rival: Rival::default(),
            members_count: false,
            members_block: false,
        }
    }
}

/// "Use tags to organize your Azure resources", limitations: 50 tags, names of 512 characters, values of 256.
pub(crate) fn check_tags(body: &Value) -> Result<()> {
    let Some(tags) = at(body, "tags").and_then(Value::as_object) else { return Ok(()) };
    if tags.len() > 50 {
        return Err(bad("TooManyTags", format!("The resource has {} tags, which is more than the allowed 50.", tags.len())));
    }
    for (name, value) in tags {
        let Some(value) = value.as_str() else {
            return Err(bad("InvalidRequestContent", format!("The tag '{name}' is no text.")));
        };
        if name.chars().count() > 512 || name.chars().any(|letter| "<>%&\\?/".contains(letter)) {
            return Err(bad(
                "InvalidTagNameCharacters",
                format!("The tag name '{name}' is too long or has characters that no name may have."),
            ));
        }
        if value.chars().count() > 256 {
            return Err(bad(
                "InvalidTagValueLength",
                format!("The value of the tag '{name}' is longer than the allowed 256 characters."),
            ));
        }
    }
    Ok(())
}

/// "Cannot proceed with operation because resource … is not in Succeeded state": coreos/tectonic-installer#1459.
fn settled(world: &World, balancer: &str) -> Result<()> {
    let Some(found) = world.find(balancer).filter(|_| world.network.members_block) else { return Ok(()) };
    for pool in super::asked::list(&found.body, "properties.backendAddressPools") {
        let pool = super::asked::key(&format!("{balancer}/backendAddressPools/{}", text(pool, "name")));
        let moves = |state: &str| ["Creating", "Deleting"].contains(&state);
        let members = world.members_at(&pool, world.now);
        if let Some(member) = members.into_iter().find(|member| moves(member.state(world.now))) {
            return Err(retryable(&view::configuration(member, &pool), balancer, member.state(world.now), "PutNicOperation"));
        }
    }
    Ok(())
}

fn retryable(resource: &str, user: &str, state: &str, operation: &str) -> ArmError {
    let message = format!(
        "Cannot proceed with operation because resource {resource} used by resource {user} is not in Succeeded state. Resource is in {state} state and the last operation that updated/is updating the resource is {operation}."
    );
    let detail = ("ReferencedResourceNotProvisioned".to_owned(), message, None);
    ArmError { details: vec![detail], ..error(429, "RetryableError", "A retryable error occurred.") }
}

/// A former write makes place, or the new one goes.
fn rivals(world: &mut World, asked: &Asked, balancer: &str, operation: &str) -> Result<()> {
    settled(world, balancer)?;
    let open = world.open_of(balancer);
    let Some(other) = open.last().cloned() else { return Ok(()) };
    match world.network.rival {
        Rival::Supersedes => {
            let message =
                format!("Operation {} ({other}) was canceled and superseded by operation {operation}.", former(world, &other));
            let detail = ("CanceledAndSupersededDueToAnotherOperation".to_owned(), message, None);
            world.supersede(balancer, &ArmError { details: vec![detail], ..error(409, "Canceled", "Operation was canceled.") });
            Ok(())
        }
        Rival::Retryable => Err(retryable(balancer, balancer, "Updating", former(world, &other))),
        Rival::InProgress => Err(error(
            429,
            "AnotherOperationInProgress",
            format!(
                "Another operation on this or dependent resource is in progress. To retrieve status of the operation use uri: {}/subscriptions/{}/providers/Microsoft.Network/locations/{}/operations/{other}?api-version={}.",
                asked.origin,
                asked.subscription(),
                world.location,
                VERSIONS.first().copied().unwrap_or_default(),
            ),
        )),
    }
}

/// As the service calls an operation.
fn former(world: &World, operation: &str) -> &'static str {
    match world.operations.get(operation).map(|known| known.asked.row.call) {
        Some("loadBalancerBackendAddressPools.createOrUpdate") => "PutLoadBalancerBackendAddressPoolOperation",
        Some("loadBalancerBackendAddressPools.delete") => "DeleteLoadBalancerBackendAddressPoolOperation",
        _ => "PutLoadBalancerOperation",
    }
}

/// The key of what a reference names: `{ "id": … }`.
fn reference(body: &Value, field: &str) -> Option<String> {
    let id = at(body, field).map(|reference| text(reference, "id")).filter(|id| !id.is_empty());
    id.map(super::asked::key)
}
