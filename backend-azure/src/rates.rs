//! How often each call is made: they are limited by subscription and region, for all of its programs together.

use immutable_core::provider::Rate;

/// Less than a subscription may by default, so that others in it can work too. "Understand how Azure Resource Manager throttles requests": buckets of 250 reads, filled by 25 a
/// second, and of 200 writes and 200 deletes, filled by 10 a second; "Compute throttling limits": reads of scale sets and their machines are dearer.
pub(crate) fn of(call: &str) -> Rate {
    let name = call.rsplit('.').next().unwrap_or(call);
    let reads = name.starts_with("get") || name.starts_with("list");
    if reads { Rate { burst: 100, per_second: 8.0 } } else { Rate { burst: 30, per_second: 3.0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_called_less() {
        assert!(of("virtualMachineScaleSets.update").per_second < of("virtualMachineScaleSets.get").per_second);
        assert!(of("virtualMachineScaleSets.update").per_second < of("virtualMachines.list").per_second);
        assert_eq!(of("galleryImageVersions.listByGalleryImage"), of("virtualMachines.list"));
    }
}
