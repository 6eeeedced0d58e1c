//! How machines are made, as Amazon understands it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateIamInstanceProfileSpecificationRequest, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceNetworkInterfaceSpecificationRequest, LaunchTemplateTagSpecificationRequest,
    LaunchTemplatesMonitoringRequest, RequestLaunchTemplateData, ResourceType, ResponseLaunchTemplateData, ShutdownBehavior, Tag,
    VolumeType,
};
use immutable_core::{Error, ImageRef, LaunchTemplate, Result};

/// How the machines of an Auto Scaling group are made. A fleet gets it as `LaunchTemplate::of(&template)?`.
///
/// ```
/// use backend_aws::{AsgTemplate, Machine};
/// use immutable_core::LaunchTemplate;
///
/// let machine = Machine::new("t3.micro", ["subnet-0a1b2c3d"]).security_groups(["sg-0a1b2c3d"]);
/// let template = LaunchTemplate::of(&AsgTemplate::new(machine))?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AsgTemplate {
    /// The machine.
    pub machine: Machine,
    /// Seconds after a launch in which a failed check of the load balancer heals nothing; 300 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_grace: Option<u32>,
}

impl AsgTemplate {
    /// Machines like this.
    pub fn new(machine: Machine) -> Self {
        Self { machine, health_check_grace: None }
    }

    /// How many seconds after a launch a failed check of the load balancer heals nothing.
    #[must_use]
    pub fn health_check_grace(mut self, seconds: u32) -> Self {
        self.health_check_grace = Some(seconds);
        self
    }
}

/// One machine: the template of an [`Ec2Fleet`](crate::Ec2Fleet), and a part of an Auto Scaling group's.
///
/// What is not here is as EC2 has it by default, but that a machine's metadata is only given to who has a session token (IMDSv2), and that one that shuts itself down
/// is terminated: nothing is ever started again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Machine {
    /// The instance type: `t3.micro`.
    pub instance_type: String,
    /// The subnets it may be in; a group of one zone takes those that are there.
    pub subnets: Vec<String>,
    /// The security groups; those of the VPC's default without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// The instance profile, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_profile: Option<String>,
    /// The key pair, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// What the machine runs when it boots, as plain text of at most 16 KiB. It is journaled and shown: put no secret in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Its volumes, by device name: `/dev/xvda`. Those that the image has, and are not named, are as the image has them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Whether it has a public address; as its subnet says without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<bool>,
    /// Whether CloudWatch has its metrics every minute, which is paid for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detailed_monitoring: bool,
}

/// An EBS volume, deleted with its machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Volume {
    /// Its size in GiB.
    pub gib: u16,
    /// Its type: `gp3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whether it is encrypted.
    #[serde(default)]
    pub encrypted: bool,
}

impl Volume {
    /// An encrypted volume of this size in GiB.
    pub fn new(gib: u16) -> Self {
        Self { gib, kind: None, encrypted: true }
    }
}

/// EC2 User Guide, "Run commands when you launch an EC2 instance": 16 KB before it is encoded.
const USER_DATA_MAX: usize = 16 * 1024;

impl Machine {
    /// A machine of this type, in these subnets.
    pub fn new(instance_type: impl Into<String>, subnets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            instance_type: instance_type.into(),
            subnets: subnets.into_iter().map(Into::into).collect(),
            security_groups: Vec::new(),
            instance_profile: None,
            key_name: None,
            user_data: None,
            volumes: BTreeMap::new(),
            public_address: None,
            detailed_monitoring: false,
        }
    }

    /// In these security groups.
    #[must_use]
    pub fn security_groups(mut self, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.security_groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// With this instance profile.
    #[must_use]
    pub fn instance_profile(mut self, name: impl Into<String>) -> Self {
        self.instance_profile = Some(name.into());
        self
    }

    /// Runs this when it boots.
    #[must_use]
    pub fn user_data(mut self, text: impl Into<String>) -> Self {
        self.user_data = Some(text.into());
        self
    }

    /// With this volume at a device.
    #[must_use]
    pub fn volume(mut self, device: impl Into<String>, volume: Volume) -> Self {
        self.volumes.insert(device.into(), volume);
        self
    }

    /// With a public address, or without.
    #[must_use]
    pub fn public_address(mut self, has: bool) -> Self {
        self.public_address = Some(has);
        self
    }

    /// Whether it can work, as far as that can be said without asking anybody.
    pub(crate) fn check(&self) -> Result<()> {
        if self.instance_type.trim().is_empty() {
            return Err(Error::invalid("the launch template has no instance type; name one, as in `t3.micro`"));
        }
        if self.subnets.is_empty() {
            return Err(Error::invalid("the launch template names no subnet; name at least one, in each zone that is used"));
        }
        if let Some(length) = self.user_data.as_ref().map(String::len).filter(|length| *length > USER_DATA_MAX) {
            return Err(Error::invalid(format!(
                "the launch template's user data has {length} bytes, and EC2 takes {USER_DATA_MAX}; have it fetch the rest, or bake it into the image"
            )));
        }
        Ok(())
    }

    /// What EC2 is told of it.
    pub(crate) fn data(&self, image: &ImageRef, tags: &BTreeMap<String, String>) -> RequestLaunchTemplateData {
        let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagged = |what: ResourceType| {
            LaunchTemplateTagSpecificationRequest::builder().resource_type(what).set_tags(Some(tags.clone())).build()
        };
        let metadata =
            LaunchTemplateInstanceMetadataOptionsRequest::builder().http_tokens(LaunchTemplateHttpTokensState::Required);
        let mut data = RequestLaunchTemplateData::builder()
            .image_id(image.id().as_str())
            .instance_type(self.instance_type.as_str().into())
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .metadata_options(metadata.build())
            .set_key_name(self.key_name.clone())
            .set_user_data(self.user_data.as_ref().map(aws_smithy_types::base64::encode))
            .tag_specifications(tagged(ResourceType::Instance))
            .tag_specifications(tagged(ResourceType::Volume));
        if let Some(name) = &self.instance_profile {
            data = data.iam_instance_profile(LaunchTemplateIamInstanceProfileSpecificationRequest::builder().name(name).build());
        }
        if self.detailed_monitoring {
            data = data.monitoring(LaunchTemplatesMonitoringRequest::builder().enabled(true).build());
        }
        // Whoever says anything of the network interface says its security groups there.
        match self.public_address {
            Some(public) => {
                let interface = LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
                    .device_index(0)
                    .associate_public_ip_address(public)
                    .delete_on_termination(true)
                    .set_groups((!self.security_groups.is_empty()).then(|| self.security_groups.clone()));
                data = data.network_interfaces(interface.build());
            }
            None if self.security_groups.is_empty() => {}
            None => data = data.set_security_group_ids(Some(self.security_groups.clone())),
        }
        for (device, volume) in &self.volumes {
            let disk = LaunchTemplateEbsBlockDeviceRequest::builder()
                .volume_size(volume.gib.into())
                .set_volume_type(volume.kind.as_deref().map(VolumeType::from))
                .encrypted(volume.encrypted)
                .delete_on_termination(true);
            data = data.block_device_mappings(
                LaunchTemplateBlockDeviceMappingRequest::builder().device_name(device).ebs(disk.build()).build(),
            );
        }
        data.build()
    }
}

