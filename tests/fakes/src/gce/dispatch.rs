//! From a request to an outcome: what goes wrong, who may, and which method.

use std::time::Duration;

use serde_json::Value;

use super::asked::Asked;
use super::calls::Call;
use super::error::{GceError, Result, bad, not_found};
use super::operation::{Ending, Stage};
use super::world::{World, millis};
use super::{autoscaler, group, image, listing, place, service, template, url_map};
use crate::discovery::Discovery;
use crate::fault::{Ended, Fault};
use crate::wire::{Outcome, Reply, Request};

pub(crate) fn answer(world: &mut World, request: &Request) -> Outcome {
    world.requests += 1;
    let asked = match Asked::read(request) {
        Ok(asked) => asked,
        Err(error) => {
            world.violations.push(format!("{} {}: {}", request.method, request.uri, error.message));
            return Outcome::Reply(error.reply(None));
        }
    };
    let retry_after = world.settings.retry_after;
    let mut call = Call {
        at: world.now,
        method: asked.method.clone(),
        path: asked.path(),
        query: asked.query.clone(),
        body: asked.body.clone(),
        operation: None,
        ended: Ended::Done,
    };
    let failed = |error: GceError| {
        let reply = error.reply(retry_after);
        (Outcome::Reply(reply), Ended::Failed(error.reason))
    };
    let (outcome, ended) = match world.faults.draw(&asked.method, world.now) {
        Some(Fault::Refused) => (Outcome::Refused, Ended::Lost),
        Some(Fault::LateEffect { after }) => {
            world.late.insert((world.now.saturating_add(millis(after)), world.requests), request.clone());
            (Outcome::Reset, Ended::Later)
        }
        Some(Fault::Throttled) => failed(GceError::throttled()),
        Some(Fault::ServerErrorBefore(status)) => failed(GceError::internal(status)),
        Some(Fault::Error { code, status }) => failed(GceError::scripted(status, &code)),
        after => {
            let result = judged(world, request, &asked).and_then(|()| perform(world, asked));
            if let Ok(body) = &result {
                call.operation = operation_of(body);
            }
            match (after, result) {
                (Some(Fault::ServerErrorAfter(status)), result) => {
                    let ended = result.err().map_or(Ended::Mistold, |error| Ended::Unheard(Some(error.reason)));
                    (Outcome::Reply(GceError::internal(status).reply(retry_after)), ended)
                }
                (Some(Fault::LostReply), result) => (Outcome::Reset, Ended::Unheard(result.err().map(|error| error.reason))),
                (Some(Fault::SilentReply), result) => (Outcome::Silent, Ended::Unheard(result.err().map(|error| error.reason))),
                (Some(Fault::SlowReply { takes }), Ok(body)) => {
                    (Outcome::Reply(Reply { takes, ..json_reply(200, &body) }), Ended::Done)
                }
                (_, Ok(body)) => (Outcome::Reply(json_reply(200, &body)), Ended::Done),
                (_, Err(error)) => failed(error),
            }
        }
    };
    if let Outcome::Reply(reply) = &outcome
        && let Err(wrong) = Discovery::compute().response(&call.method, reply.status, &reply.body)
    {
        world.violations.extend(wrong.into_iter().map(|wrong| format!("answer of {}: {wrong}", call.method)));
    }
    call.ended = ended;
    world.calls.push(call);
    outcome
}

/// A request that took its time. Nobody is there any more to hear how it ends.
pub(crate) fn arrive_late(world: &mut World, request: &Request) {
    let Ok(asked) = Asked::read(request) else { return };
    let mut call = Call {
        at: world.now,
        method: asked.method.clone(),
        path: asked.path(),
        query: asked.query.clone(),
        body: asked.body.clone(),
        operation: None,
        ended: Ended::Done,
    };
    let result = judged(world, request, &asked).and_then(|()| perform(world, asked));
    call.operation = result.as_ref().ok().and_then(operation_of);
    call.ended = Ended::Unheard(result.err().map(|error| error.reason));
    world.calls.push(call);
}

fn operation_of(body: &Value) -> Option<String> {
    let is = super::asked::text(body, "kind") == "compute#operation";
    is.then(|| super::asked::text(body, "name").to_owned())
}

