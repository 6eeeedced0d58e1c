//! What passes although Microsoft's models do not say so.

use crate::schema::Passes;

/// One thing that passes, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exception {
    /// A header of a request that is a condition.
    Condition {
        /// Whose requests may have it.
        methods: &'static [&'static str],
        /// Its name.
        header: &'static str,
        /// Why it is right.
        why: &'static str,
    },
    /// A parameter of a query, of whatever value.
    Parameter {
        /// Whose requests may have it.
        methods: &'static [&'static str],
        /// Its name, in any case.
        name: &'static str,
        /// Why it is right.
        why: &'static str,
    },
    /// Fields that are only ever in an answer, in a request, at any depth.
    Echoed {
        /// Whose requests may have them.
        methods: &'static [&'static str],
        /// Why it is right.
        why: &'static str,
    },
    /// A field of an answer that its model does not have.
    Undescribed {
        /// Whose answers may have it.
        method: &'static str,
        /// Where it is: how its place ends.
        place: &'static str,
        /// Why it is right.
        why: &'static str,
    },
    /// A field whose values are not all listed.
    Unlisted {
        /// Where it is: how its place ends.
        place: &'static str,
        /// Why it is right.
        why: &'static str,
    },
}

/// The lists that come in pages.
const PAGED: &[&str] = &[
    "galleryApplicationVersions.listByGalleryApplication",
    "galleryImageVersions.listByGalleryImage",
    "images.list",
    "images.listByResourceGroup",
    "resourceSkus.list",
    "usage.list",
    "virtualMachineScaleSetVMs.list",
    "virtualMachineScaleSets.list",
    "virtualMachines.list",
];

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception::Condition {
        methods: &["loadBalancerBackendAddressPools.createOrUpdate", "loadBalancers.createOrUpdate"],
        header: "if-match",
        why: "Microsoft.Network takes it and its specification does not list it: cloud-provider-azure#792 quotes its 412, kubernetes#77490 sends it",
    },
    Exception::Parameter {
        methods: PAGED,
        name: "$skiptoken",
        why: "the next page's address is the service's own, and followed as it is: Azure Resource Manager RPC, \"nextLink\"",
    },
    Exception::Echoed {
        methods: &["loadBalancerBackendAddressPools.createOrUpdate", "loadBalancers.createOrUpdate", "profiles.createOrUpdate"],
        why: "a PUT sends back the whole that was read; azure-rest-api-specs, review rule OAPI021: it must not fail for read-only properties with their current values",
    },
    Exception::Undescribed {
        method: "virtualMachineImages.list",
        place: "].properties",
        why: "what `$expand=properties` asks for: azure-cli reads it from the model's additional properties",
    },
    Exception::Unlisted {
        place: ".hardwareProfile.vmSize",
        why: "the list is of 2017; azure-mgmt-compute, `HardwareProfile.vm_size`: the enum is deprecated, and sizes are what `resourceSkus.list` has",
    },
];

pub(super) const PASSES: Passes = Passes { echoed, undescribed, unlisted };

/// Whether a condition passes that the client does not send.
pub(super) fn condition(id: &str, given: &str) -> bool {
    EXCEPTIONS.iter().any(|one| {
        matches!(one, Exception::Condition { methods, header, .. } if methods.contains(&id) && given.eq_ignore_ascii_case(header))
    })
}

/// Whether a parameter passes that the client does not send.
pub(super) fn parameter(id: &str, given: &str) -> bool {
    EXCEPTIONS.iter().any(
        |one| matches!(one, Exception::Parameter { methods, name, .. } if methods.contains(&id) && given.eq_ignore_ascii_case(name)),
    )
}

/// Whether a field passes in a request, although it is only ever in an answer.
fn echoed(id: &str, _place: &str) -> bool {
    EXCEPTIONS.iter().any(|one| matches!(one, Exception::Echoed { methods, .. } if methods.contains(&id)))
}

/// Whether a field of an answer passes that its model does not have.
fn undescribed(id: &str, given: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|one| matches!(one, Exception::Undescribed { method, place, .. } if *method == id && given.ends_with(place)))
}

/// Whether a value passes that is not listed.
fn unlisted(_id: &str, given: &str) -> bool {
    EXCEPTIONS.iter().any(|one| matches!(one, Exception::Unlisted { place, .. } if given.ends_with(place)))
}
