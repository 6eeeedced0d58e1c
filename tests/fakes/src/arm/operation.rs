//! Long-running operations: "Track asynchronous Azure operations".

use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::{Asked, key, put};
use super::error::{ArmError, Result, bad, error};
use super::table::Row;
use super::world::{Event, World, time};

const ASYNC: &str = "S/*/locations/*/operations/*";
const RESULT: &str = "S/*/locations/*/operationResults/*";

pub(crate) const CALLS: &[Row] =
    &[Row::new("operations.get", "GET", ASYNC, &[], status), Row::new("operationResults.get", "GET", RESULT, &[], result)];

/// What is done for an operation when its time has come, and again as often as it says.
pub(crate) type Step = fn(&mut World, &Operation) -> Next;

/// How an operation goes on.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// It is looked at again, at this time.
    Again(u64),
    /// It has succeeded.
    Done,
    /// It has succeeded, with this.
    Output(Value),
    /// It has failed.
    Failed(ArmError),
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Succeeded(Option<Value>),
    Failed(ArmError),
    Canceled(ArmError),
}

/// An operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    /// What began it.
    pub(crate) asked: Asked,
    /// The key of the resource that it is about.
    pub(crate) target: String,
    /// What the resource's `provisioningState` is meanwhile.
    pub(crate) doing: &'static str,
    pub(crate) step: Step,
    /// For the step's own use.
    pub(crate) data: Value,
    /// What it will fail with, as soon as all else is done.
    pub(crate) trouble: Option<ArmError>,
    pub(crate) started: u64,
    pub(crate) ended: Option<(u64, End)>,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Work {
    /// The id of the resource that it is about.
    pub(crate) target: String,
    /// `Creating`, `Updating`, `Deleting`.
    pub(crate) doing: &'static str,
    /// Milliseconds until the first step.
    pub(crate) takes: u64,
    pub(crate) step: Step,
    pub(crate) data: Value,
}

/// Which headers tell where an operation can be tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// `Azure-AsyncOperation` and `Location`.
    #[default]
    Both,
    /// `Azure-AsyncOperation` alone.
    Async,
    /// `Location` alone.
    Location,
    /// None: the resource's `provisioningState` tells. Deletions and POSTs have `Location` all the same.
    State,
}

impl World {
    /// Begins an operation: its id.
    pub(crate) fn start(&mut self, asked: &Asked, work: Work) -> String {
        let number = u64::try_from(self.operations.len()).unwrap_or(u64::MAX);
        let id = self.uuid(number);
        let target = key(&work.target);
        let at = self.now.saturating_add(work.takes);
        if let Some(found) = self.resources.get_mut(&target) {
            found.state = work.doing;
        }
        let operation = Operation {
            id: id.clone(),
            asked: asked.clone(),
            target,
            doing: work.doing,
            step: work.step,
            data: work.data,
            trouble: None,
            started: self.now,
            ended: None,
        };
        self.operations.insert(id.clone(), operation);
        self.schedule(at, Event::Step(id.clone()));
        id
    }

    /// The answer that tells of it: a body or none, and where it can be tracked.
    pub(crate) fn accepted(&self, asked: &Asked, mut answer: Answer, id: &str) -> Answer {
        let (subscription, location) = (asked.subscription(), self.location.clone());
        let provider =
            asked.path.split('/').skip_while(|part| !part.eq_ignore_ascii_case("providers")).nth(1).unwrap_or_default();
        let version = asked.query.get("api-version").map(String::as_str).unwrap_or_default();
        let url = |what: &str| {
            let place = format!("{}/subscriptions/{subscription}/providers/{provider}/locations/{location}", asked.origin);
            format!("{place}/{what}/{id}?api-version={version}")
        };
        let body = answer.body.is_some();
        let (status, result) = match self.settings.tracking {
            Tracking::Both => (true, true),
            Tracking::Async => (true, false),
            Tracking::Location => (false, true),
            Tracking::State => (false, !body),
        };
        if let Some(body) = answer.body.as_mut().filter(|_| self.settings.hasty_state) {
            put(body, "properties.provisioningState", "Succeeded".into());
        }
        if status {
            answer = answer.header("azure-asyncoperation", url("operations"));
        }
        if result {
            answer = answer.header("location", url("operationResults"));
        }
        if let Some(seconds) = self.settings.poll {
            answer = answer.header("retry-after", seconds.to_string());
        }
        answer.operation = Some(id.into());
        answer
    }

    /// The operations of a resource that go on, in the order of their beginning.
    pub(crate) fn open_of(&self, target: &str) -> Vec<String> {
        let target = key(target);
        let mut open: Vec<_> = self.operations.values().filter(|known| known.target == target && known.ended.is_none()).collect();
        open.sort_by_key(|known| known.started);
        open.into_iter().map(|known| known.id.clone()).collect()
    }

