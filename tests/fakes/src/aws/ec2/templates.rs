//! Launch templates, each with one version: nobody who never changes one needs a second.

use super::super::error::{Result, refused};
use super::super::params::Params;
use super::super::world::instance::{Launch, Template};
use super::super::world::{Region, Tags, time};
use super::super::xml::Xml;

pub(super) fn create(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let token = params.text("ClientToken");
    let asked = params.all().clone();
    let name = params.required("LaunchTemplateName")?;
    let description = params.text("VersionDescription");
    let data = params.below("LaunchTemplateData");
    let mut tags = Tags::default();
    for mut spec in params.structs("TagSpecification")? {
        let of = spec.required("ResourceType")?;
        if of != "launch-template" {
            // "To tag the launch template itself, the resource type must be launch-template": EC2 API, CreateLaunchTemplate.
            return Err(refused(
                "InvalidParameterValue",
                format!("'{of}' is not a valid taggable resource type for this operation."),
            ));
        }
        spec.tags("Tag")?
            .into_iter()
            .for_each(|(key, value)| tags.set(key, value, region.now.saturating_add(region.settings.lag_tags)));
        spec.finish()?;
    }
    super::ready(params)?;
    // "3-128 characters, may contain letters, numbers, and ( ) . / _": EC2 API, CreateLaunchTemplate.
    if !(3..=128).contains(&name.len()) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"().-/_".contains(&byte)) {
        return Err(refused(
            "InvalidLaunchTemplateName.MalformedException",
            format!("The launch template name '{name}' is not valid. It must be 3 to 128 letters, digits and ().-/_"),
        ));
    }
    if data.is_empty() {
        return Err(refused("MissingParameter", "The request must contain the parameter LaunchTemplateData".into()));
    }
    let mut checked = data.clone();
    Launch::read(&mut checked)?;
    checked.finish()?;
    if let Some(id) = region.replayed("CreateLaunchTemplate", token.as_deref(), &asked)? {
        // Deleted in the meantime: the token's answer is still that of then, but there is nothing to show.
        let known = region.templates.values().find(|template| template.id == id).cloned();
        return known.map(|template| shown(region, &template)).ok_or_else(|| not_found(&id));
    }
    if region.templates.values().any(|template| template.name == name) {
        let message = format!("Launch template name already in use.: {name}");
        return Err(refused("InvalidLaunchTemplateName.AlreadyExistsException", message));
    }
    let id = region.id("lt");
    let shown_at = region.now.saturating_add(region.settings.lag_templates);
    let template = Template { id: id.clone(), name, description, created: region.now, shown_at, data, tags };
    region.templates.insert(id.clone(), template.clone());
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        region.remember("CreateLaunchTemplate", "", &token, asked, &id);
    }
    Ok(shown(region, &template))
}

fn not_found(id: &str) -> super::super::error::AwsError {
    refused("InvalidLaunchTemplateId.NotFound", format!("The specified launch template, with template ID {id}, does not exist."))
}

fn shown(region: &Region, template: &Template) -> Xml {
    let mut xml = Xml::new();
    xml.node("launchTemplate", |xml| write(region, xml, template));
    xml
}

fn write(region: &Region, xml: &mut Xml, template: &Template) {
    xml.text("launchTemplateId", &template.id);
    xml.text("launchTemplateName", &template.name);
    xml.text("createTime", time(template.created));
    xml.text("createdBy", format!("arn:aws:iam::{}:user/deployer", region.account));
    xml.text("defaultVersionNumber", 1);
    xml.text("latestVersionNumber", 1);
    template.tags.xml(xml, region.now);
}

pub(super) fn describe(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let ids = params.list("LaunchTemplateId")?;
    let names = params.list("LaunchTemplateName")?;
    let filters = params.filters()?;
    let paging = super::paging(params, 1, 200)?;
    super::ready(params)?;
    if (!ids.is_empty() || !names.is_empty()) && paging.0.is_some() {
        return Err(refused(
            "InvalidParameterCombination",
            "The parameter maxResults cannot be used with launch template IDs or names".into(),
        ));
    }
    for id in &ids {
        region.find_template(Some(id), None).map_err(|_| not_found(id))?;
    }
    for name in &names {
        region.find_template(None, Some(name))?;
    }
    let mut found = Vec::new();
    for template in region.templates.values().filter(|template| region.now >= template.shown_at) {
        let mut wanted = (ids.is_empty() && names.is_empty()) || ids.contains(&template.id) || names.contains(&template.name);
        for filter in &filters {
            wanted &= match filter.name.as_str() {
                "launch-template-name" => filter.admits(&template.name),
                _ => filter.admits_tags(&template.tags, region.now).ok_or_else(|| filter.unknown())?,
            };
        }
        if wanted {
            found.push(template);
        }
    }
    found.sort_by_key(|template| (template.created, &template.id));
    let (found, next) = super::pages(found, paging)?;
    let mut xml = Xml::new();
    xml.items("launchTemplates", found, |xml, template| write(region, xml, template));
    xml.maybe("nextToken", next);
    Ok(xml)
}

