//! Long-running operations: what Azure has accepted, by URL, until it is done. They outlive who asked for them, and so do the tickets made of them.
//!
//! "Track asynchronous Azure operations": an answer of 201 or 202, or one of 200 whose `provisioningState` is not final, names a URL in `Azure-AsyncOperation`, whose body has a
//! `status`, or in `Location`, which is answered with 202 for as long as it goes on.

use std::time::Duration;

use immutable_core::fleet::{Ticket, TicketState};
use immutable_core::{Applied, Error, ErrorKind, Result};
use serde_json::Value;

use crate::client::{Answer, Azure, Call};
use crate::errors::{self, Fault};

/// How long an operation is waited for before it is followed by a ticket: less than a controller waits for a call.
const SOON: Duration = Duration::from_secs(10);
/// How often in a row after the first an operation, or its resource, must not be known.
const LOOKS: u8 = 2;

/// An operation that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    /// Which call began it.
    call: String,
    /// The path of the resource that it is about, with the version of its API.
    resource: String,
    /// Where its state is, if the answer said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Whether that is a `Location`, which says nothing but that it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    location: bool,
    /// Whether the resource is gone when it is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deletes: bool,
}

/// How an operation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Done,
    Running(Operation),
    Failed(Vec<Fault>),
    /// Neither it nor its resource is known any more.
    Lost,
}

/// A ticket of operations that go on; none if none does.
pub(crate) fn ticket<'a>(stands: impl IntoIterator<Item = &'a Stands>) -> Option<Ticket> {
    let running =
        stands.into_iter().filter_map(|stands| if let Stands::Running(operation) = stands { Some(operation) } else { None });
    let running: Vec<&Operation> = running.collect();
    let text = (!running.is_empty()).then(|| serde_json::to_string(&running).ok()).flatten()?;
    Some(Ticket(text.into()))
}

/// Whether a state is final, and which; nothing of one that is not, or that nobody has heard of: then it goes on.
fn ended(state: &str) -> Option<bool> {
    let is = |word: &str| state.eq_ignore_ascii_case(word);
    match () {
        () if is("Succeeded") => Some(true),
        () if is("Failed") || is("Canceled") || is("Cancelled") => Some(false),
        () => None,
    }
}

fn provisioning(body: &Value) -> Option<&str> {
    body.pointer("/properties/provisioningState").and_then(Value::as_str)
}

impl Operation {
    /// What an answer has begun; nothing if all is done already.
    pub(crate) fn of(call: &Call, answer: &Answer, deletes: bool) -> Option<Self> {
        let state = provisioning(&answer.body);
        // Who is told where to ask asks there, whatever the resource says meanwhile.
        let told = answer.header("azure-asyncoperation").is_some();
        let accepted = told || [201, 202].contains(&answer.status) || state.is_some_and(|state| ended(state).is_none());
        if !accepted || answer.status == 204 {
            return None;
        }
        let (url, location) = match (answer.header("azure-asyncoperation"), answer.header("location")) {
            (Some(url), _) => (Some(url), false),
            // Of what was made, it is where that is.
            (None, Some(url)) if answer.status == 202 => (Some(url), true),
            _ => (None, false),
        };
        if url.is_none() && answer.status == 201 && state.is_none_or(|state| ended(state) == Some(true)) {
            return None;
        }
        let resource = call.operated();
        Some(Self { call: call.id.to_owned(), resource, url: url.map(str::to_owned), location, deletes })
    }

    /// Where its state is: of two operations never the same.
    pub(crate) fn id(&self) -> &str {
        self.url
            .as_deref()
            .and_then(|url| url.split('?').next())
            .map_or(&self.resource, |url| url.rsplit('/').next().unwrap_or(url))
    }
}

impl Azure {
    /// Sends a request that is answered with an operation, and waits for that a while. One that failed is an error with all its causes.
    pub(crate) async fn operate(&self, call: &Call, deletes: bool) -> Result<Stands> {
        let answer = self.order(call).await?;
        let Some(operation) = Operation::of(call, &answer, deletes) else { return Ok(Stands::Done) };
        match self.soon(operation, answer.retry_after()).await? {
            Stands::Failed(faults) => {
                Err(errors::of_operation(call.id, &faults).with_place(self.place()).with_echo_until(self.now()))
            }
            Stands::Lost if deletes => {
                let what = format!("{} was accepted, its operation is not known any more, and what it deletes is there", call.id);
                let error = Error::new(ErrorKind::Busy, what).with_place(self.place()).with_applied(Applied::Unknown);
                Err(error.with_echo_until(self.now()))
            }
            // It ended, and whatever it made is gone again.
            Stands::Lost => Ok(Stands::Done),
            stands => Ok(stands),
        }
    }

    /// As [`operate`](Self::operate), of what the next request needs: one that goes on is not yet done.
    pub(crate) async fn complete(&self, call: &Call, deletes: bool) -> Result<()> {
        match self.operate(call, deletes).await? {
            Stands::Running(operation) => {
                let what = format!("{} was accepted, and its operation goes on ({}); ask again", call.id, operation.id());
                Err(Error::new(ErrorKind::Busy, what).with_applied(Applied::Unknown).with_echo_until(self.now()))
            }
            _ => Ok(()),
        }
    }

