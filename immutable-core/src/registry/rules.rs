//! What may be written to a registry, decided on what is in it.

use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result};
use crate::id::Actor;

use super::event::Event;
use super::state::State;
use super::{Publication, Revoke, SetChannel};

pub(super) fn publish(state: &State, artifact: &Artifact, by: &Actor) -> Result<(Option<Event>, Publication)> {
    let version = artifact.version();
    named(by, || format!("publishing {artifact}"))?;
    if let Some(entry) = state.versions.get(version) {
        let known = &entry.artifact;
        if known.digest() != artifact.digest() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "{artifact} is published as {}, it cannot be {} as well; publish that under another version",
                    known.digest(),
                    artifact.digest()
                ),
            ));
        }
        let copies: Vec<_> = artifact.images().filter(|image| known.image_in(image.place()) != Some(image)).cloned().collect();
        if copies.is_empty() {
            return Ok((None, Publication::Known));
        }
        // Refuses a copy in a place that has another.
        copies.iter().cloned().try_fold(known.clone(), Artifact::with_copy)?;
        let event = Event::Copied { version: version.clone(), copies, by: by.clone() };
        return Ok((Some(event), Publication::Copied));
    }
    if let Some((entry, revocation)) = state.of_digest(artifact.digest()).find_map(|entry| Some((entry, entry.revoked.as_ref()?)))
    {
        return Err(Error::new(
            ErrorKind::Denied,
            format!("{artifact} is the same build as {}, {revocation}; build it anew", entry.artifact.version()),
        ));
    }
    Ok((Some(Event::Published { artifact: artifact.clone(), by: by.clone() }), Publication::New))
}

pub(super) fn set_channel(state: &State, request: &SetChannel) -> Result<(Option<Event>, ())> {
    let SetChannel { name, channel, expected, to, by, why } = request;
    named(by, || format!("moving channel {channel} of {name}"))?;
    reasoned(why, || format!("moving channel {channel} of {name}"))?;
    let current = state.channels.get(channel).map(|channel| &channel.current);
    if current != expected.as_ref() {
        let found = match current {
            None => format!("there is no channel {channel} of {name}"),
            Some(current) => format!("channel {channel} of {name} points to {current}"),
        };
        let wanted = match expected {
            None => "it was expected not to exist".to_owned(),
            Some(expected) => format!("it was expected to point to {expected}"),
        };
        return Err(Error::new(ErrorKind::Conflict, format!("{found}, {wanted}; look again before moving it to {to}")));
    }
    let Some(entry) = state.versions.get(to) else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("channel {channel} of {name} cannot point to {to}, which is not published; {}", state.offers()),
        ));
    };
    if let Some(revocation) = &entry.revoked {
        return Err(Error::new(
            ErrorKind::Denied,
            format!("channel {channel} of {name} cannot point to {to}, {revocation}; {}", state.instead()),
        ));
    }
    if current == Some(to) {
        return Ok((None, ()));
    }
    let (channel, from, to, by, why) = (channel.clone(), expected.clone(), to.clone(), by.clone(), why.clone());
    Ok((Some(Event::ChannelMoved { channel, from, to, by, why }), ()))
}

pub(super) fn revoke(state: &State, request: &Revoke) -> Result<(Option<Event>, ())> {
    let Revoke { name, digest, by, why } = request;
    named(by, || format!("revoking {digest} of {name}"))?;
    reasoned(why, || format!("revoking {digest} of {name}"))?;
    match state.of_digest(*digest).next() {
        None => Err(Error::new(ErrorKind::NotFound, format!("{name} has no artifact {digest} to revoke; {}", state.offers()))),
        Some(entry) if entry.revoked.is_some() => Ok((None, ())),
        Some(_) => Ok((Some(Event::Revoked { digest: *digest, by: by.clone(), why: why.clone() }), ())),
    }
}

fn named(by: &Actor, what: impl Fn() -> String) -> Result<()> {
    if by.as_str().trim().is_empty() { Err(Error::invalid(format!("{} needs to say by whom", what()))) } else { Ok(()) }
}

fn reasoned(why: &str, what: impl Fn() -> String) -> Result<()> {
    if why.trim().is_empty() { Err(Error::invalid(format!("{} needs a reason", what()))) } else { Ok(()) }
}
