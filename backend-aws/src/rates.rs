//! How often each of Amazon's actions is called: they are throttled by account, region and action.

use immutable_core::provider::Rate;

/// Half of what Amazon allows an account, so that others in it can work too. EC2 User Guide, "Request throttling for the Amazon EC2 API".
pub(crate) fn of(action: &str) -> Rate {
    let name = action.rsplit(':').next().unwrap_or(action);
    let (burst, per_second) = match name {
        "RunInstances" => (3, 1.0),
        _ if name.starts_with("Describe") || name.starts_with("Get") => (50, 10.0),
        _ => (25, 2.5),
    };
    Rate { burst, per_second }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dearest_is_called_least() {
        let per_second = |action| of(action).per_second;
        assert!(per_second("ec2:RunInstances") < per_second("autoscaling:UpdateAutoScalingGroup"));
        assert!(per_second("autoscaling:UpdateAutoScalingGroup") < per_second("ec2:DescribeInstances"));
    }
}
