//! Operations: what answers every request that changes something, and how it goes on. "Handling API responses".

use serde_json::{Value, json};

use super::asked::{Asked, Place, name_of, project_of};
use super::error::{GceError, Result, bad, error, exists, missing};
use super::world::{MINUTE, World, link, time};

/// An operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) target: String,
    pub(crate) target_id: u64,
    pub(crate) asked: Asked,
    pub(crate) inserted: u64,
    pub(crate) started: u64,
    pub(crate) due: u64,
    /// When it is DONE, once that is known.
    pub(crate) ended: Option<u64>,
    pub(crate) error: Option<GceError>,
}

/// Whether a request is only looked at, or carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has come: what can be refused at once is refused, and nothing is done.
    Asked,
    /// Its operation has come to it.
    Due,
}

/// When an operation is DONE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the usual time.
    Usual,
    /// When somebody says so: [`World::finish`].
    Open,
}

impl Operation {
    pub(crate) fn status(&self, now: u64) -> &'static str {
        match self.ended {
            Some(at) if at <= now => "DONE",
            _ if self.started <= now => "RUNNING",
            _ => "PENDING",
        }
    }

    fn json(&self, now: u64) -> Value {
        let status = self.status(now);
        let mut body = json!({
            "kind": "compute#operation",
            "id": self.id.to_string(),
            "name": name_of(&self.path),
            "operationType": self.kind,
            "targetLink": link(&self.target),
            "targetId": self.target_id.to_string(),
            "status": status,
            "user": "deployer@example.com",
            "progress": if status == "DONE" { 100 } else { 0 },
            "insertTime": time(self.inserted),
            "selfLink": link(&self.path),
        });
        let mut set = |field: &str, value: Value| drop(body.as_object_mut().map(|body| body.insert(field.into(), value)));
        let project = project_of(&self.path);
        match Place::of(&self.path) {
            Place::Zone(zone) => set("zone", link(&format!("projects/{project}/zones/{zone}")).into()),
            Place::Region(region) => set("region", link(&format!("projects/{project}/regions/{region}")).into()),
            Place::Global | Place::Aggregated => {}
        }
        // "The value of `requestId` if you provided it in the request. Not present otherwise": Operation.
        if let Some(id) = self.asked.request_id() {
            set("clientOperationId", id.into());
        }
        if status != "PENDING" {
            set("startTime", time(self.started).into());
        }
        if let Some(at) = self.ended.filter(|at| *at <= now) {
            set("endTime", time(at).into());
            if let Some(error) = &self.error {
                set("error", error.in_operation());
                set("httpErrorStatusCode", error.status.into());
                set("httpErrorMessage", error.http_message().into());
            }
        }
        body
    }
}

/// What other requests for the same resource are met with while an operation of it is not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Busy {
    /// They wait in a queue of their own, and are looked at again when it is their turn.
    #[default]
    Queued,
    /// 409 `operationInProgress`: terraform-provider-google's `error_retry_predicates.go`.
    InProgress,
    /// 400 `resourceNotReady`: the same.
    NotReady,
}

