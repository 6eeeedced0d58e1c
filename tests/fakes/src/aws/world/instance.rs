//! Launch templates, instances, and what a launch needs.

use std::collections::BTreeMap;

use super::super::error::{AwsError, Result, refused, with_status};
use super::super::params::Params;
use super::image::Fate;
use super::{MINUTE, Region, Tags, millis, scramble};

/// A launch template with one version: `CreateLaunchTemplateVersion` is not spoken here.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) created: u64,
    pub(crate) shown_at: u64,
    pub(crate) data: Params,
    pub(crate) tags: Tags,
}

/// An instance. Its state follows from its times.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) reservation: String,
    pub(crate) image: String,
    pub(crate) kind: String,
    pub(crate) subnet: String,
    pub(crate) zone: String,
    pub(crate) address: String,
    pub(crate) key_name: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) profile: Option<String>,
    pub(crate) token: String,
    pub(crate) index: usize,
    pub(crate) launched: u64,
    pub(crate) shown_at: u64,
    /// `None`: never.
    pub(crate) runs_at: Option<u64>,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) protected: bool,
    pub(crate) impaired_since: Option<u64>,
    pub(crate) tags: Tags,
    /// Whether its application is well, from when on; before the first it is not.
    pub(crate) health: Vec<(u64, bool)>,
}

/// How an instance ends.
#[derive(Clone, Debug)]
pub(crate) struct Stopping {
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

/// EC2 guide, "Amazon EC2 instance state changes".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Code 0.
    Pending,
    /// Code 16.
    Running,
    /// Code 32.
    ShuttingDown,
    /// Code 48.
    Terminated,
}

impl State {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
        }
    }

    pub(crate) fn live(self) -> bool {
        self <= Self::Running
    }
}

/// "Terminated instances remain visible for approximately one hour": EC2 API, TerminateInstances and DescribeInstances.
const REMEMBERED: u64 = 60 * MINUTE;

impl Instance {
    pub(crate) fn state(&self, now: u64) -> State {
        match &self.stopping {
            Some(stopping) if now >= stopping.until => State::Terminated,
            Some(stopping) if now >= stopping.from => State::ShuttingDown,
            _ if self.runs_at.is_some_and(|at| now >= at) => State::Running,
            _ => State::Pending,
        }
    }

    /// New ones are not shown yet ("Ensuring consistency", EC2 developer guide), old ones no more.
    pub(crate) fn shown(&self, now: u64) -> bool {
        now >= self.shown_at && !self.forgotten(now)
    }

    pub(crate) fn forgotten(&self, now: u64) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| now >= stopping.until.saturating_add(REMEMBERED))
    }

    pub(crate) fn stop(&mut self, from: u64, until: u64, code: &'static str, message: &'static str) {
        if self.stopping.as_ref().is_none_or(|stopping| stopping.from > from) {
            self.stopping = Some(Stopping { from, until, code, message });
        }
    }
}

/// All that a launch says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    pub(crate) image: String,
    pub(crate) kind: String,
    pub(crate) subnet: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) key_name: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) profile: Option<String>,
    pub(crate) protected: bool,
    pub(crate) tags: Vec<(String, String)>,
}

