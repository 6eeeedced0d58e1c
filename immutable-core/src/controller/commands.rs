//! What people ask of a rollout goes through the fleet's inbox: whoever owns the fleet hears it.

use super::{Rollout, load};
use crate::error::{Error, ErrorKind, Result};
use crate::id::Actor;
use crate::journal::{After, Append, Appended};
use crate::rollout::{AbortTo, Command, CommandId, What};

impl Rollout {
    /// Asks whoever drives this rollout to stop it, and to leave behind what `to` says. It is heard at the driver's next look; the
    /// journal then says whether it was carried out or refused, and why.
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