    /// The operations of a resource that go on are canceled, since another begins.
    pub(crate) fn supersede(&mut self, target: &str, why: &ArmError) {
        for id in self.open_of(target) {
            self.end(&id, End::Canceled(why.clone()));
        }
    }

    /// An operation's time has come.
    pub(crate) fn step(&mut self, id: &str) {
        let Some(operation) = self.operations.get(id).filter(|known| known.ended.is_none()).cloned() else { return };
        let scripted = self.failing.iter().position(|(call, _)| *call == operation.asked.row.call);
        let next = match scripted {
            Some(at) => Next::Failed(self.failing.remove(at).1),
            None => (operation.step)(self, &operation),
        };
        match next {
            Next::Again(at) => self.schedule(at.max(self.now + 1), Event::Step(id.into())),
            Next::Done => self.end(id, End::Succeeded(None)),
            Next::Output(output) => self.end(id, End::Succeeded(Some(output))),
            Next::Failed(error) => self.end(id, End::Failed(error)),
        }
    }

    /// It is over: what was about to be done is seen in the resource no more, unless there is more of it.
    fn end(&mut self, id: &str, end: End) {
        let now = self.now;
        let Some(operation) = self.operations.get_mut(id).filter(|known| known.ended.is_none()) else { return };
        let state = match &end {
            End::Succeeded(_) => "Succeeded",
            End::Failed(_) => "Failed",
            End::Canceled(_) => "Canceled",
        };
        operation.ended = Some((now, end));
        let target = operation.target.clone();
        let open = self.open_of(&target);
        let doing = open.last().and_then(|last| self.operations.get(last)).map(|last| last.doing);
        if let Some(found) = self.resources.get_mut(&target) {
            found.state = doing.unwrap_or(state);
            if self.settings.restless_etags {
                self.touch(&target);
            }
        }
    }

    /// The operation of a URL, if it is known still.
    fn tracked(&self, asked: &Asked) -> Result<&Operation> {
        let known = self.operations.get(&asked.name(2).to_ascii_lowercase());
        let known = known.filter(|_| !self.forgotten.contains(asked.name(2)));
        let life = self.settings.operation_life;
        let known = known.filter(|known| known.ended.as_ref().is_none_or(|(at, _)| self.now.saturating_sub(*at) < life));
        let known = known.ok_or_else(|| error(404, "NotFound", format!("The operation {} was not found.", asked.name(2))))?;
        // The URL is to be followed as it was given.
        match asked.query.get("api-version") {
            None => Err(bad("MissingApiVersionParameter", super::dispatch::NO_VERSION)),
            version if version != known.asked.query.get("api-version") => {
                Err(bad("InvalidApiVersionParameter", "The api-version is not that of the operation."))
            }
            Some(_) => Ok(known),
        }
    }
}

/// `Azure-AsyncOperation`: 200, and `status` tells.
fn status(world: &mut World, asked: &Asked) -> Result<Answer> {
    let operation = world.tracked(asked)?;
    let running = world.settings.running.as_str();
    let mut body = json!({ "name": operation.id, "startTime": time(operation.started) });
    let status = match &operation.ended {
        None => running,
        Some((_, End::Succeeded(output))) => {
            if let Some(output) = output {
                put(&mut body, "properties.output", output.clone());
            }
            "Succeeded"
        }
        Some((_, End::Failed(error))) => {
            put(&mut body, "error", error.json());
            "Failed"
        }
        Some((_, End::Canceled(error))) => {
            put(&mut body, "error", error.json());
            "Canceled"
        }
    };
    put(&mut body, "status", status.into());
    let answer = match &operation.ended {
        Some((at, _)) => {
            put(&mut body, "endTime", time(*at).into());
            Answer::ok(body)
        }
        None => later(world, Answer::ok(body)),
    };
    Ok(answer)
}

/// `Location`: 202 until it is done, and then what the call would have been answered with.
fn result(world: &mut World, asked: &Asked) -> Result<Answer> {
    let operation = world.tracked(asked)?;
    match &operation.ended {
        None => {
            let again = world.accepted(&operation.asked, Answer::empty(202), &operation.id);
            Ok(Answer { operation: None, ..again })
        }
        Some((_, End::Failed(error) | End::Canceled(error))) => Err(error.clone()),
        Some((_, End::Succeeded(Some(output)))) => Ok(Answer::ok(output.clone())),
        Some((_, End::Succeeded(None))) => match (operation.asked.row.method, world.resources.get(&operation.target)) {
            ("PUT" | "PATCH", Some(found)) => Ok(found.answer(200)),
            _ => Ok(Answer::empty(204)),
        },
    }
}

fn later(world: &World, answer: Answer) -> Answer {
    match world.settings.poll {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}
