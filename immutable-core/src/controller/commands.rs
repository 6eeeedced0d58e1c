//! What people ask of a rollout goes through the fleet's inbox: whoever owns the fleet hears it.

use futures_util::future::select;

use super::{Rollout, load};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Actor, StepIx};
use crate::journal::{After, Append, Appended, Journal};
use crate::rollout::{AbortTo, Command, CommandId, Event, Fate, What};

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
    /// is refused. While the old are [kept](crate::Strategy::keep_old) they are let go: that counts as a step behind the last.
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

    /// Asks whoever drives this rollout for another size of its fleet, by the strategy's [rule](crate::Strategy::on_resize). A size at which the plan
    /// could not be carried on is refused.
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn resize(&self, instances: u32, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Resize(instances), by.into()).await
    }

    /// Asks whoever drives this rollout to stop it, and to leave behind what `to` says.
    ///
    /// # Errors
    /// What the journal fails with; the command may then have been given.
    pub async fn abort(&self, to: AbortTo, by: impl Into<Actor>) -> Result<CommandId> {
        self.command(What::Abort(to), by.into()).await
    }

    /// What became of a command that was given by this or another handle of this rollout; `None` as long as nobody has heard it. Whoever drives
    /// the rollout hears it at the next look.
    ///
    /// # Errors
    /// What the journal fails with; of a rollout that has ended [`NotFound`](ErrorKind::NotFound) if old records were dropped.
    pub async fn fate(&self, command: CommandId) -> Result<Option<Fate>> {
        let controller = &self.controller;
        let loaded = controller.load(&self.fleet).await?;
        if let Some(running) = loaded.state.rollout().filter(|running| running.id == self.id) {
            return Ok(running.heard.get(&command).cloned());
        }
        let history = controller.history(&self.fleet).await?;
        let heard = history.iter().find_map(|(_, recorded)| match &recorded.event {
            Event::Heard { command: heard, refused, .. } if *heard == command => Some(Fate::of(refused.as_ref())),
            _ => None,
        });
        Ok(Some(heard.unwrap_or(Fate::Unheard)))
    }

    /// Waits until a command has been heard, or cannot be any more, and says what became of it. Somebody must drive the rollout meanwhile, here
    /// or elsewhere.
    ///
    /// # Errors
    /// As [`fate`](Self::fate).
    pub async fn heard(&self, command: CommandId) -> Result<Fate> {
        let controller = &self.controller;
        loop {
            let mut news = controller.news.watch(&self.fleet);
            news.mark_unchanged();
            if let Some(fate) = self.fate(command).await? {
                return Ok(fate);
            }
            // Others of this process tell; of other processes nobody does.
            let later = controller.clock.sleep_until(controller.clock.now() + controller.poll);
            select(Box::pin(news.changed()), later).await;
        }
    }

    async fn command(&self, what: What, by: Actor) -> Result<CommandId> {
        let controller = &self.controller;
        let now = controller.clock.now();
        let stream = self.fleet.inbox();
        for _ in 0..load::TRIES {
            let expected = controller.journal.load(&stream, After::Snapshot).await?.head;
            // By its place in the inbox it is another than the same that was asked before.
            let id = CommandId::of(&format!("{}\0{}\0{what:?}\0{by}\0{now}\0{expected}", self.fleet, self.id));
            let records = vec![load::encode(&Command { id, by: by.clone(), about: self.id, what })?];
            let write = load::write_id(&controller.owner, &stream, expected, &records);
            let append = Append { stream: stream.clone(), expected, write, records };
            if let Appended::Done(_) = load::append(&controller.journal, &*controller.clock, append).await? {
                controller.news.command(&self.fleet);
                return Ok(id);
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("the inbox of fleet {} is written to by too many; try again", self.fleet)))
    }
}
