//! What people ask of a rollout goes through the fleet's inbox: whoever owns the fleet hears it.

use super::{Rollout, load};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Actor, StepIx};
use crate::journal::{After, Append, Appended};
use crate::rollout::{AbortTo, Command, CommandId, What};

impl Rollout {
    /// Asks whoever drives this rollout to begin nothing new. What is owed is carried on, and deadlines stand still until it is
    /// [resumed](Self::resume).
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn pause(&self, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Pause, by.into()).await
    }

    /// Asks whoever drives this rollout to go on after a [pause](Self::pause).
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn resume(&self, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Resume, by.into()).await
    }

    /// Asks whoever drives this rollout to open the gate of a step, counted from 0, whatever it waits for. If it does not wait there by then it
    /// is refused.
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn promote(&self, step: StepIx, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Promote(step), by.into()).await
    }

    /// Approves where the gate of a step, counted from 0, asks for it.
    ///
    /// # Errors
    /// What the journal fails with; the approval may then have been given.
    pub async fn approve(&self, step: StepIx, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Approve(step), by.into()).await
    }

    /// Asks for another try after [`Outcome::Needs`](crate::Outcome::Needs): with new deadlines, and what failed forgiven. It goes on when it is
    /// [driven](Self::drive).
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn retry(&self, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Retry, by.into()).await
    }

    /// Asks whoever drives this rollout to stop it, and to leave behind what `to` says.
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn abort(&self, to: AbortTo, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Abort(to), by.into()).await
    }

    async fn command(&self, what: What, by: Actor) -> Result<CommandId> {
        let controller = &self.controller;
        let now = controller.clock.now();
        let id = CommandId::of(&format!("{}\0{}\0{what:?}\0{by}\0{now}", self.fleet, self.id));
        let command = Command { id, by, about: self.id, what };
        let stream = self.fleet.inbox();
        let records = vec![load::encode(&command)?];
        for _ in 0..load::TRIES {
            let expected = controller.journal.load(&stream, After::Snapshot).await?.head;
            let write = load::write_id(&controller.owner, &stream, expected, &records);
            let append = Append { stream: stream.clone(), expected, write, records: records.clone() };
            if let Appended::Done(_) = load::append(&*controller.journal, &*controller.clock, append).await? {
                controller.news.command(&self.fleet);
                return Ok(id);
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("the inbox of fleet {} is written to by too many; try again", self.fleet)))
    }
}
