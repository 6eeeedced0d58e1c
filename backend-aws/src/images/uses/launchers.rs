//! What machines are launched from: templates, launch configurations, Auto Scaling groups.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_autoscaling::types::{AutoScalingGroup, LaunchTemplateSpecification};
use aws_sdk_ec2::types::LaunchTemplateVersion;
use immutable_core::{ErrorKind, Result};

use crate::client::Aws;

/// A version of a launch template.
#[derive(Clone, Debug)]
pub(super) struct Version {
    id: String,
    pub(super) name: String,
    number: i64,
    default: bool,
    pub(super) image: Option<String>,
}

impl Version {
    fn read(version: LaunchTemplateVersion) -> Option<Self> {
        Some(Self {
            id: version.launch_template_id?,
            name: version.launch_template_name?,
            number: version.version_number?,
            default: version.default_version.unwrap_or(false),
            image: version.launch_template_data.and_then(|data| data.image_id),
        })
    }
}

/// All versions of all launch templates. Of most there is one, or two: the default and the latest, which are all asked for at once.
pub(super) async fn versions(aws: &Aws) -> Result<Vec<Version>> {
    let mut found = versions_of(aws, None).await?;
    let mut shown: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for version in &found {
        shown.entry(version.id.clone()).or_default().insert(version.number);
    }
    for (id, numbers) in shown {
        let latest = numbers.last().copied().unwrap_or(0);
        if latest > i64::try_from(numbers.len()).unwrap_or(i64::MAX) {
            match versions_of(aws, Some(&id)).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                more => found.extend(more?),
            }
        }
    }
    Ok(found)
}

async fn versions_of(aws: &Aws, id: Option<&str>) -> Result<Vec<Version>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = aws.again().ec2.describe_launch_template_versions().max_results(200).set_next_token(next);
        let call = match id {
            Some(id) => call.launch_template_id(id),
            None => call.versions("$Latest").versions("$Default"),
        };
        let answer = aws.ask("ec2:DescribeLaunchTemplateVersions", call.send()).await?;
        found.extend(answer.launch_template_versions.unwrap_or_default().into_iter().filter_map(Version::read));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The image of each launch configuration, by name.
pub(super) async fn configurations(aws: &Aws) -> Result<BTreeMap<String, String>> {
    let (mut found, mut next) = (BTreeMap::new(), None);
    loop {
        let call = aws.again().asg.describe_launch_configurations().max_records(100).set_next_token(next);
        let answer = aws.ask("autoscaling:DescribeLaunchConfigurations", call.send()).await?;
        let named = answer.launch_configurations.unwrap_or_default().into_iter();
        found.extend(named.filter_map(|one| Some((one.launch_configuration_name?, one.image_id?))));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// What an Auto Scaling group launches from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) templates: Vec<Template>,
    pub(super) configuration: Option<String>,
    /// Those that stand in place of the templates' own.
    pub(super) images: Vec<String>,
}

/// A template as a group names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    id: Option<String>,
    name: Option<String>,
    version: Option<String>,
}

impl Template {
    fn read(said: &LaunchTemplateSpecification) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self { id: text(said.launch_template_id()), name: text(said.launch_template_name()), version: text(said.version()) }
    }

    /// EC2 Auto Scaling API, "LaunchTemplateSpecification": without a version it is the default one.
    pub(super) fn find<'a>(&self, versions: &'a [Version]) -> Option<&'a Version> {
        let mut of = versions.iter().filter(|version| match &self.id {
            Some(id) => version.id == *id,
            None => self.name.as_ref() == Some(&version.name),
        });
        match self.version.as_deref() {
            Some("$Latest") => of.max_by_key(|version| version.number),
            None | Some("" | "$Default") => of.find(|version| version.default),
            Some(number) => of.find(|version| version.number.to_string() == number),
        }
    }
}

/// `version 3 of launch template web-0007-0`
impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.name.as_deref().or(self.id.as_deref()).unwrap_or("without a name");
        write!(f, "version {} of launch template {name}", self.version.as_deref().unwrap_or("$Default"))
    }
}

impl Group {
    fn read(group: &AutoScalingGroup) -> Self {
        let mixed = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
        let overrides = || mixed.into_iter().flat_map(|mixed| mixed.overrides());
        let of_types = overrides().filter_map(|one| one.launch_template_specification());
        let templates = group.launch_template().into_iter().chain(mixed.and_then(|one| one.launch_template_specification()));
        Self {
            name: group.auto_scaling_group_name().unwrap_or_default().to_owned(),
            templates: templates.chain(of_types).map(Template::read).collect(),
            configuration: group.launch_configuration_name().filter(|name| !name.is_empty()).map(str::to_owned),
            images: overrides().filter_map(|one| one.image_id().map(str::to_owned)).collect(),
        }
    }
}

pub(super) async fn groups(aws: &Aws) -> Result<Vec<Group>> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = aws.again().asg.describe_auto_scaling_groups().max_records(100).set_next_token(next);
        let answer = aws.ask("autoscaling:DescribeAutoScalingGroups", call.send()).await?;
        found.extend(answer.auto_scaling_groups().iter().map(Group::read));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_autoscaling::types::{LaunchTemplate, LaunchTemplateOverrides, MixedInstancesPolicy};

    fn version(id: &str, number: i64, default: bool) -> Version {
        Version { id: id.into(), name: format!("{id}-name"), number, default, image: Some(format!("ami-{number}")) }
    }

    #[test]
    fn a_group_launches_from_the_version_that_it_names() {
        let versions = [version("lt-1", 2, true), version("lt-1", 4, false), version("lt-1", 1, false), version("lt-2", 9, true)];
        let found = |id: Option<&str>, name: Option<&str>, version: Option<&str>| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let template = Template { id: text(id), name: text(name), version: text(version) };
            template.find(&versions).map(|version| version.number)
        };
        assert_eq!(found(Some("lt-1"), None, Some("$Latest")), Some(4));
        assert_eq!(found(Some("lt-1"), None, Some("$Default")), Some(2));
        assert_eq!(found(None, Some("lt-1-name"), None), Some(2), "the default one, if nothing is said");
        assert_eq!(found(None, Some("lt-1-name"), Some("1")), Some(1));
        assert_eq!(found(Some("lt-1"), None, Some("3")), None);
        assert_eq!(found(None, Some("lt-3-name"), None), None);
    }

    #[test]
    fn all_that_a_group_may_launch_is_read() {
        let template = |name: &str| LaunchTemplateSpecification::builder().launch_template_name(name).version("1").build();
        let other = LaunchTemplateOverrides::builder().launch_template_specification(template("arm")).build();
        let image = LaunchTemplateOverrides::builder().image_id("ami-5").build();
        let mixed = LaunchTemplate::builder().launch_template_specification(template("x86")).overrides(other).overrides(image);
        let policy = MixedInstancesPolicy::builder().launch_template(mixed.build()).build();
        let group = AutoScalingGroup::builder().auto_scaling_group_name("web").mixed_instances_policy(policy).build();
        let read = Group::read(&group);
        let named = |name| Template::read(&template(name));
        assert_eq!(read.templates, [named("x86"), named("arm")]);
        assert_eq!(read.images, ["ami-5"]);
        let old = AutoScalingGroup::builder().launch_configuration_name("old").build();
        assert_eq!(Group::read(&old).configuration.as_deref(), Some("old"));
    }
}
