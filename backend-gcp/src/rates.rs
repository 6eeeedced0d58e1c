//! How often each of Google's methods is called: they are limited by project and minute, for all of its programs together.

use immutable_core::provider::Rate;

/// Less than a project may by default, so that others in it can work too. Compute Engine, "Rate quotas": 1,500 reads and 1,500 lists a minute in a region, and half of that
/// for what changes groups.
pub(crate) fn of(method: &str) -> Rate {
    let name = method.rsplit('.').next().unwrap_or(method);
    let reads = ["get", "list", "wait", "aggregatedList"].iter().any(|begin| name.starts_with(begin));
    if reads { Rate { burst: 100, per_second: 10.0 } } else { Rate { burst: 30, per_second: 3.0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_is_called_less() {
        assert!(of("instanceGroupManagers.resize").per_second < of("instanceGroupManagers.listManagedInstances").per_second);
        assert_eq!(of("backendServices.getHealth"), of("backendServices.get"));
    }
}
