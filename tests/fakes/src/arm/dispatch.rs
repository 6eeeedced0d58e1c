//! From a request to an outcome: what goes wrong, who may, and which call.

use super::answer::Answer;
use super::asked::{Asked, key};
use super::calls::Call;
use super::error::{ArmError, Result, bad, error};
use super::world::{Event, World, millis};
use crate::arm_schema::ArmSchema;
use crate::fault::{Ended, Fault};
use crate::wire::{Outcome, Reply, Request};

pub(crate) const NO_VERSION: &str = "The api-version query parameter (?api-version=) is required for all requests.";

pub(crate) fn answer(world: &mut World, request: &Request) -> Outcome {
    world.requests += 1;
    let asked = match Asked::read(request) {
        Ok(asked) => asked,
        Err(error) => {
            world.violations.push(format!("{} {}: {}", request.method, request.uri, error.message));
            return Outcome::Reply(error.reply());
        }
    };
    let mut call = call(world, &asked);
    let (outcome, ended) = match world.faults.draw(asked.row.call, world.now) {
        Some(Fault::Refused) => (Outcome::Refused, Ended::Lost),
        Some(Fault::LateEffect { after }) => {
            let at = world.now.saturating_add(millis(after));
            world.schedule(at, Event::Late(request.clone()));
            (Outcome::Reset, Ended::Later)
        }
        Some(Fault::Throttled) => refused(world, ArmError::throttled()),
        Some(Fault::ServerErrorBefore(status)) => refused(world, ArmError::internal(status)),
        Some(Fault::Error { code, status }) => refused(world, ArmError::scripted(status, &code)),
        after => {
            let result = judged(world, request, &asked);
            if let Ok(answer) = &result {
                call.operation.clone_from(&answer.operation);
            }
            match (after, result) {
                (Some(Fault::ServerErrorAfter(status)), result) => {
                    let ended = result.err().map_or(Ended::Mistold, |error| Ended::Unheard(Some(error.code)));
                    (refused(world, ArmError::internal(status)).0, ended)
                }
                (Some(Fault::LostReply), result) => (Outcome::Reset, Ended::Unheard(result.err().map(|error| error.code))),
                (Some(Fault::SilentReply), result) => (Outcome::Silent, Ended::Unheard(result.err().map(|error| error.code))),
                (Some(Fault::SlowReply { takes }), Ok(answer)) => {
                    (Outcome::Reply(Reply { takes, ..answer.reply() }), Ended::Done)
                }
                (_, Ok(answer)) => (Outcome::Reply(answer.reply()), Ended::Done),
                (_, Err(error)) => refused(world, error),
            }
        }
    };
    call.ended = ended;
    let outcome = numbered(world, outcome);
    if let Outcome::Reply(reply) = &outcome
        && let Err(wrong) = ArmSchema::azure().response(&call.method, reply.status, &reply.headers, &reply.body)
    {
        world.violations.extend(wrong);
    }
    world.calls.push(call);
    outcome
}

/// A request that took its time. Nobody is there any more to hear how it ends.
pub(crate) fn arrive_late(world: &mut World, request: &Request) {
    let Ok(asked) = Asked::read(request) else { return };
    let mut call = call(world, &asked);
    let result = judged(world, request, &asked);
    call.operation = result.as_ref().ok().and_then(|answer| answer.operation.clone());
    call.ended = Ended::Unheard(result.err().map(|error| error.code));
    world.calls.push(call);
}

fn call(world: &World, asked: &Asked) -> Call {
    Call {
        at: world.now,
        method: asked.row.call.into(),
        path: asked.target().into(),
        query: asked.query.clone(),
        if_match: asked.if_match.clone(),
        if_none_match: asked.if_none_match.clone(),
        body: asked.body.clone(),
        operation: None,
        ended: Ended::Done,
    }
}

/// "429 … look at the Retry-After value in the response header"; it is not always there (azurerm#19146).
fn refused(world: &World, mut error: ArmError) -> (Outcome, Ended) {
    let told = error.headers.iter().any(|(name, _)| name == "retry-after");
    if let Some(after) = world.settings.retry_after.filter(|_| matches!(error.status, 429 | 503) && !told) {
        error.headers.push(("retry-after".into(), after.to_string()));
    }
    (Outcome::Reply(error.reply()), Ended::Failed(error.code))
}

/// Every answer has a number: "Azure REST API reference", `x-ms-request-id`.
fn numbered(world: &World, outcome: Outcome) -> Outcome {
    let Outcome::Reply(mut reply) = outcome else { return outcome };
    let id = world.uuid(u64::MAX - world.requests);
    reply.headers.push(("x-ms-request-id".into(), id.clone()));
    reply.headers.push(("x-ms-correlation-request-id".into(), id));
    Outcome::Reply(reply)
}

/// What Microsoft's models do not know of is kept for who asks, and refused: in the service's words where it has some for it.
fn judged(world: &mut World, request: &Request, asked: &Asked) -> Result<Answer> {
    let judged = ArmSchema::azure().request(&request.method, request.target(), &request.headers, &request.body);
    let Err(wrong) = judged else { return perform(world, asked, None) };
    let message = format!("The request content was invalid: {}", wrong.join("; "));
    world.violations.extend(wrong);
    perform(world, asked, Some(bad("InvalidRequestContent", message)))
}

fn perform(world: &mut World, asked: &Asked, wrong: Option<ArmError>) -> Result<Answer> {
    if asked.row.form {
        return (asked.row.act)(world, asked);
    }
    world.signed(asked)?;
    versioned(asked)?;
    has_scope(world, asked)?;
    if !world.access.allows(asked.row.call) {
        return Err(ArmError::denied(asked.row.call, asked.target()));
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let left = world.count(asked)?;
    let mut answer = (asked.row.act)(world, asked)?;
    answer.headers.extend(left);
    Ok(answer)
}

/// "MissingApiVersionParameter", "InvalidApiVersionParameter"; a parameter that is not known is refused, since no client of ours should send one.
fn versioned(asked: &Asked) -> Result<()> {
    let row = asked.row;
    if !row.versions.is_empty() {
        let Some(version) = asked.query.get("api-version") else {
            return Err(bad("MissingApiVersionParameter", NO_VERSION));
        };
        if !row.versions.contains(&version.as_str()) {
            let known = row.versions.join(",");
            let message = format!("The api-version '{version}' is invalid. The supported versions are '{known}'.");
            return Err(bad("InvalidApiVersionParameter", message));
        }
    }
    let known = |name: &str| name == "api-version" || name == "$skiptoken" || row.query.contains(&name);
    match asked.query.keys().find(|name| !known(name)) {
        Some(name) => Err(bad("InvalidQueryParameter", format!("The query parameter '{name}' of {} is not known.", row.call))),
        None => Ok(()),
    }
}

/// "SubscriptionNotFound", "ResourceGroupNotFound".
fn has_scope(world: &World, asked: &Asked) -> Result<()> {
    if !asked.subscription().eq_ignore_ascii_case(&world.subscription) {
        return Err(error(
            404,
            "SubscriptionNotFound",
            format!("The subscription '{}' could not be found.", asked.subscription()),
        ));
    }
    let group = asked.group();
    if !group.is_empty() && !world.groups.contains(&key(group)) {
        return Err(error(404, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found.")));
    }
    Ok(())
}