pub(super) fn versions(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (id, name) = (params.text("LaunchTemplateId"), params.text("LaunchTemplateName"));
    let versions = params.list("LaunchTemplateVersion")?;
    let filters = params.filters()?;
    let paging = super::paging(params, 1, 200)?;
    params.flag("ResolveAlias")?;
    super::ready(params)?;
    let (id, name) = (id.as_deref(), name.as_deref());
    let found: Vec<&Template> = if id.is_none() && name.is_none() {
        // "To describe the latest or default versions of all launch templates, omit the ID and name": only then may these be given.
        if versions.is_empty() || versions.iter().any(|version| !["$Latest", "$Default"].contains(&version.as_str())) {
            return Err(refused("MissingParameter", "You must specify either the launch template ID or the name.".into()));
        }
        region.templates.values().filter(|template| region.now >= template.shown_at).collect()
    } else {
        let template = region.find_template(id, name)?;
        if let Some(other) = versions.iter().find(|version| !["1", "$Latest", "$Default"].contains(&version.as_str())) {
            let message =
                format!("Could not find the specified version {other} for the launch template with ID {}.", template.id);
            return Err(refused("InvalidLaunchTemplateId.VersionNotFound", message));
        }
        vec![template]
    };
    let mut wanted = Vec::new();
    for template in found {
        let said = |name: &str| template.data.all().get(name).map_or("", String::as_str);
        let mut admitted = true;
        for filter in &filters {
            admitted &= match filter.name.as_str() {
                "image-id" => filter.admits(said("ImageId")),
                "instance-type" => filter.admits(said("InstanceType")),
                "is-default-version" => filter.admits("true"),
                _ => return Err(filter.unknown()),
            };
        }
        if admitted {
            wanted.push(template);
        }
    }
    let (found, next) = super::pages(wanted, paging)?;
    let mut xml = Xml::new();
    xml.items("launchTemplateVersionSet", found, |xml, template| {
        xml.text("launchTemplateId", &template.id);
        xml.text("launchTemplateName", &template.name);
        xml.text("versionNumber", 1);
        xml.maybe("versionDescription", template.description.as_ref());
        xml.text("createTime", time(template.created));
        xml.text("createdBy", format!("arn:aws:iam::{}:user/deployer", region.account));
        xml.text("defaultVersion", true);
        xml.node("launchTemplateData", |xml| data(xml, &template.data));
    });
    xml.maybe("nextToken", next);
    Ok(xml)
}

/// ResponseLaunchTemplateData: what was said, by the names of answers.
fn data(xml: &mut Xml, said: &Params) {
    let mut said = said.clone();
    for (name, shown) in [
        ("ImageId", "imageId"),
        ("InstanceType", "instanceType"),
        ("KeyName", "keyName"),
        ("UserData", "userData"),
        ("EbsOptimized", "ebsOptimized"),
        ("DisableApiTermination", "disableApiTermination"),
        ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
    ] {
        xml.maybe(shown, said.text(name));
    }
    section(xml, &mut said, "IamInstanceProfile", "iamInstanceProfile");
    section(xml, &mut said, "Monitoring", "monitoring");
    section(xml, &mut said, "Placement", "placement");
    section(xml, &mut said, "MetadataOptions", "metadataOptions");
    xml.node("securityGroupIdSet", |xml| {
        said.list("SecurityGroupId").unwrap_or_default().iter().for_each(|id| xml.text("item", id));
    });
    xml.items("networkInterfaceSet", said.structs("NetworkInterface").unwrap_or_default(), |xml, mut interface| {
        for (name, shown) in [
            ("DeviceIndex", "deviceIndex"),
            ("AssociatePublicIpAddress", "associatePublicIpAddress"),
            ("DeleteOnTermination", "deleteOnTermination"),
            ("SubnetId", "subnetId"),
        ] {
            xml.maybe(shown, interface.text(name));
        }
        xml.node("groupSet", |xml| {
            interface.list("SecurityGroupId").unwrap_or_default().iter().for_each(|id| xml.text("groupId", id));
        });
    });
    xml.items("blockDeviceMappingSet", said.structs("BlockDeviceMapping").unwrap_or_default(), |xml, mut device| {
        xml.maybe("deviceName", device.text("DeviceName"));
        section(xml, &mut device, "Ebs", "ebs");
    });
    xml.items("tagSpecificationSet", said.structs("TagSpecification").unwrap_or_default(), |xml, mut spec| {
        xml.maybe("resourceType", spec.text("ResourceType"));
        xml.items("tagSet", spec.tags("Tag").unwrap_or_default(), |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    });
}

fn section(xml: &mut Xml, said: &mut Params, name: &str, shown: &str) {
    let inside = said.below(name);
    if !inside.is_empty() {
        xml.node(shown, |xml| {
            for (key, value) in inside.all() {
                let mut letters = key.chars();
                let first = letters.next().map(|letter| letter.to_ascii_lowercase());
                let key: String = first.into_iter().chain(letters).collect();
                xml.text(&key, value);
            }
        });
    }
}

/// EC2 API, DeleteLaunchTemplate. A group that uses it is not asked: it can launch no more.
pub(super) fn delete(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let (id, name) = (params.text("LaunchTemplateId"), params.text("LaunchTemplateName"));
    super::ready(params)?;
    let template = region.find_template(id.as_deref(), name.as_deref())?.clone();
    region.templates.remove(&template.id);
    Ok(shown(region, &template))
}
