//! Operations: what Google has accepted, by name, until it is done. They outlive who asked for them, and so do the tickets made of them.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use google_cloud_compute_v1::model::Operation;
use google_cloud_compute_v1::model::operation::Status;
use immutable_core::error::Retry;
use immutable_core::fleet::{FailureClass, Op, Ticket, TicketState, Trouble};
use immutable_core::{Digest, Error, ErrorKind, Result};

use crate::client::{Gcp, lacks};
use crate::errors;

/// How long an operation is waited for before it is followed by a ticket: less than a controller waits for a call.
const SOON: Duration = Duration::from_secs(10);
/// For how long ids are tried one after the other: sent again, a call finds the row again where it was left.
const ROW: Duration = Duration::from_secs(15);
/// How many failed operations of one call are stepped over at most.
const LINKS: usize = 8;

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Zone(String),
    Region,
    Global,
}

/// The id of one of a call's requests: a function of the call and of what it is for, so that every process sends the same. As a UUID of version 8 (RFC 9562), since Google
/// takes no other text.
pub(crate) fn request_id(op: &Op, step: impl fmt::Display) -> String {
    uuid(&format!("{}/{step}", op.uuid()))
}

/// The id of another try, after the operation of this name has failed: under the same id Google would answer the same failure for an hour.
fn next(id: &str, failed: &str) -> String {
    uuid(&format!("{id}/{failed}"))
}

/// A UUID that a text determines.
pub(crate) fn uuid(text: &str) -> String {
    let digest = Digest::of(text.as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    let mut out = String::with_capacity(36);
    for (at, digit) in hex.chars().take(32).enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            out.push('-');
        }
        out.push(match at {
            12 => '8',
            16 => char::from_digit(8 + digit.to_digit(16).unwrap_or(0) % 4, 16).unwrap_or('8'),
            _ => digit,
        });
    }
    out
}

/// How an operation stands after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Done,
    /// It goes on, under this name: `regions/europe-west1/operations/operation-1`.
    Running(String),
}

/// A ticket of operations that go on; none if none does.
pub(crate) fn ticket<'a>(stands: impl IntoIterator<Item = &'a Stands>) -> Option<Ticket> {
    let running = stands.into_iter().filter_map(|stands| match stands {
        Stands::Running(name) => Some(name.as_str()),
        Stands::Done => None,
    });
    let names: Vec<&str> = running.collect();
    (!names.is_empty()).then(|| Ticket(names.join(" ").into()))
}

impl Gcp {
    /// Sends a request that is answered with an operation, and waits for that a while. One that failed is an error with all its causes.
    ///
    /// A failure that passes is not final under the id it came by: the next id in the row is tried, by every process the same.
    pub(crate) async fn operate<F>(
        &self,
        method: &'static str,
        scope: &Scope,
        id: String,
        send: impl Fn(String) -> F,
    ) -> Result<Stands>
    where
        F: Future<Output = google_cloud_gax::Result<Operation>>,
    {
        let mut id = id;
        let mut failed = None;
        let deadline = self.now() + ROW;
        for _ in 0..LINKS {
            if self.now() >= deadline {
                break;
            }
            let begun = self.order(method, || send(id.clone())).await?;
            let name = begun.name.clone().ok_or_else(|| lacks(method, "name of an operation"))?;
            // One that is over at once may be another's, of before.
            let old = begun.status == Some(Status::Done);
            let Some(ended) = self.ended(scope, begun).await? else { return Ok(Stands::Running(self.full(scope, &name))) };
            let Some(error) = errors::of_operation(method, &ended) else { return Ok(Stands::Done) };
            let error = error.with_place(self.place());
            let again = error.retry() != Retry::Never
                && (old || matches!(error.kind(), ErrorKind::Busy | ErrorKind::Throttled | ErrorKind::Internal));
            if !again {
                return Err(error);
            }
            id = next(&id, &name);
            failed = Some(error);
            if !old {
                self.pause(Duration::from_secs(1)).await;
            }
        }
        Err(failed.unwrap_or_else(|| lacks(method, "word")))
    }

    /// As [`operate`](Self::operate), of what the next request needs: one that goes on is not yet done.
    pub(crate) async fn complete<F>(
        &self,
        method: &'static str,
        scope: &Scope,
        id: String,
        send: impl Fn(String) -> F,
    ) -> Result<()>
    where
        F: Future<Output = google_cloud_gax::Result<Operation>>,
    {
        match self.operate(method, scope, id, send).await? {
            Stands::Done => Ok(()),
            Stands::Running(name) => {
                let what = format!("{method} was accepted, and its operation goes on ({name}); ask again");
                Err(Error::new(ErrorKind::Busy, what).with_applied(immutable_core::Applied::Unknown).with_echo_until(self.now()))
            }
        }
    }