/// What of a launch template that is there differs from what would be made: of the fields that decide what is launched, the first.
pub(crate) fn difference(wanted: &RequestLaunchTemplateData, found: &ResponseLaunchTemplateData) -> Option<&'static str> {
    let profile =
        |found: &ResponseLaunchTemplateData| found.iam_instance_profile().and_then(|profile| profile.name()).map(str::to_owned);
    let groups = |ids: &[String]| -> Vec<String> {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    let checks = [
        ("image", wanted.image_id() == found.image_id()),
        ("instance type", wanted.instance_type() == found.instance_type()),
        ("user data", wanted.user_data() == found.user_data()),
        ("key pair", wanted.key_name() == found.key_name()),
        (
            "instance profile",
            wanted.iam_instance_profile().and_then(|profile| profile.name()).map(str::to_owned) == profile(found),
        ),
        ("security groups", groups(wanted.security_group_ids()) == groups(found.security_group_ids())),
        ("volumes", wanted.block_device_mappings().len() == found.block_device_mappings().len()),
    ];
    checks.into_iter().find_map(|(what, same)| (!same).then_some(what))
}

/// Reads a template as that of an Auto Scaling group.
pub(crate) fn read(template: &LaunchTemplate) -> Result<AsgTemplate> {
    let template: AsgTemplate = template.read()?;
    template.machine.check()?;
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    fn image() -> ImageRef {
        ImageRef::new(Place::new("aws", "123456789012", "us-east-1").unwrap(), "ami-1")
    }

    #[test]
    fn it_is_told_as_it_was_said() {
        let machine =
            Machine::new("t3.micro", ["subnet-1"]).security_groups(["sg-1"]).instance_profile("web").user_data("echo hello");
        let data =
            machine.volume("/dev/xvda", Volume::new(8)).data(&image(), &BTreeMap::from([("a".to_owned(), "b".to_owned())]));
        assert_eq!(data.image_id(), Some("ami-1"));
        assert_eq!(data.user_data(), Some("ZWNobyBoZWxsbw=="));
        assert_eq!(
            data.metadata_options().and_then(|options| options.http_tokens()),
            Some(&LaunchTemplateHttpTokensState::Required)
        );
        assert_eq!(data.tag_specifications().len(), 2, "instances and their volumes");
        assert_eq!(data.block_device_mappings().len(), 1);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let no = |machine: Machine| machine.check().unwrap_err().to_string();
        assert!(no(Machine::new("t3.micro", [] as [&str; 0])).contains("names no subnet"));
        assert!(no(Machine::new(" ", ["subnet-1"])).contains("no instance type"));
        assert!(no(Machine::new("t3.micro", ["subnet-1"]).user_data("x".repeat(16_385))).contains("16385 bytes"));
        let template = LaunchTemplate::of(&serde_json::json!({"machine": {"instance_typ": "t3.micro"}})).unwrap();
        assert!(read(&template).unwrap_err().to_string().contains("instance_typ"));
    }

    #[test]
    fn a_template_that_is_another_is_told_apart() {
        let wanted = Machine::new("t3.micro", ["subnet-1"]).data(&image(), &BTreeMap::new());
        let found = ResponseLaunchTemplateData::builder().image_id("ami-1").instance_type("t3.micro".into());
        assert_eq!(difference(&wanted, &found.clone().build()), None);
        assert_eq!(difference(&wanted, &found.clone().image_id("ami-2").build()), Some("image"));
        assert_eq!(difference(&wanted, &found.user_data("eA==").build()), Some("user data"));
    }
}