/// What Google's schema does not know of is kept for who asks, and refused in the words of Google's front end.
fn judged(world: &mut World, request: &Request, asked: &Asked) -> Result<()> {
    let Err(wrong) = Discovery::compute().request(&request.method, &request.uri, &request.body) else { return Ok(()) };
    let message = format!("Invalid JSON payload received. {}", wrong.join("; "));
    world.violations.extend(wrong.into_iter().map(|wrong| format!("{} {}: {wrong}", request.method, request.path())));
    if Discovery::compute().methods().all(|known| known != asked.method) {
        Err(unknown(asked))
    } else {
        Err(bad("badRequest", message))
    }
}

fn perform(world: &mut World, asked: Asked) -> Result<Value> {
    if !world.projects.contains(&asked.project) {
        // "Troubleshooting API errors": a project that is not there, or that the caller may not see.
        return Err(not_found(format!("The resource 'projects/{}' was not found", asked.project)));
    }
    if !world.access.allows(&asked.method) {
        return Err(GceError::denied(&asked.method, &asked.path()));
    }
    world.has_place(&asked)?;
    if asked.changes() { world.accept(asked) } else { look(world, &asked) }
}

/// What changes nothing.
fn look(world: &mut World, asked: &Asked) -> Result<Value> {
    match (asked.kind.as_str(), asked.verb.as_str()) {
        (_, "list" | "aggregatedList") => listing::list(world, asked),
        ("instanceTemplates", "get") => template::get(world, asked),
        ("instanceGroupManagers", "get") => group::view::get(world, asked),
        ("instanceGroupManagers", "listManagedInstances") => group::members::list(world, asked),
        ("instanceGroupManagers", "listErrors") => group::members::errors(world, asked),
        ("autoscalers", "get") => autoscaler::get(world, asked),
        ("backendServices", "get") => service::get(world, asked),
        ("backendServices", "getHealth") => service::health(world, asked),
        ("urlMaps", "get") => url_map::get(world, asked),
        ("images", "get") => image::get(world, asked),
        ("images", "getFromFamily") => image::newest(world, asked),
        ("operations", "get" | "wait") => world.operation(asked),
        ("regions", "get") => place::region(world, asked),
        ("machineTypes", "get") => place::machine_type(asked),
        _ => Err(unknown(asked)),
    }
}

/// What changes something: looked at when it comes, and again when it is carried out.
pub(crate) fn act(world: &mut World, asked: &Asked, stage: Stage) -> Result<Ending> {
    match (asked.kind.as_str(), asked.verb.as_str()) {
        ("instanceTemplates", "insert") => template::insert(world, asked, stage),
        ("instanceTemplates", "delete") => template::delete(world, asked, stage),
        ("instanceGroupManagers", "insert") => group::insert(world, asked, stage),
        ("instanceGroupManagers", "delete") => group::delete(world, asked, stage),
        ("instanceGroupManagers", "patch") => group::patch(world, asked, stage),
        ("instanceGroupManagers", "resize") => group::resize(world, asked, stage),
        ("instanceGroupManagers", "deleteInstances") => group::members::delete(world, asked, stage),
        ("autoscalers", "insert") => autoscaler::insert(world, asked, stage),
        ("autoscalers", "patch") => autoscaler::patch(world, asked, stage),
        ("backendServices", "insert") => service::insert(world, asked, stage),
        ("backendServices", "delete") => service::delete(world, asked, stage),
        ("backendServices", "patch" | "update") => service::change(world, asked, stage),
        ("urlMaps", "insert") => url_map::insert(world, asked, stage),
        ("urlMaps", "delete") => url_map::delete(world, asked, stage),
        ("urlMaps", "patch" | "update") => url_map::change(world, asked, stage),
        ("images", "insert") => image::insert(world, asked, stage),
        ("images", "patch") => image::patch(world, asked, stage),
        ("images", "deprecate") => image::deprecate(world, asked, stage),
        ("images", "delete") => image::delete(world, asked, stage),
        _ => Err(unknown(asked)),
    }
}

fn unknown(asked: &Asked) -> GceError {
    not_found(format!("the fake does not know the method {} ({})", asked.method, asked.http))
}

pub(crate) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type".into(), "application/json; charset=UTF-8".into())];
    Reply { status, headers, body: body.to_string().into_bytes(), takes: Duration::ZERO }
}