    /// An operation when it is over, if it soon is.
    async fn ended(&self, scope: &Scope, mut operation: Operation) -> Result<Option<Operation>> {
        let deadline = self.now() + SOON;
        let mut pause = Duration::from_millis(250);
        while operation.status != Some(Status::Done) {
            if self.now() >= deadline {
                return Ok(None);
            }
            self.pause(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            let name = operation.name.clone().unwrap_or_default();
            operation = match self.operation(scope, &name).await {
                Ok(operation) => operation,
                // It is asked about again by who follows it.
                Err(error) if errors::passes(&error) || error.kind() == ErrorKind::Throttled => return Ok(None),
                Err(error) => {
                    return Err(error.with_applied(immutable_core::Applied::Unknown).with_echo_until(self.now()));
                }
            };
        }
        Ok(Some(operation))
    }

    async fn operation(&self, scope: &Scope, name: &str) -> Result<Operation> {
        let (clients, project) = (self.clients(), self.project());
        match scope {
            Scope::Zone(zone) => {
                let call = clients.zone_operations.get().set_project(project).set_zone(zone).set_operation(name);
                self.ask("zoneOperations.get", || call.clone().send()).await
            }
            Scope::Region => {
                let call = clients.region_operations.get().set_project(project).set_region(self.region()).set_operation(name);
                self.ask("regionOperations.get", || call.clone().send()).await
            }
            Scope::Global => {
                let call = clients.global_operations.get().set_project(project).set_operation(name);
                self.ask("globalOperations.get", || call.clone().send()).await
            }
        }
    }

    fn full(&self, scope: &Scope, name: &str) -> String {
        match scope {
            Scope::Zone(zone) => format!("zones/{zone}/operations/{name}"),
            Scope::Region => format!("regions/{}/operations/{name}", self.region()),
            Scope::Global => format!("global/operations/{name}"),
        }
    }

    /// How the operations of a ticket stand.
    pub(crate) async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        let mut running = false;
        for full in ticket.0.split(' ') {
            let (scope, name) = match full.split('/').collect::<Vec<_>>()[..] {
                ["zones", zone, "operations", name] => (Scope::Zone(zone.to_owned()), name),
                ["regions", region, "operations", name] if region == self.region() => (Scope::Region, name),
                ["global", "operations", name] => (Scope::Global, name),
                _ => return Err(Error::invalid(format!("`{full}` is no operation of {}", self.place()))),
            };
            match self.operation(&scope, name).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TicketState::Lost),
                Err(error) => return Err(error),
                Ok(operation) if operation.status != Some(Status::Done) => running = true,
                Ok(operation) => {
                    if let Some(error) = errors::of_operation("an operation", &operation) {
                        return Ok(TicketState::Failed(blame(&operation, &error)));
                    }
                }
            }
        }
        Ok(if running { TicketState::Running } else { TicketState::Done })
    }
}

fn blame(operation: &Operation, error: &Error) -> Trouble {
    let first = operation.error.as_ref().and_then(|error| error.errors.first());
    let code = first.and_then(|cause| cause.code.clone()).unwrap_or_else(|| "OPERATION_FAILED".to_owned());
    let class = match error.kind() {
        ErrorKind::Capacity => FailureClass::Capacity,
        ErrorKind::Quota => FailureClass::Quota,
        ErrorKind::Internal => FailureClass::Platform,
        _ => FailureClass::Unknown,
    };
    Trouble { class, code: code.into(), message: error.message().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;
    use immutable_core::fleet::FleetId;
    use immutable_core::id::{Epoch, OpId};

    #[test]
    fn an_id_is_a_uuid_and_a_function_of_what_it_is_for() {
        let fleet = FleetId::new(Place::new("gcp", "acme", "europe-west1").unwrap(), "web");
        let op = Op::new(&fleet, OpId(7), Epoch(1));
        let id = request_id(&op, "template 0");
        assert_eq!(id, request_id(&Op::new(&fleet, OpId(7), Epoch(9)), "template 0"), "a new owner sends the same");
        assert_ne!(id, request_id(&op, "group 0"));
        assert_ne!(next(&id, "operation-1"), next(&id, "operation-2"));
        assert_eq!((id.len(), &id[14..15]), (36, "8"));
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert!(id.chars().enumerate().all(|(at, c)| if [8, 13, 18, 23].contains(&at) {
            c == '-'
        } else {
            c.is_ascii_hexdigit()
        }));
    }

    #[test]
    fn what_goes_on_is_in_the_ticket() {
        let running = |name: &str| Stands::Running(name.to_owned());
        assert_eq!(ticket([&Stands::Done]), None);
        assert_eq!(
            ticket([&running("global/operations/a"), &Stands::Done, &running("zones/z/operations/b")]).unwrap().0.as_ref(),
            "global/operations/a zones/z/operations/b"
        );
    }
}
