//! Launch templates: one for each group, under a name that has the digest of what it launches in it. Only ever version 1.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, RequestLaunchTemplateData, Tag, TagSpecification};
use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::{Error, ErrorKind, Result};

use crate::client::Aws;
use crate::marks::{self, Mark};

/// A launch template that bears a fleet's tags.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mark: Mark,
    pub(crate) tags: BTreeMap<String, String>,
}

pub(crate) fn ec2_tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub(crate) fn tag_filter(key: &str, value: &str) -> Filter {
    Filter::builder().name(format!("tag:{key}")).values(value).build()
}

/// Makes a template, or finds it made, and says its id.
pub(crate) async fn ensure(
    aws: &Aws,
    name: &str,
    token: &str,
    data: RequestLaunchTemplateData,
    tags: TagSpecification,
) -> Result<String> {
    let call = aws
        .again()
        .ec2
        .create_launch_template()
        .launch_template_name(name)
        .client_token(token)
        .launch_template_data(data.clone());
    match aws.ask("ec2:CreateLaunchTemplate", call.tag_specifications(tags).send()).await {
        Ok(answer) => {
            let id = answer.launch_template.and_then(|template| template.launch_template_id);
            id.ok_or_else(|| Error::new(ErrorKind::Internal, format!("launch template {name} was made, and has no id")))
        }
        Err(error) if error.kind() == ErrorKind::Taken => match difference(aws, name, &data).await? {
            Some(what) => {
                let what = format!("the {what} of launch template {name} is another, so it is not ours; delete it");
                Err(Error::new(ErrorKind::Taken, what).with_resource(name.to_owned()))
            }
            None => version_1(aws, name).await.map(|(id, _)| id),
        },
        Err(error) => Err(error),
    }
}

/// In what the template of this name differs from what would be made.
pub(crate) async fn difference(aws: &Aws, name: &str, data: &RequestLaunchTemplateData) -> Result<Option<&'static str>> {
    let (_, found) = version_1(aws, name).await?;
    Ok(found.map_or(Some("content"), |found| crate::template::difference(data, &found)))
}

async fn version_1(aws: &Aws, name: &str) -> Result<(String, Option<aws_sdk_ec2::types::ResponseLaunchTemplateData>)> {
    let call = aws.again().ec2.describe_launch_template_versions().launch_template_name(name).versions("1");
    let answer = match aws.ask("ec2:DescribeLaunchTemplateVersions", call.send()).await {
        // Its name is taken, or a group names it: it is there.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::new(ErrorKind::NotYetVisible, format!("launch template {name} is there, and is not shown yet")));
        }
        other => other?,
    };
    let version = answer.launch_template_versions.unwrap_or_default().into_iter().next();
    let found = version.and_then(|version| Some((version.launch_template_id?, version.launch_template_data)));
    found
        .ok_or_else(|| Error::new(ErrorKind::NotYetVisible, format!("launch template {name} has no version 1 that is shown yet")))
}

/// The templates of a fleet, or of one generation.
pub(crate) async fn tagged(aws: &Aws, fleet: &FleetId, generation: Option<GenerationId>) -> Result<Vec<Template>> {
    let mut filters = vec![tag_filter(marks::FLEET, fleet.name())];
    filters.extend(generation.map(|generation| tag_filter(marks::GENERATION, &generation.to_string())));
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = aws.again().ec2.describe_launch_templates().set_filters(Some(filters.clone())).max_results(200);
        let answer = aws.ask("ec2:DescribeLaunchTemplates", call.set_next_token(next).send()).await?;
        found.extend(answer.launch_templates().iter().filter_map(|template| {
            let mark = Mark::read(template.tags().iter().map(|tag| (tag.key(), tag.value())));
            let (id, name) = (template.launch_template_id()?, template.launch_template_name()?);
            let tags = template.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
            Some(Template { id: id.to_owned(), name: name.to_owned(), mark, tags })
        }));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Deletes the templates of a generation. What was launched from them stays.
pub(crate) async fn delete(aws: &Aws, fleet: &FleetId, generation: GenerationId) -> Result<()> {
    for template in tagged(aws, fleet, Some(generation)).await? {
        // By its id, which is nobody else's: what comes later under the name is safe from a late copy.
        let call = aws.again().ec2.delete_launch_template().launch_template_id(&template.id);
        match aws.ask("ec2:DeleteLaunchTemplate", call.send()).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.with_resource(template.name)),
            _ => {}
        }
    }
    Ok(())
}