impl World {
    /// Accepts a request, or finds the operation that it was accepted with before: "if you make the request again with the same request ID, the
    /// server can check if original operation with the same request ID was received, and if so, will ignore the second request"
    /// (`requestId` of every method).
    pub(crate) fn accept(&mut self, mut asked: Asked) -> Result<Value> {
        if let Some(id) = asked.request_id() {
            let key = (asked.project.clone(), id.to_owned());
            if let Some(operation) = self.request_ids.get(&key).and_then(|path| self.operations.get(path)) {
                // For how long is not said of Compute Engine; other services of Google's guarantee it "for at least 60 minutes" (AlloyDB and others, `requestId`).
                if self.now.saturating_sub(operation.inserted) < 60 * MINUTE {
                    if operation.asked.method != asked.method || operation.target != asked.path() {
                        return Err(bad(
                            "invalid",
                            format!("Invalid value for field 'requestId': '{id}'. It was used for another request."),
                        ));
                    }
                    return Ok(operation.json(self.now));
                }
            }
        }
        let target = asked.path();
        self.is_free(&asked, &target)?;
        asked.id = self.id();
        super::dispatch::act(self, &asked, Stage::Asked)?;
        let id = self.id();
        let kind = match asked.verb.as_str() {
            "resize" | "deleteInstances" => format!("compute.instanceGroupManagers.{}", asked.verb),
            verb => verb.into(),
        };
        let path = format!("projects/{}/{}/operations/operation-{}-{:x}", asked.project, asked.place.path(), self.now, id);
        let takes = self.settings.operation;
        let operation = Operation {
            id,
            path: path.clone(),
            kind,
            target_id: if asked.verb == "insert" { asked.id } else { self.id_of(&target).unwrap_or(asked.id) },
            target,
            inserted: self.now,
            started: self.now + takes / 4,
            due: self.now + takes / 2,
            ended: None,
            error: None,
            asked,
        };
        if let Some(id) = operation.asked.request_id() {
            self.request_ids.insert((operation.asked.project.clone(), id.to_owned()), path.clone());
        }
        let answer = operation.json(self.now);
        let number = u64::try_from(self.operations.len()).unwrap_or(u64::MAX);
        self.due.insert((operation.due, number), path.clone());
        self.open.insert(path.clone());
        self.operations.insert(path, operation);
        Ok(answer)
    }

    /// A name that is being given is taken; what else is done with a resource meanwhile, the world's settings say.
    fn is_free(&self, asked: &Asked, target: &str) -> Result<()> {
        let mut open = self.open_of(target);
        if asked.verb == "insert" {
            let taken = open.any(|known| known.kind == "insert" && known.error.is_none());
            return if taken { Err(exists(target)) } else { Ok(()) };
        }
        match self.settings.busy {
            Busy::InProgress if open.next().is_some() => {
                Err(error(409, "operationInProgress", format!("An operation on '{target}' is in progress.")))
            }
            Busy::NotReady if open.next().is_some() => {
                Err(bad("resourceNotReady", format!("The resource '{target}' is not ready")))
            }
            Busy::Queued | Busy::InProgress | Busy::NotReady => Ok(()),
        }
    }

    /// What an operation is for is done, or cannot be done any more.
    pub(crate) fn carry_out(&mut self, path: &str) {
        let Some(asked) = self.operations.get(path).map(|operation| operation.asked.clone()) else { return };
        let scripted = self.failing.iter().position(|(method, _)| *method == asked.method);
        let result = match scripted {
            Some(at) => Err(self.failing.remove(at).1),
            None => super::dispatch::act(self, &asked, Stage::Due),
        };
        let (now, takes) = (self.now, self.settings.operation);
        let Some(operation) = self.operations.get_mut(path) else { return };
        match result {
            Ok(Ending::Usual) => operation.ended = Some(operation.inserted.saturating_add(takes).max(now)),
            Ok(Ending::Open) => {}
            Err(error) => {
                operation.ended = Some(now);
                operation.error = Some(error);
            }
        }
    }

    /// The operations of a kind on a resource that wait to be told are told that they are done, or why they failed.
    pub(crate) fn finish(&mut self, target: &str, verb: &str, failed: Option<&GceError>) {
        let now = self.now;
        for path in &self.open {
            let Some(operation) = self.operations.get_mut(path) else { continue };
            if operation.target == target && operation.asked.verb == verb && operation.ended.is_none() && operation.due <= now {
                operation.ended = Some(now);
                operation.error = failed.cloned();
            }
        }
    }

    /// `get` and `wait`; what ended long ago is not known any more.
    pub(crate) fn operation(&self, asked: &Asked) -> Result<Value> {
        let path = asked.path();
        let known = self
            .operations
            .get(&path)
            .filter(|known| known.ended.is_none_or(|at| self.now.saturating_sub(at) < self.settings.operation_life));
        known.map(|known| known.json(self.now)).ok_or_else(|| missing(&path))
    }
}
