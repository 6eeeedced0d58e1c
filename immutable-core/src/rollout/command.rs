//! What a person asks of a rollout.

use std::fmt;

use crate::artifact::sha256;
use crate::id::{Actor, RolloutId, StreamVersion, read_hex, read_text, write_hex};
use crate::rollout::decide::{revert, tear_down};
use crate::rollout::event::Event;
use crate::rollout::phase::{Ending, Phase, RevertCause};
use crate::rollout::state::FleetState;
use crate::time::Timestamp;

/// The id of one command; the same id again is the same command, sent again. In text and JSON 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId([u8; 16]);

impl CommandId {
    /// A function of whatever makes the command one: who gave it, when, what it says.
    pub fn of(what: &str) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(sha256(what.as_bytes())).for_each(|(to, from)| *to = from);
        Self(id)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl serde::Serialize for CommandId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> serde::Deserialize<'de> for CommandId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, |text| {
            let bytes = read_hex(text).map(Self);
            bytes.ok_or_else(|| format!("`{text}` is not a command's id; write it as 32 hexadecimal digits"))
        })
    }
}

/// What a person asks, and about what.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Who asks.
    pub by: Actor,
    /// About which rollout; if another runs by then, the command is refused.
    pub about: RolloutId,
    /// What is asked.
    pub what: What,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// Stop going on.
    Abort(AbortTo),
}

/// What an aborted rollout leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortTo {
    /// The baseline: it rolls back.
    Back,
    /// Whatever there is: nothing moves any more.
    Mixed,
    /// Nothing: only of a fleet that has no proven release.
    Nothing,
}

/// Turns a command, read from the inbox up to `inbox`, into events: it is heard, and either refused, with why, or carried out.
pub fn command(state: &FleetState, command: &Command, inbox: StreamVersion, now: Timestamp) -> Vec<Event> {
    let now = now.max(state.at);
    let heard = |refused: Option<String>| Event::Heard {
        command: command.id,
        by: command.by.clone(),
        inbox,
        refused: refused.map(Into::into),
    };
    match carry_out(state, command, now) {
        Ok(to) => vec![heard(None), Event::Moved { to }],
        Err(why) => vec![heard(Some(why))],
    }
}

fn carry_out(state: &FleetState, command: &Command, now: Timestamp) -> Result<Phase, String> {
    let Some(rollout) = &state.rollout else {
        return Err("no rollout runs".to_owned());
    };
    if rollout.id != command.about {
        return Err(format!("it is about rollout {}, rollout {} runs", command.about, rollout.id));
    }
    let What::Abort(to) = command.what;
    let finishing = matches!(rollout.phase, Phase::Finishing { .. });
    let reverting = matches!(rollout.phase, Phase::Reverting { .. });
    match to {
        _ if finishing => Err("it is finishing, there is nothing left to abort".to_owned()),
        AbortTo::Back if reverting => Err("it is rolling back already".to_owned()),
        AbortTo::Back if rollout.baseline.is_none() => {
            Err("no release is proven to go back to; abort to nothing, or leave it mixed".to_owned())
        }
        AbortTo::Back => Ok(revert(state, &[], rollout, RevertCause::Asked, now)),
        AbortTo::Mixed => {
            Ok(Phase::Finishing { ending: Ending::Mixed, give_up_at: now + rollout.plan.strategy().rollback_deadline })
        }
        AbortTo::Nothing if rollout.baseline.is_some() => {
            Err("the fleet has a proven release, which this would remove; abort back, or leave it mixed".to_owned())
        }
        AbortTo::Nothing => Ok(tear_down(rollout, now)),
    }
}
