//! What an image may be used for: Azure knows two stages, by which is the latest, and by an end of life.

use immutable_core::provider::{Availability, ImageStage};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, Result, Timestamp};
use serde_json::{Map, Value, json};

use super::changeable;
use super::describe::{self, Found, Verb};
use super::names::Name;
use super::version::{DEPRECATED, Version};
use crate::client::{Azure, Call};
use crate::operations::Stands;
use crate::preflight::GALLERY;

pub(super) async fn set(azure: &Azure, image: &ImageRef, name: &Name, stage: Availability) -> Result<()> {
    if stage == Availability::Disabled {
        return Err(Error::invalid(format!("{image} cannot be disabled: Azure has no such stage; deprecate it, or delete it")));
    }
    let found = changeable(azure, image, name).await?;
    let (now, why) = describe::stage(&found, azure.region(), azure.now());
    if now == ImageStage::Failed {
        let what = format!("the making of {image} failed ({}); all that it can be is deleted", why.unwrap_or_default());
        return Err(Error::new(ErrorKind::Conflict, what));
    }
    if now == ImageStage::from(stage) && !is_latest_of_the_past(&found, stage) {
        return Ok(());
    }
    let Found::Version(version) = found else {
        return Err(Error::invalid(format!(
            "{image} is a managed image, which has no stages; publish it in a gallery to deprecate it"
        )));
    };
    let body = match stage {
        Availability::Active => active(&version, azure.now()),
        _ => deprecated(&version, azure.now()),
    };
    patch(azure, name, &version, &body).await?;
    // It was done, whatever becomes of the look.
    let looked = describe::one(azure, name).await.map_err(|error| error.with_applied(Applied::Yes))?;
    let is = |found: Found| {
        describe::stage(&found, azure.region(), azure.now()).0 == ImageStage::from(stage) && !is_latest_of_the_past(&found, stage)
    };
    let set = looked.is_some_and(is);
    if set {
        return Ok(());
    }
    let what = format!("{image} was made {stage:?}, and is not so: somebody undoes it, or Azure shows it late; ask again");
    Err(azure.half_done(true, Error::new(ErrorKind::Busy, what)))
}

/// Whether it is to be deprecated, and is so by its end of life alone: `latest` may still be it.
fn is_latest_of_the_past(found: &Found, stage: Availability) -> bool {
    stage == Availability::Deprecated && matches!(found, Found::Version(version) if !version.is_unlisted())
}

/// Sends a change of a version, and waits for it a while.
pub(super) async fn patch(azure: &Azure, name: &Name, version: &Version, body: &Value) -> Result<()> {
    let call = Call::patch(describe::call(version.kind, Verb::Patch), &name.path(azure), GALLERY, body);
    let Stands::Running(operation) = describe::order(azure, &call).await? else { return Ok(()) };
    let what = format!("{} was accepted, and its operation goes on ({}); ask again", call.id, operation.id());
    Err(Error::new(ErrorKind::Busy, what).with_applied(Applied::Unknown).with_echo_until(azure.now()))
}

/// It is nobody's latest, and its life is over. How it was before is remembered in a tag.
fn deprecated(version: &Version, now: Timestamp) -> Value {
    let was = if version.is_unlisted() { "unlisted" } else { "latest" };
    let was = if version.end_of_life().is_some() { format!("{was} {}", version.end()) } else { was.to_owned() };
    let mut tags = version.tags();
    tags.retain(|name, _| !name.eq_ignore_ascii_case(DEPRECATED));
    tags.insert(DEPRECATED.to_owned(), was);
    let profile =
        Map::from_iter([("excludeFromLatest".to_owned(), true.into()), ("endOfLifeDate".to_owned(), now.to_string().into())]);
    with_tags(version.change(profile), &tags)
}

/// Further than any life: Azure's models know no way to take an end away.
const NEVER: &str = "9999-01-01T00:00:00Z";

/// It is as it was before it was deprecated, if that was done here, and has an end of life that is far away.
fn active(version: &Version, now: Timestamp) -> Value {
    let mut tags = version.tags();
    let mark = tags.keys().find(|name| name.eq_ignore_ascii_case(DEPRECATED)).cloned();
    let Some(was) = mark.and_then(|name| tags.remove(&name)) else {
        return version.change(Map::from_iter([("endOfLifeDate".to_owned(), NEVER.into())]));
    };
    let (listed, end) = was.split_once(' ').unwrap_or((&was, ""));
    let lives = end.parse::<Timestamp>().is_ok_and(|end| end > now);
    let profile = Map::from_iter([
        ("excludeFromLatest".to_owned(), (listed != "latest").into()),
        ("endOfLifeDate".to_owned(), if lives { end } else { NEVER }.into()),
    ]);
    with_tags(version.change(profile), &tags)
}

fn with_tags(mut body: Value, tags: &std::collections::BTreeMap<String, String>) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.insert("tags".to_owned(), json!(tags));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::names::Kind;
    use super::*;

    fn version(excluded: bool, end: Option<&str>, mark: Option<&str>) -> Version {
        let tags: Map<String, Value> = mark.map(|mark| (DEPRECATED.to_uppercase(), mark.into())).into_iter().collect();
        let profile = json!({ "excludeFromLatest": excluded, "endOfLifeDate": end });
        Version::new(Kind::Image, json!({ "tags": tags, "properties": { "publishingProfile": profile } }))
    }

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn there_and_back_it_is_as_it_was() {
        let later = "2027-01-01T00:00:00Z";
        for (excluded, end, mark) in
            [(false, None, "latest"), (true, None, "unlisted"), (true, Some(later), "unlisted 2027-01-01T00:00:00Z")]
        {
            let there = deprecated(&version(excluded, end, None), now());
            assert_eq!(there["tags"][DEPRECATED], mark);
            let profile = &there["properties"]["publishingProfile"];
            assert_eq!((&profile["excludeFromLatest"], &profile["endOfLifeDate"]), (&json!(true), &json!(now().to_string())));
            let back = active(&version(true, Some("2026-11-22T11:00:00Z"), Some(mark)), now());
            let profile = &back["properties"]["publishingProfile"];
            let end = json!(end.unwrap_or(NEVER));
            assert_eq!((&profile["excludeFromLatest"], &profile["endOfLifeDate"]), (&json!(excluded), &end));
            assert_eq!(back["tags"], json!({}), "the mark is taken away, whatever its case");
        }
    }

    #[test]
    fn what_somebody_else_has_ended_is_not_promoted_by_it() {
        let back = active(&version(true, Some("2026-11-22T11:00:00Z"), None), now());
        assert_eq!(back["properties"]["publishingProfile"], json!({ "endOfLifeDate": NEVER }));
        assert_eq!(back.get("tags"), None);
        let over = active(&version(true, None, Some("latest 2026-11-22T11:59:59Z")), now());
        assert_eq!(over["properties"]["publishingProfile"]["endOfLifeDate"], NEVER, "what is over by now is not set again");
        assert!(NEVER.parse::<Timestamp>().is_ok_and(|never| never > now()), "it can be read back");
    }
}
