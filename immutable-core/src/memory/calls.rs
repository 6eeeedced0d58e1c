//! How calls reach the world: once each, in the order of their arrival, whether or not anybody still waits for the answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::images::ImageRequest;
use super::world::{Event, World};
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::{Destroyed, Ensured, GenerationId, GenerationSpec, Op, Resize, Resized, Route, Routed, Upkeep};
use crate::id::{InstanceKey, NativeRef, PoolId};
use crate::provider::{Deleted, Replica};
use crate::time::Timestamp;

/// What can be asked that changes something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Adopt(NativeRef, Arc<GenerationSpec>),
    Ensure(Arc<GenerationSpec>),
    Resize(Resize),
    Keep(GenerationId, Upkeep),
    Destroy(GenerationId),
    Route(Route),
    Drain(PoolId, BTreeSet<InstanceKey>),
}

impl Request {
    fn operation(&self) -> &'static str {
        match self {
            Self::Adopt(..) => "adopt",
            Self::Ensure(_) => "ensure_generation",
            Self::Resize(_) => "resize",
            Self::Keep(..) => "set_upkeep",
            Self::Destroy(_) => "destroy_generation",
            Self::Route(_) => "route",
            Self::Drain(..) => "drain",
        }
    }

    fn resource(&self, op: &Op) -> String {
        match self {
            Self::Adopt(native, _) => native.as_str().to_owned(),
            Self::Ensure(spec) => spec.full_name(),
            Self::Resize(resize) => format!("{}-{}", resize.group().generation.name(&op.fleet), resize.group().cell),
            Self::Keep(generation, _) | Self::Destroy(generation) => generation.name(&op.fleet),
            Self::Route(route) => route.pool().to_string(),
            Self::Drain(pool, _) => pool.to_string(),
        }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Ensured(Ensured),
    Resized(Resized),
    Destroyed(Destroyed),
    Routed(Routed),
    Copied(Replica),
    Deleted(Deleted),
    Done,
}

/// Whose call.
#[derive(Debug)]
pub(super) enum Asked {
    /// A fleet's, under a token.
    Fleet(Op, Arc<Request>),
    /// Nobody's: it is of an image.
    Image(ImageRequest),
}

/// A call on its way.
#[derive(Debug)]
pub(super) struct Arrival {
    asked: Asked,
    reply: Reply,
}

/// Where the answer is put; nobody may be left to take it.
pub(super) type Reply = Arc<Mutex<Option<Result<Answer>>>>;

/// How many calls that change something have reached a [`MemoryCloud`](super::MemoryCloud), those refused and those sent again included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// `adopt`
    pub adopt: u64,
    /// `ensure_generation`
    pub ensure: u64,
    /// `resize`, to raise.
    pub raise: u64,
    /// `resize`, to lower.
    pub lower: u64,
    /// `resize`, to give up.
    pub give_up: u64,
    /// `set_upkeep`
    pub upkeep: u64,
    /// `destroy_generation`
    pub destroy: u64,
    /// `route`
    pub route: u64,
    /// `drain`
    pub drain: u64,
    /// `replicate`
    pub replicate: u64,
    /// `set_stage`
    pub set_stage: u64,
    /// `delete`
    pub delete: u64,
}

impl Calls {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { adopt, ensure, raise, lower, give_up, upkeep, destroy, route, drain, replicate, set_stage, delete } = self;
        adopt + ensure + raise + lower + give_up + upkeep + destroy + route + drain + replicate + set_stage + delete
    }

    fn count(&mut self, request: &Request) {
        *match request {
            Request::Adopt(..) => &mut self.adopt,
            Request::Ensure(_) => &mut self.ensure,
            Request::Resize(Resize::Raise { .. }) => &mut self.raise,
            Request::Resize(Resize::Lower { .. }) => &mut self.lower,
            Request::Resize(Resize::GiveUp { .. }) => &mut self.give_up,
            Request::Keep(..) => &mut self.upkeep,
            Request::Destroy(_) => &mut self.destroy,
            Request::Route(_) => &mut self.route,
            Request::Drain(..) => &mut self.drain,
        } += 1;
    }
}

