//! Whose fault it is when a launch fails, which Amazon only says in words.

use immutable_core::fleet::{FailureClass, Life, Trouble};

use crate::instances::Machine;

/// Words of scaling activities and state reasons, and what they mean: the first that is found. EC2 Auto Scaling User Guide, "Troubleshoot EC2 instance launch
/// failures" and "Troubleshoot AMI issues"; EC2 API, "StateReason".
const WORDS: &[(FailureClass, &[&str])] = &[
    (
        FailureClass::Capacity,
        &[
            "do not have sufficient",
            "InsufficientInstanceCapacity",
            "Insufficient capacity",
            "no Spot capacity",
            "not supported in your requested Availability Zone",
            "InsufficientFreeAddressesInSubnet",
            "free addresses",
        ],
    ),
    (
        FailureClass::Quota,
        &[
            "VcpuLimitExceeded",
            "InstanceLimitExceeded",
            "MaxSpotInstanceCountExceeded",
            "have requested more vCPU capacity",
            "VolumeLimitExceeded",
        ],
    ),
    (
        FailureClass::Image,
        &[
            "The AMI ID",
            "image id",
            "InvalidAMIID",
            "Snapshot",
            "architecture",
            "InvalidSnapshot",
            "Client.UserInitiatedShutdown",
            "Client.InstanceInitiatedShutdown",
        ],
    ),
    (FailureClass::Health, &["health check failure", "failed a health check", "ELB system health check"]),
    (FailureClass::Platform, &["Server.", "InternalError", "internal error", "Client.InternalError"]),
];

fn class(text: &str) -> FailureClass {
    let found = WORDS.iter().find(|(_, words)| words.iter().any(|words| text.contains(words)));
    found.map_or(FailureClass::Unknown, |(class, _)| *class)
}

/// Of a scaling activity that failed.
pub(crate) fn of_activity(text: &str) -> Trouble {
    Trouble { class: class(text), code: "ScalingActivityFailed".into(), message: text.into() }
}

/// Of a machine that is no more, unless somebody asked for that.
pub(crate) fn of_machine(machine: &Machine) -> Option<Trouble> {
    let (code, message) = machine.reason.as_ref()?;
    let over = matches!(machine.life, Life::Leaving | Life::Gone | Life::Stopped);
    let asked = ["Client.UserInitiatedShutdown", "Client.UserInitiatedHibernate"].contains(&&**code);
    (over && !asked).then(|| Trouble { class: class(code), code: code.as_str().into(), message: message.as_str().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_amazon_tell_whose_fault_it_was() {
        let sufficient = "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1a). Launching EC2 instance failed.";
        assert_eq!(of_activity(sufficient).class, FailureClass::Capacity);
        let quota =
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows. Launching EC2 instance failed.";
        assert_eq!(of_activity(quota).class, FailureClass::Quota);
        assert_eq!(of_activity("The AMI ID 'ami-1' does not exist. Launching EC2 instance failed.").class, FailureClass::Image);
        assert_eq!(class("Server.SpotInstanceTermination"), FailureClass::Platform);
        assert_eq!(class("something else"), FailureClass::Unknown);
    }
}