    /// How an operation stands after a while.
    async fn soon(&self, operation: Operation, first: Option<Duration>) -> Result<Stands> {
        let deadline = self.now() + SOON;
        // "Retry-After" is how soon it makes sense to ask; a controller asks for longer than it waits here.
        let mut pause = first.unwrap_or(Duration::from_secs(1)).clamp(Duration::from_millis(500), Duration::from_secs(3));
        while self.now() + pause < deadline {
            self.pause(pause).await;
            match self.stands(&operation).await {
                Ok(Stands::Running(_)) => {}
                // It is asked about again by who follows it.
                Err(error) if errors::passes(&error) => break,
                Err(error) => return Err(error.with_applied(Applied::Unknown).with_echo_until(self.now())),
                Ok(other) => return Ok(other),
            }
            pause = (pause * 2).min(Duration::from_secs(3));
        }
        Ok(Stands::Running(operation))
    }

    /// How an operation stands: by its URL, else by the state of its resource.
    pub(crate) async fn stands(&self, operation: &Operation) -> Result<Stands> {
        let Some(url) = &operation.url else { return self.by_resource(operation).await };
        let call = self.at("operations.get", url)?;
        let answer = match self.certainly_asked(&call).await {
            // Its URL has expired.
            Err(error) if error.kind() == ErrorKind::NotFound => return self.by_resource(operation).await,
            other => other?,
        };
        if operation.location {
            return Ok(if answer.status == 202 { Stands::Running(operation.clone()) } else { Stands::Done });
        }
        let state = answer.body.get("status").and_then(Value::as_str).or_else(|| provisioning(&answer.body)).unwrap_or_default();
        Ok(match ended(state) {
            Some(true) => Stands::Done,
            Some(false) => {
                let faults = errors::faults(answer.body.get("error").unwrap_or(&Value::Null));
                Stands::Failed(if faults.is_empty() {
                    vec![Fault { code: state.to_owned(), message: String::new() }]
                } else {
                    faults
                })
            }
            None => Stands::Running(operation.clone()),
        })
    }

    /// Reads what may be new. Where regions do not agree yet, what was just begun is not known everywhere: it is not there if it was not several times.
    async fn certainly_asked(&self, call: &Call) -> Result<Answer> {
        let mut turn = 0;
        loop {
            match self.ask(call).await {
                Err(error) if error.kind() == ErrorKind::NotFound && turn < LOOKS => turn += 1,
                other => return other,
            }
            self.pause(Duration::from_millis(500)).await;
        }
    }

    /// How an operation stands by the state of its resource.
    async fn by_resource(&self, operation: &Operation) -> Result<Stands> {
        match self.certainly_asked(&Call::again("operations.get", &operation.resource)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(if operation.deletes { Stands::Done } else { Stands::Lost }),
            Err(error) => Err(error),
            Ok(answer) => Ok(match provisioning(&answer.body).map(ended) {
                Some(Some(true)) | None if operation.deletes => Stands::Lost,
                Some(Some(true)) | None => Stands::Done,
                Some(Some(false)) => Stands::Failed(vec![Fault {
                    code: "Failed".to_owned(),
                    message: "the operation is no longer known".to_owned(),
                }]),
                Some(None) => Stands::Running(operation.clone()),
            }),
        }
    }

    /// How the operations of a ticket stand.
    pub(crate) async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        let operations: Vec<Operation> = serde_json::from_str(&ticket.0)
            .map_err(|_| Error::invalid(format!("`{}` is no operation of {}", ticket.0, self.place())))?;
        let mut state = TicketState::Done;
        for operation in &operations {
            match self.stands(operation).await? {
                Stands::Done => {}
                Stands::Running(_) => state = TicketState::Running,
                Stands::Failed(faults) => return Ok(TicketState::Failed(errors::trouble(&faults))),
                Stands::Lost => return Ok(TicketState::Lost),
            }
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str) -> Operation {
        Operation {
            call: "virtualMachineScaleSets.createOrUpdate".into(),
            resource: "/subscriptions/s/x?api-version=1".into(),
            url: Some(format!("https://management.azure.com/subscriptions/s/operations/{id}?api-version=1")),
            location: false,
            deletes: false,
        }
    }

    #[test]
    fn nothing_but_the_endpoint_is_called() {
        let token = || async { Ok("token".to_owned()) };
        let azure = Azure::builder("s", "acme", "westeurope").access_token(token).connect();
        let azure = immutable_core::time::VirtualClock::default().run(azure).unwrap();
        let ours = azure.at("operations.get", "https://management.azure.com/a/b?api-version=1").unwrap();
        assert_eq!(azure.url(&ours).unwrap().as_str(), "https://management.azure.com/a/b?api-version=1");
        for path in ["//example.com/a", "/\\\\example.com/a", "https://example.com/a"] {
            let url = if path.starts_with('/') { format!("https://management.azure.com{path}") } else { path.to_owned() };
            let called = azure.at("operations.get", &url).and_then(|call| azure.url(&call));
            assert!(
                called.as_ref().is_ok_and(|url| url.host_str() == Some("management.azure.com")) || called.is_err(),
                "{called:?}"
            );
            assert!(azure.url(&Call::again("operations.get", path)).is_err(), "{path}");
        }
    }

    #[test]
    fn what_nobody_has_heard_of_goes_on() {
        for state in ["InProgress", "Updating", "Accepted", "SomethingNew", ""] {
            assert_eq!(ended(state), None, "{state}");
        }
        assert_eq!(
            (ended("succeeded"), ended("CANCELLED"), ended("Canceled"), ended("failed")),
            (Some(true), Some(false), Some(false), Some(false))
        );
    }

    #[test]
    fn what_goes_on_is_in_the_ticket_and_is_read_back() {
        assert_eq!(ticket([&Stands::Done]), None);
        let made = ticket([&Stands::Running(operation("a")), &Stands::Done, &Stands::Running(operation("b"))]).unwrap();
        let read: Vec<Operation> = serde_json::from_str(&made.0).unwrap();
        assert_eq!(read, [operation("a"), operation("b")]);
        assert_eq!(read[0].id(), "a");
    }
}
