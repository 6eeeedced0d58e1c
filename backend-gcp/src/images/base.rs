//! Names that move, and what they stand for now.

use google_cloud_compute_v1::model::Image;
use immutable_core::id::BaseQuery;
use immutable_core::provider::ImageSeen;
use immutable_core::{Error, ErrorKind, Result};

use super::describe;
use super::names::{Name, Source};
use crate::client::{Gcp, lacks};

const WAYS: &str = "name one as projects/PROJECT/global/images/family/FAMILY, or exactly, as projects/PROJECT/global/images/NAME";

pub(super) async fn resolve(gcp: &Gcp, query: &BaseQuery) -> Result<ImageSeen> {
    let text = query.as_str().trim();
    match Source::read(text, gcp.project()) {
        Some(Source::Image(name)) => itself(gcp, &name).await,
        Some(Source::Family(family)) => newest(gcp, &family).await,
        None => Err(Error::invalid(format!("`{text}` is no way to name an image of Google's; {WAYS}"))),
    }
}

async fn itself(gcp: &Gcp, name: &Name) -> Result<ImageSeen> {
    let image = name.seen_from(gcp.project())?;
    let found = describe::one(gcp, name).await?;
    let seen = describe::seen(&image, found.as_ref(), gcp.project());
    match &seen.unlaunchable {
        None => Ok(seen),
        Some(why) => Err(Error::new(ErrorKind::NotFound, format!("{image} cannot be launched: {why}"))),
    }
}

/// What a family stands for.
pub(super) async fn newest(gcp: &Gcp, family: &Name) -> Result<ImageSeen> {
    let Some((name, found)) = stands_for(gcp, family).await? else {
        let what =
            format!("no image of the family {} in {} is for use; promote one, or name another", family.name, family.project);
        return Err(Error::new(ErrorKind::NotFound, what));
    };
    let image = name.seen_from(gcp.project())?;
    let seen = describe::seen(&image, Some(&found), gcp.project());
    match &seen.unlaunchable {
        None => Ok(seen),
        Some(why) => {
            let what = format!("{image}, for which the family {} stands, cannot be launched: {why}", family.name);
            Err(Error::new(ErrorKind::NotFound, what))
        }
    }
}

/// "images.getFromFamily": "the latest image that is part of an image family and is not deprecated". None if there is none.
pub(super) async fn stands_for(gcp: &Gcp, family: &Name) -> Result<Option<(Name, Image)>> {
    const METHOD: &str = "images.getFromFamily";
    let call = gcp.clients().images.get_from_family().set_project(&family.project).set_family(&family.name);
    match gcp.ask(METHOD, || call.clone().send()).await {
        Ok(found) => {
            let name = found.name.as_deref().ok_or_else(|| lacks(METHOD, "name of an image"))?;
            Ok(Some((Name::new(&family.project, name), found)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
