//! What stands in the tags of a load balancer: one etag is of them and of its rules.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, RouteTag};
use immutable_core::id::PoolId;
use immutable_core::{Digest, Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) type Tags = BTreeMap<String, String>;

/// "Use tags to organize your Azure resources", limitations.
const MOST: usize = 50;
const LONGEST: usize = 256;

/// Of one name; "Tag names are case-insensitive for operations".
pub(super) fn read<T: DeserializeOwned>(tags: &Tags, name: &str) -> Result<Option<T>> {
    let Some((_, text)) = tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| {
        let what = format!(
            "the tag {name} of the load balancer cannot be read; it says whom its rules are for, so put it back as it was, or take it out with all the pool's tags"
        );
        Error::new(ErrorKind::Corrupt, what).with_source(error)
    })
}

/// # Errors
/// [`Invalid`](ErrorKind::Invalid) if it is longer than a tag may be, or one too many.
pub(super) fn write(tags: &mut Tags, name: &str, value: &impl Serialize) -> Result<()> {
    let text = text(value)?;
    if text.chars().count() > LONGEST {
        return Err(Error::invalid(format!(
            "the tag {name} would have {} characters, and {LONGEST} are possible; have fewer generations in the pool",
            text.chars().count()
        )));
    }
    remove(tags, name);
    tags.insert(name.to_owned(), text);
    match tags.len() {
        0..=MOST => Ok(()),
        count => Err(Error::invalid(format!(
            "the load balancer would have {count} tags with those that say whom its rules are for, and {MOST} are possible; take some out"
        ))),
    }
}

pub(super) fn remove(tags: &mut Tags, name: &str) {
    tags.retain(|known, _| !known.eq_ignore_ascii_case(name));
}

pub(super) fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "what stands in a tag could not be written").with_source(error))
}

/// Another tag for each text.
pub(super) fn route_tag(text: &str) -> RouteTag {
    let digest = Digest::of(text.as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    RouteTag(hex.get(..32).unwrap_or(hex).into())
}

/// That a pool is another fleet's.
pub(super) fn not_ours(pool: &PoolId, owner: &str, fleet: &FleetId, tag: &str) -> Result<()> {
    if owner == fleet.name() {
        return Ok(());
    }
    let what = format!(
        "pool {pool} is fleet {owner}'s; give each fleet a pool of its own, or take the tag {tag} out if that fleet is no more"
    );
    Err(Error::new(ErrorKind::Taken, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back_whatever_its_case() {
        let mut tags = Tags::from([("team".to_owned(), "shop".to_owned())]);
        assert_eq!(read::<Vec<u8>>(&tags, "immutable-x").unwrap(), None);
        write(&mut tags, "immutable-x", &[1, 2]).unwrap();
        assert_eq!(read::<Vec<u8>>(&tags, "Immutable-X").unwrap(), Some(vec![1, 2]));
        write(&mut tags, "IMMUTABLE-X", &[3]).unwrap();
        assert_eq!((tags.len(), read::<Vec<u8>>(&tags, "immutable-x").unwrap()), (2, Some(vec![3])));
        remove(&mut tags, "immutable-X");
        assert_eq!(tags.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_none() {
        let tags = Tags::from([("immutable-x".to_owned(), "oh".to_owned())]);
        assert_eq!(read::<Vec<u8>>(&tags, "immutable-x").unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn there_is_room_for_so_much() {
        let mut tags: Tags = (0..MOST).map(|number| (number.to_string(), String::new())).collect();
        let error = write(&mut tags.clone(), "x", &1).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("51 tags"), "{error}");
        write(&mut tags, "7", &1).unwrap();
        assert!(write(&mut tags, "7", &"x".repeat(255)).unwrap_err().to_string().contains("257 characters"));
    }
}
