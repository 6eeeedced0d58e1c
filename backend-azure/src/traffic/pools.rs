//! Backend pools: one for each generation in its fleet's load balancer.

use std::time::Duration;

use immutable_core::fleet::Op;
use immutable_core::{Applied, Error, ErrorKind, Result};

use super::balancer::{Balancer, KIND, VERSION, name_of};
use super::slots;
use crate::client::{Azure, Call};

/// How often it is begun anew because something else in the load balancer has changed meanwhile.
const TRIES: u8 = 5;

/// The id of a generation's pool in a load balancer of the resource group.
pub(crate) fn id(azure: &Azure, load_balancer: &str, generation: &str) -> String {
    format!("{}/backendAddressPools/{generation}", azure.of(KIND, load_balancer))
}

/// How often a write of our own that goes on already is looked at again, a second apart.
const LOOKS: u8 = 8;

/// Waits until nothing is going on in a load balancer any more, of what an earlier copy of a call has begun. Whether all of it is in force.
pub(super) async fn ended(azure: &Azure, load_balancer: &str) -> Result<bool> {
    for look in 0..LOOKS {
        if look > 0 {
            azure.pause(Duration::from_secs(1)).await;
        }
        let balancer = azure.balancer(load_balancer).await?;
        let succeeded = balancer.state().eq_ignore_ascii_case("Succeeded");
        if succeeded || balancer.failed() {
            return Ok(succeeded);
        }
    }
    let what = format!("the write of load balancer {load_balancer} that this call has begun goes on; ask again");
    Err(Error::new(ErrorKind::Busy, what).with_applied(Applied::Unknown).with_echo_until(azure.now()))
}

/// Makes a generation's pool, if it is not there: as a part of its load balancer, under the etag of that, so that no pool is written twice.
pub(crate) async fn ensure(azure: &Azure, _: &Op, load_balancer: &str, generation: &str) -> Result<()> {
    let _turn = azure.balancers().of(load_balancer).await;
    let mut begun = false;
    for _ in 0..TRIES {
        let mut found = azure.balancer(load_balancer).await.map_err(|error| azure.half_done(begun, error))?;
        if found.has_pool(generation) && !found.failed() {
            return Ok(());
        }
        if !found.has_pool(generation) {
            found.add_pool(generation);
        }
        match found.put(azure).await {
            Err(error) if error.kind() == ErrorKind::Conflict => begun |= overtaken(&error),
            other => return other.map_err(|error| azure.half_done(begun, error)),
        }
    }
    Err(azure.half_done(begun, busy(load_balancer)))
}

/// Removes a generation's pool from whichever load balancer of the resource group it is in. One that somebody is in stays, and so does one that a rule sends to, but for
/// rules of a slot that it has left.
pub(crate) async fn remove(azure: &Azure, op: &Op, generation: &str) -> Result<()> {
    let all = azure.list(&Call::get("loadBalancers.list", &azure.all(KIND), VERSION)).await?;
    let of = |body: &&serde_json::Value| {
        let pools = body.pointer("/properties/backendAddressPools").and_then(serde_json::Value::as_array);
        pools.into_iter().flatten().any(|pool| name_of(pool).eq_ignore_ascii_case(generation))
    };
    let mut begun = false;
    for name in all.iter().filter(of).map(name_of) {
        take_out(azure, op, name, generation, &mut begun).await.map_err(|error| azure.half_done(begun, error))?;
    }
    Ok(())
}

async fn take_out(azure: &Azure, op: &Op, load_balancer: &str, generation: &str, begun: &mut bool) -> Result<()> {
    let _turn = azure.balancers().of(load_balancer).await;
    for _ in 0..TRIES {
        let found = match azure.balancer(load_balancer).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        if !found.has_pool(generation) {
            return Ok(());
        }
        if found.is_inhabited(&found.pool_id(generation)) {
            return Err(in_use(load_balancer, generation, "somebody is in it"));
        }
        match free(azure, op, found, generation).await {
            Ok(freed) => *begun |= freed,
            Err(error) if error.kind() == ErrorKind::Conflict => {
                *begun |= overtaken(&error);
                continue;
            }
            Err(error) => return Err(error),
        }
        match azure.balancer(load_balancer).await?.delete_pool(azure, generation).await {
            Err(error) if error.kind() == ErrorKind::Conflict => *begun |= overtaken(&error),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            // "Cannot remove backend address pool … since it is in use by …": vm-scale-sets#53.
            Err(error) if error.message().contains("in use") => {
                return Err(in_use(load_balancer, generation, "somebody is in it").with_source(error));
            }
            other => {
                *begun = true;
                return other;
            }
        }
    }
    Err(busy(load_balancer))
}

/// Has rules send nowhere that still send to a generation which has left its slot there: whoever held an old answer would find nobody. Whether there was one.
async fn free(azure: &Azure, op: &Op, mut found: Balancer, generation: &str) -> Result<bool> {
    let rules = found.rules_to(&found.pool_id(generation));
    if rules.is_empty() {
        return Ok(false);
    }
    let mut tags = found.tags();
    for rule in &rules {
        if !slots::was_left(&tags, rule, &op.fleet, generation)? {
            return Err(in_use(&found.name, generation, &format!("rule {rule} sends to it")));
        }
        slots::forget(&mut tags, rule);
        found.send(rule, None);
    }
    found.set_tags(&tags);
    found.put(azure).await.map(|()| true)
}

/// Whether a write may have been done before somebody else's came.
pub(super) fn overtaken(error: &Error) -> bool {
    error.applied() != immutable_core::Applied::No
}

pub(super) fn busy(load_balancer: &str) -> Error {
    Error::new(ErrorKind::Busy, format!("load balancer {load_balancer} is changed by others all the time; ask again"))
}

fn in_use(load_balancer: &str, generation: &str, why: &str) -> Error {
    let what = format!("backend pool {generation} of load balancer {load_balancer} is in use: {why}");
    Error::new(ErrorKind::Busy, what)
}
