//! Backend pools: one for each generation in its fleet's load balancer.

use immutable_core::fleet::Op;
use immutable_core::{ErrorKind, Result};
use serde_json::{Value, json};

use super::NETWORK;
use crate::client::{Azure, Call};

const KIND: &str = "Microsoft.Network/loadBalancers";

/// The id of a generation's pool in a load balancer of the resource group.
pub(crate) fn id(azure: &Azure, load_balancer: &str, generation: &str) -> String {
    format!("{}/backendAddressPools/{generation}", azure.of(KIND, load_balancer))
}

/// Makes a generation's pool, if it is not there.
pub(crate) async fn ensure(azure: &Azure, _op: &Op, load_balancer: &str, generation: &str) -> Result<()> {
    let path = id(azure, load_balancer, generation);
    match azure.ask(&Call::get("loadBalancerBackendAddressPools.get", &path, NETWORK)).await {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let body = json!({ "name": generation, "properties": {} });
    azure.complete(&Call::put("loadBalancerBackendAddressPools.createOrUpdate", &path, NETWORK, &body), false).await
}

/// Removes a generation's pool from whichever load balancer it is in.
pub(crate) async fn remove(azure: &Azure, _op: &Op, generation: &str) -> Result<()> {
    let all = azure.list(&Call::get("loadBalancers.list", &azure.all(KIND), NETWORK)).await?;
    let pools =
        all.iter().flat_map(|one| one.pointer("/properties/backendAddressPools").and_then(Value::as_array).into_iter().flatten());
    let named =
        pools.filter(|pool| pool.get("name").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(generation)));
    for path in named.filter_map(|pool| pool.get("id").and_then(Value::as_str)) {
        match azure.complete(&Call::delete("loadBalancerBackendAddressPools.delete", path, NETWORK), true).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}
