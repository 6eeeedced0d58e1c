//! RunInstances, and what its client token means.

use std::collections::BTreeMap;

use super::super::error::{Result, refused};
use super::super::params::Params;
use super::super::world::Region;
use super::super::world::instance::{Launch, State, Template, Wanted};
use super::super::xml::Xml;
use super::instances::reservation;

pub(super) fn run(region: &mut Region, params: &mut Params) -> Result<Xml> {
    let token = params.text("ClientToken").unwrap_or_default();
    // "Constraints: Maximum 64 ASCII characters": EC2 API, RunInstances.
    if token.len() > 64 || !token.is_ascii() {
        return Err(refused(
            "InvalidParameterValue",
            "Value for parameter clientToken is invalid. It may have 64 ASCII characters.".into(),
        ));
    }
    let least: usize = params.number("MinCount")?.ok_or_else(|| missing("MinCount"))?;
    let most: usize = params.number("MaxCount")?.ok_or_else(|| missing("MaxCount"))?;
    let dry = params.text("DryRun");
    let mut asked = params.all().clone();
    asked.insert("counts".into(), format!("{least} {most}"));

    let mut named = params.below("LaunchTemplate");
    let template = if named.is_empty() { None } else { Some(region.template(&mut named)?.clone()) };
    let mut merged = match &template {
        Some(template) => Region::merge(&template.data, params),
        None => std::mem::take(params),
    };
    let launch = Launch::read(&mut merged)?;
    if let Some(dry) = dry {
        merged.set("DryRun", &dry);
    }
    super::ready(&mut merged)?;
    if least == 0 || most < least {
        return Err(refused(
            "InvalidParameterValue",
            format!("The minCount {least} and the maxCount {most} are not valid together."),
        ));
    }
    if launch.image.is_empty() {
        return Err(missing("ImageId"));
    }

    let zone = zone(region, &launch);
    if !token.is_empty() {
        // The zone is not compared, it is part of the key: with an Availability Zone or a subnet idempotency is zonal, otherwise regional
        // ("Ensuring idempotency in Amazon EC2 API requests").
        asked.remove("SubnetId");
        asked.remove("Placement.AvailabilityZone");
        if let Some(known) = region.token("RunInstances", &zone, &token) {
            if known.asked != asked {
                return Err(refused(
                    "IdempotentParameterMismatch",
                    "The client token you have provided is associated with a resource that is already deleted or does not match the request parameters."
                        .into(),
                ));
            }
            let made = known.made.clone();
            // Since January 2025: boto/boto3#4406.
            let over =
                |id: &String| region.instances.get(id).is_none_or(|instance| instance.state(region.now) >= State::ShuttingDown);
            let ids: Vec<_> = region.instances.values().filter(|one| one.reservation == made).map(|one| one.id.clone()).collect();
            if ids.iter().all(over) {
                return Err(refused(
                    "IdempotentInstanceTerminated",
                    "The instance associated with this client token has been terminated. Use a different client token to launch a new instance.".into(),
                ));
            }
            return Ok(reservation(region, &made));
        }
    }
    let mut launch = launch;
    if let Some(template) = &template {
        // "aws:ec2launchtemplate:id" and ":version" are put on what is launched from a template: EC2 guide, "Launch templates".
        launch.tags.push(("aws:ec2launchtemplate:id".into(), template.id.clone()));
        launch.tags.push(("aws:ec2launchtemplate:version".into(), "1".into()));
    }
    let ids = region.launch(&launch, &Wanted { least, most, token: token.clone() })?;
    let made =
        ids.first().and_then(|id| region.instances.get(id)).map(|instance| instance.reservation.clone()).unwrap_or_default();
    if !token.is_empty() {
        region.remember("RunInstances", &zone, &token, asked, &made);
    }
    Ok(reservation(region, &made))
}

fn missing(name: &str) -> super::super::error::AwsError {
    refused("MissingParameter", format!("The request must contain the parameter {name}"))
}

fn zone(region: &Region, launch: &Launch) -> String {
    let of_subnet = launch.subnet.as_ref().and_then(|id| region.subnet(id)).map(|subnet| subnet.zone.clone());
    of_subnet.or_else(|| launch.zone.clone()).unwrap_or_default()
}

impl Region {
    /// A template by what `LaunchTemplate.…` says of it.
    pub(crate) fn template(&self, named: &mut Params) -> Result<&Template> {
        let (id, name) = (named.text("LaunchTemplateId"), named.text("LaunchTemplateName"));
        let version = named.text("Version");
        named.finish()?;
        let found = self.find_template(id.as_deref(), name.as_deref())?;
        // "Default: The default version of the launch template."
        match version.as_deref() {
            None | Some("1" | "$Latest" | "$Default") => Ok(found),
            Some(other) => Err(refused(
                "InvalidLaunchTemplateId.VersionNotFound",
                format!("Could not find the specified version {other} for the launch template with ID {}.", found.id),
            )),
        }
    }

    pub(crate) fn find_template(&self, id: Option<&str>, name: Option<&str>) -> Result<&Template> {
        let mut shown = self.templates.values().filter(|template| self.now >= template.shown_at);
        match (id, name) {
            (Some(id), None) => shown.find(|template| template.id == id).ok_or_else(|| {
                refused(
                    "InvalidLaunchTemplateId.NotFound",
                    format!("The specified launch template, with template ID {id}, does not exist."),
                )
            }),
            (None, Some(name)) => shown.find(|template| template.name == name).ok_or_else(|| {
                let message = format!("The specified launch template, with template name {name}, does not exist.");
                refused("InvalidLaunchTemplateName.NotFoundException", message)
            }),
            (Some(_), Some(_)) => Err(refused(
                "InvalidParameterCombination",
                "You must specify either the launch template ID or the name, not both.".into(),
            )),
            (None, None) => {
                Err(refused("MissingParameter", "You must specify either the launch template ID or the name.".into()))
            }
        }
    }

    /// Two requests made from the same parameters.
    pub(crate) fn replayed(&self, action: &str, token: Option<&str>, asked: &BTreeMap<String, String>) -> Result<Option<String>> {
        match token.and_then(|token| self.token(action, "", token)) {
            None => Ok(None),
            Some(known) if known.asked == *asked => Ok(Some(known.made.clone())),
            Some(_) => Err(refused(
                "IdempotentParameterMismatch",
                "The client token you have provided was used with other request parameters.".into(),
            )),
        }
    }
}
