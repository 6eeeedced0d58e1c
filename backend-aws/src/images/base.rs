//! Names that move, and what they stand for now.

use aws_sdk_ec2::types::Filter;
use immutable_core::id::{BaseQuery, ImageId};
use immutable_core::provider::{ImageSeen, ImageStage};
use immutable_core::{Error, ErrorKind, ImageRef, Result};

use super::describe;
use crate::client::Aws;

/// A way to name a base image.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name<'a> {
    Itself(&'a str),
    Parameter(&'a str),
    Newest { name: &'a str, owner: &'a str },
}

const WAYS: &str = "name one as /aws/service/… (a public parameter), ssm:PARAMETER, name:PATTERN@OWNER, or by its id, as in ami-0123456789abcdef0";

impl<'a> Name<'a> {
    fn read(text: &'a str) -> Result<Self> {
        let text = text.trim();
        if is_id(text) {
            return Ok(Self::Itself(text));
        }
        if let Some(name) = text.strip_prefix("ssm:").or_else(|| text.starts_with("/aws/service/").then_some(text))
            && !name.is_empty()
        {
            return Ok(Self::Parameter(name));
        }
        if let Some(rest) = text.strip_prefix("name:") {
            let (name, owner) = rest.rsplit_once('@').unwrap_or((rest, ""));
            let account = owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
            if !account && !["self", "amazon", "aws-marketplace"].contains(&owner) {
                let what = format!(
                    "`{text}` names no owner, and anybody may publish an image of any name; write it as name:PATTERN@OWNER, \
                     where the owner is an account's twelve digits, self, amazon or aws-marketplace"
                );
                return Err(Error::invalid(what));
            }
            if !name.is_empty() {
                return Ok(Self::Newest { name, owner });
            }
        }
        Err(Error::invalid(format!("`{text}` is no way to name an image of Amazon's; {WAYS}")))
    }
}

/// EC2 User Guide, "Amazon EC2 resource IDs": eight or seventeen hexadecimal digits.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("ami-").unwrap_or_default();
    [8, 17].contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) async fn resolve(aws: &Aws, query: &BaseQuery) -> Result<ImageSeen> {
    match Name::read(query.as_str())? {
        Name::Itself(id) => by_id(aws, id).await,
        Name::Parameter(name) => {
            let id = parameter(aws, name).await?;
            if !is_id(&id) {
                let begin: String = id.chars().take(40).collect();
                let what = format!(
                    "the parameter {name} holds `{begin}`, which is no image's id; name one that holds an id alone, as those do \
                     that end in /image_id"
                );
                return Err(Error::invalid(what));
            }
            let seen = by_id(aws, &id).await?;
            match seen.stage {
                ImageStage::Deprecated => {
                    let what = format!("{id}, for which {name} stands, is deprecated; name another, or this one by its id");
                    Err(Error::new(ErrorKind::NotFound, what))
                }
                _ => Ok(seen),
            }
        }
        Name::Newest { name, owner } => newest(aws, name, owner).await,
    }
}

/// The value of a parameter.
pub(super) async fn parameter(aws: &Aws, name: &str) -> Result<String> {
    let answer = aws.ask("ssm:GetParameter", aws.again().ssm.get_parameter().name(name).send()).await?;
    let value = answer.parameter.and_then(|parameter| parameter.value).unwrap_or_default();
    Ok(value.trim().to_owned())
}

async fn by_id(aws: &Aws, id: &str) -> Result<ImageSeen> {
    let (image, found) = (ImageRef::new(aws.place(), id), describe::one(aws, &ImageId::new(id)).await?);
    let seen = describe::seen(&image, found.as_ref(), &aws.place(), aws.now());
    match &seen.unlaunchable {
        None => Ok(seen),
        Some(why) => Err(Error::new(ErrorKind::NotFound, format!("{image} cannot be launched: {why}"))),
    }
}

/// Of those of this name that are for use, the newest.
async fn newest(aws: &Aws, name: &str, owner: &str) -> Result<ImageSeen> {
    let filter = |key: &str, value: &str| Filter::builder().name(key).values(value).build();
    let found = describe::find(aws, vec![filter("name", name), filter("state", "available")], Some(owner)).await?;
    let (now, place) = (aws.now(), aws.place());
    let active = found.iter().filter(|image| describe::stage(image, now) == ImageStage::Active);
    // Times of one form: as texts they are in the order of time.
    let newest =
        active.filter_map(|image| Some((image.creation_date()?, image.image_id()?, image))).max_by_key(|(at, id, _)| (*at, *id));
    match newest {
        Some((_, id, found)) => Ok(describe::seen(&ImageRef::new(place.clone(), id), Some(found), &place, now)),
        None => {
            let what = format!("no image of {owner} in {place} that is for use has a name like {name}; widen the pattern");
            Err(Error::new(ErrorKind::NotFound, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_base_is_known() {
        let read = |text| Name::read(text).unwrap();
        assert_eq!(read("ami-0123456789abcdef0"), Name::Itself("ami-0123456789abcdef0"));
        let linux = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
        assert_eq!(read(linux), Name::Parameter(linux));
        assert_eq!(read("ssm:/golden/web:7"), Name::Parameter("/golden/web:7"));
        assert_eq!(read("ssm:golden"), Name::Parameter("golden"));
        let newest = Name::Newest { name: "amzn2-ami-hvm-2.0*", owner: "amazon" };
        assert_eq!(read("name:amzn2-ami-hvm-2.0*@amazon"), newest);
        assert_eq!(read("name:a@b@123456789012"), Name::Newest { name: "a@b", owner: "123456789012" });
    }

    #[test]
    fn what_is_none_of_them_is_told_which_there_are() {
        for wrong in ["", " ", "debian-12", "ami-", "ami-xyz", "ssm:", "/golden/web", "name:@self"] {
            let error = Name::read(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains("ssm:PARAMETER"), "{wrong}: {error}");
        }
        for wrong in ["name:debian-12-*", "name:debian@", "name:debian-*@canonical"] {
            assert!(Name::read(wrong).unwrap_err().message().contains("names no owner"), "{wrong}");
        }
    }
}