impl Launch {
    /// Reads what `LaunchTemplateData` and `RunInstances` have in common, and refuses what is not understood.
    pub(crate) fn read(params: &mut Params) -> Result<Self> {
        let mut launch = Self {
            image: params.text("ImageId").unwrap_or_default(),
            // "Default: m1.small": EC2 API, RunInstances.
            kind: params.text("InstanceType").unwrap_or_else(|| "m1.small".into()),
            subnet: params.text("SubnetId"),
            zone: params.text("Placement.AvailabilityZone"),
            key_name: params.text("KeyName"),
            security_groups: params.list("SecurityGroupId")?,
            protected: params.flag("DisableApiTermination")?.unwrap_or(false),
            ..Self::default()
        };
        let mut profile = params.below("IamInstanceProfile");
        launch.profile = profile.text("Arn").or_else(|| profile.text("Name"));
        profile.finish()?;
        // "User data is limited to 16 KB, in raw form, before it is base64-encoded": EC2 guide. What it says is for the instance alone.
        let user_data = params.text("UserData").unwrap_or_default();
        if !user_data.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) {
            return Err(refused("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.".into()));
        }
        if user_data.len() / 4 * 3 > 16 * 1024 + 2 {
            return Err(refused("InvalidParameterValue", "User data is limited to 16384 bytes".into()));
        }
        let behaviour = params.text("InstanceInitiatedShutdownBehavior");
        if behaviour.as_deref().is_some_and(|behaviour| !["stop", "terminate"].contains(&behaviour)) {
            return Err(refused(
                "InvalidParameterValue",
                "Value for parameter InstanceInitiatedShutdownBehavior is invalid.".into(),
            ));
        }
        params.flag("EbsOptimized")?;
        params.flag("Monitoring.Enabled")?;
        let mut metadata = params.below("MetadataOptions");
        for option in ["HttpTokens", "HttpEndpoint", "HttpPutResponseHopLimit", "InstanceMetadataTags", "HttpProtocolIpv6"] {
            metadata.text(option);
        }
        metadata.finish()?;
        for mut device in params.structs("BlockDeviceMapping")? {
            device.required("DeviceName")?;
            let mut ebs = device.below("Ebs");
            for option in
                ["VolumeSize", "VolumeType", "DeleteOnTermination", "Encrypted", "Iops", "Throughput", "KmsKeyId", "SnapshotId"]
            {
                ebs.text(option);
            }
            ebs.finish()?;
            device.finish()?;
        }
        for mut interface in params.structs("NetworkInterface")? {
            // "If you specify a network interface, you must specify any security groups and subnets as part of it": EC2 API, RunInstances.
            if launch.subnet.is_some() || !launch.security_groups.is_empty() {
                return Err(refused(
                    "InvalidParameterCombination",
                    "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request".into(),
                ));
            }
            let index: u32 = interface.number("DeviceIndex")?.unwrap_or(0);
            if index != 0 {
                return Err(refused("InvalidParameterValue", "Only one network interface is understood here".into()));
            }
            interface.flag("AssociatePublicIpAddress")?;
            interface.flag("DeleteOnTermination")?;
            launch.subnet = interface.text("SubnetId");
            launch.security_groups = interface.list("SecurityGroupId")?;
            interface.finish()?;
        }
        for mut spec in params.structs("TagSpecification")? {
            let of = spec.required("ResourceType")?;
            let tags = spec.tags("Tag")?;
            spec.finish()?;
            match of.as_str() {
                "instance" => launch.tags.extend(tags),
                "volume" | "network-interface" => {}
                _ => {
                    let message = format!("'{of}' is not a valid taggable resource type for this operation.");
                    return Err(refused("InvalidParameterValue", message));
                }
            }
        }
        Ok(launch)
    }
}

/// Who may launch, and where, is asked for when it happens.
pub(crate) struct Wanted {
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) token: String,
}