/// What was answered to which token, for as long as it is remembered.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    answers: BTreeMap<[u8; 16], (Arc<Request>, Answer)>,
    order: VecDeque<(Timestamp, [u8; 16])>,
}

impl Tokens {
    /// Forgets what was answered before a moment.
    fn forget(&mut self, before: impl Fn(Timestamp) -> bool) {
        while let Some((_, token)) = self.order.pop_front_if(|(at, _)| before(*at)) {
            self.answers.remove(&token);
        }
    }
}

impl World {
    /// How long a call takes: drawn by its number, which `calls` counts only when it arrives.
    pub(super) fn latency(&mut self) -> Duration {
        let delay = self.env.settings.latency;
        if delay.is_none() {
            return Duration::ZERO;
        }
        self.sent += 1;
        delay.draw(&mut self.latencies.fork(self.sent))
    }

    /// Sends a call on its way: it arrives after half its latency, whatever becomes of the sender. Returns when its answer is there.
    pub(super) fn submit(&mut self, asked: Asked) -> (Reply, Timestamp) {
        let latency = self.latency();
        let reply = Reply::default();
        let arrival = Arrival { asked, reply: reply.clone() };
        self.env.after(latency / 2, Event::Arrive(Box::new(arrival)));
        (reply, self.env.now + latency)
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Arrival { asked, reply } = arrival;
        let (answer, operation, resource) = match asked {
            Asked::Fleet(op, request) => {
                self.calls.count(&request);
                (self.answer(&op, &request), request.operation(), request.resource(&op))
            }
            Asked::Image(request) => {
                request.count(&mut self.calls);
                (self.answer_of_image(&request), request.operation(), request.image().id().to_string())
            }
        };
        let place = &self.env.settings.place;
        let answer = answer.map_err(|error| error.with_operation(operation).with_resource(resource).with_place(place));
        *reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn answer(&mut self, op: &Op, request: &Arc<Request>) -> Result<Answer> {
        let (now, remember) = (self.env.now, self.env.settings.remember);
        self.tokens.forget(|at| at + remember <= now);
        if let Some((known, answer)) = self.tokens.answers.get(&op.token).filter(|_| self.env.settings.guarded) {
            return if known == request {
                Ok(answer.clone())
            } else {
                Err(Error::new(
                    ErrorKind::TokenMismatch,
                    format!("the token of op {} was used with other parameters before; each op needs its own", op.id),
                ))
            };
        }
        if *op.fleet.place() != self.env.settings.place {
            return Err(Error::invalid(format!("fleet {} is not in {}", op.fleet, self.env.settings.place)));
        }
        let answer = match self.env.settings.operations_take {
            Duration::ZERO => self.perform(op, request),
            later => self.accept(op, request, later),
        }?;
        self.tokens.answers.insert(op.token, (request.clone(), answer.clone()));
        self.tokens.order.push_back((now, op.token));
        Ok(answer)
    }

    pub(super) fn perform(&mut self, op: &Op, request: &Request) -> Result<Answer> {
        match request {
            Request::Adopt(native, spec) => self.adopt(op, native, spec).map(|()| Answer::Done),
            Request::Ensure(spec) => self.ensure(op, spec).map(Answer::Ensured),
            Request::Resize(resize) => self.resize(op, resize).map(Answer::Resized),
            Request::Keep(generation, upkeep) => self.keep(op, *generation, *upkeep).map(|()| Answer::Done),
            Request::Destroy(generation) => self.destroy(op, *generation).map(Answer::Destroyed),
            Request::Route(route) => self.route(op, route).map(Answer::Routed),
            Request::Drain(pool, leaving) => self.drain(op, pool, leaving).map(|()| Answer::Done),
        }
    }
}