impl Region {
    /// An image that can be launched: `InvalidAMIID.NotFound` and `.Unavailable` are of "Error codes for the Amazon EC2 API".
    pub(crate) fn launchable(&self, id: &str) -> Result<Fate> {
        let image = self.images.get(id).filter(|image| image.public || image.owner == self.account);
        match image {
            None if !id.starts_with("ami-") => {
                Err(refused("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")")))
            }
            None => Err(refused("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))),
            Some(image) if image.state(self.now) != "available" => {
                Err(refused("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available")))
            }
            Some(image) => Ok(image.fate),
        }
    }

    pub(crate) fn live_in(&self, zone: &str) -> usize {
        self.instances.values().filter(|instance| instance.zone == zone && instance.state(self.now).live()).count()
    }

    fn out_of_capacity(&self, kind: &str, zone: &str) -> AwsError {
        let others: Vec<_> =
            self.subnets.iter().filter(|subnet| subnet.zone != zone).map(|subnet| subnet.zone.as_str()).collect();
        // InsufficientInstanceCapacity is among the "Server error codes" of the EC2 API: HTTP 500.
        with_status(
            500,
            "InsufficientInstanceCapacity",
            format!(
                "We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone}). Our system will be working on \
                 provisioning additional capacity. You can currently get {kind} capacity by not specifying an Availability Zone in your request or \
                 choosing {}.",
                others.join(", ")
            ),
        )
    }

    /// Launches what there is room for, all in one zone: EC2 API, RunInstances, on MinCount and MaxCount.
    pub(crate) fn launch(&mut self, launch: &Launch, wanted: &Wanted) -> Result<Vec<String>> {
        let fate = self.launchable(&launch.image)?;
        let subnet = match (&launch.subnet, &launch.zone) {
            (Some(id), _) => self.subnet(id).cloned(),
            (None, Some(zone)) => self.subnets.iter().find(|subnet| subnet.zone == *zone).cloned(),
            (None, None) => self.subnets.first().cloned(),
        };
        let Some(subnet) = subnet else {
            return Err(match &launch.subnet {
                Some(id) => refused("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist")),
                None => refused("InvalidParameterValue", "Invalid availability zone".into()),
            });
        };
        let live = self.instances.values().filter(|instance| instance.state(self.now).live()).count();
        // "VcpuLimitExceeded": the launch as a whole is refused, whatever MinCount says.
        if self.settings.limit.is_some_and(|limit| live + wanted.least > limit) {
            return Err(refused(
                "VcpuLimitExceeded",
                format!(
                    "You have requested more vCPU capacity than your current vCPU limit of {} allows for the instance bucket that the specified \
                     instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
                    self.settings.limit.unwrap_or_default()
                ),
            ));
        }
        let mut count = wanted.most;
        if let Some(capacity) = self.settings.capacity.get(&subnet.zone) {
            count = count.min(capacity.saturating_sub(self.live_in(&subnet.zone)));
        }
        if let Some(limit) = self.settings.limit {
            count = count.min(limit.saturating_sub(live));
        }
        if count < wanted.least || count == 0 {
            return Err(self.out_of_capacity(&launch.kind, &subnet.zone));
        }
        let reservation = self.id("r");
        let ids = (0..count).map(|index| self.start(launch, &subnet, &reservation, index, fate, &wanted.token)).collect();
        Ok(ids)
    }

    fn start(
        &mut self,
        launch: &Launch,
        subnet: &super::Subnet,
        reservation: &str,
        index: usize,
        fate: Fate,
        token: &str,
    ) -> String {
        let id = self.id("i");
        let now = self.now;
        let spread = scramble(self.made) % self.settings.boot_spread.saturating_add(1);
        let boot = now.saturating_add(self.settings.boot).saturating_add(spread);
        let host = self.instances.len();
        let mut instance = Instance {
            id: id.clone(),
            reservation: reservation.into(),
            image: launch.image.clone(),
            kind: launch.kind.clone(),
            subnet: subnet.id.clone(),
            zone: subnet.zone.clone(),
            address: format!("{}.{}", subnet.cidr.trim_end_matches(".0/24"), 4 + host % 250),
            key_name: launch.key_name.clone(),
            security_groups: launch.security_groups.clone(),
            profile: launch.profile.clone(),
            token: token.into(),
            index,
            launched: now,
            shown_at: now.saturating_add(self.settings.lag_instances),
            runs_at: Some(boot),
            stopping: None,
            protected: launch.protected,
            impaired_since: None,
            tags: Tags::of(launch.tags.iter().cloned()),
            health: vec![(boot, true)],
        };
        match fate {
            Fate::Sound => {}
            Fate::Sick => instance.health = vec![(boot, false)],
            Fate::Sickens(after) => instance.health.push((boot.saturating_add(millis(after)), false)),
            Fate::Slow(for_so_long) => instance.health = vec![(boot.saturating_add(millis(for_so_long)), true)],
            Fate::Hangs => instance.runs_at = None,
            Fate::Dies => {
                instance.runs_at = None;
                instance.stop(boot, boot, "Client.InternalError", "Client.InternalError: Client error on launch");
            }
        }
        self.instances.insert(id.clone(), instance);
        id
    }

    /// Ends an instance as its owner would.
    pub(crate) fn terminate(&mut self, id: &str) {
        let (now, until) = (self.now, self.now.saturating_add(self.settings.shutdown));
        if let Some(instance) = self.instances.get_mut(id) {
            instance.stop(now, until, "Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown");
        }
    }

    /// What a template says, with what is said beside it on top: "the parameters that you specify … override the same parameters in the launch
    /// template", EC2 API, RunInstances. Lists are replaced whole.
    pub(crate) fn merge(template: &Params, over: &Params) -> Params {
        let head = |key: &str| key.split('.').next().unwrap_or(key).to_owned();
        let said: std::collections::BTreeSet<_> = over.all().keys().map(|key| head(key)).collect();
        let kept = template.all().iter().filter(|(key, _)| !said.contains(&head(key)) || key.starts_with("TagSpecification."));
        let mut merged: BTreeMap<_, _> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        // Tags of both are given ("Create a launch template": tags in the request are added to those in the template); numbers must not clash.
        for (key, value) in over.all() {
            let key =
                key.strip_prefix("TagSpecification.").map_or_else(|| key.clone(), |rest| format!("TagSpecification.1000{rest}"));
            merged.insert(key, value.clone());
        }
        Params::new(merged)
    }
}
